//! What the relay does beside sending, once a minute: forgets what is over.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::error;

use crate::log::chain;
use crate::store::{Store, StoreError};
use crate::timestamp::Timestamp;

const EVERY: Duration = Duration::from_secs(60);
const SENT_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long two submissions with one idempotency key are one.
const KEYS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Rows that one statement deletes, and statements in a row.
const FORGOTTEN_MAX: u32 = 500;
const STATEMENTS_MAX: u32 = 100;

/// Keeps house for as long as it is polled.
pub async fn keep_house(store: &Store) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = forget(store, Timestamp::now()).await {
            error!(error = chain(&error), "what is over could not be forgotten");
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

#[cfg(test)]
#[path = "housekeeping_tests.rs"]
mod tests;
