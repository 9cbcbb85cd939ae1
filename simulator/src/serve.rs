//! The account behind a TCP port, for any AWS client.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Simulator;

/// Larger requests are refused; AWS's own limits are far below.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How often the world moves on while nobody asks.
const ADVANCE_EVERY: Duration = Duration::from_millis(100);
/// How long open connections may finish after the end was asked for.
const FINISH_WITHIN: Duration = Duration::from_secs(2);

/// Serves `simulator` on `listener` until `stop` is cancelled.
pub async fn serve(simulator: Simulator, listener: TcpListener, stop: CancellationToken) {
    let tracker = TaskTracker::new();
    tracker.spawn(keep_advancing(simulator.clone(), stop.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                tracker.spawn(serve_connection(simulator.clone(), stream, stop.clone()));
            }
            Err(error) => {
                // Out of file descriptors, most likely: it passes when connections end.
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(ADVANCE_EVERY).await;
            }
        }
    }
    tracker.close();
    let _unfinished = tokio::time::timeout(FINISH_WITHIN, tracker.wait()).await;
}

async fn keep_advancing(simulator: Simulator, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(ADVANCE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => simulator.advance(),
            () = stop.cancelled() => return,
        }
    }
}

async fn serve_connection(simulator: Simulator, stream: TcpStream, stop: CancellationToken) {
    // Answers are small and asked for one by one: waiting to fill a packet only delays them.
    let _no_delay = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let simulator = simulator.clone();
        async move { Ok::<_, Infallible>(answer(&simulator, request).await) }
    });
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(simulator: &Simulator, request: http::Request<Incoming>) -> http::Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => {
            let request = http::Request::from_parts(parts, body.to_bytes());
            simulator.call(request).await.map(Full::new)
        }
        Err(error) => {
            let mut response = http::Response::new(Full::from(format!("{error}\n")));
            *response.status_mut() = http::StatusCode::PAYLOAD_TOO_LARGE;
            response
        }
    }
}
