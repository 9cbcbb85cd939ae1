//! What is put is what is read back, with AWS's own additions.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::testing::{Idle, world};

/// Asks about the service `jobs/api` unless `input` names another.
fn ask(world: &mut World, operation: &str, mut input: Value) -> Answer {
    for (member, value) in [
        ("ServiceNamespace", NAMESPACE),
        ("ResourceId", "service/jobs/api"),
        ("ScalableDimension", DIMENSION),
    ] {
        if input.get(member).is_none() {
            input[member] = json!(value);
        }
    }
    call(world, &Idle, operation, &without_nulls(input))
}

/// A world with these services in the cluster `jobs`.
fn with_services(names: &[String]) -> World {
    let mut world = world();
    let mut ecs = |operation: &str, input: Value| {
        // A service that could not be created is found out when its target is registered.
        let _ = crate::ecs::call(&mut world, &Idle, operation, &input);
    };
    ecs("CreateCluster", json!({"clusterName": "jobs"}));
    let container = json!({"name": "app", "image": "app:1", "memory": 128});
    let definition = json!({"family": "app", "containerDefinitions": [container]});
    ecs("RegisterTaskDefinition", definition);
    for name in names {
        let service = json!({"cluster": "jobs", "serviceName": name, "taskDefinition": "app",
                             "desiredCount": 2});
        ecs("CreateService", service);
    }
    world
}

/// A world in which the service `jobs/api` has a target with bounds 2 and 10.
fn with_target() -> World {
    let mut world = with_services(&["api".to_owned()]);
    let bounds = json!({"MinCapacity": 2, "MaxCapacity": 10});
    ask(&mut world, "RegisterScalableTarget", bounds).unwrap();
    world
}

fn tracking(metric: &str) -> Value {
    json!({
        "PolicyName": metric,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 75,
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
        },
    })
}

fn described(world: &mut World) -> Value {
    let input = json!({"ResourceIds": ["service/jobs/api"]});
    let answer = ask(world, "DescribeScalableTargets", input).unwrap();
    answer["ScalableTargets"][0].clone()
}

#[test]
fn bounds_that_are_left_out_stay_as_they_are() {
    let mut world = with_target();
    let suspended = json!({"MaxCapacity": 5, "SuspendedState": {"ScheduledScalingSuspended": true}});
    ask(&mut world, "RegisterScalableTarget", suspended).unwrap();
    let target = described(&mut world);
    assert_eq!((&target["MinCapacity"], &target["MaxCapacity"]), (&json!(2), &json!(5)));
    let expected = json!({
        "DynamicScalingInSuspended": false,
        "DynamicScalingOutSuspended": false,
        "ScheduledScalingSuspended": true,
    });
    assert_eq!(target["SuspendedState"], expected);
    assert!(
        target["RoleARN"].as_str().unwrap().ends_with("AWSServiceRoleForApplicationAutoScaling_ECSService")
    );
    assert!(target.get("Tags").is_none());
}

#[test]
fn what_aws_refuses_is_refused() {
    let mut world = with_target();
    let mut check = |operation: &str, input: Value, code: &str| {
        assert_eq!(ask(&mut world, operation, input.clone()).unwrap_err().code, code, "{input}");
    };
    let register = "RegisterScalableTarget";
    check(register, json!({"MinCapacity": 11}), "ValidationException");
    check(register, json!({"MinCapacity": -1}), "ValidationException");
    check(register, json!({"ResourceId": "service/jobs/new", "MinCapacity": 1}), "ValidationException");
    check(register, json!({"ResourceId": "service/jobs"}), "ValidationException");
    check(register, json!({"ServiceNamespace": "dynamodb"}), "ValidationException");
    let other = json!({"ResourceId": "service/jobs/other"});
    check("DeregisterScalableTarget", other, "ObjectNotFoundException");
    let mut elsewhere = tracking("ECSServiceAverageCPUUtilization");
    elsewhere["ResourceId"] = json!("service/jobs/other");
    check("PutScalingPolicy", elsewhere, "ObjectNotFoundException");
    let name = json!({"PolicyName": "none", "ScheduledActionName": "none"});
    check("DeleteScalingPolicy", name.clone(), "ObjectNotFoundException");
    check("DeleteScheduledAction", name, "ObjectNotFoundException");
    check("DescribeScalingPolicies", json!({"MaxResults": 11}), "ValidationException");
    let token = json!({"ResourceIds": ["a"], "NextToken": "%"});
    check("DescribeScalableTargets", token, "InvalidNextTokenException");
}

#[test]
fn a_target_tracking_policy_is_echoed_with_its_two_alarms() {
    let mut world = with_target();
    let put = ask(&mut world, "PutScalingPolicy", tracking("ECSServiceAverageCPUUtilization")).unwrap();
    assert_eq!(put["Alarms"].as_array().unwrap().len(), 2);
    let again = ask(&mut world, "PutScalingPolicy", tracking("ECSServiceAverageCPUUtilization")).unwrap();
    assert_eq!(put, again);
    let read = ask(&mut world, "DescribeScalingPolicies", json!({})).unwrap();
    let configuration = &read["ScalingPolicies"][0]["TargetTrackingScalingPolicyConfiguration"];
    // Nothing is filled in but the form of the number.
    let expected = json!({
        "TargetValue": 75.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    });
    assert_eq!(configuration, &expected);
}

#[test]
fn one_metric_is_tracked_by_one_policy() {
    let mut world = with_target();
    let mut second = tracking("ECSServiceAverageCPUUtilization");
    ask(&mut world, "PutScalingPolicy", second.clone()).unwrap();
    second["PolicyName"] = json!("second");
    let refused = ask(&mut world, "PutScalingPolicy", second).unwrap_err();
    assert_eq!(refused.code, "ValidationException");
    ask(&mut world, "PutScalingPolicy", tracking("ECSServiceAverageMemoryUtilization")).unwrap();
}

#[test]
fn a_step_scaling_policy_shows_the_default_cooldown_and_no_alarms() {
    let mut world = with_target();
    let policy = json!({
        "PolicyName": "steps",
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    });
    let put = ask(&mut world, "PutScalingPolicy", policy).unwrap();
    assert_eq!(put["Alarms"], json!([]));
    let read = ask(&mut world, "DescribeScalingPolicies", json!({})).unwrap();
    let configuration = &read["ScalingPolicies"][0]["StepScalingPolicyConfiguration"];
    assert_eq!(configuration["Cooldown"], 300);
    assert!(configuration.get("MetricAggregationType").is_none());
}

#[test]
fn a_scheduled_action_put_without_times_forgets_them() {
    let mut world = with_target();
    let action = json!({
        "ScheduledActionName": "morning",
        "Schedule": "cron(0 8 * * ? *)",
        "Timezone": "Europe/Berlin",
        "StartTime": 1_800_000_000,
        "ScalableTargetAction": {"MinCapacity": 4},
    });
    ask(&mut world, "PutScheduledAction", action).unwrap();
    let change = json!({"ScheduledActionName": "morning", "Schedule": "cron(0 9 * * ? *)"});
    ask(&mut world, "PutScheduledAction", change).unwrap();
    let read = ask(&mut world, "DescribeScheduledActions", json!({})).unwrap();
    let action = &read["ScheduledActions"][0];
    assert_eq!(action["Schedule"], "cron(0 9 * * ? *)");
    assert_eq!(action["Timezone"], "Europe/Berlin");
    assert_eq!(action["ScalableTargetAction"], json!({"MinCapacity": 4}));
    assert!(action.get("StartTime").is_none());
}

#[test]
fn deregistering_takes_policies_and_scheduled_actions_along() {
    let mut world = with_target();
    ask(&mut world, "PutScalingPolicy", tracking("ECSServiceAverageCPUUtilization")).unwrap();
    ask(&mut world, "DeregisterScalableTarget", json!({})).unwrap();
    let bounds = json!({"MinCapacity": 1, "MaxCapacity": 2});
    ask(&mut world, "RegisterScalableTarget", bounds).unwrap();
    let read = ask(&mut world, "DescribeScalingPolicies", json!({})).unwrap();
    assert_eq!(read["ScalingPolicies"], json!([]));
}

#[test]
fn targets_are_read_by_resource_ids_and_in_pages_that_end() {
    let names: Vec<String> = (0..120).map(|number| format!("s{number:03}")).collect();
    let mut world = with_services(&names);
    for name in names {
        let input = json!({"ResourceId": format!("service/jobs/{name}"),
                           "MinCapacity": 1, "MaxCapacity": 2});
        ask(&mut world, "RegisterScalableTarget", input).unwrap();
    }
    let mut sizes = Vec::new();
    let mut token = Value::Null;
    loop {
        let input = without_nulls(json!({"ServiceNamespace": "ecs", "NextToken": token}));
        let page = call(&mut world, &Idle, "DescribeScalableTargets", &input).unwrap();
        sizes.push(page["ScalableTargets"].as_array().unwrap().len());
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(sizes, [50, 50, 20]);
    let two = json!({"ResourceIds": ["service/jobs/s007", "service/jobs/none"]});
    let two = ask(&mut world, "DescribeScalableTargets", two).unwrap();
    assert_eq!(two["ScalableTargets"].as_array().unwrap().len(), 1);
}

#[test]
fn tags_are_kept_apart_from_the_description() {
    let mut world = with_services(&["api".to_owned()]);
    let input = json!({"MinCapacity": 1, "MaxCapacity": 2, "Tags": {"team": "jobs"}});
    let arn = ask(&mut world, "RegisterScalableTarget", input).unwrap()["ScalableTargetARN"].clone();
    ask(&mut world, "TagResource", json!({"ResourceARN": arn, "Tags": {"a": "b"}})).unwrap();
    ask(&mut world, "UntagResource", json!({"ResourceARN": arn, "TagKeys": ["team"]})).unwrap();
    let tags = ask(&mut world, "ListTagsForResource", json!({"ResourceARN": arn})).unwrap();
    assert_eq!(tags, json!({"Tags": {"a": "b"}}));
    let many: serde_json::Map<String, Value> =
        (0..51).map(|number| (number.to_string(), json!("x"))).collect();
    let refused = ask(&mut world, "TagResource", json!({"ResourceARN": arn, "Tags": many})).unwrap_err();
    assert_eq!(refused.code, "TooManyTagsException");
}
