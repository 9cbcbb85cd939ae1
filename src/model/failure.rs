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
    /// The cause lies in what may pass, and not in what Git asks for: capacity, addresses, throttling, Spot,
    /// a host that was lost. Then the same content may be tried again later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transient: bool,
    /// What the gate measured: `2 of 3 targets healthy for 10 m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<String>,
    /// What the commit changed, the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangedField>,
    pub stopped_tasks: Vec<StoppedTask>,
    pub unhealthy_targets: Vec<UnhealthyTarget>,
    /// The newest ECS events that belong to the rollout, newest first, at most five.
    pub events: Vec<String>,
    /// The hook that said no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<FailedHook>,
}

impl Failure {
    /// A failure without any evidence yet.
    pub fn new(at: Timestamp, gate: Gate, likely_cause: impl Into<String>) -> Self {
        Self {
            at,
            gate,
            likely_cause: likely_cause.into(),
            transient: false,
            figures: None,
            changes: Vec::new(),
            stopped_tasks: Vec::new(),
            unhealthy_targets: Vec::new(),
            events: Vec::new(),
            hook: None,
        }
    }
}

/// One difference that a rollout brings about, as people read it; no value that may be secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedField {
    /// From `spec`, as a plan writes it: `taskDefinition.containerDefinitions[worker].image`.
    pub path: String,
    /// What it was and is: `1024 -> 2048`, `(absent) -> "20"`.
    pub change: String,
    /// The file that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl ChangedField {
    /// The last part of the path: `memory`, `BATCH`.
    pub fn name(&self) -> &str {
        self.path.rsplit(['.', '[']).next().unwrap_or(&self.path).trim_end_matches(']')
    }
}

/// Which judge said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Gate {
    /// ECS's own deployment circuit breaker, or its alarms.
    EcsCircuitBreaker,
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
    /// Its newest output lines, oldest first, if its log could be read. Redacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
}

impl StoppedContainer {
    /// The last line that it wrote.
    pub fn last_line(&self) -> Option<&str> {
        self.last_lines.last().map(String::as_str).filter(|line| !line.trim().is_empty())
    }
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
