//! Old revisions: deregistered beyond the number that is kept, and never one that anybody may need.

use std::time::Duration;

use reconciler::controller::{Next, Wish};
use serde_json::json;
use simulator::error::ApiError;
use simulator::faults::Fault;

use crate::world::{Memory, World, mutating, scheduled, service};

const DAY: Duration = Duration::from_secs(25 * 60 * 60);
const DEREGISTER: &str = "DeregisterTaskDefinition";

async fn settle(world: &World, wish: &Wish) -> Vec<String> {
    world.take_calls();
    for (key, next) in world.settle(wish).await {
        assert_eq!(next, Next::Settled, "{key}\n{}", world.told());
    }
    world.take_calls()
}

async fn deploy(world: &mut World, image: usize) -> (Wish, Vec<String>) {
    let wish = world.commit(&[service("web", &format!("app:{image}"))]);
    let calls = settle(world, &wish).await;
    (wish, calls)
}

/// A world that keeps two revisions and has deployed this many, long ago.
async fn deployed(number: usize) -> World {
    let mut world = World::new().await;
    world.environment = "sync: {keepRevisions: 2}".to_owned();
    for image in 1..=number {
        let (_, calls) = deploy(&mut world, image).await;
        assert!(!calls.contains(&DEREGISTER.to_owned()), "{image}: younger than a day\n{}", world.told());
    }
    tokio::time::sleep(DAY).await;
    world
}

fn arn(number: usize) -> String {
    format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:{number}")
}

async fn active(world: &World) -> Vec<String> {
    let mut all = world.revisions("web").await;
    all.sort_by_key(|revision| revision.rsplit(':').next().unwrap().parse::<u32>().unwrap());
    all
}

fn named(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|number| format!("web:{number}")).collect()
}

#[tokio::test(start_paused = true)]
async fn old_revisions_are_deregistered_after_a_deployment_and_a_pass_without_one_costs_nothing() {
    let mut world = deployed(8).await;
    let (wish, calls) = deploy(&mut world, 9).await;
    // The last good one and the five before it stay, whatever number is to be kept.
    assert_eq!(active(&world).await, named(&[4, 5, 6, 7, 8, 9]), "{}", world.told());
    let first = calls.iter().rposition(|call| call == "ListTaskDefinitions").unwrap();
    assert_eq!(
        calls[first..],
        [
            "ListTaskDefinitions",
            "ListTasks",
            "DescribeTasks",
            "DescribeTaskDefinition",
            "DescribeTaskDefinition",
            "DescribeTaskDefinition",
            DEREGISTER,
            DEREGISTER,
            DEREGISTER,
        ]
    );
    assert!(
        world.told().contains("web:1 is deregistered: nothing uses it, and 2 newer ones stay"),
        "{}",
        world.told()
    );
    let record = world.record("web");
    assert_eq!(record.cleared.map(|it| it.to_string()), Some("web:9".to_owned()));
    assert!(record.deregistering.is_empty());
    assert_eq!(settle(&world, &wish).await, ["DescribeServices"]);
}

#[tokio::test(start_paused = true)]
async fn a_few_go_at_a_time_and_plan_shows_which_are_next() {
    let mut world = deployed(12).await;
    let (wish, calls) = deploy(&mut world, 13).await;
    assert_eq!(calls.iter().filter(|call| *call == DEREGISTER).count(), 3);
    assert_eq!(active(&world).await[0], "web:4");
    let text = world.plan_text(&wish, Memory::Ledger).await;
    assert!(
        text.contains(
            "taskDefinition  \"web:4, web:5, web:6\" to be deregistered: nothing uses them, and 2 newer ones stay"
        ),
        "{text}"
    );
    settle(&world, &wish).await;
    settle(&world, &wish).await;
    assert_eq!(active(&world).await, named(&[8, 9, 10, 11, 12, 13]));
    assert!(!world.plan_text(&wish, Memory::Ledger).await.contains("deregistered"));
    assert_eq!(settle(&world, &wish).await, ["DescribeServices"]);
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_a_task_runs_or_that_is_not_ours_stays() {
    let mut world = deployed(9).await;
    // By hand; the operator knows nothing of it.
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d4e5f60001"]}});
    let run = json!({"cluster": "jobs", "taskDefinition": arn(1), "launchType": "FARGATE", "networkConfiguration": network});
    let answer = world.ecs("RunTask", run).await;
    assert!(answer["tasks"][0]["taskArn"].is_string(), "{answer}");
    let tags = |key: &str| json!({"resourceArn": arn(2), "tagKeys": [key]});
    world.ecs("UntagResource", tags("reconciler/managed-by")).await;
    let other = json!([{"key": "reconciler/cluster", "value": "staging"}]);
    world.ecs("TagResource", json!({"resourceArn": arn(3), "tags": other})).await;
    deploy(&mut world, 10).await;
    assert_eq!(active(&world).await, named(&[1, 2, 3, 5, 6, 7, 8, 9, 10]), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn another_environments_revision_is_not_taken_over() {
    let mut world = World::new().await;
    deploy(&mut world, 1).await;
    let other = json!([{"key": "reconciler/cluster", "value": "staging"}]);
    world.ecs("TagResource", json!({"resourceArn": arn(1), "tags": other})).await;
    deploy(&mut world, 2).await;
    // Without the ledger, only the list of the family would name it.
    world.lose_ledger();
    let (_, calls) = deploy(&mut world, 1).await;
    assert!(mutating(&calls).contains(&"RegisterTaskDefinition".to_owned()), "{calls:?}");
    assert_eq!(world.revisions("web").await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_denied_deregistration_is_told_once_and_waits_for_the_next_deployment() {
    let mut world = deployed(8).await;
    world.simulator.set_fault(Box::new(|site| match site.operation == DEREGISTER {
        true => Fault::RefuseBefore(ApiError::new("AccessDeniedException", "no")),
        false => Fault::None,
    }));
    let (wish, calls) = deploy(&mut world, 9).await;
    assert_eq!(calls.iter().filter(|call| *call == DEREGISTER).count(), 1);
    assert!(world.told().contains("old revisions stay registered: "), "{}", world.told());
    assert_eq!(settle(&world, &wish).await, ["DescribeServices"]);
    assert_eq!(active(&world).await.len(), 9);
}

/// Five revisions of a schedule, of which two are kept, and the commit that asks for the last.
async fn scheduled_five_times() -> (World, Wish) {
    let mut world = World::new().await;
    world.environment = "sync: {keepRevisions: 2}".to_owned();
    for image in 1..=4 {
        let wish = schedule(&mut world, image);
        settle(&world, &wish).await;
    }
    tokio::time::sleep(DAY).await;
    let wish = schedule(&mut world, 5);
    (world, wish)
}

fn schedule(world: &mut World, image: usize) -> Wish {
    world.commit(&[scheduled("mail", &format!("app:{image}"), "cron(0 6 * * ? *)")])
}

#[tokio::test(start_paused = true)]
async fn the_revisions_of_a_schedule_are_cleared_out_as_well() {
    let (world, wish) = scheduled_five_times().await;
    let calls = mutating(&settle(&world, &wish).await);
    let expected = ["RegisterTaskDefinition", "UpdateSchedule", DEREGISTER, DEREGISTER, DEREGISTER];
    assert_eq!(calls, expected, "{}", world.told());
    assert_eq!(world.revisions("mail").await.len(), 2, "{}", world.told());
    let calls = settle(&world, &wish).await;
    assert!(!calls.contains(&"ListTaskDefinitions".to_owned()), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_may_be_deregistered_late_is_not_used_again() {
    let (mut world, wish) = scheduled_five_times().await;
    world.delay(DEREGISTER);
    settle(&world, &wish).await;
    world.simulator.clear_fault();
    assert_eq!(world.record("mail").deregistering.len(), 1, "{}", world.told());
    assert_eq!(world.revisions("mail").await.len(), 5);
    // The content of that one is wanted again, before anybody has looked what became of the call.
    let back = schedule(&mut world, 1);
    let calls = mutating(&settle(&world, &back).await);
    assert_eq!(calls[..2], ["RegisterTaskDefinition", "UpdateSchedule"], "{}", world.told());
    let late = json!({"taskDefinition": arn(1).replace("web", "mail")});
    world.ecs(DEREGISTER, late).await;
    let schedule = world.schedule("mail").await;
    let runs = schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].as_str().unwrap();
    assert!(runs.ends_with("/mail:6"), "{runs}");
}

/// What is left of old revisions when something goes wrong at the operator's call `at`.
async fn disturbed(at: usize, fault: Fault, kill: bool) -> (World, Vec<String>) {
    let (world, wish) = scheduled_five_times().await;
    let operator = world.operator().await;
    world.take_calls();
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
    let calls = world.take_calls();
    settle(&world, &wish).await;
    settle(&world, &wish).await;
    (world, calls)
}

#[tokio::test(start_paused = true)]
async fn killed_or_unanswered_at_any_call_the_same_revisions_stay() {
    let (_, calls) = disturbed(usize::MAX, Fault::None, false).await;
    let first = calls.iter().rposition(|call| call == "ListTaskDefinitions").unwrap();
    assert_eq!(calls.len() - first, 6, "{calls:?}");
    for (at, call) in calls.iter().enumerate().skip(first) {
        for (fault, kill) in
            [(Fault::NeverAnswer, true), (Fault::NeverApply, false), (Fault::NeverAnswer, false)]
        {
            let (world, _) = disturbed(at, fault.clone(), kill).await;
            let told = format!("{fault:?} {kill} {at} {call}: {}", world.told());
            assert_eq!(world.revisions("mail").await, ["mail:4", "mail:5"], "{told}");
            assert!(world.record("mail").deregistering.is_empty(), "{told}");
        }
    }
}
