//! DescribeServiceRevisions: what of a service neither the service nor its deployments show.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::parallel::{in_parallel, read};
use super::{Observer, Want};
use crate::aws::SERVICE_REVISIONS_MAX;
use crate::model::{EcsService, Json, Part, REVISION_ONLY, ServiceKey};

/// The revision that each service ran when it was read last, with its members that are only read there. A
/// revision never changes, so it is read once.
#[derive(Debug, Default)]
pub(super) struct RevisionMemory(Mutex<BTreeMap<ServiceKey, (String, Json)>>);

impl RevisionMemory {
    fn get(&self, service: &ServiceKey, arn: &str) -> Option<Json> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.get(service).filter(|(of, _)| of == arn).map(|(_, members)| members.clone())
    }

    fn keep(&self, service: &ServiceKey, arn: &str, members: &Json) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.insert(service.clone(), (arn.to_owned(), members.clone()));
    }
}

impl Observer {
    /// What the service revisions show of services whose plan may depend on it; others are left out.
    pub(super) async fn service_revisions(
        &self,
        wants: &[Want<'_>],
        services: &BTreeMap<ServiceKey, Part<EcsService>>,
    ) -> BTreeMap<ServiceKey, Part<Json>> {
        let mut depends = Vec::new();
        for want in wants {
            let Some(service) = services.get(want.key()).and_then(Part::present) else { continue };
            // At rest, what Git does not mention is not ours; before a change, something may have left Git.
            let changes = service.digest().as_ref() != Some(&want.desired.digest);
            let mentioned = REVISION_ONLY.iter().any(|name| want.desired.service.get(*name).is_some());
            if (mentioned || changes) && !want.waits_for_hook() {
                depends.push((want.key(), service));
            }
        }
        self.revisions_of(&depends).await
    }

    /// What the service revisions show of these services.
    pub(super) async fn revisions_of(
        &self,
        services: &[(&ServiceKey, &EcsService)],
    ) -> BTreeMap<ServiceKey, Part<Json>> {
        let mut found = BTreeMap::new();
        let mut asked: Vec<(&ServiceKey, String)> = Vec::new();
        for (key, service) in services {
            let Some(arn) = service.primary_revision() else {
                let why = "ECS does not say which service revision runs".to_owned();
                found.insert((*key).clone(), Part::Unreadable(why));
                continue;
            };
            match self.revisions.get(key, &arn) {
                Some(members) => drop(found.insert((*key).clone(), Part::Present(members))),
                None => asked.push((*key, arn)),
            }
        }
        let batches = asked.chunks(SERVICE_REVISIONS_MAX).map(|batch| read(self.revision_batch(batch)));
        found.extend(in_parallel(batches.collect()).await.into_iter().flatten());
        found
    }

    async fn revision_batch(&self, asked: &[(&ServiceKey, String)]) -> Vec<(ServiceKey, Part<Json>)> {
        let arns: Vec<&str> = asked.iter().map(|(_, arn)| arn.as_str()).collect();
        let answer = self.reader.describe_service_revisions(&arns).await;
        let part = |key: &ServiceKey, arn: &str| match &answer {
            Ok(revisions) => match revisions.iter().find(|one| one["serviceRevisionArn"] == arn) {
                Some(revision) => {
                    let members = REVISION_ONLY.iter();
                    let members =
                        members.filter_map(|name| Some(((*name).to_owned(), revision.get(*name)?.clone())));
                    let members = Json::Object(members.collect());
                    self.revisions.keep(key, arn, &members);
                    Part::Present(members)
                }
                None => Part::Unreadable(format!("ECS does not show service revision {arn}")),
            },
            Err(error) => Part::Unreadable(error.to_string()),
        };
        asked.iter().map(|(key, arn)| ((*key).clone(), part(key, arn))).collect()
    }
}
