//! What Prometheus is told: each request, and what was last seen of queue, database and workers.
//!
//! Labels have few values: a route is its template, never a path, and a status or method is one of a list.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use jobs::job::Status;
use jobs::timestamp::Timestamp;
use metrics::{Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::live::census::Census;
use crate::live::pulse::Pulse;

const REQUESTS: &str = "api_requests_total";
const LATENCY: &str = "api_request_duration_seconds";
const UPLOADED: &str = "api_upload_bytes_total";
const LISTENERS: &str = "api_event_listeners";
const VERSION: &str = "api_info";
const JOBS: &str = "jobs_by_status";
const OLDEST_JOB: &str = "jobs_oldest_queued_age_seconds";
const UNSENT: &str = "jobs_outbox_unsent";
const OLDEST_UNSENT: &str = "jobs_outbox_oldest_age_seconds";
const MESSAGES: &str = "jobs_queue_messages";
const WORKERS: &str = "jobs_workers_live";

const COUNTERS: [(&str, &str); 2] = [
    (REQUESTS, "Requests answered, by method, route template and status."),
    (UPLOADED, "Bytes of uploads taken in."),
];
const HISTOGRAMS: [(&str, &str); 1] =
    [(LATENCY, "From a request's arrival to the head of its answer, by method and route template.")];
const GAUGES: [(&str, &str); 8] = [
    (LISTENERS, "Open streams of /events."),
    (VERSION, "Always 1; the label is the version."),
    (JOBS, "Stored jobs by status; NaN while the database is away."),
    (OLDEST_JOB, "How long the oldest SUBMITTED job has waited; NaN while the database is away."),
    (UNSENT, "Jobs stored whose message is not sent yet; NaN while the database is away."),
    (OLDEST_UNSENT, "How long the oldest unsent message has waited; NaN while the database is away."),
    (MESSAGES, "Messages of the queue, visible or in flight; NaN while the queue is away."),
    (WORKERS, "Workers seen lately; NaN while the database is away."),
];
const LATENCY_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// The process's metrics. All clones are the same.
#[derive(Clone)]
pub struct Metrics {
    // Not the `metrics` crate's global recorder: each API of a test has its own numbers.
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Metrics {
    pub fn new(version: &str) -> Result<Metrics, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(LATENCY.to_owned()), &LATENCY_SECONDS)?
            .build_recorder();
        for (name, help) in COUNTERS {
            recorder.describe_counter(KeyName::from_const_str(name), None, help.into());
        }
        for (name, help) in HISTOGRAMS {
            recorder.describe_histogram(KeyName::from_const_str(name), None, help.into());
        }
        for (name, help) in GAUGES {
            recorder.describe_gauge(KeyName::from_const_str(name), None, help.into());
        }
        let metrics = Metrics { handle: recorder.handle(), recorder: Arc::new(recorder) };
        metrics.gauge(VERSION, vec![Label::new("version", version.to_owned())], 1.0);
        metrics.uploaded(0);
        Ok(metrics)
    }

    pub fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let labels = vec![Label::new("method", known(method)), Label::new("route", route.to_owned())];
        let latency = Key::from_parts(LATENCY, labels.clone());
        self.recorder.register_histogram(&latency, &METADATA).record(took.as_secs_f64());
        let status = Label::new("status", status.as_u16().to_string());
        let requests = Key::from_parts(REQUESTS, [labels, vec![status]].concat());
        self.recorder.register_counter(&requests, &METADATA).increment(1);
    }

    pub fn uploaded(&self, bytes: u64) {
        let key = Key::from_static_name(UPLOADED);
        self.recorder.register_counter(&key, &METADATA).increment(bytes);
    }

    pub fn listeners(&self, open: usize) {
        self.gauge(LISTENERS, Vec::new(), number(Some(open as u64)));
    }

    /// Sets what was seen of queue and workers; what could not be seen is NaN, not as it was.
    pub fn pulse(&self, pulse: &Pulse) {
        let state = |state| vec![Label::from_static_parts("state", state)];
        self.gauge(MESSAGES, state("visible"), number(pulse.queue.map(|queue| queue.visible)));
        self.gauge(MESSAGES, state("in_flight"), number(pulse.queue.map(|queue| queue.in_flight)));
        self.gauge(WORKERS, Vec::new(), number(pulse.workers));
    }

    /// Sets what was counted in the database at `now`; `None` makes it NaN.
    pub fn census(&self, census: Option<&Census>, now: Timestamp) {
        for status in Status::ALL {
            let jobs = census.map(|census| census.jobs.get(&status).copied().unwrap_or_default());
            self.gauge(JOBS, vec![Label::from_static_parts("status", status.name())], number(jobs));
        }
        self.gauge(UNSENT, Vec::new(), number(census.map(|census| census.unsent)));
        let age = |since: fn(&Census) -> Option<Timestamp>| match census {
            None => f64::NAN,
            Some(census) => since(census).map_or(0.0, |since| seconds_between(since, now)),
        };
        self.gauge(OLDEST_JOB, Vec::new(), age(|census| census.oldest_queued));
        self.gauge(OLDEST_UNSENT, Vec::new(), age(|census| census.oldest_unsent));
    }

    /// Folds the latencies measured so far into their buckets. Until then each takes memory.
    pub fn fold(&self) {
        self.handle.run_upkeep();
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    fn gauge(&self, name: &'static str, labels: Vec<Label>, value: f64) {
        self.recorder.register_gauge(&Key::from_parts(name, labels), &METADATA).set(value);
    }
}

/// Counts each request and how long it took to answer.
pub async fn around_each_request(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
    metrics.answered(&method, route, response.status(), began.elapsed());
    response
}

/// A client may invent methods; each would be a time series of its own.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[allow(clippy::cast_precision_loss)] // Nobody counts to 2^53 jobs.
fn number(count: Option<u64>) -> f64 {
    count.map_or(f64::NAN, |count| count as f64)
}

#[allow(clippy::cast_precision_loss)]
fn seconds_between(since: Timestamp, now: Timestamp) -> f64 {
    now.milliseconds().saturating_sub(since.milliseconds()).max(0) as f64 / 1000.0
}
