//! What people and other programs do to a world beside Git, without a call that anybody would count.

use std::time::Duration;

use reconciler::model::tag;
use serde_json::{Value, json};

use super::end::{FOREIGN, described, ecs};
use crate::world::World;

/// An image that nobody has pushed yet when it is deployed.
pub const PUSHED_LATER: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:2";

/// A service of somebody else, in the same cluster.
pub fn foreign(world: &World) {
    let definition = json!({"family": FOREIGN, "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{"name": "app", "image": "legacy:1"}]});
    ecs(world, "RegisterTaskDefinition", &definition);
    let service = json!({"cluster": "jobs", "serviceName": FOREIGN, "taskDefinition": FOREIGN, "desiredCount": 1,
        "launchType": "FARGATE", "tags": [{"key": "owner", "value": "payments"}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-9"]}}});
    assert!(ecs(world, "CreateService", &service) != Value::Null);
}

fn arn(world: &World) -> Value {
    described(world, "api")["serviceArn"].clone()
}

pub fn tag_by_hand(world: &World, name: &str, key: &str, value: &str) {
    let arn = described(world, name)["serviceArn"].clone();
    ecs(world, "TagResource", &json!({"resourceArn": arn, "tags": [{"key": key, "value": value}]}));
}

pub fn suspend(world: &World) -> bool {
    tag_by_hand(world, "api", tag::SUSPENDED, "incident 4711");
    true
}

pub fn resume(world: &World) -> bool {
    ecs(world, "UntagResource", &json!({"resourceArn": arn(world), "tagKeys": [tag::SUSPENDED]}));
    true
}

pub fn delete(world: &World) -> bool {
    ecs(world, "DeleteService", &json!({"cluster": "jobs", "service": "api", "force": true}));
    true
}

pub fn drift(world: &World) -> bool {
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-9"]}});
    let input =
        json!({"cluster": "jobs", "service": "api", "desiredCount": 3, "networkConfiguration": network});
    ecs(world, "UpdateService", &input);
    true
}

/// Somebody deploys something else, past Git.
pub fn deploy(world: &World) -> bool {
    let found = ecs(world, "DescribeTaskDefinition", &json!({"taskDefinition": "api:1"}));
    let mut definition = found["taskDefinition"].clone();
    definition["containerDefinitions"][0]["image"] = "app:by-hand".into();
    let members =
        ["family", "networkMode", "cpu", "memory", "requiresCompatibilities", "containerDefinitions"];
    definition.as_object_mut().unwrap().retain(|name, _| members.contains(&name.as_str()));
    let made = ecs(world, "RegisterTaskDefinition", &definition);
    let arn = &made["taskDefinition"]["taskDefinitionArn"];
    let updated =
        ecs(world, "UpdateService", &json!({"cluster": "jobs", "service": "api", "taskDefinition": arn}));
    assert!(updated != Value::Null);
    true
}

/// As Application Auto Scaling does.
pub fn scale_out(world: &World) -> bool {
    ecs(world, "UpdateService", &json!({"cluster": "jobs", "service": "api", "desiredCount": 4}));
    true
}

pub fn deregister(world: &World) -> bool {
    ecs(world, "DeregisterTaskDefinition", &json!({"taskDefinition": "api:1"}));
    true
}

pub fn take_back(world: &World) -> bool {
    tag_by_hand(world, "api", tag::ROLL_BACK, "to=api:1 by=ada checkout is broken");
    true
}

pub fn push_and_retry(world: &World) -> bool {
    world.push(PUSHED_LATER);
    tag_by_hand(world, "api", tag::RETRY, "by=ada it is there now");
    true
}

pub fn suspend_for_a_while(world: &World) -> bool {
    let until = world.now().plus(Duration::from_secs(60)).second();
    tag_by_hand(world, "api", tag::SUSPENDED, &format!("until={until} by=ada incident 4711"));
    true
}

pub fn disable(world: &World) -> bool {
    let runtime = world.runtime.clone();
    world.simulator.with_world(|account| {
        let mut call = |operation: &str, input: &Value| {
            simulator::scheduler::call(account, runtime.as_ref(), operation, input).unwrap_or_default()
        };
        let mut schedule = call("GetSchedule", &json!({"Name": "api", "GroupName": "reconciler-test-jobs"}));
        schedule["State"] = "DISABLED".into();
        schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] = 0.into();
        call("UpdateSchedule", &schedule);
    });
    true
}

/// Once the deployment is under way.
pub fn take_back_what_began(world: &World) -> bool {
    let deployments = described(world, "api")["deployments"].clone();
    let began = deployments.as_array().is_some_and(|all| all.len() > 1)
        || described(world, "api")["taskDefinition"].as_str().is_some_and(|arn| arn.ends_with("api:2"));
    began && take_back(world)
}
