//! Every mutating call. This list of methods is the write part of the IAM policy.

use std::sync::Arc;

use serde_json::json;

use super::budget::Category;
use super::call::{Call, Line};
use super::connect::Clients;
use super::exchange::Exchange;
use super::{Answer, Error, Permit, Turn};
use crate::model::{Json, TaskDefinitionArn};

/// May change AWS. Each call consumes a [`Permit`], has ten seconds, and is never repeated by itself.
#[derive(Clone, Debug)]
pub struct Writer {
    clients: Clients,
    line: Arc<Line>,
}

const ACTIONS: [&str; 20] = [
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeleteScheduledAction",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:PutScheduledAction",
    "application-autoscaling:RegisterScalableTarget",
    "ecs:CreateService",
    "ecs:DeleteService",
    "ecs:DeregisterTaskDefinition",
    "ecs:RegisterTaskDefinition",
    "ecs:RunTask",
    "ecs:StopServiceDeployment",
    "ecs:StopTask",
    "ecs:TagResource",
    "ecs:UntagResource",
    "ecs:UpdateService",
    "scheduler:CreateSchedule",
    "scheduler:CreateScheduleGroup",
    "scheduler:DeleteSchedule",
    "scheduler:UpdateSchedule",
];

/// Sends `$body` as the `$method` of `$client`.
macro_rules! send {
    ($self:ident, $client:ident.$method:ident, $call:expr, $body:expr) => {
        send!($self, $self.clients.$client.$method(), $call, $body)
    };
    // The same for a REST service, whose request has a part of its input in the URL.
    ($self:ident, $request:expr, $call:expr, $body:expr) => {{
        let exchange = Exchange::new($body);
        let request = $request.customize().interceptor(exchange.clone());
        $self.line.exchange(&$call, exchange, request.send()).await
    }};
}

impl Writer {
    /// IAM actions of these methods, sorted.
    pub const ACTIONS: [&str; 20] = ACTIONS;

    pub(super) fn new(clients: Clients, line: Arc<Line>) -> Self {
        Self { clients, line }
    }

    /// Waits until a call of this kind may be made. Callers are served in the order in which they came.
    pub async fn turn(&self, category: Category) -> Turn {
        self.line.turn(category).await;
        Turn::has_come()
    }

    pub async fn register_task_definition(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let attempt = format!("register a revision of `{}`", text(body, "family"));
        let call = Call::permitted("ecs:RegisterTaskDefinition", attempt);
        send!(self, ecs.register_task_definition, call, body)
    }

    pub async fn create_service(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let attempt = format!("create service `{}`", text(body, "serviceName"));
        let call = Call::permitted("ecs:CreateService", attempt);
        send!(self, ecs.create_service, call, body)
    }

    pub async fn update_service(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let attempt = format!("update service `{}`", text(body, "service"));
        let call = Call::permitted("ecs:UpdateService", attempt);
        send!(self, ecs.update_service, call, body)
    }

    /// Adds and overwrites tags; others stay.
    pub async fn tag_resource(
        &self,
        _permit: Permit,
        arn: &str,
        tags: &[(String, String)],
    ) -> Result<Answer, Error> {
        let tags: Vec<Json> = tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        let call = Call::permitted("ecs:TagResource", format!("tag `{arn}`"));
        send!(self, ecs.tag_resource, call, &json!({"resourceArn": arn, "tags": tags}))
    }

    /// Takes tags away; others stay.
    pub async fn untag_resource(&self, _permit: Permit, arn: &str, keys: &[String]) -> Result<Answer, Error> {
        let call = Call::permitted("ecs:UntagResource", format!("untag `{arn}`"));
        send!(self, ecs.untag_resource, call, &json!({"resourceArn": arn, "tagKeys": keys}))
    }

    /// What runs it goes on running; nothing new may be started of it.
    pub async fn deregister_task_definition(
        &self,
        _permit: Permit,
        arn: &TaskDefinitionArn,
    ) -> Result<Answer, Error> {
        let call = Call::permitted("ecs:DeregisterTaskDefinition", format!("deregister `{arn}`"));
        send!(self, ecs.deregister_task_definition, call, &json!({"taskDefinition": arn}))
    }

    /// Never with `force`: ECS refuses it while tasks are asked for.
    pub async fn delete_service(
        &self,
        _permit: Permit,
        cluster: &str,
        service: &str,
    ) -> Result<Answer, Error> {
        let call = Call::permitted("ecs:DeleteService", format!("delete service `{service}`"));
        send!(self, ecs.delete_service, call, &json!({"cluster": cluster, "service": service}))
    }

    /// With `stopType` ROLLBACK: ECS takes the service back to the revision it came from.
    pub async fn stop_service_deployment(&self, _permit: Permit, arn: &str) -> Result<Answer, Error> {
        let call = Call::permitted("ecs:StopServiceDeployment", format!("stop service deployment `{arn}`"));
        let body = json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"});
        send!(self, ecs.stop_service_deployment, call, &body)
    }

    /// Starts a one-off task. ECS makes none again for a `clientToken` that it has seen.
    pub async fn run_task(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let definition = text(body, "taskDefinition").rsplit('/').next().unwrap_or_default();
        let call = Call::permitted("ecs:RunTask", format!("run a task of `{definition}`"));
        send!(self, ecs.run_task, call, body)
    }

    /// SIGTERM now, SIGKILL after the containers' stop timeouts.
    pub async fn stop_task(
        &self,
        _permit: Permit,
        cluster: &str,
        task: &str,
        reason: &str,
    ) -> Result<Answer, Error> {
        let call = Call::permitted("ecs:StopTask", format!("stop task `{task}`"));
        let body = json!({"cluster": cluster, "task": task, "reason": reason});
        send!(self, ecs.stop_task, call, &body)
    }

    pub async fn register_scalable_target(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let call = scaling("application-autoscaling:RegisterScalableTarget", body);
        send!(self, scaling.register_scalable_target, call, body)
    }

    pub async fn deregister_scalable_target(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let call = scaling("application-autoscaling:DeregisterScalableTarget", body);
        send!(self, scaling.deregister_scalable_target, call, body)
    }

    pub async fn put_scaling_policy(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let call = scaling("application-autoscaling:PutScalingPolicy", body);
        send!(self, scaling.put_scaling_policy, call, body)
    }

    pub async fn delete_scaling_policy(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let call = scaling("application-autoscaling:DeleteScalingPolicy", body);
        send!(self, scaling.delete_scaling_policy, call, body)
    }

    pub async fn put_scheduled_action(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let call = scaling("application-autoscaling:PutScheduledAction", body);
        send!(self, scaling.put_scheduled_action, call, body)
    }

    pub async fn delete_scheduled_action(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let call = scaling("application-autoscaling:DeleteScheduledAction", body);
        send!(self, scaling.delete_scheduled_action, call, body)
    }

    /// With its tags, in one call.
    pub async fn create_schedule_group(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let (name, body) = named(body);
        let attempt = format!("create schedule group `{name}`");
        let call = Call::permitted("scheduler:CreateScheduleGroup", attempt);
        send!(self, self.clients.scheduler.create_schedule_group().name(name), call, &body)
    }

    pub async fn delete_schedule(&self, _permit: Permit, group: &str, name: &str) -> Result<Answer, Error> {
        let call = Call::permitted("scheduler:DeleteSchedule", format!("delete schedule `{name}`"));
        let exchange = Exchange::without_body();
        let request = self.clients.scheduler.delete_schedule().group_name(group).name(name);
        let request = request.customize().interceptor(exchange.clone());
        self.line.exchange(&call, exchange, request.send()).await
    }

    pub async fn create_schedule(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let (name, body) = named(body);
        let call = Call::permitted("scheduler:CreateSchedule", format!("create schedule `{name}`"));
        send!(self, self.clients.scheduler.create_schedule().name(name), call, &body)
    }

    /// Replaces the whole schedule: what `body` leaves out goes back to AWS's default.
    pub async fn update_schedule(&self, _permit: Permit, body: &Json) -> Result<Answer, Error> {
        let (name, body) = named(body);
        let call = Call::permitted("scheduler:UpdateSchedule", format!("update schedule `{name}`"));
        send!(self, self.clients.scheduler.update_schedule().name(name), call, &body)
    }
}

/// `Name`, which EventBridge Scheduler takes in the URL, and the rest.
fn named(body: &Json) -> (String, Json) {
    let mut rest = body.clone();
    let name = rest.as_object_mut().and_then(|members| members.remove("Name"));
    (name.as_ref().and_then(Json::as_str).unwrap_or_default().to_owned(), rest)
}

fn scaling(operation: &'static str, body: &Json) -> Call {
    Call::permitted(operation, format!("change the scaling of `{}`", text(body, "ResourceId")))
}

fn text<'a>(body: &'a Json, member: &str) -> &'a str {
    body[member].as_str().unwrap_or_default()
}
