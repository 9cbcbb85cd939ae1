//! A manifest as its environment has it, overlays and variables in place, written down as a manifest again.

mod json;
mod yaml;

use super::diagnostic::Diagnostics;
use super::envelope::{Kind, Manifest};
use super::files::Files;
use super::node::{Key, Node, Scalar, Span, Value};
use super::{desired, read_documents};
use crate::model::{Answers, Checkout, Origin, Workload};
use crate::shape::api::Api;
use crate::shape::layout::API_VERSION;

/// One manifest, written flat.
#[derive(Clone, Debug)]
pub struct Flat {
    pub name: String,
    /// `None`: the environment itself.
    pub workload: Option<Workload>,
    pub yaml: Vec<Line>,
    /// Without a line end.
    pub json: String,
}

/// A line of YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    /// Where its value was written; then, where the variables in it were set.
    pub origins: Vec<Origin>,
    /// Whether a comment may follow: not in the middle of a text.
    pub complete: bool,
}

/// Writes down all that a commit wants of one environment, and the environment: loaded again, it has
/// the same digests. Whatever `load` refuses is refused.
pub fn render(
    checkout: &Checkout,
    environment: Option<&str>,
    api: &Api,
    answers: &Answers,
) -> Result<Vec<Flat>, Diagnostics> {
    let files = Files::of(checkout);
    let mut documents = read_documents(checkout, &files);
    let mut flat = Vec::new();
    let mut visit = |manifest: &Manifest, spec: &Node| flat.push(flatten(manifest, spec, &files));
    let setting = (environment, Some(answers), None);
    let desired = desired(checkout, &files, &mut documents, setting, api, &mut visit);
    match desired {
        Some(_) if documents.diagnostics.is_empty() => {
            flat.sort_by(|one, other| (one.workload, &one.name).cmp(&(other.workload, &other.name)));
            Ok(flat)
        }
        _ => Err(Diagnostics::new(documents.diagnostics, &files)),
    }
}

fn flatten(manifest: &Manifest, spec: &Node, files: &Files<'_>) -> Flat {
    let (kind, workload) = match manifest.kind {
        Kind::Service => ("Service", Some(Workload::Service)),
        Kind::ScheduledTask => ("ScheduledTask", Some(Workload::ScheduledTask)),
        Kind::Environment | Kind::Overlay => ("Environment", None),
    };
    let ours = Span::default();
    let field = |name: &str, node: Node| (Key { text: name.to_owned(), span: node.span }, node);
    let word =
        |text: &str, span| Node::new(span, Value::Scalar(Scalar { text: text.to_owned(), plain: false }));
    let mut metadata = vec![field("name", word(&manifest.name, manifest.name_span))];
    metadata.extend(manifest.labels.iter().map(|labels| field("labels", labels.clone())));
    let mut spec = escaped(spec);
    if let (Value::Map(entries), None) = (&mut spec.value, workload) {
        // Nothing refers to them any more.
        entries.retain(|(key, _)| key.text != "variables");
    }
    spec.span = manifest.spec_span;
    let document = Node::new(
        ours,
        Value::Map(vec![
            field("apiVersion", word(API_VERSION, ours)),
            field("kind", word(kind, ours)),
            field("metadata", Node::new(ours, Value::Map(metadata))),
            field("spec", spec),
        ]),
    );
    let yaml = yaml::lines(&document, files);
    Flat { name: manifest.name.clone(), workload, yaml, json: json::text(&document) }
}

/// `${` that is meant as text, written so that it is read as text again.
fn escaped(node: &Node) -> Node {
    let value = match &node.value {
        Value::Scalar(scalar) => {
            Value::Scalar(Scalar { text: scalar.text.replace("${", "$${"), plain: scalar.plain })
        }
        Value::List(items) => Value::List(items.iter().map(escaped).collect()),
        Value::Map(entries) => {
            Value::Map(entries.iter().map(|(key, node)| (key.clone(), escaped(node))).collect())
        }
        Value::Refused => Value::Refused,
    };
    Node { span: node.span, value, variables: node.variables.clone() }
}

#[cfg(test)]
mod tests;
