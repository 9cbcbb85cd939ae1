//! The few AWS calls of an override: the worker's service with its tag, and its scalable target.

use std::error::Error;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_applicationautoscaling as scaling;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_ecs as ecs;
use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::types::{ServiceField, Tag};

use crate::scaling::{Bounds, TAG};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// All attempts of one read. A change has one attempt.
const READ_TIMEOUT: Duration = Duration::from_secs(8);
const READ_ATTEMPTS_MAX: u32 = 2;

/// The ECS service whose bounds are overridden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerService {
    pub cluster: String,
    pub service: String,
}

pub struct Account {
    reads: Clients,
    changes: Clients,
    worker: WorkerService,
}

struct Clients {
    ecs: ecs::Client,
    scaling: scaling::Client,
}

/// The worker's service as AWS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    pub arn: String,
    /// The value of [`TAG`].
    pub tag: Option<String>,
    /// `None` if the service does not scale.
    pub bounds: Option<Bounds>,
}

/// A call that did not do what it was for.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// AWS answered no, and changed nothing.
    #[error("AWS refused {call}: {why}")]
    Refused { call: &'static str, why: String },
    /// Throttled: nothing was changed, and later it may work.
    #[error("AWS is being asked too often to do {call}")]
    Throttled { call: &'static str },
    /// No answer, or one that says nothing: the call may have taken effect.
    #[error("AWS did not answer {call}: {why}")]
    Unanswered { call: &'static str, why: String },
    #[error("there is no active service `{service}` in cluster `{cluster}`")]
    NoSuchService { cluster: String, service: String },
}

impl AwsError {
    /// Whether the call may have taken effect all the same.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, AwsError::Unanswered { .. })
    }

    /// Whether the same call may work later without anybody changing anything.
    pub fn is_passing(&self) -> bool {
        matches!(self, AwsError::Unanswered { .. } | AwsError::Throttled { .. })
    }
}

impl Account {
    pub fn new(aws: &SdkConfig, worker: WorkerService) -> Account {
        let clients = |retry: RetryConfig, limit: Duration| {
            let timeouts = TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(limit)
                .build();
            let aws = aws.to_builder().retry_config(retry).timeout_config(timeouts).build();
            Clients { ecs: ecs::Client::new(&aws), scaling: scaling::Client::new(&aws) }
        };
        Account {
            reads: clients(RetryConfig::standard().with_max_attempts(READ_ATTEMPTS_MAX), READ_TIMEOUT),
            // An unanswered change may have happened; whether to ask again is not the SDK's to decide.
            changes: clients(RetryConfig::disabled(), ATTEMPT_TIMEOUT),
            worker,
        }
    }

    pub async fn live(&self) -> Result<Live, AwsError> {
        let (service, bounds) = tokio::join!(self.service(), self.bounds());
        let (arn, tag) = service?;
        Ok(Live { arn, tag, bounds: bounds? })
    }

    async fn service(&self) -> Result<(String, Option<String>), AwsError> {
        let WorkerService { cluster, service } = &self.worker;
        let described = self
            .reads
            .ecs
            .describe_services()
            .cluster(cluster)
            .services(service)
            .include(ServiceField::Tags)
            .send()
            .await
            .map_err(|error| failure("ecs:DescribeServices", &error))?;
        // ECS still lists a deleted service for a while; its status tells it from a live one.
        let found = described.services().iter().find(|found| found.status() == Some("ACTIVE"));
        let absent = || AwsError::NoSuchService { cluster: cluster.clone(), service: service.clone() };
        let found = found.ok_or_else(absent)?;
        let arn = found.service_arn().ok_or_else(absent)?.to_owned();
        let tag = found.tags().iter().find(|tag| tag.key() == Some(TAG));
        Ok((arn, tag.map(|tag| tag.value().unwrap_or_default().to_owned())))
    }

    /// The value of [`TAG`].
    pub async fn current_tag(&self) -> Result<Option<String>, AwsError> {
        self.service().await.map(|(_, tag)| tag)
    }

    /// The bounds of the scalable target, if there is one.
    pub async fn bounds(&self) -> Result<Option<Bounds>, AwsError> {
        let described = self
            .reads
            .scaling
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_ids(self.resource())
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .send()
            .await
            .map_err(|error| failure("application-autoscaling:DescribeScalableTargets", &error))?;
        Ok(described.scalable_targets().first().map(|target| Bounds {
            minimum: u32::try_from(target.min_capacity()).unwrap_or_default(),
            maximum: u32::try_from(target.max_capacity()).unwrap_or_default(),
        }))
    }

    pub async fn tag(&self, arn: &str, value: &str) -> Result<(), AwsError> {
        let request = self.changes.ecs.tag_resource().resource_arn(arn);
        let request = request.tags(Tag::builder().key(TAG).value(value).build());
        request.send().await.map_err(|error| failure("ecs:TagResource", &error)).map(drop)
    }

    pub async fn untag(&self, arn: &str) -> Result<(), AwsError> {
        let request = self.changes.ecs.untag_resource().resource_arn(arn).tag_keys(TAG);
        request.send().await.map_err(|error| failure("ecs:UntagResource", &error)).map(drop)
    }

    pub async fn register(&self, bounds: Bounds) -> Result<(), AwsError> {
        let capacity = |tasks: u32| i32::try_from(tasks).unwrap_or(i32::MAX);
        self.changes
            .scaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(self.resource())
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .min_capacity(capacity(bounds.minimum))
            .max_capacity(capacity(bounds.maximum))
            .send()
            .await
            .map_err(|error| failure("application-autoscaling:RegisterScalableTarget", &error))
            .map(drop)
    }

    fn resource(&self) -> String {
        format!("service/{}/{}", self.worker.cluster, self.worker.service)
    }
}

/// `call` is as IAM writes it, so that a missing permission can be looked up.
fn failure<E>(call: &'static str, error: &SdkError<E, HttpResponse>) -> AwsError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let SdkError::ServiceError(answer) = error else {
        return AwsError::Unanswered { call, why: last_cause(error) };
    };
    let code = answer.err().code().unwrap_or("no code");
    let message = answer.err().message().unwrap_or("no reason given");
    // ECS does not model ThrottlingException; it arrives with status 400.
    if code.contains("Throttl") || code == "TooManyRequestsException" || code == "RequestLimitExceeded" {
        return AwsError::Throttled { call };
    }
    let why = format!("{code}: {message}");
    if answer.raw().status().is_server_error() {
        return AwsError::Unanswered { call, why };
    }
    AwsError::Refused { call, why }
}

/// The innermost cause says most: "connection refused" rather than "dispatch failure".
fn last_cause(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
