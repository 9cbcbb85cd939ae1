//! AWS -> Live: batches, pages, joins, and a cache of what can't change.
//!
//! An observation never fails as a whole: each part that could not be read says so.

mod evidence;
mod gates;
mod hooks;
mod images;
mod lookups;
mod old_revisions;
mod parallel;
mod redact;
mod scaling;
#[cfg(test)]
mod schedule_tests;
mod scheduled_tasks;
mod service_revisions;
mod services;
mod stages;
mod surroundings;
mod survey;
mod task_definitions;
mod task_log;
mod values;

#[cfg(test)]
mod hook_tests;
#[cfg(test)]
mod surroundings_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::aws::{Reader, Web};
use crate::model::{
    Applied, DesiredService, EcsService, Live, LiveService, Part, ServiceKey, ServiceRecord, Timestamp,
};

use evidence::StoppedMemory;
use gates::Checks;
pub use images::Images;
pub use lookups::look_up;
pub use old_revisions::{Clearing, OldRevisions};
use parallel::{in_parallel, read};
use scaling::ScalingMemory;
use scheduled_tasks::ScheduleMemory;
pub use scheduled_tasks::{LeftTasks, Owner, WantTask};
use service_revisions::RevisionMemory;
use services::MissingMemory;
pub use surroundings::{OnAnswer, surroundings};
pub use survey::Scope;
use task_definitions::TaskDefinitions;
pub use task_log::{LogLine, TaskLog, TaskLook, look_at_task};
use values::ValueMemory;

/// One service to look at.
#[derive(Clone, Copy, Debug)]
pub struct Want<'a> {
    pub desired: &'a DesiredService,
    pub record: Option<&'a ServiceRecord>,
}

/// A service to look at that Git does without: only what its end depends on is read.
#[derive(Clone, Copy, Debug)]
pub struct Departing<'a> {
    pub key: &'a ServiceKey,
    pub record: Option<&'a ServiceRecord>,
    /// Whether it may be deleted: then its scalable target is of interest too.
    pub may_go: bool,
}

impl<'a> Want<'a> {
    fn key(&self) -> &'a ServiceKey {
        &self.desired.key
    }

    /// While a task of a hook runs, nothing is planned that would need to know more than how it runs.
    fn waits_for_hook(&self) -> bool {
        let open = self.record.and_then(|record| record.hook.as_ref());
        open.is_some_and(|open| open.asked_at.is_some())
    }

    fn applied(&self) -> Option<&'a Applied> {
        self.record?.applied.as_ref()
    }
}

/// A name to ask ECS for, whether Git wants it or not.
#[derive(Clone, Copy, Debug)]
struct Name<'a> {
    key: &'a ServiceKey,
    record: Option<&'a ServiceRecord>,
}

/// Looks at one cluster, again and again; remembers what saves a call or guards against old news.
pub struct Observer {
    reader: Reader,
    cluster: String,
    task_definitions: TaskDefinitions,
    scaling: ScalingMemory,
    schedules: ScheduleMemory,
    revisions: RevisionMemory,
    missing: MissingMemory,
    stopped: StoppedMemory,
    /// What URLs of gates are asked with; whoever only looks has none.
    web: Option<Web>,
    checks: Checks,
    green: stages::GreenMemory,
    values: ValueMemory,
}

impl Observer {
    pub fn new(reader: Reader, cluster: impl Into<String>) -> Self {
        Self {
            reader,
            cluster: cluster.into(),
            task_definitions: TaskDefinitions::default(),
            scaling: ScalingMemory::default(),
            schedules: ScheduleMemory::default(),
            revisions: RevisionMemory::default(),
            missing: MissingMemory::default(),
            stopped: StoppedMemory::default(),
            web: None,
            checks: Checks::default(),
            green: stages::GreenMemory::default(),
            values: ValueMemory::default(),
        }
    }

    /// The same, and asks the URLs of gates.
    #[must_use]
    pub fn asking(self, web: Web) -> Self {
        Self { web: Some(web), ..self }
    }

    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Looks at the services once. `now` is the wall clock's.
    pub async fn observe(&self, wants: &[Want<'_>], now: Timestamp) -> Live {
        self.observe_with(wants, &[], now).await
    }

    /// The same, and services that left Git in the same batches.
    pub async fn observe_with(
        &self,
        wants: &[Want<'_>],
        departing: &[Departing<'_>],
        now: Timestamp,
    ) -> Live {
        let calls_before = self.reader.calls();
        let wanted = wants.iter().map(|want| Name { key: want.key(), record: want.record });
        let leaving = departing.iter().map(|it| Name { key: it.key, record: it.record });
        let names: Vec<Name<'_>> = wanted.chain(leaving).collect();
        let mut services = self.services(&names, now).await;
        let details = wants.iter().map(|want| read(self.details(want, &services, now))).collect();
        let (mut scaling, live, targets, mut revisions, alarms, mut values) = tokio::join!(
            self.scaling(wants, &services),
            in_parallel(details),
            self.targets_left(departing, &services),
            self.service_revisions(wants, &services),
            self.alarms(wants, &services, now),
            self.values(wants, &services, now)
        );
        scaling.extend(targets);
        let left = departing.iter().map(|it| (it.key.clone(), LiveService::absent()));
        let services = live
            .into_iter()
            .chain(left)
            .map(|(key, mut live)| {
                // What stands in the way of creating it outweighs that it is not there.
                if !matches!(live.service, Part::Unreadable(_))
                    && let Some(service) = services.remove(&key)
                {
                    live.service = service;
                }
                if let Some(want) = wants.iter().find(|want| *want.key() == key) {
                    live.gates.alarms = gates::of_service(want, &alarms);
                }
                if let Some(revision) = revisions.remove(&key) {
                    live.service_revision = revision;
                }
                if let Some(scaling) = scaling.remove(&key) {
                    live.scaling = scaling;
                }
                live.values = values.remove(&key).unwrap_or_default();
                (key, live)
            })
            .collect();
        let calls = u32::try_from(self.reader.calls() - calls_before).unwrap_or(u32::MAX);
        Live { services, read_at: now, calls, ..Live::default() }
    }

    /// What has to be read of one service alone. The service itself is left out, unless what was read
    /// makes it unreadable.
    async fn details(
        &self,
        want: &Want<'_>,
        services: &BTreeMap<ServiceKey, Part<EcsService>>,
        now: Timestamp,
    ) -> (ServiceKey, LiveService) {
        let mut live = LiveService::absent();
        live.hook = self.hook(want, now).await;
        let waits = want.waits_for_hook();
        match services.get(want.key()) {
            None => live.service = Part::Unreadable("it was not asked for".to_owned()),
            // What a service runs that can't be read is nobody's guess either.
            Some(Part::Unreadable(why)) => live.task_definition = Part::Unreadable(why.clone()),
            Some(Part::Absent) if waits => {}
            Some(Part::Absent) => match self.reusable(want.sought(), None).await {
                Ok(reusable) => live.reusable = reusable,
                // To create the service now could register a double of a revision that is there.
                Err(error) => live.service = Part::Unreadable(error.to_string()),
            },
            Some(Part::Present(service)) => {
                if !waits {
                    live.task_definition = self.task_definition(want, service).await;
                }
                if let Part::Present(running) = &live.task_definition {
                    live.applied = self.applied_revision(want, service, running).await;
                    match self.reusable(want.sought(), Some(running)).await {
                        Ok(reusable) => live.reusable = reusable,
                        Err(error) => live.task_definition = Part::Unreadable(error.to_string()),
                    }
                }
                match want.record.and_then(|record| record.rollout.as_ref()) {
                    Some(rollout) => self.evidence(want, service, rollout, now, &mut live).await,
                    None => {
                        self.stopped.forget(want.key());
                        self.checks.forget(want.key());
                        if evidence::may_have_come_and_gone(want, service) {
                            live.deployments = self.service_deployments(want).await;
                        }
                    }
                }
            }
        }
        (want.key().clone(), live)
    }
}
