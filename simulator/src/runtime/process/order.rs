//! In which order the containers of a task start and end, as `dependsOn` says.

use std::sync::Arc;

use super::container::{Container, Life};
use crate::clock::Clock;
use crate::runtime::{Condition, ContainerHealth, ContainerLaunch, ContainerStatus, Dependency};

/// A container's place among the others of its task.
#[derive(Default)]
pub(super) struct Order {
    /// What it waits for before it starts.
    after: Vec<(Dependency, Arc<Container>)>,
    /// What it waits for before it ends.
    dependents: Vec<Arc<Container>>,
}

impl Order {
    pub(super) fn of(launch: &ContainerLaunch, all: &[(Arc<Container>, &ContainerLaunch)]) -> Self {
        let named = |name: &str| all.iter().find(|(_, other)| other.name == name).map(|(it, _)| it.clone());
        let after = launch.depends_on.iter();
        let depends = |other: &ContainerLaunch| {
            other.depends_on.iter().any(|dependency| dependency.container == launch.name)
        };
        Self {
            after: after.filter_map(|one| Some((one.clone(), named(&one.container)?))).collect(),
            dependents: all.iter().filter(|(_, other)| depends(other)).map(|(it, _)| it.clone()).collect(),
        }
    }

    /// Returns when the container may start; an error says why it never will.
    pub(super) async fn may_start(&self, waiting: &str, clock: &Clock) -> Result<(), String> {
        for (dependency, container) in &self.after {
            let met = container.until(|life| met(dependency.condition, life));
            let met = match container.start_timeout() {
                None => met.await,
                Some(timeout) => {
                    // Counted from its own start, which may be long in coming.
                    container.until(|life| (life.status != ContainerStatus::Pending).then_some(())).await;
                    match tokio::time::timeout(clock.real(timeout), met).await {
                        Ok(met) => met,
                        Err(_) => return Err(dependency.timed_out(waiting)),
                    }
                }
            };
            if !met {
                return Err(dependency.failed(waiting));
            }
        }
        Ok(())
    }

    /// Returns when all that depend on the container have ended.
    pub(super) async fn may_end(&self) {
        for container in &self.dependents {
            container.until(|life| has_ended(life).then_some(())).await;
        }
    }
}

fn has_ended(life: &Life) -> bool {
    matches!(life.status, ContainerStatus::Stopped { .. } | ContainerStatus::CannotStart { .. })
}

/// Whether the condition is met or never will be; `None` as long as neither is clear.
fn met(condition: Condition, life: &Life) -> Option<bool> {
    match (&life.status, condition) {
        (ContainerStatus::CannotStart { .. }, _) => Some(false),
        (ContainerStatus::Pending, _) => None,
        (ContainerStatus::Running { .. } | ContainerStatus::Stopped { .. }, Condition::Start) => Some(true),
        (ContainerStatus::Running { .. }, Condition::Healthy) => {
            (life.health == ContainerHealth::Healthy).then_some(true)
        }
        (ContainerStatus::Stopped { .. }, Condition::Healthy) => Some(false),
        (ContainerStatus::Running { .. }, Condition::Complete | Condition::Success) => None,
        (ContainerStatus::Stopped { .. }, Condition::Complete) => Some(true),
        (ContainerStatus::Stopped { exit_code, .. }, Condition::Success) => Some(*exit_code == 0),
    }
}
