//! Why a rollout failed, with the evidence a person on call needs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{FailedHook, Timestamp};

/// The most that the record of a failure takes in the ledger, in bytes of JSON: an item of DynamoDB, which
/// may be its place, has room for 400 KiB.
pub const FAILURE_BYTES_MAX: usize = 16 * 1024;

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

    /// The same within [`FAILURE_BYTES_MAX`]: what explains least goes first, the oldest before the newest.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        while self.size() > FAILURE_BYTES_MAX && self.shorten() {}
        self
    }

    fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |bytes| bytes.len())
    }

    /// Gives one thing up; false: there is nothing left to give.
    fn shorten(&mut self) -> bool {
        const WORDS_MAX: usize = 300;
        if self.stopped_tasks.len() > 3 {
            return self.stopped_tasks.pop().is_some();
        }
        if self.unhealthy_targets.len() > 3 {
            return self.unhealthy_targets.pop().is_some();
        }
        let containers = || self.stopped_tasks.iter().map(|task| task.containers.len()).max().unwrap_or(0);
        if containers() > 3 {
            self.stopped_tasks.iter_mut().for_each(|task| task.containers.truncate(3));
            return true;
        }
        let mut cut = false;
        let mut shorten = |text: &mut String| {
            if let Some((end, _)) = text.char_indices().nth(WORDS_MAX) {
                text.truncate(end);
                cut = true;
            }
        };
        shorten(&mut self.likely_cause);
        self.figures.iter_mut().for_each(&mut shorten);
        self.events.iter_mut().for_each(&mut shorten);
        self.changes.iter_mut().for_each(|it| {
            shorten(&mut it.path);
            shorten(&mut it.change);
        });
        self.unhealthy_targets.iter_mut().for_each(|it| shorten(&mut it.description));
        let lines = self.hook.iter_mut().flat_map(|hook| &mut hook.last_words);
        lines.for_each(&mut shorten);
        for task in &mut self.stopped_tasks {
            shorten(&mut task.stopped_reason);
            for container in &mut task.containers {
                container.reason.iter_mut().for_each(&mut shorten);
                container.last_lines.iter_mut().for_each(&mut shorten);
            }
        }
        if cut {
            return true;
        }
        let with_words = self.stopped_tasks.iter_mut().rev().flat_map(|task| &mut task.containers);
        if let Some(lines) = with_words.map(|it| &mut it.last_lines).find(|lines| lines.len() > 1) {
            lines.remove(0);
            return true;
        }
        self.events.pop().is_some()
            || self.stopped_tasks.pop().is_some()
            || self.changes.pop().is_some()
            || self.unhealthy_targets.pop().is_some()
            || self.hook.as_mut().is_some_and(|hook| hook.last_words.pop().is_some())
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
    /// No commit changed it: this secret or parameter has a new version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated: Option<String>,
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
    /// Somebody asked for a roll-back.
    Person,
    /// `rollout.gates`: a target of the load balancer.
    TargetHealth,
    /// A container's own health check.
    ContainerHealth,
    /// An alarm of CloudWatch.
    Alarms,
    /// A URL that does not answer as it should.
    Http,
    /// Tasks that stopped after the deployment had completed.
    BakeTime,
}

impl Gate {
    /// Whether it speaks of a deployment that ECS may have completed: then only the ledger knows that the
    /// content is not good.
    pub fn judges_what_completed(self) -> bool {
        match self {
            Gate::Hook
            | Gate::TargetHealth
            | Gate::ContainerHealth
            | Gate::Alarms
            | Gate::Http
            | Gate::BakeTime => true,
            Gate::EcsCircuitBreaker
            | Gate::EcsAlarms
            | Gate::LifecycleHook
            | Gate::StoppedByHand
            | Gate::Deadline
            | Gate::Superseded
            | Gate::RefusedByAws
            | Gate::Person => false,
        }
    }

    /// As in a manifest, for those of `rollout.gates`.
    pub fn field(self) -> &'static str {
        match self {
            Gate::EcsCircuitBreaker => "deploymentCircuitBreaker",
            Gate::EcsAlarms => "deploymentConfiguration.alarms",
            Gate::LifecycleHook => "lifecycleHooks",
            Gate::StoppedByHand => "stopped by hand",
            Gate::Deadline => "timeout",
            Gate::Superseded => "superseded",
            Gate::RefusedByAws => "refused",
            Gate::Hook => "hook",
            Gate::Person => "rollback",
            Gate::TargetHealth => "targetHealth",
            Gate::ContainerHealth => "containerHealth",
            Gate::Alarms => "alarms",
            Gate::Http => "http",
            Gate::BakeTime => "bakeTime",
        }
    }
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
            Gate::Person => "a person",
            Gate::TargetHealth => "target health",
            Gate::ContainerHealth => "container health",
            Gate::Alarms => "alarms",
            Gate::Http => "HTTP check",
            Gate::BakeTime => "bake time",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_fits_into_the_ledger_whatever_aws_said() {
        let long = "é\"".repeat(4000);
        let container = StoppedContainer {
            name: "api".to_owned(),
            exit_code: Some(1),
            reason: Some(long.clone()),
            last_lines: vec![long.clone(); 5],
        };
        let task = StoppedTask {
            task: "arn".to_owned(),
            started_by: "ecs-svc/1".to_owned(),
            stop_code: String::new(),
            stopped_reason: long.clone(),
            containers: vec![container; 10],
            stopped_at: Timestamp(0),
        };
        let target = UnhealthyTarget {
            target_group: "g".to_owned(),
            target: "t".to_owned(),
            reason: String::new(),
            description: long.clone(),
        };
        let change = ChangedField { path: long.clone(), change: long.clone(), file: None, rotated: None };
        let failure = Failure {
            figures: Some(long.clone()),
            changes: vec![change; 6],
            stopped_tasks: vec![task; 10],
            unhealthy_targets: vec![target; 100],
            events: vec![long.clone(); 5],
            ..Failure::new(Timestamp(0), Gate::Http, long)
        };
        let bounded = failure.bounded();
        assert!(bounded.size() <= FAILURE_BYTES_MAX, "{}", bounded.size());
        assert!(
            !bounded.stopped_tasks.is_empty() && bounded.stopped_tasks[0].containers[0].last_line().is_some()
        );
        let small = Failure::new(Timestamp(0), Gate::Http, "small");
        assert_eq!(small.clone().bounded(), small);
    }
}
