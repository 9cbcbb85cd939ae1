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
use crate::faults::{Late, is_read};
use crate::past::Read;
use crate::runtime::Runtime;
use crate::world::World;
use crate::{
    Shared, autoscaling, cloud_map, cloudformation, cloudwatch, dynamodb, ec2, ecr, ecs, elb, iam, lock,
    logs, scheduler, secrets, sqs, ssm, sts,
};
use call::Alteration;
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
    let altered = |answer: Value, alteration: &Alteration| match alteration {
        Alteration::Stale(before) => {
            let read = past_read(envelope.service, &envelope.operation, &envelope.input);
            lock(&shared.past).version(&read, *before).unwrap_or(answer)
        }
        Alteration::Garble(garbling) => garbling.garble(answer),
    };
    let act = served(shared, envelope);
    call::recorded(shared, name, &envelope.operation, Some(&envelope.input), act, altered).await
}

fn past_read(service: Service, operation: &str, input: &Value) -> Read {
    Read { service: service.name(), operation: operation.to_owned(), input: input.to_string() }
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
    bring_up_to_date(shared, &mut world);
    let (service, operation, input) = (envelope.service, envelope.operation.as_str(), &envelope.input);
    let mut past = lock(&shared.past);
    if past.keeps && !is_read(operation) {
        // What is true right before a change is what stale reads show after it.
        for read in past.reads() {
            let known =
                Service::named(read.service).zip(serde_json::from_str::<Value>(&read.input).ok()).and_then(
                    |(service, input)| carry_out(service, &mut world, runtime, &read.operation, &input).ok(),
                );
            if let Some(answer) = known {
                past.note(read, &answer);
            }
        }
    }
    let answer = carry_out(service, &mut world, runtime, operation, input)?;
    if past.keeps && is_read(operation) {
        past.note(past_read(service, operation, input), &answer);
    }
    Ok(answer)
}

/// Brings the world to the clock's now; calls that arrive late take effect at their moments.
pub(crate) fn bring_up_to_date(shared: &Shared, world: &mut World) {
    let runtime = shared.runtime.as_ref();
    let now = shared.clock.now();
    let mut due: Vec<Late> = {
        let mut late = lock(&shared.late);
        late.extract_if(.., |it| it.due <= now).collect()
    };
    due.sort_by_key(|it| it.due);
    for Late { due, site } in due {
        world.advance(runtime, due);
        let input = site.input.unwrap_or_default();
        if let Some(service) = Service::named(&site.service) {
            // Nobody hears the answer.
            let _ = carry_out(service, world, runtime, &site.operation, &input);
        }
    }
    world.advance(runtime, now);
}

fn carry_out(
    service: Service,
    world: &mut World,
    runtime: &dyn Runtime,
    operation: &str,
    input: &Value,
) -> Answer {
    let call = match service {
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
    call(world, runtime, operation, input)
}

fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
