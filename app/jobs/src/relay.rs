//! Carries the outbox to the queue: sends what is due, marks it, and tries again later what the queue refused.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::log::chain;
use crate::store::outbox::Unsent;
use crate::store::{Store, StoreError};
use crate::timestamp::Timestamp;

const BATCH_MAX: u32 = 10;
/// Longer than sending one batch takes on a good day. When it lapses early a message is sent twice,
/// which the worker notices; while it lasts the messages of a relay that was killed wait.
const CLAIM: Duration = Duration::from_secs(15);
/// How soon messages are found that another process left behind.
const IDLE: Duration = Duration::from_secs(1);
const POSTPONED_MAX: Duration = Duration::from_secs(60);
const SENT_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long two submissions with one idempotency key are one.
const KEYS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const FORGOTTEN_MAX: u32 = 500;

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub sent: u32,
    pub postponed: u32,
}

/// Relays until `stop`, then once more for what was accepted last.
///
/// `wake` ends the pause between two rounds; `send` hands one body to the queue.
pub async fn relay_until<Sent, Refusal>(
    stop: CancellationToken,
    store: Store,
    wake: Arc<Notify>,
    send: impl Fn(String) -> Sent,
) where
    Sent: Future<Output = Result<(), Refusal>>,
    Refusal: Display,
{
    loop {
        let stopping = stop.is_cancelled();
        match relay_once(&store, &send, Timestamp::now()).await {
            Ok(round) if round.sent == BATCH_MAX => continue,
            Ok(_) => {}
            Err(error) => error!(error = chain(&error), "the outbox could not be relayed"),
        }
        if stopping {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = wake.notified() => {}
            () = tokio::time::sleep(IDLE) => {}
        }
    }
}

/// Sends one batch. After a refusal the rest of the batch waits as well: the queue is not well.
pub async fn relay_once<Sent, Refusal>(
    store: &Store,
    send: impl Fn(String) -> Sent,
    now: Timestamp,
) -> Result<Round, StoreError>
where
    Sent: Future<Output = Result<(), Refusal>>,
    Refusal: Display,
{
    let mut round = Round::default();
    let mut unsent = store.claim_unsent(BATCH_MAX, CLAIM, now).await?.into_iter();
    while let Some(message) = unsent.next() {
        if let Err(refusal) = send(message.body.clone()).await {
            warn!(job_id = %message.job_id, attempts = message.attempts, error = %refusal, "the queue did not take a message");
            for message in std::iter::once(message).chain(unsent) {
                store.postpone(message.job_id, now.plus(pause_after(&message))).await?;
                round.postponed += 1;
            }
            break;
        }
        store.mark_sent(message.job_id, now).await?;
        info!(job_id = %message.job_id, "queued");
        round.sent += 1;
    }
    store.forget_sent(now.minus(SENT_KEPT), FORGOTTEN_MAX).await?;
    store.forget_keys(now.minus(KEYS_KEPT), FORGOTTEN_MAX).await?;
    Ok(round)
}

/// 1, 2, 4 … seconds, up to a minute.
fn pause_after(message: &Unsent) -> Duration {
    let doublings = message.attempts.saturating_sub(1).min(6);
    Duration::from_secs(1 << doublings).min(POSTPONED_MAX)
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
