//! The stream of what happens.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use jobs::store::ChangeMark;
use jobs::timestamp::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::document::refusals;
use crate::live::LISTENERS_MAX;
use crate::live::listener::Listener;
use crate::problem::{Code, Problem};
use crate::state::Api;

/// Who was away for longer gets a snapshot.
const RESUMED_WITHIN: Duration = Duration::from_secs(10 * 60);
const CLOCKS_DIFFER: Duration = Duration::from_secs(10);
const COME_BACK_AFTER: Duration = Duration::from_secs(5);

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(events))
}

refusals!(EventRefusals: Busy, Unavailable);

/// What happens, as server-sent events that never end.
///
/// `snapshot` comes first: the newest jobs, how many there are of each status, and the pulses of the last ten
/// minutes. Then `jobs` tells those that changed, `pulse` how long the queue is and how many workers live (every
/// two seconds), `counts` how many jobs there are. A client that can't keep up is told `resync`, and a new
/// `snapshot`. With `last-event-id` it begins with `resumed`, which holds what was missed, if that is not too much.
#[utoipa::path(get, path = "/events", tag = "service",
    params(("last-event-id" = Option<String>, Header, description = "the id of the last event that was received")),
    responses((status = 200, description = "events", body = String, content_type = "text/event-stream"), EventRefusals)
)]
async fn events(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<([(HeaderName, &'static str); 3], Body), Problem> {
    if api.draining.is_cancelled() {
        let detail = "this process is about to end; come back for another";
        return Err(Problem::new(Code::Unavailable, detail).retry_after(Duration::from_secs(1)));
    }
    let seat = api.feed.seat().ok_or_else(|| {
        let detail = format!("{LISTENERS_MAX} clients listen already; try again later");
        Problem::new(Code::Busy, detail).retry_after(COME_BACK_AFTER)
    })?;
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

/// Nonsense, and what is too long ago, counts as none.
fn left_off(headers: &HeaderMap, now: Timestamp) -> Option<ChangeMark> {
    let given = headers.get("last-event-id")?.to_str().ok()?;
    let at: i64 = given.parse().ok()?;
    // Another process, whose clock is ahead, may have given it out.
    let known = now.minus(RESUMED_WITHIN).milliseconds()..=now.plus(CLOCKS_DIFFER).milliseconds();
    known.contains(&at).then(|| given.parse().ok())?
}
