//! One HTTP request of an AWS client: which service and operation, what is answered, in its protocol.

mod agent;
mod call;
pub(crate) mod cbor;
mod envelope;
mod json;
mod query;
mod rest;
mod s3;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::Answer;
use crate::{
    Shared, autoscaling, cloud_map, cloudformation, cloudwatch, dynamodb, ec2, ecr, ecs, elb, iam, lock,
    logs, scheduler, secrets, sqs, ssm, sts,
};
use envelope::{Envelope, Protocol, Service};

const GREETING: &str = "This is a simulated AWS account: ECS, ECR, ELBv2, Application Auto Scaling, \
    EventBridge Scheduler, S3, SQS, DynamoDB, Secrets Manager, SSM, CloudWatch, CloudWatch Logs, STS, and what there is \
    to see of IAM, EC2 and Cloud Map on one endpoint.\n\
    Point an AWS client at it, for example: AWS_ENDPOINT_URL=http://HOST:PORT aws ecs list-clusters\n";

pub(crate) async fn answer(shared: &Shared, request: Request<Bytes>) -> Response<Bytes> {
    if let Some(question) = agent::question(request.uri().path()) {
        return agent::answer(shared, &question, &request).await;
    }
    if s3::is_for(&request) {
        return s3::answer(shared, &request).await;
    }
    let rest = rest::open(&request);
    if rest.is_none() && request.method() == Method::GET {
        return plain(StatusCode::OK, GREETING);
    }
    if rest.is_none() && request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "no such operation; other services take POST\n");
    }
    let protocol = if rest.is_some() { Protocol::RestJson } else { Protocol::Json11 };
    let envelope = match rest.unwrap_or_else(|| envelope::open(&request)) {
        Ok(envelope) => envelope,
        Err(error) => return json::failure(protocol, &error, &call::unrecorded(shared)),
    };
    let (request_id, answer) = recorded(shared, &envelope).await;
    match (envelope.protocol, answer) {
        (Protocol::Query, answer) => query::render(&envelope, answer, &request_id),
        (Protocol::Cbor, Ok(body)) => cbor::success(&body, &request_id),
        (Protocol::Cbor, Err(error)) => cbor::failure(&error, &request_id),
        (protocol, Ok(body)) => json::success(protocol, body, &request_id),
        (protocol, Err(error)) => json::failure(protocol, &error, &request_id),
    }
}

async fn recorded(shared: &Shared, envelope: &Envelope) -> (String, Answer) {
    let name = envelope.service.name();
    call::recorded(shared, name, &envelope.operation, Some(&envelope.input), served(shared, envelope)).await
}

/// Answers a call; a long poll is answered when there is something, or when its time is over.
async fn served(shared: &Shared, envelope: &Envelope) -> Answer {
    if envelope.service != Service::Sqs || envelope.operation != "ReceiveMessage" {
        let answer = apply(shared, envelope);
        if !is_read(&envelope.operation) {
            shared.changed.notify_waiters();
        }
        return answer;
    }
    // A message also comes back without anybody's call, when its visibility timeout ends.
    const LOOK_AGAIN: Duration = Duration::from_secs(1);
    let wait = receive_wait(shared, envelope);
    let deadline = Instant::now() + shared.clock.real(wait);
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        // Enabled before the look, so that a message sent in between is not slept through.
        changed.as_mut().enable();
        let answer = apply(shared, envelope);
        let empty = answer
            .as_ref()
            .is_ok_and(|body| body.get("Messages").and_then(Value::as_array).is_none_or(Vec::is_empty));
        if !empty || Instant::now() >= deadline {
            return answer;
        }
        let again = std::cmp::min(deadline, Instant::now() + shared.clock.real(LOOK_AGAIN));
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep_until(again) => {}
        }
    }
}

/// How long a `ReceiveMessage` may wait: as it asks, or else as its queue says.
fn receive_wait(shared: &Shared, envelope: &Envelope) -> Duration {
    const WAIT_SECONDS_MAX: u64 = 20;
    const ATTRIBUTE: &str = "ReceiveMessageWaitTimeSeconds";
    let asked = envelope.input.get("WaitTimeSeconds").and_then(Value::as_u64);
    let seconds = asked.unwrap_or_else(|| {
        let input = json!({"QueueUrl": envelope.input["QueueUrl"], "AttributeNames": [ATTRIBUTE]});
        let mut world = lock(&shared.world);
        let answer = sqs::call(&mut world, shared.runtime.as_ref(), "GetQueueAttributes", &input);
        answer.ok().and_then(|body| body["Attributes"][ATTRIBUTE].as_str()?.parse().ok()).unwrap_or(0)
    });
    Duration::from_secs(seconds.min(WAIT_SECONDS_MAX))
}

fn apply(shared: &Shared, envelope: &Envelope) -> Answer {
    let runtime = shared.runtime.as_ref();
    let mut world = lock(&shared.world);
    world.advance(runtime, shared.clock.now());
    let call = match envelope.service {
        Service::Ecs => ecs::call,
        Service::Autoscaling => autoscaling::call,
        Service::Ecr => ecr::call,
        Service::Sqs => sqs::call,
        Service::SecretsManager => secrets::call,
        Service::Ssm => ssm::call,
        Service::Logs => logs::call,
        Service::Sts => sts::call,
        Service::Elb => elb::call,
        Service::CloudWatch => cloudwatch::call,
        Service::CloudFormation => cloudformation::call,
        Service::Scheduler => scheduler::call,
        Service::Iam => iam::call,
        Service::Ec2 => ec2::call,
        Service::CloudMap => cloud_map::call,
        Service::DynamoDb => dynamodb::call,
    };
    call(&mut world, runtime, &envelope.operation, &envelope.input)
}

fn is_read(operation: &str) -> bool {
    ["Describe", "List", "Get"].iter().any(|verb| operation.starts_with(verb))
}

fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
