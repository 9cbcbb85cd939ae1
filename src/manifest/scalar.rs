//! One scalar of a manifest as the JSON value that AWS takes for it, or why it can't be one.

use serde_json::Number;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::node::{Kind, Node, Scalar, Value};
use super::suggest::{any_of, nearest};
use crate::model::Json;
use crate::shape::api::{Pattern, Shape};

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Follows the field's name: `must be a whole number, not text`.
    pub wrong: String,
    /// Said under the carets.
    pub label: String,
    pub note: Option<String>,
}

impl Fault {
    pub fn new(wrong: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), label: String::new(), note: None }
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// Reads a scalar as `shape` wants it. Lists, mappings and structures are not its business.
pub fn read(node: &Node, shape: &Shape) -> Result<Json, Fault> {
    let wanted = match shape {
        Shape::String { .. } => "text",
        Shape::Integer { .. } | Shape::Long { .. } => "a whole number",
        Shape::Double { .. } => "a number",
        Shape::Boolean {} => "true or false",
        Shape::Timestamp {} => "a time",
        Shape::List { .. } => "a list",
        Shape::Map { .. } | Shape::Structure { .. } => "a mapping",
        Shape::Document {} => "any value",
    };
    let scalar = match &node.value {
        Value::Scalar(scalar) if scalar.kind() == Kind::Null => {
            return match shape {
                Shape::Document {} => Ok(Json::Null),
                shape => Err(empty(node, matches!(shape, Shape::String { .. }))),
            };
        }
        Value::Scalar(scalar) => scalar,
        Value::List(_) | Value::Map(_) | Value::Refused => return Err(mismatch(wanted, node)),
    };
    match shape {
        Shape::String { values, min, max, pattern } => {
            string(&scalar.text, values, (*min, *max), pattern.as_deref())
        }
        Shape::Integer { min, max } => {
            whole(node, scalar, min.unwrap_or(i32::MIN.into()), max.unwrap_or(i32::MAX.into()))
        }
        Shape::Long { min, max } => whole(node, scalar, min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX)),
        Shape::Double { min, max } => double(node, scalar, *min, *max),
        Shape::Boolean {} => boolean(node, scalar),
        Shape::Timestamp {} => timestamp(scalar),
        Shape::Document {} => free(node, scalar),
        Shape::List { .. } | Shape::Map { .. } | Shape::Structure { .. } => Err(mismatch(wanted, node)),
    }
}

/// What YAML's core schema takes a scalar for.
pub fn free(node: &Node, scalar: &Scalar) -> Result<Json, Fault> {
    match scalar.kind() {
        Kind::Null => Ok(Json::Null),
        Kind::Boolean(value) => Ok(Json::Bool(value)),
        Kind::Integer => whole(node, scalar, i64::MIN, i64::MAX),
        Kind::Float => double(node, scalar, None, None),
        Kind::Text => Ok(Json::String(scalar.text.clone())),
    }
}

pub fn mismatch(wanted: &str, node: &Node) -> Fault {
    if node.is_null() {
        return empty(node, false);
    }
    Fault::new(format!("must be {wanted}, not {}", node.description()))
}

fn empty(node: &Node, text: bool) -> Fault {
    let label = if node.is_explicit_null() {
        "leave it out: only an Overlay takes a field away with `null`"
    } else if text {
        "leave it out, or write \"\" for an empty text"
    } else {
        "leave it out, or give it a value"
    };
    Fault::new("has no value").label(label)
}

fn string(
    text: &str,
    values: &[String],
    (min, max): (Option<u64>, Option<u64>),
    pattern: Option<&str>,
) -> Result<Json, Fault> {
    if !values.is_empty() && !values.iter().any(|value| value == text) {
        let values = || values.iter().map(String::as_str);
        let fault = Fault::new(format!("can't be `{text}`")).note(format!("allowed: {}", any_of(values())));
        return Err(match nearest(text, values()) {
            Some(name) => fault.label(format!("did you mean `{name}`?")),
            None => fault,
        });
    }
    let length = text.chars().count() as u64;
    if min.is_some_and(|min| length < min) || max.is_some_and(|max| length > max) {
        return Err(Fault::new(format!("has {}", counted(length, "character"))).label(limits(
            min,
            max,
            "character",
        )));
    }
    match pattern.and_then(Pattern::recognise) {
        Some(pattern) if !pattern.accepts(text) => {
            let (wrong, label) = pattern.fault();
            Err(Fault::new(wrong).label(label))
        }
        _ => Ok(Json::String(text.to_owned())),
    }
}

fn whole(node: &Node, scalar: &Scalar, min: i64, max: i64) -> Result<Json, Fault> {
    let fault = mismatch("a whole number", node);
    if scalar.kind() != Kind::Integer {
        let quoted = Scalar { text: scalar.text.clone(), plain: true };
        return Err(match (scalar.kind(), quoted.kind()) {
            (Kind::Text, Kind::Integer) => fault.label("write it without quotes"),
            (Kind::Float, _) => Fault::new("must be a whole number").label("without a fraction"),
            _ => fault,
        });
    }
    let digits = scalar.text.trim_start_matches(['+', '-']);
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        // YAML 1.1 read this as octal, YAML 1.2 as decimal; readers differ as well.
        return Err(Fault::new("must be a whole number without leading zeros"));
    }
    let number = match digits.get(..2) {
        Some("0x") => i64::from_str_radix(&digits[2..], 16),
        Some("0o") => i64::from_str_radix(&digits[2..], 8),
        _ => scalar.text.parse(),
    };
    match number {
        Ok(number) if (min..=max).contains(&number) => Ok(Json::from(number)),
        _ => Err(Fault::new(format!("can't be {}", scalar.text)).label(range(min, max))),
    }
}

fn range(min: i64, max: i64) -> String {
    // The ends of the integer types are no limits that anyone means.
    let (low, high) = (min > i64::from(i32::MIN), max < i64::from(i32::MAX));
    match (low, high) {
        (true, true) => format!("must be from {min} to {max}"),
        (true, false) => format!("must be at least {min} and at most {max}"),
        (false, _) => format!("must be at most {max}"),
    }
}

fn double(node: &Node, scalar: &Scalar, min: Option<f64>, max: Option<f64>) -> Result<Json, Fault> {
    if !matches!(scalar.kind(), Kind::Integer | Kind::Float) {
        let quoted = Scalar { text: scalar.text.clone(), plain: true };
        let fault = mismatch("a number", node);
        return Err(match (scalar.kind(), quoted.kind()) {
            (Kind::Text, Kind::Integer | Kind::Float) => fault.label("write it without quotes"),
            _ => fault,
        });
    }
    let number = scalar.text.parse::<f64>().ok().and_then(Number::from_f64);
    let Some(number) = number else {
        return Err(Fault::new(format!("can't be {}", scalar.text)).label("must be a finite decimal number"));
    };
    let value = number.as_f64().unwrap_or_default();
    if min.is_some_and(|min| value < min) || max.is_some_and(|max| value > max) {
        let label = match (min, max) {
            (Some(min), Some(max)) => format!("must be from {min} to {max}"),
            (Some(min), None) => format!("must be at least {min}"),
            (None, max) => format!("must be at most {}", max.unwrap_or(f64::MAX)),
        };
        return Err(Fault::new(format!("can't be {}", scalar.text)).label(label));
    }
    Ok(Json::Number(number))
}

pub fn boolean(node: &Node, scalar: &Scalar) -> Result<Json, Fault> {
    if let Kind::Boolean(value) = scalar.kind() {
        return Ok(Json::Bool(value));
    }
    let fault = mismatch("true or false", node);
    Err(match scalar.text.to_lowercase().as_str() {
        "yes" | "on" | "y" => fault.label("write `true`: YAML 1.2 knows no other word for it"),
        "no" | "off" | "n" => fault.label("write `false`: YAML 1.2 knows no other word for it"),
        "true" | "false" => fault.label("write it without quotes"),
        _ => fault,
    })
}

/// Seconds since the epoch, as awsJson has it; people may write RFC 3339.
fn timestamp(scalar: &Scalar) -> Result<Json, Fault> {
    let seconds = match scalar.kind() {
        Kind::Integer | Kind::Float => scalar.text.parse::<f64>().ok(),
        Kind::Null | Kind::Boolean(_) | Kind::Text => OffsetDateTime::parse(&scalar.text, &Rfc3339)
            .ok()
            .map(|at| at.unix_timestamp_nanos() as f64 / 1e9),
    };
    seconds
        .and_then(Number::from_f64)
        .map(Json::Number)
        .ok_or_else(|| Fault::new("must be a time").label("such as 2026-11-21T08:00:00Z"))
}

/// `must have 1 to 128 characters`
pub fn limits(min: Option<u64>, max: Option<u64>, noun: &str) -> String {
    match (min.filter(|min| *min > 0), max) {
        (Some(min), Some(max)) if min == max => format!("must have {}", counted(min, noun)),
        (Some(min), Some(max)) => format!("must have {min} to {}", counted(max, noun)),
        (Some(min), None) => format!("must have at least {}", counted(min, noun)),
        (None, Some(max)) => format!("may have at most {}", counted(max, noun)),
        (None, None) => String::new(),
    }
}

pub fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
