//! Reads members of a request, with AWS's refusals for a missing or wrongly typed one.

use serde_json::{Map, Value};

use crate::error::ApiError;

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

pub(super) fn client(message: impl Into<String>) -> ApiError {
    ApiError::new("ClientException", message)
}

fn wrong_type(name: &str, wanted: &str) -> ApiError {
    ApiError::new("SerializationException", format!("{name} can not be converted to {wanted}"))
}

pub(super) fn text<'a>(input: &'a Value, name: &str) -> Result<Option<&'a str>, ApiError> {
    match input.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong_type(name, "a String")),
    }
}

pub(super) fn required_text<'a>(input: &'a Value, name: &str) -> Result<&'a str, ApiError> {
    text(input, name)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| invalid(format!("{name} cannot be empty.")))
}

pub(super) fn integer(input: &Value, name: &str) -> Result<Option<i64>, ApiError> {
    match input.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong_type(name, "an Integer")),
    }
}

pub(super) fn boolean(input: &Value, name: &str) -> Result<bool, ApiError> {
    match input.get(name) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(wrong_type(name, "a Boolean")),
    }
}

pub(super) fn list<'a>(input: &'a Value, name: &str) -> Result<&'a [Value], ApiError> {
    match input.get(name) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(wrong_type(name, "a List")),
    }
}

pub(super) fn texts<'a>(input: &'a Value, name: &str) -> Result<Vec<&'a str>, ApiError> {
    list(input, name)?.iter().map(|item| item.as_str().ok_or_else(|| wrong_type(name, "a String"))).collect()
}

pub(super) fn includes(input: &Value, what: &str) -> Result<bool, ApiError> {
    Ok(texts(input, "include")?.contains(&what))
}

pub(super) fn members(input: &Value) -> Map<String, Value> {
    input.as_object().cloned().unwrap_or_default()
}

/// The cluster's name. AWS takes an absent cluster for the one named `default`.
pub(super) fn cluster_name(input: &Value) -> Result<&str, ApiError> {
    let reference = text(input, "cluster")?.unwrap_or("default");
    Ok(super::arn::last(reference))
}

/// 1 to 255 letters, digits, hyphens and underscores: what ECS allows in most names.
pub(super) fn is_name(text: &str) -> bool {
    const LENGTH_MAX: usize = 255;
    (1..=LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
