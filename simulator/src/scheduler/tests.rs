//! Schedules that are written, read, and fire.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use serde_json::{Value, json};

use super::call;
use crate::clock::Time;
use crate::testing::{Idle, START, world};
use crate::world::World;
use crate::{ecs, sqs};

const CLUSTER: &str = "arn:aws:ecs:eu-west-1:123456789012:cluster/jobs";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:late";

fn ask(world: &mut World, operation: &str, input: Value) -> Value {
    call(world, &Idle, operation, &input).unwrap_or_else(|error| panic!("{}: {}", error.code, error.message))
}

fn refused(world: &mut World, operation: &str, input: Value) -> (String, u16) {
    let error = call(world, &Idle, operation, &input).unwrap_err();
    (error.code, error.status)
}

fn in_ecs(world: &mut World, operation: &str, input: Value) -> Value {
    ecs::call(world, &Idle, operation, &input).unwrap_or_else(|error| panic!("{}", error.message))
}

/// An account with a cluster, a task definition and a queue for dead letters.
fn account() -> World {
    let mut world = world();
    in_ecs(&mut world, "CreateCluster", json!({"clusterName": "jobs"}));
    let definition = json!({
        "family": "mail", "memory": "128", "containerDefinitions": [{"name": "app", "image": "mail:1"}],
    });
    in_ecs(&mut world, "RegisterTaskDefinition", definition);
    sqs::call(&mut world, &Idle, "CreateQueue", &json!({"QueueName": "late"})).unwrap();
    world
}

fn schedule(expression: &str) -> Value {
    json!({
        "Name": "nightly",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": CLUSTER,
            "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
            "EcsParameters": {"TaskDefinitionArn": "mail:1", "LaunchType": "EC2"},
        },
    })
}

fn with(mut schedule: Value, pointer: &str, value: Value) -> Value {
    let (around, name) = pointer.rsplit_once('/').unwrap();
    schedule.pointer_mut(around).unwrap()[name] = value;
    schedule
}

fn advance(world: &mut World, by: Duration) {
    let until = world.now + by;
    world.advance(&Idle, until);
}

/// Seconds since the start at which tasks were started.
fn runs(world: &mut World) -> Vec<u64> {
    let arns = in_ecs(world, "ListTasks", json!({"cluster": "jobs"}))["taskArns"].clone();
    if arns.as_array().unwrap().is_empty() {
        return Vec::new();
    }
    let tasks = in_ecs(world, "DescribeTasks", json!({"cluster": "jobs", "tasks": arns}));
    let at = |task: &Value| task["createdAt"].as_f64().unwrap() - START.seconds();
    let mut runs: Vec<u64> =
        tasks["tasks"].as_array().unwrap().iter().map(|task| at(task).round() as u64).collect();
    runs.sort_unstable();
    runs
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_schedule_reads_back_with_the_defaults_of_aws() {
    let mut world = account();
    ask(&mut world, "CreateSchedule", schedule("cron(0 6 * * ? *)"));
    let read = ask(&mut world, "GetSchedule", json!({"Name": "nightly"}));
    assert_eq!(read["Arn"], "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly");
    assert_eq!(
        (&read["State"], &read["ScheduleExpressionTimezone"], &read["ActionAfterCompletion"]),
        (&json!("ENABLED"), &json!("UTC"), &json!("NONE"))
    );
    let policy = json!({"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185});
    assert_eq!(read["Target"]["RetryPolicy"], policy);
    assert_eq!(read["Target"]["EcsParameters"]["TaskCount"], 1);
}

#[test]
fn an_update_replaces_all_of_it() {
    let mut world = account();
    ask(&mut world, "CreateSchedule", with(schedule("rate(1 day)"), "/Description", json!("mail")));
    advance(&mut world, MINUTE);
    ask(&mut world, "UpdateSchedule", with(schedule("rate(1 day)"), "/State", json!("DISABLED")));
    let read = ask(&mut world, "GetSchedule", json!({"Name": "nightly"}));
    assert_eq!((read.get("Description"), &read["State"]), (None, &json!("DISABLED")));
    assert!(read["LastModificationDate"].as_f64() > read["CreationDate"].as_f64());
}

#[test]
fn errors_have_the_codes_and_statuses_of_aws() {
    let mut world = account();
    let one = schedule("rate(1 day)");
    let bad = |pointer: &str, value: Value| with(one.clone(), pointer, value);
    for (operation, input, code, status) in [
        ("GetSchedule", json!({"Name": "ghost"}), "ResourceNotFoundException", 404),
        ("UpdateSchedule", one.clone(), "ResourceNotFoundException", 404),
        ("ListSchedules", json!({"GroupName": "ghost"}), "ResourceNotFoundException", 404),
        ("CreateSchedule", bad("/GroupName", json!("ghost")), "ResourceNotFoundException", 404),
        ("CreateSchedule", bad("/Name", json!("two words")), "ValidationException", 400),
        ("CreateSchedule", bad("/ScheduleExpression", json!("cron(0 6 * * *)")), "ValidationException", 400),
        (
            "CreateSchedule",
            bad("/ScheduleExpressionTimezone", json!("Europe/Atlantis")),
            "ValidationException",
            400,
        ),
        ("CreateSchedule", bad("/FlexibleTimeWindow/Mode", json!("FLEXIBLE")), "ValidationException", 400),
        ("CreateSchedule", bad("/Target/Arn", json!("jobs")), "ValidationException", 400),
        ("CreateSchedule", bad("/Target/Input", json!("{")), "ValidationException", 400),
        ("DeleteScheduleGroup", json!({"Name": "default"}), "ValidationException", 400),
        ("CreateScheduleGroup", json!({"Name": "default"}), "ConflictException", 409),
    ] {
        assert_eq!(refused(&mut world, operation, input.clone()), (code.to_owned(), status), "{input}");
    }
}

#[test]
fn a_create_that_is_repeated_with_its_token_is_answered_and_another_one_conflicts() {
    let mut world = account();
    let one = with(schedule("rate(1 day)"), "/ClientToken", json!("t-1"));
    let first = ask(&mut world, "CreateSchedule", one.clone());
    assert_eq!(ask(&mut world, "CreateSchedule", one.clone()), first);
    let other = with(one, "/ClientToken", json!("t-2"));
    assert_eq!(refused(&mut world, "CreateSchedule", other), ("ConflictException".to_owned(), 409));
}

#[test]
fn groups_hold_schedules_and_tags() {
    let mut world = account();
    let group = json!({"Name": "jobs", "Tags": [{"Key": "team", "Value": "jobs"}]});
    let arn = ask(&mut world, "CreateScheduleGroup", group)["ScheduleGroupArn"].clone();
    ask(
        &mut world,
        "TagResource",
        json!({"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}),
    );
    ask(&mut world, "UntagResource", json!({"ResourceArn": arn, "TagKeys": ["a"]}));
    let tags = ask(&mut world, "ListTagsForResource", json!({"ResourceArn": arn}));
    let expected = json!([{"Key": "b", "Value": "2"}, {"Key": "team", "Value": "jobs"}]);
    assert_eq!(tags["Tags"], expected);
    for name in ["one", "two", "three"] {
        let schedule = with(schedule("rate(1 day)"), "/GroupName", json!("jobs"));
        ask(&mut world, "CreateSchedule", with(schedule, "/Name", json!(name)));
    }
    ask(&mut world, "CreateSchedule", schedule("rate(1 day)"));
    let page = ask(&mut world, "ListSchedules", json!({"GroupName": "jobs", "MaxResults": "2"}));
    assert_eq!(page["Schedules"].as_array().unwrap().len(), 2);
    let rest = ask(&mut world, "ListSchedules", json!({"GroupName": "jobs", "NextToken": page["NextToken"]}));
    assert_eq!((rest["Schedules"][0]["Name"].as_str(), rest.get("NextToken")), (Some("two"), None));
    ask(&mut world, "DeleteScheduleGroup", json!({"Name": "jobs"}));
    let left = ask(&mut world, "ListSchedules", json!({}));
    assert_eq!(left["Schedules"].as_array().unwrap().len(), 1);
    assert_eq!(left["Schedules"][0]["GroupName"], "default");
}

#[test]
fn a_rate_begins_at_once_and_keeps_its_beat() {
    let mut world = account();
    ask(&mut world, "CreateSchedule", schedule("rate(5 minutes)"));
    advance(&mut world, 12 * MINUTE);
    assert_eq!(runs(&mut world), [1, 300, 600]);
    // An update of something else leaves the beat alone, and a disabled schedule is silent.
    ask(&mut world, "UpdateSchedule", with(schedule("rate(5 minutes)"), "/Description", json!("mail")));
    advance(&mut world, 4 * MINUTE);
    assert_eq!(runs(&mut world), [1, 300, 600, 900]);
    ask(&mut world, "UpdateSchedule", with(schedule("rate(5 minutes)"), "/State", json!("DISABLED")));
    advance(&mut world, 30 * MINUTE);
    assert_eq!(runs(&mut world).len(), 4);
}

#[test]
fn a_cron_expression_runs_at_its_hour_in_its_zone_and_between_its_dates() {
    let mut world = account();
    // START is 08:00:00 UTC on 15 January 2027; in New York it is 03:00.
    let mut daily =
        with(schedule("cron(30 4 * * ? *)"), "/ScheduleExpressionTimezone", json!("America/New_York"));
    daily["StartDate"] = json!(START.seconds() + 86_400.0);
    daily["EndDate"] = json!(START.seconds() + 3.0 * 86_400.0);
    ask(&mut world, "CreateSchedule", daily);
    advance(&mut world, Duration::from_secs(5 * 86_400));
    assert_eq!(runs(&mut world), [86_400 + 5_400, 2 * 86_400 + 5_400]);
}

#[test]
fn a_moment_comes_once_and_is_gone_if_it_asks_for_that() {
    let mut world = account();
    let once = with(schedule("at(2027-01-15T08:10:00)"), "/ActionAfterCompletion", json!("DELETE"));
    ask(&mut world, "CreateSchedule", once);
    advance(&mut world, 30 * MINUTE);
    assert_eq!(runs(&mut world), [600]);
    assert_eq!(refused(&mut world, "GetSchedule", json!({"Name": "nightly"})).1, 404);
}

#[test]
fn a_flexible_window_moves_a_run_within_it_and_always_alike() {
    let flexible = || {
        let mut world = account();
        let window = json!({"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15});
        ask(
            &mut world,
            "CreateSchedule",
            with(schedule("at(2027-01-15T08:10:00)"), "/FlexibleTimeWindow", window),
        );
        advance(&mut world, 60 * MINUTE);
        runs(&mut world)
    };
    let run = flexible();
    assert!(run.len() == 1 && (600..1_500).contains(&run[0]), "{run:?}");
    assert_eq!(flexible(), run);
}

#[test]
fn the_task_gets_its_overrides_its_tags_and_the_name_of_its_schedule() {
    let mut world = account();
    let input =
        r#"{"containerOverrides":[{"name":"app","command":["send","<aws.scheduler.scheduled-time>"]}]}"#;
    let mut one = with(schedule("at(2027-01-15T08:10:00)"), "/Target/Input", json!(input));
    one["Target"]["EcsParameters"]["Tags"] = json!([{"key": "team", "value": "jobs"}]);
    one["Target"]["EcsParameters"]["TaskCount"] = json!(2);
    ask(&mut world, "CreateSchedule", one);
    advance(&mut world, 11 * MINUTE);
    let by = json!({"cluster": "jobs", "startedBy": "chronos-schedule/nightly"});
    let tasks = in_ecs(&mut world, "ListTasks", by)["taskArns"].clone();
    assert_eq!(tasks.as_array().unwrap().len(), 2);
    let described =
        in_ecs(&mut world, "DescribeTasks", json!({"cluster": "jobs", "tasks": tasks, "include": ["TAGS"]}));
    let task = &described["tasks"][0];
    let command = &task["overrides"]["containerOverrides"][0]["command"];
    assert_eq!(*command, json!(["send", "2027-01-15T08:10:00Z"]));
    assert_eq!(task["tags"], json!([{"key": "team", "value": "jobs"}]));
}

#[test]
fn a_run_that_ecs_refuses_is_tried_again_and_ends_as_a_dead_letter() {
    let mut world = account();
    let mut broken = schedule("at(2027-01-15T08:10:00)");
    broken["Target"]["EcsParameters"]["TaskDefinitionArn"] = json!("mail:7");
    broken["Target"]["RetryPolicy"] = json!({"MaximumRetryAttempts": 3});
    broken["Target"]["DeadLetterConfig"] = json!({"Arn": QUEUE});
    ask(&mut world, "CreateSchedule", broken);
    advance(&mut world, 30 * MINUTE);
    assert_eq!(runs(&mut world), [] as [u64; 0]);
    let receive = json!({"QueueUrl": "/123456789012/late", "MessageAttributeNames": ["All"]});
    let received = sqs::call(&mut world, &Idle, "ReceiveMessage", &receive).unwrap();
    let message = &received["Messages"][0];
    let attribute =
        |name: &str| message["MessageAttributes"][name]["StringValue"].as_str().unwrap().to_owned();
    assert_eq!(attribute("ERROR_CODE"), "ClientException");
    assert_eq!(
        (attribute("RETRY_ATTEMPTS"), attribute("EXHAUSTED_RETRY_CONDITION")),
        ("3".to_owned(), "MaximumRetryAttempts".to_owned())
    );
    assert_eq!(attribute("SCHEDULED_TIME"), "2027-01-15T08:10:00Z");
    let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["taskDefinition"], &body["cluster"]), (&json!("mail:7"), &json!(CLUSTER)));
}

#[test]
fn a_run_that_succeeds_in_the_end_leaves_no_letter() {
    let mut world = account();
    let mut early = schedule("at(2027-01-15T08:10:00)");
    early["Target"]["EcsParameters"]["TaskDefinitionArn"] = json!("mail:2");
    early["Target"]["DeadLetterConfig"] = json!({"Arn": QUEUE});
    ask(&mut world, "CreateSchedule", early);
    advance(&mut world, 11 * MINUTE);
    let definition = json!({
        "family": "mail", "memory": "128", "containerDefinitions": [{"name": "app", "image": "mail:2"}],
    });
    in_ecs(&mut world, "RegisterTaskDefinition", definition);
    advance(&mut world, 20 * MINUTE);
    let started = runs(&mut world);
    assert!(started.len() == 1 && started[0] > 660, "{started:?}");
    let counts = json!({"QueueUrl": "/123456789012/late", "AttributeNames": ["ApproximateNumberOfMessages"]});
    let counts = sqs::call(&mut world, &Idle, "GetQueueAttributes", &counts).unwrap();
    assert_eq!(counts["Attributes"]["ApproximateNumberOfMessages"], "0");
}

#[test]
fn what_is_due_does_not_depend_on_how_often_one_looks() {
    let outcome = |steps: u64| {
        let mut world = account();
        ask(&mut world, "CreateSchedule", schedule("rate(7 minutes)"));
        for step in 1..=steps {
            world.advance(&Idle, Time(START.0 + 3_600_000 * step / steps));
        }
        runs(&mut world)
    };
    assert_eq!(outcome(1), outcome(977));
}
