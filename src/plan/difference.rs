//! The fields in which two trees differ, and those that only look as if they did.

use std::borrow::Cow;

use serde_json::Map;

use super::credentials::{MASK, is_credential, masked};
use super::defaults::{Place, Side, fill, selected};
use super::elements::contradicts_namespace;
use super::equality::{is_arn, is_blank, same_scalar};
use super::lists::Order;
use super::{Cause, Consequence, Difference, Quiet};
use crate::model::{FieldPath, Json};
use crate::shape::rules::{self, Absent, Equality, Kept, Node, Owner, Rule, Source, Tree, tree};

/// The rules for one comparison: those of a tree, and the circumstances that some depend on.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    root: &'static str,
    tree: &'static Node,
    /// Something other than Git sets the number of tasks.
    pub autoscaled: bool,
}

impl Rules {
    pub fn task_definition() -> Self {
        Self::of("taskDefinition", Tree::TaskDefinition)
    }

    pub fn service() -> Self {
        Self::of("service", Tree::Service)
    }

    pub fn scaling() -> Self {
        Self::of("scaling", Tree::ScalableTarget)
    }

    pub fn schedule() -> Self {
        Self::of("schedule", Tree::Schedule)
    }

    fn of(root: &'static str, which: Tree) -> Self {
        Self { root, tree: tree(which), autoscaled: false }
    }
}

/// Compares what Git wants with what AWS has, field by field.
///
/// A field that Git does not mention is not ours, unless its default is known; one that only AWS
/// mentions and no rule knows is never a difference.
pub fn differences(desired: &Json, live: &Json, rules: &Rules) -> (Vec<Difference>, Vec<Quiet>) {
    let mut walk =
        Walk { rules, desired_root: desired, live_root: live, differences: Vec::new(), quiet: Vec::new() };
    let path = FieldPath::root().field(rules.root);
    walk.members(&path, Some(rules.tree), &object(desired), &object(live));
    (walk.differences, walk.quiet)
}

/// Whether an object says the same without a member that it has: then a manifest need not write it.
///
/// Never so for a field that Git owns only where it mentions it: leaving that out means to let go of it.
pub fn is_implied(
    rules: &Rules,
    member: Option<&'static Node>,
    value: &Json,
    around: Around<'_>,
    root: &Json,
) -> bool {
    let rule = member.and_then(|node| node.rule);
    if rule.is_none_or(|rule| matches!(rule.absent, Absent::NotOurs | Absent::NotOursElse(_))) {
        return false;
    }
    let mut without = around.desired.clone();
    without.remove(around.name);
    let around = Around { desired: &without, ..around };
    let mut walk =
        Walk { rules, desired_root: root, live_root: root, differences: Vec::new(), quiet: Vec::new() };
    walk.field(&FieldPath::root(), member, None, Some(value), around);
    // What a side leaves out to AWS's choice is kept quiet too, and that says nothing of what AWS would choose.
    let left_to_aws =
        walk.quiet.iter().any(|it| it.path == FieldPath::root() && it.kept == super::Kept::NotMentioned);
    walk.differences.is_empty() && (!left_to_aws || is_blank(value))
}

pub(super) type Object = Map<String, Json>;

fn object(value: &Json) -> Cow<'_, Object> {
    match value {
        Json::Object(object) => Cow::Borrowed(object),
        _ => Cow::Owned(Object::new()),
    }
}

/// The objects that a field stands in, on both sides, and their rules.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub(super) node: Option<&'static Node>,
    /// Of the field itself.
    pub(super) name: &'a str,
    pub(super) desired: &'a Object,
    pub(super) live: &'a Object,
}

impl<'a> Around<'a> {
    /// Both sides are one and the same.
    pub fn same(node: Option<&'static Node>, object: &'a Object, name: &'a str) -> Self {
        Self { node, name, desired: object, live: object }
    }
}

/// What Git and AWS have, as they have it.
type Raw<'a> = (Option<&'a Json>, Option<&'a Json>);

/// One way down two trees, with what was found so far.
pub(super) struct Walk<'a> {
    rules: &'a Rules,
    pub(super) desired_root: &'a Json,
    live_root: &'a Json,
    pub(super) differences: Vec<Difference>,
    pub(super) quiet: Vec<Quiet>,
}

impl Walk<'_> {
    /// Compares two objects member by member.
    pub(super) fn members(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        desired: &Object,
        live: &Object,
    ) {
        let mut names: Vec<&String> = desired.keys().chain(live.keys()).collect();
        names.sort();
        names.dedup();
        let mut outputs = Vec::new();
        for name in names {
            let around = Around { node, name, desired, live };
            let member = node.and_then(|node| node.members.get(name.as_str()));
            let (one, other) = (present(desired.get(name)), present(live.get(name)));
            let only_answered = one.is_none() && other.is_some();
            match member.and_then(|node| node.rule) {
                Some(rule) if only_answered && rule.owner == Owner::AwsOnly => {
                    outputs.push((name.as_str(), rule.source()));
                }
                _ => self.field(&path.field(name), member, one, other, around),
            }
        }
        if let Some((_, source)) = outputs.first() {
            let names: Vec<&str> = outputs.iter().map(|(name, _)| *name).collect();
            self.keep_quiet(path, (None, None), rules::outputs(&names), Some(*source));
        }
    }

    /// Compares one field: who owns it, what absence means, and then the values.
    pub(super) fn field(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        desired: Option<&Json>,
        live: Option<&Json>,
        around: Around<'_>,
    ) {
        if desired.is_none() && live.is_none() {
            return;
        }
        let raw = (desired, live);
        let Some(rule) = node.and_then(|node| node.rule) else {
            return match raw {
                (None, _) => self.keep_quiet(path, raw, rules::UNKNOWN.to_owned(), None),
                (Some(_), None) => self.differ(path, node, desired, live),
                (Some(one), Some(other)) => self.values(path, node, (one, other)),
            };
        };
        match rule.owner {
            Owner::AwsOnly if desired == live => return,
            Owner::AwsOnly => return self.keep_by(path, raw, rule, Kept::Owner),
            Owner::Autoscaling if self.rules.autoscaled => {
                if desired != live {
                    self.keep_by(path, raw, rule, Kept::Owner);
                }
                return;
            }
            Owner::Autoscaling | Owner::Git => {}
        }
        if !selected(rule, around.desired, around.node) {
            return self.keep_by(path, raw, rule, Kept::NotSelected);
        }
        let of_git = Place { side: Side::Git, siblings: around.desired, root: self.desired_root };
        let known_desired = fill(rule, desired, live, of_git);
        if known_desired.is_none() && !matches!(rule.absent, Absent::Nothing) {
            return self.keep_by(path, raw, rule, Kept::NotMentioned);
        }
        let of_aws = Place { side: Side::Aws, siblings: around.live, root: self.live_root };
        let known_live = fill(rule, live, desired, of_aws);
        match (known_desired, known_live) {
            (None, None) => self.keep_by(path, raw, rule, Kept::Default),
            (Some(one), Some(other)) => {
                if is_another_namespace(rule, &one, &other, around) {
                    return self.differ(path, node, desired, live);
                }
                let before = (self.differences.len(), self.quiet.len());
                self.values(path, node, (one.as_ref(), other.as_ref()));
                // Where AWS has nothing, nothing is shown; where Git has, what clears the field.
                if live.is_none() && rule.absent == Absent::Empty {
                    let whole = self.differences[before.0..].iter_mut().filter(|found| found.path == *path);
                    whole.for_each(|found| found.live = None);
                }
                let filled = matches!(one, Cow::Owned(_)) || matches!(other, Cow::Owned(_));
                if filled && self.differences.len() == before.0 {
                    // What an object that one side leaves out is filled with tells more than that it is.
                    if !(one.is_object() && self.quiet.len() > before.1) {
                        self.quiet.truncate(before.1);
                        self.keep_by(path, raw, rule, Kept::Default);
                    }
                }
            }
            _ => self.differ(path, node, desired, live),
        }
    }

    /// Compares two values that are both there.
    pub(super) fn values(&mut self, path: &FieldPath, node: Option<&'static Node>, pair: (&Json, &Json)) {
        let (desired, live) = pair;
        let rule = node.and_then(|node| node.rule);
        match (rule.map(|rule| rule.equality), desired, live) {
            (Some(Equality::Map), Json::Object(one), Json::Object(other)) => {
                self.map(path, node, (one, other), Equality::Exact);
            }
            (Some(Equality::Members) | None, Json::Object(one), Json::Object(other)) => {
                self.members(path, node, one, other);
            }
            (Some(Equality::MapByName(member)), Json::Array(one), Json::Array(other)) => {
                self.map_by_name(path, node, member, (one, other));
            }
            (Some(Equality::KeyedBy(keys)), Json::Array(one), Json::Array(other)) => {
                self.keyed(path, node, keys, (one, other));
            }
            (Some(Equality::Set), Json::Array(one), Json::Array(other)) => {
                self.whole(path, node, (one, other), Order::MeansNothing);
            }
            (Some(Equality::Ordered) | None, Json::Array(one), Json::Array(other)) => {
                self.whole(path, node, (one, other), Order::Matters);
            }
            (equality, _, _) => {
                let equal = same_scalar(equality.unwrap_or(Equality::Exact), desired, live);
                self.settle(path, node, pair, equal);
            }
        }
    }

    pub(super) fn settle(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        pair: (&Json, &Json),
        equal: bool,
    ) {
        let (desired, live) = pair;
        if !equal {
            self.differ(path, node, Some(desired), Some(live));
        } else if desired != live {
            self.keep_equal(path, node, pair);
        }
    }

    /// Both sides say the same in different words.
    pub(super) fn keep_equal(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        (desired, live): (&Json, &Json),
    ) {
        let raw = (Some(desired), Some(live));
        match node.and_then(|node| node.rule) {
            Some(rule) => self.keep_by(path, raw, rule, Kept::Equality),
            None => self.keep_quiet(path, raw, rules::SAME.to_owned(), None),
        }
    }

    fn keep_by(&mut self, path: &FieldPath, raw: Raw<'_>, rule: &Rule, kept: Kept) {
        let told = match kept {
            Kept::NotMentioned => super::Kept::NotMentioned,
            _ => super::Kept::ByRule,
        };
        self.keep_as(told, path, raw, rule.sentence(kept), Some(rule.source()));
    }

    /// A walk over elements, whose notes are thrown away if they are no pair.
    pub(super) fn apart(&self) -> Self {
        Walk { differences: Vec::new(), quiet: Vec::new(), ..*self }
    }

    pub(super) fn differ(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        desired: Option<&Json>,
        live: Option<&Json>,
    ) {
        self.differences.push(Difference {
            path: path.clone(),
            live: live.map(masked),
            desired: desired.map(masked),
            consequence: self.consequence(node),
            cause: Cause::Git,
            origin: None,
            since: None,
            sensitive: false,
            why: None,
        });
    }

    pub(super) fn differ_named(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        name: &str,
        desired: Option<&Json>,
        live: Option<&Json>,
    ) {
        let sensitive = [desired, live].into_iter().flatten().any(|value| is_credential(name, value));
        self.differences.push(Difference {
            path: path.field(name),
            live: live.cloned(),
            desired: desired.cloned(),
            consequence: self.consequence(node),
            cause: Cause::Git,
            origin: None,
            since: None,
            sensitive,
            why: None,
        });
    }

    pub(super) fn keep_quiet(
        &mut self,
        path: &FieldPath,
        raw: Raw<'_>,
        rule: String,
        source: Option<Source>,
    ) {
        self.keep_as(super::Kept::ByRule, path, raw, rule, source);
    }

    fn keep_as(
        &mut self,
        kept: super::Kept,
        path: &FieldPath,
        (desired, live): Raw<'_>,
        rule: String,
        source: Option<Source>,
    ) {
        // What is hidden on both sides may differ.
        if desired.is_some() && desired == live && desired.is_none_or(|one| *one != MASK) {
            return;
        }
        let (live, desired) = (live.map(masked), desired.map(masked));
        self.quiet.push(Quiet { path: path.clone(), live, desired, rule, source, kept });
    }

    fn consequence(&self, node: Option<&'static Node>) -> Consequence {
        if self.rules.root == "taskDefinition" {
            return Consequence::NewRevision;
        }
        match node.and_then(|node| node.effect) {
            // A service member that the table does not know yet: AWS may or may not deploy for it.
            None if self.rules.root == "service" => Consequence::StartsDeployment,
            effect => Consequence::of(effect),
        }
    }
}

/// Whether Git names a namespace, AWS answers with an ARN, and its other answers say that it is of another.
fn is_another_namespace(rule: &Rule, desired: &Json, live: &Json, around: Around<'_>) -> bool {
    rule.equality == Equality::NameUnlessArn
        && is_arn(live)
        && !is_arn(desired)
        && desired.as_str().is_some_and(|name| contradicts_namespace(name, around.desired, around.live))
}

pub(super) fn present(value: Option<&Json>) -> Option<&Json> {
    value.filter(|value| !value.is_null())
}
