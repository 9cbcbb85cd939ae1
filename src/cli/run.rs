//! `reconciler run`: watches the repository and reconciles until it is told to stop.

use tokio::sync::mpsc;

use super::{Exit, Surroundings, road};
use crate::config::RunSettings;
use crate::controller::{Outcome, SourceWatch, Timing};
use crate::journal::{Event, Kind};

/// Runs until SIGTERM; passes that are under way may end first.
pub async fn run(settings: &RunSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let operate = &settings.operate;
    let journal = road::journal(surroundings);
    let source = road::git(&operate.source, operate.account.state.join("repository"))?;
    let event = |kind, sentence: String| Event::new((surroundings.now)(), kind, sentence);
    journal.tell(event(
        Kind::Start,
        format!(
            "reconciler {} watches {} ({}) every {} s",
            env!("CARGO_PKG_VERSION"),
            operate.source.repository.as_deref().unwrap_or_default(),
            operate.source.branch,
            settings.poll.as_secs()
        ),
    ));
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
    let Some(first) = wishes.recv().await else {
        journal.tell(event(Kind::Stop, "stopped before the first commit was in force".to_owned()));
        return Ok(Exit::Good);
    };
    let timing = Timing { resync: settings.resync, ..Timing::default() };
    let controller =
        road::controller(&operate.account, &first.environment, journal.clone(), surroundings, timing).await?;
    let (relay, relayed) = mpsc::channel(1);
    let environment = first.environment.clone();
    let relay_journal = journal.clone();
    let now = surroundings.now.clone();
    tokio::spawn(async move {
        let mut next = Some(first);
        while let Some(wish) = next {
            let moved = wish.environment.cluster != environment.cluster
                || wish.environment.region != environment.region
                || wish.environment.account != environment.account;
            if moved {
                let sentence = format!(
                    "{} moves the environment to another account, region or cluster; restart to follow it",
                    wish.revision
                );
                relay_journal.tell(Event::new(now(), Kind::Refused, sentence));
            } else if relay.send(wish).await.is_err() {
                return;
            }
            next = wishes.recv().await;
        }
    });
    let outcome = controller.run(relayed, surroundings.stop.clone()).await;
    watching.abort();
    match outcome {
        Outcome::Lost(why) => anyhow::bail!("{why}"),
        Outcome::Ended(_) => {
            journal.tell(event(Kind::Stop, "stopped; running services are untouched".to_owned()));
            Ok(Exit::Good)
        }
    }
}
