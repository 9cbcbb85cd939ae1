//! Schedules as they are written and read back.

use serde_json::{Map, Value, json};

use super::groups::paged;
use super::validation::{name, schedule as validated};
use super::{DEFAULT_GROUP, Schedule, conflict, not_found, repeats};
use crate::error::{Answer, ApiError};
use crate::input::text;
use crate::world::World;

pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let key = key(input)?;
    let timing = validated(input, now)?;
    world.scheduler.check_group(&key.0)?;
    let arn = arn(world, &key);
    if let Some(there) = world.scheduler.schedules.get(&key) {
        return match repeats(&there.creation, input) {
            true => Ok(json!({"ScheduleArn": arn})),
            false => Err(conflict(format!("Schedule {} already exists.", key.1))),
        };
    }
    let body = stored(input, &key);
    let next = enabled(&body).then(|| timing.next(None, now)).flatten();
    let schedule = Schedule {
        body,
        created: now,
        modified: now,
        creation: input.clone(),
        timing,
        next,
        pending: Vec::new(),
    };
    world.scheduler.schedules.insert(key, schedule);
    Ok(json!({"ScheduleArn": arn}))
}

/// Replaces all of it: what the request leaves out goes back to its default.
pub(super) fn update(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let key = key(input)?;
    let mut timing = validated(input, now)?;
    let arn = arn(world, &key);
    let schedule = world.scheduler.schedules.get_mut(&key).ok_or_else(|| missing(&key))?;
    let body = stored(input, &key);
    // A rate keeps its beat unless it is changed itself.
    let same = |member: &str| body.get(member) == schedule.body.get(member);
    if same("ScheduleExpression") && same("StartDate") {
        timing.origin = schedule.timing.origin;
    }
    schedule.next = enabled(&body).then(|| timing.next(None, now)).flatten();
    schedule.timing = timing;
    schedule.body = body;
    schedule.modified = now;
    Ok(json!({"ScheduleArn": arn}))
}

pub(super) fn get(world: &World, input: &Value) -> Answer {
    let key = key(input)?;
    world.scheduler.check_group(&key.0)?;
    let schedule = world.scheduler.schedules.get(&key).ok_or_else(|| missing(&key))?;
    let mut body = schedule.body.clone();
    body.insert("Arn".to_owned(), arn(world, &key).into());
    body.insert("CreationDate".to_owned(), schedule.created.seconds().into());
    body.insert("LastModificationDate".to_owned(), schedule.modified.seconds().into());
    Ok(Value::Object(body))
}

pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let key = key(input)?;
    world.scheduler.check_group(&key.0)?;
    world.scheduler.schedules.remove(&key).map(|_| json!({})).ok_or_else(|| missing(&key))
}

pub(super) fn list(world: &World, input: &Value) -> Answer {
    let group = text(input, "GroupName");
    if let Some(group) = group {
        world.scheduler.check_group(group)?;
    }
    let prefix = text(input, "NamePrefix").unwrap_or_default();
    let state = text(input, "State");
    let chosen = world
        .scheduler
        .schedules
        .iter()
        .filter(|((of, name), schedule)| {
            group.is_none_or(|group| of == group)
                && name.starts_with(prefix)
                && state.is_none_or(|state| schedule.body.get("State").is_some_and(|it| it == state))
        })
        .map(|(key, schedule)| {
            let summary = json!({
                "Arn": arn(world, key),
                "GroupName": key.0,
                "Name": key.1,
                "State": schedule.body.get("State"),
                "Target": {"Arn": schedule.body.get("Target").map(|target| &target["Arn"])},
                "CreationDate": schedule.created.seconds(),
                "LastModificationDate": schedule.modified.seconds(),
            });
            (format!("{}\u{0}{}", key.0, key.1), summary)
        });
    paged("Schedules", chosen, input)
}

fn key(input: &Value) -> Result<(String, String), ApiError> {
    let name = name(input, "Name")?.to_owned();
    let group = match input.get("GroupName") {
        Some(_) => self::name(input, "GroupName")?,
        None => DEFAULT_GROUP,
    };
    Ok((group.to_owned(), name))
}

fn missing((_, name): &(String, String)) -> ApiError {
    not_found(format!("Schedule {name} does not exist."))
}

pub(super) fn arn(world: &World, (group, name): &(String, String)) -> String {
    format!("arn:aws:scheduler:{}:{}:schedule/{group}/{name}", world.region, world.account)
}

fn enabled(body: &Map<String, Value>) -> bool {
    body.get("State").is_none_or(|state| state == "ENABLED")
}

/// What GetSchedule shows of a request, with AWS's defaults.
fn stored(input: &Value, key: &(String, String)) -> Map<String, Value> {
    const MEMBERS: [&str; 9] = [
        "ActionAfterCompletion",
        "Description",
        "EndDate",
        "FlexibleTimeWindow",
        "KmsKeyArn",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "StartDate",
        "State",
    ];
    let mut body: Map<String, Value> =
        MEMBERS.iter().filter_map(|name| Some(((*name).to_owned(), input.get(*name)?.clone()))).collect();
    for (name, default) in
        [("ScheduleExpressionTimezone", "UTC"), ("State", "ENABLED"), ("ActionAfterCompletion", "NONE")]
    {
        body.entry(name).or_insert_with(|| default.into());
    }
    body.insert("GroupName".to_owned(), key.0.as_str().into());
    body.insert("Name".to_owned(), key.1.as_str().into());
    let mut target = input["Target"].clone();
    let policy = &target["RetryPolicy"];
    let bound = |member: &str, default: i64| policy.get(member).cloned().unwrap_or_else(|| default.into());
    target["RetryPolicy"] = json!({
        "MaximumEventAgeInSeconds": bound("MaximumEventAgeInSeconds", 86_400),
        "MaximumRetryAttempts": bound("MaximumRetryAttempts", 185),
    });
    if let Some(parameters) = target.get_mut("EcsParameters").and_then(Value::as_object_mut) {
        parameters.entry("TaskCount").or_insert_with(|| 1.into());
    }
    body.insert("Target".to_owned(), target);
    body
}
