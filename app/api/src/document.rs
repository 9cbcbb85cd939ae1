//! The OpenAPI document: made from the handlers' annotations, completed with what holds for every path.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

pub type Document = Arc<OpenApi>;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Job API", description = "Takes jobs, stores them, and hands them to workers through a queue."),
    tags(
        (name = "jobs", description = "Work, from submission to its end"),
        (name = "service", description = "The process itself"),
    )
)]
struct Frame;

/// The document without any path.
pub fn frame() -> OpenApi {
    Frame::openapi()
}

/// Adds what every operation has in common.
pub fn complete(document: OpenApi) -> OpenApi {
    document
}

pub async fn serve(State(document): State<Document>) -> Json<OpenApi> {
    Json((*document).clone())
}
