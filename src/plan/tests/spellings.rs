//! Over all trees of `phantoms`: what the rules call one value in other words is one value, and a changed
//! leaf is always told.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::phantoms::{Pair, pairs};
use crate::plan::differences;
use crate::shape::rules::{Absent, Equality, Node, Owner, Rule};

/// A little generator, so that one number replays a whole tree.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn shuffle(&mut self, list: &mut [Value]) {
        for place in (1..list.len()).rev() {
            let other = self.below(place + 1);
            list.swap(place, other);
        }
    }
}

fn default_of(rule: &Rule) -> Option<Value> {
    match rule.absent {
        Absent::Text(text) => Some(text.into()),
        Absent::Number(number) => Some(number.into()),
        Absent::Flag(flag) => Some(flag.into()),
        Absent::Empty => match rule.equality {
            Equality::Set | Equality::Ordered | Equality::KeyedBy(_) | Equality::MapByName(_) => {
                Some(json!([]))
            }
            Equality::Members | Equality::Map => Some(json!({})),
            _ => Some("".into()),
        },
        Absent::Nothing
        | Absent::SameAs(_)
        | Absent::Filled(_)
        | Absent::NotOurs
        | Absent::NotOursElse(_) => None,
    }
}

/// The same tree in other words.
fn respell(value: &mut Value, node: Option<&Node>, dice: &mut Dice) {
    let rule = node.and_then(|node| node.rule);
    if rule.is_some_and(|rule| rule.owner != Owner::Git) {
        return;
    }
    let equality = rule.map(|rule| rule.equality);
    match (value, equality) {
        (Value::Object(members), None | Some(Equality::Members)) => {
            for (name, member) in members.iter_mut() {
                respell(member, node.and_then(|node| node.members.get(name.as_str())), dice);
            }
            // AWS drops elements that say nothing, so these must not begin to say something.
            if members.is_empty() || members.values().all(Value::is_null) {
                return;
            }
            for (name, member) in node.into_iter().flat_map(|node| &node.members) {
                let own = member.rule.filter(|rule| rule.owner == Owner::Git && rule.only_with.is_none());
                let Some(default) = own.and_then(default_of) else { continue };
                match members.get(*name) {
                    None if dice.coin() => drop(members.insert((*name).to_owned(), default)),
                    Some(stands) if *stands == default && dice.coin() => drop(members.remove(*name)),
                    None | Some(_) => {}
                }
            }
        }
        (Value::Array(list), Some(equality)) => {
            let element = node.and_then(|node| node.element.as_deref());
            match equality {
                Equality::MapByName(_) => {
                    let names: Vec<&Value> = list.iter().map(|entry| &entry["name"]).collect();
                    let several = names.iter().enumerate().any(|(place, name)| names[..place].contains(name));
                    if !several {
                        dice.shuffle(list);
                    }
                    return;
                }
                Equality::Set => {
                    if let Some(first) = list.first().filter(|_| dice.coin()).cloned() {
                        list.push(first);
                    }
                    dice.shuffle(list);
                }
                Equality::KeyedBy(_) => dice.shuffle(list),
                _ => {}
            }
            if element.is_some() {
                list.iter_mut().for_each(|one| respell(one, element, dice));
            }
        }
        (value, Some(equality)) if dice.coin() => {
            if let Some(other) = other_words(equality, value) {
                *value = other;
            }
        }
        _ => {}
    }
}

fn other_words(equality: Equality, value: &Value) -> Option<Value> {
    let text = value.as_str();
    match equality {
        Equality::Number => match text {
            Some(text) => Some(text.trim().parse::<f64>().ok()?.into()),
            None => Some(value.as_f64()?.to_string().into()),
        },
        Equality::Percent => Some((value.as_f64()? + 0.01).into()),
        Equality::UnitCpu => {
            let units: f64 = text?.parse().ok()?;
            Some(format!(" {} vCpu", units / 1024.0).into())
        }
        Equality::UnitMemory => {
            let units: f64 = text?.parse().ok()?;
            Some(format!("{}gB ", units / 1024.0).into())
        }
        Equality::ArnTail => {
            let name = text.filter(|name| !name.is_empty() && !name.starts_with("arn:"))?;
            Some(format!("arn:aws:any:eu-west-1:123456789012:kind/{name}").into())
        }
        Equality::CapacityProvider => {
            Some(format!("arn:aws:ecs:eu-west-1:123456789012:capacity-provider/{}", text?).into())
        }
        Equality::TimeZone => text.filter(|zone| *zone == "UTC").map(|_| "Etc/UTC".into()),
        Equality::PlacementField => match text? {
            "host" => Some("instanceId".into()),
            "cpu" => Some("CPU".into()),
            _ => None,
        },
        Equality::Instant => {
            let seconds = i64::try_from(value.as_u64()?).ok()?;
            let at = time::OffsetDateTime::from_unix_timestamp(seconds).ok()?;
            Some(at.format(&time::format_description::well_known::Rfc3339).ok()?.into())
        }
        Equality::Document => value.is_object().then(|| value.to_string().into()),
        Equality::Exact
        | Equality::Members
        | Equality::Map
        | Equality::Ordered
        | Equality::Set
        | Equality::KeyedBy(_)
        | Equality::MapByName(_)
        | Equality::SecretReference
        | Equality::NameUnlessArn => None,
    }
}

/// Pointers to all leaves in which Git has the say, in either tree.
fn leaves(value: &Value, node: Option<&Node>, autoscaled: bool, pointer: &str, found: &mut Vec<String>) {
    let rule = node.and_then(|node| node.rule);
    let not_gits = |rule: &Rule| match rule.owner {
        Owner::Git => false,
        Owner::Autoscaling => autoscaled,
        Owner::AwsOnly => true,
    };
    if rule.is_some_and(not_gits) {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let node = node.and_then(|node| node.members.get(name.as_str()));
                let needs = node.and_then(|node| node.rule?.only_with);
                let selected = needs.is_none_or(|(sibling, wanted)| {
                    let text =
                        |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    members.get(sibling).map(text).as_deref() == Some(wanted)
                });
                if selected {
                    leaves(member, node, autoscaled, &format!("{pointer}/{name}"), found);
                }
            }
        }
        Value::Array(list) => {
            let element = node.and_then(|node| node.element.as_deref());
            for (place, one) in list.iter().enumerate() {
                // Of a name said twice only the last counts.
                let by_name = matches!(rule.map(|rule| rule.equality), Some(Equality::MapByName(_)));
                let again = by_name && list[place + 1..].iter().any(|other| other["name"] == one["name"]);
                if !again {
                    leaves(one, element, autoscaled, &format!("{pointer}/{place}"), found);
                }
            }
        }
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(pointer.to_owned()),
    }
}

fn changed(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => Value::Bool(!flag),
        Value::Number(number) => (number.as_f64().unwrap() + 7.0).into(),
        Value::String(text) => format!("{text}-changed").into(),
        other => other.clone(),
    }
}

/// One side of one case.
fn tree(which: usize) -> (Value, &'static Pair) {
    let pair = &pairs()[which / 2 % pairs().len()];
    (if which.is_multiple_of(2) { pair.desired.clone() } else { pair.live.clone() }, pair)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn order_and_spelling_make_no_difference(which in 0_usize..4096, seed in any::<u64>()) {
        let (tree, pair) = tree(which);
        let mut other = tree.clone();
        respell(&mut other, Some(pair.node), &mut Dice(seed));
        for (desired, live) in [(&tree, &other), (&other, &tree)] {
            let (found, _) = differences(desired, live, &pair.rules);
            prop_assert!(found.is_empty(), "{}: {}\n{}\n{:#?}", pair.name, desired, live, found);
        }
    }

    #[test]
    fn a_changed_leaf_is_always_told(which in 0_usize..4096, seed in any::<u64>()) {
        let (tree, pair) = tree(which);
        let mut found = Vec::new();
        leaves(&tree, Some(pair.node), pair.rules.autoscaled, "", &mut found);
        // CodeDeploy's target group is not Git's, and some trees are empty.
        if found.is_empty() || tree["deploymentController"]["type"] == "CODE_DEPLOY" {
            return Ok(());
        }
        let pointer = &found[Dice(seed).below(found.len())];
        let mut other = tree.clone();
        let leaf = other.pointer_mut(pointer).unwrap();
        *leaf = changed(leaf);
        for (desired, live) in [(&tree, &other), (&other, &tree)] {
            let (found, _) = differences(desired, live, &pair.rules);
            prop_assert!(!found.is_empty(), "{}: {pointer} of {}", pair.name, desired);
        }
    }
}
