//! `reconciler apply`: one commit, until every service is settled or held, or time is up.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::seat::Seat;
use super::{Exit, Surroundings, road, seat, unless_stopped};
use crate::config::{ApplySettings, Operate};
use crate::controller::{Controller, Next, Outcome, Standing, Timing, Wish};
use crate::journal::Journal;
use crate::ledger::{self, LEASE, Ledger, MARGIN};
use crate::model::ServiceKey;
use crate::plan;
use crate::report;

/// Makes the changes and tells each step as it happens.
pub async fn run(settings: &ApplySettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let journal = road::journal(surroundings);
    let (desired, controller) = prepare(&settings.operate, journal.clone(), surroundings).await?;
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
    if matches!(outcome, Outcome::Ended(_)) {
        seat::let_go(&controller.engine.ledger).await;
    }
    let standing = match outcome {
        Outcome::Lost(why) => anyhow::bail!("{why}"),
        Outcome::Ended(standing) => standing,
    };
    let records = controller.engine.ledger.records();
    let left = plan::leaving(&desired, &records);
    let left: BTreeSet<ServiceKey> = left.map(|(key, _)| key.clone()).collect();
    let tally = Tally::of(&desired, &left, &standing);
    let under_way = tally.under_way;
    let counts = format!("{tally}, {under_way} still under way");
    if surroundings.stop.is_cancelled() {
        anyhow::bail!("stopped: {counts}");
    }
    if time_is_up && under_way > 0 {
        let after = report::span(settings.timeout);
        let restless = restless(&desired, &left, &standing, &journal);
        anyhow::bail!("not at rest after {after} (`--timeout`): {counts}{restless}");
    }
    if surroundings.terminal {
        road::line(&format!("\n{tally}."));
    }
    Ok(if tally.held == 0 { Exit::Good } else { Exit::Held })
}

/// How many services stand how.
struct Tally {
    settled: usize,
    held: usize,
    deleted: usize,
    /// They left Git, and pruning is off.
    left_in_place: usize,
    under_way: usize,
}

impl Tally {
    fn of(desired: &Wish, left: &BTreeSet<ServiceKey>, standing: &Standing) -> Self {
        let mut tally = Self { settled: 0, held: 0, deleted: 0, left_in_place: 0, under_way: 0 };
        let keys: BTreeSet<&ServiceKey> = desired.keys().chain(left).chain(standing.keys()).collect();
        for key in keys {
            *match standing.get(key) {
                Some(Next::Settled) if desired.workload(key).is_some() => &mut tally.settled,
                Some(Next::Settled) => &mut tally.left_in_place,
                Some(Next::Held(_) | Next::Waits(_)) => &mut tally.held,
                Some(Next::Gone) => &mut tally.deleted,
                Some(Next::Watch(_) | Next::Retry { .. } | Next::Stop(_)) | None => &mut tally.under_way,
            } += 1;
        }
        tally
    }
}

/// `3 settled, 0 held, 1 deleted`
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} settled, {} held", self.settled, self.held)?;
        let others = [(self.deleted, "deleted"), (self.left_in_place, "left in place")];
        others
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .try_for_each(|(number, what)| write!(f, ", {number} {what}"))
    }
}

/// For so long `apply` waits for a lease that somebody else holds: long enough to take over from one who is
/// gone.
const PATIENCE: Duration = LEASE.saturating_add(MARGIN).saturating_add(Duration::from_secs(15));

/// Gets hold of everything; nothing of it changes a service. A stop ends it, and lets go of the lease.
async fn prepare(
    settings: &Operate,
    journal: Arc<Journal>,
    surroundings: &Surroundings,
) -> anyhow::Result<(Wish, Controller)> {
    let (source, account) = (&settings.source, &settings.account);
    let stop = &surroundings.stop;
    let mut desired = Arc::new(unless_stopped(stop, road::desired(source, account)).await?);
    let taken = seat::seat(account, &desired.environment)?;
    let aws = unless_stopped(stop, road::aws(account, &desired.environment)).await?;
    let ledger = match taken {
        Seat::Taken(ledger) => ledger,
        Seat::InTable(table) => {
            let environment = &desired.environment;
            let candidate =
                seat::candidate("apply", (&aws, &table), account, environment, &journal, surroundings);
            let ledger = match candidate.lead_within(PATIENCE).await {
                Err(ledger::Error::Stopped) => anyhow::bail!("stopped"),
                led => Arc::new(led?),
            };
            match unless_stopped(stop, read_again(&ledger, &desired, settings)).await {
                Ok(again) => desired = again,
                Err(error) => {
                    seat::let_go(&ledger).await;
                    return Err(error);
                }
            }
            ledger
        }
    };
    let reader = aws.reader();
    desired = Arc::new(road::with_answers(Arc::unwrap_or_clone(desired), &reader).await);
    let place = (account, &desired.environment);
    let controller = road::controller(&aws, place, ledger, journal, surroundings, Timing::default());
    Ok((desired.clone(), controller))
}

/// Whoever held the lease may have seen a newer commit than was read before.
async fn read_again(ledger: &Ledger, desired: &Wish, settings: &Operate) -> anyhow::Result<Wish> {
    let again = tokio::select! {
        lost = ledger.keep() => return Err(lost.into()),
        again = road::desired(&settings.source, &settings.account) => Arc::new(again?),
    };
    if seat::place_of(&again) != seat::place_of(desired) {
        anyhow::bail!("the environment moved to another account, region or cluster meanwhile");
    }
    Ok(again)
}

/// A line for each service that is neither settled nor held: why not.
fn restless(desired: &Wish, left: &BTreeSet<ServiceKey>, standing: &Standing, journal: &Journal) -> String {
    let line = |key: &ServiceKey| {
        let why = match standing.get(key) {
            Some(Next::Settled | Next::Gone | Next::Held(_) | Next::Waits(_)) => return None,
            Some(Next::Retry { why, .. } | Next::Stop(why)) => why.clone(),
            // What is watched was told of when it moved last.
            Some(Next::Watch(_)) => last_told(journal, key).unwrap_or_else(|| "rolling out".to_owned()),
            None if left.contains(key) => "to be deleted when everything else has settled".to_owned(),
            None => "not looked at yet".to_owned(),
        };
        Some(format!("\n  {key}: {why}"))
    };
    desired.keys().chain(left).filter_map(line).collect()
}

fn last_told(journal: &Journal, key: &ServiceKey) -> Option<String> {
    journal.events().into_iter().rev().find(|event| event.service.as_ref() == Some(key)).map(|it| it.reason)
}
