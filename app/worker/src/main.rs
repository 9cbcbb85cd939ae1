//! The job worker: takes jobs from the queue, does them, and writes how they ended.

mod perform;
mod poll;
mod process;
mod renew;
mod settings;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use jobs::log::chain;
use jobs::queue::{Message, Queue, QueueError, aws_settings};
use jobs::store::{Store, WorkerId};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::poll::{Next, poll_until};
use crate::process::{Settled, Terms, process};
use crate::renew::while_renewing;
use crate::settings::Settings;

/// The part of the shutdown that is kept for handing a message back.
const HAND_BACK: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> ExitCode {
    jobs::start::process(Settings::read, |settings| &settings.common, run).await
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let stop = jobs::shutdown::on_signal().context("listening for signals")?;
    let overdue = overdue_after(&stop, settings.shutdown_timeout.saturating_sub(HAND_BACK));
    let store = jobs::start::store(&settings.common).await?;
    let queue = Queue::new(&aws_settings().await, settings.common.queue.clone());
    let worker = WorkerId::fresh();
    info!(version = settings.common.version, %worker, "polling");
    poll_until(
        &stop,
        || queue.receive(settings.visibility),
        async |message| settle(&store, &queue, &settings, &worker, &overdue, message).await,
    )
    .await;
    store.close().await;
    info!("stopped");
    Ok(())
}

/// Works on one message and tells the queue what became of it.
async fn settle(
    store: &Store,
    queue: &Queue,
    settings: &Settings,
    worker: &WorkerId,
    overdue: &CancellationToken,
    message: Message,
) -> Next {
    let receipt = &*message.receipt;
    // A dead worker's hold lapses before its message comes back, so that the next one finds the job free.
    let hold = settings.visibility * 2 / 3;
    let terms = Terms { worker: worker.clone(), attempts_max: settings.attempts_max, hold };
    let settled = while_renewing(
        settings.visibility / 3,
        || keep_hidden(queue, receipt, settings.visibility),
        process(store, &message.body, &terms, overdue),
    )
    .await;
    let told = match settled {
        Settled::Delete => queue.delete(receipt).await,
        Settled::Leave | Settled::PauseAndLeave => Ok(()),
        Settled::HandBack => hand_back(queue, receipt).await,
    };
    if let Err(error) = told {
        // It is delivered again, and then found to be done.
        warn!(error = chain(&error), "a message was not settled");
    }
    match settled {
        Settled::PauseAndLeave => Next::AfterPause,
        Settled::Delete | Settled::Leave | Settled::HandBack => Next::Now,
    }
}

async fn keep_hidden(queue: &Queue, receipt: &str, visibility: Duration) {
    if let Err(error) = queue.hide_for(receipt, visibility).await {
        warn!(error = chain(&error), "a message could not be kept hidden; it may be delivered again");
    }
}

async fn hand_back(queue: &Queue, receipt: &str) -> Result<(), QueueError> {
    tokio::time::timeout(HAND_BACK, queue.hide_for(receipt, Duration::ZERO))
        .await
        .unwrap_or_else(|late| Err(QueueError::new("handing a message back", late)))
}

/// A token that is cancelled this long after `stop`.
fn overdue_after(stop: &CancellationToken, limit: Duration) -> CancellationToken {
    let overdue = CancellationToken::new();
    let (stop, token) = (stop.clone(), overdue.clone());
    tokio::spawn(async move {
        stop.cancelled().await;
        tokio::time::sleep(limit).await;
        token.cancel();
    });
    overdue
}
