//! What EventBridge Scheduler refuses.

use serde_json::Value;

use crate::clock::Time;
use crate::error::ApiError;
use crate::input::{number, text};
use crate::timetable::{Expression, Timing};

const NAME_LENGTH_MAX: usize = 64;
const DESCRIPTION_LENGTH_MAX: usize = 512;

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

pub(super) fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    text(input, member).ok_or_else(|| must_not_be_null(member))
}

fn must_not_be_null(member: &str) -> ApiError {
    invalid(format!(
        "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must not be null",
        lower_first(member)
    ))
}

fn lower_first(member: &str) -> String {
    let mut member = member.to_owned();
    if let Some(first) = member.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    member
}

/// The name of a schedule or of a group.
pub(super) fn name<'a>(input: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    let name = required(input, member)?;
    let allowed = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
    if name.is_empty() || name.len() > NAME_LENGTH_MAX || !name.chars().all(allowed) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at '{}' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$ and have length less than or equal to {NAME_LENGTH_MAX}",
            lower_first(member)
        )));
    }
    Ok(name)
}

/// Everything about a schedule but its name and its group; answers when it fires.
pub(super) fn schedule(input: &Value, created: Time) -> Result<Timing, ApiError> {
    let expression = required(input, "ScheduleExpression")?;
    let parsed = Expression::parse(expression)
        .ok_or_else(|| invalid(format!("Invalid Schedule Expression {expression}.")))?;
    let zone = text(input, "ScheduleExpressionTimezone").unwrap_or("UTC");
    let zone = jiff::tz::TimeZone::get(zone)
        .map_err(|_| invalid(format!("Invalid ScheduleExpressionTimezone {zone}.")))?;
    let date = |member: &str| input.get(member).and_then(Value::as_f64).map(seconds);
    let (start, end) = (date("StartDate"), date("EndDate"));
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        return Err(invalid("The EndDate must come after the StartDate."));
    }
    one_of(input, "State", &["ENABLED", "DISABLED"])?;
    one_of(input, "ActionAfterCompletion", &["NONE", "DELETE"])?;
    if text(input, "Description").is_some_and(|it| it.chars().count() > DESCRIPTION_LENGTH_MAX) {
        return Err(invalid("Description must have length less than or equal to 512"));
    }
    window(input.get("FlexibleTimeWindow").ok_or_else(|| must_not_be_null("FlexibleTimeWindow"))?)?;
    target(input.get("Target").ok_or_else(|| must_not_be_null("Target"))?)?;
    Ok(Timing { expression: parsed, zone, start, end, origin: start.unwrap_or(created) })
}

fn seconds(since_epoch: f64) -> Time {
    Time((since_epoch.max(0.0) * 1000.0).round() as u64)
}

fn one_of(input: &Value, member: &str, words: &[&str]) -> Result<(), ApiError> {
    match text(input, member) {
        Some(word) if !words.contains(&word) => Err(invalid(format!(
            "1 validation error detected: Value '{word}' at '{}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
            lower_first(member),
            words.join(", ")
        ))),
        Some(_) | None => Ok(()),
    }
}

fn window(window: &Value) -> Result<(), ApiError> {
    required(window, "Mode")?;
    one_of(window, "Mode", &["OFF", "FLEXIBLE"])?;
    let minutes = number(window, "MaximumWindowInMinutes");
    match (text(window, "Mode"), minutes) {
        (Some("FLEXIBLE"), Some(1..=1440)) | (Some("OFF"), None) => Ok(()),
        (Some("OFF"), Some(_)) => {
            Err(invalid("MaximumWindowInMinutes can't be set while the flexible time window mode is OFF."))
        }
        _ => Err(invalid("A flexible time window needs MaximumWindowInMinutes from 1 to 1440.")),
    }
}

fn target(target: &Value) -> Result<(), ApiError> {
    let arn = required(target, "Arn")?;
    let role = required(target, "RoleArn")?;
    if !arn.starts_with("arn:") || arn.split(':').count() < 6 {
        return Err(invalid(format!("Provided Arn is not in correct format: {arn}")));
    }
    if !(role.starts_with("arn:aws") && role.contains(":iam::") && role.contains(":role/")) {
        return Err(invalid(format!("Provided RoleArn is not in correct format: {role}")));
    }
    let ecs = arn.contains(":ecs:") && arn.contains(":cluster/");
    match target.get("EcsParameters") {
        Some(parameters) => {
            required(parameters, "TaskDefinitionArn")?;
            if !ecs {
                return Err(invalid("EcsParameters can be used with an ECS cluster as the target only."));
            }
            if number(parameters, "TaskCount").is_some_and(|count| !(1..=10).contains(&count)) {
                return Err(invalid("TaskCount must be from 1 to 10."));
            }
        }
        None if ecs => return Err(invalid("EcsParameters must be provided for an ECS cluster.")),
        None => {}
    }
    if let Some(input) = text(target, "Input")
        && serde_json::from_str::<Value>(input).is_err()
    {
        return Err(invalid("Invalid Input: it must be JSON."));
    }
    let policy = &target["RetryPolicy"];
    let outside = |member: &str, least: i64, most: i64| {
        number(policy, member).is_some_and(|value| !(least..=most).contains(&value))
    };
    if outside("MaximumEventAgeInSeconds", 60, 86_400) || outside("MaximumRetryAttempts", 0, 185) {
        return Err(invalid("RetryPolicy is out of bounds."));
    }
    match text(&target["DeadLetterConfig"], "Arn") {
        Some(arn) if !arn.contains(":sqs:") || arn.ends_with(".fifo") => {
            Err(invalid("DeadLetterConfig must name a standard SQS queue."))
        }
        Some(_) | None => Ok(()),
    }
}
