//! The run loop: takes wishes and due services, observes in batches, passes over each service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pass::{Engine, Next};
use super::state::{Finished, State};
use super::sweep::Sweep;
use super::watch::Wish;
use crate::model::ServiceKey;
use crate::observe::Observer;

/// How long passes that are under way may take to end after a stop was asked for. Their calls have
/// shorter time-outs; what is cut off leaves its intent in the ledger.
const FAREWELL: Duration = Duration::from_secs(8);

/// The loop's few settings.
#[derive(Clone, Debug)]
pub struct Timing {
    /// A service that is settled or held is looked at again after this time: the drift check.
    pub resync: Duration,
    /// Services that are worked on at the same time.
    pub concurrency_max: usize,
}

impl Default for Timing {
    fn default() -> Self {
        Self { resync: Duration::from_secs(30), concurrency_max: 16 }
    }
}

/// Where a service stands after its latest pass.
pub type Standing = BTreeMap<ServiceKey, Next>;

/// How the loop ended.
#[derive(Debug)]
pub enum Outcome {
    /// Asked to stop, or every service came to rest (only where that was asked for).
    Ended(Standing),
    /// The ledger can't be written, so nothing may be done any more.
    Lost(String),
}

/// The long-running controller of one environment.
pub struct Controller {
    pub engine: Arc<Engine>,
    pub observer: Arc<Observer>,
    pub timing: Timing,
}

impl Controller {
    /// Reconciles whatever the wishes ask for, until `cancel`.
    pub async fn run(&self, wishes: mpsc::Receiver<Wish>, cancel: CancellationToken) -> Outcome {
        self.drive(wishes, cancel, false).await
    }

    /// Reconciles one wish until every service is settled or held.
    pub async fn settle(&self, wish: Wish, cancel: CancellationToken) -> Outcome {
        let (sender, wishes) = mpsc::channel(1);
        // The channel was made for one message just now: this can't fail, and is not waited for.
        let _ = sender.try_send(wish);
        self.drive(wishes, cancel, true).await
    }

    /// Works for as long as the lease is kept. When it is lost, everything under way is dropped with it.
    async fn drive(
        &self,
        wishes: mpsc::Receiver<Wish>,
        cancel: CancellationToken,
        until_at_rest: bool,
    ) -> Outcome {
        tokio::select! {
            biased;
            lost = self.engine.ledger.keep() => Outcome::Lost(lost.to_string()),
            outcome = self.work(wishes, cancel, until_at_rest) => outcome,
        }
    }

    async fn work(
        &self,
        mut wishes: mpsc::Receiver<Wish>,
        cancel: CancellationToken,
        until_at_rest: bool,
    ) -> Outcome {
        let mut state = State::new(Instant::now());
        // Driven by this loop itself, so that dropping the loop drops everything it does.
        let mut sweeps = FuturesUnordered::new();
        let (results, mut finished) = mpsc::unbounded_channel::<Finished>();
        let permits = Arc::new(Semaphore::new(self.timing.concurrency_max));
        let mut wishes_open = true;
        let outcome = loop {
            let now = Instant::now();
            if let Some(desired) = state.desired.clone() {
                let due = state.queue.take_due(now);
                if !due.is_empty() {
                    let (left, wanted): (Vec<_>, Vec<_>) =
                        due.into_iter().partition(|key| state.leaving.contains(key));
                    let sweep = Sweep {
                        engine: self.engine.clone(),
                        observer: self.observer.clone(),
                        waiting: wanted.into_iter().map(|key| state.with_dependencies(key)).collect(),
                        departure: state.departure(left, &self.engine.ledger),
                        desired,
                        permits: permits.clone(),
                        results: results.clone(),
                        stop: cancel.clone(),
                    };
                    sweeps.push(sweep.go());
                }
            }
            if until_at_rest && state.at_rest() {
                break Outcome::Ended(state.standing);
            }
            let wake = state.queue.next_due();
            tokio::select! {
                biased;
                () = cancel.cancelled() => break Outcome::Ended(state.standing),
                Some(pass) = finished.recv() => {
                    if let Next::Stop(why) = &pass.next {
                        break Outcome::Lost(why.clone());
                    }
                    planted!("one-held-service-ends-the-loop" => if let Next::Held(why) = pass.next { break Outcome::Lost(why); });
                    state.finished(pass, self.timing.resync, Instant::now());
                }
                wish = wishes.recv(), if wishes_open => match wish {
                    Some(wish) => {
                        match self.engine.tell_schedules_left(&wish).await {
                            Ok(()) => {}
                            // Told with the next wish.
                            Err(error) if error.passes() => {}
                            Err(error) => break Outcome::Lost(error.to_string()),
                        }
                        state.take(wish, &self.engine.ledger.records(), Instant::now());
                    }
                    None => wishes_open = false,
                },
                Some(()) = sweeps.next(), if !sweeps.is_empty() => {}
                () = sleep_until(wake), if wake.is_some() => {}
            }
        };
        let farewell = async { while sweeps.next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            self.engine.ledger.cut_off();
            tracing::warn!("calls that were under way are cut off; their intents are in the ledger");
        }
        outcome
    }
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}
