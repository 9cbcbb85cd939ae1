//! Takes messages from the queue while there are free places for them, and none while a job could not be begun.

use std::sync::Arc;
use std::time::Duration;

use jobs::log::chain;
use jobs::queue::{Message, QueueError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The most that one ReceiveMessage gives.
const AT_ONCE_MAX: u32 = 10;
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Asking the database for a sign of life costs it next to nothing, and until it is asked jobs wait for nobody.
const PROBE_PAUSE_MAX: Duration = Duration::from_secs(3);

/// Whether what every job needs answers. Shared by the intake and everything that it started.
#[derive(Debug)]
pub struct Health(watch::Sender<bool>);

impl Health {
    pub fn good() -> Health {
        Health(watch::Sender::new(true))
    }

    /// The database did not answer: no messages are taken until it does. Each would wear out one of its receives.
    pub fn lost(&self) {
        self.0.send_replace(false);
    }

    fn regained(&self) {
        self.0.send_replace(true);
    }

    pub fn is_good(&self) -> bool {
        *self.0.borrow()
    }
}

/// What the intake watches.
pub struct Intake<'a> {
    pub stop: &'a CancellationToken,
    /// One for each job that may be in hand. A permit goes along with each message.
    pub places: &'a Arc<Semaphore>,
    pub health: &'a Health,
}

impl Intake<'_> {
    /// Receives and hands over until `stop`. A poll is cut off at once; a message that SQS gives away in that very
    /// moment comes back after its visibility timeout.
    ///
    /// `ready` waits until messages are wanted at all; `probe` asks whether the database answers again; `receive` asks
    /// for that many messages at most.
    pub async fn run(
        &self,
        ready: impl AsyncFn(),
        probe: impl AsyncFn() -> bool,
        receive: impl AsyncFn(u32) -> Result<Vec<Message>, QueueError>,
        hand_over: impl Fn(Message, OwnedSemaphorePermit),
    ) {
        let working = async {
            let mut pause = Pause::up_to(PAUSE_MAX);
            while !self.stop.is_cancelled() {
                ready().await;
                self.regain_health(&probe).await;
                let mut places = self.free_places().await;
                match receive(places.len() as u32).await {
                    Ok(messages) => {
                        pause = Pause::up_to(PAUSE_MAX);
                        for (message, place) in messages.into_iter().zip(places.drain(..)) {
                            hand_over(message, place);
                        }
                    }
                    Err(error) => {
                        warn!(error = chain(&error), "the queue can't be polled");
                        drop(places);
                        pause.wait().await;
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = working => {}
        }
    }

    async fn regain_health(&self, probe: &impl AsyncFn() -> bool) {
        if self.health.is_good() {
            return;
        }
        let mut pause = Pause::up_to(PROBE_PAUSE_MAX);
        loop {
            pause.wait().await;
            if probe().await {
                info!("the database answers again");
                self.health.regained();
                return;
            }
        }
    }

    /// Waits for one, and takes others that are free as well.
    async fn free_places(&self) -> Vec<OwnedSemaphorePermit> {
        let mut free = Vec::new();
        // The semaphore is never closed.
        free.extend(Arc::clone(self.places).acquire_owned().await);
        while free.len() < AT_ONCE_MAX as usize {
            match Arc::clone(self.places).try_acquire_owned() {
                Ok(place) => free.push(place),
                Err(_none) => break,
            }
        }
        free
    }
}

/// Longer and longer, up to a bound.
struct Pause {
    next: Duration,
    max: Duration,
}

impl Pause {
    fn up_to(max: Duration) -> Pause {
        Pause { next: PAUSE_MIN, max }
    }

    async fn wait(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(self.max);
    }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
