//! Amazon SQS: standard queues with visibility, delays, retention and dead-letter redrive.
//!
//! FIFO queues are not there, and creating one is refused.

mod checksum;
mod messages;
mod queue;
mod queues;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::text;
use crate::runtime::Runtime;
use crate::world::World;

use self::queue::Queue;

pub struct Sqs {
    /// What queue URLs begin with; clients send messages to the URL they are given.
    pub endpoint: String,
    queues: BTreeMap<String, Queue>,
    /// When queues were deleted: their names are not free at once.
    deleted: BTreeMap<String, Time>,
}

impl Default for Sqs {
    fn default() -> Self {
        Self {
            endpoint: "http://sqs.eu-west-1.amazonaws.com".to_owned(),
            queues: BTreeMap::new(),
            deleted: BTreeMap::new(),
        }
    }
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    let now = world.now;
    for queue in world.sqs.queues.values_mut() {
        queue.expire(now);
    }
    match operation {
        "CreateQueue" => queues::create(world, input),
        "GetQueueUrl" => queues::url(world, input),
        "ListQueues" => queues::list_queues(world, input),
        "DeleteQueue" => queues::delete(world, input),
        "PurgeQueue" => queues::purge(world, input),
        "GetQueueAttributes" => queues::get_attributes(world, input),
        "SetQueueAttributes" => queues::set_attributes(world, input),
        "TagQueue" => queues::tag(world, input),
        "UntagQueue" => queues::untag(world, input),
        "ListQueueTags" => queues::list_tags(world, input),
        "SendMessage" => messages::send(world, input),
        "SendMessageBatch" => messages::batch(world, input, messages::send_entry),
        "ReceiveMessage" => messages::receive(world, input),
        "DeleteMessage" => messages::delete(world, input),
        "DeleteMessageBatch" => messages::batch(world, input, messages::delete_entry),
        "ChangeMessageVisibility" => messages::change_visibility(world, input),
        "ChangeMessageVisibilityBatch" => messages::batch(world, input, messages::change_visibility_entry),
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not there"))),
    }
}

impl Sqs {
    fn queue(&self, input: &Value) -> Result<&Queue, ApiError> {
        self.queues.get(wanted_queue(input)?).ok_or_else(does_not_exist)
    }

    fn queue_mut(&mut self, input: &Value) -> Result<&mut Queue, ApiError> {
        self.queues.get_mut(wanted_queue(input)?).ok_or_else(does_not_exist)
    }
}

/// How full a queue is, as CloudWatch is told.
pub(crate) struct Depth {
    pub(crate) name: String,
    pub(crate) visible: usize,
    pub(crate) in_flight: usize,
    pub(crate) delayed: usize,
    /// The age of the oldest message; zero for an empty queue.
    pub(crate) oldest: Duration,
}

/// The seam to CloudWatch.
impl Sqs {
    pub(crate) fn depths(&mut self, now: Time) -> Vec<Depth> {
        let queues = self.queues.values_mut().map(|queue| {
            queue.expire(now);
            let (visible, in_flight, delayed) = queue.counts(now);
            let oldest = queue.messages.values().next().map_or(Duration::ZERO, |it| now.since(it.sent));
            Depth { name: queue.name.clone(), visible, in_flight, delayed, oldest }
        });
        queues.collect()
    }
}

fn wanted_queue(input: &Value) -> Result<&str, ApiError> {
    let url = text(input, "QueueUrl").ok_or_else(|| missing("QueueUrl"))?;
    queue_name(url).ok_or_else(does_not_exist)
}

/// A queue's URL may have been made for another endpoint, so only its end counts.
fn queue_name(url: &str) -> Option<&str> {
    url.rsplit('/').next().filter(|name| !name.is_empty())
}

fn does_not_exist() -> ApiError {
    ApiError::new("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
}

fn missing(parameter: &str) -> ApiError {
    ApiError::new(
        "com.amazonaws.sqs#MissingParameter",
        format!("The request must contain the parameter {parameter}."),
    )
}

fn invalid_value(message: impl Into<String>) -> ApiError {
    ApiError::new("com.amazonaws.sqs#InvalidParameterValueException", message)
}

#[cfg(test)]
mod tests;
