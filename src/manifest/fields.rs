//! The mappings that are ours rather than AWS's, read field by field.

use super::diagnostic::Diagnostic;
use super::node::{Key, Node, Span, Value};
use super::scalar::{self, Fault};
use super::suggest::{any_of, did_you_mean, nearest};
use crate::model::Json;
use crate::shape::api::Shape;

/// The fields of one mapping, all of them known.
pub struct Fields<'a> {
    /// What the mapping is called in a sentence: `metadata`.
    noun: &'static str,
    anchor: Span,
    entries: &'a [(Key, Node)],
    /// Fields that were only misspelt.
    meant: Vec<String>,
    unknown: bool,
}

impl<'a> Fields<'a> {
    /// Takes a mapping apart; reports fields that are not among `known`.
    pub fn read(
        node: &'a Node,
        noun: &'static str,
        known: &[&str],
        anchor: Span,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Refused => return None,
            Value::Scalar(_) | Value::List(_) => {
                let fault = scalar::mismatch("a mapping", node);
                diagnostics.push(diagnostic(node, noun, fault));
                return None;
            }
        };
        let mut meant = Vec::new();
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            let title = format!("unknown field `{}` in {noun}", key.text);
            let label = did_you_mean(&key.text, known.iter().copied());
            meant.extend(nearest(&key.text, known.iter().copied()).map(str::to_owned));
            let note = format!("{noun} has {}", any_of(known.iter().copied()).replace(" or ", " and "));
            diagnostics.push(Diagnostic::at(key.span, title).label(label).note(note));
        }
        let unknown = entries.iter().any(|(key, _)| !known.contains(&key.text.as_str()));
        Some(Self { noun, anchor, entries, meant, unknown })
    }

    /// Whether a field was reported as unknown.
    pub fn has_unknown(&self) -> bool {
        self.unknown
    }

    pub fn get(&self, name: &str) -> Option<(&'a Key, &'a Node)> {
        self.entries.iter().find(|(key, _)| key.text == name).map(|(key, node)| (key, node))
    }

    /// A field that has to be there.
    pub fn require(&self, name: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<(&'a Key, &'a Node)> {
        let found = self.get(name);
        if found.is_none() && !self.meant.iter().any(|meant| meant == name) {
            let title = format!("{} has no `{name}`", self.noun);
            diagnostics.push(Diagnostic::at(self.anchor, title).label(format!("`{name}` is required")));
        }
        found
    }

    /// A scalar field, read as AWS's types are.
    pub fn scalar(&self, name: &str, shape: &Shape, diagnostics: &mut Vec<Diagnostic>) -> Option<Json> {
        let (_, node) = self.get(name)?;
        if node.value == Value::Refused {
            return None;
        }
        match scalar::read(node, shape) {
            Ok(value) => Some(value),
            Err(fault) => {
                diagnostics.push(diagnostic(node, &format!("`{name}`"), fault));
                None
            }
        }
    }

    pub fn text(&self, name: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
        match self.scalar(name, &text(), diagnostics) {
            Some(Json::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The elements of a list field; empty if there is none.
    pub fn list(&self, name: &str, diagnostics: &mut Vec<Diagnostic>) -> &'a [Node] {
        match self.get(name).map(|(_, node)| node) {
            Some(Node { value: Value::List(items), .. }) => items,
            None | Some(Node { value: Value::Refused, .. }) => &[],
            Some(node) => {
                let fault = scalar::mismatch("a list", node);
                diagnostics.push(diagnostic(node, &format!("`{name}`"), fault));
                &[]
            }
        }
    }
}

/// Any text.
pub fn text() -> Shape {
    Shape::String { values: Vec::new(), min: None, max: None, pattern: None }
}

/// One of a few words.
pub fn one_of(words: &[&str]) -> Shape {
    let values = words.iter().map(|word| (*word).to_owned()).collect();
    Shape::String { values, min: None, max: None, pattern: None }
}

/// A fault of the value that `subject` names.
pub fn diagnostic(node: &Node, subject: &str, fault: Fault) -> Diagnostic {
    let mut diagnostic = Diagnostic::at(node.span, format!("{subject} {}", fault.wrong)).label(fault.label);
    diagnostic.notes.extend(fault.note);
    diagnostic.set_by(&node.variables)
}
