//! A hook's task over the wire: which calls it costs to follow one, and what is believed.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::aws::stub::{Reply, Seen, Stub};
use crate::model::{
    Digest, Hook, HookDefinition, HookStage, HookTask, Json, OpenHook, Origins, RolloutPolicy, SyncPolicy,
    TaskDefinitionArn,
};

const NOW: Timestamp = Timestamp(1_000_000);
const TASK: &str = "arn:aws:ecs:eu-west-1:123456789012:task/jobs/0a1b";

fn hook() -> Hook {
    let task_definition = json!({"family": "api-migrate"});
    Hook {
        name: "migrate".to_owned(),
        stage: HookStage::Before,
        place: (1, 1),
        definition: HookDefinition::Own { task_definition, digest: Digest::from_tag("definition") },
        run: json!({}),
        judged_by: vec!["migrate".to_owned()],
        images: Vec::new(),
        timeout: Duration::from_secs(600),
        attempts: 1,
        digest: Digest::from_tag("content"),
    }
}

fn desired() -> DesiredService {
    DesiredService {
        key: ServiceKey::new("api"),
        task_definition: json!({"family": "api"}),
        service: json!({"desiredCount": 1}),
        scaling: None,
        rollout: RolloutPolicy { before: vec![hook()], ..RolloutPolicy::default() },
        sync: SyncPolicy::default(),
        depends_on: Vec::new(),
        images: Default::default(),
        named_images: Vec::new(),
        proposals: Vec::new(),
        digest: Digest::from_tag("spec"),
        task_definition_digest: Digest::from_tag("service-definition"),
        origins: Origins::default(),
    }
}

fn revision() -> TaskDefinitionArn {
    TaskDefinitionArn("arn:aws:ecs:eu-west-1:123456789012:task-definition/api-migrate:1".to_owned())
}

/// A run that was asked for just now.
fn asked(task: Option<&str>) -> ServiceRecord {
    let mut open = OpenHook::of(&hook(), &Digest::from_tag("spec"), "4c1f9e2", 1, NOW);
    open.asked_at = Some(NOW);
    open.task = task.map(str::to_owned);
    open.task_definition = Some(revision());
    ServiceRecord { hook: Some(open), ..ServiceRecord::default() }
}

/// Looks once, `seconds` after the task was asked for; ECS knows these tasks by ListTasks and
/// DescribeTasks. Answers the task and the calls besides DescribeServices.
async fn look(
    record: &ServiceRecord,
    seconds: u64,
    listed: &'static [&'static str],
    described: Option<Json>,
) -> (Part<HookTask>, Vec<String>) {
    let stub = Stub::new(move |seen: &Seen| {
        Reply::Json(match seen.operation.as_str() {
            "DescribeServices" => json!({"services": [], "failures": [{"arn": "api", "reason": "MISSING"}]}),
            "ListTasks" => {
                assert!(seen.json()["startedBy"].as_str().unwrap().starts_with("reconciler-"));
                match seen.json()["desiredStatus"] == "STOPPED" {
                    true => json!({"taskArns": listed}),
                    false => json!({"taskArns": []}),
                }
            }
            "DescribeTasks" => json!({"tasks": described.iter().collect::<Vec<_>>(), "failures": []}),
            "DescribeTaskDefinition" => json!({"taskDefinition": {
                "taskDefinitionArn": revision().0,
                "containerDefinitions": [{"name": "migrate", "logConfiguration": {"logDriver": "awslogs",
                    "options": {"awslogs-group": "/jobs", "awslogs-stream-prefix": "hooks"}}}],
            }}),
            "GetLogEvents" => {
                assert_eq!(seen.json()["logStreamName"], "hooks/migrate/0a1b");
                assert_eq!(seen.json()["limit"], 20);
                json!({"events": [{"message": "connecting with password=hunter2"}, {"message": "refused"}]})
            }
            other => panic!("{other} was not expected"),
        })
    });
    let observer = Observer::new(stub.connect().await.reader(), "jobs");
    let desired = [desired()];
    let wants = [Want { desired: &desired[0], record: Some(record) }];
    let live = observer.observe(&wants, NOW.plus(Duration::from_secs(seconds))).await;
    let mut calls = stub.operations();
    calls.retain(|call| call != "DescribeServices");
    (live.services[&desired[0].key].hook.task.clone(), calls)
}

fn task(status: &str, exit_code: Option<i64>) -> Json {
    json!({
        "taskArn": TASK, "lastStatus": status, "desiredStatus": status, "createdAt": 1_000.0,
        "stopCode": "EssentialContainerExited",
        "containers": [{"name": "migrate", "exitCode": exit_code}],
    })
}

#[tokio::test]
async fn a_running_task_costs_one_call_and_nothing_else_is_read() {
    let (found, calls) = look(&asked(Some(TASK)), 5, &[], Some(task("RUNNING", None))).await;
    assert_eq!(calls, ["DescribeTasks"]);
    let found = found.present().unwrap().clone();
    assert_eq!(
        (found.arn.as_str(), found.stopped, found.created_at),
        (TASK, None, Some(Timestamp(1_000_000)))
    );
}

#[tokio::test]
async fn the_log_of_a_task_that_failed_is_read_without_what_may_be_secret() {
    let (found, calls) = look(&asked(Some(TASK)), 5, &[], Some(task("STOPPED", Some(1)))).await;
    assert_eq!(calls, ["DescribeTasks", "DescribeTaskDefinition", "GetLogEvents"]);
    let found = found.present().unwrap().clone();
    assert_eq!(found.last_words, ["connecting with password=***", "refused"]);
    let stopped = found.stopped.unwrap();
    assert_eq!(stopped.containers[0].last_line(), Some("refused"));
    // One that went well is not asked for more.
    let (_, calls) = look(&asked(Some(TASK)), 5, &[], Some(task("STOPPED", Some(0)))).await;
    assert_eq!(calls, ["DescribeTasks"]);
}

#[tokio::test]
async fn a_task_that_ecs_does_not_know_yet_is_listed_only_after_a_minute() {
    let (found, calls) = look(&asked(Some(TASK)), 59, &[], None).await;
    assert_eq!((found, calls), (Part::Absent, vec!["DescribeTasks".to_owned()]));
    let (found, calls) = look(&asked(Some(TASK)), 60, &[], None).await;
    assert_eq!(found, Part::Absent);
    assert_eq!(calls, ["DescribeTasks", "ListTasks", "ListTasks"]);
}

#[tokio::test]
async fn a_task_whose_answer_was_lost_is_found_by_what_started_it() {
    let (found, calls) = look(&asked(None), 0, &[TASK], Some(task("STOPPED", Some(0)))).await;
    assert_eq!(calls, ["ListTasks", "ListTasks", "DescribeTasks"]);
    assert_eq!(found.present().unwrap().arn, TASK);
    let (found, calls) = look(&asked(None), 0, &[], None).await;
    assert_eq!((found, calls.len()), (Part::Absent, 2));
}

#[tokio::test]
async fn a_task_that_cannot_be_read_is_unknown_and_not_absent() {
    let stub = Stub::new(|seen: &Seen| match seen.operation.as_str() {
        "DescribeServices" => Reply::Json(json!({"failures": [{"arn": "api", "reason": "MISSING"}]})),
        _ => Reply::Error(400, "AccessDeniedException", "not authorized"),
    });
    let observer = Observer::new(stub.connect().await.reader(), "jobs");
    let desired = [desired()];
    for record in [asked(Some(TASK)), asked(None)] {
        let live = observer.observe(&[Want { desired: &desired[0], record: Some(&record) }], NOW).await;
        let found = &live.services[&desired[0].key].hook.task;
        assert!(matches!(found, Part::Unreadable(why) if why.contains("access denied")), "{found:?}");
    }
}

#[tokio::test]
async fn before_it_runs_a_hooks_own_definition_is_looked_for_by_its_digest() {
    let stub = Stub::new(|seen: &Seen| {
        Reply::Json(match seen.operation.as_str() {
            "DescribeServices" => json!({"failures": [{"arn": "api", "reason": "MISSING"}]}),
            "ListTaskDefinitions" if seen.json()["familyPrefix"] == "api-migrate" => {
                json!({"taskDefinitionArns": [revision().0]})
            }
            "ListTaskDefinitions" => json!({"taskDefinitionArns": []}),
            "DescribeTaskDefinition" => json!({
                "taskDefinition": {"taskDefinitionArn": revision().0, "status": "ACTIVE"},
                "tags": [{"key": "reconciler/digest", "value": "definition"}],
            }),
            other => panic!("{other} was not expected"),
        })
    });
    let observer = Observer::new(stub.connect().await.reader(), "jobs");
    let mut record = asked(None);
    let open = record.hook.as_mut().unwrap();
    (open.asked_at, open.task_definition) = (None, None);
    let mut desired = desired();
    let found = |live: &Live| live.services[&ServiceKey::new("api")].hook.revision.clone();
    let live = observer.observe(&[Want { desired: &desired, record: Some(&record) }], NOW).await;
    assert_eq!(found(&live), Some(Part::Present(revision())));
    let HookDefinition::Own { digest, .. } = &mut desired.rollout.before[0].definition else { panic!() };
    *digest = Digest::from_tag("another definition");
    let live = observer.observe(&[Want { desired: &desired, record: Some(&record) }], NOW).await;
    assert_eq!(found(&live), Some(Part::Absent));
    // Without a hook under way, nobody looks.
    let live = observer.observe(&[Want { desired: &desired, record: None }], NOW).await;
    assert_eq!(found(&live), None);
}
