//! What happens around each request: its id, its line in the log, the body of a refusal, and the drain.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, info_span};
use uuid::Uuid;

use crate::problem::{Code, Problem};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub const REQUEST_ID_PATTERN: &str = "^[A-Za-z0-9._-]{1,64}$";
const REQUEST_ID_BYTES_MAX: usize = 64;

/// The name of one request, in the answer, in the log, on the job and in its message.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The client's own name for the request if it is one that can be repeated everywhere, or a fresh one.
    fn of(headers: &HeaderMap) -> RequestId {
        let own = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|text| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
            (1..=REQUEST_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
        });
        RequestId(own.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned))
    }
}

/// Names the request and logs what it was answered.
pub async fn around_each_request(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "(none)".to_owned(), |path| path.as_str().to_owned());
    let span = info_span!("request", request_id = id.0);
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let mut response = answered.unwrap_or_else(|_| {
        // What it panicked with is on standard error.
        Problem::new(Code::Internal, "this service has a defect; it is in its log by `request_id`")
            .into_response()
    });
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = written(problem, response, &id);
    }
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let status = response.status().as_u16();
    let microseconds = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let _in_span = span.enter();
    if path.starts_with("/api/") {
        // A load balancer asks every few seconds; that is not news.
        debug!(%method, path, status, microseconds, "answered");
    } else {
        info!(%method, path, status, microseconds, "answered");
    }
    response
}

/// Gives a refusal its body; its headers stay.
fn written(problem: Problem, refused: Response, id: &RequestId) -> Response {
    let (mut parts, _) = refused.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let mut response = Json(problem.body(id.0.clone())).into_response();
    *response.status_mut() = parts.status;
    response.headers_mut().extend(parts.headers);
    let problem_json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, problem_json);
    response
}

/// While draining asks the client to come back on another connection: a load balancer that keeps
/// connections open would otherwise send the next request into a closing one.
pub async fn close_while_draining(
    State(draining): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if draining.is_cancelled() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::from_fn;
    use axum::routing::get;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;
    use serde_json::Value;

    use super::*;

    #[tokio::test]
    async fn a_defect_is_answered_and_told_by_the_name_of_its_request() {
        async fn broken() -> &'static str {
            panic!("a secret of the inside")
        }
        let router = Router::new().route("/", get(broken)).layer(from_fn(around_each_request));
        let request = Request::builder().uri("/").header(REQUEST_ID, "r-1").body(Body::empty()).unwrap();
        let response = TowerToHyperService::new(router).call(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[REQUEST_ID]),
            (500, &"r-1".parse().unwrap())
        );
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["code"], &body["request_id"]), (&"internal".into(), &"r-1".into()));
        assert!(!body.to_string().contains("secret"), "{body}");
    }
}
