//! UpdateExpression: SET, REMOVE, ADD and DELETE.

use serde_json::{Value, json};

use super::expression::{Operand, Part, Path, Placeholders, Reader};
use super::invalid;
use super::value::{Item, number, parts};
use crate::error::ApiError;

#[derive(Debug)]
pub(super) enum Change {
    Set(Path, Sum),
    Remove(Path),
    Add(Path, Operand),
    Delete(Path, Operand),
}

/// One operand, or two that are added or subtracted.
#[derive(Debug)]
pub(super) struct Sum {
    first: Term,
    second: Option<(Sign, Term)>,
}

#[derive(Debug)]
enum Sign {
    Plus,
    Minus,
}

#[derive(Debug)]
enum Term {
    Operand(Operand),
    IfNotExists(Path, Box<Term>),
    ListAppend(Box<Term>, Box<Term>),
}

pub(super) fn read(text: &str, placeholders: &mut Placeholders<'_>) -> Result<Vec<Change>, ApiError> {
    let mut reader = Reader::of("UpdateExpression", text, placeholders)?;
    let mut changes = Vec::new();
    while reader.peek().is_some() {
        let clause = ["SET", "REMOVE", "ADD", "DELETE"].into_iter().find(|word| reader.takes_word(word));
        let Some(clause) = clause else {
            return Err(reader.error("a clause begins with SET, REMOVE, ADD or DELETE"));
        };
        loop {
            let path = reader.path()?;
            changes.push(match clause {
                "SET" => {
                    reader.expect("=")?;
                    Change::Set(path, sum(&mut reader)?)
                }
                "REMOVE" => Change::Remove(path),
                "ADD" => Change::Add(path, reader.operand()?),
                _ => Change::Delete(path, reader.operand()?),
            });
            if !reader.takes(",") {
                break;
            }
        }
    }
    Ok(changes)
}

fn sum(reader: &mut Reader<'_, '_>) -> Result<Sum, ApiError> {
    let first = term(reader)?;
    let sign = match (reader.takes("+"), reader.takes("-")) {
        (true, _) => Sign::Plus,
        (false, true) => Sign::Minus,
        (false, false) => return Ok(Sum { first, second: None }),
    };
    Ok(Sum { first, second: Some((sign, term(reader)?)) })
}

fn term(reader: &mut Reader<'_, '_>) -> Result<Term, ApiError> {
    let operand = reader.operand()?;
    let Operand::Path(path) = &operand else { return Ok(Term::Operand(operand)) };
    match path.attribute() {
        Some("if_not_exists") if reader.takes("(") => {
            let path = reader.path()?;
            reader.expect(",")?;
            let other = term(reader)?;
            reader.expect(")")?;
            Ok(Term::IfNotExists(path, Box::new(other)))
        }
        Some("list_append") if reader.takes("(") => {
            let first = term(reader)?;
            reader.expect(",")?;
            let second = term(reader)?;
            reader.expect(")")?;
            Ok(Term::ListAppend(Box::new(first), Box::new(second)))
        }
        _ => Ok(Term::Operand(operand)),
    }
}

/// Every change sees the item as it was before the first.
pub(super) fn apply(changes: &[Change], item: &Item) -> Result<Item, ApiError> {
    let mut after = item.clone();
    for change in changes {
        match change {
            Change::Set(path, sum) => {
                let value = sum.resolve(item)?;
                put(&mut after, path, value)?;
            }
            Change::Remove(path) => remove(&mut after, path),
            Change::Add(path, operand) => {
                let more = needed(operand.resolve(item))?;
                let value = match path.find(item) {
                    None => more,
                    Some(before) => added(before, &more)?,
                };
                put(&mut after, path, value)?;
            }
            Change::Delete(path, operand) => {
                let less = needed(operand.resolve(item))?;
                let Some(before) = path.find(item) else { continue };
                match without(before, &less)? {
                    Some(value) => put(&mut after, path, value)?,
                    None => remove(&mut after, path),
                }
            }
        }
    }
    Ok(after)
}

impl Sum {
    fn resolve(&self, item: &Item) -> Result<Value, ApiError> {
        let first = self.first.resolve(item)?;
        let Some((sign, second)) = &self.second else { return Ok(first) };
        let (one, other) = (numeric(&first)?, numeric(&second.resolve(item)?)?);
        Ok(written(match sign {
            Sign::Plus => one + other,
            Sign::Minus => one - other,
        }))
    }
}

impl Term {
    fn resolve(&self, item: &Item) -> Result<Value, ApiError> {
        match self {
            Term::Operand(operand) => needed(operand.resolve(item)),
            Term::IfNotExists(path, other) => match path.find(item) {
                Some(there) => Ok(there.clone()),
                None => other.resolve(item),
            },
            Term::ListAppend(first, second) => {
                let (first, second) = (first.resolve(item)?, second.resolve(item)?);
                match (first["L"].as_array(), second["L"].as_array()) {
                    (Some(first), Some(second)) => {
                        let all: Vec<&Value> = first.iter().chain(second).collect();
                        Ok(json!({"L": all}))
                    }
                    _ => Err(wrong_type()),
                }
            }
        }
    }
}

fn needed(value: Option<Value>) -> Result<Value, ApiError> {
    value.ok_or_else(|| {
        invalid("The provided expression refers to an attribute that does not exist in the item")
    })
}

fn wrong_type() -> ApiError {
    invalid("An operand in the update expression has an incorrect data type")
}

fn numeric(value: &Value) -> Result<f64, ApiError> {
    value["N"].as_str().and_then(number).ok_or_else(wrong_type)
}

fn written(number: f64) -> Value {
    json!({"N": number.to_string()})
}

fn added(before: &Value, more: &Value) -> Result<Value, ApiError> {
    match (parts(before), parts(more)) {
        (Some(("N", _)), Some(("N", _))) => Ok(written(numeric(before)? + numeric(more)?)),
        (Some((kind @ ("SS" | "NS" | "BS"), before)), Some((other, more))) if kind == other => {
            let mut all = before.as_array().cloned().unwrap_or_default();
            for one in more.as_array().into_iter().flatten() {
                if !all.contains(one) {
                    all.push(one.clone());
                }
            }
            Ok(json!({kind: all}))
        }
        _ => Err(wrong_type()),
    }
}

/// An empty set is no set.
fn without(before: &Value, less: &Value) -> Result<Option<Value>, ApiError> {
    match (parts(before), parts(less)) {
        (Some((kind @ ("SS" | "NS" | "BS"), before)), Some((other, less))) if kind == other => {
            let gone = less.as_array().cloned().unwrap_or_default();
            let left: Vec<&Value> =
                before.as_array().into_iter().flatten().filter(|one| !gone.contains(one)).collect();
            Ok((!left.is_empty()).then(|| json!({kind: left})))
        }
        _ => Err(wrong_type()),
    }
}

fn bad_path() -> ApiError {
    invalid("The document path provided in the update expression is invalid for update")
}

fn put(item: &mut Item, path: &Path, value: Value) -> Result<(), ApiError> {
    let Some((Part::Member(first), rest)) = path.0.split_first() else { return Err(bad_path()) };
    let Some((last, between)) = rest.split_last() else {
        item.insert(first.clone(), value);
        return Ok(());
    };
    let mut at = item.get_mut(first).ok_or_else(bad_path)?;
    for part in between {
        at = inner(at, part).ok_or_else(bad_path)?;
    }
    match last {
        Part::Member(name) => {
            at.get_mut("M").and_then(Value::as_object_mut).ok_or_else(bad_path)?.insert(name.clone(), value);
        }
        Part::Index(index) => {
            let list = at.get_mut("L").and_then(Value::as_array_mut).ok_or_else(bad_path)?;
            match list.get_mut(*index) {
                Some(there) => *there = value,
                None => list.push(value),
            }
        }
    }
    Ok(())
}

fn remove(item: &mut Item, path: &Path) {
    let Some((Part::Member(first), rest)) = path.0.split_first() else { return };
    let Some((last, between)) = rest.split_last() else {
        item.remove(first);
        return;
    };
    let mut at = item.get_mut(first);
    for part in between {
        at = at.and_then(|at| inner(at, part));
    }
    match (last, at) {
        (Part::Member(name), Some(at)) => {
            at.get_mut("M").and_then(Value::as_object_mut).map(|members| members.remove(name));
        }
        (Part::Index(index), Some(at)) => {
            if let Some(list) = at.get_mut("L").and_then(Value::as_array_mut)
                && *index < list.len()
            {
                list.remove(*index);
            }
        }
        (_, None) => {}
    }
}

fn inner<'a>(at: &'a mut Value, part: &Part) -> Option<&'a mut Value> {
    match part {
        Part::Member(name) => at.get_mut("M")?.get_mut(name),
        Part::Index(index) => at.get_mut("L")?.get_mut(index),
    }
}
