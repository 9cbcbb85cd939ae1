//! Reads from a request which service and operation it is for, and in which protocol.

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value};

use super::{cbor, query};
use crate::error::ApiError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// awsJson 1.0
    Json10,
    /// awsJson 1.1
    Json11,
    /// Smithy RPC v2 CBOR
    Cbor,
    /// awsQuery: form-encoded questions, XML answers
    Query,
    /// restJson1: an operation is a method and a path
    RestJson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Ecs,
    Autoscaling,
    Ecr,
    Sqs,
    SecretsManager,
    Ssm,
    Logs,
    Sts,
    Elb,
    CloudWatch,
    CloudFormation,
    Scheduler,
    Iam,
    Ec2,
    CloudMap,
    DynamoDb,
}

impl Service {
    const ALL: [Service; 14] = [
        Service::Ecs,
        Service::Autoscaling,
        Service::Ecr,
        Service::Sqs,
        Service::SecretsManager,
        Service::Ssm,
        Service::Logs,
        Service::Sts,
        Service::Elb,
        Service::CloudWatch,
        Service::CloudFormation,
        Service::Scheduler,
        Service::Iam,
        Service::CloudMap,
    ];

    /// The one of this short name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Service::Ecs => "ecs",
            Service::Autoscaling => "autoscaling",
            Service::Ecr => "ecr",
            Service::Sqs => "sqs",
            Service::SecretsManager => "secretsmanager",
            Service::Ssm => "ssm",
            Service::Logs => "logs",
            Service::Sts => "sts",
            Service::Elb => "elb",
            Service::CloudWatch => "cloudwatch",
            Service::CloudFormation => "cloudformation",
            Service::Scheduler => "scheduler",
            Service::Iam => "iam",
            Service::Ec2 => "ec2",
            Service::CloudMap => "servicediscovery",
            Service::DynamoDb => "dynamodb",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) service: Service,
    pub(super) operation: String,
    pub(super) protocol: Protocol,
    pub(super) input: Value,
}

const CLOUDWATCH: &str = "GraniteServiceVersion20100801";

/// The path is not looked at: an SQS client posts to its queue's URL.
pub(super) fn open(request: &Request<Bytes>) -> Result<Envelope, ApiError> {
    if let Some((service, operation)) = cbor::target(request) {
        return open_cbor(service, operation, request.body());
    }
    match request.headers().get("x-amz-target") {
        Some(target) => {
            let target = target.to_str().unwrap_or_default();
            open_json(target, request.body())
        }
        None => open_query(request.body()),
    }
}

fn open_json(target: &str, body: &[u8]) -> Result<Envelope, ApiError> {
    let unknown = || ApiError::new("UnknownOperationException", format!("no such target: {target}"));
    let (prefix, operation) = target.rsplit_once('.').ok_or_else(unknown)?;
    let (service, protocol) = match prefix {
        "AmazonEC2ContainerServiceV20141113" => (Service::Ecs, Protocol::Json11),
        "AnyScaleFrontendService" => (Service::Autoscaling, Protocol::Json11),
        "AmazonEC2ContainerRegistry_V20150921" => (Service::Ecr, Protocol::Json11),
        "AmazonSQS" => (Service::Sqs, Protocol::Json10),
        "secretsmanager" => (Service::SecretsManager, Protocol::Json11),
        "AmazonSSM" => (Service::Ssm, Protocol::Json11),
        "Logs_20140328" => (Service::Logs, Protocol::Json11),
        "Route53AutoNaming_v20170314" => (Service::CloudMap, Protocol::Json11),
        "DynamoDB_20120810" => (Service::DynamoDb, Protocol::Json10),
        CLOUDWATCH => (Service::CloudWatch, Protocol::Json10),
        _ => return Err(unknown()),
    };
    let input = read_json(body)?;
    Ok(Envelope { service, operation: operation.to_owned(), protocol, input })
}

/// A body that is a JSON object; an empty one is one without members.
pub(super) fn read_json(body: &[u8]) -> Result<Value, ApiError> {
    let input = match body {
        [] => Value::Object(Map::new()),
        body => serde_json::from_slice(body)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| ApiError::new("SerializationException", "the body is not a JSON object"))?,
    };
    Ok(without_nulls(input))
}

fn open_cbor(service: &str, operation: &str, body: &[u8]) -> Result<Envelope, ApiError> {
    if service != CLOUDWATCH {
        return Err(ApiError::new("UnknownOperationException", format!("no such service: {service}")));
    }
    let input = match body {
        [] => Value::Object(Map::new()),
        body => cbor::decode(body)
            .filter(Value::is_object)
            .ok_or_else(|| ApiError::new("SerializationException", "the body is not a CBOR map"))?,
    };
    Ok(Envelope {
        service: Service::CloudWatch,
        operation: operation.to_owned(),
        protocol: Protocol::Cbor,
        input: without_nulls(input),
    })
}

fn open_query(body: &[u8]) -> Result<Envelope, ApiError> {
    let mut input = query::decode(body);
    let mut take = |name: &str| input.remove(name).and_then(|value| value.as_str().map(str::to_owned));
    let unknown = |message: &str| ApiError::new("UnknownOperationException", message);
    let operation = take("Action").ok_or_else(|| unknown("neither X-Amz-Target nor Action"))?;
    // All of them are asked at the same endpoint; the version of the API is what differs.
    let service = match take("Version").as_deref() {
        Some("2011-06-15") => Service::Sts,
        Some("2015-12-01") => Service::Elb,
        Some("2010-08-01") => Service::CloudWatch,
        Some("2010-05-15") => Service::CloudFormation,
        Some("2010-05-08") => Service::Iam,
        Some("2016-11-15") => Service::Ec2,
        _ => return Err(unknown("no such API version")),
    };
    Ok(Envelope { service, operation, protocol: Protocol::Query, input: Value::Object(input) })
}

/// AWS takes a member that is `null` for one that is absent.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(name, member)| (name, without_nulls(member)))
                .collect(),
        ),
        Value::Array(items) => {
            Value::Array(items.into_iter().filter(|item| !item.is_null()).map(without_nulls).collect())
        }
        scalar => scalar,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn posted(target: Option<&str>, body: &'static str) -> Request<Bytes> {
        let mut request = Request::post("/123456789012/jobs");
        if let Some(target) = target {
            request = request.header("X-Amz-Target", target);
        }
        request.body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn a_queue_url_works_as_the_endpoint() {
        let request = posted(Some("AmazonSQS.SendMessage"), r#"{"MessageBody":"a","X":null}"#);
        let envelope = open(&request).unwrap();
        assert_eq!(envelope.service, Service::Sqs);
        assert_eq!(envelope.protocol, Protocol::Json10);
        assert_eq!(envelope.operation, "SendMessage");
        assert_eq!(envelope.input, serde_json::json!({"MessageBody": "a"}));
    }

    #[test]
    fn the_version_tells_sts_from_elb() {
        let sts = open(&posted(None, "Action=GetCallerIdentity&Version=2011-06-15")).unwrap();
        assert_eq!(sts.service, Service::Sts);
        let elb = open(&posted(None, "Action=DescribeTags&Version=2015-12-01")).unwrap();
        assert_eq!(elb.service, Service::Elb);
        assert_eq!(elb.input, serde_json::json!({}));
    }

    #[test]
    fn an_unknown_target_is_an_unknown_operation() {
        let error = open(&posted(Some("Nowhere.Do"), "{}")).unwrap_err();
        assert_eq!(error.code, "UnknownOperationException");
        assert_eq!(error.status, 400);
    }
}
