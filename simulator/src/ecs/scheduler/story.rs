//! What happens to a service's deployments, told twice: as `deployments[]` and as service deployments.

use serde_json::{Map, Value};

use super::{alarms, breaker, events, shifting};
use crate::clock::Time;
use crate::ecs::service::REVISION_MEMBERS;
use crate::ecs::state::{
    Breaker, Deployment, DeploymentStatus, PinnedImage, Revision, Rollback, Rollout, Service,
    ServiceDeployment, ServiceDeploymentStatus as Status,
};
use crate::ecs::strategy::{Course, Stage};
use crate::ecs::{arn, task_definition};
use crate::world::World;

/// A new revision of the service is to replace all others.
pub(in crate::ecs) fn begin(world: &mut World, service: &mut Service) {
    let now = world.now;
    let id = world.ecs.ids.revision();
    let configuration = service.settings["deploymentConfiguration"].clone();
    let course = Course::of(&configuration, now);
    let source = match course {
        Some(_) => shifting::serving(service),
        None => service.deployments.first().map(|primary| primary.revision),
    };
    let side = shifting::side(service, source, course.is_some());
    let content = REVISION_MEMBERS
        .iter()
        .filter_map(|member| Some(((*member).to_owned(), service.settings.get(*member)?.clone())))
        .collect();
    let images = pinned(world, &content, service.desired);
    let revision = Revision { created_at: now, images, content, side };
    service.revisions.insert(id, revision);
    supersede(service, now);
    for deployment in &mut service.deployments {
        if deployment.status == DeploymentStatus::Primary {
            deployment.status = DeploymentStatus::Active;
            deployment.updated_at = now;
        }
    }
    service.deployments.insert(0, deployment(id, now));
    service.steady = false;
    let configured = breaker::configured(&configuration, service.desired);
    let name = world.ecs.ids.service_deployment();
    let key = &service.key;
    service.history.push(ServiceDeployment {
        arn: arn::service_deployment(world, &key.cluster, &key.name, &name),
        source,
        target: id,
        status: Status::Pending,
        reason: None,
        created_at: now,
        started_at: None,
        updated_at: now,
        finished_at: None,
        stopped_at: None,
        rollback: None,
        breaker: Breaker {
            status: if configured.enabled { "MONITORING" } else { "DISABLED" },
            failures: 0,
            threshold: configured.threshold,
        },
        alarms: alarms::watched(world, &configuration),
        course,
        configuration,
    });
    forget_oldest(service);
}

fn deployment(revision: u64, now: Time) -> Deployment {
    Deployment {
        revision,
        status: DeploymentStatus::Primary,
        rollout: Rollout::InProgress,
        reason: format!("ECS deployment ecs-svc/{revision} in progress."),
        desired: 0,
        failed_tasks: 0,
        failed_rounds: 0,
        retry_at: Time::default(),
        created_at: now,
        updated_at: now,
    }
}

/// ECS pins tags to digests when a deployment starts, so that all its tasks run the same image. It
/// does not while the desired count is 0.
fn pinned(world: &World, content: &Map<String, Value>, desired: u32) -> Vec<PinnedImage> {
    let reference = content["taskDefinition"].as_str().unwrap_or_default();
    let Some(found) = task_definition::find(&world.ecs, reference) else {
        return Vec::new();
    };
    task_definition::containers(&found.body)
        .iter()
        .map(|container| {
            let image = container["image"].as_str().unwrap_or_default();
            let digest = match desired {
                0 => None,
                _ => world.ecr.digest(image).flatten(),
            };
            PinnedImage {
                container: container["name"].as_str().unwrap_or_default().to_owned(),
                image: image.to_owned(),
                digest,
            }
        })
        .collect()
}

/// The newest service deployment, if it has not ended, gives way.
fn supersede(service: &mut Service, now: Time) {
    if let Some(latest) = service.history.last_mut()
        && !latest.status.is_final()
    {
        latest.status = Status::StopRequested;
        latest.reason = Some("Service deployment was superseded by a newer one.".to_owned());
        latest.updated_at = now;
    }
}

/// History is bounded; a revision lives as long as a deployment or the history names it.
fn forget_oldest(service: &mut Service) {
    const HISTORY_MAX: usize = 500;
    if service.history.len() <= HISTORY_MAX {
        return;
    }
    service.history.remove(0);
    let named = |id: &u64| {
        service.last_completed == Some(*id)
            || service.deployments.iter().any(|d| d.revision == *id)
            || service.history.iter().any(|d| d.target == *id || d.source == Some(*id))
    };
    let kept: Vec<u64> = service.revisions.keys().copied().filter(named).collect();
    service.revisions.retain(|id, _| kept.contains(id));
}

/// The service is being deleted.
pub(in crate::ecs) fn abandon(world: &World, service: &mut Service) {
    supersede(service, world.now);
}

/// Carries out what was requested since the last step.
pub(super) fn start(world: &mut World, service: &mut Service) {
    let now = world.now;
    let mut requested = false;
    for entry in &mut service.history {
        match entry.status {
            Status::Pending => {
                entry.status = Status::InProgress;
                entry.started_at = Some(now);
                entry.updated_at = now;
            }
            Status::StopRequested => {
                entry.status = Status::Stopped;
                entry.stopped_at = Some(now);
                entry.finished_at = Some(now);
                entry.updated_at = now;
            }
            Status::RollbackRequested => requested = true,
            Status::InProgress
            | Status::RollbackInProgress
            | Status::Successful
            | Status::Stopped
            | Status::RollbackSuccessful
            | Status::RollbackFailed => {}
        }
    }
    let desired = service.desired;
    if let Some(primary) = service.deployments.first_mut()
        && primary.desired != desired
    {
        primary.desired = desired;
        primary.updated_at = now;
    }
    if requested {
        stop_for_user(world, service);
    }
}

fn stop_for_user(world: &mut World, service: &mut Service) {
    let now = world.now;
    if let Some(primary) = service.deployments.first_mut() {
        primary.rollout = Rollout::Failed;
        primary.reason = format!("ECS deployment ecs-svc/{} was stopped.", primary.revision);
        primary.updated_at = now;
    }
    if service.last_completed.is_some() {
        roll_back(world, service, STOPPED_BY_USER);
    } else {
        finish(service, now, Status::RollbackFailed, NOTHING_TO_ROLL_BACK_TO);
    }
}

const NOTHING_TO_ROLL_BACK_TO: &str = "No rollback candidate was found to run the rollback.";
const STOPPED_BY_USER: &str = "Service deployment was stopped by a user.";
const TRIPPED: &str = "ECS deployment circuit breaker: tasks failed to start.";

/// Why a deployment fails, and whether it is taken back then.
pub(super) struct Failing {
    pub(super) rollback: bool,
    pub(super) reason: String,
    /// What the service's event says, after `deployment failed: `.
    pub(super) told: &'static str,
}

impl Failing {
    /// The circuit breaker has tripped.
    pub(super) fn tripped(rollback: bool) -> Self {
        Self { rollback, reason: TRIPPED.to_owned(), told: "tasks failed to start." }
    }

    /// A lifecycle hook says no.
    pub(super) fn by_hook(reason: String) -> Self {
        Self { rollback: true, reason, told: "lifecycle hook failed." }
    }
}

/// PRIMARY has failed.
pub(super) fn fail(world: &mut World, service: &mut Service, failing: &Failing) {
    let Failing { rollback, reason, told } = failing;
    let now = world.now;
    let Some(primary) = service.deployments.first_mut() else {
        return;
    };
    primary.rollout = Rollout::Failed;
    primary.reason.clone_from(reason);
    primary.updated_at = now;
    let text = format!("(deployment ecs-svc/{}) deployment failed: {told}", primary.revision);
    events::add(world, service, &text);
    let failed_rollback =
        service.history.last().is_some_and(|latest| latest.rollback.is_some() && !latest.status.is_final());
    if failed_rollback {
        finish(service, now, Status::RollbackFailed, reason);
    } else if *rollback && service.last_completed.is_some() {
        roll_back(world, service, reason);
    } else if let Some(latest) = service.history.last_mut() {
        // Also with rollback asked for: with nothing to go back to, the deployment stalls.
        latest.status = Status::StopRequested;
        latest.reason = Some(reason.clone());
        latest.updated_at = now;
    }
}

/// Makes the last revision that completed PRIMARY again, under its old id.
fn roll_back(world: &mut World, service: &mut Service, reason: &str) {
    let now = world.now;
    let Some(target) = service.last_completed.take() else {
        return;
    };
    if let Some(latest) = service.history.last_mut() {
        latest.status = Status::RollbackInProgress;
        latest.reason = Some(reason.to_owned());
        latest.updated_at = now;
        if let Some(course) = &mut latest.course {
            // Traffic first, then tasks: from here on it is the way back that is shown.
            course.enter(Stage::ProductionTrafficShift, now);
        }
        latest.rollback = Some(Rollback { reason: reason.to_owned(), started_at: now, revision: target });
    }
    if let Some(failed) = service.deployments.first_mut() {
        failed.status = DeploymentStatus::Draining;
    }
    let kept = service
        .deployments
        .iter()
        .position(|deployment| deployment.revision == target)
        .map(|position| service.deployments.remove(position));
    let mut restored = Deployment {
        created_at: kept.map_or(now, |kept| kept.created_at),
        desired: service.desired,
        ..deployment(target, now)
    };
    if reason == TRIPPED {
        restored.reason =
            format!("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/{target}.");
    }
    service.deployments.insert(0, restored);
    service.steady = false;
    if let Some(revision) = service.revisions.get(&target) {
        for member in REVISION_MEMBERS {
            service.settings.remove(member);
        }
        service.settings.extend(revision.content.clone());
    }
    let text = format!("rolling back to deployment ecs-svc/{target}.");
    events::add(world, service, &text);
}

/// All of PRIMARY's tasks are up and nothing else runs.
pub(super) fn complete(world: &mut World, service: &mut Service) {
    let now = world.now;
    let Some(primary) = service.deployments.first_mut() else {
        return;
    };
    let id = primary.revision;
    primary.rollout = Rollout::Completed;
    primary.reason = format!("ECS deployment ecs-svc/{id} completed.");
    primary.updated_at = now;
    service.last_completed = Some(id);
    if let Some(latest) = service.history.last_mut()
        && latest.breaker.status == "MONITORING"
    {
        latest.breaker.status = "MONITORING_COMPLETE";
    }
    let rolled_back = service.history.last().is_some_and(|latest| latest.rollback.is_some());
    match rolled_back {
        true => finish(service, now, Status::RollbackSuccessful, TRIPPED),
        false => finish(service, now, Status::Successful, ""),
    }
    let text = format!("(deployment ecs-svc/{id}) deployment completed.");
    events::add(world, service, &text);
}

/// Ends the newest service deployment, unless it has ended; keeps the reason it has.
fn finish(service: &mut Service, now: Time, status: Status, reason: &str) {
    let Some(latest) = service.history.last_mut() else {
        return;
    };
    if latest.status.is_final() {
        return;
    }
    latest.status = status;
    latest.finished_at = Some(now);
    latest.updated_at = now;
    if latest.reason.is_none() && !reason.is_empty() {
        latest.reason = Some(reason.to_owned());
    }
}

/// Replaced deployments leave the list when their last task has stopped.
pub(super) fn forget_gone(world: &World, service: &mut Service) {
    let revisions: Vec<u64> =
        service.tasks.iter().filter_map(|arn| world.ecs.tasks.get(arn)).map(|task| task.revision).collect();
    let alive = |id: u64| revisions.iter().filter(|revision| **revision == id).count();
    service.deployments.retain_mut(|deployment| {
        let primary = deployment.status == DeploymentStatus::Primary;
        if !primary {
            deployment.desired = alive(deployment.revision) as u32;
        }
        primary || deployment.desired > 0
    });
}
