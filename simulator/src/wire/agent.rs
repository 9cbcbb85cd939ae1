//! The container agent, as containers ask it over HTTP: task scale-in protection, and task metadata.
//!
//! On AWS it listens on a link-local address of each task; here it shares the account's endpoint, and a
//! container is known by the id in its `ECS_AGENT_URI` or `ECS_CONTAINER_METADATA_URI_V4`. As on AWS, it
//! changes protection by calling ECS, so that faults, throttling and the record of calls apply.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::envelope::{Envelope, Protocol, Service};
use crate::Shared;
use crate::clock::Time;
use crate::ecs::metadata;
use crate::error::ApiError;
use crate::lock;

/// A request to the agent.
pub(super) enum Question {
    /// The protection of the task of this container.
    Protection(String),
    TaskMetadata(String),
    ContainerMetadata(String),
}

/// What a path asks of the agent; `None` for a path that is not one of its own.
pub(super) fn question(path: &str) -> Option<Question> {
    match path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["api", id, "task-protection", "v1", "state"] => Some(Question::Protection((*id).to_owned())),
        ["v4", id] => Some(Question::ContainerMetadata((*id).to_owned())),
        ["v4", id, "task"] => Some(Question::TaskMetadata((*id).to_owned())),
        _ => None,
    }
}

pub(super) async fn answer(
    shared: &Shared,
    question: &Question,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    let (status, body) = match question {
        Question::Protection(container) => protection(shared, container, request).await,
        Question::TaskMetadata(container) => {
            metadata(shared, container, |known, world| known.task_metadata(world))
        }
        Question::ContainerMetadata(container) => {
            metadata(shared, container, |known, world| known.container_metadata(world))
        }
    };
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn metadata(
    shared: &Shared,
    container: &str,
    show: impl FnOnce(&metadata::Known<'_>, &crate::world::World) -> Value,
) -> (u16, Value) {
    let mut world = lock(&shared.world);
    world.advance(shared.runtime.as_ref(), shared.clock.now());
    match metadata::container(&world, container) {
        Some(known) => (200, show(&known, &world)),
        None => (404, json!("V4 metadata handler: unable to get container metadata")),
    }
}

async fn protection(shared: &Shared, container: &str, request: &Request<Bytes>) -> (u16, Value) {
    let (operation, asked) = match *request.method() {
        Method::GET => ("GetTaskProtection", json!({})),
        Method::PUT => match wanted(request.body()) {
            Ok(asked) => ("UpdateTaskProtection", asked),
            Err(message) => return error("", "InvalidParameterException", message, 400),
        },
        _ => return (405, json!("only GET and PUT")),
    };
    let (task, cluster) = {
        let world = lock(&shared.world);
        let Some(known) = metadata::container(&world, container) else {
            return error("", "ResourceNotFoundException", "Failed to find a task for the request", 404);
        };
        let task = known.task_arn().to_owned();
        if !known.has_task_role(&world) {
            let message = "Invalid Request: no task IAM role credentials available for task";
            return error(&task, "AccessDeniedException", message, 403);
        }
        (task, known.cluster().to_owned())
    };
    let mut input = asked;
    if operation == "UpdateTaskProtection" && input.get("protectionEnabled").is_none() {
        let message = "Invalid request: does not contain 'ProtectionEnabled' field";
        return error(&task, "InvalidParameterException", message, 400);
    }
    input["cluster"] = json!(cluster);
    input["tasks"] = json!([task]);
    let envelope = Envelope {
        service: Service::Ecs,
        operation: operation.to_owned(),
        protocol: Protocol::Json11,
        input,
    };
    match super::recorded(shared, &envelope).await {
        (_, Ok(body)) => (200, shown(&body)),
        (request_id, Err(refusal)) => refused(&task, &refusal, &request_id),
    }
}

/// The request's members under ECS's names. The agent knows its members in any case, and no others.
fn wanted(body: &[u8]) -> Result<Value, &'static str> {
    const REFUSAL: &str = "UpdateTaskProtection: failed to decode request";
    let members: Map<String, Value> = serde_json::from_slice(body).map_err(|_| REFUSAL)?;
    let mut wanted = json!({});
    for (name, value) in members {
        let (member, fits) = match name.to_ascii_lowercase().as_str() {
            "protectionenabled" => ("protectionEnabled", value.is_boolean()),
            "expiresinminutes" => ("expiresInMinutes", value.is_i64() || value.is_null()),
            _ => return Err(REFUSAL),
        };
        if !fits {
            return Err(REFUSAL);
        }
        if !value.is_null() {
            wanted[member] = value;
        }
    }
    Ok(wanted)
}

/// ECS's answer about one task, in the agent's members: all are there, also those without a value.
fn shown(body: &Value) -> Value {
    if let Some(failure) = body["failures"].get(0) {
        return json!({"failure": {
            "Arn": failure["arn"], "Detail": failure["detail"], "Reason": failure["reason"],
        }});
    }
    let protection = &body["protectedTasks"][0];
    let expires = protection["expirationDate"].as_f64().map(|seconds| Time((seconds * 1000.0) as u64).iso());
    json!({"protection": {
        "ExpirationDate": expires,
        "ProtectionEnabled": protection["protectionEnabled"],
        "TaskArn": protection["taskArn"],
    }})
}

fn refused(task: &str, refusal: &ApiError, request_id: &str) -> (u16, Value) {
    let (status, mut body) = error(task, &refusal.code, &refusal.message, refusal.status);
    body["requestID"] = json!(request_id);
    (status, body)
}

fn error(task: &str, code: &str, message: &str, status: u16) -> (u16, Value) {
    let mut error = json!({"Code": code, "Message": message});
    if !task.is_empty() {
        error["Arn"] = json!(task);
    }
    (status, json!({ "error": error }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_known_in_any_case_and_no_others() {
        let both = json!({"protectionEnabled": true, "expiresInMinutes": 60});
        let check = |body: &str, expect: Result<Value, ()>| {
            assert_eq!(wanted(body.as_bytes()).map_err(drop), expect, "{body}");
        };
        check(r#"{"ProtectionEnabled":true,"ExpiresInMinutes":60}"#, Ok(both.clone()));
        check(r#"{"protectionEnabled":true,"expiresinminutes":60}"#, Ok(both));
        check(r#"{"ProtectionEnabled":false}"#, Ok(json!({"protectionEnabled": false})));
        check(r#"{"ProtectionEnabled":"yes"}"#, Err(()));
        check(r#"{"ProtectionEnabled":true,"Forever":true}"#, Err(()));
        check("", Err(()));
    }
}
