//! What the loop knows: the wish in force, when each service is due, and where it stands.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::leaving::Circumstances;
use super::pass::Next;
use super::queue::WorkQueue;
use super::run::Standing;
use super::sweep::Leave;
use super::watch::Wish;
use crate::ledger::{Ledger, Records};
use crate::manifest;
use crate::model::{Digest, ServiceKey};
use crate::plan::{self, Wave};

pub(super) struct State {
    pub(super) desired: Option<Wish>,
    pub(super) queue: WorkQueue,
    pub(super) standing: Standing,
    /// Services that we deployed and the wish does without, and scheduled tasks of that kind that are to go.
    pub(super) leaving: BTreeSet<ServiceKey>,
    /// The environment's name in the first wish: what the ledger was opened for.
    environment: Option<String>,
    /// Wishes taken so far.
    commits: Arc<AtomicU64>,
}

impl State {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            desired: None,
            queue: WorkQueue::new(now),
            standing: Standing::new(),
            leaving: BTreeSet::new(),
            environment: None,
            commits: Arc::default(),
        }
    }

    /// Puts a wish in force: what it changes is due now.
    pub(super) fn take(&mut self, wish: Wish, records: &Records, now: Instant) {
        let wish = match manifest::with_images(&wish, records) {
            Cow::Borrowed(_) => wish,
            Cow::Owned(resolved) => Arc::new(resolved),
        };
        let before = self.desired.replace(wish.clone());
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.environment.get_or_insert_with(|| wish.environment.name.clone());
        let same_policy = before.as_ref().is_some_and(|it| it.environment.sync == wish.environment.sync);
        for key in wish.keys() {
            let asks = |it: &Wish| (it.digest(key).cloned(), it.sync(key).cloned());
            if before.as_ref().map(asks) != Some(asks(&wish)) || !same_policy {
                self.standing.remove(key);
                self.queue.push(key, now);
            }
        }
        // What left Git is weighed anew with each commit, once all that it asks for has come to rest.
        let schedules = plan::schedules_leaving(&wish, records);
        self.leaving = plan::leaving(&wish, records).chain(schedules).map(|(key, _)| key.clone()).collect();
        self.standing.retain(|key, _| wish.workload(key).is_some());
        let State { queue, leaving, .. } = self;
        queue.retain(|key| wish.workload(key).is_some() || leaving.contains(key));
        self.wake_leaving(now);
    }

    pub(super) fn with_dependencies(&self, key: ServiceKey) -> (ServiceKey, BTreeMap<ServiceKey, Wave>) {
        let waiting_for = self.waiting_for(&key);
        (key, waiting_for)
    }

    pub(super) fn departure(&self, keys: Vec<ServiceKey>, ledger: &Ledger) -> Option<Leave> {
        let desired = self.desired.as_ref().filter(|_| !keys.is_empty())?;
        let around = Circumstances {
            environment: self.environment.clone().unwrap_or_default(),
            share: plan::share(desired, &ledger.records()),
            unsettled: desired.keys().find(|key| self.standing.get(key) != Some(&Next::Settled)).cloned(),
        };
        let commit = self.commits.load(Ordering::Relaxed);
        Some(Leave { keys, around, commit, commits: self.commits.clone() })
    }

    /// The dependencies of a service that are not settled yet.
    fn waiting_for(&self, key: &ServiceKey) -> BTreeMap<ServiceKey, Wave> {
        let depends_on = self.desired.as_ref().map(|it| it.depends_on(key)).unwrap_or_default();
        let wave = |key: &ServiceKey| match self.standing.get(key) {
            Some(Next::Settled) => None,
            Some(Next::Held(_)) if planted!("wave-goes-on-after-a-failure") => None,
            Some(Next::Held(_)) => Some(Wave::Stopped),
            Some(_) | None => Some(Wave::GoesOn),
        };
        depends_on.iter().filter_map(|key| Some((key.clone(), wave(key)?))).collect()
    }

    pub(super) fn finished(&mut self, pass: Finished, resync: Duration, now: Instant) {
        let Finished { key, digest, next, ends_after } = pass;
        let wanted = self.desired.as_ref().and_then(|it| it.digest(&key));
        if wanted != digest.as_ref() && !planted!("takes-old-news-for-new") {
            // Git has moved on meanwhile: what was found out is about something else.
            self.queue.done(&key, Duration::ZERO, now);
            if wanted.is_none() && !self.leaving.contains(&key) {
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
            Next::Gone => {
                self.queue.done(&key, resync, now);
                self.queue.retain(|it| *it != key);
                self.leaving.remove(&key);
            }
            Next::Stop(_) => {}
        }
        if let Some(after) = ends_after {
            self.queue.no_later_than(&key, now + after);
        }
        let newly_settled = next == Next::Settled && self.standing.get(&key) != Some(&Next::Settled);
        self.standing.insert(key.clone(), next);
        if newly_settled {
            self.wake_dependents(&key, now);
        }
        self.wake_leaving(now);
    }

    /// Services that left Git come last: first looked at when all that Git asks for has come to rest,
    /// and again when what they wait for has settled.
    fn wake_leaving(&mut self, now: Instant) {
        let Some(desired) = self.desired.clone() else { return };
        if self.leaving.is_empty() || !desired.keys().all(|key| self.is_at_rest(key)) {
            return;
        }
        let is_due = |key: &&ServiceKey| match self.standing.get(*key) {
            None => true,
            Some(Next::Waits(first)) => self.standing.get(first) == Some(&Next::Settled),
            Some(_) => false,
        };
        let due: Vec<ServiceKey> = self.leaving.iter().filter(is_due).cloned().collect();
        for key in due {
            if !self.queue.is_due(&key, now) {
                self.queue.push(&key, now);
            }
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
    pub(super) fn at_rest(&self) -> bool {
        self.desired.as_ref().is_some_and(|desired| {
            let keys = desired.keys().chain(&self.leaving);
            self.queue.busy() == 0 && keys.into_iter().all(|key| self.is_at_rest(key))
        })
    }

    /// Cycles of dependencies are refused with the manifests, so this ends.
    fn is_at_rest(&self, key: &ServiceKey) -> bool {
        match self.standing.get(key) {
            Some(Next::Settled | Next::Held(_) | Next::Gone) => true,
            Some(Next::Waits(first)) => {
                self.standing.get(first) != Some(&Next::Settled) && self.is_at_rest(first)
            }
            Some(Next::Watch(_) | Next::Retry { .. } | Next::Stop(_)) | None => false,
        }
    }
}

/// How a pass ended, and for which spec.
pub(super) struct Finished {
    pub(super) key: ServiceKey,
    /// `None`: the pass was about a service that left Git.
    pub(super) digest: Option<Digest>,
    pub(super) next: Next,
    /// Time alone changes then what is to be done.
    pub(super) ends_after: Option<Duration>,
}

/// A number from 0 to 1 that differs from service to service, so that back-offs spread without a
/// source of randomness.
fn spread(key: &ServiceKey) -> f64 {
    // FNV-1a: names that differ in a number at their end alone lie far apart.
    let hash = key
        .name()
        .bytes()
        .fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    f64::from(hash % 1000) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_fleet_spread_over_the_whole_back_off() {
        let mut quarters = [0; 4];
        for number in 0..100 {
            let at = spread(&ServiceKey::new(format!("job-worker-{number}")));
            assert!((0.0..1.0).contains(&at), "{at}");
            let quarter = [0.25, 0.5, 0.75, 1.0].iter().position(|end| at < *end);
            quarters[quarter.unwrap_or_default()] += 1;
        }
        assert!(quarters.iter().all(|services| *services >= 10), "{quarters:?}");
    }
}
