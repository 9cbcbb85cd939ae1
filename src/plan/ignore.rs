//! `sync.ignore`: fields that stay as AWS has them, in the diff and in what is written.

use super::elements::key_of;
use super::{Kept, Quiet};
use crate::model::{FieldPath, Json};
use crate::shape::rules::{Absent, Equality, IGNORED, Node};

/// The desired tree of one part of a spec, with every ignored field as the live side has it.
///
/// Since the same tree is compared and written, an ignored field can neither show as a difference
/// nor be overwritten by a call that takes the object around it whole.
pub(super) fn with_ignored(
    part: &str,
    desired: &Json,
    live: &Json,
    node: &Node,
    ignore: &[String],
) -> (Json, Vec<Quiet>) {
    let mut tree = desired.clone();
    let mut quiet = Vec::new();
    for pointer in ignore {
        let steps = steps_of(pointer);
        let Some((first, rest)) = steps.split_first() else { continue };
        if first != part {
            continue;
        }
        let before = tree.clone();
        if rest.is_empty() {
            tree = live.clone();
        } else {
            substitute(&mut tree, live, Some(node), rest);
        }
        if tree != before {
            let path = steps.iter().fold(FieldPath::root(), |path, step| path.field(step));
            quiet.push(Quiet {
                path,
                live: None,
                desired: None,
                rule: IGNORED.to_owned(),
                source: None,
                kept: Kept::ByRule,
            });
        }
    }
    (tree, quiet)
}

/// Whether `sync.ignore` names anything in this part of a spec.
pub(super) fn concerns(part: &str, ignore: &[String]) -> bool {
    ignore.iter().any(|pointer| steps_of(pointer).first().is_some_and(|first| first == part))
}

/// The steps of a JSON pointer, unescaped.
fn steps_of(pointer: &str) -> Vec<String> {
    let pointer = pointer.trim_start_matches('/');
    pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

fn substitute(desired: &mut Json, live: &Json, node: Option<&Node>, steps: &[String]) {
    let Some((step, rest)) = steps.split_first() else { return };
    match desired {
        Json::Object(members) => {
            let child = node.and_then(|node| node.members.get(step.as_str()));
            let other = live.get(step.as_str()).filter(|value| !value.is_null());
            match (rest.is_empty(), other) {
                (true, Some(other)) => drop(members.insert(step.clone(), other.clone())),
                (true, None) => drop(members.remove(step)),
                (false, Some(other)) => {
                    let defaulted =
                        child.and_then(|child| child.rule).is_some_and(|rule| rule.absent == Absent::Empty);
                    if !members.contains_key(step) && defaulted && other.is_object() {
                        members.insert(step.clone(), Json::Object(serde_json::Map::new()));
                    }
                    if let Some(value) = members.get_mut(step) {
                        substitute(value, other, child, rest);
                    }
                }
                (false, None) => {}
            }
        }
        Json::Array(list) => {
            let other = live.as_array().map(Vec::as_slice).unwrap_or_default();
            let (here, there) = (place_of(list, step, node), place_of(other, step, node));
            match (rest.is_empty(), here, there) {
                (true, Some(here), Some(there)) => list[here] = other[there].clone(),
                (true, Some(here), None) => drop(list.remove(here)),
                (true, None, Some(there)) => list.push(other[there].clone()),
                (false, Some(here), Some(there)) => {
                    let element = node.and_then(|node| node.element.as_deref());
                    substitute(&mut list[here], &other[there], element, rest);
                }
                (true, None, None) | (false, _, _) => {}
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// The element that a step names: by its identity, by its name, or by its place from 0.
fn place_of(list: &[Json], step: &str, node: Option<&Node>) -> Option<usize> {
    let keys: &[&str] = match node.and_then(|node| node.rule).map(|rule| rule.equality) {
        Some(Equality::KeyedBy(keys)) => keys,
        _ => &["name"],
    };
    let element = node.and_then(|node| node.element.as_deref());
    list.iter()
        .position(|entry| key_of(entry, keys, element) == step)
        .or_else(|| step.parse().ok().filter(|place| *place < list.len()))
}
