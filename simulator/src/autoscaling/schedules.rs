//! Scheduled actions: when they act, and on which bounds.

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{moment, number, text, texts, without_nulls};
use crate::naming;
use crate::timetable::{Expression, Timing};
use crate::world::World;

use super::{DIMENSION, NAMESPACE, check_bounds, invalid, paged, required, resource, targets};

const ACTIONS_MAX: usize = 200;

pub(super) fn put(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let id = resource(input)?;
    let name = required(input, "ScheduledActionName")?;
    if name.is_empty() || name.len() > 256 || name.contains([':', '/', '|']) {
        return Err(invalid("A scheduled action name must have 1 to 256 characters and none of : / |"));
    }
    let (region, account) = (world.region.clone(), world.account.clone());
    let target = world.autoscaling.target_mut(id)?;
    let before = target.scheduled_actions.get(name);
    let kept = |member: &str| before.and_then(|action| action.get(member).cloned());
    let sent_or_kept = |member: &str| input.get(member).cloned().or_else(|| kept(member));

    let schedule = sent_or_kept("Schedule");
    let schedule = schedule
        .as_ref()
        .and_then(Value::as_str)
        .ok_or_else(|| invalid("You must specify a schedule when you create a scheduled action."))?;
    Expression::parse(schedule).ok_or_else(|| invalid_schedule(schedule))?;
    let zone = sent_or_kept("Timezone");
    let zone = zone.as_ref().and_then(Value::as_str).unwrap_or("UTC");
    if TimeZone::get(zone).is_err() {
        return Err(invalid(format!("Timezone '{zone}' is not supported.")));
    }
    let action = sent_or_kept("ScalableTargetAction").unwrap_or_default();
    let (min, max) = (number(&action, "MinCapacity"), number(&action, "MaxCapacity"));
    if min.or(max).is_none() {
        return Err(invalid("A scheduled action must set a minimum capacity, a maximum capacity, or both."));
    }
    check_bounds(min, max)?;
    if before.is_none() && target.scheduled_actions.len() >= ACTIONS_MAX {
        return Err(ApiError::new(
            "LimitExceededException",
            format!("A scalable target can have at most {ACTIONS_MAX} scheduled actions."),
        ));
    }
    let uuid = naming::uuid(&format!("scheduled action {id} {name}"), now);
    let arn = kept("ScheduledActionARN").unwrap_or_else(|| {
        json!(format!(
            "arn:aws:autoscaling:{region}:{account}:scheduledAction:{uuid}:resource/ecs/{id}:scheduledActionName/{name}"
        ))
    });
    let stored = without_nulls(json!({
        "ScheduledActionARN": arn,
        "ScheduledActionName": name,
        "ServiceNamespace": NAMESPACE,
        "ResourceId": id,
        "ScalableDimension": DIMENSION,
        "Schedule": schedule,
        "Timezone": sent_or_kept("Timezone"),
        "ScalableTargetAction": action,
        // Unlike everything else, these are forgotten by a put that does not repeat them.
        "StartTime": input.get("StartTime"),
        "EndTime": input.get("EndTime"),
        "CreationTime": kept("CreationTime").unwrap_or_else(|| json!(now.seconds())),
    }));
    if let Value::Object(stored) = stored {
        target.due.remove(name);
        if let Some(next) = next(&stored, None, now) {
            target.due.insert(name.to_owned(), next);
        }
        target.scheduled_actions.insert(name.to_owned(), stored);
    }
    Ok(json!({}))
}

fn invalid_schedule(schedule: &str) -> ApiError {
    invalid(format!(
        "Failed to parse schedule '{schedule}': it must be at(yyyy-mm-ddThh:mm:ss), rate(value unit) or cron(six fields)."
    ))
}

/// When an action fires next after `last`, or first, within its start and end.
fn next(action: &Map<String, Value>, last: Option<Time>, now: Time) -> Option<Time> {
    let text = |member: &str| action.get(member).and_then(Value::as_str);
    let at = |member: &str| action.get(member).and_then(moment);
    let timing = Timing {
        expression: Expression::parse(text("Schedule")?)?,
        zone: TimeZone::get(text("Timezone").unwrap_or("UTC")).ok()?,
        start: at("StartTime"),
        // An action may fire at its end.
        end: at("EndTime").map(|end| Time(end.0 + 1)),
        origin: at("StartTime").or_else(|| at("CreationTime")).unwrap_or_default(),
    };
    timing.next(last, now)
}

/// Fires the actions that are due, in the order of their times.
pub(super) fn fire(world: &mut World) {
    let now = world.now;
    let due = world.autoscaling.targets.iter().flat_map(|(id, target)| {
        let due = target.due.iter().filter(|(_, at)| **at <= now);
        due.map(move |(name, at)| (*at, id.clone(), name.clone()))
    });
    let mut due: Vec<(Time, String, String)> = due.collect();
    due.sort();
    for (_, id, name) in due {
        fire_one(world, &id, &name);
    }
}

fn fire_one(world: &mut World, id: &str, name: &str) {
    let now = world.now;
    let Some(target) = world.autoscaling.targets.get_mut(id) else {
        return;
    };
    target.due.remove(name);
    let Some(action) = target.scheduled_actions.get(name) else {
        return;
    };
    if let Some(next) = next(action, Some(now), now) {
        target.due.insert(name.to_owned(), next);
    }
    if target.suspended.scheduled {
        return;
    }
    let bound = |member: &str| {
        number(&action["ScalableTargetAction"], member).and_then(|bound| u32::try_from(bound).ok())
    };
    let (min, max) = (bound("MinCapacity"), bound("MaxCapacity"));
    let set = [("min", min), ("max", max)];
    let set = set.iter().filter_map(|(name, bound)| Some(format!("{name} capacity to {}", (*bound)?)));
    let set = set.collect::<Vec<String>>().join(" and ");
    // A bound that is set alone never ends up on the wrong side of the other.
    target.min = min.unwrap_or(target.min).min(max.unwrap_or(u32::MAX));
    target.max = max.unwrap_or(target.max).max(target.min);
    let cause = format!("scheduled action name {name} was triggered");
    target.activities.add(id, now, format!("Setting {set}"), &format!("set {set}"), cause);
    targets::clamp(world, id);
}

pub(super) fn describe(world: &World, input: &Value) -> Answer {
    let names = texts(input, "ScheduledActionNames");
    let actions = world.autoscaling.chosen(input)?.flat_map(|(id, target)| {
        let actions = target.scheduled_actions.iter();
        actions.map(move |(name, action)| (id, name, action))
    });
    let chosen = actions
        .filter(|(_, name, _)| names.is_empty() || names.contains(&name.as_str()))
        .map(|(id, name, action)| (format!("{id}\u{0}{name}"), Value::Object(action.clone())));
    paged("ScheduledActions", chosen, 50, input)
}

pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let id = resource(input)?;
    let name = text(input, "ScheduledActionName").unwrap_or_default();
    let target = world.autoscaling.targets.get_mut(id);
    target
        .and_then(|target| {
            target.due.remove(name);
            target.scheduled_actions.remove(name)
        })
        .map(|_| json!({}))
        .ok_or_else(|| {
            ApiError::new(
                "ObjectNotFoundException",
                format!(
                    "No scheduled action found for service namespace: {NAMESPACE}, resource ID: {id}, scalable dimension: {DIMENSION}, scheduled action name: {name}"
                ),
            )
        })
}
