//! Makes a task, and prepares everything that its containers need to start.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::clock::Time;
use crate::ecs::capacity::{self, Capacity, Place};
use crate::ecs::state::{LogStream, Phase, PinnedImage, Service, Side, Task, TaskContainer};
use crate::ecs::{arn, metadata, run_task, task_definition};
use crate::elb::Target;
use crate::naming;
use crate::runtime::{Condition, ContainerLaunch, Dependency, HealthCheck, TaskLaunch};
use crate::world::World;

/// A task that is to be.
pub(in crate::ecs) struct Order<'a> {
    pub(in crate::ecs) cluster: &'a str,
    pub(in crate::ecs) service: Option<&'a str>,
    pub(in crate::ecs) group: String,
    pub(in crate::ecs) started_by: Option<String>,
    pub(in crate::ecs) revision: u64,
    pub(in crate::ecs) definition: &'a str,
    pub(in crate::ecs) overrides: Value,
    /// The settings that the task was asked for with: launch type, network and so on.
    pub(in crate::ecs) content: &'a Map<String, Value>,
    pub(in crate::ecs) images: &'a [PinnedImage],
    pub(in crate::ecs) side: Side,
    /// Where it is to run, and whether it has to wait for that.
    pub(in crate::ecs) capacity: Capacity,
    pub(in crate::ecs) waits: bool,
}

/// A task of one of the service's revisions, or ECS's sentence where there is no place for it.
pub(super) fn for_service(
    world: &mut World,
    service: &Service,
    id: u64,
) -> Option<Result<Task, &'static str>> {
    let revision = service.revisions.get(&id)?;
    let placed = |name: &str| {
        let tasks = service.tasks.iter().filter_map(|arn| world.ecs.tasks.get(arn));
        let alive = tasks.filter(|task| task.revision == id && !task.is_stopping());
        alive.filter(|task| task.capacity == name).count()
    };
    let (capacity, waits) = match capacity::place(world, &revision.content, placed) {
        Place::Here(capacity) => (capacity, false),
        Place::Waits(capacity) => (capacity, true),
        Place::Nowhere { event, .. } => return Some(Err(event)),
    };
    let order_of = Order {
        cluster: &service.key.cluster,
        service: Some(&service.key.name),
        group: format!("service:{}", service.key.name),
        started_by: Some(format!("ecs-svc/{id}")),
        revision: id,
        definition: revision.content["taskDefinition"].as_str()?,
        overrides: json!({}),
        content: &revision.content,
        images: &revision.images,
        side: revision.side,
        capacity,
        waits,
    };
    order(world, &order_of).map(Ok)
}

/// Makes the task; it starts at the next step.
pub(in crate::ecs) fn order(world: &mut World, order: &Order<'_>) -> Option<Task> {
    let id = world.ecs.ids.task();
    let serial = world.ecs.ids.serial();
    let ip = format!("10.{}.{}.{}", (serial >> 16) & 0xff, (serial >> 8) & 0xff, serial & 0xff);
    let arn = arn::task(world, order.cluster, &id);
    let found = task_definition::find(&world.ecs, order.definition)?;
    let definition = &found.body;
    let containers = task_definition::containers(definition)
        .iter()
        .enumerate()
        .map(|(index, container)| task_container(world, order, container, index, &id))
        .collect();
    let placement = placement(world, order);
    let targets = targets(order.content, order.side, &arn, &ip);
    Some(Task {
        arn,
        id,
        cluster: order.cluster.to_owned(),
        service: order.service.map(str::to_owned),
        group: order.group.clone(),
        started_by: order.started_by.clone(),
        revision: order.revision,
        definition: task_definition::arn_of(found).to_owned(),
        overrides: order.overrides.clone(),
        placement,
        capacity: order.capacity.name.clone(),
        provider: order.capacity.is_provider,
        waits_for_capacity: order.waits,
        phase: Phase::Provisioning { until: world.now + world.pace.provisioning },
        containers,
        ip,
        targets,
        registered: false,
        version: 1,
        created_at: world.now,
        pull_started_at: None,
        pull_stopped_at: None,
        started_at: None,
        stopping_at: None,
        execution_stopped_at: None,
        stopped_at: None,
        stop: None,
        protected_until: None,
        came_up: false,
        next_look: world.now,
    })
}

/// Where the task runs, as DescribeTasks shows it.
fn placement(world: &World, order: &Order<'_>) -> Map<String, Value> {
    let mut placement: Map<String, Value> = ["platformVersion", "networkConfiguration"]
        .iter()
        .filter_map(|member| Some(((*member).to_owned(), order.content.get(*member)?.clone())))
        .collect();
    let capacity = &order.capacity;
    placement.insert("launchType".to_owned(), json!(capacity.launch_type));
    if capacity.is_provider {
        placement.insert("capacityProviderName".to_owned(), json!(capacity.name));
    }
    if capacity.launch_type == "EC2" {
        let instance = naming::hexadecimal(&format!("{} {}", order.cluster, capacity.name), Time(0), 32);
        let arn = arn::container_instance(world, order.cluster, &instance);
        placement.insert("containerInstanceArn".to_owned(), json!(arn));
    }
    placement
}

fn task_container(
    world: &World,
    order: &Order<'_>,
    container: &Value,
    index: usize,
    task: &str,
) -> TaskContainer {
    let text = |member: &str| container[member].as_str().unwrap_or_default().to_owned();
    let name = text("name");
    let digest =
        order.images.iter().find(|image| image.container == name).and_then(|image| image.digest.clone());
    TaskContainer {
        arn: arn::container(world, order.cluster, task, &format!("{task}-{index:010}")),
        image: text("image"),
        digest,
        essential: container["essential"].as_bool().unwrap_or(true),
        has_health_check: has_health_check(container),
        state: None,
        ever_ran: false,
        log: log_stream(container, &name, task),
        name,
    }
}

fn has_health_check(container: &Value) -> bool {
    let command = container["healthCheck"]["command"].as_array();
    command.is_some_and(|command| !command.is_empty() && command[0] != "NONE")
}

fn log_stream(container: &Value, name: &str, task: &str) -> Option<LogStream> {
    let log = &container["logConfiguration"];
    if log["logDriver"] != "awslogs" {
        return None;
    }
    let group = log["options"]["awslogs-group"].as_str()?;
    let stream = match log["options"]["awslogs-stream-prefix"].as_str() {
        Some(prefix) => format!("{prefix}/{name}/{task}"),
        None => format!("{name}/{task}"),
    };
    Some(LogStream { group: group.to_owned(), stream, sent: None })
}

fn targets(content: &Map<String, Value>, side: Side, task: &str, ip: &str) -> Vec<(String, Target)> {
    let balancers = content.get("loadBalancers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    balancers
        .iter()
        .filter_map(|balancer| {
            let target = Target {
                task: task.to_owned(),
                container: balancer["containerName"].as_str()?.to_owned(),
                ip: ip.to_owned(),
                port: u16::try_from(balancer["containerPort"].as_u64()?).ok()?,
            };
            Some((side.target_group(balancer)?.to_owned(), target))
        })
        .collect()
}

/// Resolves images, secrets and parameters; an error is the task's stopped reason.
pub(super) fn prepare(world: &World, task: &Task) -> Result<TaskLaunch, String> {
    let found = task_definition::find(&world.ecs, &task.definition).ok_or_else(|| {
        "ResourceInitializationError: the task definition does not exist any more".to_owned()
    })?;
    let definition = &found.body;
    check_addresses(world, task)?;
    let mut containers = Vec::new();
    for (container, known) in task_definition::containers(definition).iter().zip(&task.containers) {
        check_image(world, known)?;
        let overrides = run_task::of_container(&task.overrides, &known.name);
        let mut launch = container_launch(world, container, overrides, known)?;
        launch.environment.extend(agent_variables(world, known));
        launch.depends_on = dependencies(definition, container);
        containers.push(launch);
    }
    Ok(TaskLaunch {
        task: task.arn.clone(),
        service: task.service.clone(),
        containers,
        launched_at: world.now,
    })
}

/// Where the container finds its agent, which knows it by its id.
fn agent_variables(world: &World, container: &TaskContainer) -> Vec<(String, String)> {
    let id = metadata::container_id(container);
    world.ecs.agent.as_ref().map_or_else(Vec::new, |agent| {
        vec![
            ("ECS_AGENT_URI".to_owned(), format!("{agent}/api/{id}")),
            ("ECS_CONTAINER_METADATA_URI_V4".to_owned(), format!("{agent}/v4/{id}")),
        ]
    })
}

/// Every task of networkMode awsvpc has an address of its own.
fn check_addresses(world: &World, task: &Task) -> Result<(), String> {
    let Some(network) = task.placement.get("networkConfiguration") else { return Ok(()) };
    let subnets = network["awsvpcConfiguration"]["subnets"].as_array().map_or(&[][..], Vec::as_slice);
    let mut names = subnets.iter().filter_map(Value::as_str);
    match names.next() {
        Some(first)
            if std::iter::once(first).chain(names).all(|name| world.ecs.full_subnets.contains(name)) =>
        {
            Err(format!(
                "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment disabled in subnet '{first}': InsufficientFreeAddressesInSubnet"
            ))
        }
        Some(_) | None => Ok(()),
    }
}

/// An image in the account's own registry must be there; by its digest, once that is pinned.
fn check_image(world: &World, container: &TaskContainer) -> Result<(), String> {
    let image = &container.image;
    let reference = match &container.digest {
        Some(digest) if !image.contains('@') => format!("{}@{digest}", without_tag(image)),
        Some(_) | None => image.clone(),
    };
    match world.ecr.digest(&reference) {
        Some(None) => Err(format!(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: {reference}: not found"
        )),
        Some(Some(_)) | None => Ok(()),
    }
}

fn without_tag(image: &str) -> &str {
    match image.rsplit_once(':') {
        // What follows a colon before a slash is a port.
        Some((name, tag)) if !tag.contains('/') => name,
        Some(_) | None => image,
    }
}

fn container_launch(
    world: &World,
    container: &Value,
    overrides: Option<&Map<String, Value>>,
    known: &TaskContainer,
) -> Result<ContainerLaunch, String> {
    let mut environment = environment_files(world, container)?;
    environment.extend(pairs(&container["environment"], "value"));
    for (name, value_from) in pairs(&container["secrets"], "valueFrom") {
        environment.insert(name, secret(world, &value_from)?);
    }
    let mut command = words(&container["command"]);
    let mut memory_limit = container["memory"].as_u64();
    if let Some(overrides) = overrides {
        environment.extend(overrides.get("environment").map(|list| pairs(list, "value")).unwrap_or_default());
        if let Some(words_of) = overrides.get("command") {
            command = words(words_of);
        }
        memory_limit = overrides.get("memory").and_then(Value::as_u64).or(memory_limit);
    }
    let ports = container["portMappings"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(|mapping| u16::try_from(mapping["containerPort"].as_u64()?).ok())
        .collect();
    let seconds = |value: &Value, default: u64| Duration::from_secs(value.as_u64().unwrap_or(default));
    let check = &container["healthCheck"];
    let health_check = has_health_check(container).then(|| HealthCheck {
        command: words(&check["command"]),
        interval: seconds(&check["interval"], 30),
        timeout: seconds(&check["timeout"], 5),
        retries: check["retries"].as_u64().unwrap_or(3) as u32,
        start_period: seconds(&check["startPeriod"], 0),
    });
    Ok(ContainerLaunch {
        name: known.name.clone(),
        image: known.image.clone(),
        essential: known.essential,
        entry_point: words(&container["entryPoint"]),
        command,
        environment,
        ports,
        health_check,
        stop_timeout: seconds(&container["stopTimeout"], 30),
        memory_limit,
        depends_on: Vec::new(),
        start_timeout: container["startTimeout"].as_u64().map(Duration::from_secs),
    })
}

/// What a container waits for: what its definition says, and, if it logs through FireLens, the router.
fn dependencies(definition: &Value, container: &Value) -> Vec<Dependency> {
    let mut dependencies: Vec<Dependency> = container["dependsOn"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(|dependency| {
            let condition = match dependency["condition"].as_str()? {
                "HEALTHY" => Condition::Healthy,
                "COMPLETE" => Condition::Complete,
                "SUCCESS" => Condition::Success,
                _ => Condition::Start,
            };
            Some(Dependency { container: dependency["containerName"].as_str()?.to_owned(), condition })
        })
        .collect();
    if container["logConfiguration"]["logDriver"] == "awsfirelens" {
        let all = task_definition::containers(definition);
        let router = all.iter().find(|one| one.get("firelensConfiguration").is_some());
        let name = router.and_then(|router| router["name"].as_str()).unwrap_or_default();
        if !name.is_empty() && !dependencies.iter().any(|known| known.container == name) {
            dependencies.push(Dependency { container: name.to_owned(), condition: Condition::Start });
        }
    }
    dependencies
}

/// The variables of a container's environment files: of two of one name the first counts.
fn environment_files(world: &World, container: &Value) -> Result<BTreeMap<String, String>, String> {
    let mut environment = BTreeMap::new();
    for file in container["environmentFiles"].as_array().map_or(&[][..], Vec::as_slice) {
        let arn = file["value"].as_str().unwrap_or_default();
        let object = world.s3.resolve(arn).map_err(|error| {
            format!(
                "ResourceInitializationError: failed to download env files: file download command: non empty error stream: {}: {} status code: {} (file {arn})",
                error.code, error.message, error.status
            )
        })?;
        for line in String::from_utf8_lossy(&object.bytes).lines() {
            // Quotation marks and spaces belong to the value, as with Docker's env files.
            if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                environment.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
    }
    Ok(environment)
}

fn pairs(list: &Value, value: &str) -> BTreeMap<String, String> {
    list.as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(|entry| {
            let name = entry["name"].as_str()?.to_owned();
            Some((name, entry[value].as_str().unwrap_or_default().to_owned()))
        })
        .collect()
}

fn words(list: &Value) -> Vec<String> {
    list.as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

/// An ARN of Secrets Manager names a secret; any other ARN, and any plain name, a parameter.
fn secret(world: &World, value_from: &str) -> Result<String, String> {
    let (resolved, service) = if value_from.contains(":secretsmanager:") {
        let resolved = world.secrets.resolve(value_from);
        let fetch = |error| format!("failed to fetch secret {value_from} from secrets manager: {error}");
        (resolved.map_err(fetch), "asm")
    } else {
        (world.ssm.resolve(value_from), "ssm")
    };
    resolved.map_err(|error| {
        format!(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from {service}: service call has been retried 1 time(s): {error}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_port_is_not_a_tag() {
        assert_eq!(without_tag("localhost:5000/api"), "localhost:5000/api");
        assert_eq!(without_tag("localhost:5000/api:2"), "localhost:5000/api");
        assert_eq!(without_tag("api:2"), "api");
    }
}
