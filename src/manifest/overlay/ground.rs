//! What the fields of a spec are to an overlay: whose lists are really mappings, and by which members.

use crate::model::FieldPath;
use crate::shape::api::{Api, Shape, Type};
use crate::shape::layout::{
    HOOK_RUN_FIELDS, RUN_TASK, Root, SCALING_POLICY, SCHEDULE, SCHEDULED_ACTION, SERVICE, TASK_DEFINITION,
    element_keys, needed_alone, one_of_these, written_as_mapping,
};
use crate::shape::rules::{Absent, Equality, Node as Rules, Tree, tree};

/// One place of a spec.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    api: &'a Api,
    what: What<'a>,
}

#[derive(Clone, Copy)]
enum What<'a> {
    Spec,
    Scaling,
    Rollout,
    /// `rollout.before` and `rollout.after`.
    Hooks,
    Hook,
    /// `scaling.policies`, `scaling.scheduledActions`
    Inputs(Root, Tree),
    Aws {
        shape: Type<'a>,
        rules: Option<&'static Rules>,
        /// What a value becomes where the list may be written as a mapping.
        as_mapping: Option<&'static str>,
    },
    /// Ours, without a list whose elements have names; or nothing that anyone knows.
    Plain,
}

impl<'a> Ground<'a> {
    pub fn spec(api: &'a Api) -> Self {
        Self { api, what: What::Spec }
    }

    fn with(self, what: What<'a>) -> Self {
        Self { what, ..self }
    }

    fn input(self, root: Root, rules: Option<&'static Rules>) -> What<'a> {
        let shape = self.api.input(root.operation);
        shape.map_or(What::Plain, |shape| What::Aws { shape, rules, as_mapping: None })
    }

    pub fn member(self, name: &str) -> Self {
        let definition = || self.input(TASK_DEFINITION, Some(tree(Tree::TaskDefinition)));
        self.with(match self.what {
            What::Spec => match name {
                "taskDefinition" => definition(),
                "service" => self.input(SERVICE, Some(tree(Tree::Service))),
                "schedule" => self.input(SCHEDULE, Some(tree(Tree::Schedule))),
                "scaling" => What::Scaling,
                "rollout" => What::Rollout,
                _ => What::Plain,
            },
            What::Scaling => match name {
                "policies" => What::Inputs(SCALING_POLICY, Tree::ScalingPolicy),
                "scheduledActions" => What::Inputs(SCHEDULED_ACTION, Tree::ScheduledAction),
                _ => What::Plain,
            },
            What::Rollout if matches!(name, "before" | "after") => What::Hooks,
            What::Hook if name == "taskDefinition" => definition(),
            What::Hook if HOOK_RUN_FIELDS.contains(&name) => {
                // RunTask's members are those of CreateService where both have them.
                let rules = tree(Tree::Service).members.get(name);
                self.input(RUN_TASK, None).member(name, rules)
            }
            What::Aws { rules, .. } => {
                self.what.member(name, rules.and_then(|rules| rules.members.get(name)))
            }
            What::Rollout | What::Hook | What::Hooks | What::Inputs(..) | What::Plain => What::Plain,
        })
    }

    /// The elements of a list.
    pub fn element(self) -> Self {
        self.with(match self.what {
            What::Hooks => What::Hook,
            What::Inputs(root, of) => self.input(root, inputs(of).and_then(|list| list.element.as_deref())),
            What::Aws { shape, rules, .. } => match shape.element() {
                Some(shape) => {
                    let rules = rules.and_then(|rules| rules.element.as_deref());
                    What::Aws { shape, rules, as_mapping: None }
                }
                None => What::Plain,
            },
            What::Spec | What::Scaling | What::Rollout | What::Hook | What::Plain => What::Plain,
        })
    }

    /// The members that tell the elements of a list apart; `None`: a list is one value.
    pub fn keys(self) -> Option<&'static [&'static str]> {
        match self.what {
            What::Hooks => Some(&["name"]),
            What::Inputs(_, of) => keyed_by(inputs(of)?),
            // ECS takes one alias only: another port would be a second one.
            What::Aws { shape, .. }
                if shape.element().is_some_and(|it| it.name() == "ServiceConnectClientAlias") =>
            {
                None
            }
            What::Aws { shape, rules, .. } => {
                rules.and_then(keyed_by).or_else(|| element_keys(shape.element()?.name()))
            }
            What::Spec | What::Scaling | What::Rollout | What::Hook | What::Plain => None,
        }
    }

    /// Whether a list here merges with the one that is there, element by element.
    pub fn merges_lists(self) -> bool {
        self.keys().is_some() || self.as_mapping().is_some()
    }

    /// What a key member that is left out means.
    pub fn key_default(self, key: &str) -> Option<&'static str> {
        let What::Aws { rules: Some(rules), .. } = self.element().what else { return None };
        match rules.members.get(key)?.rule?.absent {
            Absent::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What the values become of a list that may be written as a mapping.
    pub fn as_mapping(self) -> Option<&'static str> {
        match self.what {
            What::Aws { as_mapping, .. } => as_mapping,
            _ => None,
        }
    }

    /// Members without which a new element of this kind can't be meant.
    pub fn needed(self) -> &'static [&'static str] {
        match self.what {
            What::Aws { shape, .. } => needed_alone(shape.name()),
            _ => &[],
        }
    }

    /// Members of which AWS takes one.
    pub fn one_of(self) -> Vec<&'a str> {
        let What::Aws { shape, .. } = self.what else { return Vec::new() };
        match shape.shape() {
            Shape::Structure { members, union: true, .. } => members.keys().map(String::as_str).collect(),
            _ => one_of_these(shape.name()).to_vec(),
        }
    }

    /// The path of a member: of an element where the mapping stands for a list.
    pub fn path_of(self, path: &FieldPath, member: &str) -> FieldPath {
        if self.as_mapping().is_some() { path.key(member) } else { path.field(member) }
    }
}

impl<'a> What<'a> {
    fn member(self, name: &str, rules: Option<&'static Rules>) -> What<'a> {
        let What::Aws { shape, .. } = self else { return What::Plain };
        let member = match shape.shape() {
            Shape::Map { .. } => shape.element(),
            _ => shape.member(name),
        };
        member.map_or(What::Plain, |member| What::Aws {
            shape: member,
            rules,
            as_mapping: written_as_mapping(shape.name(), name),
        })
    }
}

fn inputs(of: Tree) -> Option<&'static Rules> {
    let list = if of == Tree::ScalingPolicy { "policies" } else { "scheduledActions" };
    tree(Tree::ScalableTarget).members.get(list)
}

fn keyed_by(list: &'static Rules) -> Option<&'static [&'static str]> {
    match list.rule?.equality {
        Equality::KeyedBy(keys) => Some(keys),
        _ => None,
    }
}
