//! `${name}`: what an environment says, put where a service asks for it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::diagnostic::Diagnostic;
use super::limits::{EXPANDED_BYTES_MAX, NODES_MAX};
use super::lookups::Lookup;
use super::node::{Key, Node, Scalar, Span, Value, Variable};
use super::suggest::did_you_mean;

/// Variables that every environment has.
pub const BUILT_IN: [&str; 4] = ["account", "cluster", "environment", "region"];

/// Values by name: scalars, or lists of scalars.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    pub values: BTreeMap<String, Node>,
    /// Name of the environment they come from.
    pub environment: String,
    /// Those that stand elsewhere.
    pub lookups: Vec<Lookup>,
    /// What is to be known of values that were looked up, by variable.
    pub notes: BTreeMap<String, String>,
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
    pub fn substitute(&self, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Node {
        Substitution { variables: self, diagnostics, nodes: 0, bytes: 0, exceeded: false }.node(node)
    }

    /// What a text becomes; `None`: it can't be told, or it becomes a list.
    pub fn peek(&self, text: &str) -> Option<String> {
        let mut whole = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(part) => whole.push_str(part),
                Piece::Open => return None,
                Piece::Name(name) => match &self.values.get(name)?.value {
                    Value::Scalar(scalar) => whole.push_str(&scalar.text),
                    Value::List(_) | Value::Map(_) | Value::Refused => return None,
                },
            }
        }
        Some(whole)
    }

    /// The text that a text without references stands for; `None`: there are some in it.
    pub fn unescape(text: &str) -> Option<String> {
        let part = |piece| match piece {
            Piece::Text(part) => Some(part),
            Piece::Name(_) | Piece::Open => None,
        };
        pieces(text).into_iter().map(part).collect()
    }

    /// The variables that a text refers to.
    pub fn named_in(text: &str) -> impl Iterator<Item = &str> {
        pieces(text).into_iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name),
            Piece::Text(_) | Piece::Open => None,
        })
    }

    /// Whether no variable in a text still has to be looked up.
    pub fn knows(&self, text: &str) -> bool {
        let refused = |name: &str| self.values.get(name).is_some_and(|node| node.value == Value::Refused);
        !pieces(text).iter().any(|piece| matches!(piece, Piece::Name(name) if refused(name)))
    }
}

/// One walk through one document.
struct Substitution<'a> {
    variables: &'a Variables,
    diagnostics: &'a mut Vec<Diagnostic>,
    /// What variables have put in place so far.
    nodes: usize,
    bytes: usize,
    exceeded: bool,
}

impl<'a> Substitution<'a> {
    fn node(&mut self, node: &Node) -> Node {
        let value = match &node.value {
            Value::Scalar(scalar) if scalar.text.contains("${") => return self.scalar(scalar, node.span),
            Value::Scalar(_) | Value::Refused => return node.clone(),
            Value::List(items) => Value::List(items.iter().map(|item| self.node(item)).collect()),
            Value::Map(entries) => Value::Map(entries.iter().map(|entry| self.entry(entry)).collect()),
        };
        Node::new(node.span, value)
    }

    fn entry(&mut self, (key, node): &(Key, Node)) -> (Key, Node) {
        if key.text.contains("${") {
            let diagnostic = Diagnostic::at(key.span, "variables can't stand in a key");
            self.diagnostics.push(diagnostic.label("only in values"));
        }
        (key.clone(), self.node(node))
    }

    fn scalar(&mut self, scalar: &Scalar, span: Span) -> Node {
        let pieces = pieces(&scalar.text);
        if let [Piece::Name(name)] = pieces[..] {
            return match self.lookup(name, span) {
                Some(value) => placed(value, span, name, self.note(name)),
                None => refused(span),
            };
        }
        let mut text = String::new();
        let mut used = Vec::new();
        let mut sound = true;
        for piece in pieces {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Open => {
                    sound = false;
                    let diagnostic = Diagnostic::at(span, "`${` without `}`");
                    self.diagnostics.push(diagnostic.label("write `$${` for the text `${`"));
                }
                Piece::Name(name) => match self.lookup(name, span).map(|node| (node, &node.value)) {
                    Some((node, Value::Scalar(value))) => {
                        text.push_str(&value.text);
                        used.push(Rc::new(variable(name, node, self.note(name))));
                    }
                    Some((_, Value::List(_))) => {
                        sound = false;
                        let diagnostic = Diagnostic::at(span, format!("`${{{name}}}` is a list"));
                        let label = "a list can't stand inside of a text; let it be the whole value";
                        self.diagnostics.push(diagnostic.label(label));
                    }
                    Some((_, Value::Map(_) | Value::Refused)) | None => sound = false,
                },
            }
        }
        match sound {
            true => Node { variables: used, ..Node::text(text, span) },
            false => refused(span),
        }
    }

    fn note(&self, name: &str) -> &'a str {
        self.variables.notes.get(name).map_or("", String::as_str)
    }

    /// The value of a variable, if it exists and there is room for it; otherwise that is reported.
    fn lookup(&mut self, name: &str, span: Span) -> Option<&'a Node> {
        let Some(value) = self.variables.values.get(name) else {
            let diagnostic = self.unknown(name, span);
            self.diagnostics.push(diagnostic);
            return None;
        };
        let (nodes, bytes) = size(value);
        self.nodes += nodes;
        self.bytes += bytes;
        if self.nodes <= NODES_MAX && self.bytes <= EXPANDED_BYTES_MAX {
            return Some(value);
        }
        if !self.exceeded {
            let kibibytes = EXPANDED_BYTES_MAX / 1024;
            let title =
                format!("variables put more than {NODES_MAX} values or {kibibytes} KiB into one document");
            self.diagnostics.push(Diagnostic::at(span, title).label("the limit is passed here"));
        }
        self.exceeded = true;
        None
    }

    fn unknown(&self, name: &str, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::at(span, format!("unknown variable `{name}`"));
        let known = self.variables.values.keys().map(String::as_str);
        let diagnostic = diagnostic.label(did_you_mean(name, known));
        let environment = &self.variables.environment;
        match name {
            "account" => diagnostic.note(format!("environment {environment} names no account")),
            _ => diagnostic.note(format!(
                "environment {environment} does not define it; write `$${{{name}}}` for the text `${{{name}}}`"
            )),
        }
    }
}

/// Scalars and bytes of text of a variable's value.
fn size(node: &Node) -> (usize, usize) {
    match &node.value {
        Value::Scalar(scalar) => (1, scalar.text.len()),
        Value::List(items) => {
            items.iter().map(size).fold((1, 0), |sum, item| (sum.0 + item.0, sum.1 + item.1))
        }
        Value::Map(_) | Value::Refused => (1, 0),
    }
}

fn refused(span: Span) -> Node {
    Node::new(span, Value::Refused)
}

/// A variable's value as if it had been written at `span`.
fn placed(node: &Node, span: Span, name: &str, note: &str) -> Node {
    let value = match &node.value {
        Value::Scalar(_) | Value::Refused => node.value.clone(),
        Value::List(items) => Value::List(items.iter().map(|item| placed(item, span, name, note)).collect()),
        // Was reported where the variable is defined.
        Value::Map(_) => Value::Refused,
    };
    Node { span, value, variables: vec![Rc::new(variable(name, node, note))] }
}

fn variable(name: &str, node: &Node, note: &str) -> Variable {
    let says = match &node.value {
        Value::Scalar(scalar) => format!("`${{{name}}}` is `{}`{note}", scalar.text),
        Value::List(_) | Value::Map(_) | Value::Refused => {
            format!("`${{{name}}}` is {}{note}", node.description())
        }
    };
    let looked_up = (!note.is_empty()).then(|| name.to_owned());
    Variable { set: node.anchor(), says, looked_up }
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
