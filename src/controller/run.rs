//! The run loop: takes wishes and due services, observes in batches, passes over each service.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pass::{Engine, Next};
use super::queue::WorkQueue;
use super::watch::Wish;
use crate::journal::{Event, Kind};
use crate::model::{Desired, Digest, Live, ServiceKey, Workload};
use crate::observe::{Observer, Owner, Want, WantTask};

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

    async fn drive(
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
                    let sweep = Sweep {
                        engine: self.engine.clone(),
                        observer: self.observer.clone(),
                        waiting: due.iter().map(|key| (key.clone(), state.waiting_for(key))).collect(),
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
                    state.finished(pass, self.timing.resync, Instant::now());
                }
                wish = wishes.recv(), if wishes_open => match wish {
                    Some(wish) => self.take(&mut state, wish),
                    None => wishes_open = false,
                },
                Some(()) = sweeps.next(), if !sweeps.is_empty() => {}
                () = sleep_until(wake), if wake.is_some() => {}
            }
        };
        let farewell = async { while sweeps.next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("calls that were under way are cut off; their intents are in the ledger");
        }
        outcome
    }

    fn take(&self, state: &mut State, wish: Wish) {
        let before = state.desired.replace(wish.clone());
        let now = Instant::now();
        for key in wish.keys() {
            if before.as_ref().and_then(|it| it.digest(key)) != wish.digest(key) {
                state.standing.remove(key);
                state.queue.push(key, now);
            }
        }
        for (before, key) in before.iter().flat_map(|it| it.keys().map(move |key| (it, key))) {
            if wish.digest(key).is_none() {
                state.standing.remove(key);
                let sentence = match before.workload(key) {
                    Some(Workload::ScheduledTask) => "no longer in Git; its schedule is left in place",
                    Some(Workload::Service) | None => {
                        "no longer in Git; it is left running, because pruning is off"
                    }
                };
                let event = Event::new((self.engine.now)(), Kind::Held, sentence).of(key);
                self.engine.journal.tell(event.revision(&wish.revision.id));
            }
        }
        state.queue.retain(|key| wish.digest(key).is_some());
    }
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

struct State {
    desired: Option<Wish>,
    queue: WorkQueue,
    standing: Standing,
}

impl State {
    fn new(now: Instant) -> Self {
        Self { desired: None, queue: WorkQueue::new(now), standing: Standing::new() }
    }

    /// The dependencies of a service that are not settled yet.
    fn waiting_for(&self, key: &ServiceKey) -> BTreeSet<ServiceKey> {
        let depends_on = self.desired.as_ref().map(|it| it.depends_on(key)).unwrap_or_default();
        depends_on.iter().filter(|it| self.standing.get(it) != Some(&Next::Settled)).cloned().collect()
    }

    fn finished(&mut self, pass: Finished, resync: Duration, now: Instant) {
        let Finished { key, digest, next } = pass;
        let wanted = self.desired.as_ref().and_then(|it| it.digest(&key));
        if wanted != Some(&digest) {
            // Git has moved on meanwhile: what was found out is about something else.
            self.queue.done(&key, Duration::ZERO, now);
            if wanted.is_none() {
                self.queue.retain(|it| *it != key);
            }
            return;
        }
        match &next {
            Next::Settled | Next::Held(_) | Next::Waits(_) => self.queue.rest(&key, resync, now),
            Next::Watch(after) => self.queue.done(&key, *after, now),
            Next::Retry { at_least, .. } => {
                self.queue.failed(&key, *at_least, spread(&key), now);
            }
            Next::Stop(_) => {}
        }
        let newly_settled = next == Next::Settled && self.standing.get(&key) != Some(&Next::Settled);
        self.standing.insert(key.clone(), next);
        if newly_settled {
            self.wake_dependents(&key, now);
        }
    }

    /// Whoever waits for this service need not wait for the next look.
    fn wake_dependents(&mut self, key: &ServiceKey, now: Instant) {
        let Some(desired) = self.desired.clone() else { return };
        for dependent in desired.keys() {
            if desired.depends_on(dependent).contains(key)
                && self.standing.get(dependent) != Some(&Next::Settled)
            {
                self.queue.push(dependent, now);
            }
        }
    }

    /// Whether every service of the wish is settled or held, or waits for one that is held.
    fn at_rest(&self) -> bool {
        self.desired
            .as_ref()
            .is_some_and(|desired| self.queue.busy() == 0 && desired.keys().all(|key| self.is_at_rest(key)))
    }

    /// Cycles of dependencies are refused with the manifests, so this ends.
    fn is_at_rest(&self, key: &ServiceKey) -> bool {
        match self.standing.get(key) {
            Some(Next::Settled | Next::Held(_)) => true,
            Some(Next::Waits(first)) => {
                self.standing.get(first) != Some(&Next::Settled) && self.is_at_rest(first)
            }
            Some(Next::Watch(_) | Next::Retry { .. } | Next::Stop(_)) | None => false,
        }
    }
}

/// How a pass ended, and for which spec.
struct Finished {
    key: ServiceKey,
    digest: Digest,
    next: Next,
}

/// A number from 0 to 1 that differs from service to service, so that back-offs spread without a
/// source of randomness.
fn spread(key: &ServiceKey) -> f64 {
    let sum = key.name().bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    f64::from(sum % 1000) / 1000.0
}

/// One batch: observed together, then each service passed over on its own.
struct Sweep {
    engine: Arc<Engine>,
    observer: Arc<Observer>,
    desired: Arc<Desired>,
    waiting: BTreeMap<ServiceKey, BTreeSet<ServiceKey>>,
    permits: Arc<Semaphore>,
    results: mpsc::UnboundedSender<Finished>,
    stop: CancellationToken,
}

impl Sweep {
    async fn go(self) {
        let engine = &self.engine;
        let record = |key: &&ServiceKey| engine.ledger.record(key);
        let keys: Vec<&ServiceKey> = self.waiting.keys().collect();
        let records: Vec<_> = keys.iter().map(record).collect();
        let (mut wants, mut tasks) = (Vec::new(), Vec::new());
        for (key, record) in keys.iter().zip(&records) {
            let record = record.as_ref();
            if let Some(desired) = self.desired.services.get(key) {
                wants.push(Want { desired, record });
            } else if let Some(desired) = self.desired.scheduled_tasks.get(key) {
                tasks.push(WantTask { desired, record });
            }
        }
        let owner = Owner { installation: &engine.installation, environment: &self.desired.environment.name };
        let mut live = self.observer.observe(&wants, (engine.now)()).await;
        self.observer.observe_scheduled_tasks(&tasks, owner, &mut live).await;
        let passes = keys.into_iter().map(|key| self.pass(key, &live));
        futures_util::future::join_all(passes).await;
    }

    async fn pass(&self, key: &ServiceKey, live: &Live) {
        // The semaphore is never closed; without a permit the pass is simply not bounded.
        let _permit = self.permits.acquire().await.ok();
        let Some(digest) = self.desired.digest(key).filter(|_| !self.stop.is_cancelled()) else { return };
        let none = BTreeSet::new();
        let waiting_for = self.waiting.get(key).unwrap_or(&none);
        let unobserved = || Next::Retry { at_least: Duration::from_secs(5), why: "not observed".to_owned() };
        let next = if let Some(service) = self.desired.services.get(key) {
            match live.services.get(key) {
                Some(live) => self.engine.pass(&self.desired, service, live, waiting_for).await,
                None => unobserved(),
            }
        } else if let Some(task) = self.desired.scheduled_tasks.get(key) {
            match live.scheduled_tasks.get(key) {
                Some(live) => self.engine.pass_scheduled_task(&self.desired, task, live, waiting_for).await,
                None => unobserved(),
            }
        } else {
            return;
        };
        // Nobody listens any more only when the loop has ended.
        let pass = Finished { key: key.clone(), digest: digest.clone(), next };
        let _ = self.results.send(pass);
    }
}
