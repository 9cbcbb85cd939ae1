//! What the relay does beside sending, once a minute: forgets what is over, and sends again what was lost.
//!
//! Until a job has its end it has a message in the outbox or in the queue. A queue that is purged, a message that
//! outlives its retention or is moved by a redrive policy, a database that is restored: each leaves jobs without one.
//! They are found by counting, and sent again; a worker that gets a message twice notices.

use std::fmt::Display;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error, warn};

use crate::log::chain;
use crate::queue::QueueDepth;
use crate::store::{Store, StoreError};
use crate::timestamp::Timestamp;

const EVERY: Duration = Duration::from_secs(60);
const SENT_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long two submissions with one idempotency key are one.
const KEYS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Rows that one statement deletes, and statements in a row.
const FORGOTTEN_MAX: u32 = 500;
const STATEMENTS_MAX: u32 = 100;
/// How long nothing is heard of a job, sent or begun, before its message may count as lost; so each is sent again at
/// most this often. A backlog may be older: then only as many are sent again as the queue holds too few.
const LOST_AFTER: Duration = Duration::from_secs(60 * 60);
const SENT_AGAIN_MAX: u32 = 500;

/// Keeps house for as long as it is polled. `wake` rouses the relay; `depth` asks how many messages the queue holds.
pub async fn keep_house<Counted, Refusal>(store: &Store, wake: &Notify, depth: impl Fn() -> Counted)
where
    Counted: Future<Output = Result<QueueDepth, Refusal>>,
    Refusal: Display,
{
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Timestamp::now();
        if let Err(error) = forget(store, now).await {
            error!(error = chain(&error), "what is over could not be forgotten");
        }
        match depth().await {
            Ok(depth) => match send_lost_again(store, depth, now).await {
                Ok(0) => {}
                Ok(_) => wake.notify_one(),
                Err(error) => error!(error = chain(&error), "lost messages could not be looked for"),
            },
            Err(refusal) => debug!(error = %refusal, "lost messages are not looked for"),
        }
    }
}

/// Forgets messages that were sent, and idempotency keys, when nobody asks for them any more.
async fn forget(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    for _ in 0..STATEMENTS_MAX {
        if store.forget_sent(now.minus(SENT_KEPT), FORGOTTEN_MAX).await? < u64::from(FORGOTTEN_MAX) {
            break;
        }
    }
    for _ in 0..STATEMENTS_MAX {
        if store.forget_keys(now.minus(KEYS_KEPT), FORGOTTEN_MAX).await? < u64::from(FORGOTTEN_MAX) {
            break;
        }
    }
    Ok(())
}

/// Puts the messages of jobs that are not heard of into the outbox again: no more than there are jobs without their
/// end beyond the messages that the queue holds. However deep a backlog is, it does not grow by this.
async fn send_lost_again(store: &Store, depth: QueueDepth, now: Timestamp) -> Result<usize, StoreError> {
    let messages = depth.visible + depth.in_flight;
    let missing = store.unfinished_and_sent().await?.saturating_sub(messages);
    let limit = u32::try_from(missing).unwrap_or(u32::MAX).min(SENT_AGAIN_MAX);
    if limit == 0 {
        return Ok(0);
    }
    let lost = store.owe_again(now.minus(LOST_AFTER), limit, now).await?;
    for message in &lost {
        let (job_id, request_id) = (message.job_id, message.request_id.as_deref());
        warn!(%job_id, request_id, "nothing is heard of a job, and its message seems to be lost; sending it again");
    }
    Ok(lost.len())
}

#[cfg(test)]
#[path = "housekeeping_tests.rs"]
mod tests;
