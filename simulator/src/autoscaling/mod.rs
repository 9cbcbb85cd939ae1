//! Application Auto Scaling for ECS services: targets, policies and scheduled actions, stored as
//! they are put and read back as AWS shows them.
//!
//! Bounds act at once: registering a target pulls the desired count into them. Scheduled actions fire
//! and move the bounds. Target tracking and step scaling policies act on CloudWatch's alarms once a
//! minute, which is as long as [`crate::ecs::Pace::minute`] says; their cooldowns are shortened likewise.
//! Predictive policies are kept, but forecast nothing.

mod act;
mod activities;
mod policies;
mod schedules;
mod steps;
mod targets;
mod tracking;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{number, page, text, without_nulls};
use crate::runtime::Runtime;
use crate::world::World;

use self::act::ScaledOut;
use self::activities::Activities;

const NAMESPACE: &str = "ecs";
const DIMENSION: &str = "ecs:service:DesiredCount";

/// Everything by resource id (`service/CLUSTER/SERVICE`): there is one namespace and one dimension.
#[derive(Default)]
pub struct Autoscaling {
    targets: BTreeMap<String, Target>,
}

struct Target {
    arn: String,
    min: u32,
    max: u32,
    suspended: Suspended,
    created: Time,
    tags: BTreeMap<String, String>,
    /// By name; what was put, with AWS's own members added.
    policies: BTreeMap<String, Map<String, Value>>,
    scheduled_actions: BTreeMap<String, Map<String, Value>>,
    /// When each of them fires next; none that never does again.
    due: BTreeMap<String, Time>,
    activities: Activities,
    scaled_out: Option<ScaledOut>,
    in_cooldown_until: Time,
}

#[derive(Clone, Copy, Default)]
struct Suspended {
    scaling_in: bool,
    scaling_out: bool,
    scheduled: bool,
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    match operation {
        "RegisterScalableTarget" => targets::register(world, input),
        "DescribeScalableTargets" => targets::describe(world, input),
        "DeregisterScalableTarget" => targets::deregister(world, input),
        "PutScalingPolicy" => policies::put(world, input),
        "DescribeScalingPolicies" => policies::describe(world, input),
        "DeleteScalingPolicy" => policies::delete(world, input),
        "PutScheduledAction" => schedules::put(world, input),
        "DescribeScheduledActions" => schedules::describe(world, input),
        "DeleteScheduledAction" => schedules::delete(world, input),
        "DescribeScalingActivities" => activities::describe(world, input),
        "TagResource" => targets::tag(world, input),
        "UntagResource" => targets::untag(world, input),
        "ListTagsForResource" => targets::list_tags(world, input),
        "GetPredictiveScalingForecast" => {
            Err(invalid("There is no forecast: no load has been observed for this policy."))
        }
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not there"))),
    }
}

/// Fires the scheduled actions that are due, and at the end of a minute follows the policies.
pub(crate) fn advance(world: &mut World, minute_ended: bool) {
    schedules::fire(world);
    if minute_ended {
        act::follow_policies(world);
    }
}

/// What a request names: the resource id, after its namespace and dimension were found right.
fn resource(input: &Value) -> Result<&str, ApiError> {
    check_namespace(input)?;
    let id = required(input, "ResourceId")?;
    check_dimension(required(input, "ScalableDimension")?)?;
    cluster_and_service(id)?;
    Ok(id)
}

fn check_namespace(input: &Value) -> Result<(), ApiError> {
    match required(input, "ServiceNamespace")? {
        NAMESPACE => Ok(()),
        other => Err(invalid(format!(
            "Unsupported service namespace, resource type or scalable dimension: '{other}' is not there, only '{NAMESPACE}' is"
        ))),
    }
}

fn check_dimension(dimension: &str) -> Result<(), ApiError> {
    if dimension == DIMENSION {
        return Ok(());
    }
    Err(invalid(format!("Unsupported service namespace, resource type or scalable dimension: '{dimension}'")))
}

fn cluster_and_service(id: &str) -> Result<(&str, &str), ApiError> {
    match id.split('/').collect::<Vec<_>>().as_slice() {
        ["service", cluster, service] if !cluster.is_empty() && !service.is_empty() => Ok((cluster, service)),
        _ => Err(invalid(format!(
            "Unsupported service namespace, resource type or scalable dimension: resource ID '{id}' is not of the form service/CLUSTER/SERVICE"
        ))),
    }
}

impl Autoscaling {
    fn target_mut(&mut self, id: &str) -> Result<&mut Target, ApiError> {
        self.targets.get_mut(id).ok_or_else(|| {
            ApiError::new(
                "ObjectNotFoundException",
                format!(
                    "No scalable target registered for service namespace: {NAMESPACE}, resource ID: {id}, scalable dimension: {DIMENSION}"
                ),
            )
        })
    }

    /// The targets that a request about policies or scheduled actions looks at.
    fn chosen<'a>(
        &'a self,
        input: &'a Value,
    ) -> Result<impl Iterator<Item = (&'a String, &'a Target)>, ApiError> {
        check_namespace(input)?;
        let resource = text(input, "ResourceId");
        if let Some(dimension) = text(input, "ScalableDimension") {
            check_dimension(dimension)?;
            if resource.is_none() {
                return Err(invalid(
                    "If you specify a scalable dimension, you must also specify a resource ID.",
                ));
            }
        }
        Ok(self.targets.iter().filter(move |(id, _)| resource.is_none_or(|resource| *id == resource)))
    }
}

/// One page of a list; `limit` is both the default and the most.
fn paged(
    member: &str,
    entries: impl IntoIterator<Item = (String, Value)>,
    limit: i64,
    input: &Value,
) -> Answer {
    let asked = number(input, "MaxResults").unwrap_or(limit);
    if !(1..=limit).contains(&asked) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{asked}' at 'maxResults' failed to satisfy constraint: Member must be between 1 and {limit}"
        )));
    }
    let page = page(entries, asked as usize, text(input, "NextToken"))
        .ok_or_else(|| ApiError::new("InvalidNextTokenException", "Invalid token"))?;
    Ok(without_nulls(json!({member: page.entries, "NextToken": page.next})))
}

/// Checks a pair of bounds, of which either may be missing.
fn check_bounds(min: Option<i64>, max: Option<i64>) -> Result<(), ApiError> {
    if let Some(negative) = [min, max].into_iter().flatten().find(|bound| *bound < 0) {
        return Err(invalid(format!("Minimum and maximum capacity must not be negative: {negative}")));
    }
    match (min, max) {
        (Some(min), Some(max)) if min > max => Err(invalid(format!(
            "Maximum capacity cannot be less than minimum capacity: {max} is less than {min}"
        ))),
        _ => Ok(()),
    }
}

fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    text(input, member).ok_or_else(|| {
        let mut member = member.to_owned();
        member[..1].make_ascii_lowercase();
        invalid(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

#[cfg(test)]
mod tests;
