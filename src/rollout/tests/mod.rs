//! Verdicts, causes and ways back, each from a small piece of what AWS answers.
#![allow(clippy::unwrap_used)]

mod causes;
mod gates;
mod hooks;
mod stages;
mod verdicts;
mod ways_back;

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::Digest;
use crate::model::{
    EcsService, LiveService, Part, Rollout, RolloutKind, RolloutPolicy, ServiceDeployment,
    ServiceDeploymentStatus, StoppedContainer, StoppedTask, TaskDefinitionArn, Timestamp, UnhealthyTarget,
};

/// When the rollout under test started, in seconds.
const START: i64 = 1000;

fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1000)
}

fn arn(number: u64) -> TaskDefinitionArn {
    TaskDefinitionArn(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/worker:{number}"))
}

fn policy() -> RolloutPolicy {
    RolloutPolicy { timeout: Duration::from_secs(600), ..RolloutPolicy::default() }
}

/// `worker:42` as `ecs-svc/2`, after `worker:41`.
fn rollout() -> Rollout {
    Rollout {
        kind: RolloutKind::Deploy,
        digest: Digest::from_tag("7be1"),
        task_definition: arn(42),
        deployment: Some("ecs-svc/2".to_owned()),
        started_at: at(START),
        revision: "a".repeat(40),
        back_to: Some(arn(41)),
        changes: Vec::new(),
        watched: crate::model::Watched::default(),
        course: None,
        values: Default::default(),
    }
}

fn deployment(id: u64, revision: u64, status: &str, state: &str, running: i64, created: i64) -> Value {
    let mut deployment = json!({
        "id": format!("ecs-svc/{id}"), "taskDefinition": arn(revision).0, "status": status,
        "desiredCount": 3, "runningCount": running, "pendingCount": 0, "failedTasks": 0, "createdAt": created as f64,
    });
    if !state.is_empty() {
        deployment["rolloutState"] = state.into();
    }
    deployment
}

fn ours(state: &str, running: i64) -> Value {
    deployment(2, 42, "PRIMARY", state, running, START)
}

fn old(status: &str, state: &str) -> Value {
    deployment(1, 41, status, state, 3, 10)
}

/// A service of three tasks with these deployments; it points where the first one does.
fn live(deployments: Value) -> LiveService {
    let mut live = LiveService::absent();
    live.service = Part::Present(EcsService(json!({
        "serviceName": "worker", "status": "ACTIVE", "desiredCount": 3,
        "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/jobs",
        "runningCount": deployments[0]["runningCount"], "taskDefinition": deployments[0]["taskDefinition"],
        "deployments": deployments, "events": [],
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}},
    })));
    live
}

fn set(live: &mut LiveService, path: &str, value: Value) {
    let Part::Present(service) = &mut live.service else { panic!() };
    *service.0.pointer_mut(path).unwrap() = value;
}

fn service_deployment(number: u64, status: &str, created: i64) -> ServiceDeployment {
    ServiceDeployment {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:service-deployment/jobs/worker/d{number}"),
        status: ServiceDeploymentStatus::from_wire(status),
        status_reason: String::new(),
        target_service_revision_arn: format!(
            "arn:aws:ecs:eu-west-1:123456789012:service-revision/jobs/worker/{number}"
        ),
        created_at: at(created),
        finished_at: None,
    }
}

fn stopped(exit_code: Option<i64>, reason: &str, stopped_reason: &str) -> StoppedTask {
    StoppedTask {
        task: "arn:aws:ecs:eu-west-1:123456789012:task/jobs/1".to_owned(),
        started_by: "ecs-svc/2".to_owned(),
        stop_code: "EssentialContainerExited".to_owned(),
        stopped_reason: stopped_reason.to_owned(),
        containers: vec![StoppedContainer {
            name: "worker".to_owned(),
            exit_code,
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            last_lines: Vec::new(),
        }],
        stopped_at: at(START + 30),
    }
}

fn target(reason: &str, description: &str) -> UnhealthyTarget {
    UnhealthyTarget {
        target_group:
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/jobs-api/0123456789abcdef"
                .to_owned(),
        target: "10.0.0.7:8080".to_owned(),
        reason: reason.to_owned(),
        description: description.to_owned(),
    }
}
