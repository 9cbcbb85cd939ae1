//! What is new as a whole, such as a service or a container, spread into its fields.

use crate::model::{FieldPath, Json, Segment};
use crate::plan::{Difference, key_of};
use crate::shape::rules::{Equality, Node, Tree, tree};

/// Fields of one new object that are shown.
const FIELDS_MAX: usize = 12;

/// The differences with each new object replaced by its first fields, and how many fields that
/// leaves out.
pub(super) fn spread(differences: &[Difference]) -> (Vec<Difference>, usize) {
    let (mut spread, mut left_out) = (Vec::new(), 0);
    for difference in differences {
        let whole = difference
            .desired
            .as_ref()
            .filter(|desired| difference.live.is_none() && !difference.sensitive && desired.is_object());
        let Some(whole) = whole else {
            spread.push(difference.clone());
            continue;
        };
        let mut fields = Vec::new();
        leaves(&difference.path, rules_at(&difference.path), whole, &mut fields);
        left_out += fields.len().saturating_sub(FIELDS_MAX);
        spread.extend(fields.into_iter().take(FIELDS_MAX).map(|(path, value)| Difference {
            path,
            desired: Some(value.clone()),
            // Each field has a place of its own, which is looked up.
            origin: None,
            since: None,
            ..difference.clone()
        }));
    }
    (spread, left_out)
}

/// The rules at a path of a spec, if the table knows it.
fn rules_at(path: &FieldPath) -> Option<&'static Node> {
    let (root, below) = path.0.split_first()?;
    let root = match root {
        Segment::Field(name) => match name.as_str() {
            "taskDefinition" => tree(Tree::TaskDefinition),
            "service" => tree(Tree::Service),
            "scaling" => tree(Tree::ScalableTarget),
            "schedule" => tree(Tree::Schedule),
            _ => return None,
        },
        Segment::Key(_) | Segment::Index(_) => return None,
    };
    below.iter().try_fold(root, |node, segment| match segment {
        Segment::Field(name) => node.members.get(name.as_str()),
        Segment::Key(_) | Segment::Index(_) => node.element.as_deref(),
    })
}

/// Scalars and plain lists by their path; elements go by what the rules tell them apart by, as the places
/// in Git do.
fn leaves<'a>(
    path: &FieldPath,
    node: Option<&'static Node>,
    value: &'a Json,
    into: &mut Vec<(FieldPath, &'a Json)>,
) {
    match value {
        Json::Object(members) => {
            // The scalars say most in the least space: size, image, count.
            let (deep, flat): (Vec<_>, Vec<_>) =
                members.iter().partition(|(_, value)| value.is_object() || value.is_array());
            for (name, value) in flat.into_iter().chain(deep) {
                let node = node.and_then(|node| node.members.get(name.as_str()));
                leaves(&path.field(name), node, value, into);
            }
        }
        Json::Array(items) if items.iter().any(Json::is_object) => {
            let equality = node.and_then(|node| node.rule).map(|rule| rule.equality);
            let element = node.and_then(|node| node.element.as_deref());
            for (index, item) in items.iter().enumerate() {
                match equality {
                    // An environment variable or tag is its value.
                    Some(Equality::MapByName(member)) => {
                        let name = item["name"].as_str().or_else(|| item["key"].as_str());
                        into.push((path.field(name.unwrap_or_default()), item.get(member).unwrap_or(item)));
                    }
                    Some(Equality::KeyedBy(keys)) => {
                        let path = path.key(key_of(item, keys, element));
                        let mut fields = Vec::new();
                        leaves(&path, element, item, &mut fields);
                        // The path says a name already.
                        let named = if let [key] = keys { Some(path.field(*key)) } else { None };
                        into.extend(fields.into_iter().filter(|(field, _)| Some(field) != named.as_ref()));
                    }
                    _ => leaves(&path.index(index), element, item, into),
                }
            }
        }
        Json::Array(_) | Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            into.push((path.clone(), value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Consequence;
    use crate::report::example::difference;
    use serde_json::json;

    #[test]
    fn a_new_object_is_shown_by_its_fields() {
        let path = FieldPath::root().field("taskDefinition");
        let wanted = json!({
            "containerDefinitions": [{
                "name": "api",
                "image": "registry/job-api:1.4.2",
                "environment": [{"name": "LOG_LEVEL", "value": "info"}],
                "command": ["serve", "--port", "8080"],
                "portMappings": [{"containerPort": 8080, "hostPort": 80}, {"containerPort": 53, "protocol": "udp"}],
            }],
            "cpu": "256",
        });
        let (fields, left_out) = spread(&[difference(path, Json::Null, wanted, Consequence::Creates)]);
        let shown: Vec<String> = fields
            .iter()
            .map(|field| format!("{} {}", field.path, field.desired.clone().unwrap_or_default()))
            .collect();
        assert_eq!(
            shown,
            [
                r#"taskDefinition.cpu "256""#,
                r#"taskDefinition.containerDefinitions[api].image "registry/job-api:1.4.2""#,
                r#"taskDefinition.containerDefinitions[api].command ["serve","--port","8080"]"#,
                r#"taskDefinition.containerDefinitions[api].environment.LOG_LEVEL "info""#,
                "taskDefinition.containerDefinitions[api].portMappings[8080/tcp].containerPort 8080",
                "taskDefinition.containerDefinitions[api].portMappings[8080/tcp].hostPort 80",
                "taskDefinition.containerDefinitions[api].portMappings[53/udp].containerPort 53",
                r#"taskDefinition.containerDefinitions[api].portMappings[53/udp].protocol "udp""#,
            ]
        );
        assert_eq!(left_out, 0);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let wanted: Json = (0..20).map(|number| (format!("field{number:02}"), json!(number))).collect();
        let path = FieldPath::root().field("service");
        let (fields, left_out) = spread(&[difference(path, Json::Null, wanted, Consequence::Creates)]);
        assert_eq!((fields.len(), left_out), (FIELDS_MAX, 20 - FIELDS_MAX));
    }
}
