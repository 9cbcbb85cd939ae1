//! What is new as a whole, such as a service or a container, spread into its fields.

use crate::model::{FieldPath, Json};
use crate::plan::Difference;

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
        leaves(&difference.path, whole, &mut fields);
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

/// Scalars and plain lists by their path; elements that have a name go by it.
fn leaves<'a>(path: &FieldPath, value: &'a Json, into: &mut Vec<(FieldPath, &'a Json)>) {
    match value {
        Json::Object(members) => {
            // The scalars say most in the least space: size, image, count.
            let (deep, flat): (Vec<_>, Vec<_>) =
                members.iter().partition(|(_, value)| value.is_object() || value.is_array());
            for (name, value) in flat.into_iter().chain(deep) {
                leaves(&path.field(name), value, into);
            }
        }
        Json::Array(items) if items.iter().any(Json::is_object) => {
            for (index, item) in items.iter().enumerate() {
                match item["name"].as_str().or_else(|| item["key"].as_str()) {
                    // An environment variable or tag is its value.
                    Some(name) if item.as_object().is_some_and(|members| members.len() == 2) => {
                        let value = item.get("value").or_else(|| item.get("valueFrom")).unwrap_or(item);
                        into.push((path.field(name), value));
                    }
                    Some(name) => {
                        let fields = &mut Vec::new();
                        leaves(&path.key(name), item, fields);
                        // The path says the name already.
                        into.extend(
                            fields.drain(..).filter(|(field, _)| *field != path.key(name).field("name")),
                        );
                    }
                    None => leaves(&path.index(index), item, into),
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
