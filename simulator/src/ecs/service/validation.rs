//! What CreateService and UpdateService refuse.

use serde_json::{Map, Value, json};

use crate::ecs::input::{self, invalid};
use crate::ecs::task_definition::{self, containers};
use crate::error::ApiError;
use crate::world::World;

type Settings = Map<String, Value>;

pub(super) fn desired_count(input: &Value, settings: &Settings) -> Result<u32, ApiError> {
    const TASKS_MAX: i64 = 5_000;
    let daemon = settings.get("schedulingStrategy") == Some(&json!("DAEMON"));
    match input::integer(input, "desiredCount")? {
        Some(count @ 0..=TASKS_MAX) => Ok(count as u32),
        Some(count) if count < 0 => Err(invalid("Desired count cannot be negative.")),
        Some(_) => Err(invalid("Desired count cannot be more than 5000.")),
        // There are no container instances here for a daemon to run on.
        None if daemon => Ok(0),
        None => Err(invalid("Desired count cannot be null for a REPLICA service.")),
    }
}

/// Checks settings whose defaults are filled in and whose task definition is resolved.
pub(super) fn check(world: &World, settings: &Settings) -> Result<(), ApiError> {
    let reference = settings["taskDefinition"].as_str().unwrap_or_default();
    let Some(found) = task_definition::find(&world.ecs, reference) else {
        return Err(input::client("TaskDefinition not found."));
    };
    let definition = &found.body;
    check_placement(settings, definition)?;
    check_load_balancers(world, settings, definition)?;
    check_percentages(settings)
}

/// Whether tasks of a definition can be placed as they are asked for; of RunTask as well.
pub(in crate::ecs) fn check_placement(settings: &Settings, definition: &Value) -> Result<(), ApiError> {
    check_network(settings, definition)?;
    check_launch_type(settings, definition)
}

fn check_network(settings: &Settings, definition: &Value) -> Result<(), ApiError> {
    let awsvpc = definition["networkMode"] == "awsvpc";
    let subnets =
        settings.get("networkConfiguration").map(|network| &network["awsvpcConfiguration"]["subnets"]);
    match subnets {
        None if awsvpc => {
            Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."))
        }
        Some(_) if !awsvpc => Err(invalid(
            "Network Configuration is not valid for the given networkMode of this task definition.",
        )),
        Some(subnets) if subnets.as_array().is_none_or(Vec::is_empty) => {
            Err(invalid("subnets can not be empty."))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_launch_type(settings: &Settings, definition: &Value) -> Result<(), ApiError> {
    let launch_type = match settings.get("launchType") {
        Some(launch_type) => launch_type.as_str().unwrap_or_default(),
        None if super::settings::is_fargate(settings) => "FARGATE",
        None => "EC2",
    };
    if !["EC2", "FARGATE", "EXTERNAL"].contains(&launch_type) {
        return Err(invalid(format!("Invalid launch type: {launch_type}.")));
    }
    // What a definition requires decides, where it requires anything.
    let listed = match definition["requiresCompatibilities"].as_array() {
        Some(required) if !required.is_empty() => required.as_slice(),
        _ => definition["compatibilities"].as_array().map_or(&[][..], Vec::as_slice),
    };
    match listed.iter().any(|listed| listed == launch_type) {
        true => Ok(()),
        false => Err(invalid(format!("Task definition does not support launch_type {launch_type}."))),
    }
}

fn check_load_balancers(world: &World, settings: &Settings, definition: &Value) -> Result<(), ApiError> {
    const TARGET_GROUPS_MAX: usize = 5;
    let balancers = settings["loadBalancers"].as_array().map_or(&[][..], Vec::as_slice);
    if balancers.len() > TARGET_GROUPS_MAX {
        return Err(invalid("load balancers can have at most 5 items."));
    }
    for balancer in balancers {
        let Some(target_group) = input::text(balancer, "targetGroupArn")? else {
            continue;
        };
        if !world.elb.has_target_group(target_group) {
            return Err(invalid(format!("The target group {target_group} does not exist.")));
        }
        let name = input::text(balancer, "containerName")?.unwrap_or_default();
        let port = input::integer(balancer, "containerPort")?;
        let container = containers(definition)
            .iter()
            .find(|container| container["name"] == name)
            .ok_or_else(|| invalid(format!("The container {name} does not exist in the task definition.")))?;
        let mapped = container["portMappings"]
            .as_array()
            .is_some_and(|mappings| mappings.iter().any(|mapping| mapping["containerPort"].as_i64() == port));
        if !mapped {
            return Err(invalid(format!(
                "The container {name} did not have a container port {} defined.",
                port.unwrap_or(0)
            )));
        }
    }
    let grace = settings.get("healthCheckGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    if grace > 0 && balancers.is_empty() {
        return Err(invalid(
            "Health check grace period is only valid for services configured to use load balancers.",
        ));
    }
    if grace < 0 {
        return Err(invalid("Health check grace period must not be negative."));
    }
    Ok(())
}

fn check_percentages(settings: &Settings) -> Result<(), ApiError> {
    let configuration = &settings["deploymentConfiguration"];
    let maximum = input::integer(configuration, "maximumPercent")?.unwrap_or(200);
    let minimum = input::integer(configuration, "minimumHealthyPercent")?.unwrap_or(100);
    if maximum < 100 {
        return Err(invalid("maximumPercent must be at least 100."));
    }
    if !(0..=100).contains(&minimum) {
        return Err(invalid("minimumHealthyPercent must be between 0 and 100."));
    }
    if maximum == 100 && minimum == 100 {
        return Err(invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ));
    }
    Ok(())
}
