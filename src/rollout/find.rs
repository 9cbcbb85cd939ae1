//! Which of a service's deployments is ours.

use std::time::Duration;

use super::stages;
use crate::model::{
    Deployment, EcsService, LiveService, Rollout, RolloutKind, ServiceDeployment, ServiceDeploymentStatus,
    Timestamp,
};

/// How far AWS's clock may run behind ours.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// The earliest moment at which our deployment can have been made.
pub(super) fn not_before(rollout: &Rollout) -> Timestamp {
    let skew = i64::try_from(CLOCK_SKEW.as_millis()).unwrap_or_default();
    Timestamp(rollout.started_at.0.saturating_sub(skew))
}

/// Our deployment in the classic view: by its id; while that is unknown, the one with our revision
/// that was made after we asked.
pub(super) fn ours<'a>(rollout: &Rollout, service: &'a EcsService) -> Option<Deployment<'a>> {
    planted!("judges-whatever-leads" => return service.primary());
    if let Some(id) = &rollout.deployment {
        return service.deployments().find(|deployment| deployment.id() == id);
    }
    service.deployments().find(|deployment| {
        let fresh = deployment.created_at().is_none_or(|at| at >= not_before(rollout));
        // ECS goes back to the old deployment itself, id and date included.
        let revived = rollout.kind == RolloutKind::RollBack && deployment.status() == "PRIMARY";
        deployment.task_definition() == rollout.task_definition && (fresh || revived)
    })
}

/// Our deployment in the service deployments view.
pub(super) fn our_service_deployment<'a>(
    rollout: &Rollout,
    service: &EcsService,
    live: &'a LiveService,
) -> Option<&'a ServiceDeployment> {
    let all = live.deployments.present()?;
    let id = rollout.deployment.clone().or_else(|| ours(rollout, service).map(|one| one.id().to_owned()));
    match id {
        Some(id) => all.iter().find(|one| one.is_of(&id)),
        // It may have come and gone between two looks.
        None => all.iter().find(|one| one.created_at >= not_before(rollout) && is_going_back(&one.status)),
    }
}

/// How our deployment stands: with its stages, where they were read, else as it is listed.
pub(super) fn our_status<'a>(
    rollout: &Rollout,
    service: &EcsService,
    live: &'a LiveService,
) -> Option<&'a ServiceDeploymentStatus> {
    let listed = || our_service_deployment(rollout, service, live).map(|one| &one.status);
    stages::ours(rollout, live).map(|one| &one.status).or_else(listed)
}

/// ECS goes back to the revision before, or has done so.
pub(super) fn is_going_back(status: &ServiceDeploymentStatus) -> bool {
    matches!(
        status,
        ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress
            | ServiceDeploymentStatus::RollbackSuccessful
    )
}
