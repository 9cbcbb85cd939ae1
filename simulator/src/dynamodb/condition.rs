//! ConditionExpression, FilterExpression and KeyConditionExpression.

use std::cmp::Ordering;

use serde_json::Value;

use super::expression::{Operand, Path, Placeholders, Reader, Token};
use super::value::{Item, compare, equal, parts};
use crate::error::ApiError;
use crate::input::text;

#[derive(Debug)]
pub(super) enum Condition {
    Or(Box<Condition>, Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operand, &'static str, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    Type(Path, Operand),
    BeginsWith(Path, Operand),
    Contains(Path, Operand),
}

const COMPARATORS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

/// Reads the expression that a request has under this name.
pub(super) fn read(
    input: &Value,
    kind: &'static str,
    placeholders: &mut Placeholders<'_>,
) -> Result<Option<Condition>, ApiError> {
    let Some(expression) = text(input, kind) else { return Ok(None) };
    let mut reader = Reader::of(kind, expression, placeholders)?;
    let condition = either(&mut reader)?;
    reader.end()?;
    Ok(Some(condition))
}

fn either(reader: &mut Reader<'_, '_>) -> Result<Condition, ApiError> {
    let mut condition = both(reader)?;
    while reader.takes_word("OR") {
        condition = Condition::Or(Box::new(condition), Box::new(both(reader)?));
    }
    Ok(condition)
}

fn both(reader: &mut Reader<'_, '_>) -> Result<Condition, ApiError> {
    let mut condition = one(reader)?;
    while reader.takes_word("AND") {
        condition = Condition::And(Box::new(condition), Box::new(one(reader)?));
    }
    Ok(condition)
}

fn one(reader: &mut Reader<'_, '_>) -> Result<Condition, ApiError> {
    if reader.takes_word("NOT") {
        return Ok(Condition::Not(Box::new(one(reader)?)));
    }
    if reader.takes("(") {
        let inner = either(reader)?;
        reader.expect(")")?;
        return Ok(inner);
    }
    let left = reader.operand()?;
    if let Operand::Path(path) = &left
        && let Some(name) = path.attribute().map(str::to_owned)
        && reader.peek() == Some(&Token::Symbol("("))
    {
        return function(&name, reader);
    }
    if reader.takes_word("BETWEEN") {
        let low = reader.operand()?;
        if !reader.takes_word("AND") {
            return Err(reader.error("BETWEEN needs AND"));
        }
        return Ok(Condition::Between(left, low, reader.operand()?));
    }
    if reader.takes_word("IN") {
        reader.expect("(")?;
        let mut list = vec![reader.operand()?];
        while reader.takes(",") {
            list.push(reader.operand()?);
        }
        reader.expect(")")?;
        return Ok(Condition::In(left, list));
    }
    match reader.next() {
        Some(Token::Symbol(symbol)) if COMPARATORS.contains(&symbol) => {
            Ok(Condition::Compare(left, symbol, reader.operand()?))
        }
        other => Err(reader.error(&format!("token: {other:?}"))),
    }
}

fn function(name: &str, reader: &mut Reader<'_, '_>) -> Result<Condition, ApiError> {
    reader.expect("(")?;
    let path = reader.path()?;
    let condition = match name {
        "attribute_exists" => Condition::Exists(path),
        "attribute_not_exists" => Condition::NotExists(path),
        "attribute_type" | "begins_with" | "contains" => {
            reader.expect(",")?;
            let operand = reader.operand()?;
            match name {
                "attribute_type" => Condition::Type(path, operand),
                "begins_with" => Condition::BeginsWith(path, operand),
                _ => Condition::Contains(path, operand),
            }
        }
        _ => return Err(reader.error(&format!("Invalid function name; function: {name}"))),
    };
    reader.expect(")")?;
    Ok(condition)
}

impl Condition {
    pub(super) fn holds(&self, item: &Item) -> bool {
        match self {
            Condition::Or(one, other) => one.holds(item) || other.holds(item),
            Condition::And(one, other) => one.holds(item) && other.holds(item),
            Condition::Not(inner) => !inner.holds(item),
            Condition::Compare(left, comparator, right) => {
                let (left, right) = (left.resolve(item), right.resolve(item));
                compared(left.as_ref(), comparator, right.as_ref())
            }
            Condition::Between(operand, low, high) => {
                let it = operand.resolve(item);
                compared(it.as_ref(), ">=", low.resolve(item).as_ref())
                    && compared(it.as_ref(), "<=", high.resolve(item).as_ref())
            }
            Condition::In(operand, list) => {
                let it = operand.resolve(item);
                list.iter().any(|one| compared(it.as_ref(), "=", one.resolve(item).as_ref()))
            }
            Condition::Exists(path) => path.find(item).is_some(),
            Condition::NotExists(path) => path.find(item).is_none(),
            Condition::Type(path, operand) => {
                let kind = path.find(item).and_then(parts).map(|(kind, _)| kind);
                let wanted = operand.resolve(item);
                kind.is_some() && kind == wanted.as_ref().and_then(|it| it["S"].as_str())
            }
            Condition::BeginsWith(path, operand) => {
                let (it, start) = (path.find(item), operand.resolve(item));
                let texts =
                    it.and_then(|it| it["S"].as_str()).zip(start.as_ref().and_then(|it| it["S"].as_str()));
                texts.is_some_and(|(it, start)| it.starts_with(start))
            }
            Condition::Contains(path, operand) => contains(path.find(item), operand.resolve(item).as_ref()),
        }
    }

    /// The value that an attribute has to be equal to, wherever the rest of the condition holds.
    pub(super) fn equal_to(&self, attribute: &str) -> Option<&Value> {
        match self {
            Condition::Compare(Operand::Path(path), "=", Operand::Value(value))
                if path.attribute() == Some(attribute) =>
            {
                Some(value)
            }
            Condition::And(one, other) => one.equal_to(attribute).or_else(|| other.equal_to(attribute)),
            _ => None,
        }
    }
}

/// What is not there is equal to nothing, and unequal to everything.
fn compared(left: Option<&Value>, comparator: &str, right: Option<&Value>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return comparator == "<>" };
    let order = compare(left, right);
    match comparator {
        "=" => equal(left, right),
        "<>" => !equal(left, right),
        "<" => order == Some(Ordering::Less),
        "<=" => order.is_some_and(Ordering::is_le),
        ">" => order == Some(Ordering::Greater),
        _ => order.is_some_and(Ordering::is_ge),
    }
}

fn contains(found: Option<&Value>, wanted: Option<&Value>) -> bool {
    let (Some((kind, inner)), Some(wanted)) = (found.and_then(parts), wanted) else { return false };
    match kind {
        "S" => inner.as_str().zip(wanted["S"].as_str()).is_some_and(|(it, part)| it.contains(part)),
        "SS" | "NS" | "BS" => {
            let of = &kind[..1];
            inner.as_array().into_iter().flatten().any(|one| equal(&serde_json::json!({of: one}), wanted))
        }
        "L" => inner.as_array().into_iter().flatten().any(|one| equal(one, wanted)),
        _ => false,
    }
}
