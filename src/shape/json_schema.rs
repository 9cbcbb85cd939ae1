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

/// JSON Schema 2020-12 of one manifest: a Service, a ScheduledTask or an Environment.
pub fn schema(api: &Api) -> Json {
    let mut writer = Writer { definitions: BTreeMap::new() };
    let service = writer.service(api);
    let scheduled_task = writer.scheduled_task(api);
    let environment = environment();
    writer.definitions.insert("variable".to_owned(), json!({ "type": "string", "pattern": "\\$\\{" }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Manifest of the reconciler",
        "type": "object",
        "oneOf": [
            envelope("Service", service),
            envelope("ScheduledTask", scheduled_task),
            envelope("Environment", environment),
        ],
        "$defs": writer.definitions,
    })
}

fn envelope(kind: &str, spec: Json) -> Json {
    let labels =
        json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } });
    json!({
        "title": kind,
        "type": "object",
        "properties": {
            "apiVersion": { "const": layout::API_VERSION },
            "kind": { "const": kind },
            "metadata": {
                "type": "object",
                "properties": {
                    "name": { "type": ["string", "number"], "pattern": "^[A-Za-z0-9_-]{1,255}$" },
                    "labels": labels,
                },
                "required": ["name"],
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
            Shape::Document {} => json!(true),
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
