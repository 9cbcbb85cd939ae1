//! Amazon DynamoDB as far as a lock table needs it: single items and transactions on conditions, and queries
//! of one partition. No indexes, no scans, no streams. Every read is a consistent one.

mod condition;
mod expression;
mod items;
mod table;
mod update;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::text;
use crate::runtime::Runtime;
use crate::world::World;

use self::table::Table;

#[derive(Default)]
pub struct DynamoDb {
    tables: BTreeMap<String, Table>,
    /// Tokens of transactions: what was asked with them, and when.
    tokens: BTreeMap<String, (Value, Time)>,
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    match operation {
        "CreateTable" => table::create(world, input),
        "DescribeTable" => table::describe(world, input),
        "GetItem" => items::get(world, input),
        "PutItem" => items::write(world, "Put", input),
        "UpdateItem" => items::write(world, "Update", input),
        "DeleteItem" => items::write(world, "Delete", input),
        "Query" => items::query(world, input),
        "TransactWriteItems" => items::transact(world, input),
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not there"))),
    }
}

impl DynamoDb {
    fn table(&self, input: &Value) -> Result<&Table, ApiError> {
        let name = text(input, "TableName").unwrap_or_default();
        let missing = || refused("ResourceNotFoundException", "Requested resource not found");
        self.tables.get(name).ok_or_else(missing)
    }
}

/// An error as DynamoDB names it on the wire.
fn refused(code: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(&format!("com.amazonaws.dynamodb.v20120810#{code}"), message)
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("com.amazon.coral.validate#ValidationException", message)
}
