//! The API's paths and what each answers.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, MatchedPath, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jobs::job::{Job, JobId};
use jobs::log::chain;
use jobs::store::{NewJob, Store, Submitted};
use jobs::timestamp::Timestamp;
use jobs::work::Work;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::problem::Problem;
use crate::settings::Health;

const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long `/api/ready` waits for database and queue before it says no.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the queue for a sign of life; an error says in words what is wrong.
pub type QueuePing = dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync;

#[derive(Clone)]
pub struct Api {
    pub store: Store,
    /// Rouses the relay when the outbox has something new.
    pub submitted: Arc<Notify>,
    pub ping_queue: Arc<QueuePing>,
    pub version: Arc<str>,
    pub health: Health,
    /// Set from SIGTERM on.
    pub draining: CancellationToken,
}

pub fn router(api: Api) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/version", get(version))
        .route("/submit-job", post(submit_job))
        .route("/jobs/{id}", get(read_job))
        .route("/api/health", get(health))
        .route("/api/ready", get(ready))
        .fallback(async || Problem::NoSuchPath)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(api.clone(), around_each_request))
        .with_state(api)
}

async fn index(State(api): State<Api>) -> String {
    format!("job-api {}\n", api.version)
}

async fn version(State(api): State<Api>) -> Json<Value> {
    Json(json!({"service": "job-api", "version": &*api.version}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    kind: String,
    #[serde(default = "empty_payload")]
    payload: Value,
}

fn empty_payload() -> Value {
    json!({})
}

/// Answers 202 once the job and its message are stored; the queue need not be up for that.
async fn submit_job(
    State(api): State<Api>,
    body: Result<Json<Submission>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(submission) = body.map_err(Problem::Body)?;
    Work::parse(&submission.kind, &submission.payload).map_err(Problem::Work)?;
    let new = NewJob::new(&submission.kind, submission.payload);
    let job = match api.store.submit(new, Timestamp::now()).await? {
        Submitted::New(job) | Submitted::Repeated(job) => job,
        // Only a submission with a key can meet one.
        Submitted::KeyTaken => return Err(Problem::NoSuchJob),
    };
    api.submitted.notify_one();
    info!(job_id = %job.id, kind = job.kind, "submitted");
    let location = format!("/jobs/{}", job.id);
    let answer = json!({"id": job.id, "status": job.status});
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(answer)).into_response())
}

async fn read_job(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Job>, Problem> {
    let id: JobId = id.parse().map_err(|_| Problem::NoSuchJob)?;
    let job = api.store.read(id).await?;
    job.map(Json).ok_or(Problem::NoSuchJob)
}

/// Liveness: whether the process answers. Nothing behind it is asked, so that a database outage
/// does not get healthy tasks killed.
async fn health(State(api): State<Api>) -> Response {
    let (code, status) = match api.health {
        Health::Ok => (StatusCode::OK, "ok"),
        Health::Failing => (StatusCode::INTERNAL_SERVER_ERROR, "failing"),
    };
    let body = json!({"status": status, "version": &*api.version});
    (code, Json(body)).into_response()
}

/// Readiness: whether it makes sense to send requests here now.
async fn ready(State(api): State<Api>) -> Response {
    if api.draining.is_cancelled() {
        let body = json!({"status": "draining"});
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    let database = async { api.store.ping().await.map_err(|error| chain(&error)) };
    let (database, queue) = tokio::join!(in_time(database), in_time((api.ping_queue)()));
    let (code, status) = match (&database, &queue) {
        (Ok(()), Ok(())) => (StatusCode::OK, "ready"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    if status != "ready" {
        debug!(?database, ?queue, "not ready");
    }
    let word = |answer: &Result<(), String>| if answer.is_ok() { "ok" } else { "unreachable" };
    let body = json!({"status": status, "database": word(&database), "queue": word(&queue)});
    (code, Json(body)).into_response()
}

async fn in_time(asked: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    tokio::time::timeout(READY_TIMEOUT, asked).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

/// Logs the request, and while draining asks the client to come back on another connection: a load
/// balancer that keeps connections open would otherwise send the next request into a closing one.
async fn around_each_request(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "(none)".to_owned(), |path| path.as_str().to_owned());
    let mut response = next.run(request).await;
    if api.draining.is_cancelled() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let status = response.status().as_u16();
    let microseconds = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    if path.starts_with("/api/") {
        // A load balancer asks every few seconds; that is not news.
        debug!(%method, path, status, microseconds, "answered");
    } else {
        info!(%method, path, status, microseconds, "answered");
    }
    response
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
