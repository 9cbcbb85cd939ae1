//! Queues as a whole: making, finding, setting, tagging and emptying them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::{Answer, ApiError};
use crate::input::{list, map, number, page, text, texts, without_nulls};
use crate::world::World;

use super::queue::Queue;
use super::{does_not_exist, invalid_value, missing};

/// Bounds of the attributes that are numbers.
const BOUNDS: [(&str, i64, i64); 5] = [
    ("DelaySeconds", 0, 900),
    ("MaximumMessageSize", 1024, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20),
    ("VisibilityTimeout", 0, 43_200),
];
/// Attributes that are kept as they are given.
const KEPT: [&str; 6] = [
    "Policy",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
];
const A_MINUTE: Duration = Duration::from_secs(60);

pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let name = text(input, "QueueName").ok_or_else(|| missing("QueueName"))?;
    if name.ends_with(".fifo") || input.pointer("/Attributes/FifoQueue").is_some() {
        return Err(ApiError::new("com.amazonaws.sqs#UnsupportedOperation", "FIFO queues are not there."));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 80 || !name.chars().all(allowed) {
        return Err(invalid_value(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    let arn = format!("arn:aws:sqs:{}:{}:{name}", world.region, world.account);
    let url = queue_url(world, name);
    let mut queue = Queue::new(name, arn, now);
    set(&mut queue, input)?;
    let tags = map(input, "tags");
    queue.tags = tags.filter_map(|(key, value)| Some((key.to_owned(), value.as_str()?.to_owned()))).collect();
    if let Some(existing) = world.sqs.queues.get(name) {
        let differing = map(input, "Attributes")
            .map(|(attribute, _)| attribute)
            .find(|name| existing.attributes.get(*name) != queue.attributes.get(*name));
        return match differing {
            None => Ok(json!({"QueueUrl": url})),
            Some(attribute) => Err(ApiError::new(
                "com.amazonaws.sqs#QueueNameExists",
                format!(
                    "A queue already exists with the same name and a different value for attribute {attribute}"
                ),
            )),
        };
    }
    let deleted = world.sqs.deleted.get(name);
    if deleted.is_some_and(|deleted| now.since(*deleted) < A_MINUTE) {
        return Err(ApiError::new(
            "com.amazonaws.sqs#QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        ));
    }
    world.sqs.queues.insert(name.to_owned(), queue);
    Ok(json!({"QueueUrl": url}))
}

/// Sets the attributes a request gives, all or none.
fn set(queue: &mut Queue, input: &Value) -> Result<(), ApiError> {
    let mut changed = queue.attributes.clone();
    for (name, value) in map(input, "Attributes") {
        let value = value.as_str().unwrap_or_default();
        let bounds = BOUNDS.iter().find(|(bounded, _, _)| *bounded == name);
        let fits = match bounds {
            Some((_, low, high)) => value.parse().is_ok_and(|number: i64| (*low..=*high).contains(&number)),
            None if KEPT.contains(&name) => true,
            None => {
                return Err(ApiError::new(
                    "com.amazonaws.sqs#InvalidAttributeName",
                    format!("Unknown Attribute {name}."),
                ));
            }
        };
        if !fits {
            return Err(ApiError::new(
                "com.amazonaws.sqs#InvalidAttributeValue",
                format!("Invalid value for the parameter {name}."),
            ));
        }
        // Setting an attribute to nothing takes it away.
        if value.is_empty() {
            changed.remove(name);
        } else {
            changed.insert(name.to_owned(), value.to_owned());
        }
    }
    let before = std::mem::replace(&mut queue.attributes, changed);
    if queue.attributes.contains_key("RedrivePolicy") && queue.redrive().is_none() {
        queue.attributes = before;
        return Err(ApiError::new(
            "com.amazonaws.sqs#InvalidAttributeValue",
            "Invalid value for the parameter RedrivePolicy.",
        ));
    }
    Ok(())
}

fn queue_url(world: &World, name: &str) -> String {
    format!("{}/{}/{name}", world.sqs.endpoint, world.account)
}

pub(super) fn url(world: &World, input: &Value) -> Answer {
    let name = text(input, "QueueName").ok_or_else(|| missing("QueueName"))?;
    if !world.sqs.queues.contains_key(name) {
        return Err(does_not_exist());
    }
    Ok(json!({"QueueUrl": queue_url(world, name)}))
}

pub(super) fn list_queues(world: &World, input: &Value) -> Answer {
    let prefix = text(input, "QueueNamePrefix").unwrap_or_default();
    let names = world.sqs.queues.keys().filter(|name| name.starts_with(prefix));
    let urls = names.map(|name| (name, Value::String(queue_url(world, name))));
    let limit = number(input, "MaxResults").unwrap_or(1000).clamp(1, 1000);
    let page = page(urls, limit as usize, text(input, "NextToken"))
        .ok_or_else(|| invalid_value("Invalid or expired next token."))?;
    let urls = (!page.entries.is_empty()).then_some(page.entries);
    // A token is only given to those who asked for pages.
    let next = page.next.filter(|_| input.get("MaxResults").is_some());
    Ok(without_nulls(json!({"QueueUrls": urls, "NextToken": next})))
}

pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let name = world.sqs.queue(input)?.name.clone();
    world.sqs.queues.remove(&name);
    world.sqs.deleted.insert(name, world.now);
    Ok(json!({}))
}

pub(super) fn purge(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let queue = world.sqs.queue_mut(input)?;
    if queue.purged.is_some_and(|purged| now.since(purged) < A_MINUTE) {
        return Err(ApiError::new(
            "com.amazonaws.sqs#PurgeQueueInProgress",
            format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue.name),
        ));
    }
    queue.purged = Some(now);
    queue.messages.clear();
    Ok(json!({}))
}

pub(super) fn get_attributes(world: &World, input: &Value) -> Answer {
    let queue = world.sqs.queue(input)?;
    let (visible, in_flight, delayed) = queue.counts(world.now);
    let mut all: Map<String, Value> =
        queue.attributes.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let seconds = |time: crate::clock::Time| time.0 / 1000;
    for (name, value) in [
        ("ApproximateNumberOfMessages", visible as u64),
        ("ApproximateNumberOfMessagesNotVisible", in_flight as u64),
        ("ApproximateNumberOfMessagesDelayed", delayed as u64),
        ("CreatedTimestamp", seconds(queue.created)),
        ("LastModifiedTimestamp", seconds(queue.modified)),
    ] {
        all.insert(name.to_owned(), json!(value.to_string()));
    }
    all.insert("QueueArn".to_owned(), json!(queue.arn));

    let wanted = texts(input, "AttributeNames");
    if !wanted.contains(&"All") {
        if let Some(unknown) = wanted.iter().find(|name| !is_known(name)) {
            return Err(ApiError::new(
                "com.amazonaws.sqs#InvalidAttributeName",
                format!("Unknown Attribute {unknown}."),
            ));
        }
        all.retain(|name, _| wanted.contains(&name.as_str()));
    }
    if all.is_empty() {
        return Ok(json!({}));
    }
    Ok(json!({"Attributes": all}))
}

fn is_known(attribute: &str) -> bool {
    const READ_ONLY: [&str; 6] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
        "QueueArn",
    ];
    READ_ONLY.contains(&attribute)
        || KEPT.contains(&attribute)
        || BOUNDS.iter().any(|(name, _, _)| *name == attribute)
}

pub(super) fn set_attributes(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let queue = world.sqs.queue_mut(input)?;
    set(queue, input)?;
    queue.modified = now;
    Ok(json!({}))
}

pub(super) fn tag(world: &mut World, input: &Value) -> Answer {
    let queue = world.sqs.queue_mut(input)?;
    for (key, value) in map(input, "Tags") {
        let value = value.as_str().unwrap_or_default();
        queue.tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, input: &Value) -> Answer {
    let queue = world.sqs.queue_mut(input)?;
    for key in list(input, "TagKeys").iter().filter_map(Value::as_str) {
        queue.tags.remove(key);
    }
    Ok(json!({}))
}

pub(super) fn list_tags(world: &World, input: &Value) -> Answer {
    let queue = world.sqs.queue(input)?;
    let tags = (!queue.tags.is_empty()).then_some(&queue.tags);
    Ok(without_nulls(json!({"Tags": tags})))
}
