//! The conditions of a scheduled task: there is nothing to run between its runs, so what counts is
//! whether its schedule is the one that Git wants.

use super::conditions::{condition, drifted, stalled_or_suspended};
use super::{Condition, ConditionKind, ScheduleStatus, ServiceStatus, Truth};
use crate::model::{LiveScheduledTask, Part, Schedule, ServiceRecord};
use crate::plan::{Decision, Held, ServicePlan};
use crate::report::held::HeldText;
use crate::report::paint::plain;
use crate::report::steps::what_plan_does;

pub(super) fn scheduled_task_status(
    planned: &ServicePlan,
    live: Option<&LiveScheduledTask>,
    record: &ServiceRecord,
) -> ServiceStatus {
    let schedule = live.and_then(|live| live.schedule.present());
    let unreadable = match live.map(|live| &live.schedule) {
        None => Some("it was not read".to_owned()),
        Some(Part::Unreadable(why)) => Some(plain(why)),
        Some(Part::Present(_) | Part::Absent) => None,
    };
    let healthy = healthy(schedule, unreadable.as_ref());
    let conditions = [
        Some(ready(planned, &healthy)),
        Some(healthy),
        Some(drifted(planned, unreadable)),
        reconciling(planned),
        stalled_or_suspended(planned),
    ];
    let quarantine = record.quarantine.as_ref().filter(|quarantine| quarantine.digest == planned.digest);
    ServiceStatus {
        service: planned.service.clone(),
        workload: planned.workload,
        conditions: conditions.into_iter().flatten().collect(),
        running: None,
        desired: None,
        task_definition: schedule.and_then(Schedule::task_definition),
        schedule: schedule.map(ScheduleStatus::of),
        digest: Some(planned.digest.clone()),
        quarantine: quarantine.cloned(),
        last_good: None,
        hook: None,
        overriding: None,
        left_git: None,
    }
}

impl ScheduleStatus {
    fn of(schedule: &Schedule) -> Self {
        Self { expression: schedule.expression(), enabled: schedule.is_enabled() }
    }
}

fn healthy(schedule: Option<&Schedule>, unreadable: Option<&String>) -> Condition {
    let kind = ConditionKind::Healthy;
    match (schedule, unreadable) {
        (_, Some(why)) => condition(kind, Truth::Unknown, "Unreadable", why),
        (None, None) => condition(kind, Truth::False, "NotCreated", "the schedule does not exist yet"),
        (Some(schedule), None) if schedule.is_enabled() => {
            condition(kind, Truth::True, "Scheduled", format!("it runs at {}", schedule.expression()))
        }
        (Some(_), None) => condition(kind, Truth::True, "Disabled", "its schedule is disabled"),
    }
}

fn ready(planned: &ServicePlan, healthy: &Condition) -> Condition {
    let kind = ConditionKind::Ready;
    match &planned.decision {
        Decision::Unchanged | Decision::Held { reason: Held::DriftTolerated, .. } => {
            condition(kind, healthy.truth, "Settled", "its schedule is the one that Git wants")
        }
        Decision::Held { reason, .. } => {
            let text = HeldText::of(planned.workload, &planned.service, reason);
            let unknown = matches!(reason, Held::Unreadable { .. });
            let truth = if unknown { Truth::Unknown } else { Truth::False };
            condition(kind, truth, text.reason, text.headline)
        }
        Decision::Change { steps, .. } => {
            condition(kind, Truth::False, "Differs", what_plan_does(planned, steps))
        }
    }
}

fn reconciling(planned: &ServicePlan) -> Option<Condition> {
    let kind = ConditionKind::Reconciling;
    match &planned.decision {
        Decision::Change { steps, .. } => {
            Some(condition(kind, Truth::True, "Differs", what_plan_does(planned, steps)))
        }
        Decision::Held { reason: reason @ Held::WaitsFor { .. }, .. } => {
            let text = HeldText::of(planned.workload, &planned.service, reason);
            Some(condition(kind, Truth::True, text.reason, text.headline))
        }
        Decision::Held { .. } | Decision::Unchanged => None,
    }
}
