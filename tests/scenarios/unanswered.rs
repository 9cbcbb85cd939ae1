//! Calls that were never answered and take effect late: nothing is doubled, and nothing goes back.

use std::time::Duration;

use reconciler::model::Gate;
use simulator::error::ApiError;
use simulator::faults::Fault;

use super::story::{hook, with_hooks};
use crate::world::{Memory, World, service};

/// How late a call may take effect: almost as late as AWS takes it.
const LATE: [u64; 4] = [5, 20, 90, 299];

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_takes_effect_late_is_not_made_twice() {
    for late in LATE {
        let mut world = World::new().await;
        let wish = world.commit(&[service("api", "app:1")]);
        let operator = world.operator().await;
        world.delay("RegisterTaskDefinition");
        world.run_for(&operator, &wish, seconds(late)).await;
        world.arrive("RegisterTaskDefinition").await;
        world.simulator.clear_fault();
        world.settle_with(&operator, &wish).await;
        assert_eq!(world.revisions("api").await, ["api:1"], "{late} s");
        assert_eq!(world.runs("api").await, "api:1");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_is_lost_is_made_again_when_it_can_no_longer_arrive() {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    let operator = world.operator().await;
    world.delay("RegisterTaskDefinition");
    world.run_for(&operator, &wish, seconds(300)).await;
    assert_eq!(world.revisions("api").await, Vec::<String>::new());
    let plan = world.plan_text(&wish, Memory::Ledger).await;
    assert!(
        plan.contains("held: RegisterTaskDefinition at 08:00:00 was never answered, and may still take"),
        "{plan}"
    );
    assert!(plan.contains("else at 08:05:30, when AWS no longer takes it"), "{plan}");
    let status = world.status(&wish).await;
    assert!(status.contains("RegisterTaskDefinition at 08:00:00 was never answered"), "{status}");
    world.settle_with(&operator, &wish).await;
    assert_eq!(world.revisions("api").await, ["api:1"]);
    assert_eq!(world.told().matches("was never answered").count(), 1, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn an_update_that_takes_effect_late_undoes_no_newer_one() {
    for late in LATE {
        let mut world = World::new().await;
        let operator = world.operator().await;
        let first = world.commit(&[service("api", "app:1")]);
        world.settle_with(&operator, &first).await;
        let second = world.commit(&[service("api", "app:2")]);
        world.delay("UpdateService");
        // The answer is waited for for ten seconds; then Git moves on.
        world.run_for(&operator, &second, seconds(9)).await;
        let third = world.commit(&[service("api", "app:3")]);
        world.run_for(&operator, &third, seconds(late)).await;
        world.arrive("UpdateService").await;
        world.simulator.clear_fault();
        world.settle_with(&operator, &third).await;
        assert_eq!(world.runs("api").await, "api:3", "{late} s");
        assert_eq!(world.revisions("api").await, ["api:1", "api:2", "api:3"]);
        // Never back from the third to the second.
        let deployed =
            world.ecs("ListServiceDeployments", serde_json::json!({"cluster": "jobs", "service": "api"}));
        assert_eq!(deployed.await["serviceDeployments"].as_array().unwrap().len(), 3, "{late} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_for_an_update_that_may_come_late_and_start_tasks_again() {
    for late in LATE {
        let mut world = World::new().await;
        world.environment = "sync: {prune: true}".to_owned();
        let operator = world.operator().await;
        let first = world.commit(&[service("keeper", "app:1"), service("api", "app:1")]);
        world.settle_with(&operator, &first).await;
        let second = world.commit(&[service("keeper", "app:1"), service("api", "app:2")]);
        world.delay("UpdateService");
        world.run_for(&operator, &second, seconds(9)).await;
        let without = world.commit(&[service("keeper", "app:1")]);
        world.run_for(&operator, &without, seconds(late)).await;
        assert_eq!(world.service("api").await["desiredCount"], 2, "{late} s: {}", world.told());
        world.arrive("UpdateService").await;
        world.simulator.clear_fault();
        world.settle_with(&operator, &without).await;
        assert_eq!(world.service("api").await["status"], "INACTIVE", "{late} s: {}", world.told());
        assert_eq!(world.told().matches("-> 0 tasks").count(), 1, "{late} s: {}", world.told());
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_update_is_asked_for_again_at_once_where_aws_answered_with_an_error() {
    let mut world = World::new().await;
    let operator = world.operator().await;
    let one = world.commit(&[service("api", "app:1")]);
    world.settle_with(&operator, &one).await;
    let second = world.commit(&[service("api", "app:2")]);
    let mut struck = false;
    let error = ApiError { status: 500, ..ApiError::new("ServerException", "Something went wrong.") };
    world.simulator.set_fault(Box::new(move |site| {
        match site.operation == "UpdateService" && !std::mem::replace(&mut struck, true) {
            true => Fault::RefuseBefore(error.clone()),
            false => Fault::None,
        }
    }));
    world.run_for(&operator, &second, seconds(60)).await;
    assert_eq!(world.runs("api").await, "api:2");
}

#[tokio::test(start_paused = true)]
async fn a_bad_revision_is_deployed_once_although_the_call_for_it_comes_late() {
    for late in LATE {
        let mut world = World::new().await;
        let operator = world.operator().await;
        let one = world.commit(&[service("api", "app:1")]);
        world.settle_with(&operator, &one).await;
        let second = world.commit(&[service("api", "app:crash")]);
        world.delay("UpdateService");
        world.run_for(&operator, &second, seconds(late)).await;
        world.arrive("UpdateService").await;
        world.simulator.clear_fault();
        world.settle_with(&operator, &second).await;
        assert_eq!(world.runs("api").await, "api:1", "{late} s: {}", world.told());
        assert_eq!(world.told().matches("  failed  ").count(), 1, "{late} s: {}", world.told());
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_that_never_came_is_asked_for_again_when_it_can_no_longer_come() {
    let mut world = World::new().await;
    let operator = world.operator().await;
    let one = world.commit(&[service("api", "app:1")]);
    world.settle_with(&operator, &one).await;
    let second = world.commit(&[service("api", "app:2")]);
    world.delay("UpdateService");
    world.run_for(&operator, &second, seconds(300)).await;
    assert_eq!(world.runs("api").await, "api:1");
    assert!(world.told().contains("was never answered"), "{}", world.told());
    world.run_for(&operator, &second, seconds(90)).await;
    assert_eq!(world.runs("api").await, "api:2");
}

#[tokio::test(start_paused = true)]
async fn once_its_effect_shows_nothing_waits_for_a_call_without_an_answer() {
    let mut world = World::new().await;
    let operator = world.operator().await;
    let one = world.commit(&[service("api", "app:1")]);
    world.settle_with(&operator, &one).await;
    let mut struck = false;
    world.simulator.set_fault(Box::new(move |site| {
        match site.operation == "UpdateService" && !std::mem::replace(&mut struck, true) {
            true => Fault::NeverAnswer,
            false => Fault::None,
        }
    }));
    let second = world.commit(&[service("api", "app:2")]);
    world.run_for(&operator, &second, seconds(40)).await;
    let third = world.commit(&[service("api", "app:3")]);
    world.run_for(&operator, &third, seconds(60)).await;
    assert_eq!(world.runs("api").await, "api:3");
    assert!(!world.told().contains("was never answered"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn the_definition_of_a_hook_that_takes_effect_late_is_not_registered_twice() {
    for late in LATE {
        let mut world = World::new().await;
        let operator = world.operator().await;
        let migrated = [hook("migrate", "migrate-once:1", "")];
        let wish = world.commit(&[with_hooks("app:1", &migrated, &[])]);
        // The hook's own comes first.
        world.delay("RegisterTaskDefinition");
        world.run_for(&operator, &wish, seconds(late)).await;
        let arn = world.arrive("RegisterTaskDefinition").await["taskDefinition"]["family"].clone();
        world.simulator.clear_fault();
        world.settle_with(&operator, &wish).await;
        assert_eq!(world.revisions(arn.as_str().unwrap()).await.len(), 1, "{late} s, {arn}");
        assert_eq!(world.hook_tasks("api").await, ["migrate exit 0"]);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_what_was_intended_counts_as_never_answered() {
    for late in LATE {
        let mut world = World::new().await;
        let operator = world.operator().await;
        let one = world.commit(&[service("api", "app:1")]);
        world.settle_with(&operator, &one).await;
        let second = world.commit(&[service("api", "app:2")]);
        world.delay("UpdateService");
        world.run_for(&operator, &second, seconds(3)).await;
        drop(operator);
        let third = world.commit(&[service("api", "app:3")]);
        let next = world.operator().await;
        world.run_for(&next, &third, seconds(late)).await;
        world.arrive("UpdateService").await;
        world.simulator.clear_fault();
        world.settle_with(&next, &third).await;
        assert_eq!(world.runs("api").await, "api:3");
        let deployed =
            world.ecs("ListServiceDeployments", serde_json::json!({"cluster": "jobs", "service": "api"}));
        assert_eq!(deployed.await["serviceDeployments"].as_array().unwrap().len(), 3, "{late} s");
    }
}

#[tokio::test(start_paused = true)]
async fn what_ecs_took_back_before_anybody_looked_is_not_tried_again() {
    let mut world = World::new().await;
    let good = world.commit(&[service("api", "app:1")]);
    world.settle(&good).await;
    let bad = world.commit(&[service("api", "app:crash")]);
    let mut struck = false;
    world.simulator.set_fault(Box::new(move |site| {
        match site.operation == "UpdateService" && !std::mem::replace(&mut struck, true) {
            true => Fault::NeverAnswer,
            false => Fault::None,
        }
    }));
    // It dies while it waits for the answer, and ECS's circuit breaker is done when the next one starts.
    world.run_for(&world.operator().await, &bad, seconds(3)).await;
    tokio::time::sleep(seconds(240)).await;
    assert_eq!(world.runs("api").await, "api:1");
    world.settle(&bad).await;
    let deployed =
        world.ecs("ListServiceDeployments", serde_json::json!({"cluster": "jobs", "service": "api"})).await;
    assert_eq!(deployed["serviceDeployments"].as_array().unwrap().len(), 2, "{}", world.told());
    let quarantine = world.record("api").quarantine.unwrap();
    assert_eq!(quarantine.failure.gate, Gate::EcsCircuitBreaker);
}
