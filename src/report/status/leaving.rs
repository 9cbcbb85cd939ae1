//! The conditions of a service that left Git.

use super::conditions::{Facts, condition};
use super::{ConditionKind, ServiceStatus, Truth};
use crate::model::{EcsService, LiveService, ServiceRecord};
use crate::plan::{Held, LeftGit, PruneGuard, ServicePlan};
use crate::report::held::HeldText;
use crate::report::leaving::{self, Stage};

pub(super) fn service_status(
    planned: &ServicePlan,
    left: &LeftGit,
    live: Option<&LiveService>,
    record: &ServiceRecord,
) -> ServiceStatus {
    let facts = Facts::of(planned, live, record);
    let message = leaving::headline(planned, left);
    let reason = match Stage::of(planned) {
        Stage::Going => "Deleting",
        Stage::Held => "PruneBlocked",
        Stage::LeftInPlace => "LeftInPlace",
    };
    let ready = condition(ConditionKind::Ready, Truth::False, reason, message.clone());
    let drifted = condition(ConditionKind::Drifted, Truth::False, "AsApplied", "Git asks for nothing");
    let ends = match (Stage::of(planned), facts.held()) {
        (Stage::Going, _) => {
            let message = leaving::leaving_sentence(planned);
            Some(condition(ConditionKind::Deleting, Truth::True, "LeftGit", message))
        }
        (Stage::Held, Some(Held::Suspended { .. })) => facts.suspended(),
        (Stage::Held, Some(Held::NotPruned(PruneGuard::OutsideWindow { .. }))) => {
            let waits = condition(ConditionKind::Reconciling, Truth::True, "OutsideWindow", message);
            Some(waits)
        }
        (Stage::Held, Some(held)) => {
            let text = HeldText::of(planned.workload, &planned.service, held);
            let message = format!("{message}; {}", text.way_out);
            Some(condition(ConditionKind::Stalled, Truth::True, text.reason, message))
        }
        (Stage::Held, None) | (Stage::LeftInPlace, _) => None,
    };
    ServiceStatus {
        service: planned.service.clone(),
        workload: planned.workload,
        conditions: [Some(ready), Some(facts.healthy()), Some(drifted), ends].into_iter().flatten().collect(),
        running: facts.ecs.map(EcsService::running_count),
        desired: facts.ecs.map(EcsService::desired_count),
        task_definition: facts.ecs.map(EcsService::task_definition),
        schedule: None,
        digest: Some(planned.digest.clone()),
        quarantine: None,
        last_good: record.last_good.clone(),
        hook: None,
        overriding: None,
        left_git: Some(left.revision.clone()),
    }
}
