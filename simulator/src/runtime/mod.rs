//! What runs containers: child processes, or a script.
//!
//! A runtime never blocks and never decides. ECS asks it to start and stop tasks and looks, at each
//! step of the clock, at what became of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::Time;

pub mod process;
pub mod scripted;

/// Everything a runtime needs to start a task: references resolved, secrets read, ports named.
#[derive(Clone, Debug)]
pub struct TaskLaunch {
    /// The task's ARN; its identity in every later call.
    pub task: String,
    pub service: Option<String>,
    /// In the order of the task definition.
    pub containers: Vec<ContainerLaunch>,
    pub launched_at: Time,
}

#[derive(Clone, Debug)]
pub struct ContainerLaunch {
    pub name: String,
    pub image: String,
    pub essential: bool,
    pub entry_point: Vec<String>,
    pub command: Vec<String>,
    /// `environment` and resolved `secrets` together, as the container sees them.
    pub environment: BTreeMap<String, String>,
    pub ports: Vec<u16>,
    pub health_check: Option<HealthCheck>,
    /// 30 s unless the definition says otherwise.
    pub stop_timeout: Duration,
    /// MiB, the hard limit; `None` for the task's own.
    pub memory_limit: Option<u64>,
    /// What must have happened before the container starts. When the task stops, it ends before them.
    pub depends_on: Vec<Dependency>,
    /// How long after its start those that depend on it wait, before they give up; `None`: for ever.
    pub start_timeout: Option<Duration>,
}

/// One container that another one waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    pub container: String,
    pub condition: Condition,
}

/// `condition` of `dependsOn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It has started.
    Start,
    /// It has passed its health check.
    Healthy,
    /// It has ended.
    Complete,
    /// It has ended with exit code 0.
    Success,
}

impl Dependency {
    /// Why a container that waits for this one does not start.
    pub(crate) fn failed(&self, waiting: &str) -> String {
        let container = &self.container;
        match self.condition {
            Condition::Success => format!(
                "dependency graph: failed to resolve container ordering dependency [{container}] for target [{waiting}] as dependency did not exit successfully."
            ),
            Condition::Start | Condition::Healthy | Condition::Complete => format!(
                "dependency graph: failed to resolve container ordering dependency [{container}] for target [{waiting}] as dependency stopped."
            ),
        }
    }

    /// The same for one that took too long.
    pub(crate) fn timed_out(&self, waiting: &str) -> String {
        format!(
            "dependency graph: container ordering dependency [{}] for target [{waiting}] has timed out.",
            self.container
        )
    }
}

/// A container's own health check; the defaults of ECS are filled in.
#[derive(Clone, Debug)]
pub struct HealthCheck {
    pub command: Vec<String>,
    pub interval: Duration,
    pub timeout: Duration,
    pub retries: u32,
    pub start_period: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ContainerState {
    pub name: String,
    pub status: ContainerStatus,
    pub health: ContainerHealth,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ContainerStatus {
    /// The image is being fetched, or the process is about to start.
    Pending,
    /// The whole task fails to start, with ECS's wording, for example
    /// `CannotPullContainerError: pull image manifest has been retried 1 time(s): ...`.
    CannotStart {
        reason: String,
    },
    Running {
        since: Time,
    },
    Stopped {
        exit_code: i32,
        reason: Option<String>,
        at: Time,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerHealth {
    /// No health check, or no result yet.
    Unknown,
    Healthy,
    Unhealthy,
}

/// A load balancer's health check of one target.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub task: String,
    pub container: String,
    pub port: u16,
    pub path: String,
    pub timeout: Duration,
    /// Codes that count as healthy, as ELB writes them: `200`, `200-299`, `200,301`.
    pub matcher: String,
}

/// The latest answer to a [`Probe`].
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeAnswer {
    /// Asked, not answered yet.
    Pending,
    Passed,
    /// ELB's reason code and sentence, such as (`Target.ResponseCodeMismatch`,
    /// `Health checks failed with these codes: [503]`).
    Failed {
        reason: String,
        description: String,
    },
}

/// Runs the containers of tasks. Every method returns at once.
pub trait Runtime: Send + Sync {
    /// Begins to start all containers of a task. Called once per task.
    fn start(&self, launch: &TaskLaunch);

    /// What the task's containers are doing at `now`, in the order of the launch. After `stop`, a
    /// container that had not started is `Stopped` too.
    fn observe(&self, task: &str, now: Time) -> Vec<ContainerState>;

    /// The next moment at which `observe` can answer something else, if nobody stops the task. ECS
    /// does not look before; a runtime that cannot tell says `now`.
    fn next_change(&self, _task: &str, now: Time) -> Time {
        now
    }

    /// Sends SIGTERM to all containers, and SIGKILL to each after its stop timeout.
    fn stop(&self, task: &str, now: Time);

    /// Frees what is kept about a task that has stopped.
    fn forget(&self, task: &str);

    /// Asks for a health check of a target; called once per interval of the target group.
    fn probe(&self, probe: &Probe, now: Time) -> ProbeAnswer;

    /// Where a container's port can be reached, if it can be reached at all.
    fn address(&self, task: &str, container: &str, port: u16) -> Option<SocketAddr>;

    /// The newest output lines of a container, oldest first, at most `limit`.
    fn output(&self, task: &str, container: &str, limit: usize) -> Vec<(Time, String)>;
}
