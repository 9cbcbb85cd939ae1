//! A tree as JSON. What a reader of JSON would write in another way is a text: ECS gets `1.10` as it stands.

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
        Kind::Integer | Kind::Float if stays(&scalar.text) => scalar.text.clone(),
        Kind::Integer | Kind::Float | Kind::Text => Json::from(scalar.text.as_str()).to_string(),
    }
}

/// Whether a number is written again as it was: JSON knows neither `0123` nor `+1`, and `1.10` becomes `1.1`.
fn stays(number: &str) -> bool {
    serde_json::from_str::<Json>(number)
        .and_then(|read| serde_json::to_string(&read))
        .is_ok_and(|text| text == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_json_would_write_in_another_way_is_a_text() {
        for (written, expected) in [
            ("1", "1"),
            ("-5", "-5"),
            ("60.5", "60.5"),
            ("1.10", "\"1.10\""),
            ("1e3", "\"1e3\""),
            ("0123", "\"0123\""),
            ("123456789012345678901234", "\"123456789012345678901234\""),
        ] {
            assert_eq!(scalar(&Scalar { text: written.to_owned(), plain: true }), expected);
        }
    }
}
