//! Scaling policies: what each type must have, and what AWS adds to it.

use serde_json::{Map, Value, json};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{list, moment, text, texts};
use crate::naming;
use crate::world::World;

use super::tracking::{self, End};
use super::{DIMENSION, NAMESPACE, invalid, paged, required, resource};
use crate::cloudwatch::CloudWatch;

const POLICIES_MAX: usize = 50;
const STEPS_MAX: usize = 20;
pub(super) const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";
pub(super) const STEPS: &str = "StepScalingPolicyConfiguration";
const PREDICTIVE: &str = "PredictiveScalingPolicyConfiguration";
/// The configurations by the policy type that needs each.
const TYPES: [(&str, &str); 3] =
    [("TargetTrackingScaling", TRACKING), ("StepScaling", STEPS), ("PredictiveScaling", PREDICTIVE)];

pub(super) fn put(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let id = resource(input)?;
    let name = required(input, "PolicyName")?;
    if name.is_empty() || name.len() > 256 {
        return Err(invalid("A policy name must have 1 to 256 characters."));
    }
    let (region, account) = (world.region.clone(), world.account.clone());
    let target = world.autoscaling.target_mut(id)?;
    let before = target.policies.get(name);
    let kind = text(input, "PolicyType")
        .or_else(|| before.and_then(|policy| policy.get("PolicyType")?.as_str()))
        .ok_or_else(|| invalid("You must specify a policy type when you create a policy."))?;
    let member = TYPES
        .iter()
        .find(|(name, _)| *name == kind)
        .map(|(_, member)| *member)
        .ok_or_else(|| invalid(format!("Unknown policy type: {kind}")))?;
    if let Some((_, other)) = TYPES.iter().find(|(_, other)| *other != member && input.get(*other).is_some())
    {
        return Err(invalid(format!("A policy of type {kind} cannot have a {other}.")));
    }
    let configuration =
        input.get(member).ok_or_else(|| invalid(format!("A policy of type {kind} needs a {member}.")))?;
    let configuration = complete(member, configuration)?;
    if member == TRACKING {
        check_metric_is_new(&target.policies, name, &configuration)?;
    }
    if before.is_none() && target.policies.len() >= POLICIES_MAX {
        return Err(ApiError::new(
            "LimitExceededException",
            format!("A scalable target can have at most {POLICIES_MAX} policies."),
        ));
    }
    let kept = |member: &str| before.and_then(|policy| policy.get(member).cloned());
    let uuid = naming::uuid(&format!("policy {id} {name}"), now);
    let arn = kept("PolicyARN").unwrap_or_else(|| {
        json!(format!(
            "arn:aws:autoscaling:{region}:{account}:scalingPolicy:{uuid}:resource/ecs/{id}:policyName/{name}"
        ))
    });
    // The alarms of target tracking are made, changed and deleted with the policy; those of step
    // scaling are the caller's own.
    let alarms = if member == TRACKING {
        let created = kept("CreationTime").as_ref().and_then(moment).unwrap_or(now);
        alarms(&region, &account, id, name, &configuration, created)
    } else {
        json!([])
    };
    let policy = json!({
        "PolicyARN": arn,
        "PolicyName": name,
        "ServiceNamespace": NAMESPACE,
        "ResourceId": id,
        "ScalableDimension": DIMENSION,
        "PolicyType": kind,
        member: configuration,
        "Alarms": alarms,
        "CreationTime": kept("CreationTime").unwrap_or_else(|| json!(now.seconds())),
    });
    let former = match policy {
        Value::Object(policy) => target.policies.insert(name.to_owned(), policy),
        _ => None,
    };
    watch(world, id, name, former.as_ref());
    Ok(json!({"PolicyARN": arn, "Alarms": alarms}))
}

/// Makes the alarms of a target tracking policy, and deletes those that its former self had besides.
fn watch(world: &mut World, id: &str, name: &str, former: Option<&Map<String, Value>>) {
    let now = world.now;
    let Some(policy) = world.autoscaling.targets.get(id).and_then(|target| target.policies.get(name)) else {
        return;
    };
    let mut made = Vec::new();
    for end in End::BOTH {
        let named = alarm_names(policy).find(|name| name.contains(end.name()));
        if let Some(named) = named
            && let Some(alarm) = tracking::alarm(id, policy, named, end, now)
        {
            made.push((named.to_owned(), alarm));
        }
    }
    for name in former.into_iter().flat_map(alarm_names) {
        world.cloudwatch.delete_alarm(name);
    }
    for (name, alarm) in made {
        world.cloudwatch.put_alarm(&name, alarm);
    }
}

fn alarm_names(policy: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let alarms = policy.get("Alarms").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    alarms.iter().filter_map(|alarm| alarm["AlarmName"].as_str())
}

/// Deletes the alarms of a policy that is gone.
pub(super) fn unwatch(cloudwatch: &mut CloudWatch, policy: &Map<String, Value>) {
    for name in alarm_names(policy) {
        cloudwatch.delete_alarm(name);
    }
}

/// A policy that never scales in has no alarm for that.
fn alarms(
    region: &str,
    account: &str,
    id: &str,
    policy: &str,
    configuration: &Value,
    created: Time,
) -> Value {
    let scales_in = configuration["DisableScaleIn"] != json!(true);
    End::BOTH
        .iter()
        .filter(|end| scales_in || **end == End::High)
        .map(|end| {
            let end = end.name();
            let uuid = naming::uuid(&format!("{end} {id} {policy}"), created);
            let name = format!("TargetTracking-{id}-{end}-{uuid}");
            let arn = format!("arn:aws:cloudwatch:{region}:{account}:alarm:{name}");
            json!({"AlarmName": name, "AlarmARN": arn})
        })
        .collect()
}

/// Checks a configuration, and fills in what AWS shows although nobody sent it.
fn complete(member: &str, configuration: &Value) -> Result<Value, ApiError> {
    let mut complete = configuration.clone();
    let mut default = |member: &str, value: Value| {
        if complete.get(member).is_none() {
            complete[member] = value;
        }
    };
    match member {
        TRACKING => {
            let specifications = ["PredefinedMetricSpecification", "CustomizedMetricSpecification"];
            let given = specifications.iter().filter(|one| configuration.get(**one).is_some());
            if given.count() != 1 {
                return Err(invalid(
                    "A target tracking policy must have either a predefined or a customized metric specification.",
                ));
            }
            let value = configuration.get("TargetValue").and_then(Value::as_f64);
            let value = value.ok_or_else(|| invalid("A target tracking policy needs a TargetValue."))?;
            if value <= 0.0 {
                return Err(invalid("TargetValue must be greater than 0."));
            }
            complete["TargetValue"] = json!(value);
        }
        STEPS => {
            let steps = list(configuration, "StepAdjustments");
            if steps.is_empty() || steps.len() > STEPS_MAX {
                return Err(invalid(format!(
                    "A step scaling policy needs 1 to {STEPS_MAX} step adjustments."
                )));
            }
            let kinds = ["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"];
            let kind = required(configuration, "AdjustmentType")?;
            if !kinds.contains(&kind) {
                return Err(invalid(format!("Unknown adjustment type: {kind}")));
            }
            default("Cooldown", json!(300));
        }
        _ => {
            if list(configuration, "MetricSpecifications").is_empty() {
                return Err(invalid("A predictive scaling policy needs a metric specification."));
            }
            default("Mode", json!("ForecastOnly"));
            default("SchedulingBufferTime", json!(300));
            default("MaxCapacityBreachBehavior", json!("HonorMaxCapacity"));
        }
    }
    Ok(complete)
}

/// Two target tracking policies that follow one metric would pull against each other.
fn check_metric_is_new(
    policies: &std::collections::BTreeMap<String, Map<String, Value>>,
    name: &str,
    configuration: &Value,
) -> Result<(), ApiError> {
    let metric = |configuration: &Value| {
        let predefined = configuration.get("PredefinedMetricSpecification");
        predefined.or_else(|| configuration.get("CustomizedMetricSpecification")).cloned()
    };
    let wanted = metric(configuration);
    let taken = policies
        .iter()
        .filter(|(other, _)| *other != name)
        .filter_map(|(_, policy)| metric(policy.get(TRACKING)?))
        .any(|metric| Some(metric) == wanted);
    if taken {
        return Err(invalid(
            "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
        ));
    }
    Ok(())
}

pub(super) fn describe(world: &World, input: &Value) -> Answer {
    let names = texts(input, "PolicyNames");
    let policies = world.autoscaling.chosen(input)?.flat_map(|(id, target)| {
        let policies = target.policies.iter();
        policies.map(move |(name, policy)| (id, name, policy))
    });
    let chosen = policies
        .filter(|(_, name, _)| names.is_empty() || names.contains(&name.as_str()))
        .map(|(id, name, policy)| (format!("{id}\u{0}{name}"), Value::Object(policy.clone())));
    paged("ScalingPolicies", chosen, 10, input)
}

pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let id = resource(input)?;
    let name = required(input, "PolicyName")?;
    let target = world.autoscaling.targets.get_mut(id);
    target
        .and_then(|target| target.policies.remove(name))
        .map(|policy| {
            unwatch(&mut world.cloudwatch, &policy);
            json!({})
        })
        .ok_or_else(|| {
            ApiError::new(
                "ObjectNotFoundException",
                format!(
                    "No scaling policy found for service namespace: {NAMESPACE}, resource ID: {id}, scalable dimension: {DIMENSION}, policy name: {name}"
                ),
            )
        })
}
