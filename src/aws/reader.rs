//! Every reading call. This list of methods is the read part of the IAM policy.

use std::sync::Arc;

use serde_json::json;

use super::Error;
use super::anywhere::Anywhere;
use super::budget::Category;
use super::call::{Call, Line};
use super::connect::Clients;
use super::exchange::Exchange;
use super::exports::{self, ExportPage};
use crate::model::{Json, TaskDefinitionArn};

/// May read AWS, and nothing else. Reads are repeated by the SDK: three attempts in thirty seconds.
#[derive(Clone, Debug)]
pub struct Reader {
    clients: Clients,
    line: Arc<Line>,
    anywhere: Anywhere,
    registries: Registries,
}

/// Who we are to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    pub account: String,
    pub arn: String,
}

/// One target of a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    /// `10.0.0.12:8080`
    pub target: String,
    /// ELB's state, such as `healthy`, `initial`, `unhealthy`, `draining`.
    pub state: String,
    pub reason: String,
    pub description: String,
}

/// A list that came in pages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pages {
    pub items: Vec<Json>,
    /// False if the bound on pages was reached, or a page token came twice.
    pub complete: bool,
}

/// Most names per DescribeServices.
pub const SERVICES_MAX: usize = 10;
/// Most ARNs per DescribeServiceRevisions.
pub const SERVICE_REVISIONS_MAX: usize = 20;
/// Most resource ids per DescribeScalableTargets.
pub const SCALABLE_TARGETS_MAX: usize = 50;
/// Most names per GetParameters.
pub const PARAMETERS_MAX: usize = 10;
/// Most services per ListServices.
const SERVICES_A_PAGE: usize = 100;
/// ECS allows 5,000 services in a cluster.
const SERVICE_PAGES_MAX: usize = 100;
/// Most tasks per DescribeTasks.
pub const TASKS_MAX: usize = 100;
/// Tasks of one service that gates look at: ECS allows 5,000.
const RUNNING_TASKS_MAX: usize = 5_000;

const ACTIONS: [&str; 29] = [
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "cloudformation:ListExports",
    "cloudwatch:DescribeAlarms",
    "ecr:BatchGetImage",
    "ecr:DescribeImageScanFindings",
    "ecr:DescribeImages",
    "ecr:ListImages",
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:DescribeServices",
    "ecs:DescribeTaskDefinition",
    "ecs:DescribeTasks",
    "ecs:ListServiceDeployments",
    "ecs:ListServices",
    "ecs:ListTaskDefinitions",
    "ecs:ListTasks",
    "elasticloadbalancing:DescribeTargetHealth",
    "logs:GetLogEvents",
    "scheduler:GetSchedule",
    "scheduler:GetScheduleGroup",
    "scheduler:ListSchedules",
    "scheduler:ListTagsForResource",
    "secretsmanager:DescribeSecret",
    "secretsmanager:ListSecrets",
    "ssm:DescribeParameters",
    "ssm:GetParameters",
    "sts:GetCallerIdentity",
];

/// Sends `$body` as the `$method` of `$client`.
macro_rules! send {
    ($self:ident, $client:ident.$method:ident, $call:expr, $body:expr) => {{
        let exchange = Exchange::new($body);
        let request = $self.clients.$client.$method().customize().interceptor(exchange.clone());
        $self.line.exchange(&$call, exchange, request.send()).await
    }};
}

// After the macro, which they use.
mod alarms;
mod families;
pub(super) mod images;
mod logs;
mod scaling;
mod schedules;
mod values;

pub use values::LISTED_SECRETS_MAX;

use images::Registries;

pub use logs::LogPage;

impl Reader {
    /// IAM actions of these methods, sorted.
    pub const ACTIONS: [&str; 29] = ACTIONS;

    pub(super) fn new(clients: Clients, line: Arc<Line>, anywhere: Anywhere, endpoint: Option<&str>) -> Self {
        let registries = Registries::new(clients.ecs.clone(), endpoint);
        Self { clients, line, anywhere, registries }
    }

    /// Calls made so far over this connection.
    pub fn calls(&self) -> u64 {
        self.line.calls()
    }

    pub fn region(&self) -> &str {
        self.line.region()
    }

    pub async fn caller_identity(&self) -> Result<CallerIdentity, Error> {
        let call = Call::new("sts:GetCallerIdentity", Category::Other, "sign in to AWS");
        let answer = self.line.typed(&call, self.clients.sts.get_caller_identity().send()).await?;
        Ok(CallerIdentity {
            account: answer.account.unwrap_or_default(),
            arn: answer.arn.unwrap_or_default(),
        })
    }

    /// DescribeServices with tags, for at most [`SERVICES_MAX`] names: `{services, failures}`.
    pub async fn describe_services(&self, cluster: &str, names: &[&str]) -> Result<Json, Error> {
        let call =
            Call::new("ecs:DescribeServices", Category::ServiceRead, format!("read cluster `{cluster}`"));
        let body = json!({"cluster": cluster, "services": names, "include": ["TAGS"]});
        send!(self, ecs.describe_services, call, &body).map(|answer| answer.body)
    }

    /// ARNs of all services of a cluster.
    pub async fn list_services(&self, cluster: &str) -> Result<Pages, Error> {
        let mut pages = Pages::default();
        let mut tokens: Vec<Json> = Vec::new();
        let mut body = json!({"cluster": cluster, "maxResults": SERVICES_A_PAGE});
        for _ in 0..SERVICE_PAGES_MAX {
            let attempt = format!("list the services of cluster `{cluster}`");
            let call = Call::new("ecs:ListServices", Category::ServiceRead, attempt);
            let mut answer = send!(self, ecs.list_services, call, &body)?;
            pages.items.extend(list(&mut answer.body["serviceArns"]));
            let token = answer.body["nextToken"].take();
            if token.as_str().is_none_or(str::is_empty) {
                pages.complete = true;
                break;
            }
            // A server that hands out the same token again would keep us here for ever.
            if tokens.contains(&token) {
                break;
            }
            body["nextToken"] = token.clone();
            tokens.push(token);
        }
        Ok(pages)
    }

    /// The elements of DescribeServiceRevisions `serviceRevisions[]`, for at most
    /// [`SERVICE_REVISIONS_MAX`] ARNs. One that ECS does not know is left out.
    pub async fn describe_service_revisions(&self, arns: &[&str]) -> Result<Vec<Json>, Error> {
        let call = Call::new(
            "ecs:DescribeServiceRevisions",
            Category::ServiceDeployment,
            "read what service revisions hold",
        );
        let body = json!({ "serviceRevisionArns": arns });
        let mut answer = send!(self, ecs.describe_service_revisions, call, &body)?;
        Ok(list(&mut answer.body["serviceRevisions"]))
    }

    /// DescribeTaskDefinition with tags: `{taskDefinition, tags}`.
    pub async fn describe_task_definition(&self, arn: &TaskDefinitionArn) -> Result<Json, Error> {
        let call = Call::new(
            "ecs:DescribeTaskDefinition",
            Category::TaskDefinitionRead,
            format!("read task definition `{arn}`"),
        );
        let body = json!({"taskDefinition": arn, "include": ["TAGS"]});
        send!(self, ecs.describe_task_definition, call, &body).map(|answer| answer.body)
    }

    /// The newest ACTIVE revisions of a family, newest first.
    pub async fn list_task_definitions(
        &self,
        family: &str,
        max: usize,
    ) -> Result<Vec<TaskDefinitionArn>, Error> {
        let call = Call::new(
            "ecs:ListTaskDefinitions",
            Category::TaskDefinitionRead,
            format!("list the revisions of `{family}`"),
        );
        // Here `familyPrefix` is the whole family name, unlike in ListTaskDefinitionFamilies.
        let body = json!({"familyPrefix": family, "status": "ACTIVE", "sort": "DESC", "maxResults": max});
        let answer = send!(self, ecs.list_task_definitions, call, &body)?;
        Ok(strings(&answer.body["taskDefinitionArns"]).into_iter().map(TaskDefinitionArn).collect())
    }

    /// The newest service deployments, newest first, as ListServiceDeployments has them.
    pub async fn list_service_deployments(
        &self,
        cluster: &str,
        service: &str,
        max: usize,
    ) -> Result<Vec<Json>, Error> {
        let call = Call::new(
            "ecs:ListServiceDeployments",
            Category::ServiceDeployment,
            format!("list the service deployments of `{service}`"),
        );
        let body = json!({"cluster": cluster, "service": service, "maxResults": max});
        let mut answer = send!(self, ecs.list_service_deployments, call, &body)?;
        Ok(list(&mut answer.body["serviceDeployments"]))
    }

    /// One service deployment in full, with its stage; `None`: ECS does not know it.
    pub async fn describe_service_deployment(&self, arn: &str) -> Result<Option<Json>, Error> {
        let call = Call::new(
            "ecs:DescribeServiceDeployments",
            Category::ServiceDeployment,
            format!("read the service deployment `{arn}`"),
        );
        let body = json!({"serviceDeploymentArns": [arn]});
        let mut answer = send!(self, ecs.describe_service_deployments, call, &body)?;
        Ok(list(&mut answer.body["serviceDeployments"]).into_iter().next())
    }

    /// Tasks of a service that stopped. ECS keeps them for an hour or so.
    pub async fn list_stopped_tasks(&self, cluster: &str, service: &str) -> Result<Vec<String>, Error> {
        let call = Call::new(
            "ecs:ListTasks",
            Category::ClusterResourceRead,
            format!("list the stopped tasks of `{service}`"),
        );
        let body = json!({
            "cluster": cluster, "serviceName": service, "desiredStatus": "STOPPED", "maxResults": TASKS_MAX,
        });
        let answer = send!(self, ecs.list_tasks, call, &body)?;
        Ok(strings(&answer.body["taskArns"]))
    }

    /// Tasks of a service that run or are to run, all pages up to [`RUNNING_TASKS_MAX`].
    pub async fn list_running_tasks(&self, cluster: &str, service: &str) -> Result<Vec<String>, Error> {
        let mut tasks = Vec::new();
        let mut body = json!({
            "cluster": cluster, "serviceName": service, "desiredStatus": "RUNNING", "maxResults": TASKS_MAX,
        });
        while tasks.len() < RUNNING_TASKS_MAX {
            let attempt = format!("list the running tasks of `{service}`");
            let call = Call::new("ecs:ListTasks", Category::ClusterResourceRead, attempt);
            let mut answer = send!(self, ecs.list_tasks, call, &body)?;
            tasks.extend(strings(&answer.body["taskArns"]));
            let token = answer.body["nextToken"].take();
            if token.as_str().is_none_or(str::is_empty) || token == body["nextToken"] {
                break;
            }
            body["nextToken"] = token;
        }
        Ok(tasks)
    }

    /// Tasks that were started by this text: those that run, and those that stopped within the last hour
    /// or so.
    pub async fn list_tasks_started_by(&self, cluster: &str, started_by: &str) -> Result<Vec<String>, Error> {
        let mut tasks = Vec::new();
        for status in ["RUNNING", "STOPPED"] {
            let call = Call::new(
                "ecs:ListTasks",
                Category::ClusterResourceRead,
                format!("list the tasks that `{started_by}` started"),
            );
            let body = json!({
                "cluster": cluster, "startedBy": started_by, "desiredStatus": status, "maxResults": TASKS_MAX,
            });
            let answer = send!(self, ecs.list_tasks, call, &body)?;
            tasks.extend(strings(&answer.body["taskArns"]));
        }
        Ok(tasks)
    }

    /// The elements of DescribeTasks `tasks[]`, for at most 100 tasks.
    pub async fn describe_tasks(&self, cluster: &str, tasks: &[String]) -> Result<Vec<Json>, Error> {
        let call = Call::new(
            "ecs:DescribeTasks",
            Category::ClusterResourceRead,
            format!("read tasks of cluster `{cluster}`"),
        );
        let tasks = &tasks[..tasks.len().min(TASKS_MAX)];
        let mut answer = send!(self, ecs.describe_tasks, call, &json!({"cluster": cluster, "tasks": tasks}))?;
        Ok(list(&mut answer.body["tasks"]))
    }

    pub async fn describe_target_health(&self, target_group: &str) -> Result<Vec<TargetHealth>, Error> {
        let call = Call::new(
            "elasticloadbalancing:DescribeTargetHealth",
            Category::LoadBalancerRead,
            format!("read the health of target group `{target_group}`"),
        );
        let request =
            self.clients.load_balancing.describe_target_health().target_group_arn(target_group).send();
        let answer = self.line.typed(&call, request).await?;
        let targets = answer.target_health_descriptions.unwrap_or_default();
        Ok(targets.into_iter().map(TargetHealth::from_sdk).collect())
    }

    /// GetParameters, for at most [`PARAMETERS_MAX`] names, perhaps with a version or a label each:
    /// `{Parameters, InvalidParameters}`. Values of SecureString come encrypted.
    pub async fn get_parameters(&self, names: &[&str]) -> Result<Json, Error> {
        let call = Call::new("ssm:GetParameters", Category::Other, "look up parameters");
        let body = json!({"Names": names, "WithDecryption": false});
        let exchange = Exchange::with_target(&body, "AmazonSSM.GetParameters");
        let request = self.clients.parameters.list_clusters().customize().interceptor(exchange.clone());
        self.line.exchange(&call, exchange, request.send()).await.map(|answer| answer.body)
    }

    /// One page of ListExports: a hundred exports, and the token of the next page.
    pub async fn list_exports(&self, token: Option<&str>) -> Result<ExportPage, Error> {
        let call = Call::new("cloudformation:ListExports", Category::Other, "look up CloudFormation exports");
        let exchange = Exchange::with_form(exports::question(token));
        let request =
            self.clients.cloudformation.get_caller_identity().customize().interceptor(exchange.clone());
        let answer = self.line.text(&call, exchange, request.send()).await?;
        Ok(exports::read(&answer))
    }
}

impl TargetHealth {
    fn from_sdk(described: aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription) -> Self {
        let health = described.target_health;
        let target = described.target.map(|target| {
            let id = target.id.unwrap_or_default();
            target.port.map_or(id.clone(), |port| format!("{id}:{port}"))
        });
        Self {
            target: target.unwrap_or_default(),
            state: health
                .as_ref()
                .and_then(|health| health.state.as_ref())
                .map(|state| state.as_str().to_owned())
                .unwrap_or_default(),
            reason: health
                .as_ref()
                .and_then(|health| health.reason.as_ref())
                .map(|reason| reason.as_str().to_owned())
                .unwrap_or_default(),
            description: health.and_then(|health| health.description).unwrap_or_default(),
        }
    }
}

/// How Application Auto Scaling names a service: by names, also where the cluster is given as an ARN.
pub fn resource_id(cluster: &str, service: &str) -> String {
    let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
    format!("service/{cluster}/{service}")
}

fn one_resource(cluster: &str, service: &str) -> Json {
    json!({
        "ServiceNamespace": "ecs",
        "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": resource_id(cluster, service),
    })
}

fn list(value: &mut Json) -> Vec<Json> {
    match value.take() {
        Json::Array(items) => items,
        _ => Vec::new(),
    }
}

fn strings(value: &Json) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}
