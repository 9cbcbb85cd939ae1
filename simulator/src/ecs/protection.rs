//! Task scale-in protection: which tasks neither scaling in nor a deployment may stop, and until when.
//!
//! See UpdateTaskProtection. Protection ends by itself. AWS also refuses to prolong it while it has held
//! up a deployment for very long (`DEPLOYMENT_BLOCKED`); that is not played here.

use std::time::Duration;

use serde_json::{Value, json};

use super::input::{self, invalid};
use super::state::Task;
use super::{arn, clusters};
use crate::clock::Time;
use crate::error::Answer;
use crate::world::World;

pub(super) fn update(world: &mut World, input: &Value) -> Answer {
    const TASKS_MAX: usize = 10;
    const MINUTES: std::ops::RangeInclusive<i64> = 1..=2_880;
    const MINUTES_DEFAULT: i64 = 120;
    let cluster = clusters::existing(world, input)?;
    let references = references(input, TASKS_MAX)?;
    let on = match input.get("protectionEnabled") {
        Some(_) => input::boolean(input, "protectionEnabled")?,
        None => return Err(invalid("protectionEnabled cannot be empty.")),
    };
    let minutes = input::integer(input, "expiresInMinutes")?.unwrap_or(MINUTES_DEFAULT);
    if !MINUTES.contains(&minutes) {
        return Err(invalid("expiresInMinutes must be between 1 and 2880."));
    }
    let until = on.then(|| world.now + Duration::from_secs(minutes.unsigned_abs() * 60));
    let (mut shown, mut failures) = (Vec::new(), Vec::new());
    for reference in references {
        let arn = arn::task(world, &cluster, arn::last(reference));
        match protectable(world, &arn) {
            Ok(task) => {
                task.protected_until = until;
                shown.push(protection(task, until));
            }
            Err(failure) => failures.push(failure),
        }
    }
    Ok(json!({"protectedTasks": shown, "failures": failures}))
}

pub(super) fn get(world: &mut World, input: &Value) -> Answer {
    const TASKS_MAX: usize = 100;
    let cluster = clusters::existing(world, input)?;
    let now = world.now;
    let (mut shown, mut failures) = (Vec::new(), Vec::new());
    for reference in references(input, TASKS_MAX)? {
        let arn = arn::task(world, &cluster, arn::last(reference));
        match protectable(world, &arn) {
            Ok(task) => shown.push(protection(task, task.protection(now))),
            Err(failure) => failures.push(failure),
        }
    }
    Ok(json!({"protectedTasks": shown, "failures": failures}))
}

fn references(input: &Value, most: usize) -> Result<Vec<&str>, crate::error::ApiError> {
    let references = input::texts(input, "tasks")?;
    if references.is_empty() {
        return Err(invalid("Tasks cannot be empty."));
    }
    if references.len() > most {
        return Err(invalid(format!("Tasks cannot have more than {most} elements.")));
    }
    Ok(references)
}

/// Only running tasks of services can be protected; a failure names the reason.
fn protectable<'a>(world: &'a mut World, arn: &str) -> Result<&'a mut Task, Value> {
    match world.ecs.tasks.get_mut(arn) {
        None => Err(json!({"arn": arn, "reason": "MISSING"})),
        Some(task) if task.service.is_none() || task.is_stopping() => {
            Err(json!({"arn": arn, "reason": "TASK_NOT_VALID"}))
        }
        Some(task) => Ok(task),
    }
}

fn protection(task: &Task, until: Option<Time>) -> Value {
    let mut shown = json!({"taskArn": task.arn, "protectionEnabled": until.is_some()});
    if let Some(until) = until {
        shown["expirationDate"] = json!(until.seconds());
    }
    shown
}
