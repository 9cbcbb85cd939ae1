//! `reconciler apply`: one commit, until every service is settled or held.

use std::sync::Arc;

use super::{Exit, Surroundings, road};
use crate::config::Operate;
use crate::controller::{Next, Outcome, Timing};

/// Makes the changes and tells each step as it happens.
pub async fn run(settings: &Operate, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let desired = Arc::new(road::desired(&settings.source, &settings.account.state).await?);
    let journal = road::journal(surroundings);
    let (account, environment) = (&settings.account, &desired.environment);
    let ledger = road::ledger(account, environment)?;
    let controller =
        road::controller(account, environment, ledger, journal, surroundings, Timing::default()).await?;
    match controller.settle(desired.clone(), surroundings.stop.clone()).await {
        Outcome::Lost(why) => anyhow::bail!("{why}"),
        Outcome::Ended(standing) => {
            let settled = standing.values().filter(|next| **next == Next::Settled).count();
            let held =
                standing.values().filter(|next| matches!(next, Next::Held(_) | Next::Waits(_))).count();
            let under_way = desired.services.len() - settled - held;
            if surroundings.stop.is_cancelled() {
                anyhow::bail!("stopped: {settled} settled, {held} held, {under_way} still under way");
            }
            if surroundings.terminal {
                println!("\n{settled} settled, {held} held.");
            }
            Ok(if held == 0 { Exit::Good } else { Exit::Held })
        }
    }
}
