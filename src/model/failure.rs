//! Why a rollout failed, with the evidence a person on call needs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{FailedHook, Timestamp};

/// A failed rollout: one report for the journal, for `status` and for the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub at: Timestamp,
    pub gate: Gate,
    /// One sentence without a full stop: `container api exited 1: "bind: address in use"`.
    pub likely_cause: String,
    pub stopped_tasks: Vec<StoppedTask>,
    pub unhealthy_targets: Vec<UnhealthyTarget>,
    /// The newest ECS events that belong to the rollout, newest first, at most five.
    pub events: Vec<String>,
    /// The hook that said no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<FailedHook>,
}

/// Which judge said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Gate {
    /// ECS's own deployment circuit breaker, or another judge of ECS's that it does not name.
    EcsCircuitBreaker,
    /// CloudWatch alarms of the deployment configuration.
    EcsAlarms,
    /// A lifecycle hook of the deployment configuration failed, or nobody answered it.
    LifecycleHook,
    /// Somebody stopped the deployment.
    StoppedByHand,
    /// `rollout.timeout` passed.
    Deadline,
    /// The service went back, or away, under us.
    Superseded,
    /// AWS refused a call of the plan for its content.
    RefusedByAws,
    /// A hook before or after the deployment.
    Hook,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Gate::EcsCircuitBreaker => "ECS circuit breaker",
            Gate::EcsAlarms => "ECS alarms",
            Gate::LifecycleHook => "lifecycle hook",
            Gate::StoppedByHand => "by hand",
            Gate::Deadline => "deadline",
            Gate::Superseded => "superseded",
            Gate::RefusedByAws => "refused by AWS",
            Gate::Hook => "hook",
        })
    }
}

/// A task that stopped, by DescribeTasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedTask {
    /// The task's ARN.
    pub task: String,
    /// `ecs-svc/<number>` of the deployment it belonged to.
    pub started_by: String,
    pub stop_code: String,
    pub stopped_reason: String,
    pub containers: Vec<StoppedContainer>,
    pub stopped_at: Timestamp,
}

/// One container of a stopped task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedContainer {
    pub name: String,
    pub exit_code: Option<i64>,
    pub reason: Option<String>,
    /// Its last output line, if its log could be read. Redacted.
    pub last_line: Option<String>,
}

/// A target that fails its health check, by DescribeTargetHealth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnhealthyTarget {
    pub target_group: String,
    pub target: String,
    /// ELB's code, such as `Target.ResponseCodeMismatch`.
    pub reason: String,
    pub description: String,
}
