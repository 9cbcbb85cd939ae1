//! A tree as JSON. Numbers stay as they were written: `1.10` is no other text than in the manifest.

use crate::manifest::node::{Kind, Node, Scalar, Value};
use crate::model::Json;

pub fn text(node: &Node) -> String {
    let mut text = String::new();
    write(node, 0, &mut text);
    text
}

fn write(node: &Node, indent: usize, text: &mut String) {
    match &node.value {
        Value::Scalar(scalar) => text.push_str(&self::scalar(scalar)),
        Value::Refused => text.push_str("null"),
        Value::List(items) => {
            let items = items.iter().map(|item| (None, item));
            collection(('[', ']'), items, indent, text);
        }
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, node)| (Some(key.text.as_str()), node));
            collection(('{', '}'), entries, indent, text);
        }
    }
}

fn collection<'a>(
    (open, close): (char, char),
    items: impl Iterator<Item = (Option<&'a str>, &'a Node)>,
    indent: usize,
    text: &mut String,
) {
    let mut empty = true;
    text.push(open);
    for (key, node) in items {
        text.push_str(if empty { "\n" } else { ",\n" });
        text.push_str(&" ".repeat(indent + 2));
        if let Some(key) = key {
            text.push_str(&format!("{}: ", Json::from(key)));
        }
        write(node, indent + 2, text);
        empty = false;
    }
    if !empty {
        text.push('\n');
        text.push_str(&" ".repeat(indent));
    }
    text.push(close);
}

fn scalar(scalar: &Scalar) -> String {
    match scalar.kind() {
        Kind::Null => "null".to_owned(),
        Kind::Boolean(value) => value.to_string(),
        // JSON knows neither `0123` nor `+1`.
        Kind::Integer | Kind::Float if serde_json::from_str::<Json>(&scalar.text).is_ok() => {
            scalar.text.clone()
        }
        Kind::Integer | Kind::Float | Kind::Text => Json::from(scalar.text.as_str()).to_string(),
    }
}
