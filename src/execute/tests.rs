//! Steps over the wire, against a ledger on disk.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use serde_json::json;

use super::*;
use crate::aws::stub::{Reply, Seen, Stub};
use crate::ledger::{LedgerView, Place};
use crate::model::{
    DesiredService, Json, LiveService, Origins, Part, RolloutPolicy, ServiceRecord, SyncPolicy, tag,
};
use crate::plan::RevisionSource;

const SERVICE_ARN: &str = "arn:aws:ecs:eu-west-1:123456789012:service/jobs/api";

fn arn(number: u32) -> TaskDefinitionArn {
    TaskDefinitionArn(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:{number}"))
}

fn service(deployment: &str, number: u32) -> Json {
    json!({
        "serviceName": "api", "serviceArn": SERVICE_ARN, "status": "ACTIVE",
        "taskDefinition": arn(number).0,
        "deployments": [{
            "id": deployment, "status": "PRIMARY", "taskDefinition": arn(number).0, "createdAt": 1_700.5,
        }],
    })
}

/// Answers as ECS does when all goes well: revision 2, then deployment `ecs-svc/2`.
fn healthy(seen: &Seen) -> Reply {
    match seen.operation.as_str() {
        "RegisterTaskDefinition" => Reply::Json(json!({"taskDefinition": {"taskDefinitionArn": arn(2).0}})),
        "CreateService" | "UpdateService" => Reply::Json(json!({"service": service("ecs-svc/2", 2)})),
        _ => Reply::Json(json!({})),
    }
}

fn place() -> Place {
    Place {
        installation: "reconciler".to_owned(),
        account: None,
        region: "eu-west-1".to_owned(),
        cluster: "jobs".to_owned(),
    }
}

/// A ledger on disk never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

struct Stage {
    _folder: tempfile::TempDir,
    path: PathBuf,
    ledger: Ledger,
    journal: Journal,
    desired: DesiredService,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.json");
        let key = ServiceKey::new("api");
        Self {
            ledger: Ledger::open(&path, &place()).unwrap(),
            journal: Journal::new(|_| ()),
            desired: DesiredService {
                key,
                task_definition: json!({"family": "api"}),
                service: json!({}),
                scaling: None,
                rollout: RolloutPolicy::default(),
                sync: SyncPolicy::default(),
                depends_on: Vec::new(),
                images: Default::default(),
                named_images: Vec::new(),
                proposals: Vec::new(),
                digest: Digest::from_tag("wanted"),
                task_definition_digest: Digest::from_tag("definition"),
                origins: Origins::default(),
            },
            path,
            _folder: folder,
        }
    }

    async fn run(
        &self,
        stub: &Stub,
        live: &LiveService,
        kind: RolloutKind,
        actions: Vec<Action>,
    ) -> Execution {
        self.attempt(stub, live, kind, actions).await.unwrap()
    }

    fn plan(&self, decision: Decision) -> ServicePlan {
        ServicePlan::of(self.desired.key.clone(), self.desired.digest.clone(), decision)
    }

    async fn attempt(
        &self,
        stub: &Stub,
        live: &LiveService,
        kind: RolloutKind,
        actions: Vec<Action>,
    ) -> Result<Execution, ledger::Error> {
        let steps = actions.into_iter().map(|action| Step { action, because: Vec::new() }).collect();
        let plan = self.plan(Decision::Change { differences: Vec::new(), steps });
        let back_to = arn(1);
        let work = Work {
            plan: &plan,
            task_definition_digest: &self.desired.task_definition_digest,
            prune: self.desired.sync.prune,
            spec: None,
            looked_up: &[],
            service: live.service.present(),
            cluster: "jobs",
            revision: "4c1f9e2",
            kind,
            values: &Default::default(),
            back_to: Some(&back_to),
        };
        let writer = stub.connect().await.writer();
        execute(&work, &writer, &self.ledger, &self.journal, &|| Timestamp(99_000)).await
    }

    fn intend(&self, kind: IntentKind, at: i64) {
        let intent = Intent {
            revision: "4c1f9e2".to_owned(),
            before: Some("ecs-svc/0".to_owned()),
            ..Intent::of(kind, &self.desired.digest, Timestamp(at))
        };
        now(self.ledger.update(&self.desired.key, |record| record.intent = Some(intent))).unwrap();
    }

    fn recover(&self, live: &LiveService) -> Option<Rollout> {
        let at = Timestamp(99_000_000);
        now(recover(&self.desired, live, Some(&arn(1)), &self.ledger, &self.journal, at)).unwrap()
    }

    fn record(&self) -> ServiceRecord {
        LedgerView::read(&self.path, &place()).unwrap().records()[&self.desired.key].clone()
    }

    fn told(&self) -> Vec<(Kind, String)> {
        self.journal.events().into_iter().map(|event| (event.event, event.reason)).collect()
    }
}

fn live() -> LiveService {
    LiveService { service: Part::Present(EcsService(service("ecs-svc/1", 1))), ..LiveService::absent() }
}

fn register() -> Action {
    Action::RegisterTaskDefinition { digest: Digest::from_tag("definition"), body: json!({"family": "api"}) }
}

fn update() -> Action {
    Action::UpdateService {
        task_definition: Some(RevisionSource::Registered),
        body: json!({"cluster": "jobs", "service": "api"}),
        starts_deployment: true,
    }
}

fn tag_service() -> Action {
    Action::TagService {
        task_definition: RevisionSource::Registered,
        tags: vec![(tag::DIGEST.to_owned(), "wanted".to_owned())],
    }
}

#[tokio::test]
async fn steps_are_made_in_order_and_each_is_filled_in_from_the_one_before() {
    let stage = Stage::new();
    let stub = Stub::new(healthy);
    let actions = vec![register(), update(), tag_service()];
    let execution = stage.run(&stub, &live(), RolloutKind::Deploy, actions).await;
    let rollout = Rollout {
        kind: RolloutKind::Deploy,
        digest: Digest::from_tag("wanted"),
        task_definition: arn(2),
        deployment: Some("ecs-svc/2".to_owned()),
        started_at: Timestamp(1_700_500),
        revision: "4c1f9e2".to_owned(),
        back_to: Some(arn(1)),
        changes: Vec::new(),
        watched: crate::model::Watched::default(),
        course: None,
        values: Default::default(),
    };
    assert_eq!(execution, Execution::Done { started: Some(rollout.clone()) });
    assert_eq!(stub.operations(), ["RegisterTaskDefinition", "UpdateService", "TagResource"]);
    let seen = stub.seen();
    assert_eq!(seen[1].json()["taskDefinition"], arn(2).0.as_str());
    assert_eq!(
        seen[2].json(),
        json!({"resourceArn": SERVICE_ARN, "tags": [
            {"key": "reconciler/digest", "value": "wanted"},
            {"key": "reconciler/task-definition", "value": "api:2"},
        ]})
    );
    let record = stage.record();
    assert_eq!(record.intent, None);
    assert_eq!(record.rollout, Some(rollout));
    assert_eq!(record.applied.unwrap().task_definition, arn(2));
    let events = stage.journal.events();
    assert_eq!(
        stage.told(),
        [
            (Kind::Register, "api:2".to_owned()),
            (Kind::Update, "api -> api:2 · deployment ecs-svc/2".to_owned()),
        ]
    );
    assert_eq!(events[1].deployment_id.as_deref(), Some("ecs-svc/2"));
    assert_eq!(events[1].aws_request_id.as_deref(), Some("request-2"));
}

#[tokio::test]
async fn the_intent_is_on_disk_before_each_call_and_the_rollout_right_after_its_start() {
    let stage = Stage::new();
    let on_disk = Arc::new(Mutex::new(Vec::new()));
    let (path, noted) = (stage.path.clone(), on_disk.clone());
    let stub = Stub::new(move |seen| {
        let record = LedgerView::read(&path, &place()).unwrap().records()[&ServiceKey::new("api")].clone();
        noted.lock().unwrap().push((record.intent.unwrap().kind, record.rollout.is_some()));
        healthy(seen)
    });
    stage.run(&stub, &live(), RolloutKind::Deploy, vec![register(), update(), tag_service()]).await;
    assert_eq!(
        *on_disk.lock().unwrap(),
        [(IntentKind::Register, false), (IntentKind::Update, false), (IntentKind::Tag, true)]
    );
}

#[tokio::test]
async fn a_created_service_carries_the_revision_it_runs_as_a_tag() {
    let stage = Stage::new();
    let stub = Stub::new(healthy);
    let create = Action::CreateService {
        task_definition: RevisionSource::Existing(arn(2)),
        body: json!({"cluster": "jobs", "serviceName": "api", "tags": [{"key": "team", "value": "jobs"}]}),
    };
    let execution = stage.run(&stub, &LiveService::absent(), RolloutKind::Deploy, vec![create]).await;
    assert!(matches!(execution, Execution::Done { started: Some(_) }), "{execution:?}");
    assert_eq!(
        stub.seen()[0].json(),
        json!({"cluster": "jobs", "serviceName": "api", "taskDefinition": arn(2).0, "tags": [
            {"key": "team", "value": "jobs"},
            {"key": "reconciler/task-definition", "value": "api:2"},
        ]})
    );
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_call_leaves_its_intent_and_nothing_more_is_done() {
    let stage = Stage::new();
    let stub = Stub::new(|_| Reply::Silence);
    let execution = stage.run(&stub, &live(), RolloutKind::Deploy, vec![register(), update()]).await;
    assert!(matches!(execution, Execution::Retry { .. }), "{execution:?}");
    assert_eq!(stub.operations(), ["RegisterTaskDefinition"]);
    assert_eq!(stage.record().intent.unwrap().kind, IntentKind::Register);
    assert_eq!(stage.told()[0].0, Kind::Retry);
}

#[tokio::test]
async fn a_refused_input_waits_for_git_and_a_busy_name_does_not() {
    let table = [
        (Reply::Error(400, "InvalidParameterException", "Creation of service was not idempotent."), true),
        (
            Reply::Error(
                400,
                "InvalidParameterException",
                "Unable to Start a service that is still Draining.",
            ),
            true,
        ),
        (Reply::Error(400, "ThrottlingException", "Rate exceeded"), true),
        (Reply::Error(400, "AccessDeniedException", "not authorized to perform: iam:PassRole"), true),
        (Reply::Error(400, "InvalidParameterException", "Network Configuration must be provided"), false),
        (Reply::Error(400, "LimitExceededException", "too many"), false),
    ];
    for (reply, again) in table {
        let stage = Stage::new();
        let answer = reply.clone();
        let stub = Stub::new(move |_| answer.clone());
        let create = Action::CreateService {
            task_definition: RevisionSource::Existing(arn(2)),
            body: json!({"cluster": "jobs", "serviceName": "api"}),
        };
        let execution = stage.run(&stub, &LiveService::absent(), RolloutKind::Deploy, vec![create]).await;
        assert_eq!(matches!(execution, Execution::Retry { .. }), again, "{reply:?}: {execution:?}");
        assert_eq!(matches!(execution, Execution::Rejected { .. }), !again, "{reply:?}: {execution:?}");
        // A refusal is an outcome: nothing is left to look up.
        assert_eq!(stage.record().intent, None, "{reply:?}");
        assert_eq!(stage.record().applied, None, "{reply:?}");
    }
}

#[tokio::test]
async fn a_step_that_fails_after_the_deployment_started_keeps_the_rollout() {
    let stage = Stage::new();
    let stub = Stub::new(|seen| match seen.operation.as_str() {
        "TagResource" => Reply::Error(400, "ThrottlingException", "Rate exceeded"),
        _ => healthy(seen),
    });
    let actions = vec![register(), update(), tag_service()];
    let execution = stage.run(&stub, &live(), RolloutKind::Deploy, actions).await;
    assert!(matches!(execution, Execution::Retry { .. }));
    assert_eq!(stage.record().rollout.unwrap().deployment.as_deref(), Some("ecs-svc/2"));
    assert_eq!(stage.record().applied, None, "Git's wish is not fulfilled yet");
}

#[tokio::test]
async fn an_answer_that_still_shows_the_old_deployment_leaves_its_id_open() {
    let stage = Stage::new();
    let stub = Stub::new(|seen| match seen.operation.as_str() {
        "UpdateService" => Reply::Json(json!({"service": service("ecs-svc/1", 1)})),
        _ => healthy(seen),
    });
    stage.run(&stub, &live(), RolloutKind::Deploy, vec![register(), update()]).await;
    let rollout = stage.record().rollout.unwrap();
    assert_eq!(rollout.deployment, None);
    assert_eq!(rollout.task_definition, arn(2));
    assert_eq!(rollout.started_at, Timestamp(99_000));
}

#[tokio::test]
async fn a_roll_back_is_written_down_as_one_and_applies_nothing() {
    let stage = Stage::new();
    let stub = Stub::new(healthy);
    let back = Action::UpdateService {
        task_definition: Some(RevisionSource::Existing(arn(2))),
        body: json!({"cluster": "jobs", "service": "api"}),
        starts_deployment: true,
    };
    stage.run(&stub, &live(), RolloutKind::RollBack, vec![back]).await;
    let record = stage.record();
    assert_eq!(record.applied, None);
    let rollout = record.rollout.unwrap();
    assert_eq!((rollout.kind, rollout.back_to), (RolloutKind::RollBack, None));
}

#[tokio::test]
async fn scaling_calls_name_their_service() {
    let stage = Stage::new();
    let stub = Stub::new(healthy);
    let actions = vec![
        Action::RegisterScalableTarget {
            of_git: (2, 10),
            body: json!({"MinCapacity": 2, "MaxCapacity": 10}),
            at_once: None,
        },
        Action::PutScalingPolicy { body: json!({"PolicyName": "cpu"}) },
        Action::DeleteScheduledAction { name: "night".to_owned() },
        Action::DeregisterScalableTarget,
    ];
    let execution = stage.run(&stub, &live(), RolloutKind::Deploy, actions).await;
    assert_eq!(execution, Execution::Done { started: None });
    assert_eq!(
        stub.operations(),
        ["RegisterScalableTarget", "PutScalingPolicy", "DeleteScheduledAction", "DeregisterScalableTarget"]
    );
    for seen in stub.seen() {
        let body = seen.json();
        assert_eq!(body["ResourceId"], "service/jobs/api", "{}", seen.operation);
        assert_eq!(body["ServiceNamespace"], "ecs");
        assert_eq!(body["ScalableDimension"], "ecs:service:DesiredCount");
    }
    assert_eq!(stub.seen()[2].json()["ScheduledActionName"], "night");
    assert_eq!(stage.told()[0].1, "api scales between 2 and 10 tasks");
}

#[tokio::test]
async fn without_the_lock_no_call_is_made_and_the_ledger_is_lost() {
    let stage = Stage::new();
    let stub = Stub::new(healthy);
    let mut lock = stage.path.clone().into_os_string();
    lock.push(".lock");
    std::fs::remove_file(lock).unwrap();
    let attempted = stage.attempt(&stub, &live(), RolloutKind::Deploy, vec![register()]).await;
    assert!(matches!(attempted, Err(ledger::Error::Lost { .. })), "{attempted:?}");
    assert_eq!(stub.operations(), Vec::<String>::new());
    assert!(!stage.path.exists());
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_lost_while_a_call_waits_for_its_turn_is_noticed() {
    let stage = Stage::new();
    let stub = Stub::new(healthy);
    let mut lock = stage.path.clone().into_os_string();
    lock.push(".lock");
    // Half of AWS's burst of 20; the next waits two seconds.
    let actions = vec![register(); 11];
    let live = live();
    let attempt = stage.attempt(&stub, &live, RolloutKind::Deploy, actions);
    let gone = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        std::fs::remove_file(lock).unwrap();
    };
    let (attempted, ()) = tokio::join!(attempt, gone);
    assert!(matches!(attempted, Err(ledger::Error::Lost { .. })), "{attempted:?}");
    assert_eq!(stub.operations().len(), 10);
}

#[tokio::test]
async fn a_plan_that_changes_nothing_calls_nobody_and_writes_nothing() {
    let stage = Stage::new();
    let stub = Stub::new(healthy);
    let plan = stage.plan(Decision::Unchanged);
    let live = live();
    let work = Work {
        plan: &plan,
        task_definition_digest: &stage.desired.task_definition_digest,
        prune: stage.desired.sync.prune,
        spec: None,
        looked_up: &[],
        service: live.service.present(),
        cluster: "jobs",
        revision: "4c1f9e2",
        kind: RolloutKind::Deploy,
        values: &Default::default(),
        back_to: None,
    };
    let writer = stub.connect().await.writer();
    let execution = execute(&work, &writer, &stage.ledger, &stage.journal, &|| Timestamp(0)).await.unwrap();
    assert_eq!(execution, Execution::Done { started: None });
    assert!(!stage.path.exists());
}

#[tokio::test]
async fn an_intent_that_needs_nothing_any_more_is_removed() {
    let stage = Stage::new();
    stage.intend(IntentKind::Scale, 0);
    let stub = Stub::new(healthy);
    let plan = stage.plan(Decision::Unchanged);
    let live = live();
    let work = Work {
        plan: &plan,
        task_definition_digest: &stage.desired.task_definition_digest,
        prune: stage.desired.sync.prune,
        spec: None,
        looked_up: &[],
        service: live.service.present(),
        cluster: "jobs",
        revision: "4c1f9e2",
        kind: RolloutKind::Deploy,
        values: &Default::default(),
        back_to: None,
    };
    let writer = stub.connect().await.writer();
    execute(&work, &writer, &stage.ledger, &stage.journal, &|| Timestamp(0)).await.unwrap();
    assert_eq!(stage.record().intent, None);
}

#[test]
fn a_deployment_that_began_after_a_lost_answer_is_found_and_watched() {
    // `createdAt` of the deployment is 1,700,500.
    let table = [
        (IntentKind::Create, 1_700_000, true),
        (IntentKind::Update, 1_700_000, true),
        (IntentKind::RollBack, 1_700_000, true),
        // Our clock runs a little ahead.
        (IntentKind::Update, 1_730_000, true),
        // The deployment was there long before: the call left no trace.
        (IntentKind::Update, 2_000_000, false),
        (IntentKind::Register, 1_700_000, false),
        (IntentKind::Scale, 1_700_000, false),
    ];
    for (kind, at, found) in table {
        let stage = Stage::new();
        stage.intend(kind, at);
        let rollout = stage.recover(&live());
        assert_eq!(rollout.is_some(), found, "{kind:?} at {at}");
        let record = stage.record();
        assert_eq!(record.intent.is_none(), found, "{kind:?} at {at}");
        assert_eq!(record.rollout, rollout);
        assert_eq!(record.applied, None, "the steps after it may not have been made");
        if let Some(rollout) = rollout {
            assert_eq!(rollout.deployment.as_deref(), Some("ecs-svc/1"));
            let asked = if kind == IntentKind::RollBack { at } else { 1_700_500 };
            assert_eq!(rollout.started_at, Timestamp(asked));
        }
    }
}

#[test]
fn a_service_that_can_not_be_read_tells_nothing_about_a_lost_answer() {
    let stage = Stage::new();
    stage.intend(IntentKind::Update, 0);
    let unread = LiveService { service: Part::Unreadable("throttled".to_owned()), ..LiveService::absent() };
    assert_eq!(stage.recover(&unread), None);
    assert!(stage.record().intent.is_some());
}

#[test]
fn a_rollout_that_is_known_is_not_found_again() {
    let stage = Stage::new();
    stage.intend(IntentKind::Update, 1_700_000);
    let first = stage.recover(&live());
    assert!(first.is_some());
    stage.intend(IntentKind::Update, 1_700_000);
    assert_eq!(stage.recover(&live()), None);
    assert_eq!(stage.record().rollout, first);
}

#[test]
fn a_rollout_without_an_id_gets_it_once_its_deployment_shows() {
    let table = [
        (RolloutKind::Deploy, 1, 1_700_000, true),
        (RolloutKind::Deploy, 2, 1_700_000, false),
        (RolloutKind::Deploy, 1, 2_000_000, false),
        (RolloutKind::RollBack, 1, 2_000_000, true),
    ];
    for (kind, number, started_at, found) in table {
        let stage = Stage::new();
        let rollout = Rollout {
            kind,
            digest: Digest::from_tag("wanted"),
            task_definition: arn(number),
            deployment: None,
            started_at: Timestamp(started_at),
            revision: "4c1f9e2".to_owned(),
            back_to: None,
            changes: Vec::new(),
            watched: crate::model::Watched::default(),
            course: None,
            values: Default::default(),
        };
        now(stage.ledger.update(&stage.desired.key, |record| record.rollout = Some(rollout))).unwrap();
        assert_eq!(stage.recover(&live()).is_some(), found, "{kind:?} of {number} at {started_at}");
        let id = stage.record().rollout.unwrap().deployment;
        assert_eq!(id.as_deref(), found.then_some("ecs-svc/1"));
    }
}

/// The controller executes in tasks of their own.
#[test]
fn an_execution_may_move_between_threads() {
    fn sent<T: Send>(_: &T) {}
    let check = |work: &Work<'_>, writer: &Writer, ledger: &Ledger, journal: &Journal| {
        sent(&execute(work, writer, ledger, journal, &|| Timestamp(0)));
    };
    let _ = check;
}
