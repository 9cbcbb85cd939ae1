//! How an environment is when nobody knows what Git wants of it: from the ledger and AWS alone.

use std::collections::BTreeMap;

use super::conditions::{self, condition};
use super::{Condition, ConditionKind, LedgerStatus, ServiceStatus, Status, Truth, Wanted};
use crate::model::{Digest, Environment, Live, LiveService, ServiceKey, ServiceRecord, Timestamp, Workload};
use crate::plan::{Decision, Held, ServicePlan};

/// Folds what is known of the services that the ledger has. `why`: what Git wants can't be told.
pub fn fold_without_git(
    environment: &Environment,
    live: &Live,
    records: &BTreeMap<ServiceKey, ServiceRecord>,
    why: String,
    now: Timestamp,
) -> Status {
    let there = records.iter().filter(|(_, record)| record.deleted.is_none());
    let services = there.map(|(key, record)| match record.workload {
        Workload::Service => service_status(key, live.services.get(key), record, now),
        Workload::ScheduledTask => scheduled_task_status(key, live, record),
    });
    Status {
        environment: environment.name.clone(),
        region: environment.region.clone(),
        cluster: environment.cluster.clone(),
        wanted: Wanted::Unknown { why },
        now,
        services: services.collect(),
        schedules_left: Vec::new(),
        ledger: LedgerStatus::Untold,
    }
}

fn service_status(
    key: &ServiceKey,
    live: Option<&LiveService>,
    record: &ServiceRecord,
    now: Timestamp,
) -> ServiceStatus {
    let ecs = live.and_then(|live| live.service.present());
    let held = |reason| Decision::Held { reason, differences: Vec::new() };
    let decision = match (ecs.and_then(|ecs| ecs.suspended(now)), &record.quarantine) {
        (Some(request), _) => held(Held::Suspended { request: Box::new(request) }),
        (None, Some(quarantine)) => held(Held::Quarantined(Box::new(quarantine.clone()))),
        (None, None) => Decision::Unchanged,
    };
    let failed = record.quarantine.as_ref().map(|quarantine| &quarantine.digest);
    let digest = failed.or(record.applied.as_ref().map(|applied| &applied.digest));
    let digest = digest.cloned().unwrap_or_else(|| Digest::from_tag(""));
    let planned = ServicePlan::of(key.clone(), digest, decision);
    let mut status = conditions::service_status(&planned, live, record);
    let healthy = status.condition(ConditionKind::Healthy).filter(|healthy| healthy.truth == Truth::Unknown);
    let unreadable = healthy.map(|healthy| format!("{}; ", healthy.message)).unwrap_or_default();
    for condition in &mut status.conditions {
        let message = match condition.kind {
            ConditionKind::Ready => format!("{unreadable}{}", applied_last(record)),
            ConditionKind::Drifted => NOT_KNOWN.to_owned(),
            _ => continue,
        };
        *condition = unknown(condition.kind, message);
    }
    let leaving = record.leaving.as_ref().filter(|leaving| !leaving.replaces);
    if leaving.is_some_and(|leaving| leaving.began_at.is_some()) {
        let message = "it left Git, and its deletion has begun";
        status.conditions.push(condition(ConditionKind::Deleting, Truth::True, "LeftGit", message));
    }
    ServiceStatus { digest: None, left_git: leaving.map(|leaving| leaving.revision.clone()), ..status }
}

/// Only that its schedule is there is known without Git.
fn scheduled_task_status(key: &ServiceKey, live: &Live, record: &ServiceRecord) -> ServiceStatus {
    let healthy = match live.schedules.contains(key) {
        true => condition(ConditionKind::Healthy, Truth::True, "Scheduled", "its schedule is there"),
        false => condition(ConditionKind::Healthy, Truth::Unknown, "Unreadable", "its schedule was not seen"),
    };
    let seen = match healthy.truth {
        Truth::True => "",
        Truth::False | Truth::Unknown => "its schedule was not seen; ",
    };
    let ready = unknown(ConditionKind::Ready, format!("{seen}{}", applied_last(record)));
    ServiceStatus {
        service: key.clone(),
        workload: Workload::ScheduledTask,
        conditions: vec![ready, healthy, unknown(ConditionKind::Drifted, NOT_KNOWN.to_owned())],
        running: None,
        desired: None,
        task_definition: record.applied.as_ref().map(|applied| applied.task_definition.clone()),
        schedule: None,
        digest: None,
        quarantine: record.quarantine.clone(),
        last_good: None,
        hook: None,
        overriding: None,
        left_git: record.leaving.as_ref().map(|leaving| leaving.revision.clone()),
    }
}

const NOT_KNOWN: &str = "what Git wants is not known";

fn applied_last(record: &ServiceRecord) -> String {
    match &record.applied {
        Some(applied) => {
            let commit: String = applied.revision.chars().take(7).collect();
            format!("what was applied last is from {commit}")
        }
        None => "nothing of it was applied".to_owned(),
    }
}

fn unknown(kind: ConditionKind, message: String) -> Condition {
    condition(kind, Truth::Unknown, "GitUnknown", message)
}
