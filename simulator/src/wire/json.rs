//! Answers in awsJson 1.0 and 1.1, and in restJson1.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::cbor;
use super::envelope::Protocol;
use crate::error::ApiError;

pub(super) fn success(protocol: Protocol, body: Value, request_id: &str) -> Response<Bytes> {
    response(protocol, StatusCode::OK, &body, request_id)
}

pub(super) fn failure(protocol: Protocol, error: &ApiError, request_id: &str) -> Response<Bytes> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    if protocol == Protocol::RestJson {
        return rest_failure(status, error, request_id);
    }
    let mut body = json!({"__type": error.code, "message": error.message});
    if let Some(members) = body.as_object_mut() {
        members.extend(error.members.clone());
    }
    let mut response = response(protocol, status, &body, request_id);
    if protocol == Protocol::Json10 {
        add_query_error(&mut response, error);
    }
    response
}

/// A REST service names its error in a header, and a throttled call has a status of its own.
fn rest_failure(status: StatusCode, error: &ApiError, request_id: &str) -> Response<Bytes> {
    let throttled = error.code == "ThrottlingException";
    let status = if throttled { StatusCode::TOO_MANY_REQUESTS } else { status };
    let body = json!({"Message": error.message});
    let mut response = response(Protocol::RestJson, status, &body, request_id);
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

/// SQS and CloudWatch spoke the query protocol once, and their clients still read the old codes from here.
pub(super) fn add_query_error(response: &mut Response<Bytes>, error: &ApiError) {
    if let Ok(value) = HeaderValue::from_str(&format!("{};Sender", query_code(&error.code))) {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
}

/// What an error is called in the query protocol (`awsQueryError` in the API models).
pub(super) fn query_code(code: &str) -> String {
    let name = code.rsplit('#').next().unwrap_or(code);
    match name {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "QueueNameExists" => "QueueAlreadyExists".to_owned(),
        "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "EmptyBatchRequest"
        | "InvalidBatchEntryId"
        | "MessageNotInflight"
        | "PurgeQueueInProgress"
        | "QueueDeletedRecently"
        | "TooManyEntriesInBatchRequest"
        | "UnsupportedOperation" => format!("AWS.SimpleQueueService.{name}"),
        "InvalidParameterValueException" => "InvalidParameterValue".to_owned(),
        "MissingRequiredParameterException" => "MissingParameter".to_owned(),
        "InvalidParameterCombinationException" => "InvalidParameterCombination".to_owned(),
        _ => name.to_owned(),
    }
}

fn response(protocol: Protocol, status: StatusCode, body: &Value, request_id: &str) -> Response<Bytes> {
    let content_type = match protocol {
        Protocol::Json10 => "application/x-amz-json-1.0",
        Protocol::Json11 => "application/x-amz-json-1.1",
        Protocol::Query => "text/xml",
        Protocol::Cbor => "application/cbor",
        Protocol::RestJson => "application/json",
    };
    let body = cbor::with_moments(body.clone(), &|seconds| json!(seconds));
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", value);
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_sqs_error_carries_its_old_name_beside_the_new_one() {
        let error = ApiError::new("com.amazonaws.sqs#QueueDoesNotExist", "no");
        let response = failure(Protocol::Json10, &error, "id-1");
        assert_eq!(
            response.headers()["x-amzn-query-error"],
            "AWS.SimpleQueueService.NonExistentQueue;Sender"
        );
        let plain = failure(Protocol::Json11, &error, "id-1");
        assert!(!plain.headers().contains_key("x-amzn-query-error"));
        assert_eq!(plain.headers()["x-amzn-requestid"], "id-1");
    }
}
