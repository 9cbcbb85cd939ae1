//! Another try of a digest that failed: when it is due, and what it takes where nothing differs.

use std::time::Duration;

use serde_json::json;

use super::change::{Change, Look};
use super::{Action, Cause, Consequence, Difference};
use crate::model::{EcsService, FieldPath, Gate, IntentKind, ServiceRecord, Timestamp};

/// AWS accepts a signed request for so long: an unanswered call may still take effect.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>
const MAY_TAKE_EFFECT: Duration = Duration::from_secs(5 * 60);

/// Where the deployment that failed is the one that leads, nothing differs from what Git asks for: ECS
/// has given up on it, and begins again only for a new deployment.
pub(super) fn deploy_again(look: Look<'_>, service: &EcsService, change: &mut Change) {
    if !is_due(look, service) {
        return;
    }
    let path = FieldPath::root().field("service").field("forceNewDeployment");
    let body = json!({
        "cluster": look.environment.cluster,
        "service": look.desired.key.name(),
        "forceNewDeployment": true,
    });
    change.differences.push(Difference {
        path: path.clone(),
        live: None,
        desired: Some(true.into()),
        consequence: Consequence::ForcesDeployment,
        cause: Cause::Git,
        origin: None,
        since: None,
        sensitive: false,
        why: Some("the deployment of it failed, and it is tried again"),
    });
    change.step(Action::UpdateService { task_definition: None, body, starts_deployment: true }, vec![path]);
}

/// Whether an update whose answer was lost may still start a deployment: another would be one too many.
pub fn may_be_under_way(record: &ServiceRecord, now: Timestamp) -> bool {
    record
        .intent
        .as_ref()
        .is_some_and(|intent| intent.kind == IntentKind::Update && now.since(intent.at) < MAY_TAKE_EFFECT)
}

fn is_due(look: Look<'_>, service: &EcsService) -> bool {
    let Some(record) = look.record else { return false };
    let Some(failed) = record.quarantine.as_ref().filter(|it| it.digest == look.desired.digest) else {
        return false;
    };
    let leads = failed.deployment.is_some()
        && service.primary().is_some_and(|primary| Some(primary.id()) == failed.deployment.as_deref());
    // One that failed the hooks after it has completed: those are what is tried again.
    failed.is_released(look.now)
        && failed.failure.gate != Gate::Hook
        && leads
        && !may_be_under_way(record, look.now)
        && record.rollout.is_none()
}
