//! What ECS remembers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::{Map, Value};

use super::capacity::Provider;
use super::ids::Ids;
use super::strategy::{Alarms, Course, HookAnswer};
use crate::clock::Time;
use crate::elb::Target;
use crate::naming;
use crate::runtime::ContainerState;

/// Clusters, task definitions, services and tasks of the account.
#[derive(Default)]
pub struct Ecs {
    /// How long CreateService, UpdateService and DeleteService take to become visible to
    /// DescribeServices and ListServices. Zero, unless somebody sets it.
    pub read_delay: Duration,
    /// Reasons with which the next tasks of RunTask find no place, such as `RESOURCE:MEMORY`.
    pub no_room: VecDeque<String>,
    /// Subnets without a free address: no task comes up in them.
    pub full_subnets: BTreeSet<String>,
    /// How many tasks there is room for, by the name of a capacity provider or by a launch type. Without
    /// an entry there is always room.
    pub capacity: BTreeMap<String, usize>,
    /// Where containers reach their agent: what `ECS_AGENT_URI` and `ECS_CONTAINER_METADATA_URI_V4` begin
    /// with. Without it they get neither.
    pub agent: Option<String>,
    /// What Lambda functions behind lifecycle hooks answer, by their ARNs, one answer a call. Without an
    /// entry they succeed.
    pub functions: BTreeMap<String, VecDeque<HookAnswer>>,
    pub(super) ids: Ids,
    pub(super) clusters: BTreeMap<String, Cluster>,
    /// The capacity providers that were created.
    pub(super) providers: BTreeMap<String, Provider>,
    pub(super) families: BTreeMap<String, Family>,
    pub(super) services: BTreeMap<ServiceKey, Service>,
    /// By ARN; also the stopped ones, for an hour.
    pub(super) tasks: BTreeMap<String, Task>,
    /// Tasks of RunTask that have not stopped.
    pub(super) standalone: Vec<String>,
    /// What RunTask was asked for under a `clientToken`.
    pub(super) run_tokens: BTreeMap<String, RunToken>,
    /// In the order in which they stopped.
    pub(super) stopped: VecDeque<(Time, String)>,
    /// By the ARN of what is tagged.
    pub(super) tags: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServiceKey {
    pub(super) cluster: String,
    pub(super) name: String,
}

pub(super) struct Cluster {
    pub(super) active: bool,
    /// As sent, with ECS's defaults.
    pub(super) settings: Map<String, Value>,
}

#[derive(Default)]
pub(super) struct Family {
    /// Revision numbers are never used again, also after a deletion.
    pub(super) last_revision: u32,
    pub(super) revisions: BTreeMap<u32, TaskDefinition>,
}

pub(super) struct TaskDefinition {
    pub(super) status: DefinitionStatus,
    /// As it is read back, but for the status.
    pub(super) body: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DefinitionStatus {
    Active,
    Inactive,
    DeleteInProgress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServiceStatus {
    Active,
    Draining,
    Inactive { since: Time },
}

pub(super) struct Service {
    pub(super) key: ServiceKey,
    pub(super) arn: String,
    pub(super) status: ServiceStatus,
    pub(super) desired: u32,
    pub(super) created_at: Time,
    /// The request that made it, for CreateService's `clientToken`.
    pub(super) creation: Value,
    /// The members of CreateService and UpdateService as stored, defaults filled in. Those that
    /// belong to a revision are what PRIMARY runs.
    pub(super) settings: Map<String, Value>,
    /// PRIMARY first, then the ones being replaced, newest first.
    pub(super) deployments: Vec<Deployment>,
    pub(super) revisions: BTreeMap<u64, Revision>,
    /// Oldest first; the last one is the one in flight, if one is.
    pub(super) history: Vec<ServiceDeployment>,
    /// Newest first.
    pub(super) events: VecDeque<Event>,
    /// ARNs of its tasks that have not stopped, oldest first.
    pub(super) tasks: Vec<String>,
    /// What a rollback restores. `None` while a rollback to it is under way: ECS has then nothing
    /// to roll back to.
    pub(super) last_completed: Option<u64>,
    pub(super) steady: bool,
    /// Nothing can happen to it before.
    pub(super) next_look: Time,
    pub(super) stale: Option<Stale>,
}

/// What reads show of a service until a write to it becomes visible.
pub(super) struct Stale {
    pub(super) until: Time,
    /// `None`: it was not there.
    pub(super) shown: Option<Value>,
}

/// The members of a service that a rollback restores.
pub(super) struct Revision {
    pub(super) created_at: Time,
    pub(super) content: Map<String, Value>,
    /// Container name, image and digest, as pinned when the deployment started.
    pub(super) images: Vec<PinnedImage>,
    pub(super) side: Side,
}

/// In which of a load balancer's two target groups the tasks of a revision are: each deployment that shifts
/// traffic takes the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Main,
    Alternate,
}

impl Side {
    /// The target group of this side.
    pub(super) fn target_group(self, balancer: &Value) -> Option<&str> {
        match self {
            Side::Main => balancer["targetGroupArn"].as_str(),
            Side::Alternate => balancer["advancedConfiguration"]["alternateTargetGroupArn"]
                .as_str()
                .or(balancer["targetGroupArn"].as_str()),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct PinnedImage {
    pub(super) container: String,
    pub(super) image: String,
    pub(super) digest: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Deployment {
    pub(super) revision: u64,
    pub(super) status: DeploymentStatus,
    pub(super) rollout: Rollout,
    pub(super) reason: String,
    /// As DescribeServices shows it: 0 until the scheduler has looked at a new deployment.
    pub(super) desired: u32,
    /// Consecutive tasks that did not come up.
    pub(super) failed_tasks: u32,
    /// Rounds of tries in a row that failed; tasks that fail while the next try is put off already
    /// belong to the same round.
    pub(super) failed_rounds: u32,
    pub(super) retry_at: Time,
    pub(super) created_at: Time,
    pub(super) updated_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeploymentStatus {
    Primary,
    Active,
    /// A failed one whose tasks are on their way out.
    Draining,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rollout {
    InProgress,
    Completed,
    Failed,
}

pub(super) struct ServiceDeployment {
    pub(super) arn: String,
    pub(super) source: Option<u64>,
    pub(super) target: u64,
    pub(super) status: ServiceDeploymentStatus,
    pub(super) reason: Option<String>,
    pub(super) created_at: Time,
    pub(super) started_at: Option<Time>,
    pub(super) updated_at: Time,
    pub(super) finished_at: Option<Time>,
    pub(super) stopped_at: Option<Time>,
    pub(super) rollback: Option<Rollback>,
    pub(super) breaker: Breaker,
    pub(super) alarms: Alarms,
    /// The stages of one that shifts traffic.
    pub(super) course: Option<Course>,
    /// The service's deploymentConfiguration at its start.
    pub(super) configuration: Value,
}

#[derive(Clone, Debug)]
pub(super) struct Rollback {
    pub(super) reason: String,
    pub(super) started_at: Time,
    pub(super) revision: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Breaker {
    pub(super) status: &'static str,
    pub(super) failures: u32,
    pub(super) threshold: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServiceDeploymentStatus {
    Pending,
    InProgress,
    StopRequested,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
    Successful,
}

impl ServiceDeploymentStatus {
    pub(super) fn is_final(self) -> bool {
        match self {
            Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed => true,
            Self::Pending
            | Self::InProgress
            | Self::StopRequested
            | Self::RollbackRequested
            | Self::RollbackInProgress => false,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) at: Time,
    pub(super) message: String,
}

pub(super) struct Task {
    pub(super) arn: String,
    pub(super) id: String,
    pub(super) cluster: String,
    /// `None` for a task of RunTask.
    pub(super) service: Option<String>,
    pub(super) group: String,
    pub(super) started_by: Option<String>,
    /// 0 for a task of RunTask.
    pub(super) revision: u64,
    pub(super) definition: String,
    /// RunTask's overrides, as sent.
    pub(super) overrides: Value,
    /// launchType, platformVersion, networkConfiguration and the like, as DescribeTasks shows them.
    pub(super) placement: Map<String, Value>,
    /// The capacity provider, or the launch type, that it runs on.
    pub(super) capacity: String,
    /// Whether `capacity` is a provider.
    pub(super) provider: bool,
    /// It stays in PROVISIONING until there is room.
    pub(super) waits_for_capacity: bool,
    pub(super) phase: Phase,
    pub(super) containers: Vec<TaskContainer>,
    pub(super) ip: String,
    /// Target group and target; registered when the task is up, if `registered` says so.
    pub(super) targets: Vec<(String, Target)>,
    pub(super) registered: bool,
    pub(super) version: u64,
    pub(super) created_at: Time,
    pub(super) pull_started_at: Option<Time>,
    pub(super) pull_stopped_at: Option<Time>,
    pub(super) started_at: Option<Time>,
    pub(super) stopping_at: Option<Time>,
    pub(super) execution_stopped_at: Option<Time>,
    pub(super) stopped_at: Option<Time>,
    pub(super) stop: Option<Stop>,
    /// Neither scaling in nor a deployment stops it before.
    pub(super) protected_until: Option<Time>,
    /// It ran healthy for as long as it takes to count as up.
    pub(super) came_up: bool,
    pub(super) next_look: Time,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stop {
    pub(super) code: StopCode,
    pub(super) reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopCode {
    TaskFailedToStart,
    EssentialContainerExited,
    UserInitiated,
    ServiceSchedulerInitiated,
    SpotInterruption,
    TerminationNotice,
}

/// Where a task is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Provisioning {
        until: Time,
    },
    Pending,
    Activating {
        until: Time,
    },
    Running,
    /// Waits until its targets are drained.
    Deactivating,
    /// Waits until its containers have stopped.
    Stopping,
    Deprovisioning {
        until: Time,
    },
    Stopped,
}

/// A RunTask that a `clientToken` stands for.
pub(super) struct RunToken {
    pub(super) at: Time,
    /// The request without the token.
    pub(super) request: Value,
    /// ARNs of the tasks it started.
    pub(super) tasks: Vec<String>,
}

pub(super) struct TaskContainer {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) image: String,
    pub(super) digest: Option<String>,
    pub(super) essential: bool,
    pub(super) has_health_check: bool,
    /// As last seen; `None` before the runtime was asked to start it.
    pub(super) state: Option<ContainerState>,
    pub(super) ever_ran: bool,
    pub(super) log: Option<LogStream>,
}

/// Where a container's output goes, and how much of it is there already.
pub(super) struct LogStream {
    pub(super) group: String,
    pub(super) stream: String,
    /// The time of the newest line sent, and how many lines of that time were sent.
    pub(super) sent: Option<(Time, usize)>,
}

impl ServiceKey {
    pub(super) fn new(cluster: &str, name: &str) -> Self {
        Self { cluster: cluster.to_owned(), name: name.to_owned() }
    }
}

impl Task {
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_some()
    }

    /// The EC2 instance that it runs on: there is one for each provider.
    pub(super) fn instance(&self) -> String {
        let digits = naming::hexadecimal(&format!("{} {}", self.cluster, self.capacity), Time(0), 17);
        format!("i-{digits}")
    }

    /// Until when the task is protected from scale-in, if it is at this moment.
    pub(super) fn protection(&self, now: Time) -> Option<Time> {
        self.protected_until.filter(|until| now < *until)
    }
}
