//! Schedules that are due: RunTask on the cluster, tried again, and in the end a dead letter.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::schedules::arn;
use crate::clock::Time;
use crate::error::ApiError;
use crate::input::{number, text};
use crate::runtime::Runtime;
use crate::world::World;
use crate::{ecs, naming, sqs};

/// The wait before an invocation is tried again doubles up to this. AWS publishes no numbers; with these,
/// the 185 attempts of its default policy fill the 24 hours of it.
const AGAIN_MAX: Duration = Duration::from_secs(480);

/// One time that a schedule has come due.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    /// What the expression says.
    pub(super) scheduled: Time,
    /// When it is tried next: later, within a flexible window or after a failure.
    due: Time,
    /// Attempts that failed so far.
    failed: u32,
    execution: String,
}

pub(super) fn advance(world: &mut World, runtime: &dyn Runtime) {
    let now = world.now;
    let is_due = |schedule: &super::Schedule| {
        schedule.next.is_some_and(|next| next <= now) || schedule.pending.iter().any(|one| one.due <= now)
    };
    let due: Vec<(String, String)> = world
        .scheduler
        .schedules
        .iter()
        .filter(|(_, schedule)| is_due(schedule))
        .map(|(key, _)| key.clone())
        .collect();
    for key in due {
        let Some(schedule) = world.scheduler.schedules.get_mut(&key) else { continue };
        come_due(schedule, &key.1, now);
        let (ready, later) =
            std::mem::take(&mut schedule.pending).into_iter().partition(|one: &Invocation| one.due <= now);
        schedule.pending = later;
        for invocation in ready {
            attempt(world, runtime, &key, invocation);
        }
        let over = world.scheduler.schedules.get(&key).is_some_and(|schedule| {
            schedule.next.is_none()
                && schedule.pending.is_empty()
                && schedule.body.get("ActionAfterCompletion").is_some_and(|action| action == "DELETE")
                && schedule.body.get("State").is_some_and(|state| state == "ENABLED")
        });
        if over {
            world.scheduler.schedules.remove(&key);
        }
    }
}

/// Turns what the expression says until now into invocations.
fn come_due(schedule: &mut super::Schedule, name: &str, now: Time) {
    while let Some(scheduled) = schedule.next.filter(|next| *next <= now) {
        let window = schedule.body.get("FlexibleTimeWindow").unwrap_or(&Value::Null);
        let execution = naming::uuid(&format!("invocation of {name}"), scheduled);
        let invocation =
            Invocation { scheduled, due: scheduled + offset(window, &execution), failed: 0, execution };
        schedule.pending.push(invocation);
        schedule.next = schedule.timing.next(Some(scheduled), now);
    }
}

/// Where in a flexible window an invocation falls: anywhere, but the same in every replay.
fn offset(window: &Value, execution: &str) -> Duration {
    let minutes = number(window, "MaximumWindowInMinutes").unwrap_or(0);
    let seconds = u64::try_from(minutes).unwrap_or(0) * 60;
    let part = u64::from_str_radix(execution.get(..8).unwrap_or("0"), 16).unwrap_or(0);
    Duration::from_secs(part.checked_rem(seconds).unwrap_or(0))
}

fn attempt(world: &mut World, runtime: &dyn Runtime, key: &(String, String), invocation: Invocation) {
    let schedule_arn = arn(world, key);
    let Some(schedule) = world.scheduler.schedules.get(key) else { return };
    let target = schedule.body.get("Target").cloned().unwrap_or_default();
    let request = run_task(&target, &key.1, &schedule_arn, &invocation);
    let Err(error) = started(world, runtime, &request) else { return };
    let policy = &target["RetryPolicy"];
    let bound = |member: &str| number(policy, member).and_then(|it| u64::try_from(it).ok()).unwrap_or(0);
    let wait = Duration::from_secs(1 << invocation.failed.min(16)).min(AGAIN_MAX);
    let again = world.now + wait;
    let exhausted = if u64::from(invocation.failed) >= bound("MaximumRetryAttempts") {
        Some("MaximumRetryAttempts")
    } else if again.since(invocation.scheduled).as_secs() > bound("MaximumEventAgeInSeconds") {
        Some("MaximumEventAgeInSeconds")
    } else {
        None
    };
    match exhausted {
        None => {
            let next = Invocation { due: again, failed: invocation.failed + 1, ..invocation };
            if let Some(schedule) = world.scheduler.schedules.get_mut(key) {
                schedule.pending.push(next);
            }
        }
        Some(condition) => {
            let letter = DeadLetter { schedule_arn, target, request, invocation, error, condition };
            letter.send(world, runtime);
        }
    }
}

/// What the role of the schedule asks ECS for.
fn run_task(target: &Value, name: &str, schedule_arn: &str, invocation: &Invocation) -> Value {
    let mut request = match target.get("EcsParameters").map(lower_camel) {
        Some(Value::Object(parameters)) => parameters,
        _ => Map::new(),
    };
    for (from, to) in [("taskDefinitionArn", "taskDefinition"), ("taskCount", "count")] {
        if let Some(value) = request.remove(from) {
            request.insert(to.to_owned(), value);
        }
    }
    if let Some(Value::Array(tags)) = target["EcsParameters"].get("Tags") {
        request.insert("tags".to_owned(), tags.iter().flat_map(as_tags).collect());
    }
    request.insert("cluster".to_owned(), target["Arn"].clone());
    request.insert("startedBy".to_owned(), format!("chronos-schedule/{name}").into());
    if let Some(input) = text(target, "Input") {
        let input = input
            .replace("<aws.scheduler.schedule-arn>", schedule_arn)
            .replace("<aws.scheduler.scheduled-time>", &iso(invocation.scheduled))
            .replace("<aws.scheduler.execution-id>", &invocation.execution)
            .replace("<aws.scheduler.attempt-number>", &(invocation.failed + 1).to_string());
        request.insert("overrides".to_owned(), serde_json::from_str(&input).unwrap_or_default());
    }
    Value::Object(request)
}

/// EcsParameters in the spelling of RunTask.
fn lower_camel(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, member)| {
                    let mut name = name.clone();
                    if let Some(first) = name.get_mut(..1) {
                        first.make_ascii_lowercase();
                    }
                    (name, lower_camel(member))
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(lower_camel).collect()),
        scalar => scalar.clone(),
    }
}

/// A tag is a map, written either as `{key, value}` or as `{NAME: VALUE}`.
fn as_tags(map: &Value) -> Vec<Value> {
    if map.get("key").is_some() {
        return vec![map.clone()];
    }
    let pairs = map.as_object().into_iter().flatten();
    pairs.map(|(key, value)| json!({"key": key, "value": value})).collect()
}

fn started(world: &mut World, runtime: &dyn Runtime, request: &Value) -> Result<(), ApiError> {
    if request.get("taskDefinition").is_none() {
        return Err(ApiError::new("UnsupportedTarget", "only ECS tasks can be started here"));
    }
    let answer = ecs::call(world, runtime, "RunTask", request)?;
    match answer["tasks"].as_array().is_some_and(|tasks| !tasks.is_empty()) {
        true => Ok(()),
        false => Err(ApiError::new("RunTaskFailed", answer["failures"].to_string())),
    }
}

/// An invocation that was given up.
struct DeadLetter {
    schedule_arn: String,
    target: Value,
    request: Value,
    invocation: Invocation,
    error: ApiError,
    /// What of the retry policy was used up.
    condition: &'static str,
}

impl DeadLetter {
    /// Puts the request with what became of it into the dead-letter queue, where there is one. A queue
    /// that is not there loses it, as AWS does.
    fn send(&self, world: &mut World, runtime: &dyn Runtime) {
        let Some(queue) = text(&self.target["DeadLetterConfig"], "Arn") else { return };
        let name = queue.rsplit(':').next().unwrap_or_default();
        let attributes = [
            ("ERROR_CODE", self.error.code.clone()),
            ("ERROR_MESSAGE", self.error.message.clone()),
            ("EXECUTION_ID", self.invocation.execution.clone()),
            ("EXHAUSTED_RETRY_CONDITION", self.condition.to_owned()),
            ("IS_PAYLOAD_TRUNCATED", "false".to_owned()),
            ("RETRY_ATTEMPTS", self.invocation.failed.to_string()),
            ("SCHEDULED_TIME", iso(self.invocation.scheduled)),
            ("SCHEDULE_ARN", self.schedule_arn.clone()),
            ("TARGET_ARN", text(&self.target, "Arn").unwrap_or_default().to_owned()),
        ];
        let attributes: Map<String, Value> = attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!({"DataType": "String", "StringValue": value})))
            .collect();
        let message = json!({
            "QueueUrl": format!("/{}/{name}", world.account),
            "MessageBody": self.request.to_string(),
            "MessageAttributes": attributes,
        });
        if let Err(error) = sqs::call(world, runtime, "SendMessage", &message) {
            tracing::warn!(queue, error = error.message, "a dead letter is lost");
        }
    }
}

/// `2026-11-21T08:00:00Z`
fn iso(at: Time) -> String {
    let timestamp = i64::try_from(at.0 / 1000).ok().and_then(|it| jiff::Timestamp::from_second(it).ok());
    timestamp.map(|it| it.to_string()).unwrap_or_default()
}
