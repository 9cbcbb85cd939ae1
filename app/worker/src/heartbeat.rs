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
///
/// While the worker takes no messages it signs off: it does not work on the backlog, and counting it would keep others
/// from being started.
pub async fn beat(
    store: &Store,
    worker: &WorkerId,
    version: &str,
    in_hand: watch::Receiver<usize>,
    taking: watch::Receiver<bool>,
) {
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
        let takes = *taking.borrow();
        let told = match takes {
            true => store.beat(&beat, Timestamp::now()).await,
            false => store.leave(worker).await,
        };
        match told {
            Ok(()) => warned = false,
            // Once: it comes again with every beat for as long as the database is away.
            Err(error) if !std::mem::replace(&mut warned, true) => {
                warn!(error = jobs::log::chain(&error), "no sign of life could be given");
            }
            Err(_said) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jobs::testing::on_each_database;

    #[tokio::test]
    async fn a_worker_that_takes_no_messages_is_not_counted_as_live() {
        on_each_database(async |database| {
            let store = database.store().await;
            let (worker, in_hand) = (WorkerId::fresh(), watch::Sender::new(1));
            let taking = watch::Sender::new(true);
            let beating = async || {
                let beat = beat(&store, &worker, "1.0.0", in_hand.subscribe(), taking.subscribe());
                let expected = u64::from(*taking.borrow());
                tokio::select! {
                    () = beat => {}
                    () = async {
                        while store.live_workers(Timestamp::now()).await.unwrap() != expected {
                            tokio::task::yield_now().await;
                        }
                    } => {}
                }
            };
            beating().await;
            taking.send_replace(false);
            beating().await;
            taking.send_replace(true);
            beating().await;
        })
        .await;
    }
}
