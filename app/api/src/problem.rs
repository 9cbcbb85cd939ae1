//! What the API answers when it can't do what was asked: a status, a stable code and a sentence.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jobs::log::chain;
use jobs::store::StoreError;
use jobs::work::InvalidWork;
use serde_json::json;

#[derive(Debug)]
pub enum Problem {
    /// The body is no JSON, too large, or not of the documented shape.
    Body(JsonRejection),
    Work(InvalidWork),
    NoSuchJob,
    NoSuchPath,
    /// The database is away; nothing was stored.
    Store(StoreError),
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Problem::Body(rejection) => rejection.status(),
            Problem::Work(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Problem::NoSuchJob | Problem::NoSuchPath => StatusCode::NOT_FOUND,
            Problem::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Problem::Body(_) => "invalid_body",
            Problem::Work(InvalidWork::UnknownKind(_)) => "unknown_kind",
            Problem::Work(InvalidWork::Payload { .. }) => "invalid_payload",
            Problem::NoSuchJob => "no_such_job",
            Problem::NoSuchPath => "no_such_path",
            Problem::Store(_) => "unavailable",
        }
    }

    fn message(&self) -> String {
        match self {
            Problem::Body(rejection) => rejection.body_text(),
            Problem::Work(invalid) => invalid.to_string(),
            Problem::NoSuchJob => "there is no job with this id".to_owned(),
            Problem::NoSuchPath => "there is nothing at this path".to_owned(),
            // The cause is for the log; it may name hosts and files.
            Problem::Store(_) => "the database can't be reached; try again".to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Problem::Store(error) = &self {
            tracing::error!(error = chain(error), "a request failed");
        }
        let body = json!({"error": {"code": self.code(), "message": self.message()}});
        let mut response = (self.status(), Json(body)).into_response();
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        Problem::Store(error)
    }
}
