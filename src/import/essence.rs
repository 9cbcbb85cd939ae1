//! What of AWS's answer belongs into a manifest: neither what only AWS says, nor what it says of itself
//! when a field is left out.

use std::cmp::Ordering;

use serde_json::Map;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::order::natural;
use super::tree::Tree;
use crate::model::{FieldPath, Json};
use crate::plan::{Around, Rules, is_implied};
use crate::shape::api::{Shape, Type};
use crate::shape::layout::written_as_mapping;
use crate::shape::rules::{Absent, Equality, Node, Owner};

type Object = Map<String, Json>;

/// Reduces one tree of a spec.
pub struct Essence<'a> {
    pub rules: Rules,
    /// The whole tree: some defaults depend on it.
    pub root: &'a Json,
    /// Members that AWS answers with and its model of inputs does not know.
    pub unknown: Vec<FieldPath>,
}

impl Essence<'_> {
    /// An object without what goes without saying, in the order in which people write it.
    pub fn object(
        &mut self,
        object: &Object,
        node: Option<&'static Node>,
        expected: Type<'_>,
        path: &FieldPath,
    ) -> Tree {
        let mut members = Vec::new();
        for (given, value) in object {
            let (name, Some(of_member)) = known(given, expected) else {
                let member = node.and_then(|node| node.members.get(given.as_str()));
                if !is_output(member) && !is_blank(value) {
                    self.unknown.push(path.field(given));
                }
                continue;
            };
            let member = node.and_then(|node| node.members.get(name.as_str()));
            let required = is_required(expected, &name) && !value.is_null();
            let around = Around::same(node, object, given);
            if is_output(member) || (!required && self.goes_without_saying(member, value, around)) {
                continue;
            }
            let below = path.field(&name);
            let tree = match written_as_mapping(expected.name(), &name) {
                Some(valued) => {
                    as_mapping(value, valued).unwrap_or_else(|| self.value(value, member, of_member, &below))
                }
                None => self.value(value, member, of_member, &below),
            };
            members.push((name, tree));
        }
        members.sort_by(|(one, _), (other, _)| natural(one, other));
        Tree::Map(members)
    }

    fn goes_without_saying(&self, member: Option<&'static Node>, value: &Json, around: Around<'_>) -> bool {
        let Some(rule) = member.and_then(|node| node.rule) else { return is_blank(value) };
        match rule.absent {
            Absent::NotOurs => is_blank(value),
            _ => value.is_null() || is_implied(&self.rules, member, value, around, self.root),
        }
    }

    fn value(
        &mut self,
        value: &Json,
        node: Option<&'static Node>,
        expected: Type<'_>,
        path: &FieldPath,
    ) -> Tree {
        match (value, expected.shape()) {
            (Json::Object(object), Shape::Structure { .. }) => self.object(object, node, expected, path),
            (Json::Array(items), Shape::List { .. }) => self.list(items, node, expected, path),
            (Json::Number(number), Shape::Timestamp {}) => instant(number.as_f64().unwrap_or_default()),
            (Json::Number(number), Shape::String { .. }) => Tree::Text(number.to_string()),
            (other, _) => plain(other),
        }
    }

    fn list(
        &mut self,
        items: &[Json],
        node: Option<&'static Node>,
        expected: Type<'_>,
        path: &FieldPath,
    ) -> Tree {
        let Some(element) = expected.element() else { return plain(&Json::from(items.to_vec())) };
        let rules = node.and_then(|node| node.element.as_deref());
        let mut trees: Vec<Tree> = items
            .iter()
            .enumerate()
            .filter(|(_, item)| !item.is_null())
            .map(|(index, item)| self.value(item, rules, element, &path.index(index)))
            .collect();
        // AWS answers with these in any order; written twice, a manifest should be the same text.
        let is_set = node.and_then(|node| node.rule).is_some_and(|rule| rule.equality == Equality::Set);
        if is_set && trees.iter().all(|tree| tree.as_text().is_some()) {
            trees.sort_by(|one, other| one.as_text().cmp(&other.as_text()));
        }
        Tree::List(trees)
    }
}

/// What AWS only answers with.
fn is_output(member: Option<&'static Node>) -> bool {
    member.and_then(|node| node.rule).is_some_and(|rule| rule.owner == Owner::AwsOnly)
}

/// What AWS wants to be told, whether it goes without saying or not.
fn is_required(expected: Type<'_>, name: &str) -> bool {
    matches!(expected.shape(), Shape::Structure { required, .. } if required.contains(name))
}

/// AWS's spelling of a member and its type. Some tools write members with a capital.
fn known<'t>(given: &str, expected: Type<'t>) -> (String, Option<Type<'t>>) {
    if let Some(found) = expected.member(given) {
        return (given.to_owned(), Some(found));
    }
    let mut letters = given.chars();
    let small = letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>());
    let small = small.unwrap_or_default();
    let found = expected.member(&small);
    (small, found)
}

/// `[{name, value}]` as `{name: value}`, where nothing is lost by it.
fn as_mapping(list: &Json, valued: &str) -> Option<Tree> {
    let mut members: Vec<(String, Tree)> = Vec::new();
    for entry in list.as_array()? {
        let entry = entry.as_object()?;
        let name = entry.get("name")?.as_str().filter(|name| !name.is_empty() && !name.contains("${"))?;
        if entry.keys().any(|key| key != "name" && key != valued)
            || members.iter().any(|(known, _)| known == name)
        {
            return None;
        }
        let value = match entry.get(valued) {
            Some(Json::String(text)) => Tree::text(text),
            Some(Json::Number(number)) => Tree::Text(number.to_string()),
            Some(Json::Null) | None => Tree::text(""),
            Some(Json::Bool(_) | Json::Array(_) | Json::Object(_)) => return None,
        };
        members.push((name.to_owned(), value));
    }
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    Some(Tree::Map(members))
}

/// A value that no structure of AWS describes; maps are in the order of their keys.
pub fn plain(value: &Json) -> Tree {
    match value {
        Json::Null => Tree::text(""),
        Json::Bool(flag) => Tree::Flag(*flag),
        Json::Number(number) => Tree::Number(number_text(number)),
        Json::String(text) => Tree::text(text),
        Json::Array(items) => Tree::List(items.iter().map(plain).collect()),
        Json::Object(object) => {
            Tree::Map(object.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
        }
    }
}

/// `60.0` is 60.
fn number_text(number: &serde_json::Number) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn instant(seconds: f64) -> Tree {
    let nanoseconds = (seconds * 1000.0).round() * 1e6;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds as i128)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .map_or_else(|| Tree::Number(seconds.to_string()), Tree::Text)
}

fn is_blank(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(members) => members.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Policies and the like by name: AWS lists them in any order.
pub fn by_member(name: &str) -> impl Fn(&Tree, &Tree) -> Ordering {
    move |one, other| one.get(name).and_then(Tree::as_text).cmp(&other.get(name).and_then(Tree::as_text))
}
