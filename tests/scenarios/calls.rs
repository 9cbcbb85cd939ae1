//! The exact calls of the main stories, reads included: what a service costs of AWS's budget.

use std::time::Duration;

use serde_json::json;

use super::story::without_breaker;
use crate::world::{World, compact, mutating, service};

async fn settled(image: &str) -> World {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", image)]);
    world.settle(&wish).await;
    world.take_calls();
    world
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_makes_these_calls() {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    world.settle(&wish).await;
    assert_eq!(
        compact(&world.take_calls()),
        [
            "DescribeServices",
            "ListTaskDefinitions",
            "RegisterTaskDefinition",
            "CreateService",
            "DescribeServices x4"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_makes_these_calls() {
    let mut world = settled("app:1").await;
    let wish = world.commit(&[service("api", "app:2")]);
    world.settle(&wish).await;
    assert_eq!(
        compact(&world.take_calls()),
        [
            "DescribeServices",
            "DescribeScalableTargets",
            "DescribeTaskDefinition",
            "ListTaskDefinitions",
            "DescribeServiceRevisions",
            "RegisterTaskDefinition",
            "UpdateService",
            "TagResource",
            "DescribeServices x4"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_that_the_circuit_breaker_takes_back_makes_these_calls() {
    let mut world = settled("app:1").await;
    let wish = world.commit(&[service("api", "app:crash")]);
    world.settle(&wish).await;
    assert_eq!(
        compact(&world.take_calls()),
        [
            "DescribeServices",
            "DescribeScalableTargets",
            "DescribeTaskDefinition",
            "ListTaskDefinitions",
            "DescribeServiceRevisions",
            "RegisterTaskDefinition",
            "UpdateService",
            "TagResource",
            "DescribeServices x2",
            // Tasks fail, and the revision tells where their logs are.
            "ListTasks",
            "DescribeTasks",
            "DescribeTaskDefinition",
            "DescribeServices x2",
            "ListServiceDeployments",
            "ListTasks",
            "DescribeTasks",
            "DescribeServices",
            "ListServiceDeployments"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_makes_these_calls() {
    let mut world = World::new().await;
    let good = world.commit(&[without_breaker("api", "app:1", "5m")]);
    world.settle(&good).await;
    world.take_calls();
    let bad = world.commit(&[without_breaker("api", "registry.invalid/app:2", "5m")]);
    world.settle(&bad).await;
    let calls = world.take_calls();
    assert_eq!(
        mutating(&calls),
        ["RegisterTaskDefinition", "UpdateService", "TagResource", "StopServiceDeployment"]
    );
    let count = |operation: &str| calls.iter().filter(|call| *call == operation).count();
    // Five minutes, a look every five seconds.
    assert_eq!(count("DescribeServices"), 62);
    // Read when another task failed, and at each look of the last minute.
    assert_eq!((count("ListTasks"), count("DescribeTasks")), (22, 22));
    assert_eq!(count("ListServiceDeployments"), 14);
}

#[tokio::test(start_paused = true)]
async fn a_fix_during_a_rollout_makes_these_calls() {
    let mut world = settled("app:1").await;
    let bad = world.commit(&[service("api", "app:unhealthy-slow")]);
    let operator = world.operator().await;
    world.run_for(&operator, &bad, Duration::from_secs(30)).await;
    let fixed = world.commit(&[service("api", "app:2")]);
    world.settle_with(&operator, &fixed).await;
    assert_eq!(
        compact(&world.take_calls()),
        [
            "DescribeServices",
            "DescribeScalableTargets",
            "DescribeTaskDefinition",
            "ListTaskDefinitions",
            "DescribeServiceRevisions",
            "RegisterTaskDefinition",
            "UpdateService",
            "TagResource",
            "DescribeServices x7",
            "DescribeScalableTargets",
            "DescribeTaskDefinition",
            "ListTaskDefinitions",
            "ListServiceDeployments",
            "DescribeServiceRevisions",
            "RegisterTaskDefinition",
            "UpdateService",
            "TagResource",
            "DescribeServices x4"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_corrected_drift_makes_these_calls() {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    world.settle(&wish).await;
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "desiredCount": 5})).await;
    world.take_calls();
    world.settle(&wish).await;
    assert_eq!(
        compact(&world.take_calls()),
        ["DescribeServices", "DescribeScalableTargets", "UpdateService", "DescribeServices"]
    );
}
