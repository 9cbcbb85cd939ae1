//! DescribeServiceDeployments: the stage of a deployment that shifts traffic, and which target group is
//! green's.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Observer, Want};
use crate::model::{EcsService, Part, Rollout, ServiceDeployment, ServiceKey, StagedDeployment};

/// The target groups of the newest revision of each service. A revision never changes, so it is read once.
#[derive(Debug, Default)]
pub(super) struct GreenMemory(Mutex<BTreeMap<ServiceKey, (String, Vec<String>)>>);

impl Observer {
    /// The deployment of this rollout, if it is one with stages. `listed` serves where DescribeServices
    /// names no deployment under way.
    pub(super) async fn staged(
        &self,
        service: &EcsService,
        rollout: &Rollout,
        listed: &Part<Vec<ServiceDeployment>>,
    ) -> Part<StagedDeployment> {
        if !service.shifts_traffic() {
            return Part::Absent;
        }
        let ours = || {
            let id = rollout.deployment.as_deref()?;
            Some(listed.present()?.iter().find(|one| one.is_of(id))?.arn.clone())
        };
        let Some(arn) = ours().or_else(|| current(service)) else { return Part::Absent };
        match self.reader.describe_service_deployment(&arn).await {
            Ok(Some(body)) => Part::Present(StagedDeployment::from_wire(&body)),
            Ok(None) => Part::Absent,
            Err(error) => Part::Unreadable(error.to_string()),
        }
    }

    /// The target groups in which green's tasks are. Each deployment takes the other ones of its pairs, and
    /// DescribeServices does not say which.
    pub(super) async fn green_groups(&self, want: &Want<'_>, staged: &StagedDeployment) -> Vec<String> {
        let arn = staged.green.revision.as_str();
        let known = {
            let memory = self.green.0.lock().unwrap_or_else(PoisonError::into_inner);
            memory.get(want.key()).filter(|(of, _)| of == arn).map(|(_, groups)| groups.clone())
        };
        if let Some(groups) = known {
            return groups;
        }
        let Ok(revisions) = self.reader.describe_service_revisions(&[arn]).await else { return Vec::new() };
        let resolved = revisions.first().map(|one| &one["resolvedConfiguration"]["loadBalancers"]);
        let groups: Vec<String> = resolved
            .and_then(|all| all.as_array())
            .into_iter()
            .flatten()
            .filter_map(|balancer| balancer["targetGroupArn"].as_str().map(str::to_owned))
            .collect();
        let mut memory = self.green.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.insert(want.key().clone(), (arn.to_owned(), groups.clone()));
        groups
    }
}

/// The service deployment under way, as DescribeServices names it.
pub(super) fn current(service: &EcsService) -> Option<String> {
    service.0["currentServiceDeployment"].as_str().map(str::to_owned)
}
