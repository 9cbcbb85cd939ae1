//! Desired x Live x Ledger -> Plan: what to do, in which order, why, and what is held back.

mod action;
mod again;
mod at_once;
mod body;
mod by_hand;
mod change;
mod consequences;
mod credentials;
mod decide;
mod defaults;
mod difference;
mod elements;
mod equality;
mod history;
mod hooks;
mod ignore;
mod images;
mod leaving;
mod leaving_schedule;
mod lists;
mod lookups;
mod old_revisions;
mod once;
mod overriding;
mod replacing;
mod scale;
mod scale_in;
mod scheduled_task;
mod task_definition;
#[cfg(test)]
mod tests;
mod three_way;
mod tolerance;
mod trees;
mod types;
mod unanswered;
mod values;
mod waiting;
mod way_back;
mod windows;

use std::collections::BTreeMap;

pub use action::{Action, RevisionSource, Step};
pub use again::may_be_under_way;
pub use at_once::AtOnce;
pub use by_hand::{
    ByHand, Overrides, container_for, names_of_essential, register_by_hand, run_of_schedule, run_of_service,
    started_by, token_by_hand, unknown_override,
};
pub use credentials::is_credential;
pub use decide::plan_service;
pub use difference::{Around, Rules, differences, is_implied};
pub use elements::key_of;
pub use history::{Past, Pasts};
pub use hooks::{register_hook, run_task};
pub use images::meanings;
pub use leaving::{Departure, Ending, is_pruned, leaving, schedules_leaving, schedules_left, share};
pub use leaving_schedule::ScheduleDeparture;
pub use old_revisions::{Whose, due, known_to_the_ledger, may_go, run_by, surplus};
pub use replacing::Replacement;
pub use scheduled_task::plan_scheduled_task;
pub use trees::{live_scaling, service_as_input};
pub use types::{
    Cause, Consequence, Decision, Difference, Explain, Extent, Held, HookRevision, Hooks, Kept, LeftGit,
    Plan, PlannedHook, PruneBy, PruneGuard, Quiet, ServicePlan, Share, Since, Wave,
};
pub use unanswered::{content_of, held_by_unanswered, registration_held_by_unanswered};
pub use values::{MissingValue, NamedValue, named_values, values_at_rest, values_started_with};

pub use way_back::{WayBack, with_settings};
pub use windows::{Gateway, Opening, gateway};

use crate::model::{
    Desired, DesiredScheduledTask, EcsService, Live, LiveScheduledTask, LiveService, Part, ServiceKey,
    ServiceRecord, Workload,
};

/// What the planner knows besides desired and live.
pub struct Context<'a> {
    /// Name of this installation: the value of our ownership tag.
    pub installation: &'a str,
    pub records: &'a BTreeMap<ServiceKey, ServiceRecord>,
    pub explain: Explain,
}

impl Context<'_> {
    fn explained(&self, mut plan: ServicePlan) -> ServicePlan {
        if self.explain == Explain::Differences {
            plan.quiet.retain(|quiet| quiet.kept.is_told());
            plan.quiet.shrink_to_fit();
        }
        plan
    }
}

const NOT_READ: &str = "it was not read";

/// Plans every service and scheduled task of an environment, and the end of services that it had; those
/// that depend on another wait until it is settled.
pub fn plan(desired: &Desired, live: &Live, context: &Context<'_>) -> Plan {
    // A service that this look did not cover is unknown, not absent.
    let unseen = LiveService { service: Part::Unreadable(NOT_READ.to_owned()), ..LiveService::absent() };
    let mut services: Vec<ServicePlan> = desired
        .services
        .values()
        .map(|service| {
            context.explained(plan_service(
                service,
                live.services.get(&service.key).unwrap_or(&unseen),
                context.records.get(&service.key),
                &desired.environment,
                context.installation,
                &desired.revision,
                live.read_at,
            ))
        })
        .collect();
    services.extend(scheduled_tasks(desired, live, context));
    services.sort_by(|one, other| one.service.cmp(&other.service));
    let unsettled: BTreeMap<ServiceKey, Wave> = services
        .iter()
        .filter(|plan| !is_settled(plan, live, context.records))
        .map(|plan| (plan.service.clone(), wave(plan, live, context.records)))
        .collect();
    for plan in &mut services {
        let first = desired.depends_on(&plan.service).iter().find_map(|key| unsettled.get_key_value(key));
        if let Some((first, wave)) = first {
            plan.wait_for(first, *wave);
        }
    }
    services.extend(departures(desired, live, context, &services));
    services.sort_by(|one, other| one.service.cmp(&other.service));
    Plan {
        revision: desired.revision.clone(),
        environment: desired.environment.name.clone(),
        region: desired.environment.region.clone(),
        cluster: desired.environment.cluster.clone(),
        looked_up: desired.environment.looked_up.clone(),
        read_at: live.read_at,
        calls: live.calls,
        services,
        schedules_left: live
            .schedules
            .iter()
            .filter(|key| !desired.scheduled_tasks.contains_key(key))
            .filter(|key| !schedules_leaving(desired, context.records).any(|(going, _)| going == *key))
            .cloned()
            .collect(),
    }
}

fn scheduled_tasks(desired: &Desired, live: &Live, context: &Context<'_>) -> Vec<ServicePlan> {
    let unseen = LiveScheduledTask::unreadable("it was not read");
    let plan = |task: &DesiredScheduledTask| {
        context.explained(plan_scheduled_task(
            task,
            live.scheduled_tasks.get(&task.key).unwrap_or(&unseen),
            context.records.get(&task.key),
            &desired.environment,
            context.installation,
            &desired.revision,
            live.read_at,
        ))
    };
    desired.scheduled_tasks.values().map(plan).collect()
}

/// The ends of services that left Git. They come last: each waits for what is held among those that
/// Git still asks for, since one that was renamed goes only once it is there under its new name.
fn departures(
    desired: &Desired,
    live: &Live,
    context: &Context<'_>,
    services: &[ServicePlan],
) -> Vec<ServicePlan> {
    let held = services.iter().find(|plan| match &plan.decision {
        Decision::Held { reason, .. } => *reason != Held::DriftTolerated,
        Decision::Unchanged => has_failed(plan, live, context.records),
        Decision::Change { .. } => false,
    });
    let share = share(desired, context.records);
    let unseen = LiveService { service: Part::Unreadable(NOT_READ.to_owned()), ..LiveService::absent() };
    let nowhere = LiveScheduledTask::unreadable(NOT_READ);
    let schedules = schedules_leaving(desired, context.records).filter_map(|(key, record)| {
        let departure = ScheduleDeparture {
            key,
            record,
            live: live.scheduled_tasks.get(key).unwrap_or(&nowhere),
            desired,
            installation: context.installation,
            environment: &desired.environment.name,
            share,
            waits_for: held.map(|plan| &plan.service),
            now: live.read_at,
        };
        match departure.plan() {
            Ending::Gone => None,
            Ending::Planned { plan, .. } => Some(*plan),
        }
    });
    leaving(desired, context.records)
        .filter_map(|(key, record)| {
            let departure = Departure {
                key,
                record,
                live: live.services.get(key).unwrap_or(&unseen),
                desired,
                installation: context.installation,
                environment: &desired.environment.name,
                share,
                waits_for: held.map(|plan| &plan.service),
                now: live.read_at,
            };
            match departure.plan() {
                Ending::Gone => None,
                Ending::Planned { plan, .. } => Some(*plan),
            }
        })
        .chain(schedules)
        .collect()
}

/// Whether what Git asks for runs, and failed: a first deployment has nothing to go back to.
fn has_failed(plan: &ServicePlan, live: &Live, records: &BTreeMap<ServiceKey, ServiceRecord>) -> bool {
    if plan.workload == Workload::ScheduledTask {
        return false;
    }
    let quarantine = records.get(&plan.service).and_then(|record| record.quarantine.as_ref());
    let ecs = live.services.get(&plan.service).and_then(|live| live.service.present());
    let completed =
        ecs.and_then(EcsService::primary).is_some_and(|it| it.rollout_state() == Some("COMPLETED"));
    quarantine.is_some_and(|it| it.digest == plan.digest) && !completed
}

/// Whether a service that is not settled will be, without a person.
fn wave(plan: &ServicePlan, live: &Live, records: &BTreeMap<ServiceKey, ServiceRecord>) -> Wave {
    match &plan.decision {
        Decision::Held { reason, .. } if reason.stops_a_wave() => Wave::Stopped,
        Decision::Unchanged if has_failed(plan, live, records) => Wave::Stopped,
        Decision::Held { .. } | Decision::Unchanged | Decision::Change { .. } => Wave::GoesOn,
    }
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
