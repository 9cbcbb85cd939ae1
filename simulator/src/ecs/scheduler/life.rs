//! The life of one task: PROVISIONING, PENDING, ACTIVATING, RUNNING, and down again to STOPPED.

use super::launch;
use crate::clock::Time;
use crate::ecs::capacity;
use crate::ecs::state::{LogStream, Phase, Stop, StopCode, Task};
use crate::runtime::{ContainerHealth, ContainerState, ContainerStatus, Runtime};
use crate::world::World;

/// Moves a task as far as it comes at this moment.
pub(super) fn step(world: &mut World, runtime: &dyn Runtime, task: &mut Task) {
    observe(world, runtime, task);
    loop {
        let before = task.phase;
        turn(world, runtime, task);
        if task.phase == before {
            break;
        }
        task.version += 1;
    }
    task.next_look = next_look(world.now, runtime, task);
}

/// One transition, if it is time for one.
fn turn(world: &mut World, runtime: &dyn Runtime, task: &mut Task) {
    let now = world.now;
    match task.phase {
        Phase::Provisioning { until } if now >= until => {
            if task.waits_for_capacity && !capacity::has_room(world, &task.capacity) {
                return;
            }
            task.waits_for_capacity = false;
            start(world, runtime, task);
        }
        Phase::Pending => {
            if let Some(stop) = cannot_start(task).or_else(|| essential_exit(task)) {
                self::stop(world, runtime, task, stop);
            } else if all_started(task) {
                task.pull_stopped_at = Some(now);
                register(world, task);
                task.phase = Phase::Activating { until: now + world.pace.activating };
            }
        }
        Phase::Activating { until } => {
            if let Some(stop) = essential_exit(task) {
                self::stop(world, runtime, task, stop);
            } else if now >= until {
                task.started_at = Some(now);
                task.phase = Phase::Running;
            }
        }
        Phase::Running => {
            if let Some(stop) = essential_exit(task) {
                self::stop(world, runtime, task, stop);
            }
        }
        Phase::Deactivating => {
            let drained = task
                .targets
                .iter()
                .all(|(target_group, target)| world.elb.state(target_group, target).is_none());
            if drained {
                begin_stopping(world, runtime, task);
            }
        }
        Phase::Stopping if all_stopped(task) => {
            task.execution_stopped_at = Some(now);
            task.phase = Phase::Deprovisioning { until: now + world.pace.deprovisioning };
        }
        Phase::Deprovisioning { until } if now >= until => {
            task.phase = Phase::Stopped;
            task.stopped_at = Some(now);
            world.ecs.stopped.push_back((now, task.arn.clone()));
            runtime.forget(&task.arn);
        }
        Phase::Provisioning { .. } | Phase::Stopping | Phase::Deprovisioning { .. } | Phase::Stopped => {}
    }
}

fn start(world: &mut World, runtime: &dyn Runtime, task: &mut Task) {
    match launch::prepare(world, task) {
        Ok(launch) => {
            task.pull_started_at = Some(world.now);
            task.phase = Phase::Pending;
            runtime.start(&launch);
            observe(world, runtime, task);
        }
        Err(reason) => {
            task.stop = Some(Stop { code: StopCode::TaskFailedToStart, reason });
            task.stopping_at = Some(world.now);
            task.phase = Phase::Deprovisioning { until: world.now + world.pace.deprovisioning };
        }
    }
}

/// Begins to stop a task, from the load balancer inwards. The first reason stays.
pub(in crate::ecs) fn stop(world: &mut World, runtime: &dyn Runtime, task: &mut Task, stop: Stop) {
    if task.is_stopping() {
        return;
    }
    let now = world.now;
    let dead = match stop.code {
        StopCode::EssentialContainerExited | StopCode::TaskFailedToStart => true,
        StopCode::UserInitiated
        | StopCode::ServiceSchedulerInitiated
        | StopCode::SpotInterruption
        | StopCode::TerminationNotice => false,
    };
    task.stop = Some(stop);
    task.stopping_at = Some(now);
    task.version += 1;
    task.next_look = now;
    if task.registered {
        task.registered = false;
        for (target_group, target) in &task.targets {
            world.elb.deregister(target_group, target, now);
        }
        if !dead {
            task.phase = Phase::Deactivating;
            return;
        }
    }
    if task.pull_started_at.is_none() {
        task.phase = Phase::Deprovisioning { until: now + world.pace.deprovisioning };
    } else {
        begin_stopping(world, runtime, task);
    }
}

fn begin_stopping(world: &mut World, runtime: &dyn Runtime, task: &mut Task) {
    runtime.stop(&task.arn, world.now);
    task.phase = Phase::Stopping;
    observe(world, runtime, task);
}

fn register(world: &mut World, task: &mut Task) {
    let now = world.now;
    for (target_group, target) in &task.targets {
        world.elb.register(target_group, target.clone(), now);
        task.registered = true;
    }
}

/// Asks the runtime about the containers, and passes their output on.
fn observe(world: &mut World, runtime: &dyn Runtime, task: &mut Task) {
    if task.pull_started_at.is_none() || task.phase == Phase::Stopped {
        return;
    }
    for state in runtime.observe(&task.arn, world.now) {
        let Some(container) = task.containers.iter_mut().find(|c| c.name == state.name) else {
            continue;
        };
        container.ever_ran |= matches!(state.status, ContainerStatus::Running { .. });
        // A container that ran and ended between two steps ran all the same.
        container.ever_ran |= task.stop.is_none() && matches!(state.status, ContainerStatus::Stopped { .. });
        if container.state.as_ref() != Some(&state) {
            task.version += 1;
            container.state = Some(state);
        }
        if let Some(log) = &mut container.log {
            ship(world, runtime, &task.arn, &container.name, log);
        }
    }
}

/// Sends the lines that were not sent yet. Lines have no numbers, so that the newest line's time and
/// the number of lines sent with that time tell where to go on.
fn ship(world: &mut World, runtime: &dyn Runtime, task: &str, name: &str, log: &mut LogStream) {
    const LINES_MAX: usize = 1_000;
    let (newest, mut sent_then) = log.sent.unwrap_or((Time::default(), 0));
    let mut skip = sent_then;
    for (at, line) in runtime.output(task, name, LINES_MAX) {
        if at < newest {
            continue;
        }
        if at == newest && skip > 0 {
            skip -= 1;
            continue;
        }
        world.logs.put(&log.group, &log.stream, at, &line);
        world.cloudwatch.take_line(&line, at);
        sent_then = match log.sent {
            Some((then, _)) if then == at => sent_then + 1,
            Some(_) | None => 1,
        };
        log.sent = Some((at, sent_then));
    }
}

fn statuses(task: &Task) -> impl Iterator<Item = (bool, Option<&ContainerStatus>)> {
    task.containers.iter().map(|container| (container.essential, container.state.as_ref().map(|s| &s.status)))
}

fn cannot_start(task: &Task) -> Option<Stop> {
    statuses(task).find_map(|(_, status)| match status {
        Some(ContainerStatus::CannotStart { reason }) => {
            Some(Stop { code: StopCode::TaskFailedToStart, reason: reason.clone() })
        }
        _ => None,
    })
}

fn essential_exit(task: &Task) -> Option<Stop> {
    let exited = statuses(task)
        .any(|(essential, status)| essential && matches!(status, Some(ContainerStatus::Stopped { .. })));
    exited.then(|| Stop {
        code: StopCode::EssentialContainerExited,
        reason: "Essential container in task exited".to_owned(),
    })
}

fn all_started(task: &Task) -> bool {
    statuses(task).all(|(_, status)| {
        matches!(status, Some(ContainerStatus::Running { .. } | ContainerStatus::Stopped { .. }))
    })
}

fn all_stopped(task: &Task) -> bool {
    statuses(task).all(|(_, status)| {
        matches!(status, Some(ContainerStatus::Stopped { .. } | ContainerStatus::CannotStart { .. }))
    })
}

fn next_look(now: Time, runtime: &dyn Runtime, task: &Task) -> Time {
    match task.phase {
        Phase::Provisioning { until } | Phase::Deprovisioning { until } => until,
        Phase::Activating { until } => runtime.next_change(&task.arn, now).min(until),
        Phase::Pending | Phase::Running | Phase::Stopping => runtime.next_change(&task.arn, now),
        Phase::Deactivating => now,
        Phase::Stopped => Time(u64::MAX),
    }
}

/// How a task's own health checks stand: UNHEALTHY if one fails, UNKNOWN until all have passed.
pub(in crate::ecs) fn health(task: &Task) -> ContainerHealth {
    let checked: Vec<ContainerHealth> = task
        .containers
        .iter()
        .filter(|container| container.has_health_check && container.essential)
        .map(|container| {
            let state: Option<&ContainerState> = container.state.as_ref();
            state.map_or(ContainerHealth::Unknown, |state| state.health)
        })
        .collect();
    if checked.contains(&ContainerHealth::Unhealthy) {
        ContainerHealth::Unhealthy
    } else if checked.is_empty() || checked.contains(&ContainerHealth::Unknown) {
        ContainerHealth::Unknown
    } else {
        ContainerHealth::Healthy
    }
}
