//! The exact calls of the main stories, reads included: what a service costs of AWS's budget.

use std::time::Duration;

use serde_json::json;

use crate::world::{World, compact, service, service_with};

async fn settled(image: &str) -> World {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", image)]);
    world.settle(&wish).await;
    world.take_calls();
    world
}

fn without_breaker(image: &str) -> String {
    service_with("api", image, "  rollout: {timeout: 5m}\n")
        .replace("{enable: true, rollback: true}", "{enable: false, rollback: false}")
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_makes_these_calls() {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    world.settle(&wish).await;
    assert_eq!(compact(&world.take_calls()), [""]);
}

#[tokio::test(start_paused = true)]
async fn an_update_makes_these_calls() {
    let mut world = settled("app:1").await;
    let wish = world.commit(&[service("api", "app:2")]);
    world.settle(&wish).await;
    assert_eq!(compact(&world.take_calls()), [""]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_that_the_circuit_breaker_takes_back_makes_these_calls() {
    let mut world = settled("app:1").await;
    let wish = world.commit(&[service("api", "app:crash")]);
    world.settle(&wish).await;
    assert_eq!(compact(&world.take_calls()), [""]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_makes_these_calls() {
    let mut world = World::new().await;
    let good = world.commit(&[without_breaker("app:1")]);
    world.settle(&good).await;
    world.take_calls();
    let bad = world.commit(&[without_breaker("registry.invalid/app:2")]);
    world.settle(&bad).await;
    assert_eq!(compact(&world.take_calls()), [""]);
}

#[tokio::test(start_paused = true)]
async fn a_fix_during_a_rollout_makes_these_calls() {
    let mut world = settled("app:1").await;
    let bad = world.commit(&[service("api", "app:unhealthy-slow")]);
    let operator = world.operator().await;
    world.run_for(&operator, &bad, Duration::from_secs(30)).await;
    let fixed = world.commit(&[service("api", "app:2")]);
    world.settle_with(&operator, &fixed).await;
    assert_eq!(compact(&world.take_calls()), [""]);
}

#[tokio::test(start_paused = true)]
async fn a_corrected_drift_makes_these_calls() {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    world.settle(&wish).await;
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "desiredCount": 5})).await;
    world.take_calls();
    world.settle(&wish).await;
    assert_eq!(compact(&world.take_calls()), [""]);
}
