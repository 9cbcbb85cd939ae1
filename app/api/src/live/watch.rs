//! The one watcher of a process: looks at queue, workers and database, and tells metrics and listeners.

use std::sync::Arc;
use std::time::Duration;

use jobs::log::chain;
use jobs::queue::QueueDepth;
use jobs::store::{ChangeMark, Store, StoreError};
use jobs::timestamp::Timestamp;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::live::census::census;
use crate::live::frame::frame;
use crate::live::line::line;
use crate::live::pulse::Pulse;
use crate::live::{Feed, Told};
use crate::metrics::Metrics;
use crate::state::Asked;

/// How often the pulse is taken while somebody listens, and while only Prometheus does.
const PULSE_EVERY: Duration = Duration::from_secs(2);
const IDLE_PULSE_EVERY: Duration = Duration::from_secs(5);
/// Counting looks at many rows: it rests for so many times as long as it took, so as not to wear the
/// database out.
const CENSUS_PAUSES: u32 = 20;
/// How long one look may take; what is slower is not seen.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);
const CHANGES_EVERY: Duration = Duration::from_millis(500);
/// How many changes one event tells.
const CHANGES_MAX: u32 = 100;
/// After so many full events in a row, listeners are better off with a fresh snapshot.
const FULL_EVENTS_MAX: usize = 10;

/// Asks the queue how long it is; an error says in words what is wrong.
pub type AskDepth = dyn Fn() -> Asked<QueueDepth> + Send + Sync;

#[derive(Clone)]
pub struct Watcher {
    pub store: Store,
    pub depth: Arc<AskDepth>,
    pub metrics: Metrics,
    pub feed: Arc<Feed>,
}

impl Watcher {
    /// Watches until `stop`.
    pub async fn watch(self, stop: CancellationToken) {
        let looking = async { tokio::join!(self.take_pulses(), self.tell_changes()) };
        stop.run_until_cancelled(looking).await;
    }

    async fn take_pulses(&self) {
        let (mut queue_seen, mut database_seen) = (Sight::Seen, Sight::Seen);
        let mut count_from = Instant::now();
        loop {
            let depth = async { timeout(LOOK_TIMEOUT, (self.depth)()).await.unwrap_or_else(|_| Err(late())) };
            let (queue, workers) = tokio::join!(depth, self.workers());
            queue_seen.now("the queue", queue.as_ref().err());
            database_seen.now("the database", workers.as_ref().err());
            let pulse = Pulse { at: Timestamp::now(), queue: queue.ok(), workers: workers.ok() };
            self.metrics.pulse(&pulse);
            self.feed.tell_pulse(pulse);
            let began = Instant::now();
            self.metrics.listeners(self.feed.listeners());
            if began >= count_from {
                self.count(pulse.workers.is_some()).await;
                count_from = Instant::now() + began.elapsed() * CENSUS_PAUSES;
            }
            self.metrics.fold();
            let pause = if self.feed.listeners() > 0 { PULSE_EVERY } else { IDLE_PULSE_EVERY };
            sleep(pause).await;
        }
    }

    async fn workers(&self) -> Result<u64, String> {
        match timeout(LOOK_TIMEOUT, self.store.live_workers(Timestamp::now())).await {
            Ok(workers) => workers.map_err(|error| chain(&error)),
            Err(_) => Err(late()),
        }
    }

    /// A database that did not answer a moment ago is not asked for more.
    async fn count(&self, answers: bool) {
        let counted = match answers {
            true => timeout(LOOK_TIMEOUT, census(&self.store)).await.ok().and_then(Result::ok),
            false => None,
        };
        self.metrics.census(counted.as_ref(), Timestamp::now());
        self.feed.tell_counts(counted.map(|census| census.jobs));
    }

    async fn tell_changes(&self) {
        let mut seen = Sight::Seen;
        loop {
            self.feed.somebody_listens().await;
            let mut mark = ChangeMark::starting(Timestamp::now());
            let mut ticks = interval(CHANGES_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while self.feed.listeners() > 0 {
                ticks.tick().await;
                let told = self.tell_changes_since(&mut mark).await.map_err(|error| chain(&error));
                seen.now("what changed", told.as_ref().err());
            }
        }
    }

    async fn tell_changes_since(&self, mark: &mut ChangeMark) -> Result<(), StoreError> {
        for _ in 0..FULL_EVENTS_MAX {
            let (jobs, next) = self.store.changed_since(mark, CHANGES_MAX).await?;
            *mark = next;
            if !jobs.is_empty() {
                let lines: Vec<_> = jobs.iter().map(line).collect();
                let event = frame("jobs", Some(&mark.to_string()), &json!({"jobs": lines}));
                self.feed.tell(Told::Frame(event));
            }
            if jobs.len() < CHANGES_MAX as usize {
                return Ok(());
            }
        }
        *mark = ChangeMark::starting(Timestamp::now());
        self.feed.tell(Told::StartOver);
        Ok(())
    }
}

fn late() -> String {
    format!("no answer within {} s", LOOK_TIMEOUT.as_secs())
}

/// Whether the last look saw something: the log is told when that changes, not with every look.
enum Sight {
    Seen,
    Unseen,
}

impl Sight {
    fn now(&mut self, what: &str, error: Option<&String>) {
        match (&self, error) {
            (Sight::Seen, Some(error)) => {
                warn!(error, "can't see {what}");
                *self = Sight::Unseen;
            }
            (Sight::Unseen, None) => {
                info!("can see {what} again");
                *self = Sight::Seen;
            }
            (Sight::Seen, None) | (Sight::Unseen, Some(_)) => {}
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
