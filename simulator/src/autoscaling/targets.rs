//! Scalable targets: bounds, suspension and tags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::{Answer, ApiError};
use crate::input::{flag, map, number, text, texts};
use crate::naming;
use crate::world::World;

use super::{
    Activities, DIMENSION, NAMESPACE, Suspended, Target, check_bounds, check_dimension, check_namespace,
    cluster_and_service, invalid, paged, policies, required, resource,
};
use crate::clock::Time;

const TAGS_MAX: usize = 50;

pub(super) fn register(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let id = resource(input)?;
    let (cluster, service) = cluster_and_service(id)?;
    if !world.ecs.has_service(cluster, service) {
        return Err(invalid(format!("ECS service doesn't exist: {id}")));
    }
    let existing = world.autoscaling.targets.get(id);
    let bound = |member: &str, before: Option<u32>| {
        number(input, member).or(before.map(i64::from)).ok_or_else(|| {
            invalid(format!(
                "You must specify both the minimum and the maximum capacity when you register a new scalable target: {member} is missing"
            ))
        })
    };
    let min = bound("MinCapacity", existing.map(|target| target.min))?;
    let max = bound("MaxCapacity", existing.map(|target| target.max))?;
    check_bounds(Some(min), Some(max))?;
    let within = |bound| u32::try_from(bound).map_err(|_| invalid("capacity is too large"));
    let (min, max) = (within(min)?, within(max)?);

    let tags: BTreeMap<String, String> = map(input, "Tags")
        .filter_map(|(key, value)| Some((key.to_owned(), value.as_str()?.to_owned())))
        .collect();
    if !tags.is_empty() && existing.is_some() {
        return Err(invalid(
            "Tags can only be given when a scalable target is registered for the first time; use TagResource.",
        ));
    }
    check_tags(tags.len())?;
    let arn = format!(
        "arn:aws:application-autoscaling:{}:{}:scalable-target/{}",
        world.region,
        world.account,
        naming::hexadecimal(id, now, 36)
    );
    let targets = &mut world.autoscaling.targets;
    let target = targets.entry(id.to_owned()).or_insert_with(|| Target {
        arn,
        min,
        max,
        suspended: Suspended::default(),
        created: now,
        tags,
        policies: BTreeMap::new(),
        scheduled_actions: BTreeMap::new(),
        due: BTreeMap::new(),
        activities: Activities::default(),
        scaled_out: None,
        in_cooldown_until: Time::default(),
    });
    (target.min, target.max) = (min, max);
    if let Some(state) = input.get("SuspendedState") {
        let suspended = &mut target.suspended;
        let set = |member, slot: &mut bool| *slot = flag(state, member).unwrap_or(*slot);
        set("DynamicScalingInSuspended", &mut suspended.scaling_in);
        set("DynamicScalingOutSuspended", &mut suspended.scaling_out);
        set("ScheduledScalingSuspended", &mut suspended.scheduled);
    }
    let answer = json!({"ScalableTargetARN": target.arn});
    // Every registration does this, also one that leaves the bounds as they are.
    clamp(world, id);
    Ok(answer)
}

/// Pulls the desired count into the bounds, which have just been set.
pub(super) fn clamp(world: &mut World, id: &str) {
    let now = world.now;
    let Ok((cluster, service)) = cluster_and_service(id) else {
        return;
    };
    let Some((desired, _)) = world.ecs.desired(cluster, service) else {
        return;
    };
    let Some(target) = world.autoscaling.targets.get_mut(id) else {
        return;
    };
    let (count, cause) = if desired < target.min {
        (target.min, format!("minimum capacity was set to {}", target.min))
    } else if desired > target.max {
        (target.max, format!("maximum capacity was set to {}", target.max))
    } else {
        return;
    };
    target.activities.desired(id, now, count, cause);
    world.ecs.set_desired(cluster, service, count);
}

pub(super) fn describe(world: &World, input: &Value) -> Answer {
    check_namespace(input)?;
    let ids = texts(input, "ResourceIds");
    if let Some(dimension) = text(input, "ScalableDimension") {
        check_dimension(dimension)?;
        if ids.is_empty() {
            return Err(invalid("If you specify a scalable dimension, you must also specify a resource ID."));
        }
    }
    if ids.len() > 50 {
        return Err(invalid(
            "1 validation error detected: Value at 'resourceIds' failed to satisfy constraint: Member must have length less than or equal to 50",
        ));
    }
    let role = format!(
        "arn:aws:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService",
        world.account
    );
    let targets = world.autoscaling.targets.iter();
    let described = targets
        .filter(|(id, _)| ids.is_empty() || ids.contains(&id.as_str()))
        .map(|(id, target)| (id.clone(), show(id, target, &role)));
    paged("ScalableTargets", described, 50, input)
}

/// Tags are not shown here; they take a ListTagsForResource.
fn show(id: &str, target: &Target, role: &str) -> Value {
    json!({
        "ServiceNamespace": NAMESPACE,
        "ResourceId": id,
        "ScalableDimension": DIMENSION,
        "MinCapacity": target.min,
        "MaxCapacity": target.max,
        "RoleARN": role,
        "CreationTime": target.created.seconds(),
        "SuspendedState": {
            "DynamicScalingInSuspended": target.suspended.scaling_in,
            "DynamicScalingOutSuspended": target.suspended.scaling_out,
            "ScheduledScalingSuspended": target.suspended.scheduled,
        },
        "ScalableTargetARN": target.arn,
    })
}

/// Takes the target's policies and scheduled actions along.
pub(super) fn deregister(world: &mut World, input: &Value) -> Answer {
    let id = resource(input)?;
    world.autoscaling.target_mut(id)?;
    if let Some(target) = world.autoscaling.targets.remove(id) {
        for policy in target.policies.values() {
            policies::unwatch(&mut world.cloudwatch, policy);
        }
    }
    Ok(json!({}))
}

fn tagged<'a>(world: &'a mut World, input: &Value) -> Result<&'a mut Target, ApiError> {
    let arn = required(input, "ResourceARN")?;
    let mut targets = world.autoscaling.targets.values_mut();
    targets.find(|target| target.arn == arn).ok_or_else(|| {
        ApiError::new("ResourceNotFoundException", format!("No scalable target with the ARN {arn}"))
    })
}

fn check_tags(count: usize) -> Result<(), ApiError> {
    if count > TAGS_MAX {
        return Err(ApiError::new(
            "TooManyTagsException",
            format!("A resource can have at most {TAGS_MAX} tags; this one would have {count}"),
        ));
    }
    Ok(())
}

pub(super) fn tag(world: &mut World, input: &Value) -> Answer {
    let target = tagged(world, input)?;
    let mut tags = target.tags.clone();
    for (key, value) in map(input, "Tags") {
        tags.insert(key.to_owned(), value.as_str().unwrap_or_default().to_owned());
    }
    check_tags(tags.len())?;
    target.tags = tags;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, input: &Value) -> Answer {
    let target = tagged(world, input)?;
    for key in texts(input, "TagKeys") {
        target.tags.remove(key);
    }
    Ok(json!({}))
}

pub(super) fn list_tags(world: &mut World, input: &Value) -> Answer {
    Ok(json!({"Tags": tagged(world, input)?.tags}))
}
