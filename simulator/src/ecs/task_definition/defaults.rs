//! What ECS adds to a task definition when it stores it, and how it reads it back.
//!
//! See RegisterTaskDefinition: members that are not named here come back as they were sent.

use serde_json::{Map, Value, json};

use super::validation;
use crate::ecs::input;
use crate::world::World;

/// The body as stored: defaults filled in, output members added.
pub(super) fn stored(input: &Value, arn: &str, revision: u32, world: &World) -> Value {
    let mut body = input::members(input);
    body.remove("tags");
    for (name, unit) in [("cpu", "vcpu"), ("memory", "gb")] {
        if let Some(text) = body.get(name).and_then(Value::as_str)
            && let Some(number) = validation::size(text, unit)
        {
            body.insert(name.to_owned(), number.to_string().into());
        }
    }
    fill(&mut body, "networkMode", "bridge".into());
    fill(&mut body, "volumes", json!([]));
    fill(&mut body, "placementConstraints", json!([]));
    fill_volumes(&mut body);
    if let Some(Value::Object(proxy)) = body.get_mut("proxyConfiguration") {
        fill(proxy, "type", "APPMESH".into());
    }
    let mode = body["networkMode"].as_str().unwrap_or_default().to_owned();
    if let Some(Value::Array(containers)) = body.get_mut("containerDefinitions") {
        for container in containers.iter_mut().filter_map(Value::as_object_mut) {
            fill_container(container, &mode);
        }
    }
    body.insert("compatibilities".to_owned(), compatibilities(&body).into());
    body.insert("requiresAttributes".to_owned(), attributes(&body));
    body.insert("taskDefinitionArn".to_owned(), arn.into());
    body.insert("revision".to_owned(), revision.into());
    body.insert("registeredAt".to_owned(), world.now.seconds().into());
    let caller = format!("arn:aws:iam::{}:user/simulator", world.account);
    body.insert("registeredBy".to_owned(), caller.into());
    Value::Object(body)
}

/// The order of these lists is not kept by DescribeTaskDefinition.
pub(super) fn reorder_as_read_back(body: &mut Value) {
    let Some(Value::Array(containers)) = body.get_mut("containerDefinitions") else {
        return;
    };
    for container in containers {
        if let Some(Value::Array(environment)) = container.get_mut("environment") {
            environment.sort_by_key(|entry| entry["name"].as_str().map(str::to_owned));
        }
    }
}

fn fill(members: &mut Map<String, Value>, name: &str, default: Value) {
    members.entry(name).or_insert(default);
}

fn fill_volumes(body: &mut Map<String, Value>) {
    let volumes = body.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten();
    for volume in volumes.filter_map(Value::as_object_mut) {
        if let Some(Value::Object(docker)) = volume.get_mut("dockerVolumeConfiguration") {
            fill(docker, "scope", "task".into());
            fill(docker, "autoprovision", false.into());
        }
        for kind in ["efsVolumeConfiguration", "s3filesVolumeConfiguration"] {
            if let Some(Value::Object(files)) = volume.get_mut(kind) {
                fill(files, "rootDirectory", "/".into());
            }
        }
    }
}

fn fill_container(container: &mut Map<String, Value>, network_mode: &str) {
    fill(container, "cpu", 0.into());
    fill(container, "essential", true.into());
    for list in ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"] {
        fill(container, list, json!([]));
    }
    if let Some(Value::Array(mappings)) = container.get_mut("portMappings") {
        for mapping in mappings.iter_mut().filter_map(Value::as_object_mut) {
            fill(mapping, "protocol", "tcp".into());
            fill_host_port(mapping, network_mode);
        }
    }
    if let Some(Value::Object(check)) = container.get_mut("healthCheck") {
        fill(check, "interval", 30.into());
        fill(check, "timeout", 5.into());
        fill(check, "retries", 3.into());
    }
    if let Some(Value::Object(policy)) = container.get_mut("restartPolicy") {
        fill(policy, "restartAttemptPeriod", 300.into());
    }
}

/// A task with a network of its own has no other port than the container's.
fn fill_host_port(mapping: &mut Map<String, Value>, network_mode: &str) {
    if mapping.contains_key("containerPortRange") {
        return;
    }
    let container_port = mapping.get("containerPort").cloned().unwrap_or(0.into());
    let own_network = matches!(network_mode, "awsvpc" | "host");
    let absent = mapping.get("hostPort").is_none_or(|port| *port == json!(0));
    if own_network && absent {
        mapping.insert("hostPort".to_owned(), container_port);
    } else {
        fill(mapping, "hostPort", 0.into());
    }
}

fn compatibilities(body: &Map<String, Value>) -> Vec<&'static str> {
    let awsvpc = body.get("networkMode").is_some_and(|mode| mode == "awsvpc");
    let sized = body.contains_key("cpu") && body.contains_key("memory");
    if awsvpc && sized {
        vec!["EC2", "FARGATE", "MANAGED_INSTANCES"]
    } else if awsvpc {
        vec!["EC2"]
    } else {
        vec!["EXTERNAL", "EC2"]
    }
}

/// A few of the attributes that a container instance must have; output only.
fn attributes(body: &Map<String, Value>) -> Value {
    let text = Value::Object(body.clone()).to_string();
    let mut names = vec!["com.amazonaws.ecs.capability.docker-remote-api.1.18"];
    for (sign, attribute) in [
        (r#""networkMode":"awsvpc""#, "ecs.capability.task-eni"),
        (r#""logDriver":"awslogs""#, "com.amazonaws.ecs.capability.logging-driver.awslogs"),
        (r#""logDriver":"awsfirelens""#, "com.amazonaws.ecs.capability.logging-driver.awsfirelens"),
        (r#""firelensConfiguration":"#, "ecs.capability.firelens.fluentbit"),
        (r#""environmentFiles":"#, "ecs.capability.env-files.s3"),
        (r#""dependsOn":"#, "ecs.capability.container-ordering"),
        (r#""taskRoleArn":"#, "com.amazonaws.ecs.capability.task-iam-role"),
        (r#""executionRoleArn":"#, "ecs.capability.execution-role-ecr-pull"),
        (r#""healthCheck":"#, "ecs.capability.container-health-check"),
    ] {
        if text.contains(sign) {
            names.push(attribute);
        }
    }
    names.iter().map(|name| json!({ "name": name })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_fargate_definition_reads_back_with_ecss_defaults() {
        let world = World::new("123456789012", "eu-west-1");
        let input = json!({
            "family": "api", "cpu": "0.25 vCPU", "memory": "0.5 GB", "networkMode": "awsvpc",
            "containerDefinitions": [{
                "name": "api", "image": "api:1", "portMappings": [{"containerPort": 80}],
                "healthCheck": {"command": ["CMD", "true"]}, "quantum": {"a": 1},
            }],
        });
        let body = stored(&input, "arn:x", 1, &world);
        assert_eq!(body["cpu"], "256");
        assert_eq!(body["memory"], "512");
        assert_eq!(body["volumes"], json!([]));
        assert!(body.get("runtimePlatform").is_none());
        assert_eq!(
            body["containerDefinitions"][0],
            json!({
                "name": "api", "image": "api:1", "cpu": 0, "essential": true,
                "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
                "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [],
                "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3},
                "quantum": {"a": 1},
            })
        );
    }

    #[test]
    fn volumes_and_proxies_read_back_with_ecss_defaults() {
        let world = World::new("123456789012", "eu-west-1");
        let input = json!({"family": "api", "containerDefinitions": [{"name": "api", "image": "api:1"}],
            "volumes": [
                {"name": "a", "dockerVolumeConfiguration": {}},
                {"name": "b", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}},
            ],
            "proxyConfiguration": {"containerName": "api"},
        });
        let body = stored(&input, "arn:x", 1, &world);
        assert_eq!(
            body["volumes"],
            json!([
                {"name": "a", "dockerVolumeConfiguration": {"scope": "task", "autoprovision": false}},
                {"name": "b", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/"}},
            ])
        );
        assert_eq!(body["proxyConfiguration"]["type"], "APPMESH");
    }

    #[test]
    fn a_bridge_port_stays_dynamic() {
        let world = World::new("123456789012", "eu-west-1");
        let input = json!({"family": "api", "containerDefinitions": [
            {"name": "api", "image": "api:1", "portMappings": [{"containerPort": 80}]},
        ]});
        let body = stored(&input, "arn:x", 1, &world);
        assert_eq!(body["containerDefinitions"][0]["portMappings"][0]["hostPort"], 0);
        assert_eq!(body["networkMode"], "bridge");
    }

    #[test]
    fn environment_comes_back_sorted_by_name() {
        let mut body = json!({"containerDefinitions": [
            {"environment": [{"name": "B", "value": "1"}, {"name": "A", "value": "2"}]},
        ]});
        reorder_as_read_back(&mut body);
        assert_eq!(body["containerDefinitions"][0]["environment"][0]["name"], "A");
    }
}
