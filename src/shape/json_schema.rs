//! A JSON Schema of manifests for editors, from the same model that `validate` checks with.
//!
//! It accepts whatever `manifest::load` accepts. The other way round it is more lenient:
//! patterns, and what fields mean together, are left to `validate`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, json};

use super::api::{Api, Shape, Type};
use super::layout;
use crate::model::Json;

/// What stands for "some text with a variable in it".
const VARIABLE: &str = "#/$defs/variable";

/// JSON Schema 2020-12 of one manifest: a Service, a ScheduledTask, an Overlay or an Environment.
pub fn schema(api: &Api) -> Json {
    let mut writer = Writer { definitions: BTreeMap::new() };
    let service = writer.service(api);
    let scheduled_task = writer.scheduled_task(api);
    let overlay = overlay(&service, &scheduled_task, &mut writer.definitions);
    let environment = environment();
    writer.definitions.insert("variable".to_owned(), json!({ "type": "string", "pattern": "\\$\\{" }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Manifest of the reconciler",
        "type": "object",
        "oneOf": [
            envelope("Service", service, &["name", "labels", "environments"]),
            envelope("ScheduledTask", scheduled_task, &["name", "labels", "environments"]),
            envelope("Overlay", overlay, &["name", "environments"]),
            envelope("Environment", environment, &["name", "labels"]),
        ],
        "$defs": writer.definitions,
    })
}

fn envelope(kind: &str, spec: Json, metadata: &[&str]) -> Json {
    let labels =
        json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } });
    let environments = json!({
        "type": "array", "items": { "type": "string" }, "minItems": 1,
        "description": "the environments that it is for",
    });
    let members = json!({
        "name": { "type": ["string", "number"], "pattern": "^[A-Za-z0-9_-]{1,255}$" },
        "labels": labels,
        "environments": environments,
    });
    let member = |name: &&str| ((*name).to_owned(), members[*name].clone());
    let properties: Map<String, Json> = metadata.iter().map(member).collect();
    let required = if kind == "Overlay" { json!(metadata) } else { json!(["name"]) };
    json!({
        "title": kind,
        "type": "object",
        "properties": {
            "apiVersion": { "const": layout::API_VERSION },
            "kind": { "const": kind },
            "metadata": {
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false,
            },
            "spec": spec,
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
    })
}

fn environment() -> Json {
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    json!({
        "type": "object",
        "properties": {
            "account": { "type": ["string", "integer"], "description": "AWS account, 12 digits" },
            "region": { "type": "string" },
            "cluster": { "type": ["string", "number"] },
            "sync": object(json!({
                "prune": {
                    "type": "boolean",
                    "description": "whether what left Git is deleted, where a service's own `sync.prune` says nothing",
                },
                "pruneMaxPercent": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 100,
                    "description": "how many of a hundred services may be deleted at once, but always one; 20 if left out",
                },
            }), &[]),
            "variables": {
                "type": "object",
                "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
                "additionalProperties": { "anyOf": [scalar, { "type": "array", "items": scalar }] },
            },
        },
        "required": ["region", "cluster"],
        "additionalProperties": false,
    })
}

struct Writer {
    /// By `service.Shape`.
    definitions: BTreeMap<String, Json>,
}

impl Writer {
    fn service(&mut self, api: &Api) -> Json {
        let capacity = or_variable(json!({ "type": "integer", "minimum": 0 }));
        let suspended = api.input("RegisterScalableTarget").and_then(|input| input.member("SuspendedState"));
        let suspended = suspended.map_or(json!(false), |state| self.reference(state));
        let policies = self.root(api, layout::SCALING_POLICY);
        let actions = self.root(api, layout::SCHEDULED_ACTION);
        let hook = self.hook(api);
        let hooks = or_variable(json!({ "type": "array", "items": hook, "maxItems": layout::HOOKS_MAX }));
        json!({
            "type": "object",
            "properties": {
                "taskDefinition": self.root(api, layout::TASK_DEFINITION),
                "service": self.root(api, layout::SERVICE),
                "scaling": object(json!({
                    "minCapacity": capacity,
                    "maxCapacity": capacity,
                    "suspendedState": suspended,
                    "policies": or_variable(json!({ "type": "array", "items": policies })),
                    "scheduledActions": or_variable(json!({ "type": "array", "items": actions })),
                }), &["minCapacity", "maxCapacity"]),
                "rollout": object(json!({
                    "timeout": or_variable(json!({ "type": "string", "pattern": layout::DURATION_PATTERN })),
                    "onFailure": or_variable(json!({ "enum": layout::ON_FAILURE })),
                    "before": hooks,
                    "after": hooks,
                }), &[]),
                "sync": sync(json!({ "type": "boolean" })),
                "dependsOn": depends_on(),
            },
            "required": ["taskDefinition", "service"],
            "additionalProperties": false,
        })
    }

    fn scheduled_task(&mut self, api: &Api) -> Json {
        json!({
            "type": "object",
            "properties": {
                "taskDefinition": self.root(api, layout::TASK_DEFINITION),
                "schedule": self.root(api, layout::SCHEDULE),
                // Nothing deletes a schedule yet.
                "sync": sync(json!({ "const": false })),
                "dependsOn": depends_on(),
            },
            "required": ["taskDefinition", "schedule"],
            "additionalProperties": false,
        })
    }

    fn hook(&mut self, api: &Api) -> Json {
        let name = json!({ "type": ["string", "number"], "pattern": layout::HOOK_NAME_PATTERN });
        let attempts = json!({ "type": "integer", "minimum": 1, "maximum": layout::ATTEMPTS_MAX });
        let mut properties = json!({
            "name": or_variable(name),
            "taskDefinition": self.root(api, layout::TASK_DEFINITION),
            "timeout": or_variable(json!({ "type": "string", "pattern": layout::DURATION_PATTERN })),
            "attempts": or_variable(attempts),
        });
        for field in layout::HOOK_RUN_FIELDS {
            let member = api.input(layout::RUN_TASK.operation).and_then(|input| input.member(field));
            properties[field] = member.map_or(json!(false), |member| self.reference(member));
        }
        object(properties, &["name"])
    }

    /// The input of an operation without what is not a manifest's to set.
    fn root(&mut self, api: &Api, root: layout::Root) -> Json {
        let Some(input) = api.input(root.operation) else { return json!(false) };
        self.structure(input, root.refused.iter().map(|(name, _)| *name).collect(), root.supplied)
    }

    fn reference(&mut self, shape: Type<'_>) -> Json {
        let name = format!("{}.{}", shape.service(), shape.name());
        if !self.definitions.contains_key(&name) {
            // Put in first, so that a shape that holds itself ends.
            self.definitions.insert(name.clone(), json!(true));
            let definition = self.define(shape);
            self.definitions.insert(name.clone(), definition);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    fn define(&mut self, shape: Type<'_>) -> Json {
        match shape.shape() {
            Shape::Structure { .. } => self.structure(shape, BTreeSet::new(), &[]),
            Shape::List { min, max, .. } => {
                let items = shape.element().map_or(json!(true), |element| self.reference(element));
                or_variable(with_limits(
                    json!({ "type": "array", "items": items }),
                    [("minItems", *min), ("maxItems", *max)],
                ))
            }
            Shape::Map { min, max, .. } => {
                let values = shape.element().map_or(json!(true), |element| self.reference(element));
                let object = json!({ "type": "object", "additionalProperties": values });
                with_limits(object, [("minProperties", *min), ("maxProperties", *max)])
            }
            Shape::String { values, .. } if !values.is_empty() => or_variable(json!({ "enum": values })),
            // AWS's text may be written as a number or a boolean; lengths hold for text.
            Shape::String { min, max, .. } => {
                let text = json!({ "type": ["string", "number", "boolean"] });
                or_variable(with_limits(text, [("minLength", *min), ("maxLength", *max)]))
            }
            Shape::Integer { min, max } | Shape::Long { min, max } => {
                or_variable(with_limits(json!({ "type": "integer" }), [("minimum", *min), ("maximum", *max)]))
            }
            Shape::Double { min, max } => {
                or_variable(with_limits(json!({ "type": "number" }), [("minimum", *min), ("maximum", *max)]))
            }
            Shape::Boolean {} => or_variable(json!({ "type": "boolean" })),
            Shape::Timestamp {} => json!({ "type": ["string", "number"] }),
        }
    }

    fn structure(&mut self, shape: Type<'_>, refused: BTreeSet<&str>, supplied: &[&str]) -> Json {
        let Shape::Structure { required, union, .. } = shape.shape() else { return json!(true) };
        let mut properties = Map::new();
        let ours = |name: &str| refused.contains(name) || layout::filled_in(shape.name(), name).is_some();
        for (name, member) in shape.members().filter(|(name, _)| !ours(name)) {
            let reference = self.reference(member);
            let property = match layout::written_as_mapping(shape.name(), name) {
                Some(_) => {
                    let text = json!({ "type": ["string", "number", "boolean"] });
                    json!({ "anyOf": [reference, { "type": "object", "additionalProperties": text }] })
                }
                None => reference,
            };
            properties.insert(name.to_owned(), property);
        }
        let required: Vec<&str> = required
            .iter()
            .map(String::as_str)
            .filter(|name| !ours(name) && !supplied.contains(name))
            .collect();
        let mut schema = object(Json::Object(properties), &required);
        if *union {
            schema["minProperties"] = json!(1);
            schema["maxProperties"] = json!(1);
        }
        schema
    }
}

fn sync(prune: Json) -> Json {
    object(
        json!({
            "drift": or_variable(json!({ "enum": layout::DRIFT })),
            "prune": or_variable(prune),
            "ignore": or_variable(json!({ "type": "array", "items": { "type": "string" } })),
        }),
        &[],
    )
}

fn depends_on() -> Json {
    or_variable(json!({ "type": "array", "items": { "type": ["string", "number", "boolean"] } }))
}

fn object(properties: Json, required: &[&str]) -> Json {
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The spec of an overlay: any part of a service's or a scheduled task's.
fn overlay(service: &Json, scheduled_task: &Json, definitions: &mut BTreeMap<String, Json>) -> Json {
    let whole = definitions.clone();
    let parts = whole.iter().map(|(name, schema)| (format!("{PART}{name}"), part(schema)));
    definitions.extend(parts.filter(|(name, _)| name != &format!("{PART}variable")));
    let mut properties = Map::new();
    for spec in [service, scheduled_task] {
        let own = spec["properties"].as_object().into_iter().flatten();
        properties.extend(own.map(|(name, schema)| (name.clone(), or_null(part(schema)))));
    }
    // Of a scheduled task and of a service it differs in `prune` alone; the latter's is wider.
    properties.insert("sync".to_owned(), or_null(part(&service["properties"]["sync"])));
    object(Json::Object(properties), &[])
}

/// Begins the names of definitions of which an overlay gives a part.
const PART: &str = "part.";

/// The schema of a part of what `schema` describes: nothing is required, `null` takes away, and `$patch`
/// says the rest. Lists may be shorter than AWS wants the whole to be.
fn part(schema: &Json) -> Json {
    let Json::Object(keywords) = schema else { return schema.clone() };
    let directive = json!({ "enum": ["delete", "replace"], "description": "instead of merging" });
    let mut changed = Map::new();
    for (keyword, argument) in keywords {
        let argument = match (keyword.as_str(), argument) {
            ("required" | "minItems" | "minProperties" | "maxProperties", _) => continue,
            ("$ref", Json::String(name)) if name != VARIABLE => {
                json!(name.replace("#/$defs/", &format!("#/$defs/{PART}")))
            }
            ("anyOf" | "oneOf", Json::Array(schemas)) => schemas.iter().map(part).collect(),
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

fn or_null(schema: Json) -> Json {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// A value, or text that a variable turns into one.
fn or_variable(schema: Json) -> Json {
    json!({ "anyOf": [schema, { "$ref": VARIABLE }] })
}

fn with_limits<T: Into<Json>>(mut schema: Json, limits: [(&str, Option<T>); 2]) -> Json {
    for (name, limit) in limits {
        if let Some(limit) = limit {
            schema[name] = limit.into();
        }
    }
    schema
}
