//! The calls of DynamoDB that a ledger needs: single items on conditions, one partition whole.
//!
//! DynamoDB speaks awsJson like ECS, so its calls go through the ECS client: its own SDK crate would cost
//! minutes of build time. Items are in its own form, `{"epoch": {"N": "7"}}`. Nothing here waits for the
//! operator's budget: a lease that is renewed late is lost.

use std::sync::Arc;

use serde_json::json;

use super::call::{Call, Line};
use super::exchange::Exchange;
use super::{Answer, Error, ErrorKind};
use crate::model::Json;

/// May read one table. Reads are consistent.
#[derive(Clone, Debug)]
pub struct TableReader {
    client: aws_sdk_ecs::Client,
    line: Arc<Line>,
    table: String,
}

/// May write to one table. No write is repeated by itself.
#[derive(Clone, Debug)]
pub struct TableWriter {
    client: aws_sdk_ecs::Client,
    line: Arc<Line>,
    reader: TableReader,
}

/// What has to be so for a write to be made.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// There is no such item.
    Absent,
    /// These attributes of the item have these values.
    Equal(Vec<(&'static str, Json)>),
}

/// What became of a write that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Done,
    Unmet(Unmet),
}

/// Which condition did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// That on the item which is only looked at.
    Guard,
    /// That on the item itself.
    Item,
}

/// Names of the table's keys.
const PARTITION: &str = "pk";
const SORT: &str = "sk";
/// A partition of more pages of a mebibyte than this is no ledger.
const PAGES_MAX: usize = 1_000;

macro_rules! send {
    ($self:ident, $target:literal, $call:expr, $body:expr) => {{
        let exchange = Exchange::with_target_of_json_1_0(&$body, concat!("DynamoDB_20120810.", $target));
        let request = $self.client.list_clusters().customize().interceptor(exchange.clone());
        ($self.line.exchange(&$call, exchange.clone(), request.send()).await, exchange)
    }};
}

impl TableReader {
    /// IAM actions of these methods, sorted.
    pub const ACTIONS: [&str; 2] = ["dynamodb:GetItem", "dynamodb:Query"];

    pub(super) fn new(client: aws_sdk_ecs::Client, line: Arc<Line>, table: &str) -> Self {
        Self { client, line, table: table.to_owned() }
    }

    pub fn table(&self) -> &str {
        &self.table
    }

    /// GetItem's `Item`; `None` where there is none.
    pub async fn item(&self, partition: &str, sort: &str) -> Result<Option<Json>, Error> {
        let attempt = format!("read `{sort}` of `{partition}` in table `{}`", self.table);
        let call = Call::permitted("dynamodb:GetItem", attempt);
        let body = json!({"TableName": self.table, "Key": key(partition, sort), "ConsistentRead": true});
        let (answer, _) = send!(self, "GetItem", call, body);
        Ok(answer?.body.get_mut("Item").map(Json::take))
    }

    /// Every item of a partition, in the order of its sort keys.
    pub async fn items(&self, partition: &str) -> Result<Vec<Json>, Error> {
        let mut items = Vec::new();
        let mut from = Json::Null;
        for _ in 0..PAGES_MAX {
            let attempt = format!("read `{partition}` in table `{}`", self.table);
            let call = Call::permitted("dynamodb:Query", attempt);
            let mut body = json!({
                "TableName": self.table, "ConsistentRead": true, "KeyConditionExpression": "#pk = :pk",
                "ExpressionAttributeNames": {"#pk": PARTITION},
                "ExpressionAttributeValues": {":pk": {"S": partition}},
            });
            if from.is_object() {
                body["ExclusiveStartKey"] = from;
            }
            let (answer, _) = send!(self, "Query", call, body);
            let Answer { mut body, .. } = answer?;
            if let Json::Array(page) = body["Items"].take() {
                items.extend(page);
            }
            from = body["LastEvaluatedKey"].take();
            if !from.is_object() {
                return Ok(items);
            }
        }
        Err(Error {
            operation: "dynamodb:Query",
            kind: ErrorKind::Rejected,
            code: None,
            message: format!("more than {PAGES_MAX} pages"),
            request_id: None,
            region: self.line.region().into(),
            attempt: format!("read `{partition}` in table `{}`", self.table).into(),
        })
    }
}

impl TableWriter {
    /// IAM actions of these methods, sorted. A transaction has none of its own: each part needs its own.
    pub const ACTIONS: [&str; 2] = ["dynamodb:ConditionCheckItem", "dynamodb:PutItem"];

    pub(super) fn new(client: aws_sdk_ecs::Client, line: Arc<Line>, reader: TableReader) -> Self {
        Self { client, line, reader }
    }

    /// Reads likewise, in one attempt.
    pub fn reader(&self) -> &TableReader {
        &self.reader
    }

    /// PutItem: replaces the item whole.
    pub async fn put(
        &self,
        partition: &str,
        sort: &str,
        item: &Json,
        condition: &Condition,
    ) -> Result<Put, Error> {
        let attempt = format!("write `{sort}` of `{partition}` in table `{}`", self.reader.table);
        let call = Call::permitted("dynamodb:PutItem", attempt);
        let body = self.write(partition, sort, Some(item), condition);
        match send!(self, "PutItem", call, body) {
            (Ok(_), _) => Ok(Put::Done),
            (Err(error), _) if error.code.as_deref() == Some("ConditionalCheckFailedException") => {
                Ok(Put::Unmet(Unmet::Item))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// TransactWriteItems: replaces the item while a condition on another one, the `guard`, holds as well.
    /// Asked for again with the same `token` within ten minutes it is made no second time.
    pub async fn put_guarded(
        &self,
        partition: &str,
        (guard, holds): (&str, &Condition),
        (sort, item, condition): (&str, &Json, &Condition),
        token: &str,
    ) -> Result<Put, Error> {
        let attempt = format!("write `{sort}` of `{partition}` in table `{}`", self.reader.table);
        let call = Call::permitted("dynamodb:TransactWriteItems", attempt);
        let body = json!({"ClientRequestToken": token, "TransactItems": [
            {"ConditionCheck": self.write(partition, guard, None, holds)},
            {"Put": self.write(partition, sort, Some(item), condition)},
        ]});
        let (answer, exchange) = send!(self, "TransactWriteItems", call, body);
        let error = match answer {
            Ok(_) => return Ok(Put::Done),
            Err(error) => error,
        };
        if error.code.as_deref() != Some("TransactionCanceledException") {
            return Err(error);
        }
        let reasons =
            exchange.answer().map(|answer| reasons(&answer.body, &error.message)).unwrap_or_default();
        let failed = |at: usize| reasons.get(at).is_some_and(|code| code == "ConditionalCheckFailed");
        match (failed(0), failed(1)) {
            (true, _) => Ok(Put::Unmet(Unmet::Guard)),
            (false, true) => Ok(Put::Unmet(Unmet::Item)),
            // Another transaction was at one of the items, or the table's rates are used up: certainly not
            // made, and soon possible.
            (false, false) => Err(Error { kind: ErrorKind::Conflict, ..error }),
        }
    }

    /// The input of a write; without an item, of a condition alone.
    fn write(&self, partition: &str, sort: &str, item: Option<&Json>, condition: &Condition) -> Json {
        let mut body = json!({"TableName": self.reader.table});
        match item {
            Some(item) => {
                let mut item = item.clone();
                item[PARTITION] = json!({"S": partition});
                item[SORT] = json!({"S": sort});
                body["Item"] = item;
            }
            None => body["Key"] = key(partition, sort),
        }
        // Every name behind a placeholder: DynamoDB reserves some hundred words.
        match condition {
            Condition::Absent => {
                body["ConditionExpression"] = "attribute_not_exists(#pk)".into();
                body["ExpressionAttributeNames"] = json!({"#pk": PARTITION});
            }
            Condition::Equal(equal) => {
                let mut terms = Vec::new();
                for (number, (name, value)) in equal.iter().enumerate() {
                    terms.push(format!("#n{number} = :v{number}"));
                    body["ExpressionAttributeNames"][format!("#n{number}")] = (*name).into();
                    body["ExpressionAttributeValues"][format!(":v{number}")] = value.clone();
                }
                body["ConditionExpression"] = terms.join(" AND ").into();
            }
        }
        body
    }
}

fn key(partition: &str, sort: &str) -> Json {
    json!({PARTITION: {"S": partition}, SORT: {"S": sort}})
}

/// A code for each part of a transaction, in order; AWS gives them in a list, and in its sentence.
fn reasons(body: &Json, message: &str) -> Vec<String> {
    let listed = body["CancellationReasons"].as_array();
    if let Some(listed) = listed {
        return listed.iter().map(|one| one["Code"].as_str().unwrap_or_default().to_owned()).collect();
    }
    let inner = message.rsplit_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(inner, _)| inner);
    inner.unwrap_or_default().split(',').map(|code| code.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_transaction_was_cancelled_is_read_from_its_list_and_else_from_its_sentence() {
        let listed = json!({"CancellationReasons": [{"Code": "None"}, {"Code": "ConditionalCheckFailed"}]});
        let sentence = "Transaction cancelled, please refer cancellation reasons for specific reasons \
                        [None, ConditionalCheckFailed]";
        assert_eq!(reasons(&listed, ""), ["None", "ConditionalCheckFailed"]);
        assert_eq!(reasons(&json!({}), sentence), ["None", "ConditionalCheckFailed"]);
    }
}
