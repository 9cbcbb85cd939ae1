//! The Environment that an earlier import wrote: what stands in its file stays, and variables are added.

use super::tree::Tree;
use super::variables::Variable;
use super::{Home, yaml};
use crate::manifest::document::{self, Key, Node, Value};

/// The file of an Environment, to which variables can be added.
#[derive(Clone, Debug)]
pub struct Existing {
    text: String,
    variables: Vec<(String, Node)>,
}

impl Existing {
    /// Reads the file; an error says why nothing can be added to it.
    pub fn read(text: &str, home: &Home) -> Result<Self, String> {
        let spec = spec(text).ok_or("is not one Environment")?;
        for (field, here) in [("region", &home.region), ("cluster", &home.cluster)] {
            match member(&spec, field).map(|(_, node)| &node.value) {
                Some(Value::Scalar(scalar)) if scalar.text != *here => {
                    return Err(format!("is of the {field} {}, and this import is of {here}", scalar.text));
                }
                _ => {}
            }
        }
        let existing = Self { text: text.to_owned(), variables: variables(&spec) };
        let mut probe = "probe".to_owned();
        while existing.has(&probe) {
            probe.push('_');
        }
        existing.insert(&[(probe, Tree::text("1"))]).ok_or("does not have its fields each on a line")?;
        Ok(existing)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.variables.iter().map(|(name, _)| name)
    }

    /// The variable of this value.
    pub(super) fn name_of(&self, value: &Tree) -> Option<&str> {
        self.variables.iter().find(|(_, node)| is(node, value)).map(|(name, _)| name.as_str())
    }

    /// Whether a variable has to be filled in or looked up before anything can be loaded.
    pub(super) fn is_open(&self) -> bool {
        self.variables.iter().any(|(_, node)| match &node.value {
            Value::Scalar(scalar) => scalar.kind() == document::Kind::Null,
            Value::List(_) => false,
            Value::Map(_) | Value::Refused => true,
        })
    }

    /// Whether the file says another value than a source that names the variable alike.
    pub(super) fn contradicts(&self, variable: &Variable) -> bool {
        let known = self.variables.iter().find(|(name, _)| *name == variable.name);
        !matches!(variable.value, Tree::Missing(_) | Tree::Map(_))
            && known.is_some_and(|(_, node)| !is(node, &variable.value))
    }

    /// The text of the file with what is new among these variables.
    pub(super) fn with(&self, variables: &[Variable]) -> String {
        let new = variables.iter().filter(|variable| !self.has(&variable.name));
        let new: Vec<(String, Tree)> = new.map(|it| (it.name.clone(), it.value.clone())).collect();
        if new.is_empty() {
            return self.text.clone();
        }
        self.insert(&new).unwrap_or_else(|| self.text.clone())
    }

    fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// `None` where that would not read as the same and these: flow style, mostly.
    fn insert(&self, new: &[(String, Tree)]) -> Option<String> {
        let spec = spec(&self.text)?;
        let (added, last, column) = match member(&spec, "variables") {
            Some((_, node)) => {
                let Value::Map(entries) = &node.value else { return None };
                let (key, last) = entries.last()?;
                (Tree::Map(new.to_vec()), last, key.span.column)
            }
            None => {
                let Value::Map(entries) = &spec.value else { return None };
                let (key, last) = entries.last()?;
                (Tree::map([("variables", Tree::Map(new.to_vec()))]), last, key.span.column)
            }
        };
        let indent = " ".repeat(column - 1);
        let lines: String = yaml::write(&added).lines().map(|line| format!("{indent}{line}\n")).collect();
        let (before, after) = self.text.split_at_checked(end(last))?;
        let before = match before.ends_with('\n') {
            true => (before.to_owned(), after),
            false => {
                let (rest, after) = after.split_once('\n').unwrap_or((after, ""));
                (format!("{before}{rest}\n"), after)
            }
        };
        let text = format!("{}{lines}{}", before.0, before.1);
        let read = variables(&self::spec(&text)?);
        let names = self.names().chain(new.iter().map(|(name, _)| name));
        read.iter().map(|(name, _)| name).eq(names).then_some(text)
    }
}

fn spec(text: &str) -> Option<Node> {
    let documents = document::parse(text).ok()?;
    let [document] = documents.as_slice() else { return None };
    let kind = member(document, "kind").map(|(_, node)| &node.value);
    let is_one = matches!(kind, Some(Value::Scalar(scalar)) if scalar.text == "Environment");
    is_one.then(|| member(document, "spec").map(|(_, node)| node.clone())).flatten()
}

fn member<'n>(node: &'n Node, name: &str) -> Option<(&'n Key, &'n Node)> {
    match &node.value {
        Value::Map(entries) => {
            entries.iter().find(|(key, _)| key.text == name).map(|(key, value)| (key, value))
        }
        Value::Scalar(_) | Value::List(_) | Value::Refused => None,
    }
}

fn variables(spec: &Node) -> Vec<(String, Node)> {
    match member(spec, "variables").map(|(_, node)| &node.value) {
        Some(Value::Map(entries)) => {
            entries.iter().map(|(key, node)| (key.text.clone(), node.clone())).collect()
        }
        _ => Vec::new(),
    }
}

/// Where the last thing in a value ends.
fn end(node: &Node) -> usize {
    let below = match &node.value {
        Value::Map(entries) => entries.last().map(|(_, node)| node),
        Value::List(items) => items.last(),
        Value::Scalar(_) | Value::Refused => None,
    };
    below.map_or(node.span.end, end)
}

fn is(node: &Node, value: &Tree) -> bool {
    match (&node.value, value) {
        (Value::Scalar(scalar), Tree::Text(text) | Tree::Number(text)) => scalar.text == *text,
        (Value::List(nodes), Tree::List(items)) => {
            nodes.len() == items.len() && nodes.iter().zip(items).all(|(node, item)| is(node, item))
        }
        _ => false,
    }
}
