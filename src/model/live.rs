//! What AWS answered. Not knowing is a case of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Digest, Json, LiveGates, LiveScheduledTask, LiveValue, Overriding, Ownership, Request, ServiceKey,
    StagedDeployment, StoppedTask, TaskDefinitionArn, Timestamp, UnhealthyTarget, tag, tags,
};

/// A part of the world that was read, is not there, or could not be read.
#[derive(Clone, Debug, PartialEq)]
pub enum Part<T> {
    Present(T),
    Absent,
    /// With the reason, as a lower-case fragment. Never treated as [`Part::Absent`].
    Unreadable(String),
}

impl<T> Part<T> {
    pub fn present(&self) -> Option<&T> {
        match self {
            Part::Present(value) => Some(value),
            Part::Absent | Part::Unreadable(_) => None,
        }
    }
}

/// One look at AWS, for the services that were asked for.
#[derive(Clone, Debug, Default)]
pub struct Live {
    pub services: BTreeMap<ServiceKey, LiveService>,
    pub scheduled_tasks: BTreeMap<ServiceKey, LiveScheduledTask>,
    /// Every schedule of our group, whether Git has it or not; empty where that was not read.
    pub schedules: BTreeSet<ServiceKey>,
    pub read_at: Timestamp,
    /// AWS calls that this look cost.
    pub calls: u32,
}

/// Members of a service that only DescribeServiceRevisions shows.
pub const REVISION_ONLY: [&str; 2] = ["gatewayConnectors", "monitoring"];

/// One service as AWS has it.
#[derive(Clone, Debug)]
pub struct LiveService {
    pub service: Part<EcsService>,
    /// The revision that the service points to. Read only where tags don't already prove it equal
    /// to what Git wants; `Absent` then.
    pub task_definition: Part<LiveTaskDefinition>,
    /// The revision that was applied last, where the service runs another and Git asks for a third: read
    /// only then, to tell what Git changed from what somebody else did.
    pub applied: Option<LiveTaskDefinition>,
    /// An existing ACTIVE revision that carries the desired digest. Looked for only when the
    /// service does not already run it.
    pub reusable: Option<TaskDefinitionArn>,
    /// What [`REVISION_ONLY`] names, of the service revision that the PRIMARY deployment runs. `Absent`:
    /// nothing depends on it.
    pub service_revision: Part<Json>,
    pub scaling: Part<LiveScaling>,
    /// Newest first, as ListServiceDeployments tells. Read only while a rollout is of interest.
    pub deployments: Part<Vec<ServiceDeployment>>,
    /// The deployment under way, or ours, where traffic is shifted. `Absent`: it is a rolling update, or no
    /// rollout is of interest.
    pub staged: Part<StagedDeployment>,
    /// Tasks that stopped, newest first; read only when something goes wrong.
    pub stopped_tasks: Vec<StoppedTask>,
    pub unhealthy_targets: Vec<UnhealthyTarget>,
    /// `(healthy, all)` targets over the service's target groups, where it has any.
    pub target_health: Option<(usize, usize)>,
    /// Read only while a hook is under way.
    pub hook: LiveHook,
    /// Read only for a rollout that gates judge.
    pub gates: LiveGates,
    /// Which version the secrets and parameters of Git's spec mean, by their names in the ledger. A name that
    /// was not asked for is not in it.
    pub values: BTreeMap<String, LiveValue>,
}

impl LiveService {
    /// A service that is not there.
    pub fn absent() -> Self {
        Self {
            service: Part::Absent,
            task_definition: Part::Absent,
            applied: None,
            reusable: None,
            service_revision: Part::Absent,
            scaling: Part::Absent,
            deployments: Part::Absent,
            staged: Part::Absent,
            stopped_tasks: Vec::new(),
            unhealthy_targets: Vec::new(),
            target_health: None,
            hook: LiveHook { revision: None, task: Part::Absent },
            gates: LiveGates::default(),
            values: BTreeMap::new(),
        }
    }

    /// The versions that are known: what tasks get that are started now.
    pub fn known_values(&self) -> BTreeMap<String, String> {
        let known = self.values.iter();
        known.filter_map(|(name, value)| Some((name.clone(), value.version()?.to_owned()))).collect()
    }
}

/// What AWS shows of the hook that is under way.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveHook {
    /// An ACTIVE revision that carries the digest of the hook's own task definition. `None`: it was not
    /// looked for.
    pub revision: Option<Part<TaskDefinitionArn>>,
    /// The task of its present run.
    pub task: Part<HookTask>,
}

/// A task that a hook runs as.
#[derive(Clone, Debug, PartialEq)]
pub struct HookTask {
    pub arn: String,
    /// ECS is bringing it down, for whatever reason.
    pub stopping: bool,
    pub created_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    /// How it ended, once it has.
    pub stopped: Option<StoppedTask>,
    /// The newest lines of the container to blame, oldest first, where it failed. Redacted.
    pub last_words: Vec<String>,
}

/// One element of DescribeServices `services[]`, raw, with tags. Status is ACTIVE or DRAINING; a
/// service that is INACTIVE counts as absent.
#[derive(Clone, Debug, PartialEq)]
pub struct EcsService(pub Json);

impl EcsService {
    pub fn status(&self) -> &str {
        self.0["status"].as_str().unwrap_or_default()
    }

    pub fn arn(&self) -> &str {
        self.0["serviceArn"].as_str().unwrap_or_default()
    }

    pub fn task_definition(&self) -> TaskDefinitionArn {
        TaskDefinitionArn(self.0["taskDefinition"].as_str().unwrap_or_default().to_owned())
    }

    pub fn desired_count(&self) -> i64 {
        self.0["desiredCount"].as_i64().unwrap_or_default()
    }

    pub fn running_count(&self) -> i64 {
        self.0["runningCount"].as_i64().unwrap_or_default()
    }

    /// Tasks that run or start.
    pub fn tasks(&self) -> i64 {
        self.running_count() + self.0["pendingCount"].as_i64().unwrap_or_default()
    }

    /// The members of UpdateService that start a deployment and can be read from the service itself.
    pub fn deployed_settings(&self) -> Json {
        const MEMBERS: [&str; 5] = [
            "capacityProviderStrategy",
            "loadBalancers",
            "networkConfiguration",
            "platformVersion",
            "serviceRegistries",
        ];
        let there = MEMBERS.iter().filter_map(|name| Some(((*name).to_owned(), self.0.get(*name)?.clone())));
        Json::Object(there.collect())
    }

    /// The value of a tag.
    pub fn tag(&self, name: &str) -> Option<&str> {
        tags::read(self.0.get("tags"), name)
    }

    pub fn digest(&self) -> Option<Digest> {
        self.tag(tag::DIGEST).map(Digest::from_tag)
    }

    /// The revision that was applied last, if the service's tags say so.
    pub fn tagged_revision(&self) -> Option<TaskDefinitionArn> {
        let runs = self.task_definition();
        // What follows the revision is a remark.
        let tagged = self.tag(tag::TASK_DEFINITION)?.split(' ').next()?;
        let place = runs.0.rsplit_once('/').map(|(place, _)| place).unwrap_or_default();
        Some(TaskDefinitionArn(format!("{place}/{tagged}")))
    }

    /// What an administrator's override of the scaling bounds means now, if there is one.
    pub fn overriding(&self, now: Timestamp) -> Option<Overriding> {
        self.tag(tag::SCALING_OVERRIDE).map(|text| Overriding::read(text, now))
    }

    /// A person's request to leave it alone, while it holds.
    pub fn suspended(&self, now: Timestamp) -> Option<Request> {
        let request = self.tag(tag::SUSPENDED).map(Request::read)?;
        (!request.has_ended(now)).then_some(request)
    }

    pub fn ownership(&self, installation: &str) -> Ownership {
        if let Some(owner) = self.tag(tag::MANAGED_BY) {
            if owner == installation {
                return Ownership::Ours;
            }
            return Ownership::Foreign { owner: format!("the installation `{owner}`") };
        }
        // Services of Express mode are kept by ECS itself (`resourceManagementType: ECS`).
        if self.0["resourceManagementType"] == "ECS" {
            return Ownership::Foreign { owner: "ECS Express mode".to_owned() };
        }
        if let Some(stack) = self.tag("aws:cloudformation:stack-name") {
            return Ownership::Foreign { owner: format!("the CloudFormation stack `{stack}`") };
        }
        match self.0["deploymentController"]["type"].as_str() {
            Some(kind) if kind != "ECS" => {
                Ownership::Foreign { owner: format!("the deployment controller {kind}") }
            }
            _ => Ownership::Unclaimed,
        }
    }

    /// All deployments of the classic view, newest first.
    pub fn deployments(&self) -> impl Iterator<Item = Deployment<'_>> {
        self.0["deployments"].as_array().into_iter().flatten().map(Deployment)
    }

    pub fn primary(&self) -> Option<Deployment<'_>> {
        self.deployments().find(|deployment| deployment.status() == "PRIMARY")
    }

    /// The ARN of the service revision that the PRIMARY deployment runs: both end in the same number.
    pub fn primary_revision(&self) -> Option<String> {
        let primary = self.primary()?;
        let number = primary.id().rsplit('/').next().filter(|number| !number.is_empty())?;
        let known = self.0["currentServiceRevisions"].as_array().into_iter().flatten();
        let told = known
            .filter_map(|revision| revision["arn"].as_str())
            .find(|arn| arn.rsplit('/').next() == Some(number))
            .map(str::to_owned);
        let made = || {
            let (before, path) = self.arn().split_once(":service/")?;
            Some(format!("{before}:service-revision/{path}/{number}"))
        };
        told.or_else(made)
    }

    /// The newest service events, newest first.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.0["events"].as_array().into_iter().flatten().filter_map(|event| event["message"].as_str())
    }
}

/// One element of `deployments[]`.
#[derive(Clone, Copy, Debug)]
pub struct Deployment<'a>(pub &'a Json);

impl Deployment<'_> {
    /// `ecs-svc/<number>`; tasks carry it as `startedBy`, and the number ends the ARN of the
    /// service revision.
    pub fn id(&self) -> &str {
        self.0["id"].as_str().unwrap_or_default()
    }

    pub fn status(&self) -> &str {
        self.0["status"].as_str().unwrap_or_default()
    }

    pub fn task_definition(&self) -> TaskDefinitionArn {
        TaskDefinitionArn(self.0["taskDefinition"].as_str().unwrap_or_default().to_owned())
    }

    /// COMPLETED, IN_PROGRESS or FAILED; absent with other deployment controllers.
    pub fn rollout_state(&self) -> Option<&str> {
        self.0["rolloutState"].as_str()
    }

    pub fn rollout_state_reason(&self) -> &str {
        self.0["rolloutStateReason"].as_str().unwrap_or_default()
    }

    pub fn desired_count(&self) -> i64 {
        self.0["desiredCount"].as_i64().unwrap_or_default()
    }

    pub fn running_count(&self) -> i64 {
        self.0["runningCount"].as_i64().unwrap_or_default()
    }

    pub fn pending_count(&self) -> i64 {
        self.0["pendingCount"].as_i64().unwrap_or_default()
    }

    pub fn failed_tasks(&self) -> i64 {
        self.0["failedTasks"].as_i64().unwrap_or_default()
    }

    pub fn created_at(&self) -> Option<Timestamp> {
        self.0["createdAt"].as_f64().map(Timestamp::from_seconds)
    }
}

/// A task definition revision and its tags.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveTaskDefinition {
    pub arn: TaskDefinitionArn,
    /// The `taskDefinition` member of DescribeTaskDefinition, raw.
    pub body: Json,
    pub tags: BTreeMap<String, String>,
}

impl LiveTaskDefinition {
    pub fn digest(&self) -> Option<Digest> {
        self.tags.get(tag::DIGEST).map(|text| Digest::from_tag(text))
    }

    pub fn is_active(&self) -> bool {
        self.body["status"].as_str().is_none_or(|status| status == "ACTIVE")
    }
}

/// What Application Auto Scaling holds for a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveScaling {
    /// One element of `ScalableTargets[]`, raw.
    pub target: Json,
    /// Elements of `ScalingPolicies[]` by PolicyName.
    pub policies: BTreeMap<String, Json>,
    /// Elements of `ScheduledActions[]` by ScheduledActionName.
    pub scheduled_actions: BTreeMap<String, Json>,
}

/// One element of ListServiceDeployments `serviceDeployments[]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceDeployment {
    pub arn: String,
    pub status: ServiceDeploymentStatus,
    pub status_reason: String,
    /// Ends in the same number as the deployment's `ecs-svc/<number>`.
    pub target_service_revision_arn: String,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

impl ServiceDeployment {
    /// Whether this is the service deployment of `ecs-svc/<number>`.
    pub fn is_of(&self, deployment_id: &str) -> bool {
        let number = deployment_id.rsplit('/').next().unwrap_or_default();
        !number.is_empty() && self.target_service_revision_arn.rsplit('/').next() == Some(number)
    }
}

/// The service deployments' own states; open, because AWS adds to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceDeploymentStatus {
    Pending,
    InProgress,
    Successful,
    StopRequested,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
    Other(String),
}

impl ServiceDeploymentStatus {
    pub fn from_wire(text: &str) -> Self {
        match text {
            "PENDING" => Self::Pending,
            "IN_PROGRESS" => Self::InProgress,
            "SUCCESSFUL" => Self::Successful,
            "STOP_REQUESTED" => Self::StopRequested,
            "STOPPED" => Self::Stopped,
            "ROLLBACK_REQUESTED" => Self::RollbackRequested,
            "ROLLBACK_IN_PROGRESS" => Self::RollbackInProgress,
            "ROLLBACK_SUCCESSFUL" => Self::RollbackSuccessful,
            "ROLLBACK_FAILED" => Self::RollbackFailed,
            other => Self::Other(other.to_owned()),
        }
    }

    /// As AWS writes it.
    pub fn name(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::StopRequested => "STOP_REQUESTED",
            Self::Stopped => "STOPPED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::Other(other) => other,
        }
    }

    /// Nothing will change it any more.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed)
    }
}
