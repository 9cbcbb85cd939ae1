//! The job worker: takes jobs from the queue, does them, and writes how they ended.

mod backlog;
mod email;
mod formula;
mod heartbeat;
mod import;
mod intake;
mod measures;
mod perform;
mod process;
mod protection;
mod renew;
mod report;
mod settings;
mod settle;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jobs::log::chain;
use jobs::objects::Objects;
use jobs::queue::{Queue, aws_settings};
use jobs::store::WorkerId;
use jobs::timestamp::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::backlog::Backlog;
use crate::email::Mailer;
use crate::intake::{Health, Intake};
use crate::perform::Tools;
use crate::process::Terms;
use crate::protection::{Agent, Protection};
use crate::settings::Settings;
use crate::settle::Worker;

/// The part of the shutdown in which jobs are released and their messages handed back.
const HAND_BACK: Duration = Duration::from_secs(3);
/// The part of the shutdown after that, in which the worker takes its leave.
const FAREWELL: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> ExitCode {
    jobs::start::process(Settings::read, |settings| &settings.common, run).await
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let stop = jobs::shutdown::on_signal().context("listening for signals")?;
    let worker = Arc::new(open(&settings, stop.clone()).await?);
    info!(version = settings.common.version, worker = %worker.terms.worker, "polling");
    let handed_back = deadline_after(&stop, settings.shutdown_timeout.saturating_sub(FAREWELL));
    let tasks = TaskTracker::new();
    let work = async {
        take_messages(&worker, settings.jobs_at_once, &tasks).await;
        tasks.close();
        tokio::select! {
            () = tasks.wait() => {}
            () = handed_back.cancelled() => warn!(jobs = tasks.len(), "stopping before every job was let go"),
        }
    };
    let metrics = serve_metrics(settings.metrics_port).await?;
    let meanwhile = async {
        tokio::join!(
            heartbeat::beat(
                &worker.tools.store,
                &worker.terms.worker,
                &settings.common.version,
                worker.in_hand.subscribe(),
                worker.protection.taking()
            ),
            worker.protection.keep(worker.in_hand.subscribe()),
            report_backlog(&worker, &settings),
            metrics,
        )
    };
    tokio::select! {
        () = work => {}
        _never = meanwhile => {}
    }
    let store = &worker.tools.store;
    let farewell = async {
        if let Err(error) = store.leave(&worker.terms.worker).await {
            warn!(error = chain(&error), "this worker could not sign off");
        }
        // A report or a list of rejected rows that was cut off leaves nothing of itself.
        worker.tools.objects.settled().await;
        store.close().await;
    };
    if timeout(FAREWELL, farewell).await.is_err() {
        warn!("the database is slow; this worker did not sign off");
    }
    info!("stopped");
    Ok(())
}

async fn open(settings: &Settings, stop: CancellationToken) -> anyhow::Result<Worker<Agent>> {
    let aws = aws_settings().await;
    let store = jobs::start::store(&settings.common).await?;
    let objects = Objects::open(&settings.common.objects, &aws)?;
    let agent =
        settings.ecs_agent_uri.as_deref().map(Agent::new).transpose().context("reading ECS_AGENT_URI")?;
    let overdue = deadline_after(&stop, settings.shutdown_timeout.saturating_sub(HAND_BACK + FAREWELL));
    Ok(Worker {
        tools: Tools { store, objects, mailer: Mailer::new(settings.mail.clone(), &aws) },
        queue: Queue::new(&aws, settings.common.queue.clone()),
        dead_letters: settings.dead_letters.clone().map(|address| Queue::new(&aws, address)),
        terms: Terms {
            worker: WorkerId::fresh(),
            attempts_max: settings.attempts_max,
            // A dead worker's hold lapses before its message comes back, so that the next one finds the job free.
            hold: settings.visibility * 2 / 3,
        },
        visibility: settings.visibility,
        protection: Protection::new(agent),
        health: Health::good(),
        in_hand: watch::Sender::new(0),
        stop,
        overdue,
    })
}

/// Receives messages and works on each in a task of its own, until the stop.
async fn take_messages(worker: &Arc<Worker<Agent>>, jobs_at_once: u32, tasks: &TaskTracker) {
    let places = Arc::new(Semaphore::new(jobs_at_once as usize));
    let intake = Intake { stop: &worker.stop, places: &places, health: &worker.health };
    intake
        .run(
            || worker.protection.opened(),
            async || worker.tools.store.ping().await.is_ok(),
            |at_most| worker.queue.receive(at_most, worker.visibility),
            |message, place| {
                let worker = Arc::clone(worker);
                tasks.spawn(async move {
                    worker.settle(message).await;
                    drop(place);
                });
            },
        )
        .await;
}

async fn report_backlog(worker: &Worker<Agent>, settings: &Settings) {
    let Some(every) = settings.backlog_every else {
        return std::future::pending().await;
    };
    let measure = async || {
        let store = &worker.tools.store;
        let queue_depth = worker.queue.depth().await.map_err(|error| chain(&error))?.visible;
        let owed_messages = store.owed().await.map_err(|error| chain(&error))?.messages;
        let live_workers = store.live_workers(Timestamp::now()).await.map_err(|error| chain(&error))?;
        Ok::<_, String>(Backlog { queue_depth, owed_messages, live_workers })
    };
    let write = |line: String| {
        // Nobody reads it any more; that is no reason to end.
        let _unread = writeln!(std::io::stdout(), "{line}");
    };
    backlog::report(&settings.service_name, every, measure, write).await;
}

/// What serves the port for metrics, if there is to be one.
async fn serve_metrics(port: Option<u16>) -> anyhow::Result<impl Future<Output = ()>> {
    let served = match port {
        None => None,
        Some(port) => {
            let listener =
                measures::listen(port).await.with_context(|| format!("listening on METRICS_PORT {port}"))?;
            Some((listener, measures::install()?))
        }
    };
    Ok(async {
        match served {
            Some((listener, handle)) => measures::serve(listener, handle).await,
            None => std::future::pending().await,
        }
    })
}

/// A token that is cancelled this long after `stop`.
fn deadline_after(stop: &CancellationToken, limit: Duration) -> CancellationToken {
    let deadline = CancellationToken::new();
    let (stop, token) = (stop.clone(), deadline.clone());
    tokio::spawn(async move {
        stop.cancelled().await;
        tokio::time::sleep(limit).await;
        token.cancel();
    });
    deadline
}
