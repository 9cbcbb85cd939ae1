//! When to look at which service again: one entry a service, never twice at once, back-off per key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::ServiceKey;

/// First wait after a failed attempt; doubles up to [`BACK_OFF_MAX`].
const BACK_OFF_MIN: Duration = Duration::from_secs(2);
const BACK_OFF_MAX: Duration = Duration::from_secs(300);

/// Due times are rounded up to this grid, so that services which are due about now are observed in
/// one batch.
const GRID: Duration = Duration::from_millis(500);

/// The keys to look at, each with the moment it is due.
#[derive(Debug)]
pub struct WorkQueue {
    origin: Instant,
    due: BTreeMap<ServiceKey, Instant>,
    busy: BTreeSet<ServiceKey>,
    /// Asked for while busy: due again as soon as the pass is over.
    again: BTreeSet<ServiceKey>,
    failures: BTreeMap<ServiceKey, u32>,
}

impl WorkQueue {
    pub fn new(now: Instant) -> Self {
        Self {
            origin: now,
            due: BTreeMap::new(),
            busy: BTreeSet::new(),
            again: BTreeSet::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Makes a key due now, and forgets its failures: what is wanted has changed.
    pub fn push(&mut self, key: &ServiceKey, now: Instant) {
        self.failures.remove(key);
        if self.busy.contains(key) {
            self.again.insert(key.clone());
        } else {
            self.due.insert(key.clone(), now);
        }
    }

    /// Keeps only these keys; a pass that is under way for another ends without a successor.
    pub fn retain(&mut self, keep: impl Fn(&ServiceKey) -> bool) {
        self.due.retain(|key, _| keep(key));
        self.failures.retain(|key, _| keep(key));
        self.again.retain(|key| keep(key));
    }

    /// The earliest moment at which something is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    /// Takes everything that is due. Each key taken is busy until it is put back.
    pub fn take_due(&mut self, now: Instant) -> Vec<ServiceKey> {
        let taken: Vec<ServiceKey> =
            self.due.iter().filter(|(_, due)| **due <= now).map(|(key, _)| key.clone()).collect();
        for key in &taken {
            self.due.remove(key);
            self.busy.insert(key.clone());
        }
        taken
    }

    /// Ends a pass that went well.
    pub fn done(&mut self, key: &ServiceKey, look_again_after: Duration, now: Instant) {
        self.failures.remove(key);
        self.put_back(key, now + look_again_after, now);
    }

    /// Ends a pass over a service that may rest, for half to one and a half of `interval`: all that
    /// rest meet again at its multiples. On their own they would drift apart, pass by pass, and be
    /// read in ever smaller batches.
    pub fn rest(&mut self, key: &ServiceKey, interval: Duration, now: Instant) {
        self.failures.remove(key);
        let interval = interval.max(GRID);
        let since = now.saturating_duration_since(self.origin);
        let multiple = (since + interval + interval / 2).as_millis() / interval.as_millis();
        let after = interval.saturating_mul(u32::try_from(multiple).unwrap_or(u32::MAX));
        self.put_back(key, self.origin + after, now);
    }

    /// Makes a key that is not busy due at `at`, unless it is due before.
    pub fn no_later_than(&mut self, key: &ServiceKey, at: Instant) {
        let at = self.on_grid(at);
        if let Some(due) = self.due.get_mut(key) {
            *due = at.min(*due);
        }
    }

    /// Whether the key is busy, or due now.
    pub fn is_due(&self, key: &ServiceKey, now: Instant) -> bool {
        self.busy.contains(key) || self.due.get(key).is_some_and(|due| *due <= now)
    }

    /// Ends a pass that could not do its work: waits longer each time, with a spread by `jitter`
    /// (0 to 1), but never less than `at_least`.
    pub fn failed(&mut self, key: &ServiceKey, at_least: Duration, jitter: f64, now: Instant) -> Duration {
        let failures = self.failures.entry(key.clone()).or_insert(0);
        let back_off = BACK_OFF_MIN.saturating_mul(1 << (*failures).min(8)).min(BACK_OFF_MAX);
        *failures += 1;
        // Full jitter over the upper half, so that many services don't come back together.
        let jitter = if planted!("all-come-back-together") { 1.0 } else { jitter };
        let back_off = if planted!("no-back-off") { BACK_OFF_MIN } else { back_off };
        let wait = back_off.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0)).max(at_least);
        self.put_back(key, now + wait, now);
        wait
    }

    pub fn busy(&self) -> usize {
        self.busy.len()
    }

    fn put_back(&mut self, key: &ServiceKey, due: Instant, now: Instant) {
        self.busy.remove(key);
        let due = if self.again.remove(key) { now } else { self.on_grid(due) };
        self.due.insert(key.clone(), due);
    }

    fn on_grid(&self, due: Instant) -> Instant {
        let since = due.saturating_duration_since(self.origin).as_millis();
        let cells = since.div_ceil(GRID.as_millis());
        self.origin + GRID.saturating_mul(u32::try_from(cells).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ServiceKey {
        ServiceKey::new(name)
    }

    #[test]
    fn a_key_is_never_handed_out_twice_at_once() {
        let now = Instant::now();
        let mut queue = WorkQueue::new(now);
        queue.push(&key("api"), now);
        queue.push(&key("api"), now);
        assert_eq!(queue.take_due(now), vec![key("api")]);
        queue.push(&key("api"), now);
        assert!(queue.take_due(now).is_empty(), "it is busy");
        queue.done(&key("api"), Duration::from_secs(60), now);
        assert_eq!(queue.take_due(now), vec![key("api")], "asked for while busy: due at once");
    }

    #[test]
    fn a_failing_key_waits_longer_each_time_and_delays_no_other() {
        let now = Instant::now();
        let mut queue = WorkQueue::new(now);
        queue.push(&key("bad"), now);
        queue.push(&key("good"), now);
        let mut waits = Vec::new();
        for _ in 0..10 {
            let due = queue.next_due().unwrap_or(now);
            let at = due.max(now);
            queue.take_due(at);
            waits.push(queue.failed(&key("bad"), Duration::ZERO, 1.0, now).as_secs());
            queue.done(&key("good"), Duration::ZERO, now);
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(queue.take_due(now), vec![key("good")]);
    }

    #[test]
    fn services_that_failed_together_do_not_come_back_together() {
        let now = Instant::now();
        let mut queue = WorkQueue::new(now);
        let mut wait = |jitter: f64| queue.failed(&key(&jitter.to_string()), Duration::ZERO, jitter, now);
        assert_eq!([0.0, 0.5, 1.0].map(|jitter| wait(jitter).as_millis()), [1_000, 1_500, 2_000]);
    }

    #[test]
    fn services_that_are_due_about_now_are_taken_together() {
        let now = Instant::now();
        let mut queue = WorkQueue::new(now);
        for name in ["a", "b", "c"] {
            queue.push(&key(name), now);
        }
        queue.take_due(now);
        for (name, offset) in [("a", 10), ("b", 200), ("c", 390)] {
            queue.done(&key(name), Duration::from_millis(30_000), now + Duration::from_millis(offset));
        }
        let due = queue.next_due().unwrap_or(now);
        assert_eq!(queue.take_due(due).len(), 3);
    }

    #[test]
    fn services_at_rest_stay_together_however_long_each_pass_takes() {
        let origin = Instant::now();
        let mut queue = WorkQueue::new(origin);
        let names = ["a", "b", "c", "d"];
        for name in names {
            queue.push(&key(name), origin);
        }
        for pass in 1..100 {
            let now = queue.next_due().unwrap_or(origin);
            assert_eq!(queue.take_due(now).len(), names.len(), "pass {pass}");
            for (name, milliseconds) in names.iter().zip([1, 470, 900, 4_000 + 7 * pass]) {
                let ended = now + Duration::from_millis(milliseconds);
                queue.rest(&key(name), Duration::from_secs(30), ended);
            }
        }
    }

    #[test]
    fn a_service_that_comes_to_rest_late_joins_the_others() {
        let origin = Instant::now();
        let mut queue = WorkQueue::new(origin);
        for (name, seconds) in [("early", 1), ("late", 14), ("later", 16)] {
            queue.rest(&key(name), Duration::from_secs(30), origin + Duration::from_secs(seconds));
        }
        assert_eq!(queue.take_due(origin + Duration::from_secs(30)), vec![key("early"), key("late")]);
        assert_eq!(queue.take_due(origin + Duration::from_secs(60)), vec![key("later")]);
    }

    #[test]
    fn a_new_wish_ends_the_back_off() {
        let now = Instant::now();
        let mut queue = WorkQueue::new(now);
        queue.push(&key("api"), now);
        queue.take_due(now);
        queue.failed(&key("api"), Duration::ZERO, 1.0, now);
        queue.push(&key("api"), now);
        queue.take_due(now);
        assert_eq!(queue.failed(&key("api"), Duration::ZERO, 1.0, now), BACK_OFF_MIN);
    }
}
