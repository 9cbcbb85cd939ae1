//! `reconciler run`: watches the repository and reconciles until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Exit, Surroundings, road};
use crate::config::RunSettings;
use crate::controller::{Controller, Outcome, SourceWatch, Timing, Wish};
use crate::journal::{Event, Journal, Kind};
use crate::model::Environment;
use crate::report;

/// Between the first attempts to reach AWS; doubled after each, up to the second.
const REACH_AGAIN: Duration = Duration::from_secs(1);
const REACH_AGAIN_MAX: Duration = Duration::from_secs(30);

/// Runs until SIGTERM; passes that are under way may end first.
pub async fn run(settings: &RunSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let operate = &settings.operate;
    let journal = road::journal(surroundings);
    let source = road::git(&operate.source, operate.account.state.join("repository"))?;
    let tell = |kind, sentence: String| journal.tell(Event::new((surroundings.now)(), kind, sentence));
    tell(
        Kind::Start,
        format!(
            "reconciler {} watches {} ({}) every {}",
            env!("CARGO_PKG_VERSION"),
            operate.source.repository.as_deref().unwrap_or_default(),
            operate.source.branch,
            report::span(settings.poll)
        ),
    );
    let watch = SourceWatch {
        source,
        environment: operate.source.environment.clone(),
        every: settings.poll,
        journal: journal.clone(),
        now: surroundings.now.clone(),
    };
    let (sender, mut wishes) = mpsc::channel(1);
    let watching = tokio::spawn(watch.watch(sender, surroundings.stop.clone()));
    // The first commit decides which account and cluster this process is for.
    let first = tokio::select! {
        biased;
        // A fetch that hangs must not keep the process.
        () = surroundings.stop.cancelled() => None,
        first = wishes.recv() => first,
    };
    let Some(first) = first else {
        tell(Kind::Stop, "stopped before the first commit was in force".to_owned());
        return Ok(Exit::Good);
    };
    let Some(controller) = reach(settings, &first.environment, &journal, surroundings).await? else {
        tell(Kind::Stop, "stopped before AWS could be reached".to_owned());
        return Ok(Exit::Good);
    };
    let (sender, in_place) = mpsc::channel(1);
    tokio::spawn(relay(first, wishes, sender, journal.clone(), surroundings.now.clone()));
    let outcome = controller.run(in_place, surroundings.stop.clone()).await;
    watching.abort();
    match outcome {
        Outcome::Lost(why) => anyhow::bail!("{why}"),
        Outcome::Ended(_) => {
            tell(Kind::Stop, "stopped; running services are untouched".to_owned());
            Ok(Exit::Good)
        }
    }
}

/// Wires the controller, as soon as AWS answers. `None`: told to stop before that.
///
/// What waiting does not mend, such as missing credentials or the wrong account, is an error.
async fn reach(
    settings: &RunSettings,
    environment: &Environment,
    journal: &Arc<Journal>,
    surroundings: &Surroundings,
) -> anyhow::Result<Option<Controller>> {
    let account = &settings.operate.account;
    let ledger = road::ledger(account, environment)?;
    let timing = Timing { resync: settings.resync, ..Timing::default() };
    let mut pause = REACH_AGAIN;
    loop {
        let wiring = road::controller(
            account,
            environment,
            ledger.clone(),
            journal.clone(),
            surroundings,
            timing.clone(),
        );
        let wired = tokio::select! {
            biased;
            () = surroundings.stop.cancelled() => return Ok(None),
            wired = wiring => wired,
        };
        let error = match wired {
            Ok(controller) => return Ok(Some(controller)),
            Err(error) => error,
        };
        if !error.downcast_ref::<road::NoAws>().is_some_and(road::NoAws::may_pass) {
            return Err(error);
        }
        let why = error.to_string().replace("\n  ", "; ");
        let sentence = format!("{why}; tried again until it answers");
        journal.tell_once(Event::new((surroundings.now)(), Kind::Retry, sentence));
        tokio::select! {
            () = surroundings.stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(REACH_AGAIN_MAX),
        }
    }
}

/// Hands on the wishes for the place that the first one is for, and refuses those for another.
async fn relay(
    first: Wish,
    mut wishes: mpsc::Receiver<Wish>,
    to: mpsc::Sender<Wish>,
    journal: Arc<Journal>,
    now: road::Clock,
) {
    let place = |wish: &Wish| {
        let environment = &wish.environment;
        (environment.account.clone(), environment.region.clone(), environment.cluster.clone())
    };
    let ours = place(&first);
    let mut next = Some(first);
    while let Some(wish) = next {
        if place(&wish) != ours {
            let sentence = format!(
                "{} moves the environment to another account, region or cluster; restart to follow it",
                wish.revision
            );
            journal.tell(Event::new(now(), Kind::Refused, sentence));
        } else if to.send(wish).await.is_err() {
            return;
        }
        next = wishes.recv().await;
    }
}
