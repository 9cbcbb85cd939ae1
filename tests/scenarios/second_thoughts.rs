//! Ways in which a state could be lost, held for ever or taken for another.

use crate::world::{World, service, service_with};
use reconciler::controller::{Next, Outcome};
use reconciler::model::ServiceKey;
use simulator::error::ApiError;
use simulator::faults::Fault;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn key(name: &str) -> ServiceKey {
    ServiceKey::new(name)
}
fn plain(image: &str, more: &str) -> String {
    service_with("api", image, more).replace(
        "deploymentCircuitBreaker: {enable: true, rollback: true}",
        "deploymentCircuitBreaker: {enable: false, rollback: false}",
    )
}

#[tokio::test(start_paused = true)]
async fn a_fix_replaces_a_first_deployment_that_was_given_up() {
    let mut world = World::new().await;
    let bad = world.commit(&[plain("registry.invalid/app:2", "  rollout: {timeout: 5m}\n")]);
    world.settle(&bad).await;
    let fixed = world.commit(&[plain("app:2", "  rollout: {timeout: 5m}\n")]);
    assert_eq!(world.settle(&fixed).await[&key("api")], Next::Settled);
}

#[tokio::test(start_paused = true)]
async fn a_fix_replaces_a_deployment_that_was_held_as_evidence() {
    let mut world = World::new().await;
    let good = world.commit(&[plain("app:1", "")]);
    world.settle(&good).await;
    let bad = world.commit(&[plain("registry.invalid/app:2", "  rollout: {timeout: 5m, onFailure: hold}\n")]);
    world.settle(&bad).await;
    let fixed = world.commit(&[plain("app:3", "  rollout: {timeout: 5m, onFailure: hold}\n")]);
    assert_eq!(world.settle(&fixed).await[&key("api")], Next::Settled);
}

#[tokio::test(start_paused = true)]
async fn a_refused_commit_does_not_take_away_the_next_ones_way_back() {
    let mut world = World::new().await;
    let good = world.commit(&[plain("app:1", "  rollout: {timeout: 5m}\n")]);
    world.settle(&good).await;
    world.simulator.set_fault(Box::new(|site| {
        if site.operation == "UpdateService" {
            Fault::RefuseBefore(ApiError::new(
                "InvalidParameterException",
                "The security group 'sg-x' does not exist",
            ))
        } else {
            Fault::None
        }
    }));
    let refused = world.commit(&[plain("app:2", "  rollout: {timeout: 5m}\n")]);
    world.settle(&refused).await;
    world.simulator.clear_fault();
    let bad = world.commit(&[plain("registry.invalid/app:3", "  rollout: {timeout: 5m}\n")]);
    world.settle(&bad).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn an_apply_ends_when_what_it_depends_on_is_held() {
    let mut world = World::new().await;
    let one = world.commit(&[service("a", "app:crash"), service_with("b", "app:1", "  dependsOn: [a]\n")]);
    let standing = world.settle(&one).await;
    assert!(matches!(&standing[&key("a")], Next::Held(_)), "{}", world.told());
    assert_eq!(standing[&key("b")], Next::Waits(key("a")));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_cut_short_is_not_taken_for_drift() {
    let mut world = World::new().await;
    let more = "  scaling: {minCapacity: 2, maxCapacity: 5}\n  sync: {drift: warn}\n";
    let mut first = true;
    world.simulator.set_fault(Box::new(move |site| {
        if site.operation == "RegisterScalableTarget" && std::mem::take(&mut first) {
            Fault::Throttle
        } else {
            Fault::None
        }
    }));
    let wish = world.commit(&[service_with("api", "app:1", more)]);
    world.settle(&wish).await;
    assert_eq!(world.bounds("api").await, Some((2, 5)), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_rollout_is_watched_although_a_later_step_is_refused() {
    let mut world = World::new().await;
    let good = world.commit(&[plain("app:1", "  rollout: {timeout: 5m}\n")]);
    world.settle(&good).await;
    world.simulator.set_fault(Box::new(|site| {
        if site.operation == "RegisterScalableTarget" {
            Fault::RefuseBefore(ApiError::new("ValidationException", "no"))
        } else {
            Fault::None
        }
    }));
    let more = "  rollout: {timeout: 5m}\n  scaling: {minCapacity: 2, maxCapacity: 5}\n";
    let bad = world.commit(&[plain("registry.invalid/app:3", more)]);
    world.settle(&bad).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_whose_stop_is_denied_goes_another_way() {
    let mut world = World::new().await;
    let good = world.commit(&[plain("app:1", "  rollout: {timeout: 5m}\n")]);
    world.settle(&good).await;
    world.simulator.set_fault(Box::new(|site| {
        if site.operation == "StopServiceDeployment" {
            Fault::RefuseBefore(ApiError::new("AccessDeniedException", "no"))
        } else {
            Fault::None
        }
    }));
    let bad = world.commit(&[plain("registry.invalid/app:3", "  rollout: {timeout: 5m}\n")]);
    world.settle(&bad).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn tolerated_drift_does_not_keep_dependents_waiting() {
    let mut world = World::new().await;
    let a = service_with("a", "app:1", "  sync: {drift: warn}\n");
    let one = world.commit(&[a.clone(), service_with("b", "app:1", "  dependsOn: [a]\n")]);
    world.settle(&one).await;
    world.ecs("UpdateService", serde_json::json!({"cluster":"jobs","service":"a","desiredCount":5})).await;
    let two = world.commit(&[a, service_with("b", "app:2", "  dependsOn: [a]\n")]);
    world.settle(&two).await;
    assert_eq!(world.runs("b").await, "b:2", "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_suspended_service_is_not_rolled_back() {
    let mut world = World::new().await;
    let good = world.commit(&[plain("app:1", "  rollout: {timeout: 5m}\n")]);
    world.settle(&good).await;
    let bad = world.commit(&[plain("registry.invalid/app:2", "  rollout: {timeout: 5m}\n")]);
    let op = world.operator().await;
    world.run_for(&op, &bad, Duration::from_secs(60)).await;
    let arn = world.service("api").await["serviceArn"].clone();
    world.ecs("TagResource", serde_json::json!({"resourceArn": arn, "tags":[{"key":"reconciler/suspended","value":"ada debugs"}]})).await;
    world.take_calls();
    world.run_for(&op, &bad, Duration::from_secs(900)).await;
    let calls = crate::world::mutating(&world.take_calls());
    assert!(calls.is_empty(), "{calls:?}\n{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_that_has_begun_is_watched_to_its_end_although_the_service_is_suspended() {
    let mut world = World::new().await;
    let good = world.commit(&[plain("app:1", "  rollout: {timeout: 5m}\n")]);
    world.settle(&good).await;
    let bad = world.commit(&[plain("registry.invalid/app:2", "  rollout: {timeout: 5m}\n")]);
    let operator = world.operator().await;
    world.run_for(&operator, &bad, Duration::from_secs(5 * 60 + 2)).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    assert!(world.record("api").rollout.is_some(), "it has ended already: {}", world.told());
    world.tag("api", "reconciler/suspended", "ada debugs").await;
    world.take_calls();
    world.run_for(&operator, &bad, Duration::from_secs(60)).await;
    assert!(world.told().contains("api runs api:1 again, 2 of 2 running"), "{}", world.told());
    assert!(world.record("api").rollout.is_none(), "{}", world.told());
    assert!(crate::world::mutating(&world.take_calls()).is_empty(), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_deregistered_way_back_is_told_and_not_asked_for_again() {
    let mut world = World::new().await;
    let good = world.commit(&[plain("app:1", "  rollout: {timeout: 5m}\n")]);
    world.settle(&good).await;
    let bad = world.commit(&[plain("registry.invalid/app:2", "  rollout: {timeout: 5m}\n")]);
    world.settle(&bad).await;
    world.ecs("DeregisterTaskDefinition", serde_json::json!({"taskDefinition": "api:1"})).await;
    let bad = world.commit(&[plain("registry.invalid/app:3", "  rollout: {timeout: 5m}\n")]);
    world.settle(&bad).await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_whose_lock_is_gone_stops() {
    let mut world = World::new().await;
    let one = world.commit(&[service("api", "app:1")]);
    let operator = world.operator().await;
    world.settle_with(&operator, &one).await;
    let mut path = operator.engine.ledger.path().unwrap().to_owned();
    path.set_file_name("test.ledger.json.lock");
    std::fs::remove_file(&path).unwrap();
    let two = world.commit(&[service("api", "app:2")]);
    let outcome = operator.settle(two, CancellationToken::new()).await;
    assert!(matches!(&outcome, Outcome::Lost(why) if why.contains("lock")), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn the_way_back_brings_the_network_back_too() {
    let mut world = World::new().await;
    let good = world.commit(&[plain("app:1", "  rollout: {timeout: 5m}\n")]);
    world.settle(&good).await;
    let bad = world.commit(&[plain("registry.invalid/app:2", "  rollout: {timeout: 5m}\n")]);
    world.settle(&bad).await;
    let bad = world.commit(&[
        plain("registry.invalid/app:3", "  rollout: {timeout: 5m}\n").replace("subnet-1", "subnet-2")
    ]);
    world.settle(&bad).await;
    let net = world.service("api").await["networkConfiguration"].to_string();
    assert_eq!(world.runs("api").await, "api:1");
    assert!(net.contains("subnet-1"), "{net}\n{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn an_update_that_never_happened_is_not_taken_for_the_one_before() {
    let mut world = World::new().await;
    let more = "  sync: {drift: warn}\n";
    let op = world.operator().await;
    let good = world.commit(&[service_with("api", "app:1", more)]);
    world.settle_with(&op, &good).await;
    let mut first = true;
    world.simulator.set_fault(Box::new(move |site| {
        if site.operation == "UpdateService" && std::mem::take(&mut first) {
            Fault::NeverApply
        } else {
            Fault::None
        }
    }));
    let next = world.commit(&[service_with("api", "app:2", more)]);
    world.settle_with(&op, &next).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
}
