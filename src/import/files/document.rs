//! JSON or YAML as a tree, and where it is broken.

use super::FileError;
use crate::manifest::document::{self, Kind, Node, Scalar, Value};
use crate::model::Json;

pub(super) fn parse(file: &str, text: &str) -> Result<Json, FileError> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    // JSON is YAML: what is broken, or has templates where JSON wants a number, is read as such.
    let nodes = document::parse(text)
        .map_err(|error| FileError::at(file, (error.span.line, error.span.column), error.message, ""))?;
    match nodes.as_slice() {
        [node] => Ok(json(node)),
        [] => Err(FileError::of(file, "the file is empty or was not found", "")),
        _ => Err(FileError::of(file, "several documents in one file", "give each a file of its own")),
    }
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.text.clone(), json(node))).collect(),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Scalar(scalar) => value(scalar),
        Value::Refused => Json::Null,
    }
}

fn value(scalar: &Scalar) -> Json {
    match scalar.kind() {
        Kind::Null => Json::Null,
        Kind::Boolean(flag) => Json::Bool(flag),
        // `0123` and `1.10` are texts to whoever wrote them, unless a number is wanted.
        Kind::Integer | Kind::Float => match serde_json::from_str::<Json>(&scalar.text) {
            Ok(number) if format!("{number}") == scalar.text => number,
            Ok(_) | Err(_) => Json::from(scalar.text.as_str()),
        },
        Kind::Text => Json::from(scalar.text.as_str()),
    }
}
