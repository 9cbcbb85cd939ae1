//! DescribeServices, ten names at a time, and when to believe that a service is not there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::parallel::{in_parallel, read};
use super::{Name, Observer};
use crate::aws::SERVICES_MAX;
use crate::model::{EcsService, Json, Part, ServiceKey, Timestamp};

/// ECS may not see a service yet, seconds after it was created.
const MISSING_AT_LEAST: Duration = Duration::from_secs(10);

/// Events that are kept of a service while a rollout is watched; among them are those of deployments
/// before it. ECS sends up to the newest hundred of every service, and nobody has a use for them at rest.
const EVENTS_WATCHED_MAX: usize = 30;

/// Since when ECS says MISSING of a service that we applied.
#[derive(Debug, Default)]
pub(super) struct MissingMemory(Mutex<BTreeMap<ServiceKey, Timestamp>>);

impl MissingMemory {
    fn since(&self, service: &ServiceKey, now: Timestamp) -> Duration {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.since(*memory.entry(service.clone()).or_insert(now))
    }

    fn found(&self, service: &ServiceKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(service);
    }
}

/// What DescribeServices says of one name.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Service(EcsService),
    /// Deleted, but still described.
    Inactive,
    Missing,
    Nothing(String),
}

impl Observer {
    pub(super) async fn services(
        &self,
        names: &[Name<'_>],
        now: Timestamp,
    ) -> BTreeMap<ServiceKey, Part<EcsService>> {
        let asked: BTreeMap<&str, usize> =
            names.iter().map(|name| (name.key.name(), events_max(name))).collect();
        let asked: Vec<(&str, usize)> = asked.into_iter().collect();
        let batches = asked.chunks(SERVICES_MAX).map(|batch| read(self.batch(batch))).collect();
        let batches = in_parallel(batches).await;
        let mut said: BTreeMap<String, Said> = batches.into_iter().flatten().collect();
        names
            .iter()
            .map(|name| {
                let key = name.key;
                let said =
                    said.remove(key.name()).unwrap_or(Said::Nothing("it was asked for twice".to_owned()));
                (key.clone(), self.believe(name, said, now))
            })
            .collect()
    }

    /// Asks for each name, of which so many events are kept.
    async fn batch(&self, asked: &[(&str, usize)]) -> Vec<(String, Said)> {
        let names: Vec<&str> = asked.iter().map(|(name, _)| *name).collect();
        match self.reader.describe_services(&self.cluster, &names).await {
            Ok(mut answer) => asked
                .iter()
                .map(|(name, events_max)| ((*name).to_owned(), said(&mut answer, name, *events_max)))
                .collect(),
            Err(error) => {
                let why = error.to_string();
                names.iter().map(|name| ((*name).to_owned(), Said::Nothing(why.clone()))).collect()
            }
        }
    }

    fn believe(&self, name: &Name<'_>, said: Said, now: Timestamp) -> Part<EcsService> {
        let key = name.key;
        let applied = name.record.is_some_and(|record| record.applied.is_some());
        match said {
            Said::Service(service) => {
                self.missing.found(key);
                Part::Present(service)
            }
            Said::Inactive => Part::Absent,
            Said::Missing if !applied || planted!("missing-is-believed-at-once") => Part::Absent,
            Said::Missing if self.missing.since(key, now) >= MISSING_AT_LEAST => Part::Absent,
            Said::Missing => Part::Unreadable(
                "ECS says that it is missing although it was applied; ECS is asked again before that is believed"
                    .to_owned(),
            ),
            Said::Nothing(_) if planted!("unreadable-is-absent") => Part::Absent,
            Said::Nothing(why) => Part::Unreadable(why),
        }
    }
}

fn events_max(name: &Name<'_>) -> usize {
    // After a crash an intent may turn out to be a rollout.
    let watched = name.record.is_some_and(|record| record.rollout.is_some() || record.intent.is_some());
    if watched { EVENTS_WATCHED_MAX } else { 0 }
}

/// Finds one name in an answer of DescribeServices, and takes it out of there.
fn said(answer: &mut Json, name: &str, events_max: usize) -> Said {
    let named = |value: &Json, member: &str| tail(value[member].as_str().unwrap_or_default()) == name;
    planted!("panics-on-a-strange-answer" => assert!(answer["services"].is_array(), "no services in {answer}"));
    let mut services = answer["services"].as_array_mut().into_iter().flatten();
    if let Some(service) = services.find(|it| it["serviceName"] == name || named(it, "serviceArn")) {
        let mut service = service.take();
        if let Some(events) = service["events"].as_array_mut() {
            events.truncate(events_max);
            events.shrink_to_fit();
        }
        // The service says the same of itself; a thousand services twice is worth several MiB.
        for deployment in service["deployments"].as_array_mut().into_iter().flatten() {
            if let Some(deployment) = deployment.as_object_mut() {
                deployment.remove("networkConfiguration");
            }
        }
        let service = EcsService(service);
        return if service.status() == "INACTIVE" { Said::Inactive } else { Said::Service(service) };
    }
    let mut failures = answer["failures"].as_array().into_iter().flatten();
    match failures.find(|failure| named(failure, "arn")) {
        Some(failure) if failure["reason"] == "MISSING" => Said::Missing,
        Some(_) if planted!("any-failure-is-missing") => Said::Missing,
        Some(failure) => {
            let reason = failure["reason"].as_str().unwrap_or("no reason");
            let detail = failure["detail"].as_str().map(|detail| format!(": {detail}"));
            Said::Nothing(format!("ecs:DescribeServices failed with {reason}{}", detail.unwrap_or_default()))
        }
        None => Said::Nothing("ecs:DescribeServices did not mention it".to_owned()),
    }
}

/// The name at the end of an ARN; `failures[]` holds ARNs even where names were asked for.
fn tail(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
