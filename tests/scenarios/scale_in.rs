//! Bounds across the count: what AWS does at once is told before, and nothing is stopped during a deployment.

use std::time::Duration;

use reconciler::controller::{Next, Wish};
use reconciler::model::ServiceKey;
use reconciler::report::plan_json;
use serde_json::json;

use super::story::scaled;
use crate::world::{Memory, World, mutating, service_with};

const MINUTE: Duration = Duration::from_secs(60);

fn between(image: &str, minimum: u32, maximum: u32) -> String {
    service_with("api", image, &format!("  scaling: {{minCapacity: {minimum}, maxCapacity: {maximum}}}\n"))
}

/// A service with bounds of 2 and 10, and so many tasks, as scaling would have it.
async fn running(tasks: u32) -> World {
    let mut world = World::new().await;
    let wish = world.commit(&[between("app:1", 2, 10)]);
    settle(&world, &wish).await;
    load(&world, tasks).await;
    world
}

/// Application Auto Scaling gives it so many tasks.
async fn load(world: &World, tasks: u32) {
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "desiredCount": tasks})).await;
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(world.service("api").await["runningCount"], tasks);
    world.take_calls();
}

async fn settle(world: &World, wish: &Wish) -> Vec<String> {
    assert_eq!(world.settle(wish).await[&ServiceKey::new("api")], Next::Settled, "{}", world.told());
    mutating(&world.take_calls())
}

/// Somebody starts a deployment of the same revision, which takes a while.
async fn deploy_by_hand(world: &World) {
    let forced = json!({"cluster": "jobs", "service": "api", "forceNewDeployment": true});
    world.ecs("UpdateService", forced).await;
    world.take_calls();
}

async fn is_deploying(world: &World) -> bool {
    world.service("api").await["deployments"][0]["rolloutState"] == "IN_PROGRESS"
}

#[tokio::test(start_paused = true)]
async fn a_minimum_above_the_count_says_how_many_tasks_start_at_once() {
    let mut world = running(2).await;
    let wish = world.commit(&[between("app:1", 4, 10)]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 6 calls

    ~ api           in place, no deployment
        scaling.minCapacity  2 -> 4  service-0.yaml:21 · changed between 4c1f9e1 and 4c1f9e2
        at once: 2 tasks start, because minCapacity 4 is above the 2 that run
        will: register scalable target, tag service

    1 to change.
    "#);
    let plan = plan_json(&world.plan(&wish, Memory::Ledger).await);
    let at_once = &plan["steps"][0]["atOnce"];
    assert_eq!((&at_once["from"], &at_once["to"]), (&json!(2), &json!(4)));
    assert_eq!(at_once["message"], "at once: 2 tasks start, because minCapacity 4 is above the 2 that run");
    assert_eq!(settle(&world, &wish).await, ["RegisterScalableTarget", "TagResource"]);
    assert_eq!(world.service("api").await["desiredCount"], 4);
    assert!(world.told().contains("; 2 tasks start at once"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_maximum_below_the_count_says_how_many_tasks_stop_at_once_and_which() {
    let mut world = running(6).await;
    let wish = world.commit(&[between("app:1", 2, 3)]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 6 calls

    ~ api           in place, no deployment
        scaling.maxCapacity  10 -> 3  service-0.yaml:21 · changed between 4c1f9e1 and 4c1f9e2
        at once: 3 tasks stop, because maxCapacity 3 is below the 6 that run
        which: ECS chooses, evenly over Availability Zones; a task that is protected from scaling in stays until its protection ends
        will: register scalable target, tag service

    1 to change.
    "#);
    assert_eq!(settle(&world, &wish).await, ["RegisterScalableTarget", "TagResource"]);
    assert_eq!(world.service("api").await["desiredCount"], 3);
    // Bounds around the count move nothing.
    let wish = world.commit(&[between("app:1", 1, 8)]);
    let text = world.plan_text(&wish, Memory::Ledger).await;
    assert!(!text.contains("at once"), "{text}");
    assert!(plan_json(&world.plan(&wish, Memory::Ledger).await)["steps"][0].get("atOnce").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_maximum_that_would_stop_tasks_waits_for_the_deployment_of_somebody_else() {
    let mut world = running(6).await;
    deploy_by_hand(&world).await;
    let wish = world.commit(&[between("app:1", 2, 3)]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 6 calls

    ! api           held: it would stop 3 of 6 tasks while ecs-svc/8571913878924461484 is under way
        scaling.maxCapacity  10 -> 3  service-0.yaml:21 · changed between 4c1f9e1 and 4c1f9e2
        it is done when that has ended

    1 held.
    "#);
    let operator = world.operator().await;
    while is_deploying(&world).await {
        assert_eq!(world.service("api").await["desiredCount"], 6, "{}", world.told());
        world.run_for(&operator, &wish, Duration::from_secs(2)).await;
    }
    drop(operator);
    settle(&world, &wish).await;
    assert_eq!(world.service("api").await["desiredCount"], 3);
    assert_eq!(world.bounds("api").await, Some((2, 3)));
    let told = world.told();
    assert!(told.contains("it would stop 3 of 6 tasks while ecs-svc/"), "{told}");
    assert!(told.contains("; 3 tasks stop at once"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_deploys_and_lowers_the_maximum_stops_tasks_only_when_its_deployment_is_good() {
    let mut world = running(6).await;
    let wish = world.commit(&[between("app:2", 2, 3)]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 7 calls

    ~ api           new revision, starts a deployment
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:2"  service-0.yaml:12 · changed between 4c1f9e1 and 4c1f9e2
        will: register api, update service, tag service, watch for up to 15 m
        on failure: back to the last revision that completed
        scaling.maxCapacity  10 for now, Git's 3 waits: it would stop 3 of 6 tasks during the deployment, and is put after it

    1 to change.
    "#);
    let calls = settle(&world, &wish).await;
    let expected = ["RegisterTaskDefinition", "UpdateService", "TagResource", "RegisterScalableTarget"];
    assert_eq!(calls, expected, "{}", world.told());
    let told = world.told();
    assert!(
        told.find("settled    api runs api:2").unwrap() < told.rfind("; 3 tasks stop at once").unwrap(),
        "{told}"
    );
    assert!(!world.told().contains("behind our back"), "{}", world.told());
    assert_eq!(settle(&world, &wish).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_maximum_that_waited_is_never_lowered_where_its_deployment_fails() {
    let mut world = running(6).await;
    let wish = world.commit(&[between("app:crash", 2, 3)]);
    let standing = world.settle(&wish).await;
    assert!(matches!(standing[&ServiceKey::new("api")], Next::Held(_)), "{}", world.told());
    assert_eq!(world.bounds("api").await, Some((2, 10)));
    assert_eq!(world.service("api").await["desiredCount"], 6);
    assert!(!mutating(&world.take_calls()).contains(&"RegisterScalableTarget".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_lowers_the_maximum_only_when_its_deployment_has_ended() {
    let by_us = |manifest: String| {
        manifest.replace(
            "deploymentCircuitBreaker: {enable: true, rollback: true}",
            "deploymentCircuitBreaker: {enable: true, rollback: false}",
        )
    };
    let mut world = World::new().await;
    let good = world.commit(&[by_us(between("app:1", 2, 4))]);
    settle(&world, &good).await;
    let bad = world.commit(&[by_us(between("app:crash", 2, 8))]);
    let operator = world.operator().await;
    world.run_for(&operator, &bad, Duration::from_secs(8)).await;
    assert_eq!(world.bounds("api").await, Some((2, 8)), "{}", world.told());
    // Load comes while the bad version is being deployed.
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "desiredCount": 6})).await;
    world.take_calls();
    let standing = world.settle_with(&operator, &bad).await;
    assert!(matches!(standing[&ServiceKey::new("api")], Next::Held(_)), "{}", world.told());
    assert_eq!(
        mutating(&world.take_calls()),
        ["UpdateService", "RegisterScalableTarget"],
        "{}",
        world.told()
    );
    assert_eq!(world.bounds("api").await, Some((2, 4)));
    let told = world.told();
    let (back, lowered) = (told.find("  rollback   api").unwrap(), told.rfind("  scale ").unwrap());
    assert!(back < lowered, "{told}");
}

#[tokio::test(start_paused = true)]
async fn an_override_that_ends_during_a_deployment_takes_no_task_before_it_has_ended() {
    let mut world = running(2).await;
    let wish = world.commit(&[between("app:1", 2, 4)]);
    settle(&world, &wish).await;
    world.tag("api", "reconciler/scaling-override", "min=2 max=8 until=2027-01-15T09:00:00Z").await;
    world.scaling("RegisterScalableTarget", "api", json!({"MinCapacity": 2, "MaxCapacity": 8})).await;
    load(&world, 7).await;
    let until_nine = 3600_u64.saturating_sub((world.now().0 as u64 / 1000) % 3600);
    tokio::time::sleep(Duration::from_secs(until_nine)).await;
    deploy_by_hand(&world).await;
    let operator = world.operator().await;
    while is_deploying(&world).await {
        let tags = world.service("api").await["tags"].to_string();
        assert!(
            world.bounds("api").await == Some((2, 8)) && tags.contains("scaling-override"),
            "{}",
            world.told()
        );
        world.run_for(&operator, &wish, Duration::from_secs(2)).await;
    }
    drop(operator);
    assert_eq!(settle(&world, &wish).await.last().map(String::as_str), Some("UntagResource"));
    assert_eq!(world.bounds("api").await, Some((2, 4)));
}

#[tokio::test(start_paused = true)]
async fn scaling_that_leaves_git_takes_no_task_during_a_deployment() {
    let mut world = World::new().await;
    let prune = "  sync: {prune: true}\n";
    let wish = world.commit(&[scaled("api", "app:1") + prune]);
    settle(&world, &wish).await;
    load(&world, 5).await;
    let wish = world.commit(&[service_with("api", "app:2", prune)]);
    let calls = settle(&world, &wish).await;
    let expected = [
        "RegisterTaskDefinition",
        "UpdateService",
        "TagResource",
        "UpdateService",
        "DeregisterScalableTarget",
    ];
    assert_eq!(calls, expected, "{}", world.told());
    assert_eq!(world.service("api").await["desiredCount"], 2);
}
