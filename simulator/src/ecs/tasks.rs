//! Tasks as clients see them, and StopTask.

use serde_json::{Map, Value, json};

use super::input::{self, includes, invalid};
use super::scheduler::{self, life};
use super::state::{Phase, Stop, StopCode, Task, TaskContainer};
use super::{arn, clusters, pages, tags, task_definition};
use crate::clock::Time;
use crate::error::Answer;
use crate::runtime::{ContainerHealth, ContainerStatus, Runtime};
use crate::world::World;

pub(super) fn list(world: &mut World, input: &Value) -> Answer {
    const PAGE: usize = 100;
    let cluster = clusters::existing(world, input)?;
    let stopped = match input::text(input, "desiredStatus")?.unwrap_or("RUNNING") {
        "RUNNING" => false,
        "STOPPED" => true,
        // ECS never sets this status, so asking for it finds nothing.
        "PENDING" => return Ok(json!({"taskArns": []})),
        other => return Err(invalid(format!("Invalid desired status: {other}."))),
    };
    let service = input::text(input, "serviceName")?.map(arn::last);
    let family = input::text(input, "family")?;
    let started_by = input::text(input, "startedBy")?;
    if started_by.is_some() && (service.is_some() || family.is_some()) {
        return Err(invalid("startedBy cannot be combined with other filters."));
    }
    if let Some(name) = service {
        let known = world.ecs.services.keys().any(|key| key.cluster == cluster && key.name == name);
        if !known {
            return Err(crate::error::ApiError::new("ServiceNotFoundException", "Service not found."));
        }
    }
    let matches = |task: &&Task| {
        task.cluster == cluster
            && task.is_stopping() == stopped
            && service.is_none_or(|name| task.service.as_deref() == Some(name))
            && started_by.is_none_or(|by| task.started_by.as_deref() == Some(by))
            && family.is_none_or(|family| family_of(task) == family)
    };
    let arns = world.ecs.tasks.values().filter(matches).map(|task| task.arn.clone()).collect();
    pages::page(&mut world.ecs.ids, input, "taskArns", arns, PAGE)
}

fn family_of(task: &Task) -> &str {
    let name = arn::last(&task.definition);
    name.rsplit_once(':').map_or(name, |(family, _)| family)
}

pub(super) fn describe(world: &mut World, input: &Value) -> Answer {
    const PER_CALL_MAX: usize = 100;
    let cluster = clusters::existing(world, input)?;
    let references = input::texts(input, "tasks")?;
    if references.is_empty() {
        return Err(invalid("Tasks cannot be empty."));
    }
    if references.len() > PER_CALL_MAX {
        return Err(invalid("Tasks cannot have more than 100 elements."));
    }
    let with_tags = includes(input, "TAGS")?;
    let mut tasks = Vec::new();
    let mut failures = Vec::new();
    for reference in references {
        let arn = arn::task(world, &cluster, arn::last(reference));
        match world.ecs.tasks.get(&arn) {
            Some(task) => tasks.push(shown(world, task, with_tags)),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({"tasks": tasks, "failures": failures}))
}

pub(super) fn stop(world: &mut World, runtime: &dyn Runtime, input: &Value) -> Answer {
    let cluster = clusters::existing(world, input)?;
    let reference = input::required_text(input, "task")?;
    let reason = input::text(input, "reason")?.unwrap_or("Task stopped by user").to_owned();
    let arn = arn::task(world, &cluster, arn::last(reference));
    let stopped = scheduler::with_task(world, &arn, |world, task| {
        let code = StopCode::UserInitiated;
        life::stop(world, runtime, task, Stop { code, reason });
        (shown(world, task, false), task.service.clone())
    });
    let Some((shown, service)) = stopped else {
        return Err(invalid("The referenced task was not found."));
    };
    if let Some(name) = service {
        let key = super::state::ServiceKey { cluster, name };
        let now = world.now;
        if let Some(service) = world.ecs.services.get_mut(&key) {
            service.next_look = now;
            service.steady = false;
        }
    }
    Ok(json!({ "task": shown }))
}

pub(super) fn last_status(phase: Phase) -> &'static str {
    match phase {
        Phase::Provisioning { .. } => "PROVISIONING",
        Phase::Pending => "PENDING",
        Phase::Activating { .. } => "ACTIVATING",
        Phase::Running => "RUNNING",
        Phase::Deactivating => "DEACTIVATING",
        Phase::Stopping => "STOPPING",
        Phase::Deprovisioning { .. } => "DEPROVISIONING",
        Phase::Stopped => "STOPPED",
    }
}

pub(super) fn health_status(health: ContainerHealth) -> &'static str {
    match health {
        ContainerHealth::Unknown => "UNKNOWN",
        ContainerHealth::Healthy => "HEALTHY",
        ContainerHealth::Unhealthy => "UNHEALTHY",
    }
}

pub(super) fn shown(world: &World, task: &Task, with_tags: bool) -> Value {
    let mut body = task.placement.clone();
    body.remove("networkConfiguration");
    if body.get("platformVersion") == Some(&json!("LATEST")) {
        body.insert("platformVersion".to_owned(), json!("1.4.0"));
    }
    let found = task_definition::find(&world.ecs, &task.definition);
    for size in ["cpu", "memory"] {
        let value = task.overrides.get(size).or_else(|| found.and_then(|found| found.body.get(size)));
        if let Some(value) = value {
            body.insert(size.to_owned(), value.clone());
        }
    }
    let desired = if task.is_stopping() { "STOPPED" } else { "RUNNING" };
    let containers: Vec<Value> =
        task.containers.iter().map(|container| shown_container(task, container)).collect();
    for (member, value) in [
        ("taskArn", json!(task.arn)),
        ("clusterArn", json!(arn::cluster(world, &task.cluster))),
        ("taskDefinitionArn", json!(task.definition)),
        ("group", json!(task.group)),
        ("lastStatus", json!(last_status(task.phase))),
        ("desiredStatus", json!(desired)),
        ("healthStatus", json!(health_status(life::health(task)))),
        ("version", json!(task.version)),
        ("connectivity", json!("CONNECTED")),
        ("containers", json!(containers)),
        ("overrides", task.overrides.clone()),
        ("attachments", attachments(task)),
        ("attributes", json!([])),
        ("enableExecuteCommand", json!(false)),
    ] {
        body.insert(member.to_owned(), value);
    }
    insert_times(task, &mut body);
    if let Some(started_by) = &task.started_by {
        body.insert("startedBy".to_owned(), json!(started_by));
    }
    if let Some(stop) = &task.stop {
        let code = match stop.code {
            StopCode::TaskFailedToStart => "TaskFailedToStart",
            StopCode::EssentialContainerExited => "EssentialContainerExited",
            StopCode::UserInitiated => "UserInitiated",
            StopCode::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            StopCode::SpotInterruption => "SpotInterruption",
            StopCode::TerminationNotice => "TerminationNotice",
        };
        body.insert("stopCode".to_owned(), json!(code));
        body.insert("stoppedReason".to_owned(), json!(stop.reason));
    }
    if with_tags && let Some(tags) = world.ecs.tags.get(&task.arn) {
        body.insert("tags".to_owned(), tags::shown(tags));
    }
    Value::Object(body)
}

fn insert_times(task: &Task, body: &mut Map<String, Value>) {
    let times: [(&str, Option<Time>); 8] = [
        ("createdAt", Some(task.created_at)),
        ("connectivityAt", Some(task.created_at)),
        ("pullStartedAt", task.pull_started_at),
        ("pullStoppedAt", task.pull_stopped_at),
        ("startedAt", task.started_at),
        ("stoppingAt", task.stopping_at),
        ("executionStoppedAt", task.execution_stopped_at),
        ("stoppedAt", task.stopped_at),
    ];
    for (member, time) in times {
        if let Some(time) = time {
            body.insert(member.to_owned(), json!(time.seconds()));
        }
    }
}

fn attachments(task: &Task) -> Value {
    if !task.placement.contains_key("networkConfiguration") {
        return json!([]);
    }
    let network = &task.placement["networkConfiguration"]["awsvpcConfiguration"];
    let subnet = network["subnets"][0].as_str().unwrap_or_default();
    json!([{
        "id": format!("{}-eni", task.id),
        "type": "ElasticNetworkInterface",
        "status": if task.phase == Phase::Stopped { "DELETED" } else { "ATTACHED" },
        "details": [
            {"name": "subnetId", "value": subnet},
            {"name": "privateIPv4Address", "value": task.ip},
        ],
    }])
}

fn shown_container(task: &Task, container: &TaskContainer) -> Value {
    let mut body = json!({
        "containerArn": container.arn, "taskArn": task.arn, "name": container.name,
        "image": container.image, "networkInterfaces": [], "networkBindings": [],
        "lastStatus": "PENDING", "healthStatus": "UNKNOWN",
    });
    if let Some(digest) = &container.digest {
        body["imageDigest"] = json!(digest);
    }
    if task.placement.contains_key("networkConfiguration") {
        body["networkInterfaces"] = json!([{"privateIpv4Address": task.ip}]);
    }
    let ended = matches!(task.phase, Phase::Deprovisioning { .. } | Phase::Stopped);
    if ended {
        body["lastStatus"] = json!("STOPPED");
    }
    let Some(state) = &container.state else {
        return body;
    };
    if container.has_health_check {
        body["healthStatus"] = json!(health_status(state.health));
    }
    match &state.status {
        ContainerStatus::Pending => {}
        ContainerStatus::CannotStart { reason } => {
            body["lastStatus"] = json!("STOPPED");
            body["reason"] = json!(reason);
        }
        ContainerStatus::Running { .. } => body["lastStatus"] = json!("RUNNING"),
        ContainerStatus::Stopped { exit_code, reason, .. } => {
            body["lastStatus"] = json!("STOPPED");
            if container.ever_ran {
                body["exitCode"] = json!(exit_code);
            }
            if let Some(reason) = reason {
                body["reason"] = json!(reason);
            }
        }
    }
    body
}
