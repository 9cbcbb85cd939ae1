//! When two single values mean the same.

use crate::model::Json;
use crate::shape::rules::Equality;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Compares two values that are not walked into.
pub(super) fn same_scalar(equality: Equality, one: &Json, other: &Json) -> bool {
    if one == other || (is_blank(one) && is_blank(other)) {
        return true;
    }
    match equality {
        Equality::Number => match (number(one), number(other)) {
            (Some(one), Some(other)) => one == other,
            // An absent number compares as an empty text.
            _ => false,
        },
        Equality::Percent => near(number(one), number(other), 0.05),
        Equality::UnitCpu => near(units(one, "vcpu"), units(other, "vcpu"), 0.5),
        Equality::UnitMemory => near(units(one, "gb"), units(other, "gb"), 0.5),
        Equality::ArnTail => tail(one).is_some() && tail(one) == tail(other),
        Equality::NameUnlessArn => is_arn(one) != is_arn(other),
        Equality::PlacementField => {
            let field =
                |value| folded(value).map(|text| if text == "host" { "instanceid".to_owned() } else { text });
            field(one).is_some() && field(one) == field(other)
        }
        Equality::Instant => near(instant(one), instant(other), 0.0005),
        Equality::Document => document(one) == document(other),
        Equality::Exact
        | Equality::Members
        | Equality::Map
        | Equality::Ordered
        | Equality::Set
        | Equality::KeyedBy(_)
        | Equality::MapByName(_) => match (one, other) {
            (Json::Number(one), Json::Number(other)) => one.as_f64() == other.as_f64(),
            _ => false,
        },
    }
}

/// `""`, `[]` or `{}`.
pub(super) fn is_blank(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(list) => list.is_empty(),
        Json::Object(members) => members.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

fn near(one: Option<f64>, other: Option<f64>, tolerance: f64) -> bool {
    one.zip(other).is_some_and(|(one, other)| (one - other).abs() < tolerance)
}

fn number(value: &Json) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// CPU units or MiB; a number with the big unit counts 1,024 of them.
fn units(value: &Json, big: &str) -> Option<f64> {
    let Some(text) = value.as_str() else { return value.as_f64() };
    let text = text.trim().to_ascii_lowercase();
    match text.strip_suffix(big) {
        Some(count) => Some(count.trim().parse::<f64>().ok()? * 1024.0),
        None => text.parse().ok(),
    }
}

fn folded(value: &Json) -> Option<String> {
    value.as_str().map(str::to_ascii_lowercase)
}

fn tail(value: &Json) -> Option<&str> {
    value.as_str()?.rsplit('/').next()
}

fn is_arn(value: &Json) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("arn:"))
}

fn instant(value: &Json) -> Option<f64> {
    if let Some(seconds) = number(value) {
        return Some(seconds);
    }
    let at = OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()?;
    Some(at.unix_timestamp_nanos() as f64 / 1e9)
}

fn document(value: &Json) -> Option<Json> {
    match value {
        Json::String(text) => Some(serde_json::from_str(text).unwrap_or_else(|_| value.clone())),
        other => Some(other.clone()),
    }
}
