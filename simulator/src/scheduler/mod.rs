//! Amazon EventBridge Scheduler, as far as schedules that start ECS tasks go: groups with tags, schedules
//! that fire under the account's clock, retries and dead letters.
//!
//! Other targets can be stored and read back; when such a schedule is due, its invocation fails.

mod fire;
mod groups;
mod schedules;
#[cfg(test)]
mod tests;
mod validation;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::runtime::Runtime;
use crate::timetable::Timing;
use crate::world::World;
use fire::Invocation;

/// The group that every account has.
const DEFAULT_GROUP: &str = "default";

/// Everything the service keeps.
#[derive(Default)]
pub struct Scheduler {
    groups: BTreeMap<String, Group>,
    /// By group and name.
    schedules: BTreeMap<(String, String), Schedule>,
}

struct Group {
    created: Time,
    modified: Time,
    tags: BTreeMap<String, String>,
    /// The request that made it, for its `ClientToken`.
    creation: Value,
}

struct Schedule {
    /// As GetSchedule shows it, without the dates and the ARN.
    body: Map<String, Value>,
    created: Time,
    modified: Time,
    creation: Value,
    timing: Timing,
    /// When it is due next; `None`: never again, or disabled.
    next: Option<Time>,
    /// Invocations that are due or tried again, oldest first.
    pending: Vec<Invocation>,
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    match operation {
        "CreateSchedule" => schedules::create(world, input),
        "UpdateSchedule" => schedules::update(world, input),
        "GetSchedule" => schedules::get(world, input),
        "DeleteSchedule" => schedules::delete(world, input),
        "ListSchedules" => schedules::list(world, input),
        "CreateScheduleGroup" => groups::create(world, input),
        "GetScheduleGroup" => groups::get(world, input),
        "DeleteScheduleGroup" => groups::delete(world, input),
        "ListScheduleGroups" => groups::list(world, input),
        "TagResource" => groups::tag(world, input),
        "UntagResource" => groups::untag(world, input),
        "ListTagsForResource" => groups::list_tags(world, input),
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not there"))),
    }
}

/// Invokes what is due at `world.now`.
pub fn advance(world: &mut World, runtime: &dyn Runtime) {
    fire::advance(world, runtime);
}

fn not_found(message: String) -> ApiError {
    ApiError { status: 404, ..ApiError::new("ResourceNotFoundException", message) }
}

fn conflict(message: String) -> ApiError {
    ApiError { status: 409, ..ApiError::new("ConflictException", message) }
}

fn quota(message: String) -> ApiError {
    ApiError { status: 402, ..ApiError::new("ServiceQuotaExceededException", message) }
}

/// Whether a request repeats the one that made a resource, by its client token.
fn repeats(creation: &Value, input: &Value) -> bool {
    input["ClientToken"].is_string() && creation == input
}
