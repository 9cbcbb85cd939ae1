//! Which paths there are: one module each for what belongs together, merged here with their documentation.

mod events;
mod health;
pub mod jobs;
mod metrics;
mod page;
mod reports;
mod scaling;
mod submit;
mod uploads;
mod version;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::document;
use crate::problem::{Code, Problem};
use crate::requests::{around_each_request, close_while_draining};
use crate::state::Api;

/// The paths of each module. A module's `routes` returns an [`OpenApiRouter`] of annotated handlers.
fn documented() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(document::frame())
        .merge(page::routes())
        .merge(version::routes())
        .merge(submit::routes())
        .merge(jobs::routes())
        .merge(events::routes())
        .merge(scaling::routes())
        .merge(metrics::routes())
        .merge(reports::routes())
        .merge(uploads::routes())
        .merge(health::routes())
        .merge(document::routes())
}

/// The document of all paths, as it is served at `/openapi.json`.
pub fn openapi() -> OpenApi {
    document::complete(documented().into_openapi())
}

pub fn router(api: Api) -> Router {
    Router::from(documented())
        .fallback(async || Problem::new(Code::NoSuchPath, "there is nothing at this path; see /openapi.json"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                Code::MethodNotAllowed,
                "this path does not take this method; `allow` names those it takes",
            )
        })
        .layer(from_fn_with_state(api.draining.clone(), close_while_draining))
        .layer(from_fn(around_each_request))
        .layer(from_fn_with_state(api.metrics.clone(), crate::metrics::around_each_request))
        .with_state(api)
}

#[cfg(test)]
mod tests;
