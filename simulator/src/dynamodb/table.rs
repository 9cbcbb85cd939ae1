//! One table: its key schema, and its items in the order of their keys.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::value::{self, Item};
use super::{invalid, refused};
use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{list, text};
use crate::naming;
use crate::world::World;

/// The largest item, with the names of its attributes.
const ITEM_BYTES_MAX: usize = 400 * 1024;

pub(super) struct Table {
    arn: String,
    id: String,
    created: Time,
    definitions: Value,
    schema: Value,
    billing: String,
    pub(super) hash: String,
    pub(super) range: Option<String>,
    pub(super) items: BTreeMap<Key, Item>,
}

/// Hash and range key; `range` is empty where the table has none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) hash: KeyPart,
    pub(super) range: Option<KeyPart>,
}

#[derive(Clone, Debug)]
pub(super) struct KeyPart(pub(super) Value);

impl Ord for KeyPart {
    fn cmp(&self, other: &Self) -> Ordering {
        // A table's keys are all of one type.
        value::compare(&self.0, &other.0).unwrap_or_else(|| self.0.to_string().cmp(&other.0.to_string()))
    }
}

impl PartialOrd for KeyPart {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for KeyPart {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for KeyPart {}

pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    let name = text(input, "TableName").ok_or_else(|| invalid("TableName is missing"))?;
    if world.dynamodb.tables.contains_key(name) {
        return Err(refused("ResourceInUseException", format!("Table already exists: {name}")));
    }
    let key = |kind: &str| {
        let mut schema = list(input, "KeySchema").iter();
        schema
            .find(|one| one["KeyType"] == kind)
            .and_then(|one| text(one, "AttributeName"))
            .map(str::to_owned)
    };
    let hash = key("HASH").ok_or_else(|| invalid("No Hash Key specified in schema."))?;
    let range = key("RANGE");
    for attribute in [Some(&hash), range.as_ref()].into_iter().flatten() {
        let mut defined = list(input, "AttributeDefinitions").iter();
        if !defined.any(|one| text(one, "AttributeName") == Some(attribute)) {
            return Err(invalid(&format!(
                "Some index key attributes are not defined in AttributeDefinitions. Keys: [{attribute}]"
            )));
        }
    }
    let table = Table {
        arn: format!("arn:aws:dynamodb:{}:{}:table/{name}", world.region, world.account),
        id: naming::sha256(name).chars().take(32).collect(),
        created: world.now,
        definitions: input["AttributeDefinitions"].clone(),
        schema: input["KeySchema"].clone(),
        billing: text(input, "BillingMode").unwrap_or("PROVISIONED").to_owned(),
        hash,
        range,
        items: BTreeMap::new(),
    };
    let described = table.describe(name, "CREATING");
    world.dynamodb.tables.insert(name.to_owned(), table);
    Ok(json!({"TableDescription": described}))
}

pub(super) fn describe(world: &World, input: &Value) -> Answer {
    let name = text(input, "TableName").unwrap_or_default();
    let table = world.dynamodb.tables.get(name).ok_or_else(|| {
        refused("ResourceNotFoundException", format!("Requested resource not found: Table: {name} not found"))
    })?;
    Ok(json!({"Table": table.describe(name, "ACTIVE")}))
}

impl Table {
    fn describe(&self, name: &str, status: &str) -> Value {
        let bytes: usize = self.items.values().map(value::size).sum();
        json!({
            "TableName": name, "TableArn": self.arn, "TableId": self.id, "TableStatus": status,
            "CreationDateTime": self.created.seconds(), "ItemCount": self.items.len(),
            "TableSizeBytes": bytes, "KeySchema": self.schema, "AttributeDefinitions": self.definitions,
            "BillingModeSummary": {"BillingMode": self.billing},
        })
    }

    /// The key in an item or in `Key`; `alone`: there may be nothing else.
    pub(super) fn key(&self, attributes: &Value, alone: bool) -> Result<Key, ApiError> {
        let wrong = || invalid("The provided key element does not match the schema");
        let members = attributes.as_object().ok_or_else(wrong)?;
        if alone && members.len() != 1 + usize::from(self.range.is_some()) {
            return Err(wrong());
        }
        let part = |name: &str| {
            let value = members.get(name).ok_or_else(|| {
                invalid(&format!(
                    "One of the required keys was not given a value: Missing the key {name} in the item"
                ))
            })?;
            value::check(value)?;
            let defined = self.definitions.as_array().into_iter().flatten();
            let kind = defined.into_iter().find(|one| one["AttributeName"] == name);
            let kind = kind.and_then(|one| one["AttributeType"].as_str());
            match value::parts(value) {
                Some((found, inner)) if Some(found) == kind && inner.as_str() != Some("") => {
                    Ok(KeyPart(value.clone()))
                }
                _ => Err(invalid(&format!(
                    "One or more parameter values were invalid: Type mismatch or empty value for key {name}"
                ))),
            }
        };
        Ok(Key { hash: part(&self.hash)?, range: self.range.as_deref().map(part).transpose()? })
    }

    /// `LastEvaluatedKey` and the like.
    pub(super) fn key_of(&self, key: &Key) -> Value {
        let mut members = serde_json::Map::new();
        members.insert(self.hash.clone(), key.hash.0.clone());
        if let (Some(name), Some(range)) = (&self.range, &key.range) {
            members.insert(name.clone(), range.0.clone());
        }
        Value::Object(members)
    }
}

/// The attributes of a request's `Item`.
pub(super) fn item(attributes: &Value) -> Result<Item, ApiError> {
    let members = attributes.as_object().ok_or_else(|| invalid("Item is missing"))?;
    members.values().try_for_each(value::check)?;
    let item: Item = members.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    fits(&item)?;
    Ok(item)
}

pub(super) fn fits(item: &Item) -> Result<(), ApiError> {
    match value::size(item) > ITEM_BYTES_MAX {
        true => Err(invalid("Item size has exceeded the maximum allowed size")),
        false => Ok(()),
    }
}
