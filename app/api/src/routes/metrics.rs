//! What Prometheus reads.

use axum::extract::State;
use axum::http::{HeaderName, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(metrics))
}

/// Metrics in the text format of Prometheus. What can't be seen at the moment is NaN.
#[utoipa::path(get, path = "/metrics", tag = "service", responses(
    (status = 200, description = "Metrics", body = String, content_type = "text/plain"),
))]
async fn metrics(State(api): State<Api>) -> ([(HeaderName, &'static str); 1], String) {
    api.metrics.listeners(api.feed.listeners());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], api.metrics.render())
}
