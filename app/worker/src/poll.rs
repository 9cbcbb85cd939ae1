//! Polls until told to stop: one message at a time, slower and slower while queue or database do not answer.

use std::time::Duration;

use jobs::log::chain;
use jobs::queue::{Message, QueueError};
use tokio_util::sync::CancellationToken;
use tracing::warn;

const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// When to poll again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Now,
    /// Something that every job needs is away.
    AfterPause,
}

/// Receives and handles until `stop`. The poll is cut off at once; a message in hand is handled to its end.
///
/// A message that SQS hands over in the very moment of the cut comes back after its visibility timeout.
pub async fn poll_until(
    stop: &CancellationToken,
    receive: impl AsyncFn() -> Result<Option<Message>, QueueError>,
    handle: impl AsyncFn(Message) -> Next,
) {
    let mut pause = PAUSE_MIN;
    while !stop.is_cancelled() {
        let received = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            received = receive() => received,
        };
        let next = match received {
            Ok(None) => Next::Now,
            Ok(Some(message)) => handle(message).await,
            Err(error) => {
                warn!(error = chain(&error), "the queue can't be polled");
                Next::AfterPause
            }
        };
        match next {
            Next::Now => pause = PAUSE_MIN,
            Next::AfterPause => {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

#[cfg(test)]
#[path = "poll_tests.rs"]
mod tests;
