//! One item read or written on a condition; several on one condition each; a partition, page by page.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::condition::{self, Condition};
use super::expression::{Placeholders, Reader};
use super::table::{self, Key, Table};
use super::value::{self, Item};
use super::{invalid, refused, update};
use crate::error::{Answer, ApiError};
use crate::input::{flag, list, number, text};
use crate::world::World;

/// What a Query reads at once.
const PAGE_BYTES_MAX: usize = 1024 * 1024;
const TRANSACTION_ITEMS_MAX: usize = 100;
/// For so long a transaction's token stands for what was done with it.
const TOKEN_LIFE: Duration = Duration::from_secs(10 * 60);
const FAILED: &str = "The conditional request failed";

pub(super) fn get(world: &mut World, input: &Value) -> Answer {
    let table = world.dynamodb.table(input)?;
    let found = table.items.get(&table.key(&input["Key"], true)?);
    let mut placeholders = Placeholders::of(input);
    let wanted = projection(input, &mut placeholders)?;
    placeholders.all_used()?;
    Ok(match found {
        Some(item) => json!({"Item": projected(item, wanted.as_deref())}),
        None => json!({}),
    })
}

/// What a write does to its item.
enum Effect {
    Nothing,
    Put(Item),
    Update(Vec<update::Change>),
    Delete,
}

struct Write {
    table: String,
    key: Key,
    condition: Option<Condition>,
    effect: Effect,
    shows_old: bool,
}

/// Why a write is not made.
struct Unmet {
    item: Option<Item>,
}

impl Write {
    fn read(world: &World, operation: &str, input: &Value) -> Result<Self, ApiError> {
        let table = world.dynamodb.table(input)?;
        let mut placeholders = Placeholders::of(input);
        let condition = condition::read(input, "ConditionExpression", &mut placeholders)?;
        let key = |alone| table.key(&input["Key"], alone);
        let (key, effect) = match operation {
            "Put" => (table.key(&input["Item"], false)?, Effect::Put(table::item(&input["Item"])?)),
            "Delete" => (key(true)?, Effect::Delete),
            "ConditionCheck" => {
                condition.as_ref().ok_or_else(|| invalid("ConditionExpression is missing"))?;
                (key(true)?, Effect::Nothing)
            }
            _ => {
                let changes = match text(input, "UpdateExpression") {
                    Some(expression) => update::read(expression, &mut placeholders)?,
                    None => Vec::new(),
                };
                (key(true)?, Effect::Update(changes))
            }
        };
        placeholders.all_used()?;
        let shows_old = text(input, "ReturnValuesOnConditionCheckFailure") == Some("ALL_OLD");
        let table = text(input, "TableName").unwrap_or_default().to_owned();
        Ok(Self { table, key, condition, effect, shows_old })
    }

    fn is_met(&self, world: &World) -> Result<(), Unmet> {
        let before = world.dynamodb.tables.get(&self.table).and_then(|table| table.items.get(&self.key));
        let nothing = Item::new();
        match &self.condition {
            Some(condition) if !condition.holds(before.unwrap_or(&nothing)) => {
                Err(Unmet { item: before.filter(|_| self.shows_old).cloned() })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The item as it will be; `None`: gone, or never there.
    fn after(&self, world: &World) -> Result<Option<Item>, ApiError> {
        let table = world.dynamodb.tables.get(&self.table);
        let before = table.and_then(|table| table.items.get(&self.key));
        match &self.effect {
            Effect::Nothing => Ok(before.cloned()),
            Effect::Put(item) => Ok(Some(item.clone())),
            Effect::Delete => Ok(None),
            Effect::Update(changes) => {
                let key = table.map(|table| table.key_of(&self.key)).unwrap_or_default();
                let made = || {
                    key.as_object()
                        .into_iter()
                        .flatten()
                        .map(|(name, it)| (name.clone(), it.clone()))
                        .collect()
                };
                let after = update::apply(changes, &before.cloned().unwrap_or_else(made))?;
                if key.as_object().into_iter().flatten().any(|(name, it)| after.get(name) != Some(it)) {
                    return Err(invalid("Cannot update attribute. This attribute is part of the key"));
                }
                table::fits(&after)?;
                Ok(Some(after))
            }
        }
    }

    fn settle(self, world: &mut World, after: Option<Item>) -> Option<Item> {
        let items = &mut world.dynamodb.tables.get_mut(&self.table)?.items;
        match after {
            Some(item) => items.insert(self.key, item),
            None => items.remove(&self.key),
        }
    }
}

pub(super) fn write(world: &mut World, operation: &str, input: &Value) -> Answer {
    let write = Write::read(world, operation, input)?;
    if let Err(unmet) = write.is_met(world) {
        let error = refused("ConditionalCheckFailedException", FAILED);
        return Err(match unmet.item {
            Some(item) => error.with("Item", json!(item)),
            None => error,
        });
    }
    let after = write.after(world)?;
    let new = after.clone();
    let old = write.settle(world, after);
    let shown = match (text(input, "ReturnValues").unwrap_or("NONE"), old, new) {
        ("ALL_OLD", Some(old), _) => Some(old),
        ("ALL_NEW", _, Some(new)) => Some(new),
        ("UPDATED_NEW", old, Some(new)) => {
            let old = old.unwrap_or_default();
            Some(new.into_iter().filter(|(name, value)| old.get(name) != Some(value)).collect())
        }
        _ => None,
    };
    Ok(shown.map_or_else(|| json!({}), |item| json!({"Attributes": item})))
}

/// All of the writes, or none.
pub(super) fn transact(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    world.dynamodb.tokens.retain(|_, (_, at)| now.since(*at) < TOKEN_LIFE);
    let token = text(input, "ClientRequestToken").map(str::to_owned);
    if let Some((same, _)) = token.as_ref().and_then(|token| world.dynamodb.tokens.get(token)) {
        return match *same == input["TransactItems"] {
            true => Ok(json!({})),
            false => Err(refused(
                "IdempotentParameterMismatchException",
                "The request uses the same client token as a previous, but non-identical request.",
            )),
        };
    }
    let mut writes: Vec<Write> = Vec::new();
    for item in list(input, "TransactItems") {
        let one =
            item.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next());
        let (operation, input) = one
            .filter(|(name, _)| ["Put", "Update", "Delete", "ConditionCheck"].contains(&name.as_str()))
            .ok_or_else(|| invalid("TransactItems can only contain one of Check, Put, Update or Delete"))?;
        let write = Write::read(world, operation, input)?;
        if writes.iter().any(|other| other.table == write.table && other.key == write.key) {
            return Err(invalid("Transaction request cannot include multiple operations on one item"));
        }
        writes.push(write);
    }
    if writes.is_empty() || writes.len() > TRANSACTION_ITEMS_MAX {
        return Err(invalid("Member must have length between 1 and 100: transactItems"));
    }
    let unmet: Vec<Option<Unmet>> = writes.iter().map(|write| write.is_met(world).err()).collect();
    if unmet.iter().any(Option::is_some) {
        return Err(cancelled(unmet));
    }
    let afters = writes.iter().map(|write| write.after(world)).collect::<Result<Vec<_>, _>>()?;
    for (write, after) in writes.into_iter().zip(afters) {
        if !matches!(write.effect, Effect::Nothing) {
            write.settle(world, after);
        }
    }
    if let Some(token) = token {
        world.dynamodb.tokens.insert(token, (input["TransactItems"].clone(), now));
    }
    Ok(json!({}))
}

fn cancelled(unmet: Vec<Option<Unmet>>) -> ApiError {
    let reasons: Vec<Value> = unmet
        .into_iter()
        .map(|unmet| match unmet {
            None => json!({"Code": "None"}),
            Some(Unmet { item: None }) => json!({"Code": "ConditionalCheckFailed", "Message": FAILED}),
            Some(Unmet { item: Some(item) }) => {
                json!({"Code": "ConditionalCheckFailed", "Message": FAILED, "Item": item})
            }
        })
        .collect();
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    refused("TransactionCanceledException", message).with("CancellationReasons", Value::Array(reasons))
}

pub(super) fn query(world: &mut World, input: &Value) -> Answer {
    let table = world.dynamodb.table(input)?;
    let mut placeholders = Placeholders::of(input);
    let condition =
        condition::read(input, "KeyConditionExpression", &mut placeholders)?.ok_or_else(|| {
            invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified")
        })?;
    let filter = condition::read(input, "FilterExpression", &mut placeholders)?;
    let wanted = projection(input, &mut placeholders)?;
    placeholders.all_used()?;
    let missed = || invalid(&format!("Query condition missed key schema element: {}", table.hash));
    let partition = condition.equal_to(&table.hash).ok_or_else(missed)?;
    let after = match input.get("ExclusiveStartKey") {
        Some(key) => Some(table.key(key, true)?),
        None => None,
    };
    let forward = flag(input, "ScanIndexForward").unwrap_or(true);
    let limit = number(input, "Limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let mut found: Vec<(&Key, &Item)> = table
        .items
        .iter()
        .filter(|(key, item)| value::equal(&key.hash.0, partition) && condition.holds(item))
        .filter(|(key, _)| {
            after.as_ref().is_none_or(|after| if forward { *key > after } else { *key < after })
        })
        .collect();
    if !forward {
        found.reverse();
    }
    Ok(page(table, &found, limit, filter.as_ref(), wanted.as_deref()))
}

fn page(
    table: &Table,
    found: &[(&Key, &Item)],
    limit: usize,
    filter: Option<&Condition>,
    wanted: Option<&[String]>,
) -> Value {
    let mut bytes = 0;
    let fitting = found.iter().take_while(|(_, item)| {
        let first = bytes == 0;
        bytes += value::size(item);
        first || bytes <= PAGE_BYTES_MAX
    });
    let scanned = fitting.count().min(limit);
    let items: Vec<Value> = found[..scanned]
        .iter()
        .filter(|(_, item)| filter.is_none_or(|filter| filter.holds(item)))
        .map(|(_, item)| projected(item, wanted))
        .collect();
    let mut answer = json!({"Count": items.len(), "ScannedCount": scanned, "Items": items});
    if scanned < found.len()
        && let Some((last, _)) = found[..scanned].last()
    {
        answer["LastEvaluatedKey"] = table.key_of(last);
    }
    answer
}

/// The attributes that are asked for; whole ones only.
fn projection(input: &Value, placeholders: &mut Placeholders<'_>) -> Result<Option<Vec<String>>, ApiError> {
    let Some(expression) = text(input, "ProjectionExpression") else { return Ok(None) };
    let mut reader = Reader::of("ProjectionExpression", expression, placeholders)?;
    let mut wanted = Vec::new();
    loop {
        let path = reader.path()?;
        let name = path.attribute().ok_or_else(|| reader.error("only whole attributes are shown here"))?;
        wanted.push(name.to_owned());
        if !reader.takes(",") {
            reader.end()?;
            return Ok(Some(wanted));
        }
    }
}

fn projected(item: &Item, wanted: Option<&[String]>) -> Value {
    let shown = item.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted.contains(name)));
    Value::Object(shown.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}
