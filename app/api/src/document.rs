//! The OpenAPI document: made from the handlers' annotations, completed with what holds for every path.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{HeaderName, header};
use serde_json::json;
use utoipa::OpenApi as _;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Header, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::{Code, Problem, ProblemBody};
use crate::requests::{REQUEST_ID, REQUEST_ID_PATTERN};
use crate::state::Api;

/// What `/openapi.json` can't be asked of the handlers: its frame.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Job API",
        description = "Takes jobs, stores them, and hands them to workers through a queue.\n\n\
            Every refusal is a problem (RFC 9457) with a `code` that programs can rely on. Every answer \
            names its request in `x-request-id`; the name goes with the job into the logs of the worker."
    ),
    components(schemas(ProblemBody, Code)),
    tags(
        (name = "jobs", description = "Work, from its submission to its end"),
        (name = "uploads", description = "Files that jobs work on"),
        (name = "administration", description = "What only the administrator may do"),
        (name = "service", description = "The process itself"),
    )
)]
struct Frame;

/// The document without any path.
pub fn frame() -> OpenApi {
    let mut document = Frame::openapi();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme("administrator", bearer);
    document
}

/// Adds what every operation has in common: the request's id, and that it can fail.
pub fn complete(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let failed = problems(&[Code::Internal]);
            for (status, response) in failed {
                operation.responses.responses.entry(status).or_insert(response);
            }
            operation.parameters.get_or_insert_default().push(request_id_parameter().into());
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response {
                    response.headers.insert(REQUEST_ID.to_string(), request_id_header().into());
                }
            }
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

fn request_id_parameter() -> utoipa::openapi::path::Parameter {
    ParameterBuilder::new()
        .name(REQUEST_ID.as_str())
        .parameter_in(ParameterIn::Header)
        .description(Some("The client's own name for this request. One that does not match is replaced."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).examples([json!("checkout-7f3a")])))
        .build()
}

fn request_id_header() -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).pattern(Some(REQUEST_ID_PATTERN))))
        .description(Some("The name of this request in the logs"))
        .build()
}

/// The answers of these refusals by status, each with an example.
pub fn problems(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status().as_u16()).or_default().push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), RefOr::T(problem_answer(&codes))))
        .collect()
}

fn problem_answer(codes: &[Code]) -> Response {
    let name = |code: &Code| json!(code).as_str().unwrap_or_default().to_owned();
    let meanings: Vec<String> = codes.iter().map(|it| format!("`{}`: {}", name(it), it.meaning())).collect();
    let examples = codes.iter().map(|code| {
        let body = Problem::new(*code, code.meaning()).body("checkout-7f3a".to_owned());
        (name(code), ExampleBuilder::new().summary(code.meaning()).value(Some(json!(body))).build())
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples)
        .build();
    let mut answer =
        ResponseBuilder::new().description(meanings.join("; ")).content("application/problem+json", content);
    if codes.iter().any(|code| matches!(code, Code::Busy | Code::ChangeUnderWay | Code::Unavailable)) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let header = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait"));
        answer = answer.header("retry-after", header.build());
    }
    answer.build()
}

/// Names a type that documents refusals: `refusals!(ReadRefusals: NoSuchJob, Unavailable);` and then
/// `responses(…, ReadRefusals)` in the handler's annotation.
macro_rules! refusals {
    ($name:ident: $($code:ident),+ $(,)?) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::document::problems(&[$($crate::problem::Code::$code),+])
            }
        }
    };
}
pub(crate) use refusals;

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(serve))
}

/// The text that is served, made once.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| json!(crate::routes::openapi()).to_string());

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "service",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
async fn serve() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "application/json")], &DOCUMENT)
}
