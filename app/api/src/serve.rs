//! Serves until told to stop, then drains: nothing that reaches the process before it closes its listener is dropped.
//!
//! Slow and hostile clients have bounds: how long the head of a request may take, and how many
//! connections there are. Those beyond wait in the kernel's queue.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jobs::log::chain;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

/// The pause after a connection could not be accepted: most likely there are too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How long, and how much, a client that was refused may go on sending before it is cut off. Closing at
/// once would reset the connection, and the client would not see the refusal.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How a drain went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every connection was finished.
    Complete,
    /// The time was up before every connection was finished.
    CutOff,
}

/// What clients may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub connections_max: usize,
    /// How long a connection may take until the head of its next request is complete.
    pub head_timeout: Duration,
}

/// How a stop goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drain {
    /// How long connections are accepted after the stop: a load balancer hears of it no sooner than
    /// the process does.
    pub grace: Duration,
    /// How long after the stop open connections may take to finish, the grace included.
    pub limit: Duration,
}

/// Serves until `stop`; goes on accepting for the grace; then closes the listener and finishes open
/// connections, at most until the limit.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
    drain: Drain,
) -> Drained {
    let close = CancellationToken::new();
    let closing = close_after(stop, drain, close.clone());
    let (connections, deadline) = tokio::join!(accept(listener, router, bounds, close), closing);
    match timeout_at(deadline, connections.wait()).await {
        Ok(()) => Drained::Complete,
        Err(_) => {
            warn!("connections were still open when the time was up");
            Drained::CutOff
        }
    }
}

/// The task that the server can't do without ended while it served.
#[derive(Debug, thiserror::Error)]
pub enum Abandoned {
    #[error("it ended by itself")]
    Ended,
    #[error("it broke down")]
    Broken(#[from] JoinError),
}

/// Serves for as long as `companion` runs. One that ends first stops the server, which finishes what it has begun,
/// and it is an error: another process has to take its place.
pub async fn serve_beside<T>(
    companion: &mut JoinHandle<()>,
    stop: &CancellationToken,
    serving: impl Future<Output = T>,
) -> Result<T, Abandoned> {
    tokio::pin!(serving);
    let ended = tokio::select! {
        served = &mut serving => return Ok(served),
        ended = companion => ended,
    };
    error!(error = ended.as_ref().err().map(|error| chain(error)), "the relay ended; stopping");
    stop.cancel();
    serving.await;
    ended?;
    Err(Abandoned::Ended)
}

/// Waits for the stop and the grace, then closes; says until when connections may finish.
async fn close_after(stop: CancellationToken, drain: Drain, close: CancellationToken) -> Instant {
    stop.cancelled().await;
    let deadline = Instant::now() + drain.limit;
    info!("draining");
    sleep(drain.grace).await;
    close.cancel();
    deadline
}

/// Accepts until `close`; then the listener is closed, and the connections are returned.
async fn accept(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    close: CancellationToken,
) -> TaskTracker {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(bounds.connections_max));
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            () = close.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, router.clone(), bounds.head_timeout, close.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    connections.close();
    connections
}

/// Serves one connection to its end; after `close` it ends with the request that is in flight.
async fn connection(stream: TcpStream, router: Router, head_timeout: Duration, close: CancellationToken) {
    // Answers are small and asked for one by one: waiting to fill a packet only delays them.
    let _no_delay = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request| Box::pin(router.call(request)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = poll_fn(|context| connection.poll_without_shutdown(context)) => ended,
        () = close.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|context| connection.poll_without_shutdown(context)).await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
        return;
    }
    let stream = connection.into_parts().io.into_inner();
    tokio::select! {
        () = linger(stream) => {}
        // A drain does not wait for clients that were answered.
        () = close.cancelled() => {}
    }
}

/// Says that there is nothing more to come, and discards what the client still sends.
async fn linger(mut stream: TcpStream) {
    let discard = async {
        stream.shutdown().await?;
        let mut discarded = 0;
        let mut buffer = vec![0; 16 * 1024];
        while discarded < LINGER_BYTES_MAX {
            match stream.read(&mut buffer).await? {
                0 => break,
                count => discarded += count,
            }
        }
        io::Result::Ok(())
    };
    // Whether the client was patient is its own affair.
    let _cut_off = timeout(LINGER, discard).await;
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
