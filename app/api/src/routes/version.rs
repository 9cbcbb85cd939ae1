//! Which version answers.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(version))
}

#[derive(Serialize, ToSchema)]
struct Version {
    /// Always `job-api`.
    service: &'static str,
    #[schema(example = "1.4.2")]
    version: String,
}

/// Name and version.
#[utoipa::path(get, path = "/version", tag = "service", responses((status = 200, description = "The version", body = Version)))]
async fn version(State(api): State<Api>) -> Json<Version> {
    Json(Version { service: "job-api", version: api.version.to_string() })
}
