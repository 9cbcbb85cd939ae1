//! `reconciler run`: watches the repository and reconciles until it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::seat::Seat;
use super::{Exit, Surroundings, road, seat};
use crate::aws::Aws;
use crate::config::RunSettings;
use crate::controller::{Looks, Outcome, SourceWatch, Timing, Wish};
use crate::journal::{Event, Journal, Kind, Level};
use crate::ledger::{self, Candidate, Ledger};
use crate::model::{Environment, Timestamp};
use crate::report;

/// Between the first attempts to reach AWS; doubled after each, up to the second.
const REACH_AGAIN: Duration = Duration::from_secs(1);
const REACH_AGAIN_MAX: Duration = Duration::from_secs(30);
/// How long a new leader waits for Git.
const LOOK_TIME_MAX: Duration = Duration::from_secs(30);

/// Runs until SIGTERM; passes that are under way may end first.
pub async fn run(settings: &RunSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let operate = &settings.operate;
    let journal = road::journal(surroundings);
    let source = road::git(&operate.source, operate.account.state.join("repository"))?;
    let starts = format!(
        "reconciler {} watches {} ({}) every {}",
        env!("CARGO_PKG_VERSION"),
        operate.source.repository.as_deref().unwrap_or_default(),
        operate.source.branch,
        report::span(settings.poll)
    );
    journal.tell(Event::new((surroundings.now)(), Kind::Start, starts));
    let looks = Looks::default();
    let leads: Arc<AtomicBool> = Arc::default();
    let watch = SourceWatch {
        source,
        environment: operate.source.environment.clone(),
        look_up: road::lookups(&operate.account),
        look_at_images: road::images(&operate.account),
        leads: leads.clone(),
        every: settings.poll,
        looks: looks.clone(),
        journal: journal.clone(),
        now: surroundings.now.clone(),
    };
    let (sender, wishes) = mpsc::channel(1);
    let stop = surroundings.stop.child_token();
    let watching = tokio::spawn(watch.watch(sender, stop.clone()));
    let reconciling = reconcile(settings, surroundings, &journal, (wishes, &looks, &leads), &stop);
    unless_blind(watching, reconciling, &stop, |blind| {
        let mut event = Event::new((surroundings.now)(), Kind::Source, blind);
        event.level = Level::Error;
        journal.tell(event);
    })
    .await
}

/// Works until its own end. If the source is no longer watched before that, though nobody asked for
/// a stop, the work is ended cleanly and the process with it: reconciling one commit for ever,
/// blind to Git, looks healthy and is not.
async fn unless_blind(
    mut watching: JoinHandle<Result<(), JoinError>>,
    working: impl Future<Output = anyhow::Result<Exit>>,
    stop: &CancellationToken,
    tell: impl FnOnce(&str),
) -> anyhow::Result<Exit> {
    tokio::pin!(working);
    let ended = tokio::select! {
        biased;
        ended = &mut working => {
            watching.abort();
            return ended;
        }
        ended = &mut watching => ended,
    };
    if stop.is_cancelled() {
        return working.await;
    }
    let why = match ended {
        Ok(Ok(())) => String::new(),
        Ok(Err(error)) | Err(error) => format!(": {error}"),
    };
    let blind = format!("the repository is no longer watched{why}");
    tell(&blind);
    stop.cancel();
    working.await?;
    anyhow::bail!(blind)
}

async fn reconcile(
    settings: &RunSettings,
    surroundings: &Surroundings,
    journal: &Arc<Journal>,
    (mut wishes, looks, leads): (mpsc::Receiver<Wish>, &Looks, &AtomicBool),
    stop: &CancellationToken,
) -> anyhow::Result<Exit> {
    let tell = |kind, sentence: &str| journal.tell(Event::new((surroundings.now)(), kind, sentence));
    // The first commit decides which account and cluster this process is for.
    let first = tokio::select! {
        biased;
        // A fetch that hangs must not keep the process.
        () = stop.cancelled() => None,
        Some(first) = wishes.recv() => Some(first),
    };
    let Some(first) = first else {
        tell(Kind::Stop, "stopped before the first commit was in force");
        return Ok(Exit::Good);
    };
    let account = &settings.operate.account;
    let taken = seat::seat(account, &first.environment)?;
    let Some(aws) = reach(settings, &first.environment, journal, surroundings, stop).await? else {
        tell(Kind::Stop, "stopped before AWS could be reached");
        return Ok(Exit::Good);
    };
    let (ledger, newest) = match taken {
        Seat::Taken(ledger) => (ledger, first),
        Seat::InTable(table) => {
            let environment = &first.environment;
            let candidate =
                seat::candidate("run", (&aws, &table), account, environment, journal, surroundings);
            let standby = Standby { journal, now: &surroundings.now, stop };
            let Some(led) = standby.lead(candidate, first, &mut wishes, looks).await? else {
                tell(Kind::Stop, "stopped while it stood by; running services are untouched");
                return Ok(Exit::Good);
            };
            led
        }
    };
    let timing = Timing { resync: settings.resync, ..Timing::default() };
    let place = (account, &newest.environment);
    let controller = road::controller(&aws, place, ledger, journal.clone(), surroundings, timing);
    let (sender, in_place) = mpsc::channel(1);
    tokio::spawn(relay(newest, wishes, sender, journal.clone(), surroundings.now.clone()));
    leads.store(true, Ordering::Relaxed);
    let outcome = controller.run(in_place, stop.clone()).await;
    leads.store(false, Ordering::Relaxed);
    match outcome {
        Outcome::Lost(why) => anyhow::bail!("{why}"),
        Outcome::Ended(_) => {
            seat::let_go(&controller.engine.ledger).await;
            tell(Kind::Stop, "stopped; running services are untouched");
            Ok(Exit::Good)
        }
    }
}

/// Waits for the lease, and for what Git says by then.
struct Standby<'a> {
    journal: &'a Journal,
    now: &'a road::Clock,
    stop: &'a CancellationToken,
}

impl Standby<'_> {
    /// Becomes the one who acts, on the newest of the wishes: one who led before may have acted on a commit
    /// that this process has not seen yet, and nothing may go back. `None`: told to stop before that.
    async fn lead(
        &self,
        candidate: Candidate,
        first: Wish,
        wishes: &mut mpsc::Receiver<Wish>,
        looks: &Looks,
    ) -> anyhow::Result<Option<(Arc<Ledger>, Wish)>> {
        let mut newest = first;
        let ledger = match self.taking_in(candidate.lead(), &mut newest, wishes).await {
            Ok(ledger) => Arc::new(ledger),
            Err(ledger::Error::Stopped) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let fresh = async {
            tokio::select! {
                lost = ledger.keep() => Err(lost),
                // What Git said last has to do where it can't be asked.
                _ = tokio::time::timeout(LOOK_TIME_MAX, looks.fresh()) => Ok(()),
            }
        };
        let Some(looked) = self.beside(fresh, &mut newest, wishes).await else {
            seat::let_go(&ledger).await;
            return Ok(None);
        };
        looked?;
        while let Ok(wish) = wishes.try_recv() {
            self.take(wish, &mut newest);
        }
        Ok(Some((ledger, newest)))
    }

    /// Takes in wishes until the work is done; `None`: told to stop.
    async fn beside<T>(
        &self,
        work: impl Future<Output = T>,
        newest: &mut Wish,
        wishes: &mut mpsc::Receiver<Wish>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            done = self.taking_in(work, newest, wishes) => Some(done),
        }
    }

    /// The same for work that ends by itself when the process is told to stop.
    async fn taking_in<T>(
        &self,
        work: impl Future<Output = T>,
        newest: &mut Wish,
        wishes: &mut mpsc::Receiver<Wish>,
    ) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(wish) = wishes.recv() => self.take(wish, newest),
            }
        }
    }

    fn take(&self, wish: Wish, newest: &mut Wish) {
        match seat::place_of(&wish) == seat::place_of(newest) {
            true => *newest = wish,
            false => refuse(&wish, self.journal, (self.now)()),
        }
    }
}

/// Connects, as soon as AWS answers. `None`: told to stop before that.
///
/// What waiting does not mend, such as missing credentials or the wrong account, is an error.
async fn reach(
    settings: &RunSettings,
    environment: &Environment,
    journal: &Arc<Journal>,
    surroundings: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Aws>> {
    let mut pause = REACH_AGAIN;
    loop {
        let connected = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(None),
            connected = road::aws(&settings.operate.account, environment) => connected,
        };
        let error = match connected {
            Ok(aws) => return Ok(Some(aws)),
            Err(error) => error,
        };
        if !error.downcast_ref::<road::NoAws>().is_some_and(road::NoAws::may_pass) {
            return Err(error);
        }
        let why = error.to_string().replace("\n  ", "; ");
        let sentence = format!("{why}; tried again until it answers");
        journal.tell_once(Event::new((surroundings.now)(), Kind::Retry, sentence));
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
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
    let ours = seat::place_of(&first);
    let mut next = Some(first);
    while let Some(wish) = next {
        if seat::place_of(&wish) != ours {
            refuse(&wish, &journal, now());
        } else if to.send(wish).await.is_err() {
            return;
        }
        next = wishes.recv().await;
    }
}

fn refuse(wish: &Wish, journal: &Journal, now: Timestamp) {
    let sentence = format!(
        "{} moves the environment to another account, region or cluster; restart to follow it",
        wish.revision
    );
    journal.tell(Event::new(now, Kind::Refused, sentence));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{Desired, EnvironmentSync, Revision, Timestamp};

    fn wish(account: &str, cluster: &str) -> Wish {
        let revision = Revision {
            id: cluster.to_owned(),
            branch: "main".to_owned(),
            author: "ada".to_owned(),
            subject: "Move it".to_owned(),
            committed_at: Timestamp(0),
        };
        let environment = Environment {
            name: "production".to_owned(),
            account: Some(account.to_owned()),
            region: "eu-west-1".to_owned(),
            cluster: cluster.to_owned(),
            variables: BTreeMap::new(),
            looked_up: Vec::new(),
            sync: EnvironmentSync { prune: true, ..EnvironmentSync::default() },
            images: Default::default(),
        };
        Arc::new(Desired {
            revision,
            environment,
            services: BTreeMap::new(),
            scheduled_tasks: BTreeMap::new(),
            images: Default::default(),
        })
    }

    #[tokio::test]
    async fn a_commit_for_another_account_or_cluster_is_refused_and_deletes_nothing_here() {
        let ours = wish("123456789012", "jobs");
        let elsewhere = [wish("123456789012", "other"), wish("000000000000", "jobs")];
        let (sender, wishes) = mpsc::channel(4);
        for wish in elsewhere.into_iter().chain([ours.clone()]) {
            assert!(sender.send(wish).await.is_ok());
        }
        drop(sender);
        let (to, mut in_place) = mpsc::channel(4);
        let journal = Arc::new(Journal::new(|_| ()));
        relay(ours.clone(), wishes, to, journal.clone(), Arc::new(|| Timestamp(0))).await;
        let mut passed_on = Vec::new();
        while let Some(wish) = in_place.recv().await {
            passed_on.push(wish.environment.cluster.clone());
        }
        assert_eq!(passed_on, ["jobs", "jobs"]);
        assert_eq!(journal.events().iter().filter(|event| event.event == Kind::Refused).count(), 2);
    }

    #[tokio::test]
    async fn a_source_watch_that_panics_ends_the_process_with_an_error_after_the_work_was_ended() {
        let stop = CancellationToken::new();
        let watching = tokio::spawn(async { panic!("a wild pointer") });
        let working = async {
            stop.cancelled().await;
            Ok(Exit::Good)
        };
        let mut told = String::new();
        let ended = unless_blind(watching, working, &stop, |blind| told.push_str(blind)).await;
        let error = ended.map_err(|error| error.to_string());
        assert_eq!(error.as_ref().err(), Some(&told));
        assert!(told.starts_with("the repository is no longer watched: "), "{told}");
        assert!(told.contains("a wild pointer"), "{told}");
    }

    #[tokio::test]
    async fn a_source_watch_that_ends_because_of_a_stop_is_no_error() {
        let stop = CancellationToken::new();
        let (watched, working) = (stop.clone(), stop.clone());
        let watching = tokio::spawn(async move {
            watched.cancelled().await;
            Ok(())
        });
        stop.cancel();
        let working = async move {
            working.cancelled().await;
            // The watch ends first.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            Ok(Exit::Good)
        };
        let ended = unless_blind(watching, working, &stop, |blind| panic!("{blind}")).await;
        assert_eq!(ended.ok(), Some(Exit::Good));
    }
}
