//! Desired x Live x Ledger -> Plan: what to do, in which order, why, and what is held back.

mod body;
mod change;
mod credentials;
mod decide;
mod defaults;
mod difference;
mod elements;
mod equality;
mod ignore;
mod scheduled_task;
mod task_definition;
#[cfg(test)]
mod tests;
mod trees;
mod types;

use std::collections::BTreeMap;

pub use decide::plan_service;
pub use difference::{Rules, differences};
pub use scheduled_task::plan_scheduled_task;
pub use types::{
    Action, Cause, Consequence, Decision, Difference, Held, Plan, Quiet, RevisionSource, ServicePlan, Step,
};

use crate::model::{
    Desired, DesiredScheduledTask, Live, LiveScheduledTask, LiveService, Part, ServiceKey, ServiceRecord,
    Workload,
};

/// What the planner knows besides desired and live.
pub struct Context<'a> {
    /// Name of this installation: the value of our ownership tag.
    pub installation: &'a str,
    pub records: &'a BTreeMap<ServiceKey, ServiceRecord>,
}

/// Plans every service and scheduled task of an environment; those that depend on another wait until it
/// is settled.
pub fn plan(desired: &Desired, live: &Live, context: &Context<'_>) -> Plan {
    // A service that this look did not cover is unknown, not absent.
    let unseen =
        LiveService { service: Part::Unreadable("it was not read".to_owned()), ..LiveService::absent() };
    let mut services: Vec<ServicePlan> = desired
        .services
        .values()
        .map(|service| {
            plan_service(
                service,
                live.services.get(&service.key).unwrap_or(&unseen),
                context.records.get(&service.key),
                &desired.environment,
                context.installation,
                &desired.revision,
            )
        })
        .collect();
    services.extend(scheduled_tasks(desired, live, context));
    services.sort_by(|one, other| one.service.cmp(&other.service));
    let unsettled: Vec<ServiceKey> = services
        .iter()
        .filter(|plan| !is_settled(plan, live, context.records))
        .map(|plan| plan.service.clone())
        .collect();
    for plan in &mut services {
        let first = desired.depends_on(&plan.service).iter().find(|key| unsettled.contains(key));
        if let Some(first) = first {
            plan.wait_for(first);
        }
    }
    Plan {
        revision: desired.revision.clone(),
        environment: desired.environment.name.clone(),
        region: desired.environment.region.clone(),
        cluster: desired.environment.cluster.clone(),
        read_at: live.read_at,
        calls: live.calls,
        services,
        left_in_place: live
            .schedules
            .iter()
            .filter(|key| !desired.scheduled_tasks.contains_key(key))
            .cloned()
            .collect(),
    }
}

fn scheduled_tasks(desired: &Desired, live: &Live, context: &Context<'_>) -> Vec<ServicePlan> {
    let unseen = LiveScheduledTask::unreadable("it was not read");
    let plan = |task: &DesiredScheduledTask| {
        plan_scheduled_task(
            task,
            live.scheduled_tasks.get(&task.key).unwrap_or(&unseen),
            context.records.get(&task.key),
            &desired.environment,
            context.installation,
            &desired.revision,
        )
    };
    desired.scheduled_tasks.values().map(plan).collect()
}

/// Nothing to do for the service that anybody wants done, and no deployment of it still going on.
fn is_settled(plan: &ServicePlan, live: &Live, records: &BTreeMap<ServiceKey, ServiceRecord>) -> bool {
    let at_rest =
        matches!(plan.decision, Decision::Unchanged | Decision::Held { reason: Held::DriftTolerated, .. });
    if plan.workload == Workload::ScheduledTask {
        return at_rest;
    }
    at_rest
        && records.get(&plan.service).is_none_or(|record| record.rollout.is_none())
        && live
            .services
            .get(&plan.service)
            .and_then(|live| live.service.present())
            .is_some_and(|service| decide::moving_deployment(service).is_none())
}
