//! What the worker counts, for Prometheus, and the small port that it is read from.
//!
//! | metric | labels | meaning |
//! | --- | --- | --- |
//! | `worker_jobs_total` | `kind`, `outcome` | attempts that ended: `completed`, `failed`, `given_up`, `released`, `superseded` |
//! | `worker_job_seconds` | `kind` | how long an attempt took |
//! | `worker_jobs_in_hand` | | messages in hand |
//! | `worker_messages_redelivered_total` | | messages that were received before |
//! | `worker_dead_letters_total` | | messages moved to the dead-letter queue |

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jobs::work::Work;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tracing::{debug, warn};

const JOBS: &str = "worker_jobs_total";
const SECONDS: &str = "worker_job_seconds";
const IN_HAND: &str = "worker_jobs_in_hand";
const REDELIVERED: &str = "worker_messages_redelivered_total";
const DEAD_LETTERS: &str = "worker_dead_letters_total";

const BUCKETS: [f64; 10] = [0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0];
/// How often what was measured is folded together, so that it does not pile up unread.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// A reader that sends its request more slowly than this is gone.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How an attempt at a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Completed,
    Failed,
    GivenUp,
    /// For another attempt: this worker stops, or something it needs is away.
    Released,
    /// Another worker took the job over meanwhile.
    Superseded,
}

impl Ended {
    pub fn name(self) -> &'static str {
        match self {
            Ended::Completed => "completed",
            Ended::Failed => "failed",
            Ended::GivenUp => "given_up",
            Ended::Released => "released",
            Ended::Superseded => "superseded",
        }
    }
}

/// A kind as a label. Others come from outside, and each would be a series of its own.
fn label(kind: &str) -> &'static str {
    Work::KINDS.into_iter().find(|known| *known == kind).unwrap_or("unknown")
}

pub fn ended(kind: &str, ended: Ended, took: Duration) {
    metrics::counter!(JOBS, "kind" => label(kind), "outcome" => ended.name()).increment(1);
    metrics::histogram!(SECONDS, "kind" => label(kind)).record(took.as_secs_f64());
}

/// A job that was begun too often: there was no attempt.
pub fn given_up() {
    metrics::counter!(JOBS, "kind" => "unknown", "outcome" => Ended::GivenUp.name()).increment(1);
}

pub fn in_hand(messages: usize) {
    metrics::gauge!(IN_HAND).set(messages as f64);
}

pub fn redelivered() {
    metrics::counter!(REDELIVERED).increment(1);
}

pub fn buried() {
    metrics::counter!(DEAD_LETTERS).increment(1);
}

/// Begins to count. Without this, nothing is kept.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Full(SECONDS.to_owned()), &BUCKETS)?;
    let handle = builder.install_recorder()?;
    in_hand(0);
    Ok(handle)
}

pub async fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await
}

/// Serves `GET /metrics` for as long as it is polled.
pub async fn serve(listener: TcpListener, handle: PrometheusHandle) {
    let upkeep = handle.clone();
    let folding = async {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    };
    tokio::join!(folding, accept(listener, handle));
}

async fn accept(listener: TcpListener, handle: PrometheusHandle) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: it passes when connections end.
                warn!(%error, "the port for metrics can't be read");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let handle = handle.clone();
        let service = service_fn(move |request| {
            let handle = handle.clone();
            async move { Ok::<_, Infallible>(answer(&request, &handle)) }
        });
        tokio::spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_TIMEOUT)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                debug!(%error, "a reader of metrics went away");
            }
        });
    }
}

fn answer(request: &Request<Incoming>, handle: &PrometheusHandle) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, handle.render()),
        _ => (StatusCode::NOT_FOUND, "only GET /metrics is here\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let text_format = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text_format);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_nobody_knows_is_no_label_of_its_own() {
        assert_eq!(label("csv-import"), "csv-import");
        assert_eq!(label("x-1"), label("x-2"));
    }
}
