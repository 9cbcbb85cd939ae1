//! What the API answers when it can't do what was asked: a status, a stable code and a sentence (RFC 9457).

use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jobs::log::chain;
use jobs::store::StoreError;
use jobs::work::InvalidWork;
use serde::Serialize;
use utoipa::ToSchema;

/// Every refusal there is. The code is for programs and never changes its meaning; the sentence may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    InvalidJson,
    InvalidBody,
    UnknownKind,
    InvalidPayload,
    UnsupportedMediaType,
    BodyTooLarge,
    NoSuchJob,
    NoSuchPath,
    MethodNotAllowed,
    Unavailable,
}

impl Code {
    pub fn status(self) -> StatusCode {
        match self {
            Code::InvalidJson => StatusCode::BAD_REQUEST,
            Code::InvalidBody | Code::UnknownKind | Code::InvalidPayload => StatusCode::UNPROCESSABLE_ENTITY,
            Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::NoSuchJob | Code::NoSuchPath => StatusCode::NOT_FOUND,
            Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A refusal. Handlers return it as their error; [`crate::requests`] writes its body, which names the request.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    retry_after: Option<Duration>,
}

/// The body of a refusal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank`: the problem is told by `code`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: &'static str,
    #[schema(example = 404)]
    status: u16,
    /// What is wrong with this request, and the way out, for people.
    #[schema(example = "there is no job with this id")]
    detail: String,
    code: Code,
    /// The request as the log names it; also in the header `x-request-id`.
    request_id: String,
}

impl Problem {
    /// A refusal with a sentence that says what is wrong and the way out.
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into(), retry_after: None }
    }

    /// Says when to try again.
    pub fn retry_after(self, pause: Duration) -> Problem {
        Problem { retry_after: Some(pause), ..self }
    }

    pub fn body(self, request_id: String) -> ProblemBody {
        let status = self.code.status();
        ProblemBody {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Problem"),
            status: status.as_u16(),
            detail: self.detail,
            code: self.code,
            request_id,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        if let Some(pause) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(pause.as_secs().max(1)));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        // The cause is for the log; it may name hosts and files.
        tracing::error!(error = chain(&error), "the database failed");
        Problem::new(Code::Unavailable, "the database can't be reached; try again")
            .retry_after(Duration::from_secs(1))
    }
}

impl From<InvalidWork> for Problem {
    fn from(invalid: InvalidWork) -> Problem {
        let code = match &invalid {
            InvalidWork::UnknownKind(_) => Code::UnknownKind,
            InvalidWork::Payload { .. } => Code::InvalidPayload,
        };
        Problem::new(code, invalid.to_string())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Problem {
        let code = match rejection.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
            StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
            StatusCode::UNPROCESSABLE_ENTITY => Code::InvalidBody,
            _ => Code::InvalidJson,
        };
        Problem::new(code, rejection.body_text())
    }
}
