//! Trees made from AWS's own model: what the model allows, the walk accepts and leaves as it is.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::manifest::files::FileId;
use crate::manifest::places::Places;
use crate::manifest::typed::Walk;
use crate::manifest::yaml;
use crate::model::FieldPath;
use crate::shape::api::{Api, Pattern, Shape, Type};
use crate::shape::json_schema;
use crate::shape::layout::{
    RUN_TASK, Root, SCALING_POLICY, SCHEDULE, SCHEDULED_ACTION, SERVICE, TASK_DEFINITION, filled_in,
};

/// Deep enough for every structure of the model but shapes that hold themselves.
const DEPTH_MAX: usize = 7;

/// A source of choices that proptest can shrink: it runs out into the smallest ones.
pub struct Choices<'a>(std::slice::Iter<'a, u8>);

impl<'a> Choices<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % bound.max(1)
    }
}

fn value(shape: Type<'_>, choices: &mut Choices<'_>, depth: usize) -> Json {
    match shape.shape() {
        Shape::Structure { .. } => structure(shape, choices, depth, &[]),
        Shape::List { min, max, .. } => {
            let least = min.unwrap_or(0) as usize;
            let most = max.map_or(3, |max| max.min(3) as usize).max(least);
            let count = least + choices.below(most - least + 1);
            let element = shape.element().unwrap();
            Json::Array((0..count).map(|_| value(element, choices, depth + 1)).collect())
        }
        Shape::Map { .. } => {
            let element = shape.element().unwrap();
            let keys = ["one", "two", "three"].into_iter().take(choices.below(3));
            keys.map(|key| (key.to_owned(), value(element, choices, depth + 1))).collect()
        }
        Shape::String { values, .. } if !values.is_empty() => json!(values[choices.below(values.len())]),
        Shape::String { pattern, min, .. } => match pattern.as_deref().and_then(Pattern::recognise) {
            Some(Pattern::ScalableTarget) => {
                json!("arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/a")
            }
            Some(Pattern::InstanceType) => json!("m5.*"),
            Some(Pattern::Name | Pattern::Token) => json!("a-name"),
            Some(Pattern::Arn(of)) => json!(of.example()),
            _ => {
                let texts = ["a", "0123", "1.10", "true", "two words", "ümlaut", "x: y", "- z", ""];
                let allowed = texts.len() - usize::from(min.is_some_and(|min| min > 0));
                let text = texts[choices.below(allowed)];
                json!(if pattern.is_some() && text.contains(':') { "plain" } else { text })
            }
        },
        Shape::Integer { min, max } | Shape::Long { min, max } => {
            let (min, max) = (min.unwrap_or(-5), max.unwrap_or(1_000_000));
            json!([min, max, (min + max) / 2][choices.below(3)])
        }
        Shape::Double { min, max } => json!([min.unwrap_or(0.5), max.unwrap_or(99.0)][choices.below(2)]),
        Shape::Boolean {} => json!(choices.below(2) == 1),
        Shape::Timestamp {} => json!(1_795_248_000.5),
        Shape::Document {} => json!({"a": [1, "two", {"three": null}]}),
    }
}

fn structure(shape: Type<'_>, choices: &mut Choices<'_>, depth: usize, left_out: &[&str]) -> Json {
    let Shape::Structure { required, union, .. } = shape.shape() else { return Json::Null };
    let members: Vec<(&str, Type<'_>)> = shape
        .members()
        .filter(|(name, _)| !left_out.contains(name) && filled_in(shape.name(), name).is_none())
        .collect();
    if *union {
        let (name, member) = members[choices.below(members.len())];
        return json!({ name: value(member, choices, depth + 1) });
    }
    let mut object = Map::new();
    for (name, member) in members {
        if required.contains(name) || (depth < DEPTH_MAX && choices.below(3) == 1) {
            object.insert(name.to_owned(), value(member, choices, depth + 1));
        }
    }
    Json::Object(object)
}

pub fn input(root: Root, choices: &mut Choices<'_>) -> (Json, Type<'static>) {
    let expected = Api::builtin().input(root.operation).unwrap();
    let left_out: Vec<&str> = root.refused.iter().map(|(name, _)| *name).collect();
    (structure(expected, choices, 0, &left_out), expected)
}

pub fn any_choices() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..600)
}

fn any_root() -> impl Strategy<Value = Root> {
    prop_oneof![
        Just(TASK_DEFINITION),
        Just(SERVICE),
        Just(SCALING_POLICY),
        Just(SCHEDULED_ACTION),
        Just(RUN_TASK),
        Just(SCHEDULE)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_that_the_model_allows_is_accepted_and_left_as_it_is(choices in any_choices(), root in any_root()) {
        let (tree, expected) = input(root, &mut Choices::of(&choices));
        // JSON is YAML, with every text in quotes.
        let documents = yaml::parse(&tree.to_string(), FileId::default()).unwrap();
        let (mut places, mut diagnostics) = (Places::default(), Vec::new());
        let mut walk = Walk { root, places: &mut places, diagnostics: &mut diagnostics };
        let read = walk.input(&documents[0], &FieldPath::root(), documents[0].span, expected);
        prop_assert!(diagnostics.is_empty(), "{diagnostics:#?}\n{tree:#}");
        prop_assert_eq!(read, tree);
    }

    #[test]
    fn a_member_that_the_model_does_not_know_is_refused(choices in any_choices(), root in any_root()) {
        let (mut tree, expected) = input(root, &mut Choices::of(&choices));
        tree["notAMember"] = json!(1);
        let documents = yaml::parse(&tree.to_string(), FileId::default()).unwrap();
        let (mut places, mut diagnostics) = (Places::default(), Vec::new());
        let mut walk = Walk { root, places: &mut places, diagnostics: &mut diagnostics };
        walk.input(&documents[0], &FieldPath::root(), documents[0].span, expected);
        prop_assert_eq!(diagnostics.len(), 1);
        prop_assert!(diagnostics[0].title.starts_with("unknown field `notAMember`"));
    }

    #[test]
    fn the_json_schema_accepts_what_the_model_allows(choices in any_choices()) {
        let mut choices = Choices::of(&choices);
        let (task_definition, _) = input(TASK_DEFINITION, &mut choices);
        let (service, _) = input(SERVICE, &mut choices);
        let (policy, _) = input(SCALING_POLICY, &mut choices);
        let (action, _) = input(SCHEDULED_ACTION, &mut choices);
        let (mut hook, _) = input(RUN_TASK, &mut choices);
        hook["name"] = json!("migrate");
        hook["attempts"] = json!(2);
        let (definition, _) = input(TASK_DEFINITION, &mut choices);
        let own = json!({"name": "smoke", "taskDefinition": definition, "timeout": "5m"});
        let manifest = json!({
            "apiVersion": "reconciler/v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {
                "taskDefinition": task_definition,
                "service": service,
                "scaling": {"minCapacity": 1, "maxCapacity": "${most}", "policies": [policy], "scheduledActions": [action]},
                "rollout": {"before": [hook], "after": [own]},
            },
        });
        let schema = json_schema::schema(Api::builtin());
        prop_assert_eq!(super::schema::refusal(&schema, &schema, &manifest, "$"), None);
        let (schedule, _) = input(SCHEDULE, &mut choices);
        let scheduled = json!({
            "apiVersion": "reconciler/v1", "kind": "ScheduledTask", "metadata": {"name": "mail"},
            "spec": {
                "taskDefinition": manifest["spec"]["taskDefinition"],
                "schedule": schedule,
                "dependsOn": ["web"],
            },
        });
        prop_assert_eq!(super::schema::refusal(&schema, &schema, &scheduled, "$"), None);
    }
}
