//! What goes wrong with a rollout, what is said about it, and what Git can do next.

use std::time::Duration;

use reconciler::controller::Next;
use reconciler::model::{Failure, Gate, ServiceKey};
use serde_json::json;

use super::story::{behind, without_breaker};
use crate::world::{Memory, World, mutating, service, service_with};

fn key(name: &str) -> ServiceKey {
    ServiceKey::new(name)
}

async fn world_with(manifest: String) -> World {
    let mut world = World::new().await;
    let wish = world.commit(&[manifest]);
    assert_eq!(world.settle(&wish).await[&key("api")], Next::Settled, "{}", world.told());
    world.take_calls();
    world
}

/// Applies what has to fail; answers why it did.
async fn fails(world: &mut World, manifest: String) -> Failure {
    let wish = world.commit(&[manifest]);
    let standing = world.settle(&wish).await;
    assert!(matches!(&standing[&key("api")], Next::Held(_)), "{}", world.told());
    let quarantine = world.record("api").quarantine.unwrap();
    assert_eq!(quarantine.digest, wish.services[&key("api")].digest);
    quarantine.failure
}

#[tokio::test(start_paused = true)]
async fn a_bad_service_does_not_delay_a_good_one() {
    let mut world = World::new().await;
    let alone = world.commit(&[service("web", "app:1")]);
    world.settle(&alone).await;
    let took = |service: &serde_json::Value| {
        let deployment = &service["deployments"][0];
        deployment["updatedAt"].as_f64().unwrap() - deployment["createdAt"].as_f64().unwrap()
    };
    let undisturbed = took(&world.service("web").await);

    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:crash"), service("web", "app:1")]);
    let started = world.now();
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(25)).await;
    assert_eq!(world.record("web").last_good.unwrap().task_definition.to_string(), "web:1");
    assert!(world.record("web").last_good.unwrap().completed_at.since(started) <= Duration::from_secs(20));
    assert!((took(&world.service("web").await) - undisturbed).abs() < 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_image_that_comes_up_within_the_deadline_is_waited_for() {
    let mut world = world_with(service("api", "app:1")).await;
    let slow = world.commit(&[service("api", "app:slow")]);
    assert_eq!(world.settle(&slow).await[&key("api")], Next::Settled, "{}", world.told());
    assert_eq!(world.runs("api").await, "api:2");
}

#[tokio::test(start_paused = true)]
async fn containers_that_are_killed_for_memory_are_said_to_be() {
    let mut world = world_with(service("api", "app:1")).await;
    let failure = fails(&mut world, service("api", "app:oom")).await;
    assert!(failure.likely_cause.contains("memory"), "{}", failure.likely_cause);
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_not_there_is_named() {
    let mut world = world_with(service("api", "app:1")).await;
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:absent-AbCdEf";
    let manifest = service("api", "app:2")
        .replace(
            "    cpu: 256",
            "    executionRoleArn: arn:aws:iam::123456789012:role/execution\n    cpu: 256",
        )
        .replace(
            "        environment:",
            &format!("        secrets: {{TOKEN: '{secret}'}}\n        environment:"),
        )
        // Otherwise the deployment would not begin.
        + "  sync: {secrets: ignore}\n";
    let failure = fails(&mut world, manifest).await;
    assert!(failure.likely_cause.contains("secrets"), "{}", failure.likely_cause);
    assert!(failure.likely_cause.contains("absent-AbCdEf"), "{}", failure.likely_cause);
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_the_load_balancers_check_is_rolled_back() {
    let mut world = World::new().await;
    let group = world.target_group("api");
    let good = world.commit(&[behind(&group, &service("api", "app:1"))]);
    assert_eq!(world.settle(&good).await[&key("api")], Next::Settled, "{}", world.told());
    let failure = fails(&mut world, behind(&group, &service("api", "app:unhealthy"))).await;
    assert!(failure.likely_cause.contains("health check"), "{}", failure.likely_cause);
    assert!(failure.likely_cause.contains("target group api"), "{}", failure.likely_cause);
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn with_on_failure_hold_the_failed_deployment_stays_as_evidence() {
    let hold = |image: &str| {
        without_breaker("api", image, "2m").replace("timeout: 2m", "timeout: 2m, onFailure: hold")
    };
    let mut world = world_with(hold("app:1")).await;
    let failure = fails(&mut world, hold("app:crash")).await;
    assert_eq!(failure.gate, Gate::Deadline);
    assert_eq!(mutating(&world.take_calls()), ["RegisterTaskDefinition", "UpdateService", "TagResource"]);
    assert_eq!(world.runs("api").await, "api:2");
    // The tasks of the good version go on working beside it.
    assert_eq!(world.service("api").await["deployments"][1]["runningCount"], 2);

    let fixed = world.commit(&[hold("app:3")]);
    assert_eq!(world.settle(&fixed).await[&key("api")], Next::Settled, "{}", world.told());
    assert_eq!(world.runs("api").await, "api:3");
}

#[tokio::test(start_paused = true)]
async fn a_revert_after_a_roll_back_changes_tags_and_starts_no_deployment() {
    let mut world = world_with(service("api", "app:1")).await;
    fails(&mut world, service("api", "app:crash")).await;
    world.take_calls();
    let reverted = world.commit(&[service("api", "app:1")]);
    assert_eq!(world.settle(&reverted).await[&key("api")], Next::Settled, "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["TagResource"]);
    assert!(world.record("api").quarantine.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_again_when_git_asks_for_it_after_something_else() {
    let mut world = world_with(service("api", "app:1")).await;
    fails(&mut world, service("api", "app:crash")).await;
    let reverted = world.commit(&[service("api", "app:1")]);
    world.settle(&reverted).await;
    world.take_calls();
    // Somebody asked for it once more, in a commit of its own: that is a request, not a repetition.
    fails(&mut world, service("api", "app:crash")).await;
    assert_eq!(mutating(&world.take_calls()), ["UpdateService", "TagResource"], "the revision is reused");
    assert_eq!(world.runs("api").await, "api:1");
    assert_eq!(world.revisions("api").await, ["api:1", "api:2"]);
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_is_asked_for_once() {
    let mut world = world_with(service("api", "app:1")).await;
    let group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/absent/0123456789abcdef";
    let failure = fails(&mut world, behind(group, &service("api", "app:2"))).await;
    assert_eq!(failure.gate, Gate::RefusedByAws);
    assert!(failure.likely_cause.contains("does not exist"), "{}", failure.likely_cause);
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn a_network_that_does_not_come_up_is_taken_back_with_its_revision() {
    // 150 percent of one task is one task: with all of them kept there is no room for a new one. How many
    // there are, the manifest does not say.
    let tight = |group: &str| {
        without_breaker("api", "app:1", "2m")
            .replace("    desiredCount: 2\n", "")
            .replace("sg-1", group)
            .replace("deploymentConfiguration:", "deploymentConfiguration:\n      maximumPercent: 150")
    };
    let mut world = world_with(tight("sg-1")).await;
    let failure = fails(&mut world, tight("sg-2")).await;
    assert!(failure.likely_cause.contains("leave no room"), "{}", failure.likely_cause);
    assert_eq!(mutating(&world.take_calls()), ["UpdateService", "TagResource", "StopServiceDeployment"]);
    let network = world.service("api").await["networkConfiguration"]["awsvpcConfiguration"].clone();
    assert_eq!(network["securityGroups"], json!(["sg-1"]), "{}", world.told());
}

/// What only the service revision that runs shows.
async fn monitoring(world: &World) -> serde_json::Value {
    let service = world.service("api").await;
    let revision = &service["currentServiceRevisions"][0]["arn"];
    let answer = world.ecs("DescribeServiceRevisions", json!({"serviceRevisionArns": [revision]})).await;
    let metrics = &answer["serviceRevisions"][0]["monitoring"]["metricConfigurations"];
    metrics
        .as_array()
        .map(|metrics| metrics.iter().map(|one| one["metricNames"][0].clone()).collect())
        .unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn what_only_a_service_revision_shows_is_taken_back_too() {
    // ECS does not go back by itself, and a deployment that it gave up can't be stopped.
    let measuring = |image: &str, metrics: &str| {
        let monitoring = format!("  service:\n    monitoring: {{metricConfigurations: [{metrics}]}}\n");
        let manifest = service("api", image).replace("rollback: true", "rollback: false");
        if metrics.is_empty() { manifest } else { manifest.replace("  service:\n", &monitoring) }
    };
    let (cpu, memory) = (
        "{metricNames: [CPUUtilization], resolutionSeconds: 20}",
        "{metricNames: [MemoryUtilization], resolutionSeconds: 60}",
    );
    for (good, bad, runs) in
        [(cpu, memory, json!(["CPUUtilization"])), (cpu, "", json!(["CPUUtilization"])), ("", cpu, json!([]))]
    {
        let mut world = world_with(measuring("app:1", good)).await;
        fails(&mut world, measuring("app:crash", bad)).await;
        assert_eq!(mutating(&world.take_calls())[3..], ["UpdateService"], "{}", world.told());
        assert_eq!(
            (world.runs("api").await, monitoring(&world).await),
            ("api:1".to_owned(), runs),
            "{good} {bad}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_of_a_scaled_service_keeps_the_count_that_scaling_chose() {
    let scaled = |image: &str| service_with("api", image, "  scaling: {minCapacity: 2, maxCapacity: 6}\n");
    let mut world = world_with(scaled("app:1")).await;
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "desiredCount": 4})).await;
    fails(&mut world, scaled("app:crash")).await;
    assert_eq!(world.runs("api").await, "api:1");
    assert_eq!(world.service("api").await["desiredCount"], 4);
}

/// Applies a second version to which something stands in the way that `comes_back` takes away, some time after
/// the first try was taken back.
async fn passes_by_itself(
    manifest: impl Fn(&str) -> String,
    stands: fn(&World),
    comes_back: fn(&World),
) -> World {
    let mut world = world_with(manifest("app:1")).await;
    let wish = world.commit(&[manifest("app:2")]);
    stands(&world);
    let operator = world.operator().await;
    while world.record("api").quarantine.is_none() {
        world.run_for(&operator, &wish, Duration::from_secs(5)).await;
    }
    world.run_for(&operator, &wish, Duration::from_secs(10)).await;
    let quarantine = world.record("api").quarantine.unwrap();
    assert!(quarantine.failure.transient, "{}", quarantine.failure.likely_cause);
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    let plan = world.plan_text(&wish, Memory::Ledger).await;
    assert!(plan.contains("tried again at") && plan.contains("1 of 5"), "{plan}");
    // The second try finds it still there, and waits twice as long.
    while world.record("api").quarantine.is_none_or(|it| it.again.is_none_or(|again| again.attempt < 2)) {
        world.run_for(&operator, &wish, Duration::from_secs(5)).await;
    }
    comes_back(&world);
    world.run_for(&operator, &wish, Duration::from_secs(600)).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
    assert!(world.record("api").quarantine.is_none(), "{}", world.told());
    world
}

#[tokio::test(start_paused = true)]
async fn want_of_capacity_is_waited_for_and_said_and_holds_nothing_for_ever() {
    let world = passes_by_itself(
        |image| without_breaker("api", image, "2m"),
        |world| {
            world.simulator.with_world(|account| account.ecs.capacity.insert("FARGATE".to_owned(), 2));
        },
        |world| {
            world.simulator.with_world(|account| account.ecs.capacity.clear());
        },
    )
    .await;
    insta::assert_snapshot!(world.told_since("app:2"), @r#"
    08:00:20  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:20  register   api:2
    08:00:20  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:25  progress   api 0 of 2 new tasks healthy
    08:02:20  failed     api:2 did not go through: no room to place a task: Capacity is unavailable at this time. Please try again later or in a different availability zone (gate: deadline)
    08:02:20  rollback   api -> api:1, the last that completed; the deployment is stopped
    08:02:20  progress   api our deployment does not show yet
    08:02:25  rollback   api runs api:1 again, 2 of 2 running, after 5 s
    08:02:25  report     api was not deployed in time with main@4c1f9e2. It runs api:1 again, 2 of 2 healthy.

                likely cause   no room to place a task: Capacity is unavailable at this time. Please try again later or in a different availability zone
                what changed   image "app:1" -> "app:2"
                ECS says       (service api) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.
                gate           deadline, 0 of 2 new tasks up after 2 m, 2027-01-15 08:02
                next           tried again at 2027-01-15 08:04, 1 of 5; to try now: `reconciler retry api`, or commit a change to service-0.yaml
    08:02:25  held       api@5054… tried again at 2027-01-15 08:04, 1 of 5; failed on 2027-01-15 08:02: no room to place a task: Capacity is unavailable at this time. Please try again later or in a different availability zone
    08:04:20  plan       api: new deployment (app image "app:1" -> "app:2")
    08:04:20  update     api -> api:2 · deployment ecs-svc/2564…
    08:04:20  progress   api 0 of 2 new tasks healthy
    08:06:20  failed     api:2 did not go through: no room to place a task: Capacity is unavailable at this time. Please try again later or in a different availability zone (gate: deadline)
    08:06:20  rollback   api -> api:1, the last that completed · deployment ecs-svc/4775…
    08:06:20  progress   api 0 of 2 new tasks healthy
    08:06:30  progress   api 2 of 2 new tasks healthy
    08:06:40  rollback   api runs api:1 again, 2 of 2 running, after 20 s
    08:06:40  report     api was not deployed in time with main@4c1f9e2. It runs api:1 again, 2 of 2 healthy.

                likely cause   no room to place a task: Capacity is unavailable at this time. Please try again later or in a different availability zone
                what changed   image "app:1" -> "app:2"
                ECS says       (service api) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.
                gate           deadline, 0 of 2 new tasks up after 2 m, 2027-01-15 08:06
                next           tried again at 2027-01-15 08:10, 2 of 5; to try now: `reconciler retry api`, or commit a change to service-0.yaml
    08:06:40  held       api@5054… tried again at 2027-01-15 08:10, 2 of 5; failed on 2027-01-15 08:06: no room to place a task: Capacity is unavailable at this time. Please try again later or in a different availability zone
    08:10:20  plan       api: new deployment (app image "app:1" -> "app:2")
    08:10:20  update     api -> api:2 · deployment ecs-svc/4741…
    08:10:25  progress   api 0 of 2 new tasks healthy
    08:10:30  progress   api 2 of 2 new tasks healthy
    08:10:40  settled    api runs api:2, 2 of 2 running, after 20 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_subnet_out_of_addresses_is_waited_for_and_holds_nothing_for_ever() {
    let world = passes_by_itself(
        |image| service("api", image),
        |world| {
            world.simulator.with_world(|account| account.ecs.full_subnets.insert("subnet-1".to_owned()));
        },
        |world| {
            world.simulator.with_world(|account| account.ecs.full_subnets.clear());
        },
    )
    .await;
    assert!(world.told().contains("the subnet has no free address"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_that_failed_is_stalled_and_says_why() {
    // With a circuit breaker ECS gives up; without one it goes on starting tasks for ever.
    for manifest in [service("api", "app:crash"), without_breaker("api", "app:crash", "1m")] {
        let mut world = World::new().await;
        let wish = world.commit(&[manifest]);
        assert!(matches!(&world.settle(&wish).await[&key("api")], Next::Held(_)), "{}", world.told());
        for _ in 0..12 {
            let status = world.status(&wish).await;
            assert!(status.contains("1 service: 1 stalled"), "{status}");
            assert!(status.contains("likely cause") && status.contains("reconciler retry api"), "{status}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
