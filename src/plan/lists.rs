//! Lists and maps: which elements of both sides belong together, and what is left over.

use super::Quiet;
use super::credentials::{MASK, is_credential};
use super::difference::{Around, Object, Walk, present};
use super::elements::{by_name, key_of, substantial, swapped_pair};
use super::equality::{same_scalar, same_text};
use crate::model::{FieldPath, Json};
use crate::shape::rules::{self, Equality, Node};

/// Whether the place of an element in its list means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Matters,
    /// Nor does it mean anything to say an element twice.
    MeansNothing,
}

impl Walk<'_> {
    /// A map is whole: a key on one side alone is a difference.
    pub(super) fn map(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        (desired, live): (&Object, &Object),
        values: Equality,
    ) {
        let mut names: Vec<&String> = desired.keys().chain(live.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let (one, other) = (present(desired.get(name)), present(live.get(name)));
            match (one, other) {
                (None, None) => {}
                (Some(one), Some(other)) if one == other => {}
                (Some(one), Some(other)) if same_scalar(values, one, other) || same_text(one, other) => {
                    let hidden = |value: &Json| {
                        if is_credential(name, value) { MASK.into() } else { value.clone() }
                    };
                    self.keep_equal(&path.field(name), value_rule(node), (&hidden(one), &hidden(other)));
                }
                _ => self.differ_named(path, node, name, one, other),
            }
        }
    }

    /// A list of `{name, value}`, told as the map that it is.
    pub(super) fn map_by_name(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        member: &str,
        (desired, live): (&[Json], &[Json]),
    ) {
        let before = (self.differences.len(), self.quiet.len());
        let values = node
            .and_then(|node| node.element.as_deref()?.members.get(member)?.rule)
            .map_or(Equality::Exact, |rule| rule.equality);
        let (one, other) = (by_name(desired, member), by_name(live, member));
        self.map(path, node, (&one, &other), values);
        let names = |list: &[Json], elsewhere: &Object| -> Vec<Json> {
            let named = |entry: &&Json| elsewhere.contains_key(entry["name"].as_str().unwrap_or_default());
            substantial(list).filter(named).map(|entry| entry["name"].clone()).collect()
        };
        let untold = (self.differences.len(), self.quiet.len()) == before && desired != live;
        let names = (names(desired, &other), names(live, &one));
        if names.0 != names.1 {
            self.keep_equal(path, node, (&names.0.into(), &names.1.into()));
        } else if untold {
            self.keep_equal(path, node, (&desired.to_vec().into(), &live.to_vec().into()));
        }
    }

    /// Pairs the elements of two lists by their keys, whatever their order.
    pub(super) fn keyed(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        keys: &[&str],
        (desired, live): (&[Json], &[Json]),
    ) {
        let element = node.and_then(|node| node.element.as_deref());
        let before = (self.differences.len(), self.quiet.len());
        let mut unpaired: Vec<(usize, &Json)> = substantial(live).enumerate().collect();
        let mut dropped = unpaired.len() != live.len();
        let mut places = Vec::new();
        let mut wanted = 0;
        for one in substantial(desired) {
            wanted += 1;
            let key = key_of(one, keys, element);
            let same_key = |(_, other): &(usize, &Json)| key_of(other, keys, element) == key;
            let candidates: Vec<usize> =
                (0..unpaired.len()).filter(|place| same_key(&unpaired[*place])).collect();
            // Where a key is not unique, the partner that is equal comes first.
            let equal =
                |place: &&usize| self.notes_if_same(path, element, one, unpaired[**place].1).is_some();
            let place = match candidates.as_slice() {
                [] | [_] => candidates.first(),
                several => several.iter().find(equal).or_else(|| several.first()),
            };
            let path = path.key(key);
            match place.map(|place| unpaired.remove(*place)) {
                Some((place, other)) => {
                    places.push(place);
                    self.element(&path, element, one, other);
                }
                None => self.differ(&path, node, Some(one), None),
            }
        }
        dropped |= wanted != desired.len();
        self.unwanted(path, node, keys, unpaired.into_iter().map(|(_, other)| other));
        let untold = (self.differences.len(), self.quiet.len()) == before && desired != live;
        let names = |list: &[Json]| -> Json {
            substantial(list).map(|one| Json::from(key_of(one, keys, element))).collect()
        };
        let names = (names(desired), names(live));
        if !places.is_sorted() && names.0 != names.1 {
            self.keep_equal(path, node, (&names.0, &names.1));
        } else if untold || dropped || !places.is_sorted() {
            self.keep_equal(path, node, (&desired.to_vec().into(), &live.to_vec().into()));
        }
    }

    /// Elements that only AWS has.
    fn unwanted<'a>(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        keys: &[&str],
        elements: impl Iterator<Item = &'a Json>,
    ) {
        let element = node.and_then(|node| node.element.as_deref());
        let nothing = Object::new();
        for other in elements {
            let path = path.key(key_of(other, keys, element));
            let around = Around { node, name: "", desired: &nothing, live: &nothing };
            self.field(&path, element, None, Some(other), around);
        }
    }

    /// Compares two lists that differ as a whole or not at all.
    pub(super) fn whole(
        &mut self,
        path: &FieldPath,
        node: Option<&'static Node>,
        (desired, live): (&[Json], &[Json]),
        order: Order,
    ) {
        let element = node.and_then(|node| node.element.as_deref());
        let (one, other): (Vec<_>, Vec<_>) = (substantial(desired).collect(), substantial(live).collect());
        let raw: (Json, Json) = (desired.to_vec().into(), live.to_vec().into());
        let partners = match order {
            Order::Matters => self.in_order(path, element, &one, &other),
            Order::MeansNothing => self.in_any_order(path, element, &one, &other),
        };
        let Some((places, notes)) = partners else {
            return self.differ(path, node, Some(&raw.0), Some(&raw.1));
        };
        let straight = places.iter().copied().eq(0..live.len()) && desired.len() == live.len();
        if !straight || (notes.is_empty() && desired != live) {
            self.keep_equal(path, node, (&raw.0, &raw.1));
        }
        self.quiet.extend(notes);
    }

    /// The places of the live elements that equal the wanted ones, with what is to be said of each pair.
    fn in_order(
        &self,
        path: &FieldPath,
        element: Option<&'static Node>,
        desired: &[&Json],
        live: &[&Json],
    ) -> Option<(Vec<usize>, Vec<Quiet>)> {
        if desired.len() != live.len() {
            return None;
        }
        let mut notes = Vec::new();
        for (place, (one, other)) in desired.iter().zip(live).enumerate() {
            notes.extend(self.notes_if_same(&path.index(place), element, one, other)?);
        }
        Some(((0..live.len()).collect(), notes))
    }

    /// The same where each element has to have its equal on the other side, anywhere.
    fn in_any_order(
        &self,
        path: &FieldPath,
        element: Option<&'static Node>,
        desired: &[&Json],
        live: &[&Json],
    ) -> Option<(Vec<usize>, Vec<Quiet>)> {
        let (mut places, mut notes): (Vec<usize>, _) = (Vec::new(), Vec::new());
        for (index, one) in desired.iter().enumerate() {
            let path = path.index(index);
            let equal = |place: usize| {
                self.notes_if_same(&path, element, one, live[place]).map(|found| (place, found))
            };
            let fresh = (0..live.len()).filter(|place| !places.contains(place)).find_map(equal);
            let (place, found) = fresh.or_else(|| places.iter().copied().find_map(equal))?;
            places.push(place);
            notes.extend(found);
        }
        for place in (0..live.len()).filter(|place| !places.contains(place)).collect::<Vec<_>>() {
            let same = |one: &&&Json| self.notes_if_same(path, element, one, live[place]).is_some();
            desired.iter().find(same)?;
            places.push(place);
        }
        Some((places, notes))
    }

    /// What is to be said of two elements that mean the same; `None` where they don't.
    fn notes_if_same(
        &self,
        path: &FieldPath,
        node: Option<&'static Node>,
        desired: &Json,
        live: &Json,
    ) -> Option<Vec<Quiet>> {
        let mut walk = self.apart();
        walk.element(path, node, desired, live);
        walk.differences.is_empty().then_some(walk.quiet)
    }

    fn element(&mut self, path: &FieldPath, node: Option<&'static Node>, desired: &Json, live: &Json) {
        let Some((moved, sentence)) = self.moved_by_aws(desired, live) else {
            return self.values(path, node, (desired, live));
        };
        self.values(path, node, (desired, &moved));
        let pair = (desired.get("targetGroupArn"), live.get("targetGroupArn"));
        self.keep_quiet(&path.field("targetGroupArn"), pair, sentence.to_owned(), None);
    }

    /// The live element with its target group as Git has it, where AWS itself moves the service between
    /// target groups; and why.
    fn moved_by_aws(&self, desired: &Json, live: &Json) -> Option<(Json, &'static str)> {
        let deploys_by = &self.desired_root["deploymentController"]["type"];
        let moved = live.is_object() && desired["targetGroupArn"] != live["targetGroupArn"];
        if moved && deploys_by == "CODE_DEPLOY" {
            let mut live = live.clone();
            live["targetGroupArn"] = desired.get("targetGroupArn").filter(|arn| arn.is_string())?.clone();
            return Some((live, rules::CODE_DEPLOY));
        }
        // A rolling deployment leaves them where they are.
        let strategy = self.desired_root["deploymentConfiguration"]["strategy"].as_str();
        let shifts = matches!(strategy, Some("BLUE_GREEN" | "LINEAR" | "CANARY"));
        shifts.then(|| swapped_pair(desired, live)).flatten().map(|live| (live, rules::SWAPPED))
    }
}

/// The rule for the values of a map, if they have one of their own.
fn value_rule(node: Option<&'static Node>) -> Option<&'static Node> {
    let Some(Equality::MapByName(member)) = node?.rule.map(|rule| rule.equality) else { return None };
    node?.element.as_deref()?.members.get(member)
}
