//! `reconciler abort`: stops a deployment, so that ECS takes it back.

use anyhow::bail;

use super::{Exit, Surroundings, in_flight};
use crate::config::RequestSettings;
use crate::report::deployment::{Decided, Decision};

/// Stops the deployment under way, whether it waits for a person or not.
pub async fn run(settings: &RequestSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let name = &settings.service;
    let found = in_flight::find(settings, surroundings).await?;
    if found.goes_back() {
        bail!("{name} is being taken back already: its deployment is {}", found.staged.status.name());
    }
    found.requester.stop_service_deployment(&found.staged.arn).await?;
    let after = found.again().await;
    let decided = Decided {
        service: name,
        decision: Decision::Aborted,
        before: &found.staged,
        after: &after,
        shifts_traffic: found.shifts_traffic,
        now: found.now,
    };
    in_flight::tell(settings, &decided);
    Ok(Exit::Good)
}
