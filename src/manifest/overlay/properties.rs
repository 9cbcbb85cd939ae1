//! For any two trees that AWS takes, the overlay that says how they differ makes one into the other.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::ground::Ground;
use super::merge::Merge;
use crate::manifest::files::FileId;
use crate::manifest::node::{Kind, Node, Value};
use crate::manifest::tests::generated::{Choices, any_choices, input};
use crate::manifest::variables::Variables;
use crate::manifest::yaml::parse;
use crate::model::FieldPath;
use crate::shape::api::Api;
use crate::shape::layout::{SCHEDULE, SERVICE, TASK_DEFINITION};

/// What a person would write to get from `one` to `two`.
fn patch(one: &Json, two: &Json, ground: Ground<'_>) -> Json {
    match (one, two) {
        (Json::Object(below), Json::Object(above)) => {
            let mut changed = Map::new();
            for name in below.keys().filter(|name| !above.contains_key(*name)) {
                changed.insert(name.clone(), Json::Null);
            }
            for (name, value) in above.iter().filter(|(name, value)| below.get(*name) != Some(value)) {
                let value = match below.get(name) {
                    Some(before) => patch(before, value, ground.member(name)),
                    None => value.clone(),
                };
                changed.insert(name.clone(), value);
            }
            Json::Object(changed)
        }
        (Json::Array(below), Json::Array(above)) => match ground.keys() {
            Some(keys) => {
                // Only another order is left to say where nothing in the elements changes.
                let changed = elements(below, above, keys, ground).filter(|changed| !changed.is_empty());
                Json::Array(changed.unwrap_or_else(|| {
                    [json!({"$patch": "replace"})].into_iter().chain(above.iter().cloned()).collect()
                }))
            }
            None => two.clone(),
        },
        _ => two.clone(),
    }
}

/// `None`: the elements of one of both can't be told apart.
fn elements(below: &[Json], above: &[Json], keys: &[&str], ground: Ground<'_>) -> Option<Vec<Json>> {
    let name = |element: &Json| {
        keys.iter().find_map(|key| element.get(key))?;
        let part = |key: &&str| {
            let default = ground.key_default(key).unwrap_or_default();
            match element.get(*key) {
                None => default.to_owned(),
                Some(Json::String(text)) => text.clone(),
                Some(value) => value.to_string(),
            }
        };
        Some(keys.iter().map(part).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(":"))
    };
    let names = |list: &[Json]| -> Option<Vec<String>> {
        let names: Vec<String> = list.iter().map(name).collect::<Option<_>>()?;
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        (unique.len() == names.len()).then_some(names)
    };
    let (old, new) = (names(below)?, names(above)?);
    let mut changed = Vec::new();
    let with_keys = |element: &Json, mut more: Map<String, Json>| {
        more.extend(keys.iter().filter_map(|key| Some(((*key).to_owned(), element.get(key)?.clone()))));
        Json::Object(more)
    };
    for (_, element) in old.iter().zip(below).filter(|(name, _)| !new.contains(name)) {
        changed.push(with_keys(element, json!({"$patch": "delete"}).as_object().unwrap().clone()));
    }
    for (name, element) in new.iter().zip(above) {
        match old.iter().position(|other| other == name).map(|at| &below[at]) {
            None if ground.element().needed().iter().any(|needed| element.get(needed).is_none()) => {
                return None;
            }
            None => changed.push(element.clone()),
            Some(before) if before == element => {}
            Some(before) if keys.iter().all(|key| before.get(key) == element.get(key)) => {
                let Json::Object(inner) = patch(before, element, ground.element()) else { return None };
                changed.push(with_keys(element, inner));
            }
            Some(_) => {
                let mut whole = element.as_object()?.clone();
                whole.insert("$patch".to_owned(), json!("replace"));
                changed.push(Json::Object(whole));
            }
        }
    }
    Some(changed)
}

/// Without members that AWS takes one of: its model alone does not know them all.
fn possible(tree: Json, ground: Ground<'_>) -> Json {
    match tree {
        Json::Object(members) => {
            let mut chosen = false;
            let one_of = ground.one_of();
            let mut stays = |name: &str| !one_of.contains(&name) || !std::mem::replace(&mut chosen, true);
            let members = members.into_iter().filter(|(name, _)| stays(name));
            let members = members.map(|(name, tree)| (name.clone(), possible(tree, ground.member(&name))));
            members.collect()
        }
        Json::Array(items) => items.into_iter().map(|item| possible(item, ground.element())).collect(),
        scalar => scalar,
    }
}

fn node(tree: &Json) -> Node {
    parse(&tree.to_string(), FileId::default()).unwrap().remove(0)
}

/// The order of elements is the base's; a person who writes the flat manifest chooses another.
fn meaning(node: &Node) -> Json {
    match &node.value {
        Value::Scalar(scalar) if scalar.kind() == Kind::Text => json!(scalar.text),
        Value::Scalar(scalar) => json!([scalar.text]),
        Value::Refused => Json::Null,
        Value::List(items) => {
            let mut items: Vec<Json> = items.iter().map(meaning).collect();
            if items.iter().all(Json::is_object) {
                items.sort_by_key(Json::to_string);
            }
            Json::Array(items)
        }
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.text.clone(), meaning(node))).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_overlay_can_make_any_tree_of_any_other(
        (section, root) in prop_oneof![
            Just(("taskDefinition", TASK_DEFINITION)), Just(("service", SERVICE)), Just(("schedule", SCHEDULE)),
        ],
        one in any_choices(),
        two in any_choices(),
    ) {
        let ground = Ground::spec(Api::builtin()).member(section);
        let (one, _) = input(root, &mut Choices::of(&one));
        let (two, _) = input(root, &mut Choices::of(&two));
        let (one, two) = (possible(one, ground), possible(two, ground));
        prop_assume!(one != two);
        let patch = patch(&one, &two, ground);
        let (variables, mut diagnostics) = (Variables::default(), Vec::new());
        let mut merge = Merge {
            target: "web",
            variables: &variables,
            diagnostics: &mut diagnostics,
            decided: Vec::new(),
            removed: Vec::new(),
            lacking: Vec::new(),
        };
        let merged = merge.value(&node(&one), &node(&patch), &FieldPath::root(), ground);
        prop_assert!(!merge.decided.is_empty());
        prop_assert!(diagnostics.is_empty(), "{diagnostics:#?}\n{patch:#}");
        prop_assert_eq!(meaning(&merged), meaning(&node(&two)), "{:#}", patch);
    }
}
