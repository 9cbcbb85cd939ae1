//! The deployment of a service that is under way, for the verbs by which people decide about it.

use anyhow::{Context as _, bail};

use super::{Surroundings, road};
use crate::aws::{Reader, Requester};
use crate::config::RequestSettings;
use crate::model::{EcsService, Part, ServiceDeploymentStatus, StagedDeployment, Timestamp};
use crate::report::deployment::{self, Decided};

/// A service's deployment, found and described.
pub struct InFlight {
    pub reader: Reader,
    pub requester: Requester,
    pub staged: StagedDeployment,
    /// Whether ECS takes it through stages; a rolling update has no traffic to tell of.
    pub shifts_traffic: bool,
    pub now: Timestamp,
}

/// Finds the deployment of a service that has not ended; an error says that there is none.
pub async fn find(settings: &RequestSettings, surroundings: &Surroundings) -> anyhow::Result<InFlight> {
    let name = &settings.service;
    let desired = road::desired(&settings.source, &settings.account).await?;
    let (reader, requester) = road::requester(&settings.account, &desired.environment).await?;
    let cluster = &desired.environment.cluster;
    let now = (surroundings.now)();
    let answer = reader.describe_services(cluster, &[name.as_str()]).await?;
    let services = answer["services"].as_array().into_iter().flatten();
    let mut services = services.cloned().map(EcsService);
    let Some(service) = services.find(|service| service.status() == "ACTIVE") else {
        bail!("no service `{name}` runs in cluster `{cluster}`");
    };
    let listed = reader.list_service_deployments(cluster, name, 1).await?;
    let Some(newest) = listed.first() else {
        bail!("{name} has no deployment: ECS lists none");
    };
    let arn = newest["serviceDeploymentArn"].as_str().unwrap_or_default();
    let body = reader.describe_service_deployment(arn).await?;
    let staged = body.map(|body| StagedDeployment::from_wire(&body));
    let staged = staged.with_context(|| format!("ECS does not show the deployment `{arn}`"))?;
    if staged.status.is_terminal() {
        bail!("{name} has no deployment under way: {}", deployment::ended(&staged, newest, now));
    }
    Ok(InFlight { reader, requester, staged, shifts_traffic: service.shifts_traffic(), now })
}

impl InFlight {
    /// Whether ECS goes back already.
    pub fn goes_back(&self) -> bool {
        matches!(
            self.staged.status,
            ServiceDeploymentStatus::RollbackRequested
                | ServiceDeploymentStatus::RollbackInProgress
                | ServiceDeploymentStatus::StopRequested
        )
    }

    /// What AWS shows after the decision; what was shown before it, where that can't be read.
    pub async fn again(&self) -> Part<StagedDeployment> {
        match self.reader.describe_service_deployment(&self.staged.arn).await {
            Ok(Some(body)) => Part::Present(StagedDeployment::from_wire(&body)),
            Ok(None) => Part::Absent,
            Err(error) => Part::Unreadable(error.to_string()),
        }
    }
}

/// Tells what was done, as it was asked for.
pub fn tell(settings: &RequestSettings, decided: &Decided<'_>) {
    match settings.output {
        crate::config::Output::Json => road::line(&format!("{:#}", deployment::json(decided))),
        crate::config::Output::Text => road::line(&deployment::text(decided)),
    }
}
