//! The job API: takes jobs, stores them, and hands them to the queue through the outbox.

mod admin;
mod answers;
mod body;
mod document;
mod file_name;
mod live;
mod metrics;
mod problem;
mod query;
mod requests;
mod routes;
mod scaling;
mod serve;
mod settings;
mod state;
mod submissions;
#[cfg(test)]
mod testing;
mod uploads;

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use jobs::log::chain;
use jobs::objects::Objects;
use jobs::queue::{Queue, aws_settings};
use jobs::relay::relay_until;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::live::Feed;
use crate::live::watch::{AskDepth, Watcher};
use crate::metrics::Metrics;
use crate::routes::router;
use crate::scaling::account::Account;
use crate::scaling::change::Scaling;
use crate::serve::{Drain, serve, serve_beside};
use crate::settings::Settings;
use crate::state::{Administration, Api};
use crate::uploads::Uploads;

/// The part of the shutdown that is kept for the relay's last round, and for taking back unfinished uploads.
const LAST_ROUND: Duration = Duration::from_secs(1);
/// How long before connections are cut off uploads are given up, so that they are told and begin to be taken back.
const GIVING_UP: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> ExitCode {
    jobs::start::process(Settings::read, |settings| &settings.common, run).await
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let stop = jobs::shutdown::on_signal().context("listening for signals")?;
    let store = jobs::start::store(&settings.common).await?;
    let aws = aws_settings().await;
    let objects = Objects::open(&settings.common.objects, &aws)?;
    let queue = Arc::new(Queue::new(&aws, settings.common.queue));
    let metrics = Metrics::new(&settings.common.version).context("setting up the metrics")?;
    let feed = Feed::new();
    let scaling = settings
        .worker
        .map(|worker| Scaling::new(Account::new(&aws, worker), store.clone(), settings.scaling_maximum));

    let submitted = Arc::new(Notify::new());
    let relay_stop = CancellationToken::new();
    let mut relay = tokio::spawn({
        let (stop, store, wake) = (relay_stop.clone(), store.clone(), submitted.clone());
        let (queue, depth) = (queue.clone(), depth_of(queue.clone()));
        let send = move |bodies| {
            let queue = queue.clone();
            async move { queue.send_together(bodies).await.map_err(|error| chain(&error)) }
        };
        relay_until(stop, store, wake, send, move || depth())
    });

    let watcher = Watcher {
        store: store.clone(),
        depth: depth_of(queue.clone()),
        metrics: metrics.clone(),
        feed: feed.clone(),
    };
    tokio::spawn(watcher.watch(stop.clone()));

    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, settings.port))
        .await
        .with_context(|| format!("listening on port {}", settings.port))?;
    let version: Arc<str> = settings.common.version.into();
    info!(version = &*version, address = %listener.local_addr()?, "listening");
    let uploads = Uploads::new(objects.clone(), settings.uploads);
    let api = Api {
        store: store.clone(),
        uploads: uploads.clone(),
        objects: objects.clone(),
        submitted,
        ping_queue: Arc::new(move || {
            let queue = queue.clone();
            Box::pin(async move { queue.ping().await.map_err(|error| chain(&error)) })
        }),
        version,
        health: settings.health,
        ready: Arc::new(AtomicBool::new(true)),
        metrics,
        feed,
        admin: Administration { token: settings.admin_token, scaling },
        draining: stop.clone(),
    };
    let limit = settings.shutdown_timeout.saturating_sub(LAST_ROUND).max(settings.shutdown_grace);
    let drain = Drain { grace: settings.shutdown_grace, limit };
    tokio::spawn({
        let (stop, pause) = (stop.clone(), limit.saturating_sub(GIVING_UP).max(drain.grace));
        async move {
            stop.cancelled().await;
            sleep(pause).await;
            uploads.give_up.cancel();
        }
    });
    let serving = serve(listener, router(api), settings.bounds, stop.clone(), drain);
    let drained = serve_beside(&mut relay, &stop, serving).await.context("relaying the outbox")?;

    // The relay outlives the server, so that the last job accepted is queued now, not after the next start.
    relay_stop.cancel();
    let (relayed, settled) = tokio::join!(timeout(LAST_ROUND, relay), timeout(LAST_ROUND, objects.settled()));
    if relayed.is_err() {
        warn!("the queue is slow; the outbox keeps what is unsent for the next process");
    }
    if settled.is_err() {
        warn!("the object store is slow; parts of uploads may be left");
    }
    info!(?drained, "stopped");
    Ok(())
}

fn depth_of(queue: Arc<Queue>) -> Arc<AskDepth> {
    Arc::new(move || {
        let queue = queue.clone();
        Box::pin(async move { queue.depth().await.map_err(|error| chain(&error)) })
    })
}
