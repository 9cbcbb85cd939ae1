//! The stream of what happens.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use jobs::store::ChangeMark;
use jobs::timestamp::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::live::LISTENERS_MAX;
use crate::live::listener::Listener;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::Api;

/// Who was away for longer gets a snapshot.
const RESUMED_WITHIN: Duration = Duration::from_secs(10 * 60);
const COME_BACK_AFTER: Duration = Duration::from_secs(5);

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(events))
}

/// What happens, as server-sent events that never end.
///
/// `snapshot` comes first: the newest jobs, how many there are of each status, and the pulses of the last ten
/// minutes. Then `jobs` tells those that changed, `pulse` how long the queue is and how many workers live (every
/// two seconds), `counts` how many jobs there are. A client that can't keep up is told `resync`, and a new
/// `snapshot`. With `last-event-id` it begins with `resumed`, which holds what was missed, if that is not too much.
#[utoipa::path(get, path = "/events", tag = "service",
    params(("last-event-id" = Option<String>, Header, description = "the id of the last event that was received")),
    responses(
        (status = 200, description = "events", body = String, content_type = "text/event-stream"),
        (status = 503, description = "too many listen already, the process is about to end, or the database is away",
         body = ProblemBody, content_type = "application/problem+json", headers(("retry-after" = u64))),
    )
)]
async fn events(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<([(HeaderName, &'static str); 3], Body), Problem> {
    if api.draining.is_cancelled() {
        return Err(away("this process is about to end; come back for another"));
    }
    let seat = api.feed.seat().ok_or_else(|| away(format!("{LISTENERS_MAX} listen already; try again later")))?;
    let Api { feed, store, version, draining, .. } = api;
    let left_off = left_off(&headers, Timestamp::now());
    let listener = Listener::begin(seat, feed, store, version, draining, left_off).await?;
    let head = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that know this header pass each event on at once.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((head, Body::from_stream(listener.into_stream())))
}

fn away(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Unavailable, detail).retry_after(COME_BACK_AFTER)
}

/// Nonsense, and what is too long ago or in the future, counts as none.
fn left_off(headers: &HeaderMap, now: Timestamp) -> Option<ChangeMark> {
    let given = headers.get("last-event-id")?.to_str().ok()?;
    let at: i64 = given.parse().ok()?;
    let known = now.minus(RESUMED_WITHIN).milliseconds()..=now.milliseconds();
    known.contains(&at).then(|| given.parse().ok())?
}
