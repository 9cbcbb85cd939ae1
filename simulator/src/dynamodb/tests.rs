//! What a lock table stands on: conditions, transactions, tokens and pages.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::testing::{Idle, world};

fn ask(world: &mut World, operation: &str, input: Value) -> Answer {
    call(world, &Idle, operation, &input)
}

/// A table with a partition and a sort key.
fn account() -> World {
    let mut world = world();
    let made = ask(
        &mut world,
        "CreateTable",
        json!({
            "TableName": "locks", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        }),
    );
    assert_eq!(made.unwrap()["TableDescription"]["TableStatus"], "CREATING");
    world
}

fn key(sk: &str) -> Value {
    json!({"pk": {"S": "a"}, "sk": {"S": sk}})
}

fn item(sk: &str, version: i64) -> Value {
    json!({"pk": {"S": "a"}, "sk": {"S": sk}, "version": {"N": version.to_string()}})
}

fn put(world: &mut World, item: Value) {
    ask(world, "PutItem", json!({"TableName": "locks", "Item": item})).unwrap();
}

/// Whether a condition holds for the item `lease`.
fn holds(world: &mut World, condition: &str, names: Value, values: Value) -> bool {
    let mut input = json!({"TableName": "locks", "Key": key("lease"), "ConditionExpression": condition});
    if names.is_object() {
        input["ExpressionAttributeNames"] = names;
    }
    if values.is_object() {
        input["ExpressionAttributeValues"] = values;
    }
    let transaction = json!({"TransactItems": [{"ConditionCheck": input}]});
    match ask(world, "TransactWriteItems", transaction) {
        Ok(_) => true,
        Err(error) => {
            assert!(error.code.ends_with("#TransactionCanceledException"), "{error:?}");
            false
        }
    }
}

#[test]
fn a_condition_holds_as_it_is_written() {
    let mut world = account();
    let mut lease = item("lease", 10);
    lease["holder"] = json!({"M": {"name": {"S": "ada"}, "tasks": {"L": [{"S": "one"}, {"N": "2"}]}}});
    lease["zones"] = json!({"SS": ["a", "b"]});
    put(&mut world, lease);
    let values = json!({":nine": {"N": "9"}, ":ten": {"N": "10.0"}, ":text": {"S": "10"}});
    let table: [(&str, &[&str], bool); 16] = [
        // By number, not by digit.
        ("version > :nine", &[":nine"], true),
        ("version = :ten", &[":ten"], true),
        ("version = :text", &[":text"], false),
        ("version <> :text", &[":text"], true),
        ("version BETWEEN :nine AND :ten", &[":nine", ":ten"], true),
        ("version IN (:nine, :ten)", &[":nine", ":ten"], true),
        ("attribute_exists(version) AND NOT attribute_exists(nothing)", &[], true),
        ("attribute_not_exists(version) OR version = :ten", &[":ten"], true),
        // AND binds closer than OR.
        ("attribute_exists(version) OR attribute_exists(a) AND attribute_exists(b)", &[], true),
        ("(attribute_exists(version) OR attribute_exists(a)) AND attribute_exists(b)", &[], false),
        ("nothing < :nine", &[":nine"], false),
        ("nothing <> :nine", &[":nine"], true),
        ("holder.tasks[1] < :nine", &[":nine"], true),
        ("size(holder.tasks) < :nine", &[":nine"], true),
        ("begins_with(sk, :text)", &[":text"], false),
        ("contains(zones, :text)", &[":text"], false),
    ];
    for (condition, used, expected) in table {
        let given: serde_json::Map<String, Value> =
            used.iter().map(|name| ((*name).to_owned(), values[*name].clone())).collect();
        let given = if given.is_empty() { Value::Null } else { Value::Object(given) };
        assert_eq!(holds(&mut world, condition, Value::Null, given), expected, "{condition}");
    }
    let names = json!({"#holder": "holder", "#name": "name"});
    assert!(holds(&mut world, "#holder.#name = :ada", names, json!({":ada": {"S": "ada"}})));
}

#[test]
fn an_expression_that_can_t_be_read_is_refused() {
    let mut world = account();
    put(&mut world, item("lease", 1));
    let table = [
        ("version =", json!({}), "Syntax error"),
        ("version = :v extra", json!({":v": {"N": "1"}}), "Syntax error"),
        ("version = :missing", json!({}), "not defined"),
        ("#missing = :v", json!({":v": {"N": "1"}}), "not defined"),
        ("attribute_exists(version)", json!({":v": {"N": "1"}}), "unused in expressions"),
        ("unheard_of(version)", json!({}), "Invalid function name"),
        ("version = :v", json!({":v": {"N": "one"}}), "numeric value"),
    ];
    for (condition, values, expected) in table {
        let mut input = json!({
            "TableName": "locks", "Item": item("lease", 2), "ConditionExpression": condition,
        });
        if !values.as_object().unwrap().is_empty() {
            input["ExpressionAttributeValues"] = values;
        }
        let error = ask(&mut world, "PutItem", input).unwrap_err();
        assert!(error.code.ends_with("#ValidationException"), "{error:?}");
        assert!(error.message.contains(expected), "{condition}: {}", error.message);
    }
}

#[test]
fn a_write_whose_condition_fails_changes_nothing_and_shows_what_is_there_if_asked() {
    let mut world = account();
    put(&mut world, item("lease", 1));
    let input = json!({
        "TableName": "locks", "Item": item("lease", 2), "ConditionExpression": "version = :seen",
        "ExpressionAttributeValues": {":seen": {"N": "7"}}, "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    let error = ask(&mut world, "PutItem", input).unwrap_err();
    assert!(error.code.ends_with("#ConditionalCheckFailedException"));
    assert_eq!(error.members["Item"]["version"], json!({"N": "1"}));
    let read = json!({"TableName": "locks", "Key": key("lease"), "ConsistentRead": true});
    assert_eq!(ask(&mut world, "GetItem", read).unwrap()["Item"]["version"], json!({"N": "1"}));
}

#[test]
fn an_update_sees_the_item_as_it_was() {
    let mut world = account();
    let update = |world: &mut World, expression: &str, values: Value| {
        let mut input = json!({
            "TableName": "locks", "Key": key("lease"), "UpdateExpression": expression, "ReturnValues": "ALL_NEW",
        });
        if values.is_object() {
            input["ExpressionAttributeValues"] = values;
        }
        ask(world, "UpdateItem", input).map(|answer| answer["Attributes"].clone())
    };
    let values = json!({":zero": {"N": "0"}, ":one": {"N": "1"}, ":ada": {"S": "ada"}});
    let made =
        update(&mut world, "SET epoch = if_not_exists(epoch, :zero) + :one, holder = :ada", values).unwrap();
    assert_eq!(
        made,
        json!({"pk": {"S": "a"}, "sk": {"S": "lease"}, "epoch": {"N": "1"}, "holder": {"S": "ada"}})
    );
    let swapped = update(
        &mut world,
        "SET before = epoch, epoch = epoch + :one REMOVE holder",
        json!({":one": {"N": "1"}}),
    );
    let swapped = swapped.unwrap();
    assert_eq!((&swapped["before"], &swapped["epoch"]), (&json!({"N": "1"}), &json!({"N": "2"})));
    assert!(swapped.get("holder").is_none());
    let added =
        update(&mut world, "ADD zones :b, epoch :two", json!({":b": {"SS": ["b"]}, ":two": {"N": "2"}}));
    assert_eq!(added.unwrap()["epoch"], json!({"N": "4"}));
    let error = update(&mut world, "SET pk = :x", json!({":x": {"S": "other"}})).unwrap_err();
    assert!(error.message.contains("part of the key"), "{}", error.message);
    let error = update(&mut world, "SET epoch = nowhere + :one", json!({":one": {"N": "1"}})).unwrap_err();
    assert!(error.message.contains("does not exist"), "{}", error.message);
}

fn transaction(token: &str, lease: i64, service: i64) -> Value {
    json!({"ClientRequestToken": token, "TransactItems": [
        {"ConditionCheck": {
            "TableName": "locks", "Key": key("lease"), "ConditionExpression": "version = :mine",
            "ExpressionAttributeValues": {":mine": {"N": lease.to_string()}},
        }},
        {"Put": {
            "TableName": "locks", "Item": item("service", service), "ConditionExpression": "attribute_not_exists(pk)",
        }},
    ]})
}

#[test]
fn a_transaction_is_made_whole_or_not_at_all_and_says_which_part_failed() {
    let mut world = account();
    put(&mut world, item("lease", 1));
    let error = ask(&mut world, "TransactWriteItems", transaction("one", 7, 1)).unwrap_err();
    assert!(error.code.ends_with("#TransactionCanceledException"));
    assert!(error.message.ends_with("[ConditionalCheckFailed, None]"), "{}", error.message);
    let codes: Vec<&Value> =
        error.members["CancellationReasons"].as_array().unwrap().iter().map(|it| &it["Code"]).collect();
    assert_eq!(codes, ["ConditionalCheckFailed", "None"]);
    ask(&mut world, "TransactWriteItems", transaction("two", 1, 1)).unwrap();
    let error = ask(&mut world, "TransactWriteItems", transaction("three", 1, 1)).unwrap_err();
    assert!(error.message.ends_with("[None, ConditionalCheckFailed]"), "{}", error.message);
}

#[test]
fn a_transaction_that_is_asked_for_again_by_its_token_is_made_once() {
    let mut world = account();
    put(&mut world, item("lease", 1));
    ask(&mut world, "TransactWriteItems", transaction("one", 1, 1)).unwrap();
    ask(&mut world, "TransactWriteItems", transaction("one", 1, 1)).unwrap();
    let error = ask(&mut world, "TransactWriteItems", transaction("one", 1, 2)).unwrap_err();
    assert!(error.code.ends_with("#IdempotentParameterMismatchException"));
    world.now = world.now + std::time::Duration::from_secs(10 * 60);
    let error = ask(&mut world, "TransactWriteItems", transaction("one", 1, 1)).unwrap_err();
    assert!(error.code.ends_with("#TransactionCanceledException"), "the token is forgotten");
}

#[test]
fn a_partition_comes_in_pages_of_a_mebibyte_and_in_order() {
    let mut world = account();
    for number in 0..9 {
        let mut large = item(&format!("service#{number}"), 1);
        large["record"] = json!({"S": "x".repeat(300 * 1024)});
        put(&mut world, large);
    }
    put(&mut world, json!({"pk": {"S": "other"}, "sk": {"S": "lease"}}));
    let mut seen = Vec::new();
    let mut pages = 0;
    let mut from = Value::Null;
    loop {
        let mut input = json!({
            "TableName": "locks", "KeyConditionExpression": "#pk = :pk AND begins_with(sk, :service)",
            "ExpressionAttributeNames": {"#pk": "pk"},
            "ExpressionAttributeValues": {":pk": {"S": "a"}, ":service": {"S": "service#"}}, "ConsistentRead": true,
        });
        if from.is_object() {
            input["ExclusiveStartKey"] = from;
        }
        let answer = ask(&mut world, "Query", input).unwrap();
        pages += 1;
        seen.extend(
            answer["Items"].as_array().unwrap().iter().map(|it| it["sk"]["S"].as_str().unwrap().to_owned()),
        );
        from = answer.get("LastEvaluatedKey").cloned().unwrap_or_default();
        if from.is_null() {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, (0..9).map(|number| format!("service#{number}")).collect::<Vec<_>>());
}

#[test]
fn what_is_too_large_or_of_the_wrong_key_is_refused() {
    let mut world = account();
    let mut large = item("service", 1);
    large["record"] = json!({"S": "x".repeat(400 * 1024)});
    let error = ask(&mut world, "PutItem", json!({"TableName": "locks", "Item": large})).unwrap_err();
    assert!(error.message.contains("Item size"), "{}", error.message);
    let number = json!({"pk": {"N": "1"}, "sk": {"S": "lease"}});
    assert!(ask(&mut world, "PutItem", json!({"TableName": "locks", "Item": number})).is_err());
    let error = ask(&mut world, "GetItem", json!({"TableName": "nowhere", "Key": key("lease")})).unwrap_err();
    assert!(error.code.ends_with("#ResourceNotFoundException"));
}
