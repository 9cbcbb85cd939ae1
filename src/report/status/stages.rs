//! A deployment that shifts traffic: its stage, and whether a person has to let it go on.

use super::conditions::condition;
use super::{Condition, ConditionKind, ServiceStatus, Truth};
use crate::model::{LiveService, ServiceRecord, Timestamp};
use crate::rollout::{self, Pause};

/// Adds what is known of the stage of the service's rollout, if it has stages.
pub(super) fn add(
    status: &mut ServiceStatus,
    live: Option<&LiveService>,
    record: &ServiceRecord,
    now: Timestamp,
) {
    let (Some(live), Some(watched)) = (live, &record.rollout) else { return };
    let Some(staged) = rollout::under_way(watched, live) else { return };
    if let Some(pause) = Pause::of(staged) {
        let sentence = pause.sentence(status.service.name(), live.target_health, now);
        status.conditions.retain(|one| one.kind != ConditionKind::Reconciling);
        let stalled = condition(ConditionKind::Stalled, Truth::True, "Paused", sentence);
        status.conditions.push(stalled);
        sort(&mut status.conditions);
        return;
    }
    let sentence = rollout::stage_sentence(staged, live.target_health, watched.course.as_ref(), now);
    let mut conditions = status.conditions.iter_mut();
    if let Some(reconciling) = conditions.find(|one| one.kind == ConditionKind::Reconciling) {
        reconciling.message = format!("{}: {sentence}", reconciling.message);
    }
}

fn sort(conditions: &mut [Condition]) {
    conditions.sort_by_key(|one| one.kind);
}
