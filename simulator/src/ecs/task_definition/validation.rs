//! What RegisterTaskDefinition refuses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::containers;
use crate::ecs::input::{self, client, is_name};
use crate::error::ApiError;

pub(super) fn check(input: &Value) -> Result<(), ApiError> {
    const BYTES_MAX: usize = 64 * 1024;
    let family = input::text(input, "family")?.unwrap_or_default();
    if family.is_empty() {
        return Err(client("Family should not be null or empty."));
    }
    if !is_name(family) {
        return Err(client(
            "Family contains invalid characters. Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed.",
        ));
    }
    if input.to_string().len() > BYTES_MAX {
        return Err(client("Actual length of the task definition exceeds the maximum of 65536 bytes."));
    }
    check_containers(input)?;
    check_dependencies(input)?;
    check_firelens(input)?;
    let awsvpc = input::text(input, "networkMode")? == Some("awsvpc");
    if awsvpc {
        check_host_ports(input)?;
    }
    if input::texts(input, "requiresCompatibilities")?.contains(&"FARGATE") {
        check_fargate(input, awsvpc)?;
    }
    Ok(())
}

fn check_containers(input: &Value) -> Result<(), ApiError> {
    const CONTAINERS_MAX: usize = 10;
    input::list(input, "containerDefinitions")?;
    let containers = containers(input);
    if containers.is_empty() {
        return Err(client("Container definitions should not be null or empty."));
    }
    if containers.len() > CONTAINERS_MAX {
        return Err(client("Too many containers; the maximum is 10."));
    }
    let mut names = BTreeSet::new();
    for container in containers {
        let name = input::text(container, "name")?.unwrap_or_default();
        if !is_name(name) {
            return Err(client(
                "Container.name contains invalid characters or is empty. Up to 255 letters, numbers, underscores, and hyphens are allowed.",
            ));
        }
        if !names.insert(name) {
            return Err(client(format!("Duplicate container name: {name}.")));
        }
        check_environment_files(container)?;
        if input::text(container, "image")?.unwrap_or_default().is_empty() {
            return Err(client("Container.image should not be null or empty."));
        }
        let sized = input.get("memory").is_some()
            || container.get("memory").is_some()
            || container.get("memoryReservation").is_some();
        if !sized {
            return Err(client(format!(
                "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
            )));
        }
    }
    let essential = |container: &Value| container.get("essential") != Some(&Value::Bool(false));
    if !containers.iter().any(essential) {
        return Err(client("At least one container in the task definition must be marked essential."));
    }
    Ok(())
}

fn check_environment_files(container: &Value) -> Result<(), ApiError> {
    const FILES_MAX: usize = 10;
    let files = input::list(container, "environmentFiles")?;
    if files.len() > FILES_MAX {
        return Err(client("Too many environment files; the maximum is 10."));
    }
    for file in files {
        let value = input::text(file, "value")?.unwrap_or_default();
        if input::text(file, "type")? != Some("s3") || !value.contains(":s3:::") || !value.ends_with(".env") {
            return Err(client(format!(
                "Invalid environment file '{value}': it must be the Amazon S3 ARN of an object whose name ends in .env."
            )));
        }
    }
    Ok(())
}

fn check_dependencies(input: &Value) -> Result<(), ApiError> {
    let mut waits_for: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for container in containers(input) {
        let name = container["name"].as_str().unwrap_or_default();
        let mut others = Vec::new();
        for dependency in input::list(container, "dependsOn")? {
            let other = input::text(dependency, "containerName")?.unwrap_or_default();
            check_condition(input, name, other, input::text(dependency, "condition")?.unwrap_or_default())?;
            others.push(other);
        }
        waits_for.insert(name, others);
    }
    for (name, others) in &waits_for {
        if let Some(unknown) = others.iter().find(|other| !waits_for.contains_key(*other)) {
            return Err(client(format!(
                "Container '{name}' depends on container '{unknown}', which is not in the task definition."
            )));
        }
    }
    // Takes away, again and again, what waits for nothing; what is left goes round in a circle.
    loop {
        let ready: Vec<&str> = waits_for
            .iter()
            .filter(|(_, others)| others.iter().all(|other| !waits_for.contains_key(other)))
            .map(|(name, _)| *name)
            .collect();
        if ready.is_empty() {
            break;
        }
        waits_for.retain(|name, _| !ready.contains(name));
    }
    match waits_for.is_empty() {
        true => Ok(()),
        false => Err(client("Container dependencies must not form a cycle.")),
    }
}

fn check_condition(input: &Value, name: &str, other: &str, condition: &str) -> Result<(), ApiError> {
    let found = containers(input).iter().find(|container| container["name"] == other);
    let essential = found.is_some_and(|container| container["essential"] != Value::Bool(false));
    let checked = found.is_some_and(|container| container.get("healthCheck").is_some());
    match condition {
        "START" => Ok(()),
        "HEALTHY" if found.is_none() || checked => Ok(()),
        "HEALTHY" => Err(client(format!(
            "Container '{name}' depends on container '{other}' being HEALTHY, which has no health check."
        ))),
        "COMPLETE" | "SUCCESS" if found.is_none() || !essential => Ok(()),
        "COMPLETE" | "SUCCESS" => Err(client(format!(
            "Container '{name}' depends on the {condition} of container '{other}', which must not be essential."
        ))),
        other => Err(client(format!("Invalid container dependency condition: {other}."))),
    }
}

/// What logs through FireLens needs a router in the same task.
fn check_firelens(input: &Value) -> Result<(), ApiError> {
    let routers: Vec<&Value> =
        containers(input).iter().filter_map(|container| container.get("firelensConfiguration")).collect();
    if routers.len() > 1 {
        return Err(client("Only one container in a task definition can have a firelensConfiguration."));
    }
    for router in &routers {
        match input::text(router, "type")? {
            Some("fluentd" | "fluentbit") => {}
            Some(_) | None => {
                return Err(client("The type of a firelensConfiguration must be fluentd or fluentbit."));
            }
        }
    }
    let routed =
        containers(input).iter().any(|container| container["logConfiguration"]["logDriver"] == "awsfirelens");
    if routed && routers.is_empty() {
        return Err(client(
            "A container that uses the log driver awsfirelens needs a container with a firelensConfiguration in its task definition.",
        ));
    }
    Ok(())
}

fn check_host_ports(input: &Value) -> Result<(), ApiError> {
    for container in containers(input) {
        for mapping in input::list(container, "portMappings")? {
            let host = input::integer(mapping, "hostPort")?.unwrap_or(0);
            let port = input::integer(mapping, "containerPort")?.unwrap_or(0);
            if host != 0 && host != port {
                return Err(client(
                    "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
                ));
            }
        }
    }
    Ok(())
}

fn check_fargate(input: &Value, awsvpc: bool) -> Result<(), ApiError> {
    if !awsvpc {
        return Err(client("Fargate only supports network mode 'awsvpc'."));
    }
    let cpu = input::text(input, "cpu")?
        .ok_or_else(|| client("Fargate requires task definition to have 'cpu' at task level."))?;
    let memory = input::text(input, "memory")?
        .ok_or_else(|| client("Fargate requires task definition to have 'memory' at task level."))?;
    let valid = match (size(cpu, "vcpu"), size(memory, "gb")) {
        (Some(cpu), Some(memory)) => fargate_has(cpu, memory),
        _ => false,
    };
    if !valid {
        return Err(client("No Fargate configuration exists for given values."));
    }
    let needs_role =
        containers(input).iter().any(|container| !container["secrets"].as_array().is_none_or(Vec::is_empty));
    if needs_role && input.get("executionRoleArn").is_none() {
        return Err(client(
            "Fargate requires task definition to have execution role ARN to support secrets.",
        ));
    }
    Ok(())
}

/// Task sizes that Fargate offers, in CPU units and MiB.
fn fargate_has(cpu: u64, memory: u64) -> bool {
    const GIB: u64 = 1024;
    let (least, most, step) = match cpu {
        256 => return [512, GIB, 2 * GIB].contains(&memory),
        512 => (1, 4, 1),
        1024 => (2, 8, 1),
        2048 => (4, 16, 1),
        4096 => (8, 30, 1),
        8192 => (16, 60, 4),
        16384 => (32, 120, 8),
        _ => return false,
    };
    (least * GIB..=most * GIB).contains(&memory) && memory.is_multiple_of(step * GIB)
}

/// Reads `1024`, `1 vCPU` or `0.5 GB`: one unit is 1024.
pub(super) fn size(text: &str, unit: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    match lower.strip_suffix(unit) {
        Some(number) => {
            let number: f64 = number.trim().parse().ok()?;
            Some((number * 1024.0) as u64)
        }
        None => lower.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn fargate() -> Value {
        json!({
            "family": "api", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{"name": "api", "image": "api:1"}],
        })
    }

    fn refused(change: impl FnOnce(&mut Value), wording: &str) {
        let mut input = fargate();
        change(&mut input);
        let error = check(&input).unwrap_err();
        assert_eq!(error.code, "ClientException");
        assert!(error.message.contains(wording), "{}", error.message);
    }

    #[test]
    fn what_ecs_accepts_is_accepted() {
        check(&fargate()).unwrap();
    }

    #[test]
    fn what_ecs_refuses_is_refused_in_its_sense() {
        refused(|d| d["family"] = "a b".into(), "invalid characters");
        refused(|d| d["containerDefinitions"] = json!([]), "null or empty");
        let twice = json!([{"name": "a", "image": "i"}, {"name": "a", "image": "i"}]);
        refused(|d| d["containerDefinitions"] = twice, "Duplicate");
        refused(|d| d["containerDefinitions"][0]["image"] = "".into(), "image");
        refused(|d| d["containerDefinitions"][0]["essential"] = false.into(), "essential");
        refused(
            |d| {
                d["containerDefinitions"][0]["dependsOn"] =
                    json!([{"containerName": "b", "condition": "START"}])
            },
            "not in the task definition",
        );
        refused(
            |d| {
                d["containerDefinitions"][0]["dependsOn"] =
                    json!([{"containerName": "api", "condition": "START"}])
            },
            "cycle",
        );
        refused(|d| d["memory"] = "8192".into(), "No Fargate configuration");
        refused(|d| d["networkMode"] = "bridge".into(), "awsvpc");
        refused(|d| drop(d.as_object_mut().unwrap().remove("cpu")), "'cpu'");
        refused(
            |d| d["containerDefinitions"][0]["portMappings"] = json!([{"containerPort": 80, "hostPort": 81}]),
            "must match",
        );
        refused(
            |d| d["containerDefinitions"][0]["secrets"] = json!([{"name": "A", "valueFrom": "b"}]),
            "execution role",
        );
        refused(|d| d["containerDefinitions"][0]["command"] = json!(["x".repeat(65 * 1024)]), "65536");
    }

    #[test]
    fn fargate_sizes_are_those_of_the_price_list() {
        assert!(fargate_has(256, 2048));
        assert!(!fargate_has(256, 3072));
        assert!(fargate_has(4096, 30 * 1024));
        assert!(!fargate_has(8192, 17 * 1024));
        assert!(!fargate_has(300, 512));
    }
}
