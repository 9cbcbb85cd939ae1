//! A look at services that nobody has asked for yet: all there is of them, read once.

use super::parallel::{in_parallel, read};
use super::{Name, Observer};
use crate::model::{Live, LiveService, Part, ServiceKey, Timestamp};

/// Which services of a cluster to look at.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    All,
    Named(&'a [ServiceKey]),
}

impl Observer {
    /// Reads services whole: task definition, scalable target, policies and scheduled actions. An error
    /// is a list of services that could not be read to its end; a part that can't be read says so itself.
    pub async fn survey(&self, scope: Scope<'_>, now: Timestamp) -> Result<Live, String> {
        let calls_before = self.reader.calls();
        let keys = match scope {
            Scope::Named(keys) => keys.to_vec(),
            Scope::All => self.names().await?,
        };
        let names: Vec<Name<'_>> = keys.iter().map(|key| Name { key, record: None }).collect();
        let services = self.services(&names, now).await;
        let there: Vec<&ServiceKey> =
            keys.iter().filter(|key| services.get(key).and_then(Part::present).is_some()).collect();
        let revisions = there
            .iter()
            .filter_map(|key| Some((*key, services.get(*key)?.present()?.task_definition())))
            // One that CodeDeploy or another controller deploys names none.
            .filter(|(_, arn)| !arn.0.is_empty())
            .map(|(key, arn)| {
                read(async move {
                    let part = match self.revision(&arn).await {
                        Ok(revision) => Part::Present((*revision).clone()),
                        Err(error) => Part::Unreadable(error.to_string()),
                    };
                    (key.clone(), part)
                })
            })
            .collect();
        let present: Vec<_> =
            there.iter().filter_map(|key| Some((*key, services.get(*key)?.present()?))).collect();
        let (revisions, mut scaling, mut service_revisions) =
            tokio::join!(in_parallel(revisions), self.scaling_of(&there), self.revisions_of(&present));
        let mut live = Live { read_at: now, ..Live::default() };
        for (key, service) in services {
            let service_revision = service_revisions.remove(&key).unwrap_or(Part::Absent);
            live.services.insert(key, LiveService { service, service_revision, ..LiveService::absent() });
        }
        for (key, revision) in revisions {
            if let Some(service) = live.services.get_mut(&key) {
                service.task_definition = revision;
            }
        }
        for (key, service) in &mut live.services {
            if let Some(part) = scaling.remove(key) {
                service.scaling = part;
            }
        }
        live.calls = u32::try_from(self.reader.calls() - calls_before).unwrap_or(u32::MAX);
        Ok(live)
    }

    async fn names(&self) -> Result<Vec<ServiceKey>, String> {
        let pages = self.reader.list_services(&self.cluster).await.map_err(|error| error.to_string())?;
        if !pages.complete {
            // Part of a cluster is no smaller cluster.
            return Err(format!("the list of services of cluster `{}` did not end", self.cluster));
        }
        let arns = pages.items.iter().filter_map(|arn| arn.as_str());
        let mut keys: Vec<ServiceKey> =
            arns.filter_map(|arn| arn.rsplit('/').next()).map(ServiceKey::new).collect();
        keys.sort();
        keys.dedup();
        Ok(keys)
    }
}
