//! The spec of an Overlay: any part of what a service or a scheduled task may be.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::section;
use crate::model::Json;

/// Begins the names of definitions of which an overlay gives a part.
pub const PART: &str = "part.";

pub fn spec(service: &Json, scheduled_task: &Json, definitions: &mut BTreeMap<String, Json>) -> Json {
    let parts: Vec<(String, Json)> =
        definitions.iter().map(|(name, schema)| (format!("{PART}{name}"), part(schema))).collect();
    definitions.extend(parts);
    let mut properties = Map::new();
    // What differs between the two is wider in a service.
    for spec in [scheduled_task, service] {
        let own = spec["properties"].as_object().into_iter().flatten();
        properties.extend(own.map(|(name, schema)| (name.clone(), or_null(part(schema)))));
    }
    section(
        "Overlay",
        "A patch for a Service or a ScheduledTask of the same name: what it says comes on top, `null` takes a field away, \
         lists whose elements have names merge by them. `$patch: delete` takes an element away, `$patch: replace` lets \
         nothing of what was there stay.",
        Json::Object(properties),
        &[],
    )
}

/// The schema of a part of what `schema` describes: nothing is required, `null` takes away, and `$patch`
/// says the rest. Lists may be shorter than AWS wants the whole to be.
fn part(schema: &Json) -> Json {
    let Json::Object(keywords) = schema else { return schema.clone() };
    let directive = json!({ "enum": ["delete", "replace"], "description": "instead of merging" });
    let mut changed = Map::new();
    for (keyword, argument) in keywords {
        let argument = match (keyword.as_str(), argument) {
            ("required" | "minItems" | "minProperties" | "maxProperties", _) => continue,
            ("$ref", Json::String(name)) => json!(name.replace("#/$defs/", &format!("#/$defs/{PART}"))),
            ("anyOf", Json::Array(schemas)) => schemas.iter().map(part).collect(),
            ("items", schema) => part(schema),
            ("additionalProperties", Json::Object(_)) => or_null(part(argument)),
            ("properties", Json::Object(members)) => {
                let members = members.iter().map(|(name, schema)| (name.clone(), or_null(part(schema))));
                let mut members: Map<String, Json> = members.collect();
                members.insert("$patch".to_owned(), directive.clone());
                Json::Object(members)
            }
            _ => argument.clone(),
        };
        changed.insert(keyword.clone(), argument);
    }
    // A mapping with the author's own names.
    if changed.get("type") == Some(&json!("object")) && !changed.contains_key("properties") {
        changed.insert("properties".to_owned(), json!({ "$patch": directive }));
    }
    Json::Object(changed)
}

/// What the schema says of itself stays outside, where editors look for it.
fn or_null(mut schema: Json) -> Json {
    let mut outer = Map::new();
    if let Json::Object(inner) = &mut schema {
        for keyword in ["description", "markdownDescription"] {
            outer.extend(inner.remove(keyword).map(|text| (keyword.to_owned(), text)));
        }
    }
    outer.insert("anyOf".to_owned(), json!([schema, { "type": "null" }]));
    Json::Object(outer)
}
