//! AWS -> Live: batches, pages, joins, and a cache of what can't change.
//!
//! An observation never fails as a whole: each part that could not be read says so.

mod evidence;
mod parallel;
mod redact;
mod scaling;
mod scheduled_tasks;
mod services;
mod task_definitions;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::aws::Reader;
use crate::model::{
    Applied, DesiredService, EcsService, Live, LiveService, Part, ServiceKey, ServiceRecord, Timestamp,
};

use evidence::StoppedMemory;
use parallel::{in_parallel, read};
use scaling::ScalingMemory;
use scheduled_tasks::ScheduleMemory;
pub use scheduled_tasks::{Owner, WantTask};
use services::MissingMemory;
use task_definitions::TaskDefinitions;

/// One service to look at.
#[derive(Clone, Copy, Debug)]
pub struct Want<'a> {
    pub desired: &'a DesiredService,
    pub record: Option<&'a ServiceRecord>,
}

impl<'a> Want<'a> {
    fn key(&self) -> &'a ServiceKey {
        &self.desired.key
    }

    fn applied(&self) -> Option<&'a Applied> {
        self.record?.applied.as_ref()
    }
}

/// Looks at one cluster, again and again; remembers what saves a call or guards against old news.
pub struct Observer {
    reader: Reader,
    cluster: String,
    task_definitions: TaskDefinitions,
    scaling: ScalingMemory,
    schedules: ScheduleMemory,
    missing: MissingMemory,
    stopped: StoppedMemory,
}

impl Observer {
    pub fn new(reader: Reader, cluster: impl Into<String>) -> Self {
        Self {
            reader,
            cluster: cluster.into(),
            task_definitions: TaskDefinitions::default(),
            scaling: ScalingMemory::default(),
            schedules: ScheduleMemory::default(),
            missing: MissingMemory::default(),
            stopped: StoppedMemory::default(),
        }
    }

    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Looks at the services once. `now` is the wall clock's.
    pub async fn observe(&self, wants: &[Want<'_>], now: Timestamp) -> Live {
        let calls_before = self.reader.calls();
        let mut services = self.services(wants, now).await;
        let details = wants.iter().map(|want| read(self.details(want, &services, now))).collect();
        let (mut scaling, live) = tokio::join!(self.scaling(wants, &services), in_parallel(details),);
        let services = live
            .into_iter()
            .map(|(key, mut live)| {
                // What stands in the way of creating it outweighs that it is not there.
                if !matches!(live.service, Part::Unreadable(_))
                    && let Some(service) = services.remove(&key)
                {
                    live.service = service;
                }
                if let Some(scaling) = scaling.remove(&key) {
                    live.scaling = scaling;
                }
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
        match services.get(want.key()) {
            None => live.service = Part::Unreadable("it was not asked for".to_owned()),
            // What a service runs that can't be read is nobody's guess either.
            Some(Part::Unreadable(why)) => live.task_definition = Part::Unreadable(why.clone()),
            Some(Part::Absent) => match self.reusable(want.sought(), None).await {
                Ok(reusable) => live.reusable = reusable,
                // To create the service now could register a double of a revision that is there.
                Err(error) => live.service = Part::Unreadable(error.to_string()),
            },
            Some(Part::Present(service)) => {
                live.task_definition = self.task_definition(want, service).await;
                if let Part::Present(running) = &live.task_definition {
                    match self.reusable(want.sought(), Some(running)).await {
                        Ok(reusable) => live.reusable = reusable,
                        Err(error) => live.task_definition = Part::Unreadable(error.to_string()),
                    }
                }
                match want.record.and_then(|record| record.rollout.as_ref()) {
                    Some(rollout) => self.evidence(want, service, rollout, now, &mut live).await,
                    None => self.stopped.forget(want.key()),
                }
            }
        }
        (want.key().clone(), live)
    }
}
