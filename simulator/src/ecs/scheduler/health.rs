//! Whether a running task is healthy: by its containers' own checks and by its target groups.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::ecs::state::Task;
use crate::elb::TargetState;
use crate::runtime::ContainerHealth;
use crate::world::World;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Health {
    Healthy,
    NotYet,
    /// ECS stops and replaces it, with this stopped reason, and may say so in a service event.
    Failing {
        reason: String,
        event: Option<String>,
    },
}

/// How long after its start a task's failing checks are overlooked.
pub(super) fn grace(settings: &Map<String, Value>) -> Duration {
    let seconds = settings.get("healthCheckGracePeriodSeconds").and_then(Value::as_u64);
    Duration::from_secs(seconds.unwrap_or(0))
}

pub(super) fn judge(world: &World, task: &Task, grace: Duration) -> Health {
    let running_for = task.started_at.map_or(Duration::ZERO, |started| world.now.since(started));
    let overlooked = running_for < grace;
    let mut health = Health::Healthy;
    for container in task.containers.iter().filter(|c| c.has_health_check && c.essential) {
        match container.state.as_ref().map(|state| state.health) {
            Some(ContainerHealth::Healthy) => {}
            Some(ContainerHealth::Unhealthy) if !overlooked => {
                return Health::Failing {
                    reason: "Task failed container health checks".to_owned(),
                    event: Some(format!("(task {}) failed container health checks.", task.id)),
                };
            }
            Some(ContainerHealth::Unhealthy | ContainerHealth::Unknown) | None => {
                health = Health::NotYet;
            }
        }
    }
    for (target_group, target) in &task.targets {
        match world.elb.state(target_group, target) {
            Some(TargetState::Healthy | TargetState::Unused) => {}
            Some(TargetState::Unhealthy) if !overlooked => {
                let why = world
                    .elb
                    .unhealthy_reason(target_group, target)
                    .map_or_else(String::new, |(_, sentence)| sentence);
                let (id, port) = (&task.id, target.port);
                return Health::Failing {
                    reason: format!("Task failed ELB health checks in (target-group {target_group})"),
                    event: Some(format!(
                        "(task {id}) (port {port}) is unhealthy in (target-group {target_group}) due to (reason {why})."
                    )),
                };
            }
            Some(TargetState::Unhealthy | TargetState::Initial | TargetState::Draining) | None => {
                health = Health::NotYet;
            }
        }
    }
    health
}
