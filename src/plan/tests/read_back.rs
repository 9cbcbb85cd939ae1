//! What AWS answers to what it was sent: defaults filled in, lists in another order.
//!
//! Written apart from the rule table, from AWS's documented defaults and answers seen in the field.

use serde_json::{Value, json};

use crate::model::TaskDefinitionArn;

fn default(object: &mut Value, name: &str, value: Value) {
    if object[name].is_null() {
        object[name] = value;
    }
}

fn reverse(object: &mut Value, name: &str) {
    if let Some(list) = object[name].as_array_mut() {
        list.reverse();
    }
}

pub fn task_definition(sent: &Value, arn: &TaskDefinitionArn) -> Value {
    let mut task = sent.clone();
    task.as_object_mut().unwrap().remove("tags");
    task["taskDefinitionArn"] = arn.0.as_str().into();
    task["revision"] = arn.number().into();
    task["status"] = "ACTIVE".into();
    task["compatibilities"] = json!(["EC2", "FARGATE", "MANAGED_INSTANCES"]);
    task["registeredAt"] = json!(1763672640.25);
    default(&mut task, "volumes", json!([]));
    default(&mut task, "placementConstraints", json!([]));
    default(&mut task, "networkMode", json!("bridge"));
    if task["cpu"] == "1 vCPU" {
        task["cpu"] = "1024".into();
    }
    let mode = task["networkMode"].as_str().unwrap().to_owned();
    for container in task["containerDefinitions"].as_array_mut().unwrap() {
        default(container, "cpu", json!(0));
        default(container, "essential", json!(true));
        for list in ["environment", "mountPoints", "volumesFrom", "portMappings", "systemControls"] {
            default(container, list, json!([]));
        }
        for port in container["portMappings"].as_array_mut().unwrap() {
            let same = port["containerPort"].clone();
            default(port, "protocol", json!("tcp"));
            default(port, "hostPort", if mode == "bridge" { json!(0) } else { same });
        }
        if container["healthCheck"].is_object() {
            let check = &mut container["healthCheck"];
            default(check, "interval", json!(30));
            default(check, "timeout", json!(5));
            default(check, "retries", json!(3));
        }
        for list in ["environment", "secrets", "portMappings", "mountPoints"] {
            reverse(container, list);
        }
    }
    reverse(&mut task, "containerDefinitions");
    without_nulls(task)
}

pub fn service(sent: &Value, arn: &TaskDefinitionArn) -> Value {
    let mut service = sent.clone();
    let name = sent["serviceName"].as_str().unwrap();
    for only_sent in ["cluster", "clientToken"] {
        service.as_object_mut().unwrap().remove(only_sent);
    }
    service["clusterArn"] = "arn:aws:ecs:eu-west-1:123456789012:cluster/jobs".into();
    service["serviceArn"] = format!("arn:aws:ecs:eu-west-1:123456789012:service/jobs/{name}").into();
    service["status"] = "ACTIVE".into();
    service["deployments"] = json!([{"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": "", "rolloutState": "COMPLETED", "desiredCount": 0}]);
    service["events"] = json!([]);
    let daemon = sent["schedulingStrategy"] == "DAEMON";
    for list in ["loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy"] {
        default(&mut service, list, json!([]));
    }
    default(&mut service, "desiredCount", json!(3));
    default(&mut service, "schedulingStrategy", json!("REPLICA"));
    default(&mut service, "platformVersion", json!("LATEST"));
    default(&mut service, "enableECSManagedTags", json!(false));
    default(&mut service, "enableExecuteCommand", json!(false));
    default(&mut service, "propagateTags", json!("NONE"));
    default(&mut service, "healthCheckGracePeriodSeconds", json!(0));
    default(&mut service, "availabilityZoneRebalancing", json!("ENABLED"));
    default(&mut service, "deploymentController", json!({"type": "ECS"}));
    default(&mut service, "deploymentConfiguration", json!({}));
    let configuration = &mut service["deploymentConfiguration"];
    default(configuration, "maximumPercent", if daemon { json!(100) } else { json!(200) });
    default(configuration, "minimumHealthyPercent", if daemon { json!(0) } else { json!(100) });
    default(configuration, "strategy", json!("ROLLING"));
    default(configuration, "bakeTimeInMinutes", json!(0));
    default(configuration, "deploymentCircuitBreaker", json!({"enable": false, "rollback": false}));
    default(&mut configuration["deploymentCircuitBreaker"], "resetOnHealthyTask", json!(true));
    let threshold = json!({"type": "BOUNDED_PERCENT", "value": 50});
    default(&mut configuration["deploymentCircuitBreaker"], "thresholdConfiguration", threshold);
    let network = &mut service["networkConfiguration"]["awsvpcConfiguration"];
    if network.is_object() {
        default(network, "assignPublicIp", json!("DISABLED"));
        default(network, "securityGroups", json!(["sg-default"]));
        reverse(network, "subnets");
    }
    point_at(&mut service, arn);
    without_nulls(service)
}

/// UpdateService: members that are sent are taken whole, but for the deployment configuration.
pub fn update(service: &mut Value, sent: &Value, arn: Option<&TaskDefinitionArn>) {
    for (name, value) in sent.as_object().unwrap() {
        match name.as_str() {
            "cluster" | "service" | "forceNewDeployment" | "taskDefinition" => {}
            "deploymentConfiguration" => {
                for (part, value) in value.as_object().unwrap() {
                    service[name][part] = value.clone();
                }
            }
            _ => service[name] = value.clone(),
        }
    }
    if let Some(arn) = arn {
        point_at(service, arn);
    }
}

fn point_at(service: &mut Value, arn: &TaskDefinitionArn) {
    service["taskDefinition"] = arn.0.as_str().into();
    service["deployments"][0]["taskDefinition"] = arn.0.as_str().into();
}

pub fn scalable_target(sent: &Value) -> Value {
    let mut target = sent.clone();
    default(
        &mut target,
        "SuspendedState",
        json!({"DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false}),
    );
    target["RoleARN"] = "arn:aws:iam::123456789012:role/aws-service-role/x".into();
    target
}

pub fn policy(sent: &Value) -> Value {
    let mut policy = sent.clone();
    policy["PolicyARN"] = "arn:policy".into();
    policy["Alarms"] = json!([]);
    let tracking = &mut policy["TargetTrackingScalingPolicyConfiguration"];
    if let Some(value) = tracking["TargetValue"].as_f64() {
        tracking["TargetValue"] = value.into();
    }
    policy
}

/// AWS leaves out what is null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
