//! The fields in which two trees differ, and those that only look as if they did.

use std::borrow::Cow;

use serde_json::Map;

use super::credentials::{is_credential, masked};
use super::defaults::{fill, selected};
use super::elements::{by_name, key_of, substantial, swapped_pair};
use super::equality::same_scalar;
use super::{Cause, Consequence, Difference, Quiet};
use crate::model::{FieldPath, Json};
use crate::shape::rules::{self, Absent, Effect, Equality, Kept, Node, Owner, Tree, tree};

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

pub(super) type Object = Map<String, Json>;

fn object(value: &Json) -> Cow<'_, Object> {
    match value {
        Json::Object(object) => Cow::Borrowed(object),
        _ => Cow::Owned(Object::new()),
    }
}

/// The objects that a field stands in, on both sides, and their rules.
#[derive(Clone, Copy)]
struct Around<'a> {
    node: Option<&'static Node>,
    desired: &'a Object,
    live: &'a Object,
}

struct Walk<'a> {
    rules: &'a Rules,
    desired_root: &'a Json,
    live_root: &'a Json,
    differences: Vec<Difference>,
    quiet: Vec<Quiet>,
}

impl Walk<'_> {
    /// Compares two objects member by member.
    fn members(&mut self, path: &FieldPath, node: Option<&'static Node>, desired: &Object, live: &Object) {
        let around = Around { node, desired, live };
        let mut names: Vec<&String> = desired.keys().chain(live.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let member = node.and_then(|node| node.members.get(name.as_str()));
            self.field(
                &path.field(name),
                member,
                present(desired.get(name)),
                present(live.get(name)),
                around,
            );
        }
    }

    /// Compares one field: who owns it, what absence means, and then the values.
    fn field(
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
        let Some(rule) = node.and_then(|node| node.rule) else {
            return match (desired, live) {
                (None, _) => self.keep_quiet(path, desired, live, rules::UNKNOWN.to_owned()),
                (Some(_), None) => self.differ(path, node, desired, live),
                (Some(one), Some(other)) => self.values(path, node, (one, other)),
            };
        };
        match rule.owner {
            Owner::AwsOnly => return,
            Owner::Autoscaling if self.rules.autoscaled => {
                return self.keep_quiet(path, desired, live, rule.sentence(Kept::Owner));
            }
            Owner::Autoscaling | Owner::Git => {}
        }
        if !selected(rule, around.desired, around.node) {
            return self.keep_quiet(path, desired, live, rule.sentence(Kept::NotSelected));
        }
        let known_desired = fill(rule, desired, live, around.desired, self.desired_root);
        if known_desired.is_none() && !matches!(rule.absent, Absent::Nothing) {
            return self.keep_quiet(path, desired, live, rule.sentence(Kept::NotMentioned));
        }
        let known_live = fill(rule, live, desired, around.live, self.live_root);
        match (known_desired, known_live) {
            (None, None) => {}
            (Some(one), Some(other)) => {
                let before = (self.differences.len(), self.quiet.len());
                self.values(path, node, (one.as_ref(), other.as_ref()));
                let filled = desired.is_none() || live.is_none();
                if filled && self.differences.len() == before.0 {
                    self.quiet.truncate(before.1);
                    self.keep_quiet(path, desired, live, rule.sentence(Kept::Default));
                }
            }
            _ => self.differ(path, node, desired, live),
        }
    }

    /// Compares two values that are both there.
    fn values(&mut self, path: &FieldPath, node: Option<&'static Node>, pair: (&Json, &Json)) {
        let (desired, live) = pair;
        let rule = node.and_then(|node| node.rule);
        match (rule.map(|rule| rule.equality), desired, live) {
            (Some(Equality::Map), Json::Object(one), Json::Object(other)) => self.map(path, node, one, other),
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
                let equal = self.same_set(node, one, other);
                self.settle(path, node, pair, equal);
            }
            (Some(Equality::Ordered) | None, Json::Array(one), Json::Array(other)) => {
                let equal = self.same_list(node, one, other);
                self.settle(path, node, pair, equal);
            }
            (equality, _, _) => {
                let equal = same_scalar(equality.unwrap_or(Equality::Exact), desired, live);
                self.settle(path, node, pair, equal);
            }
        }
    }

    fn settle(&mut self, path: &FieldPath, node: Option<&'static Node>, pair: (&Json, &Json), equal: bool) {
        let (desired, live) = pair;
        if !equal {
            self.differ(path, node, Some(desired), Some(live));
        } else if desired != live {
            let kept = node.and_then(|node| node.rule).map_or_else(
                || "the same value in another form".to_owned(),
                |rule| rule.sentence(Kept::Equality),
            );
            self.keep_quiet(path, Some(desired), Some(live), kept);
        }
    }

    /// A map is whole: a key on one side alone is a difference.
    fn map(&mut self, path: &FieldPath, node: Option<&'static Node>, desired: &Object, live: &Object) {
        let mut names: Vec<&String> = desired.keys().chain(live.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let (one, other) = (present(desired.get(name)), present(live.get(name)));
            let equal = match (one, other) {
                (Some(one), Some(other)) => same_scalar(Equality::Exact, one, other),
                (one, other) => one.is_none() && other.is_none(),
            };
            if !equal {
                self.differ_named(path, node, name, one, other);
            }
        }
    }

    /// A list of `{name, value}`, told as the map that it is.
    fn map_by_name(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        member: &str,
        pair: (&[Json], &[Json]),
    ) {
        let before = self.differences.len();
        self.map(path, node, &by_name(pair.0, member), &by_name(pair.1, member));
        if self.differences.len() == before && pair.0 != pair.1 {
            let kept = node.and_then(|node| node.rule).map(|rule| rule.sentence(Kept::Equality));
            let (one, other) = (Json::from(pair.0.to_vec()), Json::from(pair.1.to_vec()));
            self.keep_quiet(path, Some(&one), Some(&other), kept.unwrap_or_default());
        }
    }

    /// Pairs the elements of two lists by their keys, whatever their order.
    fn keyed(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        keys: &[&str],
        pair: (&[Json], &[Json]),
    ) {
        let element = node.and_then(|node| node.element.as_deref());
        let nothing = Object::new();
        let mut unpaired: Vec<&Json> = substantial(pair.1).collect();
        let before = (self.differences.len(), self.quiet.len());
        for one in substantial(pair.0) {
            let key = key_of(one, keys, element);
            let candidates =
                || unpaired.iter().enumerate().filter(|(_, other)| key_of(other, keys, element) == key);
            // Where a key is not unique, the partner that is equal comes first.
            let place = candidates()
                .find(|(_, other)| self.same(element, one, other))
                .or_else(|| candidates().next())
                .map(|(place, _)| place);
            let partner = place.map(|place| unpaired.remove(place));
            let path = path.key(key);
            match partner {
                Some(other) => self.element(&path, element, one, other),
                None => self.differ(&path, node, Some(one), None),
            }
        }
        for other in unpaired {
            let path = path.key(key_of(other, keys, element));
            let around = Around { node, desired: &nothing, live: &nothing };
            self.field(&path, element, None, Some(other), around);
        }
        if (self.differences.len(), self.quiet.len()) == before && pair.0 != pair.1 {
            let kept = node.and_then(|node| node.rule).map(|rule| rule.sentence(Kept::Equality));
            let (one, other) = (Json::from(pair.0.to_vec()), Json::from(pair.1.to_vec()));
            self.keep_quiet(path, Some(&one), Some(&other), kept.unwrap_or_default());
        }
    }

    fn element(&mut self, path: &FieldPath, node: Option<&'static Node>, desired: &Json, live: &Json) {
        // ECS swaps the two target groups of a blue/green pair at every deployment, so which of them
        // is called the alternate says nothing.
        match swapped_pair(desired, live) {
            Some(live) => self.values(path, node, (desired, &live)),
            None => self.values(path, node, (desired, live)),
        }
    }

    /// Whether two elements mean the same, by the same walk with its own notes thrown away.
    fn same(&self, node: Option<&'static Node>, desired: &Json, live: &Json) -> bool {
        let mut walk = Walk {
            rules: self.rules,
            desired_root: self.desired_root,
            live_root: self.live_root,
            differences: Vec::new(),
            quiet: Vec::new(),
        };
        walk.element(&FieldPath::root(), node, desired, live);
        walk.differences.is_empty()
    }

    fn same_list(&self, node: Option<&'static Node>, desired: &[Json], live: &[Json]) -> bool {
        let element = node.and_then(|node| node.element.as_deref());
        let (one, other): (Vec<_>, Vec<_>) = (substantial(desired).collect(), substantial(live).collect());
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| self.same(element, one, other))
    }

    fn same_set(&self, node: Option<&'static Node>, desired: &[Json], live: &[Json]) -> bool {
        let element = node.and_then(|node| node.element.as_deref());
        let mut unpaired: Vec<&Json> = substantial(live).collect();
        for one in substantial(desired) {
            match unpaired.iter().position(|other| self.same(element, one, other)) {
                Some(place) => drop(unpaired.remove(place)),
                None => return false,
            }
        }
        unpaired.is_empty()
    }

    fn differ(
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
            sensitive: false,
        });
    }

    fn differ_named(
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
            sensitive,
        });
    }

    fn keep_quiet(&mut self, path: &FieldPath, desired: Option<&Json>, live: Option<&Json>, rule: String) {
        self.quiet.push(Quiet {
            path: path.clone(),
            live: live.map(masked),
            desired: desired.map(masked),
            rule,
            kept: super::Kept::ByRule,
        });
    }

    fn consequence(&self, node: Option<&'static Node>) -> Consequence {
        if self.rules.root == "taskDefinition" {
            return Consequence::NewRevision;
        }
        match node.and_then(|node| node.effect) {
            // A service member that the table does not know yet: AWS may or may not deploy for it.
            None if self.rules.root == "service" => Consequence::StartsDeployment,
            Some(Effect::InPlace) | None => Consequence::InPlace,
            Some(Effect::StartsDeployment) => Consequence::StartsDeployment,
            Some(Effect::ForcesDeployment) => Consequence::ForcesDeployment,
            Some(Effect::NeedsReplacement) => Consequence::NeedsReplacement,
        }
    }
}

pub(super) fn present(value: Option<&Json>) -> Option<&Json> {
    value.filter(|value| !value.is_null())
}
