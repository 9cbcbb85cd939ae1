//! `kind: Environment`: where manifests are applied to, and what their variables stand for.

use std::collections::BTreeMap;

use super::diagnostic::Diagnostic;
use super::envelope::Manifest;
use super::fields::{Fields, diagnostic};
use super::lookups::{self, Lookup};
use super::node::{Kind, Node, Scalar, Value};
use super::variables::{BUILT_IN, Variables};
use super::{policy, scalar};
use crate::model::{Answers, Environment, EnvironmentSync, Json};

pub const FIELDS: [&str; 6] = ["account", "cluster", "images", "region", "sync", "variables"];

/// Reads an Environment. What is wrong with it is reported; what could be read is used, so that
/// services can be checked all the same.
///
/// `answers` are the values of variables that are looked up; without one, a variable's value is unknown,
/// and so is whatever it is part of.
pub fn read(
    manifest: &Manifest,
    answers: Option<&Answers>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Environment, Variables) {
    let mut environment = Environment {
        name: manifest.name.clone(),
        account: None,
        region: String::new(),
        cluster: String::new(),
        variables: BTreeMap::new(),
        looked_up: Vec::new(),
        sync: EnvironmentSync::default(),
        images: Default::default(),
    };
    let mut variables = Variables { environment: manifest.name.clone(), ..Variables::default() };
    let spec = Fields::read(&manifest.spec, "an environment", &FIELDS, manifest.spec_span, diagnostics);
    let mut places = BTreeMap::new();
    if let Some(spec) = spec {
        places.extend(["account", "cluster", "region"].into_iter().filter_map(|name| {
            let (_, node) = spec.get(name)?;
            Some((name, node.span))
        }));
        environment.account = account(&spec, diagnostics);
        environment.region = name(&spec, "region", "such as eu-west-1", diagnostics);
        environment.cluster = name(&spec, "cluster", "the cluster's name, not its ARN", diagnostics);
        if let Some((key, node)) = spec.get("sync") {
            environment.sync = policy::environment_sync(key, node, diagnostics);
        }
        if let Some((key, node)) = spec.get("images") {
            environment.images = policy::images(key, node, diagnostics);
        }
        if let Some((_, node)) = spec.get("variables") {
            let (own, lookups) = own_variables(node, answers, diagnostics);
            lookups::check_number(&lookups, diagnostics);
            variables.notes = lookups::notes(&lookups, answers);
            variables.lookups = lookups;
            environment.variables = own.iter().map(|(name, node)| (name.clone(), json(node))).collect();
            variables.values = own;
        }
    }
    let built_in = [
        ("account", environment.account.clone()),
        ("cluster", Some(environment.cluster.clone())),
        ("environment", Some(environment.name.clone())),
        ("region", Some(environment.region.clone())),
    ];
    for (name, text) in built_in {
        if let Some(text) = text {
            variables.values.insert(
                name.to_owned(),
                Node::text(text, places.get(name).copied().unwrap_or(manifest.name_span)),
            );
        }
    }
    (environment, variables)
}

fn account(spec: &Fields<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let (_, node) = spec.get("account")?;
    let account = spec.text("account", diagnostics)?;
    if account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit()) {
        return Some(account);
    }
    diagnostics
        .push(Diagnostic::at(node.span, format!("`{account}` is not an AWS account")).label("12 digits"));
    None
}

fn name(spec: &Fields<'_>, field: &str, hint: &str, diagnostics: &mut Vec<Diagnostic>) -> String {
    let Some((_, node)) = spec.require(field, diagnostics) else { return String::new() };
    let Some(text) = spec.text(field, diagnostics) else { return String::new() };
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if text.is_empty() || text.len() > 255 || !text.chars().all(allowed) {
        diagnostics.push(Diagnostic::at(node.span, format!("`{text}` can't be a {field}")).label(hint));
    }
    text
}

/// Variables that can be used; the others were reported.
fn own_variables(
    node: &Node,
    answers: Option<&Answers>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (BTreeMap<String, Node>, Vec<Lookup>) {
    let Value::Map(entries) = &node.value else {
        let fault = scalar::mismatch("a mapping", node);
        diagnostics.push(diagnostic(node, "`variables`", fault));
        return Default::default();
    };
    let mut own = BTreeMap::new();
    let mut lookups = Vec::new();
    for (key, node) in entries {
        let name = key.text.as_str();
        if BUILT_IN.contains(&name) {
            let title = format!("`{name}` is a variable of every environment");
            diagnostics.push(Diagnostic::at(key.span, title).label("choose another name"));
        } else if !is_name(name) {
            let title = format!("`{name}` can't be the name of a variable");
            let label = "letters, digits and underscores, not beginning with a digit";
            diagnostics.push(Diagnostic::at(key.span, title).label(label));
        } else if let Value::Map(entries) = &node.value {
            let lookup = lookups::read(name, node, entries, diagnostics);
            let found = lookup.as_ref().and_then(|lookup| Some((lookup, answers?.get(&lookup.source)?)));
            let value = found.map(|(lookup, found)| lookups::node(found, lookup.place));
            own.insert(key.text.clone(), value.unwrap_or_else(|| Node::new(node.span, Value::Refused)));
            lookups.extend(lookup);
        } else {
            value(key.text.as_str(), node, diagnostics);
            // Known by name in any case: its uses are not wrong as well.
            own.insert(key.text.clone(), unescaped(node));
        }
    }
    (own, lookups)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// `$${name}` is the text `${name}`, here as anywhere.
fn unescaped(node: &Node) -> Node {
    let value = match &node.value {
        Value::Scalar(scalar) => {
            let text = Variables::unescape(&scalar.text).unwrap_or_else(|| scalar.text.clone());
            Value::Scalar(Scalar { text, plain: scalar.plain })
        }
        Value::List(items) => Value::List(items.iter().map(unescaped).collect()),
        Value::Map(_) | Value::Refused => node.value.clone(),
    };
    Node { value, ..node.clone() }
}

/// Checks that a variable's value is a scalar or a list of scalars.
fn value(name: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let scalars = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Scalar(_) | Value::Map(_) | Value::Refused => std::slice::from_ref(node),
    };
    for scalar in scalars {
        let title = match &scalar.value {
            Value::Scalar(written) if written.kind() == Kind::Null => {
                format!("variable `{name}` has no value")
            }
            Value::Scalar(written) if Variables::unescape(&written.text).is_none() => {
                format!("variable `{name}` refers to another variable")
            }
            Value::Scalar(_) | Value::Refused => continue,
            Value::List(_) | Value::Map(_) => {
                format!("variable `{name}` is neither a scalar nor a list of scalars")
            }
        };
        diagnostics.push(Diagnostic::at(scalar.anchor(), title).label("write the value itself"));
    }
}

/// The value by its YAML type.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Scalar(scalar) => match scalar.kind() {
            Kind::Boolean(value) => Json::Bool(value),
            Kind::Integer => {
                scalar.text.parse::<i64>().map_or_else(|_| Json::from(scalar.text.as_str()), Json::from)
            }
            Kind::Float => {
                scalar.text.parse::<f64>().map_or_else(|_| Json::from(scalar.text.as_str()), Json::from)
            }
            Kind::Null => Json::Null,
            Kind::Text => Json::from(scalar.text.as_str()),
        },
        Value::Map(_) | Value::Refused => Json::Null,
    }
}
