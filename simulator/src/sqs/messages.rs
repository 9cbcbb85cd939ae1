//! Messages: sending, receiving, deleting, hiding, one by one and in batches.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{list, number, text, texts, without_nulls};
use crate::naming;
use crate::world::World;

use super::queue::{Message, Queue};
use super::{Sqs, checksum, invalid_value, missing};

const ENTRIES_MAX: usize = 10;
const IN_FLIGHT_MAX: usize = 120_000;

pub(super) fn send(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    send_entry(world.sqs.queue_mut(input)?, input, now)
}

pub(super) fn send_entry(queue: &mut Queue, input: &Value, now: Time) -> Answer {
    let body =
        text(input, "MessageBody").filter(|body| !body.is_empty()).ok_or_else(|| missing("MessageBody"))?;
    let attributes = input.get("MessageAttributes").cloned().unwrap_or(json!({}));
    let size_max = queue.attribute_number("MaximumMessageSize").unwrap_or(0);
    if body.len() as i64 > size_max {
        return Err(invalid_value(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {size_max} bytes."
        )));
    }
    let delay = match number(input, "DelaySeconds") {
        None => queue.attribute_seconds("DelaySeconds"),
        Some(seconds @ 0..=900) => Duration::from_secs(seconds as u64),
        Some(other) => {
            return Err(invalid_value(format!(
                "Value {other} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
            )));
        }
    };
    let attributes_sum = checksum::attributes(&attributes);
    let number = queue.add(Message {
        id: String::new(),
        body: body.to_owned(),
        attributes,
        sent: now,
        visible: now + delay,
        receives: 0,
        first_received: None,
    });
    let id = naming::uuid(&format!("{} {number}", queue.arn), now);
    if let Some(message) = queue.messages.get_mut(&number) {
        message.id.clone_from(&id);
    }
    Ok(without_nulls(json!({
        "MessageId": id,
        "MD5OfMessageBody": checksum::body(body),
        "MD5OfMessageAttributes": attributes_sum,
    })))
}

pub(super) fn receive(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let most = match number(input, "MaxNumberOfMessages").unwrap_or(1) {
        most @ 1..=10 => most as usize,
        other => {
            return Err(invalid_value(format!(
                "Value {other} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
            )));
        }
    };
    let wait = number(input, "WaitTimeSeconds").unwrap_or(0);
    if !(0..=20).contains(&wait) {
        return Err(invalid_value(format!(
            "Value {wait} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
        )));
    }
    let visibility = visibility(input)?;
    bury(&mut world.sqs, input, now)?;
    let queue = world.sqs.queue_mut(input)?;
    let visibility = visibility.unwrap_or_else(|| queue.attribute_seconds("VisibilityTimeout"));
    let (_, in_flight, _) = queue.counts(now);
    if in_flight >= IN_FLIGHT_MAX {
        return Err(ApiError::new("com.amazonaws.sqs#OverLimit", "Too many messages in flight."));
    }
    let name = queue.name.clone();
    let messages: Vec<Value> = queue
        .messages
        .iter_mut()
        .filter(|(_, message)| message.visible <= now)
        .take(most)
        .map(|(number, message)| {
            message.receives += 1;
            message.first_received.get_or_insert(now);
            message.visible = now + visibility;
            describe(&name, *number, message, input)
        })
        .collect();
    if messages.is_empty() {
        return Ok(json!({}));
    }
    Ok(json!({"Messages": messages}))
}

/// Moves messages that were received too often to the dead-letter queue, if there is one.
fn bury(sqs: &mut Sqs, input: &Value, now: Time) -> Result<(), ApiError> {
    let queue = sqs.queue_mut(input)?;
    let Some((target, receives_max)) = queue.redrive() else {
        return Ok(());
    };
    let is_dead = |message: &Message| message.visible <= now && message.receives >= receives_max;
    let dead: Vec<Message> =
        queue.messages.extract_if(.., |_, message| is_dead(message)).map(|(_, message)| message).collect();
    if let Some(target) = sqs.queues.values_mut().find(|queue| queue.arn == target) {
        for message in dead {
            // Keeps the time it was sent, from which retention goes on counting.
            target.add(Message { receives: 0, first_received: None, ..message });
        }
    }
    Ok(())
}

fn describe(queue: &str, number: u64, message: &Message, input: &Value) -> Value {
    let mut wanted = texts(input, "MessageSystemAttributeNames");
    wanted.extend(texts(input, "AttributeNames"));
    let mut system: Map<String, Value> = Map::new();
    let first = message.first_received.unwrap_or(message.sent);
    for (name, value) in [
        ("ApproximateFirstReceiveTimestamp", first.0.to_string()),
        ("ApproximateReceiveCount", message.receives.to_string()),
        ("SenderId", "AIDAEXAMPLESIMULATOR1".to_owned()),
        ("SentTimestamp", message.sent.0.to_string()),
    ] {
        if wanted.contains(&name) || wanted.contains(&"All") {
            system.insert(name.to_owned(), json!(value));
        }
    }
    let names = texts(input, "MessageAttributeNames");
    let is_wanted = |name: &str| {
        names.iter().any(|wanted| match *wanted {
            "All" | ".*" => true,
            wanted => match wanted.strip_suffix(".*") {
                Some(prefix) => name.starts_with(prefix),
                None => wanted == name,
            },
        })
    };
    let mut own: Map<String, Value> = message.attributes.as_object().cloned().unwrap_or_default();
    own.retain(|name, _| is_wanted(name));
    let own = Value::Object(own);
    let sum = checksum::attributes(&own);
    without_nulls(json!({
        "MessageId": message.id,
        "ReceiptHandle": receipt_handle(queue, number, message.receives),
        "Body": message.body,
        "MD5OfBody": checksum::body(&message.body),
        "Attributes": (!system.is_empty()).then_some(system),
        "MD5OfMessageAttributes": sum,
        "MessageAttributes": sum.as_ref().map(|_| own),
    }))
}

/// A handle stands for one receive of one message.
fn receipt_handle(queue: &str, number: u64, receive: u32) -> String {
    STANDARD.encode(format!("receipt {queue} {number} {receive}"))
}

/// The message and the receive that a handle stands for.
fn read_handle(queue: &Queue, input: &Value) -> Result<(u64, u32), ApiError> {
    let handle = text(input, "ReceiptHandle").ok_or_else(|| missing("ReceiptHandle"))?;
    let read = || {
        let handle = String::from_utf8(STANDARD.decode(handle).ok()?).ok()?;
        let mut words = handle.split(' ');
        let ours = words.next()? == "receipt" && words.next()? == queue.name;
        let read = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        ours.then_some(read)
    };
    read().ok_or_else(|| {
        ApiError::new(
            "com.amazonaws.sqs#ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )
    })
}

pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    delete_entry(world.sqs.queue_mut(input)?, input, now)
}

pub(super) fn delete_entry(queue: &mut Queue, input: &Value, _now: Time) -> Answer {
    let (number, receive) = read_handle(queue, input)?;
    // The handle of an earlier receive succeeds without effect: somebody else has the message now.
    let is_current = |message: &Message| message.receives == receive;
    if queue.messages.get(&number).is_some_and(is_current) {
        queue.messages.remove(&number);
    }
    Ok(json!({}))
}

pub(super) fn change_visibility(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    change_visibility_entry(world.sqs.queue_mut(input)?, input, now)
}

pub(super) fn change_visibility_entry(queue: &mut Queue, input: &Value, now: Time) -> Answer {
    let timeout = visibility(input)?.ok_or_else(|| missing("VisibilityTimeout"))?;
    let (number, receive) = read_handle(queue, input)?;
    let message = queue.messages.get_mut(&number).ok_or_else(|| {
        invalid_value(
            "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.",
        )
    })?;
    if message.visible <= now || message.receives != receive {
        return Err(ApiError::new(
            "com.amazonaws.sqs#MessageNotInflight",
            "The specified message is not in flight.",
        ));
    }
    message.visible = now + timeout;
    Ok(json!({}))
}

fn visibility(input: &Value) -> Result<Option<Duration>, ApiError> {
    match number(input, "VisibilityTimeout") {
        None => Ok(None),
        Some(seconds @ 0..=43_200) => Ok(Some(Duration::from_secs(seconds as u64))),
        Some(other) => Err(invalid_value(format!(
            "Value {other} for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and 43200."
        ))),
    }
}

/// Does the same for every entry of a batch; each succeeds or fails on its own.
pub(super) fn batch(world: &mut World, input: &Value, act: fn(&mut Queue, &Value, Time) -> Answer) -> Answer {
    let now = world.now;
    let queue = world.sqs.queue_mut(input)?;
    let entries = list(input, "Entries");
    check_batch(entries)?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let id = text(entry, "Id").unwrap_or_default();
        match act(queue, entry, now) {
            Ok(mut answer) => {
                answer["Id"] = json!(id);
                successful.push(answer);
            }
            Err(error) => failed.push(json!({
                "Id": id,
                "SenderFault": true,
                "Code": error.code.trim_start_matches("com.amazonaws.sqs#"),
                "Message": error.message,
            })),
        }
    }
    Ok(json!({"Successful": successful, "Failed": failed}))
}

fn check_batch(entries: &[Value]) -> Result<(), ApiError> {
    let refuse =
        |code: &str, message: String| Err(ApiError::new(&format!("com.amazonaws.sqs#{code}"), message));
    if entries.is_empty() {
        return refuse("EmptyBatchRequest", "There should be at least one entry in the request.".into());
    }
    if entries.len() > ENTRIES_MAX {
        return refuse(
            "TooManyEntriesInBatchRequest",
            format!(
                "Maximum number of entries per request are {ENTRIES_MAX}. You have sent {}.",
                entries.len()
            ),
        );
    }
    let mut ids = std::collections::BTreeSet::new();
    for entry in entries {
        let id = text(entry, "Id").ok_or_else(|| missing("Id"))?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > 80 || !id.chars().all(allowed) {
            return refuse(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.".into(),
            );
        }
        if !ids.insert(id) {
            return refuse("BatchEntryIdsNotDistinct", format!("Id {id} repeated."));
        }
    }
    Ok(())
}
