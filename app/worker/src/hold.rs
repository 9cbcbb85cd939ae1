//! Holds a message while its job is worked on: renews its visibility, and lets go when time is up.

use std::time::Duration;

use jobs::log::chain;
use jobs::queue::QueueError;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Works, and meanwhile renews every third of `visibility`; `None` when `overdue` came first.
pub async fn hold<T>(
    visibility: Duration,
    overdue: &CancellationToken,
    renew: impl AsyncFn() -> Result<(), QueueError>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let renewing = async {
        let mut ticks = tokio::time::interval(visibility / 3);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once, when the message has only just been received.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            if let Err(error) = renew().await {
                warn!(
                    error = chain(&error),
                    "a message could not be kept hidden; another worker may take over"
                );
            }
        }
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = overdue.cancelled() => None,
        never = renewing => match never {},
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::cell::Cell;
    use tokio::time::sleep;

    const VISIBILITY: Duration = Duration::from_secs(30);

    async fn renewals(work: Duration, answer: fn() -> Result<(), QueueError>) -> u32 {
        let renewals = Cell::new(0);
        let renew = async || {
            renewals.set(renewals.get() + 1);
            answer()
        };
        let done = hold(VISIBILITY, &CancellationToken::new(), renew, sleep(work)).await;
        assert_eq!(done, Some(()));
        renewals.get()
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_renewed_every_third_of_its_visibility() {
        assert_eq!(renewals(Duration::from_secs(9), || Ok(())).await, 0);
        assert_eq!(renewals(Duration::from_secs(35), || Ok(())).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_is_tried_again_and_the_work_goes_on() {
        let refuse = || Err(QueueError::new("changing", "refused"));
        assert_eq!(renewals(Duration::from_secs(35), refuse).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_outlasts_the_shutdown_is_let_go() {
        let overdue = CancellationToken::new();
        overdue.cancel();
        let done = hold(VISIBILITY, &overdue, async || Ok(()), sleep(VISIBILITY)).await;
        assert_eq!(done, None);
    }
}
