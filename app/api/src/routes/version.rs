//! Which version answers.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Api;

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(index)).routes(routes!(version))
}

/// Name and version, for people.
#[utoipa::path(get, path = "/", tag = "service", responses((status = 200, description = "One line", body = String, content_type = "text/plain", example = "job-api 1.4.2\n")))]
async fn index(State(api): State<Api>) -> String {
    format!("job-api {}\n", api.version)
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
