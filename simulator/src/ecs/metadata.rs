//! What the container agent tells a container about its task: the task metadata endpoint, version 4.
//!
//! See "Amazon ECS task metadata endpoint version 4". Only members that programs look at are there.

use serde_json::{Value, json};

use super::state::{Phase, Task, TaskContainer};
use super::{arn, task_definition, tasks};
use crate::runtime::{ContainerHealth, ContainerStatus};
use crate::world::World;

/// A container as its agent knows it.
pub(crate) struct Known<'a> {
    task: &'a Task,
    container: &'a TaskContainer,
}

/// The container with this id, the last part of its ARN, if its task has not stopped.
pub(crate) fn container<'a>(world: &'a World, id: &str) -> Option<Known<'a>> {
    let (task, _) = id.rsplit_once('-')?;
    let mut clusters = world.ecs.clusters.keys();
    let task = clusters.find_map(|cluster| world.ecs.tasks.get(&arn::task(world, cluster, task)))?;
    let container = task.containers.iter().find(|container| container_id(container) == id)?;
    (task.phase != Phase::Stopped).then_some(Known { task, container })
}

/// The id by which a container asks its agent.
pub(super) fn container_id(container: &TaskContainer) -> &str {
    arn::last(&container.arn)
}

impl Known<'_> {
    pub(crate) fn task_arn(&self) -> &str {
        &self.task.arn
    }

    pub(crate) fn cluster(&self) -> &str {
        &self.task.cluster
    }

    /// Whether the agent has credentials to call ECS with, as the task.
    pub(crate) fn has_task_role(&self, world: &World) -> bool {
        let overridden = self.task.overrides.get("taskRoleArn").is_some();
        let found = task_definition::find(&world.ecs, &self.task.definition);
        overridden || found.is_some_and(|found| found.body.get("taskRoleArn").is_some())
    }

    /// `${ECS_CONTAINER_METADATA_URI_V4}/task`
    pub(crate) fn task_metadata(&self, world: &World) -> Value {
        let task = self.task;
        let name = arn::last(&task.definition);
        let (family, revision) = name.rsplit_once(':').unwrap_or((name, ""));
        let desired = if task.is_stopping() { "STOPPED" } else { "RUNNING" };
        let found = task_definition::find(&world.ecs, &task.definition);
        let size = |member: &str| found.and_then(|found| found.body[member].as_str()?.parse::<f64>().ok());
        let mut body = json!({
            "Cluster": arn::cluster(world, &task.cluster),
            "TaskARN": task.arn,
            "Family": family,
            "Revision": revision,
            "DesiredStatus": desired,
            "KnownStatus": tasks::last_status(task.phase),
            "Limits": {},
            "AvailabilityZone": format!("{}a", world.region),
            "Containers": task.containers.iter().map(|it| shown(world, task, it)).collect::<Vec<_>>(),
        });
        if let Some(units) = size("cpu") {
            body["Limits"]["CPU"] = json!(units / 1024.0);
        }
        if let Some(mebibytes) = size("memory") {
            body["Limits"]["Memory"] = json!(mebibytes);
        }
        for (member, value) in [
            ("LaunchType", task.placement.get("launchType").cloned()),
            ("ServiceName", task.service.clone().map(Value::from)),
            ("PullStartedAt", task.pull_started_at.map(|at| at.iso().into())),
            ("PullStoppedAt", task.pull_stopped_at.map(|at| at.iso().into())),
        ] {
            if let Some(value) = value {
                body[member] = value;
            }
        }
        body
    }

    /// `${ECS_CONTAINER_METADATA_URI_V4}`
    pub(crate) fn container_metadata(&self, world: &World) -> Value {
        shown(world, self.task, self.container)
    }
}

fn shown(world: &World, task: &Task, container: &TaskContainer) -> Value {
    let name = arn::last(&task.definition);
    let (family, revision) = name.rsplit_once(':').unwrap_or((name, ""));
    let id = container_id(container);
    let desired = if task.is_stopping() { "STOPPED" } else { "RUNNING" };
    let state = container.state.as_ref();
    let known = match state.map(|state| &state.status) {
        Some(ContainerStatus::Running { .. }) => "RUNNING",
        Some(ContainerStatus::Stopped { .. } | ContainerStatus::CannotStart { .. }) => "STOPPED",
        Some(ContainerStatus::Pending) | None => "PENDING",
    };
    let mut body = json!({
        "DockerId": id,
        "Name": container.name,
        "DockerName": container.name,
        "Image": container.image,
        "ImageID": container.digest.clone().unwrap_or_default(),
        "Labels": {
            "com.amazonaws.ecs.cluster": arn::cluster(world, &task.cluster),
            "com.amazonaws.ecs.container-name": container.name,
            "com.amazonaws.ecs.task-arn": task.arn,
            "com.amazonaws.ecs.task-definition-family": family,
            "com.amazonaws.ecs.task-definition-version": revision,
        },
        "DesiredStatus": desired,
        "KnownStatus": known,
        "CreatedAt": task.created_at.iso(),
        "Type": "NORMAL",
        "ContainerARN": container.arn,
    });
    if let Some(ContainerStatus::Running { since }) = state.map(|state| &state.status) {
        body["StartedAt"] = json!(since.iso());
    }
    if let Some(log) = &container.log {
        body["LogDriver"] = json!("awslogs");
        body["LogOptions"] = json!({
            "awslogs-group": log.group, "awslogs-region": world.region, "awslogs-stream": log.stream,
        });
    }
    if task.placement.contains_key("networkConfiguration") {
        body["Networks"] = json!([{"NetworkMode": "awsvpc", "IPv4Addresses": [task.ip]}]);
    }
    if container.has_health_check {
        let health = state.map_or(ContainerHealth::Unknown, |state| state.health);
        body["Health"] = json!({"status": tasks::health_status(health)});
    }
    body
}
