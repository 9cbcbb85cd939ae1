//! What a side means by leaving a field out.

use std::borrow::Cow;

use super::difference::{Object, present};
use super::equality::is_blank;
use crate::model::Json;
use crate::shape::rules::{Absent, Equality, Fill, Node, Rule};

/// Whether the sibling that makes a field count has the value it needs on Git's side.
pub(super) fn selected(rule: &Rule, siblings: &Object, rules: Option<&Node>) -> bool {
    let Some((sibling, value)) = rule.only_with else { return true };
    let actual = match present(siblings.get(sibling)) {
        Some(Json::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
        None => rules
            .and_then(|node| node.members.get(sibling)?.rule)
            .and_then(|rule| literal(rule.absent))
            .map(|default| default.as_str().map_or_else(|| default.to_string(), str::to_owned)),
    };
    actual.as_deref() == Some(value)
}

/// The default that stands in the table as it is.
fn literal(absent: Absent) -> Option<Json> {
    match absent {
        Absent::Text(text) => Some(text.into()),
        Absent::Number(number) => Some(number.into()),
        Absent::Flag(flag) => Some(flag.into()),
        Absent::Nothing
        | Absent::Empty
        | Absent::SameAs(_)
        | Absent::Filled(_)
        | Absent::NotOurs
        | Absent::NotOursElse(_) => None,
    }
}

/// Which side of a comparison a value stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Git,
    Aws,
}

/// Where a value stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub side: Side,
    pub siblings: &'a Object,
    pub root: &'a Json,
}

/// The value of one side with its default filled in. `other` is the opposite side's value, whose
/// kind an empty value takes.
pub(super) fn fill<'a>(
    rule: &Rule,
    value: Option<&'a Json>,
    other: Option<&Json>,
    place: Place<'_>,
) -> Option<Cow<'a, Json>> {
    if let Some(value) = value.filter(|value| !says_nothing(rule, value)) {
        return Some(Cow::Borrowed(value));
    }
    match rule.absent {
        Absent::Nothing => value.map(Cow::Borrowed),
        Absent::NotOurs => value.filter(|_| place.side == Side::Aws).map(Cow::Borrowed),
        Absent::NotOursElse(text) => (place.side == Side::Aws).then(|| Cow::Owned(text.into())),
        Absent::Empty => other.map(|other| Cow::Owned(empty_like(other))),
        Absent::SameAs(sibling) => present(place.siblings.get(sibling)).cloned().map(Cow::Owned),
        Absent::Filled(fill) => filled(fill, place.siblings, place.root).map(Cow::Owned),
        Absent::Text(_) | Absent::Number(_) | Absent::Flag(_) => literal(rule.absent).map(Cow::Owned),
    }
}

/// Whether a value says no more than leaving the field out would. AWS takes `""` for a choice that was
/// not made, no security groups for those of the VPC, and under awsvpc host port 0 for the container's.
fn says_nothing(rule: &Rule, value: &Json) -> bool {
    match rule.absent {
        Absent::Text(_) | Absent::SameAs(_) => value == "",
        Absent::NotOurs | Absent::NotOursElse(_) => {
            let list_of_names = !matches!(rule.equality, Equality::KeyedBy(_));
            value == "" || (list_of_names && *value == Json::Array(Vec::new()))
        }
        Absent::Filled(Fill::HostPort) => *value == 0 || value == "0",
        Absent::Nothing | Absent::Empty | Absent::Number(_) | Absent::Flag(_) | Absent::Filled(_) => false,
    }
}

fn empty_like(other: &Json) -> Json {
    match other {
        Json::Object(_) => Json::Object(Object::new()),
        Json::Array(_) => Json::Array(Vec::new()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Json::from(""),
    }
}

fn filled(fill: Fill, siblings: &Object, root: &Json) -> Option<Json> {
    let daemon = root["schedulingStrategy"] == "DAEMON";
    match fill {
        Fill::HostPort => {
            if siblings.get("containerPortRange").is_some_and(|range| !is_blank(range)) {
                return Some(0.into());
            }
            match root["networkMode"].as_str() {
                Some("awsvpc" | "host") => present(siblings.get("containerPort")).cloned(),
                _ => Some(0.into()),
            }
        }
        Fill::MaximumPercent => Some(if daemon { 100 } else { 200 }.into()),
        Fill::MinimumHealthyPercent => Some(if daemon { 0 } else { 100 }.into()),
        Fill::CapacityProviderStrategy => root["launchType"].is_string().then(|| Json::Array(Vec::new())),
    }
}
