//! AWS's own structures as JSON Schema: each once, with a link to its page and what the field rules say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, json};

use super::{described, list_of, object, or_variable, plain, reference, scalar};
use crate::model::Json;
use crate::shape::api::{Api, Pattern, Shape, Type};
use crate::shape::layout::{self, Root};
use crate::shape::reference::Reference;

pub struct Writer<'a> {
    api: &'a Api,
    rules: Reference<'a>,
    /// Ours by a word, AWS's by `service.Shape`.
    pub definitions: BTreeMap<String, Json>,
}

/// AWS's page on an operation or a structure.
pub fn page(service: &str, name: &str) -> String {
    let guide = match service {
        "application-autoscaling" => "autoscaling/application",
        "scheduler" => "scheduler/latest",
        _ => "AmazonECS/latest",
    };
    format!("https://docs.aws.amazon.com/{guide}/APIReference/API_{name}.html")
}

/// Ends a description with where to read on: a bare address, and one that editors show as a link.
pub fn link(schema: &mut Json, page: &str) {
    let text = schema["description"].as_str().map_or(String::new(), |text| format!("{text}\n\n"));
    let name = page.rsplit("API_").next().unwrap_or_default().trim_end_matches(".html");
    schema["markdownDescription"] = json!(format!("{text}[{name} in AWS's reference]({page})"));
    schema["description"] = json!(format!("{text}{page}"));
}

impl<'a> Writer<'a> {
    pub fn new(api: &'a Api) -> Self {
        Self { api, rules: Reference::of(api), definitions: BTreeMap::new() }
    }

    /// The input of an operation without what is not a manifest's to set.
    pub fn root(&mut self, root: Root) -> Json {
        let Some(input) = self.api.input(root.operation) else { return json!(false) };
        let name = format!("{}.{}", input.service(), root.operation);
        if !self.definitions.contains_key(&name) {
            let refused = root.refused.iter().map(|(name, _)| *name).collect();
            let mut definition = self.structure(input, &refused, root.supplied);
            definition["title"] = json!(root.operation);
            link(&mut definition, &page(input.service(), root.operation));
            self.definitions.insert(name.clone(), definition);
        }
        reference(&name)
    }

    /// One member of the input of an operation.
    pub fn member(&mut self, root: Root, name: &str) -> Json {
        let member = self.api.input(root.operation).and_then(|input| input.member(name));
        member.map_or(json!(false), |member| self.reference(member))
    }

    fn reference(&mut self, shape: Type<'a>) -> Json {
        let name = format!("{}.{}", shape.service(), shape.name());
        if !self.definitions.contains_key(&name) {
            // Put in first, so that a shape that holds itself ends.
            self.definitions.insert(name.clone(), json!(true));
            let definition = self.define(shape);
            self.definitions.insert(name.clone(), definition);
        }
        reference(&name)
    }

    fn define(&mut self, shape: Type<'a>) -> Json {
        match shape.shape() {
            Shape::Structure { .. } => {
                let mut definition = self.structure(shape, &BTreeSet::new(), &[]);
                definition["title"] = json!(shape.name());
                link(&mut definition, &page(shape.service(), shape.name()));
                definition
            }
            Shape::List { min, max, .. } => {
                let items = shape.element().map_or(json!(true), |element| self.reference(element));
                with_limits(list_of(items), [("minItems", *min), ("maxItems", *max)])
            }
            Shape::Map { min, max, .. } => {
                let values = shape.element().map_or(json!(true), |element| self.reference(element));
                let object = json!({ "type": "object", "additionalProperties": values });
                with_limits(object, [("minProperties", *min), ("maxProperties", *max)])
            }
            Shape::String { values, .. } if !values.is_empty() => or_variable(json!({ "enum": values })),
            Shape::String { min, max, pattern, .. } => text((*min, *max), pattern.as_deref()),
            // 32 bits, where AWS says nothing.
            Shape::Integer { min, max } => {
                let max = max.unwrap_or(i32::MAX.into());
                with_limits(plain("integer"), [("minimum", *min), ("maximum", Some(max))])
            }
            Shape::Long { min, max } => with_limits(plain("integer"), [("minimum", *min), ("maximum", *max)]),
            Shape::Double { min, max } => {
                with_limits(plain("number"), [("minimum", *min), ("maximum", *max)])
            }
            Shape::Boolean {} => plain("boolean"),
            Shape::Timestamp {} => json!({ "type": ["string", "number"] }),
            Shape::Document {} => json!(true),
        }
    }

    fn structure(&mut self, shape: Type<'a>, refused: &BTreeSet<&str>, supplied: &[&str]) -> Json {
        let Shape::Structure { required, union, .. } = shape.shape() else { return json!(true) };
        let mut properties = Map::new();
        let ours = |name: &str| refused.contains(name) || layout::filled_in(shape.name(), name).is_some();
        for (name, member) in shape.members().filter(|(name, _)| !ours(name)) {
            let mut property = self.reference(member);
            if layout::written_as_mapping(shape.name(), name).is_some() {
                let mapping = json!({ "type": "object", "additionalProperties": scalar() });
                property = json!({ "anyOf": [property, mapping] });
            }
            if layout::chosen_by_range(shape.name(), name) {
                let choice = json!({
                    "type": "object",
                    "properties": {"repository": scalar(), "tags": scalar(), "tag": scalar()},
                    "required": ["repository", "tags"],
                    "additionalProperties": false,
                });
                property = json!({ "anyOf": [property, choice] });
            }
            if let Some(text) = self.rules.description(shape, name) {
                property = described(property, &text);
                // Next to a reference a description counts more than the one behind it, so the link goes along.
                if let Shape::Structure { .. } = member.shape() {
                    link(&mut property, &page(member.service(), member.name()));
                }
            }
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

/// Text of AWS's may be written as a number or a boolean; lengths and patterns hold for text.
fn text((min, max): (Option<u64>, Option<u64>), pattern: Option<&str>) -> Json {
    let mut text = with_limits(scalar(), [("minLength", min), ("maxLength", max)]);
    if let Some(pattern) = pattern.and_then(Pattern::recognise) {
        text["pattern"] = json!(pattern.for_editors());
    }
    // Without a limit, text with a variable in it is text like any other.
    if text == scalar() { text } else { or_variable(text) }
}

fn with_limits<T: Into<Json>>(mut schema: Json, limits: [(&str, Option<T>); 2]) -> Json {
    for (name, limit) in limits {
        if let Some(limit) = limit {
            schema[name] = limit.into();
        }
    }
    schema
}
