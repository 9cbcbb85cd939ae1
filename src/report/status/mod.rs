//! How an environment is: each service folded into conditions, then shown as text or JSON.

mod conditions;
mod json;
mod leaving;
mod overriding;
mod scheduled_task;
mod stages;
mod suspended;
mod text;
mod without_git;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::model::{
    Desired, Digest, Holder, LastGood, Live, OpenHook, Quarantine, Revision, ServiceKey, ServiceRecord,
    TaskDefinitionArn, Timestamp, Workload,
};
use crate::plan::Plan;

pub use json::{STATUS_VERSION, status_json};
pub use overriding::OverrideStatus;
pub use text::{Show, StatusTextOptions, status_text};
pub use without_git::fold_without_git;

/// One environment at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    pub environment: String,
    pub region: String,
    pub cluster: String,
    pub wanted: Wanted,
    pub now: Timestamp,
    /// Services and scheduled tasks, sorted by key.
    pub services: Vec<ServiceStatus>,
    /// Schedules of ours that Git no longer has; they go on running.
    pub schedules_left: Vec<ServiceKey>,
    pub ledger: LedgerStatus,
}

/// What is to be said of the ledger itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LedgerStatus {
    /// It is a file, which does not say who holds it; or there is none.
    #[default]
    Untold,
    Held(Holder),
    /// Why, and what is not known therefore.
    Unreadable(String),
}

/// What Git asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// The commit in force, and when the branch was last seen to point there.
    Commit { revision: Revision, seen_at: Timestamp },
    /// It can't be told; this is what was said of that.
    Unknown { why: String },
}

/// When a scheduled task runs, as AWS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleStatus {
    /// With its time zone: `cron(0 6 * * ? *) Europe/Dublin`.
    pub expression: String,
    pub enabled: bool,
}

/// One service or scheduled task.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceStatus {
    pub service: ServiceKey,
    pub workload: Workload,
    /// `Ready`, `Healthy`, `Drifted`, then those that are only present while they are true.
    pub conditions: Vec<Condition>,
    /// Tasks of the newest deployment; `None` where the service is absent or unreadable, and for a
    /// scheduled task.
    pub running: Option<i64>,
    pub desired: Option<i64>,
    /// What the service points to, or the schedule starts.
    pub task_definition: Option<TaskDefinitionArn>,
    /// Of a scheduled task that is there.
    pub schedule: Option<ScheduleStatus>,
    /// What Git wants; `None`: that is not known.
    pub digest: Option<Digest>,
    /// The digest that failed, while it is the one that Git wants.
    pub quarantine: Option<Quarantine>,
    pub last_good: Option<LastGood>,
    /// The hook that is under way.
    pub hook: Option<OpenHook>,
    /// An administrator's override of the scaling bounds.
    pub overriding: Option<OverrideStatus>,
    /// The first Git commit without the service, in full.
    pub left_git: Option<String>,
}

/// One thing that can be said of a service, as Kubernetes says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub kind: ConditionKind,
    pub truth: Truth,
    /// CamelCase, one word for programs.
    pub reason: &'static str,
    /// A sentence for people, without a full stop.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionKind {
    /// It runs what Git wants, and nothing is left to do.
    Ready,
    /// What it runs is well, whether Git wants it or not.
    Healthy,
    /// Something was changed on the live side although Git did not change.
    Drifted,
    /// Work is under way, or about to be.
    Reconciling,
    /// Work is left that waits for a person.
    Stalled,
    /// The wanted digest failed, and an earlier revision runs.
    RolledBack,
    /// A person asked to leave it alone.
    Suspended,
    /// An administrator's scaling bounds stand in for Git's; false where they can't be honoured.
    Overridden,
    /// It left Git, and goes.
    Deleting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    Unknown,
}

impl ConditionKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Healthy => "Healthy",
            Self::Drifted => "Drifted",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::RolledBack => "RolledBack",
            Self::Suspended => "Suspended",
            Self::Overridden => "Overridden",
            Self::Deleting => "Deleting",
        }
    }
}

impl Truth {
    pub fn name(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl ServiceStatus {
    pub fn condition(&self, kind: ConditionKind) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    pub fn is(&self, kind: ConditionKind) -> bool {
        self.condition(kind).is_some_and(|condition| condition.truth == Truth::True)
    }
}

/// Folds all that is known of an environment. A service that the plan names and `live` does not
/// counts as unreadable.
pub fn fold(
    desired: &Desired,
    live: &Live,
    records: &BTreeMap<ServiceKey, ServiceRecord>,
    plan: &Plan,
    seen_at: Timestamp,
    now: Timestamp,
) -> Status {
    let none = ServiceRecord::default();
    let services = plan.services.iter().map(|planned| {
        let record = records.get(&planned.service).unwrap_or(&none);
        if let Some(left) = &planned.left_git {
            return leaving::service_status(planned, left, live.services.get(&planned.service), record);
        }
        if planned.workload == Workload::ScheduledTask {
            let live = live.scheduled_tasks.get(&planned.service);
            return scheduled_task::scheduled_task_status(planned, live, record);
        }
        let live = live.services.get(&planned.service);
        let mut status = conditions::service_status(planned, live, record);
        if let Some(service) = desired.services.get(&planned.service) {
            overriding::add(&mut status, service, live, now);
            suspended::add(&mut status, live, now);
        }
        stages::add(&mut status, live, record, now);
        status
    });
    Status {
        environment: desired.environment.name.clone(),
        region: desired.environment.region.clone(),
        cluster: desired.environment.cluster.clone(),
        wanted: Wanted::Commit { revision: desired.revision.clone(), seen_at },
        now,
        services: services.collect(),
        schedules_left: plan.schedules_left.clone(),
        ledger: LedgerStatus::Untold,
    }
}
