//! What listeners are told as it happens: jobs that change, and the pulse of queue and workers.
//!
//! One watcher per process looks; everything it sees is written once and fanned out to all listeners
//! through a bounded channel. A listener that can't keep up is told to start over from a fresh
//! snapshot, so that slowness costs an answer more, and never memory.

pub mod census;
pub mod frame;
pub mod line;
pub mod listener;
pub mod pulse;
pub mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast};

use crate::live::pulse::{History, Pulse};

/// Beyond this many open streams a process refuses more.
pub const LISTENERS_MAX: usize = 200;
/// How many frames a listener may be behind.
const BEHIND_MAX: usize = 64;

/// Where the watcher speaks and listeners listen.
pub struct Feed {
    told: broadcast::Sender<Told>,
    seats: Arc<Semaphore>,
    /// Wakes the watcher of changes when somebody begins to listen.
    arrived: Notify,
    seen: Mutex<Seen>,
}

#[derive(Clone, Debug)]
pub enum Told {
    /// An event as it goes over the wire.
    Frame(Bytes),
    /// So much has changed that only a fresh snapshot will do.
    StartOver,
}

/// What a new listener needs to know, and nobody wants to ask for again.
#[derive(Default)]
struct Seen {
    history: History,
    counts: Option<census::Counts>,
}

/// A listener's place, until it is dropped.
pub struct Seat {
    pub told: broadcast::Receiver<Told>,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    pub fn new() -> Arc<Feed> {
        let (told, _) = broadcast::channel(BEHIND_MAX);
        let seats = Arc::new(Semaphore::new(LISTENERS_MAX));
        Arc::new(Feed { told, seats, arrived: Notify::new(), seen: Mutex::default() })
    }

    /// A place among the listeners, or `None` if all are taken.
    pub fn seat(&self) -> Option<Seat> {
        let permit = self.seats.clone().try_acquire_owned().ok()?;
        let seat = Seat { told: self.told.subscribe(), _permit: permit };
        self.arrived.notify_one();
        Some(seat)
    }

    pub fn listeners(&self) -> usize {
        self.told.receiver_count()
    }

    /// Returns as soon as somebody listens.
    pub async fn somebody_listens(&self) {
        while self.listeners() == 0 {
            self.arrived.notified().await;
        }
    }

    pub fn tell(&self, told: Told) {
        // Nobody listens: nobody has missed anything.
        let _listeners = self.told.send(told);
    }

    pub fn tell_pulse(&self, pulse: Pulse) {
        self.seen().history.push(pulse);
        self.tell(Told::Frame(frame::frame("pulse", None, &pulse)));
    }

    pub fn tell_counts(&self, counts: Option<census::Counts>) {
        self.tell(Told::Frame(frame::frame("counts", None, &counts)));
        self.seen().counts = counts;
    }

    pub fn pulses(&self) -> Vec<Pulse> {
        self.seen().history.pulses()
    }

    pub fn counts(&self) -> Option<census::Counts> {
        self.seen().counts.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Nothing in there can be half-done by a panic.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
