//! Every call that a person's verb makes. This list of methods is the IAM policy for people.

use std::sync::Arc;

use serde_json::json;

use super::budget::Category;
use super::call::{Call, Line};
use super::connect::Clients;
use super::exchange::Exchange;
use super::{Answer, Error};
use crate::model::Json;

/// May say to AWS what a person decides. It needs no permit of the ledger's, because the person is
/// authorised by IAM, and what is asked for changes nothing that the operator is about to do blindly. Each
/// call has ten seconds, and is never repeated by itself.
#[derive(Clone, Debug)]
pub struct Requester {
    clients: Clients,
    line: Arc<Line>,
}

const ACTIONS: [&str; 7] = [
    "ecs:ContinueServiceDeployment",
    "ecs:RegisterTaskDefinition",
    "ecs:RunTask",
    "ecs:StopServiceDeployment",
    "ecs:StopTask",
    "ecs:TagResource",
    "ecs:UntagResource",
];

/// Sends `$body` as the `$method` of `$client`.
macro_rules! send {
    ($self:ident, $client:ident.$method:ident, $call:expr, $body:expr) => {{
        let exchange = Exchange::new($body);
        let request = $self.clients.$client.$method().customize().interceptor(exchange.clone());
        $self.line.exchange(&$call, exchange, request.send()).await
    }};
}

impl Requester {
    /// IAM actions of these methods, sorted.
    pub const ACTIONS: [&str; 7] = ACTIONS;

    pub(super) fn new(clients: Clients, line: Arc<Line>) -> Self {
        Self { clients, line }
    }

    /// Lets a deployment go on that waits at a lifecycle hook.
    pub async fn continue_service_deployment(&self, arn: &str, hook: &str) -> Result<Answer, Error> {
        let attempt = format!("let the service deployment `{arn}` go on");
        let call = Call::new("ecs:ContinueServiceDeployment", Category::DeploymentStop, attempt);
        let body = json!({"serviceDeploymentArn": arn, "hookId": hook, "action": "CONTINUE"});
        send!(self, ecs.continue_service_deployment, call, &body)
    }

    /// With `stopType` ROLLBACK: ECS takes the service back to the revision it came from.
    pub async fn stop_service_deployment(&self, arn: &str) -> Result<Answer, Error> {
        let attempt = format!("stop the service deployment `{arn}`");
        let call = Call::new("ecs:StopServiceDeployment", Category::DeploymentStop, attempt);
        let body = json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"});
        send!(self, ecs.stop_service_deployment, call, &body)
    }

    /// Registers a revision for a task that is run by hand.
    pub async fn register_task_definition(&self, body: &Json) -> Result<Answer, Error> {
        let attempt = format!("register a revision of `{}`", body["family"].as_str().unwrap_or_default());
        let call = Call::new("ecs:RegisterTaskDefinition", Category::TaskDefinitionModify, attempt);
        send!(self, ecs.register_task_definition, call, body)
    }

    /// Starts a task by hand. ECS makes none again for a `clientToken` that it has seen.
    pub async fn run_task(&self, body: &Json) -> Result<Answer, Error> {
        let definition = body["taskDefinition"].as_str().unwrap_or_default();
        let attempt = format!("run a task of `{}`", definition.rsplit('/').next().unwrap_or_default());
        let call = Call::new("ecs:RunTask", Category::ClusterResourceModify, attempt);
        send!(self, ecs.run_task, call, body)
    }

    /// SIGTERM now, SIGKILL after the containers' stop timeouts.
    pub async fn stop_task(&self, cluster: &str, task: &str, reason: &str) -> Result<Answer, Error> {
        let attempt = format!("stop task `{task}`");
        let call = Call::new("ecs:StopTask", Category::ClusterResourceModify, attempt);
        send!(self, ecs.stop_task, call, &json!({"cluster": cluster, "task": task, "reason": reason}))
    }

    /// Puts a request onto a service: the operator decides when it is heeded.
    pub async fn tag_service(&self, arn: &str, key: &str, value: &str) -> Result<Answer, Error> {
        let call = Call::new("ecs:TagResource", Category::TagModify, format!("tag `{arn}`"));
        let body = json!({"resourceArn": arn, "tags": [{"key": key, "value": value}]});
        send!(self, ecs.tag_resource, call, &body)
    }

    /// Takes a request off a service.
    pub async fn untag_service(&self, arn: &str, key: &str) -> Result<Answer, Error> {
        let call = Call::new("ecs:UntagResource", Category::TagModify, format!("untag `{arn}`"));
        let body = json!({"resourceArn": arn, "tagKeys": [key]});
        send!(self, ecs.untag_resource, call, &body)
    }
}
