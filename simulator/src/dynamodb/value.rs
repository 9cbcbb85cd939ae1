//! Attribute values as they are on the wire: an object with one member that is named for its type.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::invalid;
use crate::error::ApiError;

pub(super) type Item = BTreeMap<String, Value>;

/// The type and what it holds.
pub(super) fn parts(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.iter().next().map(|(kind, inner)| (kind.as_str(), inner))
}

/// Refuses what is no attribute value.
pub(super) fn check(value: &Value) -> Result<(), ApiError> {
    let (kind, inner) = parts(value).ok_or_else(|| {
        invalid("Supplied AttributeValue has to contain exactly one of the supported datatypes")
    })?;
    let texts = |inner: &Value| inner.as_array().is_some_and(|all| all.iter().all(Value::is_string));
    let sound = match kind {
        "S" => inner.is_string(),
        "B" => bytes(inner).is_some(),
        "N" => {
            let number = inner.as_str().and_then(number);
            number.ok_or_else(|| {
                invalid("The parameter cannot be converted to a numeric value").named(inner)
            })?;
            true
        }
        "BOOL" => inner.is_boolean(),
        "NULL" => inner.as_bool() == Some(true),
        "SS" | "NS" | "BS" => texts(inner) && inner.as_array().is_some_and(|all| !all.is_empty()),
        "L" => {
            inner.as_array().into_iter().flatten().try_for_each(check)?;
            inner.is_array()
        }
        "M" => {
            inner.as_object().into_iter().flatten().try_for_each(|(_, member)| check(member))?;
            inner.is_object()
        }
        _ => false,
    };
    match sound {
        true => Ok(()),
        false => Err(invalid(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        )),
    }
}

trait Named {
    fn named(self, value: &Value) -> Self;
}

impl Named for ApiError {
    fn named(mut self, value: &Value) -> Self {
        self.message = format!("{}: {}", self.message, value.as_str().unwrap_or_default());
        self
    }
}

/// DynamoDB's numbers have 38 digits; these are exact up to 2^53, which holds counters and milliseconds.
pub(super) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

pub(super) fn bytes(inner: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(inner.as_str()?).ok()
}

/// `None` where the two can't be compared: other types, or ones without an order.
pub(super) fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    let ((kind, one), (other_kind, other)) = (parts(one)?, parts(other)?);
    if kind != other_kind {
        return None;
    }
    match kind {
        "S" => Some(one.as_str()?.as_bytes().cmp(other.as_str()?.as_bytes())),
        "N" => Some(number(one.as_str()?)?.total_cmp(&number(other.as_str()?)?)),
        "B" => Some(bytes(one)?.cmp(&bytes(other)?)),
        _ => None,
    }
}

pub(super) fn equal(one: &Value, other: &Value) -> bool {
    compare(one, other).map_or_else(|| one == other, Ordering::is_eq)
}

/// Bytes of an item, with the names of its attributes.
pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of(value)).sum()
}

pub(super) fn size_of(value: &Value) -> usize {
    let Some((kind, inner)) = parts(value) else { return 0 };
    let each = |inner: &Value, size: fn(&str) -> usize| -> usize {
        inner.as_array().into_iter().flatten().filter_map(Value::as_str).map(size).sum()
    };
    let digits = |text: &str| text.len().div_ceil(2) + 1;
    match kind {
        "S" => inner.as_str().map_or(0, str::len),
        "N" => inner.as_str().map_or(0, digits),
        "B" => bytes(inner).map_or(0, |bytes| bytes.len()),
        "SS" => each(inner, str::len),
        "NS" => each(inner, |text| text.len().div_ceil(2) + 1),
        "BS" => each(inner, |text| text.len() / 4 * 3),
        "L" => 3 + inner.as_array().into_iter().flatten().map(|one| 1 + size_of(one)).sum::<usize>(),
        "M" => {
            let members = inner.as_object().into_iter().flatten();
            3 + members.map(|(name, one)| 1 + name.len() + size_of(one)).sum::<usize>()
        }
        _ => 1,
    }
}
