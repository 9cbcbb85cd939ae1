//! Serves until told to stop, then drains: nothing that reaches the process before it closes its listener is dropped.

use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How a drain went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every connection was finished.
    Complete,
    /// The time was up before every connection was finished.
    CutOff,
}

/// Serves until `stop`; goes on accepting for `grace`, since a load balancer hears of the stop no
/// sooner than the process does; then closes the listener and finishes open connections, at most
/// until `limit` after `stop`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    grace: Duration,
    limit: Duration,
) -> io::Result<Drained> {
    let close = CancellationToken::new();
    let server =
        axum::serve(listener, router).with_graceful_shutdown(close.clone().cancelled_owned()).into_future();
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended.map(|()| Drained::Complete),
        () = stop.cancelled() => {}
    }
    let deadline = Instant::now() + limit;
    info!("draining");
    tokio::select! {
        ended = &mut server => return ended.map(|()| Drained::Complete),
        () = sleep(grace) => close.cancel(),
    }
    match timeout_at(deadline, server).await {
        Ok(ended) => ended.map(|()| Drained::Complete),
        Err(_) => {
            warn!("connections were still open when the time was up");
            Ok(Drained::CutOff)
        }
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
