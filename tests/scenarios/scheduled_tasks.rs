//! Tasks on a schedule: created, changed, run at their hour, and set back.

use std::time::Duration;

use reconciler::controller::{Next, Wish};
use reconciler::model::ServiceKey;
use reconciler::plan::Decision;
use serde_json::{Value, json};

use crate::world::{Memory, World, compact, mutating, scheduled, scheduled_with, service};

const NONE: [&str; 0] = [];
const SIX: &str = "cron(0 6 * * ? *)";
const GROUP: &str = "/schedule-groups/reconciler-test-jobs";
const GROUP_TAGS: &str =
    "/tags/arn%3Aaws%3Ascheduler%3Aeu-west-1%3A123456789012%3Aschedule-group%2Freconciler-test-jobs";

async fn settled(manifest: String) -> (World, Wish) {
    let mut world = World::new().await;
    let wish = world.commit(&[manifest]);
    settle(&world, &wish).await;
    (world, wish)
}

/// Applies a wish that is to come to rest as Git wants it; its mutating calls.
async fn settle(world: &World, wish: &Wish) -> Vec<String> {
    world.take_calls();
    for (key, next) in world.settle(wish).await {
        assert_eq!(next, Next::Settled, "{key}\n{}", world.told());
    }
    mutating(&world.take_calls())
}

/// Changes the schedule as somebody in the console would.
async fn by_hand(world: &World, name: &str, change: impl FnOnce(&mut Value)) {
    // Two writes in one millisecond are one to ListSchedules.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut schedule = world.schedule(name).await;
    change(&mut schedule);
    let answer = world.scheduler("PUT", &format!("/schedules/{name}"), schedule).await;
    assert!(answer["ScheduleArn"].is_string(), "{answer}");
}

async fn tasks_of(world: &World, name: &str, status: &str) -> Vec<Value> {
    let by = format!("chronos-schedule/{name}");
    let input = json!({"cluster": "jobs", "startedBy": by, "desiredStatus": status});
    let arns = world.ecs("ListTasks", input).await["taskArns"].clone();
    if arns.as_array().is_none_or(Vec::is_empty) {
        return Vec::new();
    }
    let described = world.ecs("DescribeTasks", json!({"cluster": "jobs", "tasks": arns})).await;
    described["tasks"].as_array().cloned().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_task_is_registered_and_scheduled_in_a_group_of_ours() {
    let mut world = World::new().await;
    let wish = world.commit(&[scheduled("mail", "app:1", SIX)]);
    let calls = settle(&world, &wish).await;
    assert_eq!(calls, ["RegisterTaskDefinition", "CreateScheduleGroup", "CreateSchedule"]);
    let schedule = world.schedule("mail").await;
    assert_eq!(schedule["Target"]["Arn"], "arn:aws:ecs:eu-west-1:123456789012:cluster/jobs");
    let revision = "arn:aws:ecs:eu-west-1:123456789012:task-definition/mail:1";
    assert_eq!(schedule["Target"]["EcsParameters"]["TaskDefinitionArn"], revision);
    let tags = world.scheduler("GET", GROUP_TAGS, Value::Null).await;
    assert_eq!(tags["Tags"], json!([{"Key": "reconciler/managed-by", "Value": "reconciler"}]));
}

#[tokio::test(start_paused = true)]
async fn it_runs_at_its_hour_and_to_its_end() {
    // The time is 08:00 in winter, so it is 08:00 in Dublin too.
    let (world, _) = settled(scheduled("mail", "app:once", "cron(30 8 * * ? *)")).await;
    tokio::time::sleep(Duration::from_secs(29 * 60)).await;
    assert!(tasks_of(&world, "mail", "RUNNING").await.is_empty());
    tokio::time::sleep(Duration::from_secs(31 * 60)).await;
    let ended = tasks_of(&world, "mail", "STOPPED").await;
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!(ended[0]["containers"][0]["exitCode"], 0, "{}", ended[0]);
    assert!(ended[0]["taskDefinitionArn"].as_str().unwrap().ends_with("/mail:1"));
}

#[tokio::test(start_paused = true)]
async fn another_hour_changes_the_schedule_and_no_revision() {
    let (mut world, _) = settled(scheduled("mail", "app:1", SIX)).await;
    let wish = world.commit(&[scheduled("mail", "app:1", "cron(0 7 * * ? *)")]);
    assert_eq!(settle(&world, &wish).await, ["UpdateSchedule"]);
    assert_eq!(world.schedule("mail").await["ScheduleExpression"], "cron(0 7 * * ? *)");
    assert_eq!(world.revisions("mail").await, ["mail:1"]);
}

#[tokio::test(start_paused = true)]
async fn another_image_is_registered_once_and_reused_when_it_comes_back() {
    let (mut world, _) = settled(scheduled("mail", "app:1", SIX)).await;
    let wish = world.commit(&[scheduled("mail", "app:2", SIX)]);
    assert_eq!(settle(&world, &wish).await, ["RegisterTaskDefinition", "UpdateSchedule"]);
    let wish = world.commit(&[scheduled("mail", "app:1", SIX)]);
    assert_eq!(settle(&world, &wish).await, ["UpdateSchedule"]);
    let schedule = world.schedule("mail").await;
    let runs = schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].as_str().unwrap();
    assert!(runs.ends_with("/mail:1"), "{runs}");
}

#[tokio::test(start_paused = true)]
async fn what_git_stops_mentioning_goes_back_to_the_default_of_aws() {
    let more = "    Description: sends mail\n    State: DISABLED\n";
    let (mut world, _) = settled(scheduled_with("mail", "app:1", SIX, more)).await;
    assert_eq!(world.schedule("mail").await["State"], "DISABLED");
    let wish = world.commit(&[scheduled("mail", "app:1", SIX)]);
    assert_eq!(settle(&world, &wish).await, ["UpdateSchedule"]);
    let schedule = world.schedule("mail").await;
    assert_eq!((schedule.get("Description"), &schedule["State"]), (None, &json!("ENABLED")));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_was_changed_by_hand_is_set_back_and_told_as_drift() {
    let (world, wish) = settled(scheduled("mail", "app:1", SIX)).await;
    by_hand(&world, "mail", |schedule| schedule["State"] = "DISABLED".into()).await;
    assert_eq!(settle(&world, &wish).await, ["UpdateSchedule"]);
    assert_eq!(world.schedule("mail").await["State"], "ENABLED");
    assert!(world.told().contains("drift      mail: changed behind our back"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn drift_that_is_to_be_left_is_left_and_told() {
    let manifest = format!("{}  sync: {{drift: warn}}\n", scheduled("mail", "app:1", SIX));
    let (world, wish) = settled(manifest).await;
    by_hand(&world, "mail", |schedule| schedule["State"] = "DISABLED".into()).await;
    assert_eq!(settle(&world, &wish).await, NONE);
    assert!(world.told().contains("`sync.drift` says to leave it"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_field_that_is_to_be_ignored_keeps_its_live_value_when_another_is_written() {
    let ignoring = |expression: &str| {
        format!("{}  sync: {{ignore: [/schedule/State]}}\n", scheduled("mail", "app:1", expression))
    };
    let (mut world, wish) = settled(ignoring(SIX)).await;
    by_hand(&world, "mail", |schedule| schedule["State"] = "DISABLED".into()).await;
    assert_eq!(settle(&world, &wish).await, NONE);
    let wish = world.commit(&[ignoring("cron(0 7 * * ? *)")]);
    assert_eq!(settle(&world, &wish).await, ["UpdateSchedule"]);
    let schedule = world.schedule("mail").await;
    assert_eq!(
        (&schedule["State"], &schedule["ScheduleExpression"]),
        (&json!("DISABLED"), &json!("cron(0 7 * * ? *)"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_was_deleted_by_hand_is_created_again_from_its_revision() {
    let (world, wish) = settled(scheduled("mail", "app:1", SIX)).await;
    world.scheduler("DELETE", "/schedules/mail?groupName=reconciler-test-jobs", Value::Null).await;
    assert_eq!(settle(&world, &wish).await, ["CreateSchedule"]);
    world.scheduler("DELETE", GROUP, Value::Null).await;
    assert_eq!(settle(&world, &wish).await, ["CreateScheduleGroup", "CreateSchedule"]);
    assert_eq!(world.revisions("mail").await, ["mail:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_was_deregistered_is_replaced_before_the_next_run_needs_it() {
    let (world, wish) = settled(scheduled("mail", "app:1", SIX)).await;
    let operator = world.operator().await;
    world.settle_with(&operator, &wish).await;
    world.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "mail:1"})).await;
    world.take_calls();
    // Found by the same operator, whose memory says nothing of it, within some passes.
    world.run_for(&operator, &wish, Duration::from_secs(15 * 60)).await;
    let calls = mutating(&world.take_calls());
    assert_eq!(calls, ["RegisterTaskDefinition", "UpdateSchedule"], "{}", world.told());
    let schedule = world.schedule("mail").await;
    let runs = schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].as_str().unwrap();
    assert!(runs.ends_with("/mail:2"), "{runs}");
}

#[tokio::test(start_paused = true)]
async fn a_group_of_our_name_that_is_not_ours_is_left_alone() {
    for (tags, owner) in [
        (json!([]), "somebody who set no tag on it"),
        (json!([{"Key": "reconciler/managed-by", "Value": "blue"}]), "the installation `blue`"),
    ] {
        let mut world = World::new().await;
        world.scheduler("POST", GROUP, json!({"Tags": tags})).await;
        let wish = world.commit(&[scheduled("mail", "app:1", SIX)]);
        world.take_calls();
        let standing = world.settle(&wish).await;
        let Next::Held(why) = &standing[&ServiceKey::new("mail")] else { panic!("{}", world.told()) };
        assert!(why.contains(&format!("`reconciler-test-jobs` belongs to {owner}")), "{why}");
        assert_eq!(mutating(&world.take_calls()), NONE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspended_group_is_left_alone_until_the_tag_is_gone() {
    let (mut world, _) = settled(scheduled("mail", "app:1", SIX)).await;
    let tag = json!([{"Key": "reconciler/suspended", "Value": "incident 4711"}]);
    world.scheduler("POST", GROUP_TAGS, json!({"Tags": tag})).await;
    let wish = world.commit(&[scheduled("mail", "app:2", SIX)]);
    world.take_calls();
    let operator = world.operator().await;
    let standing = world.settle_with(&operator, &wish).await;
    let Next::Held(why) = &standing[&ServiceKey::new("mail")] else { panic!("{}", world.told()) };
    assert!(why.contains("incident 4711"), "{why}");
    assert_eq!(mutating(&world.take_calls()), NONE);
    let untag = format!("{GROUP_TAGS}?TagKeys=reconciler%2Fsuspended");
    world.scheduler("DELETE", &untag, Value::Null).await;
    world.take_calls();
    world.run_for(&operator, &wish, Duration::from_secs(60)).await;
    assert_eq!(mutating(&world.take_calls()), ["RegisterTaskDefinition", "UpdateSchedule"]);
}

#[tokio::test(start_paused = true)]
async fn what_eventbridge_scheduler_refuses_is_held_until_git_changes_it() {
    let mut world = World::new().await;
    // Its shape is a time zone's; that there is no such place only AWS knows.
    let nowhere = scheduled("mail", "app:1", SIX).replace("Europe/Dublin", "Europe/Atlantis");
    let wish = world.commit(&[nowhere]);
    let operator = world.operator().await;
    let standing = world.settle_with(&operator, &wish).await;
    let Next::Held(why) = &standing[&ServiceKey::new("mail")] else { panic!("{}", world.told()) };
    assert!(why.contains("Europe/Atlantis"), "{why}");
    world.take_calls();
    world.run_for(&operator, &wish, Duration::from_secs(3600)).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    drop(operator);
    let wish = world.commit(&[scheduled("mail", "app:1", SIX)]);
    assert_eq!(settle(&world, &wish).await, ["CreateSchedule"]);
    assert!(world.record("mail").quarantine.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_task_waits_for_the_service_that_it_depends_on() {
    let mut world = World::new().await;
    let task = format!("{}  dependsOn: [api]\n", scheduled("mail", "app:1", SIX));
    let wish = world.commit(&[task, service("api", "app:1")]);
    settle(&world, &wish).await;
    let told = world.told();
    let place = |what: &str| told.find(what).unwrap_or_else(|| panic!("no {what} in {told}"));
    assert!(place("settled    api") < place("create     mail"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_name_stays_with_the_kind_that_has_it() {
    for (first, second) in [
        (service("mail", "app:1"), scheduled("mail", "app:1", SIX)),
        (scheduled("mail", "app:1", SIX), service("mail", "app:1")),
    ] {
        let mut world = World::new().await;
        let wish = world.commit(std::slice::from_ref(&first));
        settle(&world, &wish).await;
        let record = world.record("mail");
        let flipped = world.commit(std::slice::from_ref(&second));
        let standing = world.settle(&flipped).await;
        assert!(matches!(standing[&ServiceKey::new("mail")], Next::Held(_)), "{}", world.told());
        assert_eq!(mutating(&world.take_calls()), NONE);
        assert_eq!(world.record("mail"), record, "hooks that are done stay done");
        let text = world.plan_text(&flipped, Memory::Ledger).await;
        assert!(text.contains("of this name already, which this installation put"), "{text}");
        // And back, as if nothing had been.
        let back = world.commit(&[first]);
        assert_eq!(settle(&world, &back).await, NONE);
    }
}

#[tokio::test(start_paused = true)]
async fn what_left_git_is_left_in_place_and_told() {
    let mut world = World::new().await;
    let both = [scheduled("mail", "app:1", SIX), scheduled("report", "app:1", SIX)];
    let wish = world.commit(&both);
    settle(&world, &wish).await;
    let one_left = world.commit(&both[..1]);
    let plan = world.plan(&one_left, Memory::Ledger).await;
    assert_eq!(plan.schedules_left, [ServiceKey::new("report")]);
    assert!(plan.is_empty());
    settle(&world, &one_left).await;
    assert_eq!(world.schedule("report").await["State"], "ENABLED");
    // Once, also for an operator that starts later.
    settle(&world, &one_left).await;
    let told = world.told();
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("left in place")).collect();
    assert_eq!(
        lines,
        [
            "08:00:00  held       report left Git in 4c1f9e2; its schedule is left in place and goes on running. To end \
          it: aws scheduler delete-schedule --group-name reconciler-test-jobs --name report"
        ]
    );
    // It is told again when it left again.
    settle(&world, &wish).await;
    assert_eq!(world.record("report").leaving, None);
}

#[tokio::test(start_paused = true)]
async fn the_last_one_that_leaves_git_is_told_too() {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1"), scheduled("mail", "app:1", SIX)]);
    settle(&world, &wish).await;
    let none_left = world.commit(&[service("api", "app:1")]);
    settle(&world, &none_left).await;
    assert!(world.told().contains("mail left Git"), "{}", world.told());
    let line = "its schedule goes on running, and Git no longer has it";
    let plan = world.plan_text(&none_left, Memory::Ledger).await;
    assert!(plan.contains(&format!("= mail          left in place: {line}")), "{plan}");
    let status = world.status(&none_left).await;
    assert!(status.contains(&format!("LeftInPlace  mail          {line}")), "{status}");
}

#[tokio::test(start_paused = true)]
async fn planning_again_after_a_schedule_was_applied_is_empty() {
    let full = "    Description: sends mail
    State: DISABLED
    StartDate: 2027-02-01T00:00:00Z
    EndDate: 2028-02-01T00:00:00Z
    ActionAfterCompletion: NONE
";
    let ecs = "        LaunchType: FARGATE";
    let base = || scheduled("mail", "app:1", SIX);
    let variants = [
        base(),
        scheduled_with("mail", "app:1", SIX, full),
        scheduled("mail", "app:1", "rate(36 hours)"),
        scheduled("mail", "app:1", "at(2027-03-28T01:30:00)"),
        base().replace("    ScheduleExpressionTimezone: Europe/Dublin\n", ""),
        base().replace("{Mode: 'OFF'}", "{Mode: FLEXIBLE, MaximumWindowInMinutes: 15}"),
        base().replace("SecurityGroups: [sg-1]", "AssignPublicIp: DISABLED"),
        base().replace(ecs, "        TaskCount: 1\n        PlatformVersion: LATEST"),
        base()
            .replace(ecs, "        CapacityProviderStrategy: [{capacityProvider: FARGATE_SPOT, weight: 1}]"),
        base()
            .replace(ecs, "        Tags: [{key: team, value: jobs}]\n        PropagateTags: TASK_DEFINITION"),
        base().replace(
            ecs,
            "        EnableECSManagedTags: true\n        Group: mail\n        LaunchType: FARGATE",
        ),
        scheduled_with(
            "mail",
            "app:1",
            SIX,
            "      RetryPolicy: {MaximumRetryAttempts: 3}
      DeadLetterConfig: {Arn: 'arn:aws:sqs:eu-west-1:123456789012:late'}
      Input: '{\"containerOverrides\": [{\"name\": \"app\", \"command\": [\"send\"]}]}'
",
        ),
    ];
    for manifest in variants {
        let (world, wish) = settled(manifest.clone()).await;
        for memory in [Memory::Ledger, Memory::Nothing] {
            let plan = world.plan(&wish, memory).await;
            let decision = &plan.services[0].decision;
            assert!(matches!(decision, Decision::Unchanged), "{memory:?} {decision:?}\n{manifest}");
        }
        assert_eq!(settle(&world, &wish).await, NONE, "{manifest}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_schedule_makes_these_calls() {
    let mut world = World::new().await;
    let wish = world.commit(&[scheduled("mail", "app:1", SIX)]);
    world.settle(&wish).await;
    assert_eq!(
        world.take_calls(),
        [
            "ListSchedules",
            "ListTaskDefinitions",
            "RegisterTaskDefinition",
            "CreateScheduleGroup",
            "CreateSchedule"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_schedule_makes_these_calls() {
    let (mut world, _) = settled(scheduled("mail", "app:1", SIX)).await;
    let wish = world.commit(&[scheduled("mail", "app:2", SIX)]);
    world.take_calls();
    world.settle(&wish).await;
    assert_eq!(
        world.take_calls(),
        [
            "ListSchedules",
            "GetScheduleGroup",
            "ListTagsForResource",
            "GetSchedule",
            "DescribeTaskDefinition",
            "ListTaskDefinitions",
            "RegisterTaskDefinition",
            "UpdateSchedule"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_hundred_unchanged_scheduled_tasks_cost_one_call_a_pass() {
    let mut world = World::new().await;
    let names: Vec<String> = (0..100).map(|number| format!("task-{number:02}")).collect();
    let manifests: Vec<String> = names.iter().map(|name| scheduled(name, "app:1", SIX)).collect();
    let wish = world.commit(&manifests);
    let operator = world.operator().await;
    world.settle_with(&operator, &wish).await;
    // Every schedule is read once after it was written.
    world.run_for(&operator, &wish, Duration::from_secs(29)).await;
    world.take_calls();
    world.run_for(&operator, &wish, Duration::from_secs(29)).await;
    assert_eq!(compact(&world.take_calls()), ["ListSchedules"]);
}

#[tokio::test(start_paused = true)]
async fn one_changed_schedule_of_many_is_the_only_one_that_is_read() {
    let mut world = World::new().await;
    let manifests: Vec<String> =
        (0..20).map(|number| scheduled(&format!("task-{number:02}"), "app:1", SIX)).collect();
    let wish = world.commit(&manifests);
    let operator = world.operator().await;
    world.settle_with(&operator, &wish).await;
    world.run_for(&operator, &wish, Duration::from_secs(29)).await;
    by_hand(&world, "task-07", |schedule| schedule["State"] = "DISABLED".into()).await;
    world.take_calls();
    world.run_for(&operator, &wish, Duration::from_secs(29)).await;
    assert_eq!(
        compact(&world.take_calls()),
        ["ListSchedules", "GetScheduleGroup", "ListTagsForResource", "GetSchedule", "UpdateSchedule"]
    );
}
