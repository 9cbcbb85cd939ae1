//! `reconciler apply`: one commit, until every service is settled or held, or time is up.

use std::sync::Arc;

use super::{Exit, Surroundings, road, unless_stopped};
use crate::config::{ApplySettings, Operate};
use crate::controller::{Controller, Next, Outcome, Standing, Timing, Wish};
use crate::journal::Journal;
use crate::model::ServiceKey;
use crate::report;

/// Makes the changes and tells each step as it happens.
pub async fn run(settings: &ApplySettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let journal = road::journal(surroundings);
    // Until the loop begins, nothing has been changed.
    let preparing = prepare(&settings.operate, journal.clone(), surroundings);
    let (desired, controller) = unless_stopped(&surroundings.stop, preparing).await?;
    let stop = surroundings.stop.child_token();
    let settling = controller.settle(desired.clone(), stop.clone());
    tokio::pin!(settling);
    let (outcome, time_is_up) = tokio::select! {
        biased;
        outcome = &mut settling => (outcome, false),
        () = tokio::time::sleep(settings.timeout) => {
            stop.cancel();
            (settling.await, true)
        }
    };
    let standing = match outcome {
        Outcome::Lost(why) => anyhow::bail!("{why}"),
        Outcome::Ended(standing) => standing,
    };
    let settled = standing.values().filter(|next| **next == Next::Settled).count();
    let held = standing.values().filter(|next| matches!(next, Next::Held(_) | Next::Waits(_))).count();
    let under_way = desired.keys().count() - settled - held;
    let counts = format!("{settled} settled, {held} held, {under_way} still under way");
    if surroundings.stop.is_cancelled() {
        anyhow::bail!("stopped: {counts}");
    }
    if time_is_up && under_way > 0 {
        let after = report::span(settings.timeout);
        let restless = restless(&desired, &standing, &journal);
        anyhow::bail!("not at rest after {after} (`--timeout`): {counts}{restless}");
    }
    if surroundings.terminal {
        road::line(&format!("\n{settled} settled, {held} held."));
    }
    Ok(if held == 0 { Exit::Good } else { Exit::Held })
}

async fn prepare(
    settings: &Operate,
    journal: Arc<Journal>,
    surroundings: &Surroundings,
) -> anyhow::Result<(Wish, Controller)> {
    let desired = Arc::new(road::desired(&settings.source, &settings.account.state).await?);
    let (account, environment) = (&settings.account, &desired.environment);
    let ledger = road::ledger(account, environment)?;
    let timing = Timing::default();
    let controller = road::controller(account, environment, ledger, journal, surroundings, timing).await?;
    Ok((desired, controller))
}

/// A line for each service that is neither settled nor held: why not.
fn restless(desired: &Wish, standing: &Standing, journal: &Journal) -> String {
    let line = |key: &ServiceKey| {
        let why = match standing.get(key) {
            Some(Next::Settled | Next::Held(_) | Next::Waits(_)) => return None,
            Some(Next::Retry { why, .. } | Next::Stop(why)) => why.clone(),
            // What is watched was told of when it moved last.
            Some(Next::Watch(_)) => last_told(journal, key).unwrap_or_else(|| "rolling out".to_owned()),
            None => "not looked at yet".to_owned(),
        };
        Some(format!("\n  {key}: {why}"))
    };
    desired.keys().filter_map(line).collect()
}

fn last_told(journal: &Journal, key: &ServiceKey) -> Option<String> {
    journal.events().into_iter().rev().find(|event| event.service.as_ref() == Some(key)).map(|it| it.reason)
}
