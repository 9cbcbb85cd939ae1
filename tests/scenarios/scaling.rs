//! Application Auto Scaling: targets, policies and bounds are as Git wants them.

use reconciler::controller::{Next, Wish};
use reconciler::model::ServiceKey;
use serde_json::json;

use super::story::scaled;
use crate::world::{Memory, World, mutating, service};

const NONE: [&str; 0] = [];

async fn settled() -> (World, Wish) {
    let mut world = World::new().await;
    let wish = world.commit(&[scaled("api", "app:1")]);
    world.settle(&wish).await;
    world.take_calls();
    (world, wish)
}

async fn settle(world: &World, wish: &Wish) -> Vec<String> {
    assert_eq!(world.settle(wish).await[&ServiceKey::new("api")], Next::Settled, "{}", world.told());
    mutating(&world.take_calls())
}

#[tokio::test(start_paused = true)]
async fn a_service_is_created_with_its_target_policies_and_scheduled_actions() {
    let mut world = World::new().await;
    let wish = world.commit(&[scaled("api", "app:1")]);
    let calls = settle(&world, &wish).await;
    let expected = [
        "RegisterTaskDefinition",
        "CreateService",
        "RegisterScalableTarget",
        "PutScalingPolicy",
        "PutScheduledAction",
    ];
    assert_eq!(calls, expected);
    assert_eq!(world.bounds("api").await, Some((2, 6)));
}

#[tokio::test(start_paused = true)]
async fn scaling_that_git_adds_later_needs_no_deployment() {
    let mut world = World::new().await;
    let plain = world.commit(&[service("api", "app:1")]);
    settle(&world, &plain).await;
    let wish = world.commit(&[scaled("api", "app:1")]);
    let calls = settle(&world, &wish).await;
    let expected = ["RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction", "TagResource"];
    assert_eq!(calls, expected);
}

#[tokio::test(start_paused = true)]
async fn a_missing_scalable_target_is_registered_with_its_policies() {
    let (world, wish) = settled().await;
    world.scaling("DeregisterScalableTarget", "api", json!({})).await;
    assert_eq!(world.bounds("api").await, None);
    world.take_calls();
    let calls = settle(&world, &wish).await;
    assert_eq!(calls, ["RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction"]);
    assert_eq!(world.bounds("api").await, Some((2, 6)));
}

#[tokio::test(start_paused = true)]
async fn a_scaling_policy_changed_by_hand_is_set_back() {
    let (world, wish) = settled().await;
    let by_hand = json!({
        "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 90,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        },
    });
    world.scaling("PutScalingPolicy", "api", by_hand).await;
    world.take_calls();
    assert_eq!(settle(&world, &wish).await, ["PutScalingPolicy"]);
    let policies = world.scaling("DescribeScalingPolicies", "api", json!({})).await;
    let configuration = &policies["ScalingPolicies"][0]["TargetTrackingScalingPolicyConfiguration"];
    assert_eq!(configuration["TargetValue"].as_f64(), Some(60.0));
    assert!(world.told().contains("drift"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn new_bounds_pull_the_count_into_them_without_a_deployment() {
    let (mut world, _) = settled().await;
    let wider = scaled("api", "app:1").replace("minCapacity: 2", "minCapacity: 3");
    let wish = world.commit(&[wider]);
    assert_eq!(settle(&world, &wish).await, ["RegisterScalableTarget", "TagResource"]);
    assert_eq!(world.bounds("api").await, Some((3, 6)));
    assert_eq!(world.service("api").await["desiredCount"], 3);
    assert_eq!(settle(&world, &wish).await, NONE);
}

/// A night that begins a minute after the world does.
fn by_night(image: &str) -> String {
    scaled("api", image).replace("cron(0 22 * * ? *)", "cron(1 8 * * ? *)")
}

#[tokio::test(start_paused = true)]
async fn bounds_that_gits_own_scheduled_action_sets_are_left_alone() {
    let mut world = World::new().await;
    let wish = world.commit(&[by_night("app:1")]);
    settle(&world, &wish).await;
    assert_eq!(world.bounds("api").await, Some((2, 6)));
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    assert_eq!(world.bounds("api").await, Some((2, 2)));

    assert_eq!(settle(&world, &wish).await, NONE);
    for memory in [Memory::Ledger, Memory::Nothing] {
        let text = world.plan_text(&wish, memory).await;
        let line = "scaling.maxCapacity  2 for now, Git's 6 waits: the scheduled action `night` sets it";
        assert!(text.contains(line) && text.contains("Nothing to do"), "{text}");
    }
    // A release at night leaves the night as it is.
    let release = world.commit(&[by_night("app:2")]);
    let calls = settle(&world, &release).await;
    assert_eq!(calls, ["RegisterTaskDefinition", "UpdateService", "TagResource"]);
    assert_eq!(world.bounds("api").await, Some((2, 2)));
    // Bounds that Git changes do not wait for the morning.
    let wider = by_night("app:2").replace("minCapacity: 2", "minCapacity: 3");
    let wish = world.commit(&[wider]);
    assert_eq!(settle(&world, &wish).await, ["RegisterScalableTarget", "TagResource"]);
    assert_eq!(world.bounds("api").await, Some((3, 6)));
}

#[tokio::test(start_paused = true)]
async fn the_bounds_of_a_scheduled_action_stay_when_something_else_of_the_target_changes() {
    let mut world = World::new().await;
    let wish = world.commit(&[by_night("app:1")]);
    settle(&world, &wish).await;
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    let suspended = "    suspendedState: {DynamicScalingInSuspended: true}\n    policies:";
    let wish = world.commit(&[by_night("app:1").replacen("    policies:", suspended, 1)]);
    assert_eq!(settle(&world, &wish).await, ["RegisterScalableTarget", "TagResource"]);
    assert_eq!(world.bounds("api").await, Some((2, 2)));
    assert_eq!(settle(&world, &wish).await, NONE, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn bounds_that_no_scheduled_action_sets_are_set_back() {
    let (world, wish) = settled().await;
    world.scaling("RegisterScalableTarget", "api", json!({"MinCapacity": 1, "MaxCapacity": 9})).await;
    world.take_calls();
    assert_eq!(settle(&world, &wish).await, ["RegisterScalableTarget"]);
    assert_eq!(world.bounds("api").await, Some((2, 6)));
}

#[tokio::test(start_paused = true)]
async fn bounds_go_back_to_gits_when_their_scheduled_action_leaves_git() {
    let mut world = World::new().await;
    let wish = world.commit(&[by_night("app:1")]);
    settle(&world, &wish).await;
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    let manifest = by_night("app:1");
    let (without, _) = manifest.split_once("    scheduledActions:").unwrap();
    let wish = world.commit(&[without.to_owned()]);
    settle(&world, &wish).await;
    assert_eq!(world.bounds("api").await, Some((2, 6)));
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_action_in_the_past_is_told_with_its_place_and_not_put() {
    let mut world = World::new().await;
    let past = scaled("api", "app:1").replace("cron(0 22 * * ? *)", "at(2026-12-24T18:00:00)");
    let wish = world.commit(&[past]);
    let calls = settle(&world, &wish).await;
    assert_eq!(
        calls,
        ["RegisterTaskDefinition", "CreateService", "RegisterScalableTarget", "PutScalingPolicy"]
    );
    let text = world.plan_text(&wish, Memory::Ledger).await;
    let line = "scaling.scheduledActions[night]  its only moment, at(2026-12-24T18:00:00), has passed, and it does \
                nothing; write a later time, or take it out  service-0.yaml:3";
    assert!(text.contains(line) && text.contains("Nothing to do"), "{text}");
}
