//! Carries one message from the queue through its job, and tells the queue what became of it.

use std::sync::Arc;
use std::time::Duration;

use jobs::log::chain;
use jobs::queue::{Message, Queue, QueueError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::intake::Health;
use crate::measures;
use crate::perform::Tools;
use crate::process::{Epitaph, Settled, Terms, process};
use crate::protection::{Cover, Protection, Protector};
use crate::renew::while_renewing;

/// How long handing a message back may take. Unheard, it comes back after its visibility timeout.
const HAND_BACK_TIMEOUT: Duration = Duration::from_millis(1_500);

/// A worker: what every message is worked on with.
pub struct Worker<Asked> {
    pub tools: Tools,
    pub queue: Queue,
    pub dead_letters: Option<Queue>,
    pub terms: Terms,
    /// How long a message stays hidden without being renewed.
    pub visibility: Duration,
    pub protection: Protection<Asked>,
    pub health: Health,
    pub in_hand: watch::Sender<usize>,
    /// No job is begun any more.
    pub stop: CancellationToken,
    /// Jobs in hand go to other workers.
    pub overdue: CancellationToken,
}

impl<Asked: Protector> Worker<Asked> {
    /// Works on one message until the queue knows what became of it.
    pub async fn settle(self: Arc<Self>, message: Message) {
        let _in_hand = InHand::count(&self.in_hand);
        if message.receives > 1 {
            measures::redelivered();
        }
        let renew = || self.keep_hidden(&message.receipt);
        let settled = while_renewing(self.visibility / 3, renew, self.work_on(&message)).await;
        if let Err(error) = self.tell(&message, settled).await {
            // It is delivered again, and then found to be done.
            warn!(error = chain(&error), "a message was not settled");
        }
    }

    async fn work_on(&self, message: &Message) -> Settled {
        if self.stop.is_cancelled() {
            return Settled::HandBack;
        }
        match self.protection.cover().await {
            Cover::Granted => process(&self.tools, message, &self.terms, &self.health, &self.overdue).await,
            Cover::Refused => Settled::HandBack,
        }
    }

    async fn tell(&self, message: &Message, settled: Settled) -> Result<(), QueueError> {
        let receipt = &*message.receipt;
        match settled {
            Settled::Delete => self.queue.delete(receipt).await,
            Settled::Leave => Ok(()),
            Settled::Later(after) => self.queue.hide_for(receipt, after).await,
            Settled::HandBack => {
                tokio::time::timeout(HAND_BACK_TIMEOUT, self.queue.hide_for(receipt, Duration::ZERO))
                    .await
                    .unwrap_or_else(|late| Err(QueueError::new("handing a message back", late)))
            }
            Settled::Bury(epitaph) => self.bury(message, epitaph).await,
        }
    }

    /// Moves a message to the dead-letter queue: first there, then away from here.
    async fn bury(&self, message: &Message, epitaph: Epitaph) -> Result<(), QueueError> {
        let Epitaph { reason, attempts, job_id, job_ended } = epitaph;
        let Some(dead_letters) = &self.dead_letters else {
            return match job_ended {
                true => self.queue.delete(&message.receipt).await,
                // The queue's own redrive policy sees to it, if it has one.
                false => Ok(()),
            };
        };
        error!(
            job_id = job_id.map(tracing::field::display),
            attempts, reason, "moved to the dead-letter queue"
        );
        let job_id = job_id.map(|job_id| job_id.to_string()).unwrap_or_default();
        let attributes = [("reason", reason), ("attempts", attempts.to_string()), ("jobId", job_id)];
        dead_letters.send_with(message.body.clone(), attributes).await?;
        measures::buried();
        self.queue.delete(&message.receipt).await
    }

    async fn keep_hidden(&self, receipt: &str) {
        if let Err(error) = self.queue.hide_for(receipt, self.visibility).await {
            warn!(error = chain(&error), "a message could not be kept hidden; it may be delivered again");
        }
    }
}

/// Counts a message as in hand until it is dropped.
struct InHand<'a>(&'a watch::Sender<usize>);

impl InHand<'_> {
    fn count(in_hand: &watch::Sender<usize>) -> InHand<'_> {
        in_hand.send_modify(|messages| *messages += 1);
        measures::in_hand(*in_hand.borrow());
        InHand(in_hand)
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|messages| *messages -= 1);
        measures::in_hand(*self.0.borrow());
    }
}
