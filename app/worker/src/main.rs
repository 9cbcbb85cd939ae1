//! The job worker: takes jobs from the queue, does them, and writes how they ended.

mod hold;
mod perform;
mod poll;
mod process;
mod settings;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use jobs::environment::Environment;
use jobs::log::chain;
use jobs::queue::{Message, Queue, QueueError, aws_settings};
use jobs::store::Store;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::hold::hold;
use crate::poll::{Next, poll_until};
use crate::process::{Settled, process};
use crate::settings::Settings;

/// The part of the shutdown that is kept for handing a message back.
const HAND_BACK: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match Settings::read(Environment::of_process()) {
        Ok(settings) => settings,
        Err(invalid) => {
            eprintln!("error: {invalid}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(message) = &settings.common.fail_at_start {
        println!("{message}");
        return ExitCode::FAILURE;
    }
    jobs::log::start(settings.common.log_level);
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            error!(error = format!("{failure:#}"), "failed");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let stop = jobs::shutdown::on_signal().context("listening for signals")?;
    let overdue = overdue_after(&stop, settings.shutdown_timeout.saturating_sub(HAND_BACK));
    let store = Store::open(&settings.common.database_url).await?;
    store.migrate().await?;
    let queue = Queue::new(&aws_settings().await, settings.common.queue.clone());
    info!(version = settings.common.version, "polling");
    poll_until(
        &stop,
        || queue.receive(settings.visibility),
        async |message| settle(&store, &queue, &settings, &overdue, message).await,
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
    overdue: &CancellationToken,
    message: Message,
) -> Next {
    let receipt = &*message.receipt;
    let settled = hold(
        settings.visibility,
        overdue,
        || queue.hide_for(receipt, settings.visibility),
        process(store, &message.body, settings.attempts_max),
    )
    .await;
    let told = match settled {
        Some(Settled::Delete) => queue.delete(receipt).await,
        Some(Settled::Leave | Settled::PauseAndLeave) => Ok(()),
        None => {
            warn!("the job in hand takes too long; handing it to another worker");
            hand_back(queue, receipt).await
        }
    };
    if let Err(error) = told {
        // It is delivered again, and then found to be done.
        warn!(error = chain(&error), "a message was not settled");
    }
    match settled {
        Some(Settled::PauseAndLeave) => Next::AfterPause,
        Some(Settled::Delete | Settled::Leave) | None => Next::Now,
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
