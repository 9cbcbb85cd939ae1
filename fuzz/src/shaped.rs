//! JSON trees made from bytes: of the shape that AWS's model gives, and now and then of another.

// Each target takes what it needs.
#![allow(dead_code)]

use std::collections::BTreeSet;

use reconciler::model::Json;
use reconciler::shape::api::{Shape, Type};
use reconciler::shape::rules::{self, Equality};
use serde_json::{Map, json};

/// Deep enough for every structure of the model but shapes that hold themselves.
const DEPTH_MAX: usize = 8;
const ELEMENTS_MAX: usize = 4;

/// A source of choices; once it has run out, it gives the smallest ones, so that every tree ends.
pub struct Choices<'a>(std::slice::Iter<'a, u8>);

impl<'a> Choices<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % bound.max(1)
    }

    /// True for one of so many.
    pub fn one_in(&mut self, many: usize) -> bool {
        self.below(many) + 1 == many
    }
}

/// A tree of this type. One in sixteen values has nothing to do with it.
pub fn shaped(shape: Type<'_>, choices: &mut Choices<'_>, depth: usize) -> Json {
    if depth > 0 && choices.one_in(16) {
        return wild(choices, 2);
    }
    match shape.shape() {
        Shape::Structure { .. } => {
            let mut object = Map::new();
            for (name, member) in shape.members() {
                if depth < DEPTH_MAX && choices.one_in(3) {
                    object.insert(name.to_owned(), shaped(member, choices, depth + 1));
                }
            }
            if choices.one_in(16) {
                object.insert("addedByAws".to_owned(), wild(choices, 1));
            }
            Json::Object(object)
        }
        Shape::List { .. } => {
            let Some(element) = shape.element() else { return json!([]) };
            let count = choices.below(ELEMENTS_MAX);
            Json::Array((0..count).map(|_| shaped(element, choices, depth + 1)).collect())
        }
        Shape::Map { .. } => {
            let Some(element) = shape.element() else { return json!({}) };
            let keys = ["one", "two", "three"].into_iter().take(choices.below(ELEMENTS_MAX));
            keys.map(|key| (key.to_owned(), shaped(element, choices, depth + 1))).collect()
        }
        Shape::String { values, .. } if !values.is_empty() => json!(values[choices.below(values.len())]),
        Shape::String { .. } => text(choices),
        Shape::Integer { min, max } | Shape::Long { min, max } => {
            let (least, most) = (min.unwrap_or(0), max.unwrap_or(i64::from(i32::MAX)));
            json!([0, 1, least, most, 8080, 75, 256, -1][choices.below(8)])
        }
        Shape::Double { min, max } => {
            json!([0.0, 75.0, min.unwrap_or(0.5), max.unwrap_or(99.96), 33.333, 1e300][choices.below(6)])
        }
        Shape::Document {} => wild(choices, 3),
        Shape::Boolean {} => json!(choices.below(2) == 1),
        Shape::Timestamp {} => {
            [json!(1_795_248_000.5), json!(0), json!("2026-11-21T08:00:00Z"), json!(-1e18)][choices.below(4)]
                .clone()
        }
    }
}

/// Texts that mean the same to one rule or another, and texts that only look so.
fn text(choices: &mut Choices<'_>) -> Json {
    const TEXTS: [&str; 24] = [
        "",
        "a",
        "b",
        "A",
        "0",
        "80",
        "080",
        "1 vCPU",
        ".5 vcpu",
        "1024",
        "2 GB",
        "99999999999999999999 GB",
        "-1",
        "1e309",
        "true",
        "awsvpc",
        "host",
        "instanceId",
        "attribute:ecs.availability-zone",
        "arn:aws:iam::123456789012:role/a",
        "arn:",
        "{\"a\": [1, 2.0]}",
        "{",
        "ü\u{0}\u{202e}",
    ];
    json!(TEXTS[choices.below(TEXTS.len())])
}

/// Any JSON.
fn wild(choices: &mut Choices<'_>, depth: usize) -> Json {
    match choices.below(if depth == 0 { 5 } else { 7 }) {
        0 => Json::Null,
        1 => json!(true),
        2 => json!(0),
        3 => json!(0.1),
        4 => text(choices),
        5 => Json::Array((0..choices.below(3)).map(|_| wild(choices, depth - 1)).collect()),
        _ => {
            let keys = ["name", "value", "key"].into_iter().take(choices.below(4));
            keys.map(|key| (key.to_owned(), wild(choices, depth - 1))).collect()
        }
    }
}

/// The same tree, but for what the bytes say: members left out, added and put in another order.
pub fn altered(tree: &Json, choices: &mut Choices<'_>) -> Json {
    if choices.one_in(32) {
        return wild(choices, 2);
    }
    match tree {
        Json::Object(members) => {
            let mut kept = Map::new();
            for (name, value) in members {
                if !choices.one_in(8) {
                    kept.insert(name.clone(), altered(value, choices));
                }
            }
            Json::Object(kept)
        }
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(|item| altered(item, choices)).collect();
            match choices.below(4) {
                1 => items.reverse(),
                2 => items.extend(items.first().cloned()),
                3 => drop(items.pop()),
                _ => {}
            }
            Json::Array(items)
        }
        scalar => scalar.clone(),
    }
}

/// The same tree with another value in one leaf: one that no rule takes for the old one.
pub fn touched(tree: &Json, choices: &mut Choices<'_>) -> Json {
    match tree {
        Json::Object(members) => {
            let chosen = choices.below(members.len());
            let members = members.iter().enumerate().map(|(place, (name, value))| {
                (name.clone(), if place == chosen { touched(value, choices) } else { value.clone() })
            });
            members.collect()
        }
        Json::Array(items) => {
            let mut items = items.clone();
            let chosen = choices.below(items.len());
            if let Some(item) = items.get_mut(chosen) {
                *item = touched(item, choices);
            }
            Json::Array(items)
        }
        Json::Bool(flag) => json!(!flag),
        // Some rules take nothing and zero for what Git does not mention, and then only AWS's side counts.
        Json::Number(number) if number.as_f64() != Some(0.0) => json!(4711),
        Json::String(text) if !text.is_empty() && text != "0" => json!("zz"),
        Json::Number(_) | Json::String(_) | Json::Null => tree.clone(),
    }
}

/// The same tree with the elements of its lists in another order.
pub fn shuffled(tree: &Json, choices: &mut Choices<'_>) -> Json {
    match tree {
        Json::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), shuffled(value, choices))).collect()
        }
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(|item| shuffled(item, choices)).collect();
            let by = choices.below(items.len());
            items.rotate_left(by);
            Json::Array(items)
        }
        scalar => scalar.clone(),
    }
}

/// The same tree with keys that are unique in their lists, as AWS would have it. Where they are not, which elements
/// belong together is a guess, and a guess may depend on the order.
pub fn with_unique_keys(tree: &Json) -> Json {
    let keys: BTreeSet<&str> = rules::all()
        .filter_map(|rule| match rule.equality {
            Equality::KeyedBy(keys) => Some(keys.iter().copied()),
            _ => None,
        })
        .flatten()
        .chain(["name"])
        .collect();
    numbered(tree, &keys, None)
}

fn numbered(tree: &Json, keys: &BTreeSet<&str>, place: Option<usize>) -> Json {
    match tree {
        Json::Object(members) => {
            let inner = members.iter().map(|(name, value)| (name.clone(), numbered(value, keys, None)));
            let mut numbered: Map<String, Json> = inner.collect();
            if let Some(place) = place {
                for key in keys {
                    numbered.insert((*key).to_owned(), json!(format!("{}", place + 1)));
                }
            }
            Json::Object(numbered)
        }
        Json::Array(items) => {
            let items = items.iter().enumerate();
            items.map(|(place, item)| numbered(item, keys, Some(place))).collect()
        }
        scalar => scalar.clone(),
    }
}
