//! `${name}`: what an environment says, put where a service asks for it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::diagnostic::Diagnostic;
use super::node::{Key, Node, Scalar, Span, Value};
use super::suggest::did_you_mean;

/// Variables that every environment has.
pub const BUILT_IN: [&str; 4] = ["account", "cluster", "environment", "region"];

/// Values by name: scalars, or lists of scalars.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    pub values: BTreeMap<String, Node>,
    /// Name of the environment they come from.
    pub environment: String,
}

/// A piece of text between and in references.
#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
    /// `${` without its end.
    Open,
}

impl Variables {
    /// The tree with every reference replaced. Keys are left as they are.
    ///
    /// A scalar that is nothing but one reference takes the variable's value with its type, lists
    /// included. Wherever the value comes from, its place stays the one that asked for it.
    pub fn substitute(&self, node: &Node, file: &str, diagnostics: &mut Vec<Diagnostic>) -> Node {
        let value = match &node.value {
            Value::Scalar(scalar) if scalar.text.contains("${") => {
                return self.scalar(scalar, node.span, file, diagnostics);
            }
            Value::Scalar(_) | Value::Refused => return node.clone(),
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.substitute(item, file, diagnostics)).collect())
            }
            Value::Map(entries) => {
                let entry = |(key, node): &(Key, Node)| {
                    if key.text.contains("${") {
                        let diagnostic = Diagnostic::at(file, key.span, "variables can't stand in a key");
                        diagnostics.push(diagnostic.label("only in values"));
                    }
                    (key.clone(), self.substitute(node, file, diagnostics))
                };
                Value::Map(entries.iter().map(entry).collect())
            }
        };
        Node::new(node.span, value)
    }

    fn scalar(&self, scalar: &Scalar, span: Span, file: &str, diagnostics: &mut Vec<Diagnostic>) -> Node {
        let pieces = pieces(&scalar.text);
        if let [Piece::Name(name)] = pieces[..] {
            return match self.values.get(name) {
                Some(value) => placed(value, span, &Rc::from(name)),
                None => {
                    diagnostics.push(self.unknown(name, span, file));
                    refused(span)
                }
            };
        }
        let mut text = String::new();
        let mut sound = true;
        for piece in pieces {
            let error = match piece {
                Piece::Text(part) => {
                    text.push_str(part);
                    continue;
                }
                Piece::Open => {
                    Diagnostic::at(file, span, "`${` without `}`").label("write `$${` for the text `${`")
                }
                Piece::Name(name) => match self.values.get(name).map(|node| &node.value) {
                    Some(Value::Scalar(value)) => {
                        text.push_str(&value.text);
                        continue;
                    }
                    Some(_) => Diagnostic::at(file, span, format!("`${{{name}}}` is a list"))
                        .label("a list can't stand inside of a text; let it be the whole value"),
                    None => self.unknown(name, span, file),
                },
            };
            sound = false;
            diagnostics.push(error);
        }
        match sound {
            true => Node::text(text, span),
            false => refused(span),
        }
    }

    fn unknown(&self, name: &str, span: Span, file: &str) -> Diagnostic {
        let title = format!("unknown variable `{name}`");
        let diagnostic = Diagnostic::at(file, span, title);
        let diagnostic = diagnostic.label(did_you_mean(name, self.values.keys().map(String::as_str)));
        let environment = &self.environment;
        match name {
            "account" => diagnostic.note(format!("environment {environment} names no account")),
            _ => diagnostic.note(format!(
                "environment {environment} does not define it; write `$${{{name}}}` for the text `${{{name}}}`"
            )),
        }
    }
}

fn refused(span: Span) -> Node {
    Node::new(span, Value::Refused)
}

/// A variable's value as if it had been written at `span`.
fn placed(node: &Node, span: Span, variable: &Rc<str>) -> Node {
    let value = match &node.value {
        Value::Scalar(_) | Value::Refused => node.value.clone(),
        Value::List(items) => Value::List(items.iter().map(|item| placed(item, span, variable)).collect()),
        // Was reported where the variable is defined.
        Value::Map(_) => Value::Refused,
    };
    Node { span, value, variable: Some(Rc::clone(variable)) }
}

/// Takes text apart. `$${` is the text `${`.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if at > 0 && rest.as_bytes()[at - 1] == b'$' {
            pieces.push(Piece::Text(&rest[..at - 1]));
            pieces.push(Piece::Text("${"));
            rest = &rest[at + 2..];
            continue;
        }
        pieces.push(Piece::Text(&rest[..at]));
        rest = &rest[at + 2..];
        match rest.split_once('}') {
            Some((name, after)) => {
                pieces.push(Piece::Name(name));
                rest = after;
            }
            None => {
                pieces.push(Piece::Open);
                rest = "";
            }
        }
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}
