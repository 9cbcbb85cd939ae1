//! Queues as their clients see them.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::testing::{Idle, world};

const URL: &str = "http://sqs.eu-west-1.amazonaws.com/123456789012/jobs";

fn ask(world: &mut World, operation: &str, mut input: Value) -> Answer {
    if input.get("QueueName").is_none() && input.get("QueueUrl").is_none() {
        input["QueueUrl"] = json!(URL);
    }
    call(world, &Idle, operation, &input)
}

fn with_queue(attributes: Value) -> World {
    let mut world = world();
    let input = json!({"QueueName": "jobs", "Attributes": attributes});
    let created = ask(&mut world, "CreateQueue", input).unwrap();
    assert_eq!(created["QueueUrl"], URL);
    world
}

fn send(world: &mut World, body: &str) {
    ask(world, "SendMessage", json!({"MessageBody": body})).unwrap();
}

/// The bodies and handles of what can be received.
fn receive(world: &mut World) -> Vec<(String, String)> {
    let input = json!({"MaxNumberOfMessages": 10});
    let received = ask(world, "ReceiveMessage", input).unwrap();
    let text = |message: &Value, member| message[member].as_str().unwrap().to_owned();
    crate::input::list(&received, "Messages")
        .iter()
        .map(|message| (text(message, "Body"), text(message, "ReceiptHandle")))
        .collect()
}

fn bodies(world: &mut World) -> Vec<String> {
    receive(world).into_iter().map(|(body, _)| body).collect()
}

fn wait(world: &mut World, seconds: u64) {
    world.now = world.now + Duration::from_secs(seconds);
}

fn counts(world: &mut World) -> [String; 3] {
    let answer = ask(world, "GetQueueAttributes", json!({"AttributeNames": ["All"]})).unwrap();
    ["", "NotVisible", "Delayed"].map(|end| {
        let name = format!("ApproximateNumberOfMessages{end}");
        answer["Attributes"][name].as_str().unwrap().to_owned()
    })
}

#[test]
fn a_received_message_is_hidden_until_its_timeout_and_gone_once_deleted() {
    let mut world = with_queue(json!({"VisibilityTimeout": "30"}));
    send(&mut world, "a");
    assert_eq!(bodies(&mut world), ["a"]);
    assert_eq!(counts(&mut world), ["0", "1", "0"]);
    wait(&mut world, 29);
    assert!(bodies(&mut world).is_empty());
    wait(&mut world, 1);
    let (_, handle) = receive(&mut world).remove(0);
    ask(&mut world, "DeleteMessage", json!({"ReceiptHandle": handle})).unwrap();
    wait(&mut world, 60);
    assert!(bodies(&mut world).is_empty());
}

#[test]
fn the_handle_of_an_earlier_receive_deletes_nothing() {
    let mut world = with_queue(json!({"VisibilityTimeout": "30"}));
    send(&mut world, "a");
    let (_, old) = receive(&mut world).remove(0);
    wait(&mut world, 30);
    receive(&mut world);
    ask(&mut world, "DeleteMessage", json!({"ReceiptHandle": old})).unwrap();
    wait(&mut world, 30);
    assert_eq!(bodies(&mut world), ["a"]);
}

#[test]
fn visibility_can_be_prolonged_and_ended() {
    let mut world = with_queue(json!({"VisibilityTimeout": "30"}));
    send(&mut world, "a");
    let (_, handle) = receive(&mut world).remove(0);
    let change = |seconds: u32| json!({"ReceiptHandle": handle, "VisibilityTimeout": seconds});
    ask(&mut world, "ChangeMessageVisibility", change(100)).unwrap();
    wait(&mut world, 99);
    assert!(bodies(&mut world).is_empty());
    ask(&mut world, "ChangeMessageVisibility", change(0)).unwrap();
    assert_eq!(bodies(&mut world), ["a"]);
    let refused = ask(&mut world, "ChangeMessageVisibility", change(5)).unwrap_err();
    assert_eq!(refused.code, "com.amazonaws.sqs#MessageNotInflight");
}

#[test]
fn a_message_received_too_often_goes_to_the_dead_letter_queue() {
    let policy = json!({"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:dead",
                        "maxReceiveCount": "2"});
    let mut world = with_queue(json!({"RedrivePolicy": policy.to_string()}));
    ask(&mut world, "CreateQueue", json!({"QueueName": "dead"})).unwrap();
    send(&mut world, "poison");
    for _ in 0..2 {
        assert_eq!(bodies(&mut world), ["poison"]);
        wait(&mut world, 30);
    }
    assert!(bodies(&mut world).is_empty());
    let dead = json!({"QueueUrl": "http://elsewhere/123456789012/dead"});
    let received = ask(&mut world, "ReceiveMessage", dead).unwrap();
    assert_eq!(received["Messages"][0]["Body"], "poison");
}

#[test]
fn a_delayed_message_is_not_to_be_seen_yet() {
    let mut world = with_queue(json!({"DelaySeconds": "10"}));
    send(&mut world, "late");
    let now = json!({"MessageBody": "now", "DelaySeconds": 0});
    ask(&mut world, "SendMessage", now).unwrap();
    assert_eq!(counts(&mut world), ["1", "0", "1"]);
    assert_eq!(bodies(&mut world), ["now"]);
    wait(&mut world, 10);
    assert_eq!(bodies(&mut world), ["late"]);
}

#[test]
fn a_message_is_dropped_after_the_retention_period() {
    let mut world = with_queue(json!({"MessageRetentionPeriod": "60"}));
    send(&mut world, "a");
    wait(&mut world, 60);
    assert!(bodies(&mut world).is_empty());
}

#[test]
fn attributes_of_a_message_come_only_when_asked_for() {
    let mut world = with_queue(json!({}));
    let attributes = json!({"kind": {"DataType": "String", "StringValue": "x"},
                            "trace.id": {"DataType": "String", "StringValue": "1"}});
    let input = json!({"MessageBody": "a", "MessageAttributes": attributes});
    let sent = ask(&mut world, "SendMessage", input).unwrap();
    let ask_for = json!({"VisibilityTimeout": 0, "MessageAttributeNames": ["All"],
                         "AttributeNames": ["ApproximateReceiveCount"]});
    let full = ask(&mut world, "ReceiveMessage", ask_for).unwrap();
    let message = &full["Messages"][0];
    assert_eq!(message["MessageAttributes"], attributes);
    assert_eq!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    assert_eq!(message["MD5OfBody"], sent["MD5OfMessageBody"]);
    assert_eq!(message["Attributes"], json!({"ApproximateReceiveCount": "1"}));
    let plain = ask(&mut world, "ReceiveMessage", json!({})).unwrap();
    assert!(plain["Messages"][0].get("Attributes").is_none());
    assert!(plain["Messages"][0].get("MessageAttributes").is_none());
}

#[test]
fn entries_of_a_batch_succeed_and_fail_each_on_its_own() {
    let mut world = with_queue(json!({}));
    let entries = json!({"Entries": [
        {"Id": "good", "MessageBody": "a"},
        {"Id": "bad", "MessageBody": "b", "DelaySeconds": 901},
    ]});
    let answer = ask(&mut world, "SendMessageBatch", entries).unwrap();
    assert_eq!(answer["Successful"][0]["Id"], "good");
    assert_eq!(answer["Failed"][0]["Id"], "bad");
    assert_eq!(bodies(&mut world), ["a"]);
    let twice = json!({"Entries": [{"Id": "x", "MessageBody": "a"}, {"Id": "x", "MessageBody": "b"}]});
    let refused = ask(&mut world, "SendMessageBatch", twice).unwrap_err();
    assert_eq!(refused.code, "com.amazonaws.sqs#BatchEntryIdsNotDistinct");
}

#[test]
fn creating_a_queue_again_succeeds_only_with_the_same_attributes() {
    let mut world = with_queue(json!({"VisibilityTimeout": "30"}));
    let again = |timeout: &str| json!({"QueueName": "jobs", "Attributes": {"VisibilityTimeout": timeout}});
    assert!(ask(&mut world, "CreateQueue", again("30")).is_ok());
    assert!(ask(&mut world, "CreateQueue", json!({"QueueName": "jobs"})).is_ok());
    let refused = ask(&mut world, "CreateQueue", again("31")).unwrap_err();
    assert_eq!(refused.code, "com.amazonaws.sqs#QueueNameExists");
}

#[test]
fn what_is_unknown_or_malformed_is_refused_with_the_codes_of_sqs() {
    let mut world = with_queue(json!({}));
    let mut check = |operation: &str, input: Value, code: &str| {
        let refused = ask(&mut world, operation, input).unwrap_err();
        assert_eq!(refused.code, format!("com.amazonaws.sqs#{code}"), "{operation}");
    };
    check("GetQueueUrl", json!({"QueueName": "none"}), "QueueDoesNotExist");
    check("ReceiveMessage", json!({"QueueUrl": "http://x/1/none"}), "QueueDoesNotExist");
    check("DeleteMessage", json!({"ReceiptHandle": "?"}), "ReceiptHandleIsInvalid");
    let eleven = json!({"MaxNumberOfMessages": 11});
    check("ReceiveMessage", eleven, "InvalidParameterValueException");
    check("SendMessage", json!({"MessageBody": ""}), "MissingParameter");
    let unknown = json!({"Attributes": {"Colour": "blue"}});
    check("SetQueueAttributes", unknown, "InvalidAttributeName");
    let negative = json!({"Attributes": {"DelaySeconds": "-1"}});
    check("SetQueueAttributes", negative, "InvalidAttributeValue");
    check("CreateQueue", json!({"QueueName": "jobs.fifo"}), "UnsupportedOperation");
}

#[test]
fn queues_are_listed_by_prefix_and_page() {
    let mut world = with_queue(json!({}));
    ask(&mut world, "CreateQueue", json!({"QueueName": "jobs-dead"})).unwrap();
    ask(&mut world, "CreateQueue", json!({"QueueName": "other"})).unwrap();
    let first = json!({"QueueNamePrefix": "jobs", "MaxResults": 1, "QueueUrl": ""});
    let first = ask(&mut world, "ListQueues", first).unwrap();
    let second = json!({"QueueNamePrefix": "jobs", "MaxResults": 1, "QueueUrl": "",
                        "NextToken": first["NextToken"]});
    let second = ask(&mut world, "ListQueues", second).unwrap();
    assert!(second["QueueUrls"][0].as_str().unwrap().ends_with("/jobs-dead"));
    assert!(second.get("NextToken").is_none());
}

#[test]
fn the_name_of_a_deleted_queue_is_free_after_a_minute() {
    let mut world = with_queue(json!({}));
    ask(&mut world, "DeleteQueue", json!({})).unwrap();
    let again = json!({"QueueName": "jobs"});
    let refused = ask(&mut world, "CreateQueue", again.clone()).unwrap_err();
    assert_eq!(refused.code, "com.amazonaws.sqs#QueueDeletedRecently");
    wait(&mut world, 60);
    assert!(ask(&mut world, "CreateQueue", again).is_ok());
}
