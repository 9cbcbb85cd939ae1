//! When a plan's path, a call's body and AWS's answer are what was asked for.

use reconciler::model::{FieldPath, Segment};
use reconciler::shape::api::{Shape, Type};
use serde_json::Value;

use super::cases::{Case, Step};

/// Whether a plan's path is that of the member: one below it, or that of a list in which it stands.
pub fn is_about(path: &FieldPath, case: &Case) -> bool {
    let pointer = case.pointer_in_spec();
    let mut steps: Vec<Step> = Vec::new();
    for part in pointer.split('/').skip(1) {
        steps.push(if part == "0" { Step::Element } else { Step::Name(part.to_owned()) });
    }
    let mut steps = steps.iter();
    for segment in &path.0 {
        match (segment, steps.next()) {
            (_, None) => return true,
            (Segment::Field(name), Some(Step::Name(expected))) if name == expected => {}
            (Segment::Key(_) | Segment::Index(_), Some(Step::Element)) => {}
            // A list of names and values is told as the map that it is.
            (Segment::Field(_), Some(Step::Element)) => return true,
            _ => return false,
        }
    }
    let inside_a_list = matches!(path.0.last(), Some(Segment::Key(_)));
    match steps.next() {
        None => true,
        Some(Step::Element) => true,
        Some(Step::Name(_)) => inside_a_list,
    }
}

/// Visits each member of a body, and compares it with what Git says where Git says anything.
pub fn compare(
    kind: Type<'_>,
    body: &Value,
    asked: Option<&Value>,
    path: &mut String,
    seen: &mut dyn FnMut(&str, Result<(), String>),
) {
    match (kind.shape(), body) {
        (Shape::Structure { required, .. }, Value::Object(members)) => {
            // AWS refuses a structure without them, wherever it stands.
            for name in required.iter().filter(|name| !members.contains_key(*name)) {
                seen(path, Err(format!("without its `{name}`")));
            }
            for (name, value) in members {
                let Some(member) = kind.member(name) else { continue };
                let length = path.len();
                let dot = if path.is_empty() { "" } else { "." };
                path.push_str(&format!("{dot}{name}"));
                let of_git = asked.and_then(|it| it.get(name)).filter(|it| !it.is_null());
                let composite = matches!(member.shape(), Shape::Structure { .. } | Shape::List { .. });
                match of_git {
                    Some(of_git) if !composite && !same(value, of_git) => {
                        seen(path, Err(format!("as {value}, not {of_git}")));
                    }
                    _ => seen(path, Ok(())),
                }
                compare(member, value, of_git, path, seen);
                path.truncate(length);
            }
        }
        (Shape::List { .. }, Value::Array(items)) => {
            let Some(element) = kind.element() else { return };
            let length = path.len();
            path.push_str("[]");
            for (index, item) in items.iter().enumerate() {
                compare(element, item, asked.and_then(|it| it.get(index)), path, seen);
            }
            path.truncate(length);
        }
        _ => {}
    }
}

/// The same value, however a time or a number is written.
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Number(seconds), Value::String(text)) | (Value::String(text), Value::Number(seconds)) => {
            let format = &time::format_description::well_known::Rfc3339;
            let at = time::OffsetDateTime::parse(text, format).map(|at| at.unix_timestamp() as f64);
            at.ok() == seconds.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            // Tags of our own stand behind those of Git.
            one.len() >= other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        (one, other) => one == other,
    }
}

/// Whether what was sent is what was asked for; a structure may have more that is filled in.
pub fn carries(sent: &Value, asked: &Value) -> bool {
    match (sent, asked) {
        (Value::Object(sent), Value::Object(asked)) => {
            asked.iter().all(|(name, asked)| sent.get(name).is_some_and(|sent| carries(sent, asked)))
        }
        (sent, asked) => same(sent, asked),
    }
}

/// Whether what is live holds what was asked for; AWS may have added to it.
pub fn holds(live: &Value, asked: &Value) -> bool {
    match (live, asked) {
        (Value::Object(live), Value::Object(asked)) => {
            asked.iter().all(|(name, asked)| live.get(name).is_some_and(|live| holds(live, asked)))
        }
        (Value::Array(live), Value::Array(asked)) => {
            asked.iter().all(|asked| live.iter().any(|live| holds(live, asked)))
        }
        (Value::String(live), Value::String(asked)) => {
            // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PlacementStrategy.html
            live == asked || live.to_lowercase() == *asked || (live == "instanceId" && asked == "host")
        }
        (live, asked) => same(live, asked),
    }
}

pub fn replaced(value: &Value, [one, two]: &[String; 2]) -> Value {
    let text = value.to_string().replace("$GROUP_ONE", one).replace("$GROUP_TWO", two);
    serde_json::from_str(&text).unwrap()
}
