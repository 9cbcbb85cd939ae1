//! What tells the elements of AWS's lists from each other.

use super::difference::{Object, present};
use super::equality::canonical;
use crate::model::Json;
use crate::shape::rules::{Absent, Equality, Node};

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

/// What tells an element from its siblings: `worker`, `8080/tcp`, `api:8080`. The same for all
/// spellings of a key.
pub fn key_of(element: &Json, keys: &[&str], node: Option<&Node>) -> String {
    let separator = if keys.contains(&"protocol") { "/" } else { ":" };
    keys.iter()
        .filter_map(|key| {
            let rule = node.and_then(|node| node.members.get(*key)?.rule);
            let said = match present(element.get(*key)) {
                Some(Json::String(text)) if text.is_empty() => None,
                Some(Json::String(text)) => {
                    Some(rule.map_or_else(|| text.clone(), |rule| canonical(rule.equality, text)))
                }
                Some(value) => Some(canonical(Equality::Number, &value.to_string())),
                None => None,
            };
            match rule.map(|rule| rule.absent) {
                Some(Absent::Text(text)) => said.or_else(|| Some(text.to_owned())),
                // Port 0 of an element that has a range.
                Some(Absent::Number(default)) => said.filter(|said| *said != default.to_string()),
                _ => said,
            }
        })
        .collect::<Vec<_>>()
        .join(separator)
}

/// Whether the live names of Service Connect say that its namespace is another than `name`.
///
/// ECS answers with the namespace's ARN, in which its name does not stand. But where Git leaves it to
/// ECS to call the endpoints of a service, they are called `DISCOVERY_NAME.NAMESPACE`.
///
/// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectClientAlias.html
pub(super) fn contradicts_namespace(name: &str, desired: &Object, live: &Object) -> bool {
    let aliases = |side: &Object| -> Vec<(Json, Json)> {
        let services = side.get("services").and_then(Json::as_array).into_iter().flatten();
        services
            .flat_map(|service| {
                let named = ["discoveryName", "portName"].into_iter().find(|name| service[*name].is_string());
                let discovery = named.map_or(Json::Null, |name| service[name].clone());
                let aliases = service["clientAliases"].as_array().into_iter().flatten();
                aliases.map(move |alias| (discovery.clone(), alias["dnsName"].clone())).collect::<Vec<_>>()
            })
            .collect()
    };
    if aliases(desired).iter().any(|(_, called)| called.is_string()) {
        return false;
    }
    let namespaces: Vec<String> = aliases(live)
        .iter()
        .filter_map(|(discovery, called)| {
            let rest = called.as_str()?.strip_prefix(discovery.as_str()?)?;
            rest.strip_prefix('.').map(str::to_owned)
        })
        .collect();
    !namespaces.is_empty() && !namespaces.iter().any(|namespace| namespace == name)
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
