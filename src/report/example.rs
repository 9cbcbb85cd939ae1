//! One plan that the tests of all windows show.

use std::collections::BTreeMap;

use serde_json::json;

use crate::model::{
    Desired, DesiredService, Digest, Environment, Failure, FieldPath, Gate, HookStage, Json, Origin, Origins,
    Quarantine, Revision, RolloutPolicy, ServiceKey, StoppedContainer, StoppedTask, TaskDefinitionArn,
    Timestamp, Workload,
};
use crate::plan::{
    Action, Cause, Consequence, Decision, Difference, Extent, Held, HookRevision, Hooks, Kept, LeftGit, Plan,
    PlannedHook, PruneBy, Quiet, RevisionSource, ServicePlan, Share, Since, Step,
};

/// 2026-11-20 21:03:10 UTC
pub(super) const READ_AT: Timestamp = Timestamp(1_795_208_590_000);

pub(super) fn revision() -> Revision {
    Revision {
        id: "4c1f9e2000000000000000000000000000000000".to_owned(),
        branch: "main".to_owned(),
        author: "release-bot".to_owned(),
        subject: "Raise worker memory".to_owned(),
        committed_at: Timestamp(READ_AT.0 - 60_000),
    }
}

pub(super) fn arn(name: &str) -> TaskDefinitionArn {
    TaskDefinitionArn(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}"))
}

pub(super) fn digest() -> Digest {
    Digest::from_tag("7be1000000000000000000000000000000000000000000000000000000000000")
}

pub(super) const SERVICES: [&str; 5] = ["job-api", "job-migrate", "job-search", "job-worker", "report-cron"];

pub(super) fn desired() -> Desired {
    let service = |name: &str| DesiredService {
        key: ServiceKey::new(name),
        task_definition: json!({"family": name}),
        service: json!({}),
        scaling: None,
        rollout: RolloutPolicy::default(),
        sync: Default::default(),
        depends_on: Vec::new(),
        images: Default::default(),
        named_images: Vec::new(),
        proposals: Vec::new(),
        digest: digest(),
        task_definition_digest: digest(),
        origins: if name == "job-search" { origins() } else { Origins::default() },
    };
    Desired {
        revision: revision(),
        environment: Environment {
            name: "production".to_owned(),
            account: None,
            region: "eu-west-1".to_owned(),
            cluster: "jobs".to_owned(),
            variables: BTreeMap::new(),
            looked_up: Vec::new(),
            sync: Default::default(),
            images: Default::default(),
        },
        services: SERVICES.iter().map(|name| (ServiceKey::new(*name), service(name))).collect(),
        scheduled_tasks: BTreeMap::new(),
        images: Default::default(),
    }
}

fn origins() -> Origins {
    let task = FieldPath::root().field("taskDefinition");
    let image = task.field("containerDefinitions").key("search").field("image");
    let lines = [(FieldPath::root(), 5), (task.field("memory"), 7), (image, 10)];
    let at = |line| Origin { file: "manifests/base/search.yaml".into(), line, column: 5 };
    lines.into_iter().map(|(path, line)| (path, at(line))).collect()
}

pub(super) fn difference(path: FieldPath, live: Json, desired: Json, consequence: Consequence) -> Difference {
    let some = |value: Json| if value.is_null() { None } else { Some(value) };
    Difference {
        path,
        live: some(live),
        desired: some(desired),
        consequence,
        cause: Cause::Git,
        origin: None,
        since: Some(Since::Commit(revision().id)),
        sensitive: false,
        why: None,
    }
}

fn origin(file: &str, line: usize) -> Option<Origin> {
    Some(Origin { file: format!("manifests/{file}").into(), line, column: 5 })
}

/// A migration before a deployment, with a definition of its own.
pub(super) fn hook() -> PlannedHook {
    PlannedHook {
        name: "migrate".to_owned(),
        stage: HookStage::Before,
        digest: digest(),
        images: vec!["registry/job-migrate:1.4.2".to_owned()],
        runs: HookRevision::Own,
    }
}

pub(super) fn failure() -> Failure {
    let stopped = |number: i64| StoppedTask {
        task: format!("arn:aws:ecs:eu-west-1:123456789012:task/jobs/{number}"),
        started_by: "ecs-svc/3081".to_owned(),
        stop_code: "EssentialContainerExited".to_owned(),
        stopped_reason: "Essential container in task exited".to_owned(),
        containers: vec![StoppedContainer {
            name: "worker".to_owned(),
            exit_code: Some(137),
            reason: Some("OutOfMemoryError: Container killed due to memory usage".to_owned()),
            last_lines: vec!["loading batch of 20".to_owned()],
        }],
        stopped_at: Timestamp(READ_AT.0 + number * 43_000),
    };
    let cause = "container worker exited 137: out of memory";
    Failure {
        stopped_tasks: vec![stopped(2), stopped(1), stopped(0)],
        events: vec![
            "(service job-worker) deployment ecs-svc/3081 deployment failed: tasks failed to start."
                .to_owned(),
        ],
        ..Failure::new(Timestamp(READ_AT.0 + 130_000), Gate::EcsCircuitBreaker, cause)
    }
}

pub(super) fn quarantine(name: &str) -> Quarantine {
    Quarantine {
        digest: digest(),
        task_definition: Some(arn(&format!("{name}:42"))),
        deployment: Some("ecs-svc/3081".to_owned()),
        revision: revision().id,
        failure: failure(),
        again: None,
        by: None,
        values: BTreeMap::new(),
    }
}

/// The differences of `job-worker`.
pub(super) fn worker_differences() -> Vec<Difference> {
    let task = FieldPath::root().field("taskDefinition");
    let container = task.field("containerDefinitions").key("worker");
    vec![
        Difference {
            origin: origin("overlays/production/worker.yaml", 9),
            ..difference(
                container.field("environment").field("BATCH"),
                Json::Null,
                json!("20"),
                Consequence::NewRevision,
            )
        },
        Difference {
            sensitive: true,
            origin: origin("base/worker.yaml", 31),
            ..difference(
                container.field("environment").field("API_TOKEN"),
                json!("old sesame"),
                json!("new sesame"),
                Consequence::NewRevision,
            )
        },
        Difference {
            origin: origin("base/worker.yaml", 14),
            ..difference(task.field("memory"), json!(1024), json!(2048), Consequence::NewRevision)
        },
    ]
}

pub(super) fn plan() -> Plan {
    let decisions = vec![api(), Decision::Unchanged, search(), worker(), cron()];
    let services = SERVICES.iter().zip(decisions).map(|(name, decision)| ServicePlan {
        service: ServiceKey::new(*name),
        workload: Workload::Service,
        digest: digest(),
        decision,
        quiet: if *name == "job-migrate" { quiet() } else { Vec::new() },
        hooks: Hooks::default(),
        extent: Extent::Whole,
        left_git: None,
        replaces: None,
        kept_drift: Vec::new(),
        images: Default::default(),
    });
    Plan {
        revision: revision(),
        environment: "production".to_owned(),
        region: "eu-west-1".to_owned(),
        cluster: "jobs".to_owned(),
        looked_up: Vec::new(),
        read_at: READ_AT,
        calls: 9,
        services: services.collect(),
        schedules_left: Vec::new(),
    }
}

fn api() -> Decision {
    let path = FieldPath::root().field("service").field("desiredCount");
    let drifted = Difference {
        cause: Cause::BehindOurBack,
        since: Some(Since::Commit("91aa0c3000000000000000000000000000000000".to_owned())),
        ..difference(path.clone(), json!(3), json!(2), Consequence::InPlace)
    };
    let update = Action::UpdateService {
        task_definition: None,
        body: json!({"desiredCount": 2}),
        starts_deployment: false,
    };
    Decision::Change { differences: vec![drifted], steps: vec![Step { action: update, because: vec![path] }] }
}

fn search() -> Decision {
    let register = Action::RegisterTaskDefinition { digest: digest(), body: json!({"family": "job-search"}) };
    let create = Action::CreateService { task_definition: RevisionSource::Registered, body: json!({}) };
    let task = FieldPath::root().field("taskDefinition");
    let service = FieldPath::root().field("service");
    let container = json!({"name": "search", "image": "registry/search:2", "essential": true});
    let wanted = json!({"family": "job-search", "memory": "512", "containerDefinitions": [container]});
    let new =
        |path: &FieldPath, wanted: Json| difference(path.clone(), Json::Null, wanted, Consequence::Creates);
    Decision::Change {
        differences: vec![new(&task, wanted), new(&service, json!({"desiredCount": 1}))],
        steps: vec![
            Step { action: register, because: vec![task] },
            Step { action: create, because: vec![service] },
        ],
    }
}

fn worker() -> Decision {
    let differences = worker_differences();
    let because: Vec<FieldPath> = differences.iter().map(|difference| difference.path.clone()).collect();
    let register = Action::RegisterTaskDefinition { digest: digest(), body: json!({"family": "job-worker"}) };
    let update = Action::UpdateService {
        task_definition: Some(RevisionSource::Registered),
        body: json!({}),
        starts_deployment: true,
    };
    Decision::Change {
        differences,
        steps: vec![Step { action: register, because: because.clone() }, Step { action: update, because }],
    }
}

fn cron() -> Decision {
    Decision::Held { reason: Held::Quarantined(Box::new(quarantine("report-cron"))), differences: Vec::new() }
}

pub(super) fn left_git() -> LeftGit {
    LeftGit {
        revision: revision().id,
        share: Share { going: 1, owned: 6, allowed: 1, percent: 20 },
        prune: Some(PruneBy::Environment),
        tasks: 3,
        begun: false,
        draining: false,
    }
}

fn quiet() -> Vec<Quiet> {
    vec![Quiet {
        path: FieldPath::root().field("service").field("healthCheckGracePeriodSeconds"),
        live: Some(json!(0)),
        desired: None,
        rule: "AWS fills in 0".to_owned(),
        source: crate::shape::rules::all()
            .find(|rule| rule.path == "healthCheckGracePeriodSeconds")
            .map(|rule| rule.source()),
        kept: Kept::ByRule,
    }]
}
