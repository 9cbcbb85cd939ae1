//! What is believed of schedules: answers that AWS gives too rarely to be played.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::{LeftTasks, Observer, Owner, WantTask};
use crate::aws::stub::{Reply, Seen, Stub};
use crate::model::{
    DesiredScheduledTask, Digest, Json, Live, LiveScheduledTask, Origins, Part, ServiceKey, SyncPolicy,
};

const OWNER: Owner<'_> = Owner { installation: "reconciler", environment: "test" };
const GROUP_ARN: &str = "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/reconciler-test-jobs";

fn desired() -> DesiredScheduledTask {
    DesiredScheduledTask {
        key: ServiceKey::new("mail"),
        task_definition: json!({"family": "mail"}),
        schedule: json!({"ScheduleExpression": "rate(1 day)", "Target": {}}),
        sync: SyncPolicy::default(),
        depends_on: Vec::new(),
        digest: Digest::of(&json!("whole")),
        task_definition_digest: Digest::of(&json!("task definition")),
        origins: Origins::default(),
    }
}

fn schedule(revision: &str) -> Json {
    let arn = format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{revision}");
    json!({
        "Name": "mail", "LastModificationDate": 1.5, "ScheduleExpression": "rate(1 day)",
        "Target": {"EcsParameters": {"TaskDefinitionArn": arn}},
    })
}

/// An account in which everything is in order.
fn in_order(seen: &Seen) -> Reply {
    let digest = Digest::of(&json!("task definition"));
    Reply::Json(match seen.operation.as_str() {
        it if it.starts_with("GET /schedules?") => {
            json!({"Schedules": [{"Name": "mail", "LastModificationDate": 1.5}]})
        }
        it if it.starts_with("GET /schedules/") => schedule("mail:1"),
        it if it.starts_with("GET /schedule-groups/") => json!({"Arn": GROUP_ARN, "State": "ACTIVE"}),
        it if it.starts_with("GET /tags/") => {
            json!({"Tags": [{"Key": "reconciler/managed-by", "Value": "reconciler"}]})
        }
        "DescribeTaskDefinition" => json!({
            "taskDefinition": {"status": "ACTIVE"},
            "tags": [{"key": "reconciler/digest", "value": digest}],
        }),
        _ => json!({}),
    })
}

async fn look(observer: &Observer) -> Live {
    let desired = desired();
    let mut live = Live::default();
    observer
        .observe_scheduled_tasks(
            &[WantTask { desired: &desired, record: None }],
            &LeftTasks::default(),
            OWNER,
            &mut live,
        )
        .await;
    live
}

fn mail(live: &Live) -> &LiveScheduledTask {
    &live.scheduled_tasks[&ServiceKey::new("mail")]
}

async fn observer(stub: &Stub) -> Observer {
    Observer::new(stub.connect().await.reader(), "jobs")
}

/// One look at an account in which one kind of call is answered in another way.
async fn with(beginning: &'static str, reply: Reply) -> Live {
    let stub = Stub::new(move |seen| match seen.operation.starts_with(beginning) {
        true => reply.clone(),
        false => in_order(seen),
    });
    look(&observer(&stub).await).await
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_can_not_be_read_is_never_absent() {
    for beginning in ["GET /schedules?", "GET /schedules/"] {
        for (status, code) in [(500, "InternalServerException"), (403, "AccessDeniedException")] {
            let live = with(beginning, Reply::Error(status, code, "no")).await;
            assert!(matches!(mail(&live).schedule, Part::Unreadable(_)), "{beginning} {code}: {live:?}");
        }
    }
    let live = with("DescribeTaskDefinition", Reply::Error(500, "ServerException", "no")).await;
    assert!(matches!(mail(&live).task_definition, Part::Unreadable(_)), "{live:?}");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_can_not_be_read_or_is_on_its_way_out_is_not_known() {
    let denied = Reply::Error(403, "AccessDeniedException", "no");
    for beginning in ["GET /schedule-groups/", "GET /tags/"] {
        let live = with(beginning, denied.clone()).await;
        assert!(matches!(mail(&live).group, Part::Unreadable(_)), "{beginning}: {live:?}");
    }
    let leaving = Reply::Json(json!({"Arn": GROUP_ARN, "State": "DELETING"}));
    let live = with("GET /schedule-groups/", leaving).await;
    assert!(matches!(mail(&live).group, Part::Unreadable(_)), "{live:?}");
}

#[tokio::test(start_paused = true)]
async fn half_a_list_says_nothing_of_what_is_not_in_it() {
    let half = json!({"Schedules": [], "NextToken": "again"});
    let live = with("GET /schedules?", Reply::Json(half)).await;
    assert!(live.schedules.is_empty());
    // It is asked for by its name all the same.
    assert!(mail(&live).schedule.present().is_some(), "{live:?}");
}

#[tokio::test(start_paused = true)]
async fn a_target_without_a_numbered_revision_has_no_revision() {
    let live = with("GET /schedules/", Reply::Json(schedule("mail"))).await;
    assert_eq!(mail(&live).task_definition, Part::Absent);
    let live =
        with("DescribeTaskDefinition", Reply::Error(400, "ClientException", "Unable to describe")).await;
    assert_eq!(mail(&live).task_definition, Part::Absent);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_modified_is_read_again_every_tenth_time() {
    let stub = Stub::new(in_order);
    let observer = observer(&stub).await;
    for _ in 0..12 {
        assert!(mail(&look(&observer).await).schedule.present().is_some());
    }
    let calls = stub.operations();
    let count = |beginning: &str| calls.iter().filter(|call| call.starts_with(beginning)).count();
    assert_eq!((count("GET /schedules?"), count("GET /schedules/")), (12, 2), "{calls:?}");
    assert_eq!((count("GET /tags/"), count("DescribeTaskDefinition")), (2, 2), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn no_scheduled_task_costs_no_call() {
    let stub = Stub::new(|_| Reply::Json(Value::Null));
    observer(&stub)
        .await
        .observe_scheduled_tasks(&[], &LeftTasks::default(), OWNER, &mut Live::default())
        .await;
    assert_eq!(stub.operations(), Vec::<String>::new());
}
