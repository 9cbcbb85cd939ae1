//! Schedules that leave Git: deleted where pruning is on, and only while they are what we put.

use std::time::Duration;

use reconciler::controller::{Next, Standing, Wish};
use reconciler::model::ServiceKey;
use serde_json::{Value, json};
use simulator::error::ApiError;
use simulator::faults::Fault;

use crate::world::{Memory, World, mutating, scheduled, service};

const NONE: [&str; 0] = [];
const SIX: &str = "cron(0 6 * * ? *)";
const GROUP: &str =
    "arn%3Aaws%3Ascheduler%3Aeu-west-1%3A123456789012%3Aschedule-group%2Freconciler-test-jobs";

/// A world that prunes, in which a service and two schedules are settled.
async fn pruning() -> World {
    let mut world = World::new().await;
    world.environment = "sync: {prune: true}".to_owned();
    let wish = world.commit(&[api(), scheduled("mail", "app:once", SIX), scheduled("report", "app:1", SIX)]);
    world.settle(&wish).await;
    world.take_calls();
    world
}

fn api() -> String {
    service("api", "app:1")
}

/// The commit that does without `mail`.
fn without(world: &mut World) -> Wish {
    world.commit(&[api(), scheduled("report", "app:1", SIX)])
}

fn next(standing: &Standing, name: &str) -> Next {
    standing[&ServiceKey::new(name)].clone()
}

fn held(standing: &Standing, name: &str) -> String {
    match next(standing, name) {
        Next::Held(why) => why,
        other => panic!("{other:?}"),
    }
}

async fn is_there(world: &World, name: &str) -> bool {
    let path = format!("/schedules/{name}?groupName=reconciler-test-jobs");
    world.scheduler("GET", &path, Value::Null).await["Arn"].is_string()
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_left_git_is_deleted_and_remembered_where_pruning_is_on() {
    let mut world = pruning().await;
    let wish = without(&mut world);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 9 calls

    = api           nothing to do
    - mail          delete: left Git in 4c1f9e2
        may go: prune is on (Environment), its group is ours and it is as it was put, 1 of 3 services (up to 1 at once), nothing depends on it
        will: delete schedule
        begins when everything else has settled; task definitions stay
    = report        nothing to do

    1 to delete, 2 unchanged.
    "#);
    let standing = world.settle(&wish).await;
    assert_eq!(next(&standing, "mail"), Next::Gone, "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["DeleteSchedule"]);
    assert!(!is_there(&world, "mail").await && is_there(&world, "report").await);
    assert_eq!(world.revisions("mail").await, ["mail:1"], "its revisions stay");
    assert!(world.record("mail").deleted.is_some());
    let told = world.told_since("left Git");
    let sentence = "the schedule of mail is deleted; tasks that it started go on to their end";
    assert!(told.contains(sentence) && told.contains("mail is gone, "), "{told}");
    // And made anew, should it come back.
    let back = world.commit(&[api(), scheduled("mail", "app:once", SIX), scheduled("report", "app:1", SIX)]);
    world.settle(&back).await;
    assert_eq!(mutating(&world.take_calls()), ["CreateSchedule"], "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn its_own_word_weighs_more_than_the_environments() {
    for (environment, own, goes) in [("false", "true", true), ("true", "false", false)] {
        let mut world = World::new().await;
        world.environment = format!("sync: {{prune: {environment}}}");
        let mail = format!("{}  sync: {{prune: {own}}}\n", scheduled("mail", "app:1", SIX));
        let wish = world.commit(&[api(), mail]);
        world.settle(&wish).await;
        let wish = world.commit(&[api()]);
        world.settle(&wish).await;
        assert_eq!(is_there(&world, "mail").await, !goes, "{environment} {own}: {}", world.told());
        assert_eq!(world.told().contains("its schedule is left in place"), !goes, "{}", world.told());
    }
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_somebody_has_changed_is_not_deleted() {
    let mut world = pruning().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut changed = world.schedule("mail").await;
    changed["ScheduleExpression"] = "cron(0 9 * * ? *)".into();
    world.scheduler("PUT", "/schedules/mail", changed).await;
    world.take_calls();
    let wish = without(&mut world);
    let standing = world.settle(&wish).await;
    let why = held(&standing, "mail");
    assert!(
        why.contains("it is not as this installation put it last: schedule.ScheduleExpression differs"),
        "{why}"
    );
    assert!(is_there(&world, "mail").await);
    assert_eq!(mutating(&world.take_calls()), NONE);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_not_deleted_while_its_group_is_suspended_or_no_longer_ours() {
    for (key, value, told) in [
        ("reconciler/suspended", "incident 4711", "incident 4711"),
        ("reconciler/managed-by", "other", "the installation `other`"),
    ] {
        let mut world = pruning().await;
        let tags = json!({"Tags": [{"Key": key, "Value": value}]});
        world.scheduler("POST", &format!("/tags/{GROUP}"), tags).await;
        let wish = without(&mut world);
        let standing = world.settle(&wish).await;
        let why = held(&standing, "mail");
        assert!(why.contains(told), "{why}");
        assert!(is_there(&world, "mail").await);
    }
}

#[tokio::test(start_paused = true)]
async fn what_git_asks_for_comes_first() {
    let mut world = pruning().await;
    // Another image that never comes up: nothing goes before it.
    let wish = world.commit(&[service("api", "app:crash"), scheduled("report", "app:1", SIX)]);
    world.settle(&wish).await;
    assert!(is_there(&world, "mail").await, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn more_schedules_than_the_share_are_held_as_a_whole() {
    let mut world = pruning().await;
    let wish = world.commit(&[api()]);
    let standing = world.settle(&wish).await;
    for name in ["mail", "report"] {
        let why = held(&standing, name);
        assert!(why.contains("2 of 3 would go at once, and 20 % may: 1"), "{why}");
        assert!(is_there(&world, name).await);
    }
    assert_eq!(mutating(&world.take_calls()), NONE);
}

#[tokio::test(start_paused = true)]
async fn the_last_schedule_of_an_environment_stays() {
    let mut world = World::new().await;
    world.environment = "sync: {prune: true}".to_owned();
    let wish = world.commit(&[scheduled("mail", "app:1", SIX)]);
    world.settle(&wish).await;
    let wish = world.commit(&[]);
    let standing = world.settle(&wish).await;
    let why = held(&standing, "mail");
    assert!(why.contains("the commit has no service at all for this environment"), "{why}");
    assert!(is_there(&world, "mail").await);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_of_a_schedule_keeps_it() {
    for operation in ["GetSchedule", "GetScheduleGroup", "ListTagsForResource"] {
        let mut world = pruning().await;
        let wish = without(&mut world);
        let operator = world.operator().await;
        world.simulator.set_fault(Box::new(move |site| match site.operation == operation {
            true => Fault::RefuseBefore(ApiError::new("AccessDeniedException", "no")),
            false => Fault::None,
        }));
        world.run_for(&operator, &wish, Duration::from_secs(600)).await;
        assert_eq!(mutating(&world.take_calls()), NONE, "{operation}: {}", world.told());
        world.simulator.clear_fault();
        assert!(is_there(&world, "mail").await, "{operation}");
        drop(operator);
        world.settle(&wish).await;
        assert!(!is_there(&world, "mail").await, "{operation}: {}", world.told());
    }
}

async fn disturbed(at: usize, fault: Fault, kill: bool) -> World {
    let mut world = pruning().await;
    let wish = without(&mut world);
    let operator = world.operator().await;
    if kill {
        world.kill_at(operator, &wish, at, fault).await;
    } else {
        let mut number = 0;
        world.simulator.set_fault(Box::new(move |_| {
            number += 1;
            if number - 1 == at { fault.clone() } else { Fault::None }
        }));
        world.settle_with(&operator, &wish).await;
        world.simulator.clear_fault();
        drop(operator);
    }
    world.settle(&wish).await;
    world
}

#[tokio::test(start_paused = true)]
async fn killed_or_unanswered_at_any_call_of_its_deletion_the_schedule_goes() {
    let calls = disturbed(usize::MAX, Fault::None, false).await.take_calls();
    assert!(calls.len() >= 5, "{calls:?}");
    for (at, call) in calls.iter().enumerate() {
        for (fault, kill) in [
            (Fault::NeverApply, true),
            (Fault::NeverAnswer, true),
            (Fault::NeverApply, false),
            (Fault::NeverAnswer, false),
            (Fault::Throttle, false),
        ] {
            let world = disturbed(at, fault.clone(), kill).await;
            let told = format!("{fault:?} {kill} {call}: {}", world.told());
            assert!(!is_there(&world, "mail").await && is_there(&world, "report").await, "{told}");
            assert!(world.record("mail").deleted.is_some(), "{told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_zone_window_retries_and_dead_letters_are_put_read_back_and_taken_away() {
    let whole = || {
        scheduled("mail", "app:1", "rate(2 hours)")
            .replace("Europe/Dublin", "Europe/Paris")
            .replace("FlexibleTimeWindow: {Mode: 'OFF'}", "FlexibleTimeWindow: {Mode: FLEXIBLE, MaximumWindowInMinutes: 5}")
            .replace(
                "    Target:\n",
                "    Target:\n      RetryPolicy: {MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 600}\n      DeadLetterConfig: {Arn: 'arn:aws:sqs:eu-west-1:123456789012:dead'}\n",
            )
    };
    let mut world = World::new().await;
    let plain = world.commit(&[scheduled("mail", "app:1", SIX)]);
    world.settle(&plain).await;
    world.take_calls();
    let wish = world.commit(&[whole()]);
    world.settle(&wish).await;
    assert_eq!(mutating(&world.take_calls()), ["UpdateSchedule"], "{}", world.told());
    let live = world.schedule("mail").await;
    assert_eq!(
        json!([
            live["ScheduleExpression"],
            live["ScheduleExpressionTimezone"],
            live["FlexibleTimeWindow"],
            live["Target"]["RetryPolicy"],
            live["Target"]["DeadLetterConfig"],
        ]),
        json!([
            "rate(2 hours)",
            "Europe/Paris",
            {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5},
            {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 600},
            {"Arn": "arn:aws:sqs:eu-west-1:123456789012:dead"},
        ])
    );
    world.settle(&wish).await;
    assert_eq!(mutating(&world.take_calls()), NONE);
    let back = world.commit(&[scheduled("mail", "app:1", SIX)]);
    world.settle(&back).await;
    let live = world.schedule("mail").await;
    assert_eq!(live["Target"]["RetryPolicy"]["MaximumRetryAttempts"], 185);
    assert_eq!(
        (live["Target"].get("DeadLetterConfig"), &live["FlexibleTimeWindow"]["Mode"]),
        (None, &json!("OFF"))
    );
}
