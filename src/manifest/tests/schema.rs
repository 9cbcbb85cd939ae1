//! The JSON Schema against manifests that `load` accepts, judged by the few keywords it uses.

use serde_json::{Value as Json, json};

use super::{ENVIRONMENT, SERVICE};
use crate::manifest::files::FileId;
use crate::manifest::node::{Kind, Node, Value};
use crate::manifest::yaml;
use crate::shape::api::Api;
use crate::shape::json_schema;

/// Why `schema` refuses `value`: the place, and the keyword.
pub fn refusal(root: &Json, schema: &Json, value: &Json, at: &str) -> Option<String> {
    let Json::Object(keywords) = schema else {
        return (schema == &json!(false)).then(|| format!("{at}: false"));
    };
    keywords.iter().find_map(|(keyword, argument)| {
        let fails = |refused: bool| refused.then(|| format!("{at}: {keyword} {argument}"));
        match keyword.as_str() {
            "$ref" => {
                let pointer = argument.as_str().unwrap().trim_start_matches('#');
                refusal(
                    root,
                    root.pointer(pointer).unwrap_or_else(|| panic!("{pointer} leads nowhere")),
                    value,
                    at,
                )
            }
            "allOf" => alternatives(argument).find_map(|schema| refusal(root, schema, value, at)),
            "if" => match refusal(root, argument, value, at) {
                None => refusal(root, keywords.get("then")?, value, at),
                Some(_) => None,
            },
            "anyOf" => fails(alternatives(argument).all(|schema| refusal(root, schema, value, at).is_some())),
            "const" => fails(argument != value),
            "enum" => fails(!argument.as_array().unwrap().contains(value)),
            "type" => fails(!is_of_type(argument, value)),
            "properties" => argument.as_object().unwrap().iter().find_map(|(name, schema)| {
                value.get(name).and_then(|value| refusal(root, schema, value, &format!("{at}.{name}")))
            }),
            "additionalProperties" => value.as_object()?.iter().find_map(|(name, value)| {
                let known = keywords.get("properties").is_some_and(|known| known.get(name).is_some());
                (!known).then(|| refusal(root, argument, value, &format!("{at}.{name}")))?
            }),
            "required" => {
                fails(alternatives(argument).any(|name| value.get(name.as_str().unwrap()).is_none()))
            }
            "items" => {
                value.as_array()?.iter().find_map(|item| refusal(root, argument, item, &format!("{at}[]")))
            }
            "minItems" | "minProperties" | "minLength" => fails(size(value)? < argument.as_u64().unwrap()),
            "maxItems" | "maxProperties" | "maxLength" => fails(size(value)? > argument.as_u64().unwrap()),
            "minimum" => fails(value.as_f64()? < argument.as_f64().unwrap()),
            "maximum" => fails(value.as_f64()? > argument.as_f64().unwrap()),
            // Other patterns are for an independent validator: tests/editor.
            "pattern" => fails(argument == "\\$\\{" && !value.as_str()?.contains("${")),
            "$schema" | "$defs" | "propertyNames" | "then" => None,
            "title" | "description" | "markdownDescription" | "patternErrorMessage" => None,
            other => panic!("the schema uses {other}, which this does not know"),
        }
    })
}

fn alternatives(argument: &Json) -> impl Iterator<Item = &Json> {
    argument.as_array().unwrap().iter()
}

fn is_of_type(types: &Json, value: &Json) -> bool {
    let one = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        "integer" => value.is_i64(),
        other => panic!("type {other}"),
    };
    match types {
        Json::Array(names) => names.iter().any(|name| one(name.as_str().unwrap())),
        name => one(name.as_str().unwrap()),
    }
}

/// Elements, members or characters; `None` for what has no size.
fn size(value: &Json) -> Option<u64> {
    match value {
        Json::Array(items) => Some(items.len() as u64),
        Json::Object(members) => Some(members.len() as u64),
        Json::String(text) => Some(text.chars().count() as u64),
        _ => None,
    }
}

/// As an editor's YAML reader sees it.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.text.clone(), json(node))).collect(),
        Value::Refused => Json::Null,
        Value::Scalar(scalar) => match scalar.kind() {
            Kind::Null => Json::Null,
            Kind::Boolean(value) => json!(value),
            Kind::Integer => json!(scalar.text.parse::<i64>().unwrap()),
            Kind::Float => json!(scalar.text.parse::<f64>().unwrap()),
            Kind::Text => json!(scalar.text),
        },
    }
}

#[test]
fn the_schema_accepts_what_load_accepts() {
    let schema = json_schema::schema(Api::builtin());
    for text in [ENVIRONMENT, SERVICE] {
        let manifest = json(&yaml::parse(text, FileId::default()).unwrap()[0]);
        assert_eq!(refusal(&schema, &schema, &manifest, "$"), None);
    }
}

#[test]
fn the_schema_refuses_a_misspelt_field() {
    let schema = json_schema::schema(Api::builtin());
    for (right, wrong) in [
        ("portMappings", "portMapping"),
        ("desiredCount:", "desiredCuont:"),
        ("kind: Service", "kind: Servce"),
        ("timeout", "timeuot"),
    ] {
        let manifest = json(&yaml::parse(&SERVICE.replace(right, wrong), FileId::default()).unwrap()[0]);
        assert!(refusal(&schema, &schema, &manifest, "$").is_some(), "{wrong}");
    }
}

/// Our own words say their defaults in prose; AWS's come from the rules.
#[test]
fn the_schema_tells_the_defaults_that_load_fills_in() {
    let schema = json_schema::schema(Api::builtin());
    let told = |section: &str, field: &str| {
        let text = schema["$defs"][section]["properties"][field]["description"].as_str().unwrap();
        text.rsplit_once("left out: ").unwrap_or_else(|| panic!("{section}.{field}: {text}")).1.to_owned()
    };
    let service = SERVICE.replace(
        "  rollout: {timeout: 10m, onFailure: hold}\n  sync: {drift: warn, ignore: [/service/desiredCount]}\n",
        "  rollout: {before: [{name: migrate, overrides: {containerOverrides: [{name: api, command: [migrate]}]}}]}\n",
    );
    let desired = super::load_service(&service).unwrap_or_else(|errors| panic!("{errors}"));
    let service = super::only(&desired);
    let minutes = |timeout: std::time::Duration| format!("{}m", timeout.as_secs() / 60);
    assert_eq!(told("rollout", "timeout"), minutes(service.rollout.timeout));
    assert_eq!(told("rollout", "onFailure"), format!("{:?}", service.rollout.on_failure).to_lowercase());
    assert_eq!(told("sync", "drift"), format!("{:?}", service.sync.drift).to_lowercase());
    let hook = &service.rollout.before[0];
    assert_eq!(told("hook", "timeout"), minutes(hook.timeout));
    assert_eq!(told("hook", "attempts"), hook.attempts.to_string());
    let sync = &schema["$defs"]["Environment"]["properties"]["sync"]["properties"];
    let percent = sync["pruneMaxPercent"]["description"].as_str().unwrap();
    assert!(
        percent.ends_with(&format!("left out: {}", desired.environment.sync.prune_max_percent)),
        "{percent}"
    );
    let keep = sync["keepRevisions"]["description"].as_str().unwrap();
    assert!(keep.ends_with(&format!("left out: {}", desired.environment.sync.keep_revisions)), "{keep}");
    assert!(
        !desired.environment.sync.prune && sync["prune"]["description"].as_str().unwrap().ends_with("false")
    );
}

#[test]
fn the_schema_knows_what_an_overlay_may_say() {
    let schema = json_schema::schema(Api::builtin());
    let overlay = |spec: &str| {
        let head =
            "apiVersion: reconciler/v1\nkind: Overlay\nmetadata: {name: web, environments: [production]}\n";
        let manifest = json(&yaml::parse(&format!("{head}spec: {spec}"), FileId::default()).unwrap()[0]);
        refusal(&schema, &schema, &manifest, "$")
    };
    for spec in [
        "{service: {desiredCount: 2, launchType: null}, rollout: null}",
        "{taskDefinition: {containerDefinitions: [{name: web, environment: {A: null, B: x}}, {name: agent, $patch: delete}]}}",
        "{taskDefinition: {containerDefinitions: [{$patch: replace}, {name: web, image: web:1}]}}",
        "{taskDefinition: {containerDefinitions: [{name: web, dockerLabels: {$patch: replace, a: b}}]}}",
        "{schedule: {State: DISABLED}, scaling: {policies: [{PolicyName: cpu, $patch: delete}]}}",
        "{taskDefinition: {memory: \"${memory}\"}, service: {loadBalancers: []}}",
    ] {
        assert_eq!(overlay(spec), None, "{spec}");
    }
    for spec in [
        "{service: {desiredCuont: 2}}",
        "{taskDefinition: {containerDefinitions: [{name: web, $patch: remove}]}}",
        "{taskDefinition: {networkMode: bride}}",
        "{account: 1}",
    ] {
        assert!(overlay(spec).is_some(), "{spec}");
    }
}
