//! Scheduled actions: when they act, and on which bounds.

use serde_json::{Value, json};

use crate::error::{Answer, ApiError};
use crate::input::{number, text, texts, without_nulls};
use crate::naming;
use crate::world::World;

use super::{DIMENSION, NAMESPACE, check_bounds, invalid, paged, required, resource};

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
    check_schedule(schedule)?;
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
        target.scheduled_actions.insert(name.to_owned(), stored);
    }
    Ok(json!({}))
}

/// A schedule is `at(yyyy-mm-ddThh:mm:ss)`, `rate(value unit)` or `cron(six fields)`.
fn check_schedule(schedule: &str) -> Result<(), ApiError> {
    let inside = |kind: &str| schedule.strip_prefix(kind)?.strip_suffix(')');
    let fits = if let Some(at) = inside("at(") {
        let shape: String = at.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        shape == "0000-00-00T00:00:00"
    } else if let Some(rate) = inside("rate(") {
        let units = ["minute", "minutes", "hour", "hours", "day", "days"];
        rate.split_once(' ').is_some_and(|(value, unit)| {
            value.parse().is_ok_and(|value: u32| value > 0) && units.contains(&unit)
        })
    } else if let Some(cron) = inside("cron(") {
        cron.split_whitespace().count() == 6
    } else {
        false
    };
    if !fits {
        return Err(invalid(format!(
            "Failed to parse schedule '{schedule}': it must be at(yyyy-mm-ddThh:mm:ss), rate(value unit) or cron(six fields)."
        )));
    }
    Ok(())
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
        .and_then(|target| target.scheduled_actions.remove(name))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_a_moment_a_rate_or_a_cron_expression() {
        let check = |schedule, expect| {
            assert_eq!(check_schedule(schedule).is_ok(), expect, "{schedule}");
        };
        check("at(2026-11-21T08:00:00)", true);
        check("at(2026-11-21)", false);
        check("rate(5 minutes)", true);
        check("rate(0 minutes)", false);
        check("rate(5 weeks)", false);
        check("cron(0 8 * * ? *)", true);
        check("cron(0 8 * * *)", false);
        check("0 8 * * *", false);
    }
}
