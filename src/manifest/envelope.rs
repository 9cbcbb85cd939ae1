//! What every manifest begins with: `apiVersion`, `kind`, `metadata`, `spec`.

use super::diagnostic::Diagnostic;
use super::fields::{Fields, diagnostic, text};
use super::node::{Key, Node, Span, Value};
use super::scalar;
use super::suggest::did_you_mean;
use crate::model::Json;
use crate::shape::layout::API_VERSION;

pub const KINDS: [&str; 4] = ["Environment", "Overlay", "ScheduledTask", "Service"];
const FIELDS: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Environment,
    Service,
    ScheduledTask,
    Overlay,
}

/// One document of ours.
#[derive(Debug)]
pub struct Manifest {
    pub kind: Kind,
    pub name: String,
    pub name_span: Span,
    pub labels: Option<Node>,
    /// The environments that it is for, if it says so.
    pub environments: Option<Named>,
    /// Where `spec` stands.
    pub spec_span: Span,
    pub spec: Node,
}

/// `metadata.environments`
#[derive(Debug)]
pub struct Named {
    pub key: Span,
    /// Each once.
    pub names: Vec<(String, Span)>,
}

impl Manifest {
    /// Whether it is for an environment; without `metadata.environments` it is for all.
    pub fn is_for(&self, environment: &str) -> bool {
        let names = self.environments.as_ref().map(|named| &named.names);
        names.is_none_or(|names| names.iter().any(|(name, _)| name == environment))
    }
}

/// Reads the envelope of a document. `None`: it was refused.
pub fn read(document: Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Manifest> {
    let Value::Map(entries) = &document.value else {
        diagnostics.push(foreign(document.anchor()));
        return None;
    };
    let version = entries.iter().find(|(key, _)| key.text == "apiVersion");
    let text_of = |node: &Node| match &node.value {
        Value::Scalar(scalar) => scalar.text.clone(),
        Value::List(_) | Value::Map(_) | Value::Refused => String::new(),
    };
    match version.map(|(key, node)| (key, node, text_of(node))) {
        Some((_, _, version)) if version == API_VERSION => {}
        Some((_, node, version)) if version.starts_with("reconciler/") => {
            let title = format!("unknown apiVersion `{version}`");
            diagnostics.push(Diagnostic::at(node.span, title).label(format!("this is {API_VERSION}")));
            return None;
        }
        Some((key, _, _)) => {
            diagnostics.push(foreign(key.span));
            return None;
        }
        None => {
            let nearly = entries.iter().find(|(key, _)| !did_you_mean(&key.text, ["apiVersion"]).is_empty());
            let diagnostic = foreign(nearly.map_or(document.anchor(), |(key, _)| key.span));
            diagnostics.push(match nearly {
                Some(_) => diagnostic.label("did you mean `apiVersion`?"),
                None => diagnostic,
            });
            return None;
        }
    }
    let anchor = document.anchor();
    let fields = Fields::read(&document, "a manifest", &FIELDS, anchor, diagnostics)?;
    let kind = kind(&fields, diagnostics);
    let metadata = metadata(&fields, kind, diagnostics)?;
    let (spec_key, spec) = fields.require("spec", diagnostics)?;
    Some(Manifest {
        kind: kind?,
        name: metadata.name,
        name_span: metadata.name_span,
        labels: metadata.labels,
        environments: metadata.environments,
        spec_span: spec_key.span,
        spec: spec.clone(),
    })
}

fn kind(fields: &Fields<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Kind> {
    let (_, node) = fields.require("kind", diagnostics)?;
    let written = match scalar::read(node, &text()) {
        Ok(Json::String(text)) => text,
        _ => String::new(),
    };
    match written.as_str() {
        "Environment" => Some(Kind::Environment),
        "Service" => Some(Kind::Service),
        "ScheduledTask" => Some(Kind::ScheduledTask),
        "Overlay" => Some(Kind::Overlay),
        _ => {
            let title = format!("unknown kind `{written}`");
            let diagnostic = Diagnostic::at(node.span, title).label(did_you_mean(&written, KINDS));
            diagnostics.push(
                diagnostic.note("a manifest is an Environment, an Overlay, a ScheduledTask or a Service"),
            );
            None
        }
    }
}

struct Metadata {
    name: String,
    name_span: Span,
    labels: Option<Node>,
    environments: Option<Named>,
}

fn metadata(fields: &Fields<'_>, kind: Option<Kind>, diagnostics: &mut Vec<Diagnostic>) -> Option<Metadata> {
    let (key, node) = fields.require("metadata", diagnostics)?;
    let known: &[&str] = match kind {
        Some(Kind::Environment) => &["name", "labels"],
        Some(Kind::Overlay) => &["name", "environments"],
        Some(Kind::Service | Kind::ScheduledTask) | None => &["name", "labels", "environments"],
    };
    let metadata = Fields::read(node, "metadata", known, key.span, diagnostics)?;
    if let Some((key, labels)) = metadata.get("labels") {
        labels_are_text(labels, key, diagnostics);
    }
    let environments = match kind {
        Some(Kind::Overlay) => {
            let (key, node) = metadata.require("environments", diagnostics)?;
            Some(named(key, node, diagnostics)?)
        }
        _ => metadata.get("environments").and_then(|(key, node)| named(key, node, diagnostics)),
    };
    let (_, node) = metadata.require("name", diagnostics)?;
    let name = metadata.text("name", diagnostics)?;
    if !is_name(&name) {
        let diagnostic = Diagnostic::at(node.span, format!("`{name}` can't be a name"));
        diagnostics.push(diagnostic.label("1 to 255 letters, digits, hyphens and underscores"));
        return None;
    }
    let labels = metadata.get("labels").map(|(_, labels)| labels.clone());
    Some(Metadata { name, name_span: node.span, labels, environments })
}

/// Whether a manifest can have this name: ECS's rule for the name of a service.
pub fn is_name(name: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    !name.is_empty() && name.len() <= 255 && name.chars().all(allowed)
}

/// Names of environments. Whether they exist is known when all files are read.
fn named(key: &Key, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Named> {
    let Value::List(items) = &node.value else {
        let fault = scalar::mismatch("a list", node);
        diagnostics.push(diagnostic(node, "`environments`", fault));
        return None;
    };
    if items.is_empty() {
        let diagnostic = Diagnostic::at(node.span, "`environments` names no environment");
        diagnostics.push(diagnostic.label("name at least one, such as [production]"));
        return None;
    }
    let mut names: Vec<(String, Span)> = Vec::new();
    for item in items {
        match scalar::read(item, &text()) {
            Ok(Json::String(name)) if names.iter().any(|(other, _)| *other == name) => {
                let title = format!("`environments` names `{name}` twice");
                diagnostics.push(Diagnostic::at(item.span, title).label("the second time"));
            }
            Ok(name) => names.push((name.as_str().unwrap_or_default().to_owned(), item.span)),
            Err(fault) => diagnostics.push(diagnostic(item, "`environments`", fault)),
        }
    }
    Some(Named { key: key.span, names })
}

fn labels_are_text(labels: &Node, key: &Key, diagnostics: &mut Vec<Diagnostic>) {
    let names: Vec<&str> = match &labels.value {
        Value::Map(entries) => entries.iter().map(|(key, _)| key.text.as_str()).collect(),
        Value::Scalar(_) | Value::List(_) | Value::Refused => Vec::new(),
    };
    if let Some(fields) = Fields::read(labels, "`labels`", &names, key.span, diagnostics) {
        for name in names {
            fields.text(name, diagnostics);
        }
    }
}

fn foreign(span: Span) -> Diagnostic {
    Diagnostic::at(span, "this document is not a manifest")
        .label(format!("no `apiVersion: {API_VERSION}`"))
        .note("keep other YAML files outside of the manifest path")
}
