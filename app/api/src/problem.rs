//! What the API answers when it can't do what was asked: a status, a stable code and a sentence (RFC 9457).

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jobs::log::chain;
use jobs::store::StoreError;
use jobs::work::InvalidWork;
use serde::Serialize;
use utoipa::ToSchema;

/// Every refusal there is. The code is for programs and never changes its meaning; the sentence may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    AwsRefused,
    BodyInterrupted,
    BodyStalled,
    BodyTooLarge,
    Busy,
    ChangeUnderWay,
    EmptyUpload,
    Forbidden,
    IdempotencyKeyReused,
    Internal,
    InvalidBody,
    InvalidHeader,
    InvalidJson,
    InvalidPayload,
    InvalidQuery,
    InvalidScaling,
    MethodNotAllowed,
    NoOverride,
    NoRejections,
    NoReport,
    NoSuchFile,
    NoSuchJob,
    NoSuchPath,
    NoSuchUpload,
    NotCompleted,
    NotConfigured,
    NotScaled,
    TooLate,
    Unauthorized,
    Unavailable,
    UnknownImport,
    UnknownKind,
    UnknownUpload,
    UnsupportedMediaType,
}

impl Code {
    pub fn status(self) -> StatusCode {
        self.entry().0
    }

    /// What the code means, for the document.
    pub fn meaning(self) -> &'static str {
        self.entry().1
    }

    fn entry(self) -> (StatusCode, &'static str) {
        match self {
            Code::AwsRefused => (StatusCode::BAD_GATEWAY, "AWS refused a call that this needs"),
            Code::BodyInterrupted => (StatusCode::BAD_REQUEST, "the body ended before it was complete"),
            Code::BodyStalled => (StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
            Code::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than is taken"),
            Code::Busy => (StatusCode::SERVICE_UNAVAILABLE, "too much of this is going on already"),
            Code::ChangeUnderWay => (StatusCode::CONFLICT, "another change of this is being made"),
            Code::EmptyUpload => (StatusCode::UNPROCESSABLE_ENTITY, "the uploaded file is empty"),
            Code::Forbidden => (StatusCode::FORBIDDEN, "the token is not the administrator's"),
            Code::IdempotencyKeyReused => {
                (StatusCode::CONFLICT, "the idempotency key was used with another body")
            }
            Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "a defect of this service"),
            Code::InvalidBody => {
                (StatusCode::UNPROCESSABLE_ENTITY, "the body is JSON, but not of the documented shape")
            }
            Code::InvalidHeader => (StatusCode::BAD_REQUEST, "a header is not of the documented shape"),
            Code::InvalidJson => (StatusCode::BAD_REQUEST, "the body is not JSON"),
            Code::InvalidPayload => {
                (StatusCode::UNPROCESSABLE_ENTITY, "the payload is not what this kind of job takes")
            }
            Code::InvalidQuery => (StatusCode::BAD_REQUEST, "a query parameter is unknown or not valid"),
            Code::InvalidScaling => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "the bounds, the minutes or the reason are beyond what is allowed",
            ),
            Code::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "the path does not take this method"),
            Code::NoOverride => (StatusCode::NOT_FOUND, "there is no override to end"),
            Code::NoRejections => (StatusCode::NOT_FOUND, "the job has no rejected rows"),
            Code::NoReport => (StatusCode::NOT_FOUND, "the job has no report"),
            Code::NoSuchFile => (StatusCode::NOT_FOUND, "the page has no such file"),
            Code::NoSuchJob => (StatusCode::NOT_FOUND, "there is no such job"),
            Code::NoSuchPath => (StatusCode::NOT_FOUND, "there is nothing at this path"),
            Code::NoSuchUpload => (StatusCode::NOT_FOUND, "there is no such upload"),
            Code::NotCompleted => (StatusCode::CONFLICT, "the job is not COMPLETED"),
            Code::NotConfigured => (StatusCode::NOT_IMPLEMENTED, "this installation is not set up for it"),
            Code::NotScaled => (StatusCode::CONFLICT, "the service does not scale"),
            Code::TooLate => (StatusCode::CONFLICT, "a worker has begun the job, or it has ended"),
            Code::Unauthorized => (StatusCode::UNAUTHORIZED, "the administrator's token is missing"),
            Code::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "database, queue or object store can't be reached")
            }
            Code::UnknownImport => {
                (StatusCode::UNPROCESSABLE_ENTITY, "the payload names an import that is not there")
            }
            Code::UnknownKind => (StatusCode::UNPROCESSABLE_ENTITY, "there is no such kind of job"),
            Code::UnknownUpload => {
                (StatusCode::UNPROCESSABLE_ENTITY, "the payload names an upload that is not there")
            }
            Code::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is not of a type that is taken")
            }
        }
    }
}

/// A refusal. Handlers return it as their error; [`crate::requests`] writes its body, which names the request.
#[derive(Clone, Debug)]
pub struct Problem {
    pub code: Code,
    pub detail: String,
    retry_after: Option<Duration>,
}

/// The body of a refusal (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank`: the problem is told by `code`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    pub status: u16,
    /// What is wrong with this request, and the way out, for people.
    pub detail: String,
    pub code: Code,
    /// The request as the log names it; also in the header `x-request-id`.
    pub request_id: String,
}

impl Problem {
    /// A refusal with a sentence that says what is wrong and the way out.
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into(), retry_after: None }
    }

    /// Something behind the API did not answer as it should. The cause goes to the log only: it may
    /// name hosts and files.
    pub fn unavailable(what: &str, cause: &dyn std::error::Error) -> Problem {
        tracing::error!(error = chain(cause), "the {what} failed");
        Problem::new(
            Code::Unavailable,
            format!("the {what} can't be reached; nothing was changed, try again"),
        )
        .retry_after(Duration::from_secs(1))
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
        if self.code == Code::Unauthorized {
            let scheme = HeaderValue::from_static("Bearer realm=\"job-api\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        if let StoreError::Stored { .. } = &error {
            tracing::error!(
                error = chain(&error),
                "the database holds what no version of this service wrote"
            );
            return Problem::new(
                Code::Internal,
                "what is stored can't be read; the log says what, by `request_id`",
            );
        }
        Problem::unavailable("database", &error)
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
