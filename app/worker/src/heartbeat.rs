//! Says that this worker is alive, so that the backlog can be shared among those that are.

use std::time::Duration;

use jobs::store::{Store, WorkerBeat, WorkerId};
use jobs::timestamp::Timestamp;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

/// A quarter of the time after which a silent worker counts as gone.
const BEAT_EVERY: Duration = Duration::from_secs(5);

/// Beats, at once and then steadily, for as long as it is polled.
pub async fn beat(store: &Store, worker: &WorkerId, version: &str, in_hand: watch::Receiver<usize>) {
    let started_at = Timestamp::now();
    let mut ticks = interval(BEAT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut warned = false;
    loop {
        ticks.tick().await;
        let beat = WorkerBeat {
            id: worker.clone(),
            version: version.to_owned(),
            started_at,
            in_hand: u32::try_from(*in_hand.borrow()).unwrap_or(u32::MAX),
        };
        match store.beat(&beat, Timestamp::now()).await {
            Ok(()) => warned = false,
            // Once: it comes again with every beat for as long as the database is away.
            Err(error) if !std::mem::replace(&mut warned, true) => {
                warn!(error = jobs::log::chain(&error), "no sign of life could be given");
            }
            Err(_said) => {}
        }
    }
}
