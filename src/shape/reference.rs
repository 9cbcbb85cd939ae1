//! What the field rules say about a member of one of AWS's structures, wherever that structure stands.

use std::collections::BTreeMap;

use super::api::{Api, Shape, Type};
use super::layout::{self, Root, filled_in};
use super::rules::{self, Absent, Clear, Effect, Equality, Kept, Node, Owner, Tree};

/// One place of a structure in a manifest.
#[derive(Clone, Debug)]
pub struct Standing {
    /// From `spec`: `taskDefinition.containerDefinitions[]`.
    pub path: String,
    /// The rules of its members there. `None`: it is compared as a whole, or by its digest.
    pub rules: Option<&'static Node>,
}

/// Every structure of AWS's that a manifest can hold.
#[derive(Debug, Default)]
pub struct Reference<'a> {
    structures: BTreeMap<(&'a str, &'a str), Structure<'a>>,
}

/// One structure of AWS's in a manifest.
#[derive(Debug)]
pub struct Structure<'a> {
    pub shape: Type<'a>,
    /// What a manifest writes, where it is the input of an operation.
    pub root: Option<Root>,
    /// In the order of the sections of a manifest.
    pub places: Vec<Standing>,
}

impl<'a> Reference<'a> {
    pub fn of(api: &'a Api) -> Self {
        let mut reference = Self::default();
        let scaling = rules::tree(Tree::ScalableTarget);
        let below = |list: &str| scaling.members.get(list).and_then(|node| node.element.as_deref());
        let roots: [(Root, &str, Option<&'static Node>); 5] = [
            (layout::TASK_DEFINITION, "taskDefinition", Some(rules::tree(Tree::TaskDefinition))),
            (layout::SERVICE, "service", Some(rules::tree(Tree::Service))),
            (layout::SCALING_POLICY, "scaling.policies[]", below("policies")),
            (layout::SCHEDULED_ACTION, "scaling.scheduledActions[]", below("scheduledActions")),
            (layout::SCHEDULE, "schedule", Some(rules::tree(Tree::Schedule))),
        ];
        for (root, path, rules) in roots {
            if let Some(input) = api.input(root.operation) {
                reference.visit(input, path, rules, Some(root), &mut Vec::new());
            }
        }
        let member = |root: Root, name: &str| api.input(root.operation).and_then(|input| input.member(name));
        if let Some(state) = member(layout::SCALABLE_TARGET, "SuspendedState") {
            let node = scaling.members.get("suspendedState");
            reference.visit(state, "scaling.suspendedState", node, None, &mut Vec::new());
        }
        for field in layout::HOOK_RUN_FIELDS {
            if let Some(shape) = member(layout::RUN_TASK, field) {
                reference.visit(shape, &format!("rollout.before[].{field}"), None, None, &mut Vec::new());
            }
        }
        reference
    }

    fn visit(
        &mut self,
        shape: Type<'a>,
        path: &str,
        rules: Option<&'static Node>,
        root: Option<Root>,
        around: &mut Vec<&'a str>,
    ) {
        match shape.shape() {
            Shape::Structure { .. } if around.contains(&shape.name()) => {}
            Shape::Structure { .. } => {
                let place = Standing { path: path.to_owned(), rules };
                let known = self.structures.entry((shape.service(), shape.name()));
                known.or_insert(Structure { shape, root, places: Vec::new() }).places.push(place);
                around.push(shape.name());
                for (name, member) in shape.members() {
                    if !is_refused(root, name) && filled_in(shape.name(), name).is_none() {
                        let rules = rules.and_then(|node| node.members.get(name));
                        self.visit(member, &format!("{path}.{name}"), rules, None, around);
                    }
                }
                around.pop();
            }
            Shape::List { .. } | Shape::Map { .. } => {
                let rules = rules.and_then(|node| node.element.as_deref());
                if let Some(element) = shape.element() {
                    self.visit(element, &format!("{path}[]"), rules, None, around);
                }
            }
            Shape::String { .. }
            | Shape::Integer { .. }
            | Shape::Long { .. }
            | Shape::Double { .. }
            | Shape::Boolean {}
            | Shape::Timestamp {}
            | Shape::Document {} => {}
        }
    }

    /// By service and name.
    pub fn structures(&self) -> impl Iterator<Item = &Structure<'a>> {
        self.structures.values()
    }

    fn places(&self, shape: Type<'a>) -> &[Standing] {
        self.structures.get(&(shape.service(), shape.name())).map_or(&[], |known| known.places.as_slice())
    }

    /// What holds for a member wherever its structure stands, for an editor.
    pub fn description(&self, shape: Type<'a>, member: &str) -> Option<String> {
        let told: Vec<Option<Told>> = self.told(shape, member).into_iter().map(|(_, told)| told).collect();
        let one = |part: fn(&Told) -> Option<String>| {
            let mut parts = told.iter().map(|told| told.as_ref().and_then(part));
            let first = parts.next()??;
            parts.all(|other| other.as_ref() == Some(&first)).then_some(first)
        };
        let sentences = [
            one(|told| told.left_out.as_ref().map(|text| format!("Left out: {text}."))),
            one(|told| told.compared.as_ref().map(|text| format!("Compared: {text}."))),
            one(|told| told.effect.map(|effect| format!("A change: {}.", words(effect)))),
            one(|told| told.cleared.as_ref().map(|text| format!("Removed from Git: {text}."))),
        ];
        let text = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some(text)
    }

    /// What the rules say about a member, by place; `None` where there is no rule. Hooks have none at all.
    pub fn told(&self, shape: Type<'a>, member: &str) -> Vec<(&str, Option<Told>)> {
        let with_rules =
            self.places(shape).iter().filter_map(|place| Some((place.path.as_str(), place.rules?)));
        with_rules
            .map(|(path, rules)| {
                let node = rules.members.get(member);
                (path, node.and_then(|node| Told::of(node, !path.contains('.'))))
            })
            .collect()
    }
}

/// Whether a member of a root is not a manifest's to set.
pub fn is_refused(root: Option<Root>, member: &str) -> bool {
    root.is_some_and(|root| root.refused.iter().any(|(name, _)| *name == member))
}

/// A rule in the words of a reader of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What a field means that is left out.
    pub left_out: Option<String>,
    /// When two values are the same, where that is not what it seems.
    pub compared: Option<String>,
    /// What a change does, by UpdateService.
    pub effect: Option<Effect>,
    /// What becomes of a value that Git no longer mentions, where that is not the default.
    pub cleared: Option<String>,
}

impl Told {
    /// Only fields of a root are cleared; what is in them is written with them.
    fn of(node: &Node, of_root: bool) -> Option<Told> {
        let rule = node.rule?;
        let only_with = rule.only_with.map(|_| rule.sentence(Kept::NotSelected));
        let owner = (rule.owner != Owner::Git).then(|| rule.sentence(Kept::Owner));
        let left_out = match rule.absent {
            Absent::Nothing => None,
            Absent::Empty => Some("empty".to_owned()),
            Absent::NotOurs => Some("not Git's, and left as it is".to_owned()),
            Absent::NotOursElse(text) => Some(format!("not Git's; where it was never set, {text}")),
            _ => {
                let sentence = rule.sentence(Kept::Default);
                Some(sentence.strip_prefix("AWS fills in ").unwrap_or(&sentence).to_owned())
            }
        };
        let equality = match rule.equality {
            // A number is written as one; AWS's text is its own concern.
            Equality::Exact | Equality::Members | Equality::Number => None,
            Equality::Ordered => Some("the order counts".to_owned()),
            Equality::KeyedBy(keys) => Some(format!("elements by {}, in any order", keys.join(", "))),
            Equality::MapByName(_) if rule.path.ends_with("tags") => {
                Some("elements by key, in any order".to_owned())
            }
            Equality::MapByName(_) => Some("elements by name, in any order".to_owned()),
            Equality::Set => Some("in any order".to_owned()),
            _ => Some(rule.sentence(Kept::Equality)),
        };
        let compared: Vec<String> = equality.into_iter().chain(only_with).chain(owner).collect();
        let cleared = match rule.clear {
            Clear::Cannot if of_root => Some("ECS can't clear it".to_owned()),
            Clear::Send(text) if of_root => Some(format!("`{text}` is sent")),
            _ => None,
        };
        Some(Told {
            left_out,
            compared: (!compared.is_empty()).then(|| compared.join("; ")),
            effect: if of_root { node.effect } else { None },
            cleared,
        })
    }
}

/// What changing a member of a service does.
pub fn words(effect: Effect) -> &'static str {
    match effect {
        Effect::InPlace => "in place",
        Effect::StartsDeployment => "starts a deployment",
        Effect::ForcesDeployment => "starts a deployment, because it is sent with forceNewDeployment",
        Effect::NeedsReplacement => "only a new service can have it",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_field_is_described_by_its_rule() {
        let api = Api::builtin();
        let reference = Reference::of(api);
        let service = api.input("CreateService").unwrap();
        let cases = [
            (api.shape("HealthCheck").unwrap(), "interval", "Left out: 30."),
            (service, "healthCheckGracePeriodSeconds", "Left out: 0. A change: in place."),
            (
                service,
                "loadBalancers",
                "Left out: empty. Compared: elements by containerName, containerPort, in any order. A change: starts a \
                 deployment. Removed from Git: `[]` is sent.",
            ),
            (
                service,
                "schedulingStrategy",
                "Left out: REPLICA. A change: only a new service can have it. Removed from \
                Git: ECS can't clear it.",
            ),
            (
                api.shape("DeploymentConfiguration").unwrap(),
                "linearConfiguration",
                "Left out: empty. Compared: it counts only while strategy is LINEAR.",
            ),
            // In hooks it is no rule's business; what a service's rule says holds.
            (api.shape("AwsVpcConfiguration").unwrap(), "assignPublicIp", "Left out: DISABLED."),
        ];
        for (shape, member, said) in cases {
            assert_eq!(reference.description(shape, member).as_deref(), Some(said), "{member}");
        }
        assert_eq!(reference.description(api.shape("ContainerDefinition").unwrap(), "image"), None);
    }

    #[test]
    fn a_structure_in_several_places_is_there_once_with_all_of_them() {
        let reference = Reference::of(Api::builtin());
        let named: Vec<_> =
            reference.structures().filter(|structure| structure.shape.name() == "LogConfiguration").collect();
        let [logs] = named.as_slice() else { panic!("{} times", named.len()) };
        let paths: Vec<&str> = logs.places.iter().map(|place| place.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "taskDefinition.containerDefinitions[].logConfiguration",
                "service.serviceConnectConfiguration.logConfiguration"
            ]
        );
    }
}
