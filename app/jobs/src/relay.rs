//! Carries the outbox to the queue: sends what is due, marks it, and tries again later what the queue refused.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::housekeeping::keep_house;
use crate::log::chain;
use crate::queue::{QueueDepth, Refused, SENT_TOGETHER_MAX};
use crate::store::outbox::Unsent;
use crate::store::{Store, StoreError};
use crate::timestamp::Timestamp;

/// How many messages one round claims: so many that claiming them hardly counts.
const CLAIMED_MAX: u32 = 100;
/// How many calls are on their way to the queue at once.
const CALLS_MAX: usize = 4;
/// Longer than sending what one round claims takes on a good day. When it lapses early a message is sent
/// twice, which the worker notices; while it lasts the messages of a relay that was killed wait.
const CLAIM: Duration = Duration::from_secs(15);
/// How soon messages are found that another process left behind.
const IDLE: Duration = Duration::from_secs(1);
const POSTPONED_MAX: Duration = Duration::from_secs(60);

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub sent: u32,
    pub postponed: u32,
}

impl Round {
    /// The outbox may hold more than this round claimed, and the queue takes messages.
    fn wants_another(self) -> bool {
        self.sent > 0 && self.sent + self.postponed >= CLAIMED_MAX
    }
}

/// Relays until `stop`, then once more for what was accepted last.
///
/// `wake` ends the pause between two rounds; `send` hands up to [`SENT_TOGETHER_MAX`] bodies to the queue and answers
/// which it did not take; `depth` asks how many messages the queue holds.
pub async fn relay_until<Sent, Counted, Refusal>(
    stop: CancellationToken,
    store: Store,
    wake: Arc<Notify>,
    send: impl Fn(Vec<String>) -> Sent,
    depth: impl Fn() -> Counted,
) where
    Sent: Future<Output = Result<Vec<Refused>, Refusal>>,
    Counted: Future<Output = Result<QueueDepth, Refusal>>,
    Refusal: Display,
{
    let relaying = async {
        loop {
            let stopping = stop.is_cancelled();
            match relay_once(&store, &send, Timestamp::now()).await {
                Ok(round) if round.wants_another() => continue,
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
    };
    tokio::select! {
        () = relaying => {}
        () = keep_house(&store, &wake, depth) => {}
    }
}

/// Sends what is due, up to a bound. After a refusal of a whole call the rest of the round waits as well: the queue is
/// not well.
pub async fn relay_once<Sent, Refusal>(
    store: &Store,
    send: impl Fn(Vec<String>) -> Sent,
    now: Timestamp,
) -> Result<Round, StoreError>
where
    Sent: Future<Output = Result<Vec<Refused>, Refusal>>,
    Refusal: Display,
{
    let claimed = store.claim_unsent(CLAIMED_MAX, CLAIM, now).await?;
    let mut round = Round::default();
    let mut back = Vec::new();
    let mut trouble = None;
    let mut waiting = claimed.chunks(SENT_TOGETHER_MAX);
    let mut calls = FuturesUnordered::new();
    let mut queue_is_well = true;
    loop {
        while queue_is_well
            && trouble.is_none()
            && calls.len() < CALLS_MAX
            && let Some(batch) = waiting.next()
        {
            calls.push(relay_batch(store, &send, batch, now));
        }
        // Calls that are under way are waited for whatever happens to others: the queue may have taken them.
        match calls.next().await {
            None => break,
            Some(Ok(Batch::Taken { sent, refused })) => {
                round.sent += sent;
                back.extend(refused);
            }
            Some(Ok(Batch::Refused(messages))) => {
                queue_is_well = false;
                back.extend(messages);
            }
            Some(Err(error)) => trouble = Some(error),
        }
    }
    if let Some(error) = trouble {
        // What is unsent becomes due again when its claim lapses.
        return Err(error);
    }
    back.extend(waiting.flatten());
    round.postponed = back.len() as u32;
    postpone(store, back, now).await?;
    Ok(round)
}

/// What became of the messages of one call.
enum Batch<'a> {
    Taken { sent: u32, refused: Vec<&'a Unsent> },
    Refused(&'a [Unsent]),
}

async fn relay_batch<'a, Sent, Refusal>(
    store: &Store,
    send: impl Fn(Vec<String>) -> Sent,
    batch: &'a [Unsent],
    now: Timestamp,
) -> Result<Batch<'a>, StoreError>
where
    Sent: Future<Output = Result<Vec<Refused>, Refusal>>,
    Refusal: Display,
{
    let bodies = batch.iter().map(|message| message.body.clone()).collect();
    let refusals = match send(bodies).await {
        Ok(refusals) => refusals,
        Err(refusal) => {
            let attempts = batch.iter().map(|message| message.attempts).max();
            warn!(messages = batch.len(), attempts, error = %refusal, "the queue did not take messages");
            return Ok(Batch::Refused(batch));
        }
    };
    let (mut sent, mut refused) = (Vec::new(), Vec::new());
    for (index, message) in batch.iter().enumerate() {
        match refusals.iter().find(|refusal| refusal.index == index) {
            None => sent.push(message.job_id),
            Some(Refused { why, .. }) => {
                let Unsent { job_id, attempts, .. } = message;
                warn!(%job_id, attempts, error = why, "the queue did not take a message");
                refused.push(message);
            }
        }
    }
    store.mark_sent(&sent, now).await?;
    for job_id in &sent {
        info!(%job_id, "queued");
    }
    Ok(Batch::Taken { sent: sent.len() as u32, refused })
}

/// Gives back what was not sent, each message for as long as its attempts say.
async fn postpone(store: &Store, mut back: Vec<&Unsent>, now: Timestamp) -> Result<(), StoreError> {
    back.sort_by_key(|message| message.attempts);
    for alike in back.chunk_by(|one, next| one.attempts == next.attempts) {
        let jobs: Vec<_> = alike.iter().map(|message| message.job_id).collect();
        store.postpone(&jobs, now.plus(pause_after(alike[0].attempts))).await?;
    }
    Ok(())
}

/// 1, 2, 4 … seconds, up to a minute.
fn pause_after(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(6);
    Duration::from_secs(1 << doublings).min(POSTPONED_MAX)
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
