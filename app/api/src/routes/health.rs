//! Whether the process is alive, and whether it makes sense to send it requests.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use jobs::log::chain;
use serde::Serialize;
use tracing::{info, warn};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::settings;
use crate::state::Api;

/// How long `/api/ready` waits for database and queue before it says no.
const READY_TIMEOUT: Duration = Duration::from_secs(2);
const COME_BACK: [(HeaderName, &str); 1] = [(RETRY_AFTER, "1")];

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(health)).routes(routes!(ready))
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok` or `failing`.
    status: &'static str,
    version: String,
}

/// Liveness: whether the process answers. Nothing behind it is asked, so that a database outage
/// does not get healthy tasks killed.
#[utoipa::path(get, path = "/api/health", tag = "service", responses(
    (status = 200, description = "alive", body = Health),
    (status = 500, description = "told by HEALTH to fail", body = Health),
))]
async fn health(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    let (code, status) = match api.health {
        settings::Health::Ok => (StatusCode::OK, "ok"),
        settings::Health::Failing => (StatusCode::INTERNAL_SERVER_ERROR, "failing"),
    };
    (code, Json(Health { status, version: api.version.to_string() }))
}

#[derive(Serialize, ToSchema)]
struct Readiness {
    /// `ready`, `unavailable` or `draining`.
    status: &'static str,
    /// `ok` or `unreachable`; absent while draining.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'static str>,
    /// `ok` or `unreachable`; absent while draining.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'static str>,
}

/// Readiness: whether it makes sense to send requests here now.
#[utoipa::path(get, path = "/api/ready", tag = "service", responses(
    (status = 200, description = "ready", body = Readiness),
    (status = 503, description = "database or queue is away, or the process is about to end", body = Readiness,
        headers(("retry-after" = u64, description = "Seconds to wait"))),
))]
async fn ready(State(api): State<Api>) -> Response {
    if api.draining.is_cancelled() {
        let draining = Readiness { status: "draining", database: None, queue: None };
        return (StatusCode::SERVICE_UNAVAILABLE, COME_BACK, Json(draining)).into_response();
    }
    let database = async { api.store.ping().await.map_err(|error| chain(&error)) };
    let (database, queue) = tokio::join!(in_time(database), in_time((api.ping_queue)()));
    let ready = database.is_ok() && queue.is_ok();
    // A load balancer asks every few seconds; only a change is news.
    match (api.ready.swap(ready, Ordering::Relaxed), ready) {
        (true, false) => {
            warn!(database = database.as_ref().err(), queue = queue.as_ref().err(), "not ready")
        }
        (false, true) => info!("ready again"),
        (true, true) | (false, false) => {}
    }
    let word = |answer: Result<(), String>| Some(if answer.is_ok() { "ok" } else { "unreachable" });
    let (database, queue) = (word(database), word(queue));
    match ready {
        true => Json(Readiness { status: "ready", database, queue }).into_response(),
        false => {
            let unavailable = Readiness { status: "unavailable", database, queue };
            (StatusCode::SERVICE_UNAVAILABLE, COME_BACK, Json(unavailable)).into_response()
        }
    }
}

async fn in_time(asked: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    tokio::time::timeout(READY_TIMEOUT, asked).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}
