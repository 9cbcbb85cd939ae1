//! What tells the elements of AWS's lists from each other.

use super::difference::{Object, present};
use crate::model::Json;
use crate::shape::rules::{Absent, Node};

/// Elements that say something: AWS drops `null` and `{}` from its lists.
pub(super) fn substantial(list: &[Json]) -> impl Iterator<Item = &Json> {
    list.iter().filter(|value| match value {
        Json::Null => false,
        Json::Object(members) => !members.values().all(Json::is_null),
        _ => true,
    })
}

pub(super) fn by_name(list: &[Json], member: &str) -> Object {
    let mut map = Object::new();
    for entry in substantial(list) {
        let name = entry["name"].as_str().unwrap_or_default();
        map.insert(name.to_owned(), present(entry.get(member)).cloned().unwrap_or_else(|| Json::from("")));
    }
    map
}

/// What tells an element from its siblings: `worker`, `8080/tcp`, `api:8080`.
pub(super) fn key_of(element: &Json, keys: &[&str], node: Option<&Node>) -> String {
    let separator = if keys.contains(&"protocol") { "/" } else { ":" };
    keys.iter()
        .filter_map(|key| match present(element.get(*key)) {
            Some(Json::String(text)) if text.is_empty() => None,
            Some(Json::String(text)) => Some(text.clone()),
            Some(value) => Some(value.to_string()),
            None => match node?.members.get(*key)?.rule?.absent {
                Absent::Text(text) => Some(text.to_owned()),
                _ => None,
            },
        })
        .collect::<Vec<_>>()
        .join(separator)
}

pub(super) fn swapped_pair(desired: &Json, live: &Json) -> Option<Json> {
    let alternate = |value: &Json| value["advancedConfiguration"]["alternateTargetGroupArn"].clone();
    let swapped = desired["targetGroupArn"].is_string()
        && alternate(desired).is_string()
        && desired["targetGroupArn"] == alternate(live)
        && alternate(desired) == live["targetGroupArn"];
    swapped.then(|| {
        let mut live = live.clone();
        live["targetGroupArn"] = desired["targetGroupArn"].clone();
        live["advancedConfiguration"]["alternateTargetGroupArn"] = alternate(desired);
        live
    })
}
