//! `rollout.gates` beside BLUE_GREEN, LINEAR and CANARY: what they judge is green, and blue comes back.

use std::time::Duration;

use reconciler::controller::{Next, Wish};
use reconciler::model::{Failure, Gate, ServiceKey};
use simulator::runtime::scripted::{Exit, Script};

use super::pair::Pair;
use crate::world::web::Page;
use crate::world::{World, mutating};

const BLUE_GREEN: &str = "strategy: BLUE_GREEN\nbakeTimeInMinutes: 1";
const CANARY: &str = "strategy: CANARY\ncanaryConfiguration: {canaryPercent: 10, canaryBakeTimeInMinutes: 5}";

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn gated(pair: &Pair, image: &str, strategy: &str, gates: &str) -> String {
    pair.manifest("ix", image, strategy)
        .replace("rollout: {timeout: 2m}", &format!("rollout: {{timeout: 2m, gates: [{gates}]}}"))
        .replace(
            &format!("image: {image}\n"),
            &format!(
                "image: {image}\n        healthCheck: {{command: [CMD, 'true'], interval: 5, retries: 2}}\n"
            ),
        )
}

/// `ix` runs `app:1`, judged by these gates.
async fn first(strategy: &str, gates: &str) -> (World, Pair) {
    let mut world = World::new().await;
    let pair = Pair::of(&world);
    settles(&mut world, gated(&pair, "app:1", strategy, gates)).await;
    (world, pair)
}

async fn settles(world: &mut World, manifest: String) -> Wish {
    let wish = world.commit(&[manifest]);
    assert_eq!(world.settle(&wish).await[&ServiceKey::new("ix")], Next::Settled, "{}", world.told());
    world.take_calls();
    wish
}

/// Applies what has to fail, with `meanwhile` going on beside it.
async fn fails(world: &mut World, manifest: String, meanwhile: impl AsyncFnOnce(&World)) -> Failure {
    let wish = world.commit(&[manifest]);
    let (standing, ()) = tokio::join!(world.settle(&wish), meanwhile(world));
    assert!(matches!(&standing[&ServiceKey::new("ix")], Next::Held(_)), "{}", world.told());
    let quarantine = world.record("ix").quarantine.unwrap();
    assert_eq!(quarantine.digest, wish.services[&ServiceKey::new("ix")].digest);
    assert_eq!(world.runs("ix").await, "ix:1", "{}", world.told());
    quarantine.failure
}

async fn nothing(_: &World) {}

#[tokio::test(start_paused = true)]
async fn gates_judge_the_targets_and_tasks_of_green_whichever_group_it_has() {
    let gates = "{targetHealth: {minimumHealthyTime: 30s}}, {containerHealth: {minimumHealthyTime: 20s}}, \
                 {http: {url: 'http://api.example/', for: 20s}}, {bakeTime: 40s}";
    let (mut world, pair) = first(BLUE_GREEN, gates).await;
    settles(&mut world, gated(&pair, "app:2", BLUE_GREEN, gates)).await;
    assert_eq!(pair.weights(&world), (0, 100));
    insta::assert_snapshot!(world.told_since("app:2"), @r#"
    08:01:13  plan       ix: new revision (app image "app:1" -> "app:2")
    08:01:13  register   ix:2
    08:01:13  update     ix -> ix:2 · deployment ecs-svc/8313…
    08:01:18  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:01:28  progress   ix green 2 of 2 healthy · 0 % of production traffic
    08:01:33  progress   ix green 2 of 2 healthy · 100 % of test traffic, none of production
    08:01:43  progress   ix green 2 of 2 healthy · 100 % of production traffic
    08:01:48  progress   ix green 2 of 2 healthy · 100 % of production traffic · bakes until 08:02
    08:02:48  progress   ix green 2 of 2 healthy · 100 % of production traffic · blue is stopped
    08:02:53  progress   ix:2 is up; all targets are healthy, and have to stay so until 08:03:23; all tasks are healthy, and have to stay so until 08:03:13; GET http://api.example/ answers, checked until 08:03:33; bakes until 08:03:33
    08:03:13  progress   ix:2 is up; all targets are healthy, and have to stay so until 08:03:23; GET http://api.example/ answers, checked until 08:03:33; bakes until 08:03:33
    08:03:23  progress   ix:2 is up; GET http://api.example/ answers, checked until 08:03:33; bakes until 08:03:33
    08:03:33  settled    ix runs ix:2, 2 of 2 running, after 140 s
    "#);
    settles(&mut world, gated(&pair, "app:3", BLUE_GREEN, gates)).await;
    assert_eq!((pair.weights(&world), world.runs("ix").await), ((100, 0), "ix:3".to_owned()));
    assert_eq!(world.record("ix").last_good.unwrap().task_definition.to_string(), "ix:3");
}

#[tokio::test(start_paused = true)]
async fn green_whose_targets_fall_ill_after_the_shift_is_taken_back() {
    let gates = "{targetHealth: {minimumHealthyTime: 3m}}";
    let (mut world, pair) = first(BLUE_GREEN, gates).await;
    let ill = Script { unhealthy_after: Some(seconds(150)), ..Script::default() };
    world.runtime.set_script("app:2", ill);
    let failure = fails(&mut world, gated(&pair, "app:2", BLUE_GREEN, gates), nothing).await;
    assert_eq!(failure.gate, Gate::TargetHealth, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn an_alarm_gives_blue_its_traffic_back_while_the_canary_has_a_part_of_it() {
    let gates = "{alarms: {names: [ix-errors]}}";
    let mut world = World::new().await;
    world.alarm("ix-errors", "OK");
    let pair = Pair::of(&world);
    settles(&mut world, gated(&pair, "app:1", CANARY, gates)).await;
    let failure = fails(&mut world, gated(&pair, "app:2", CANARY, gates), async |world: &World| {
        while pair.weights(world) != (90, 10) {
            tokio::time::sleep(seconds(5)).await;
        }
        world.alarm("ix-errors", "ALARM");
    })
    .await;
    assert_eq!(failure.gate, Gate::Alarms);
    assert_eq!(pair.weights(&world), (100, 0));
    let calls = mutating(&world.take_calls());
    assert!(calls.contains(&"StopServiceDeployment".to_owned()), "{calls:?}");
    insta::assert_snapshot!(world.told_since("app:2"), @r#"
    08:00:35  plan       ix: new revision (app image "app:1" -> "app:2")
    08:00:35  register   ix:2
    08:00:35  update     ix -> ix:2 · deployment ecs-svc/8313…
    08:00:40  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:00:50  progress   ix green 2 of 2 healthy · 0 % of production traffic
    08:00:55  progress   ix green 2 of 2 healthy · 100 % of test traffic, none of production
    08:01:05  progress   ix green 2 of 2 healthy · 10 % of production traffic · next step at 08:06
    08:01:10  failed     ix:2 did not pass: alarm ix-errors is in ALARM, 30 s after the deployment began: Threshold Crossed: 1 datapoint [12.0] was greater than the threshold (5.0) (gate: alarms)
    08:01:10  rollback   ix -> ix:1, the last that completed; the deployment is stopped
    08:01:15  progress   ix 2 of 2 new tasks healthy
    08:01:20  rollback   ix runs ix:1 again, 2 of 2 running, after 10 s
    08:01:20  report     ix did not pass the gate `alarms` with main@4c1f9e2. It runs ix:1 again, 2 of 2 healthy.

                likely cause   alarm ix-errors is in ALARM, 30 s after the deployment began: Threshold Crossed: 1 datapoint [12.0] was greater than the threshold (5.0)
                what changed   image "app:1" -> "app:2"
                gate           alarms, 2027-01-15 08:01
                next           commit a change to service-0.yaml, or `reconciler retry ix`
    08:01:20  held       ix@b2df… until Git changes it; failed on 2027-01-15 08:01: alarm ix-errors is in ALARM, 30 s after the deployment began: Threshold Crossed: 1 datapoint [12.0] was greater than the threshold (5.0)
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_takes_a_deployment_back_that_waits_for_a_person() {
    let gates = "{alarms: {names: [ix-errors]}}";
    let mut world = World::new().await;
    world.alarm("ix-errors", "OK");
    let pair = Pair::of(&world);
    settles(&mut world, gated(&pair, "app:1", BLUE_GREEN, gates)).await;
    let paused = format!(
        "{BLUE_GREEN}\nlifecycleHooks: [{{targetType: PAUSE, lifecycleStages: [POST_SCALE_UP], \
         timeoutConfiguration: {{timeoutInMinutes: 30}}}}]"
    );
    let failure = fails(&mut world, gated(&pair, "app:2", &paused, gates), async |world: &World| {
        while !world.told().contains("waits for a person") {
            tokio::time::sleep(seconds(5)).await;
        }
        world.alarm("ix-errors", "ALARM");
    })
    .await;
    assert_eq!(failure.gate, Gate::Alarms);
    assert_eq!(pair.weights(&world), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_gate_refuses_after_the_shift_goes_back_by_a_deployment_of_its_own() {
    let (mut world, pair) = first(BLUE_GREEN, "{bakeTime: 10s}").await;
    world.web.set("api.example", Page::of(500, ""));
    let gates = "{http: {url: 'http://api.example/', for: 20s}}";
    let failure = fails(&mut world, gated(&pair, "app:2", BLUE_GREEN, gates), nothing).await;
    assert_eq!(failure.gate, Gate::Http);
    assert_eq!(pair.weights(&world), (100, 0), "blue's group again");
    insta::assert_snapshot!(world.told_since("app:2"), @r#"
    08:00:43  plan       ix: new revision (app image "app:1" -> "app:2")
    08:00:43  register   ix:2
    08:00:43  update     ix -> ix:2 · deployment ecs-svc/8313…
    08:00:48  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:00:58  progress   ix green 2 of 2 healthy · 0 % of production traffic
    08:01:03  progress   ix green 2 of 2 healthy · 100 % of test traffic, none of production
    08:01:13  progress   ix green 2 of 2 healthy · 100 % of production traffic
    08:01:18  progress   ix green 2 of 2 healthy · 100 % of production traffic · bakes until 08:02
    08:02:18  progress   ix green 2 of 2 healthy · 100 % of production traffic · blue is stopped
    08:02:23  progress   ix:2 is up; GET http://api.example/: status 500, and 200 is wanted, 1 of 3 failures
    08:02:33  progress   ix:2 is up; GET http://api.example/: status 500, and 200 is wanted, 2 of 3 failures
    08:02:44  failed     ix:2 did not pass: GET http://api.example/: status 500, and 200 is wanted; 3 checks failed one after the other (gate: HTTP check)
    08:02:44  rollback   ix -> ix:1, the last that completed · deployment ecs-svc/7073…
    08:02:49  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:02:59  progress   ix green 2 of 2 healthy · 0 % of production traffic
    08:03:04  progress   ix green 2 of 2 healthy · 100 % of test traffic, none of production
    08:03:14  progress   ix green 2 of 2 healthy · 100 % of production traffic
    08:03:19  progress   ix green 2 of 2 healthy · 100 % of production traffic · bakes until 08:04
    08:04:19  progress   ix green 2 of 2 healthy · 100 % of production traffic · blue is stopped
    08:04:24  rollback   ix runs ix:1 again, 2 of 2 running, after 100 s
    08:04:24  report     ix did not pass the gate `http` with main@4c1f9e2. It runs ix:1 again, 2 of 2 healthy.

                likely cause   GET http://api.example/: status 500, and 200 is wanted; 3 checks failed one after the other
                what changed   image "app:1" -> "app:2"
                gate           HTTP check, 2027-01-15 08:02
                next           commit a change to service-0.yaml, or `reconciler retry ix`
    08:04:24  held       ix@4086… until Git changes it; failed on 2027-01-15 08:02: GET http://api.example/: status 500, and 200 is wanted; 3 checks failed one after the other
    "#);
}

#[tokio::test(start_paused = true)]
async fn bake_time_of_ours_begins_when_that_of_ecs_is_over() {
    let (mut world, pair) = first(BLUE_GREEN, "{bakeTime: 10s}").await;
    let leak = Exit { after: seconds(140), code: 1, reason: None, last_line: "gone".to_owned() };
    world.runtime.set_script("app:2", Script { exits: Some(leak), ..Script::default() });
    let failure = fails(&mut world, gated(&pair, "app:2", BLUE_GREEN, "{bakeTime: 5m}"), nothing).await;
    assert_eq!(failure.gate, Gate::BakeTime, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn containers_of_green_that_fall_ill_after_the_shift_take_it_back() {
    let gates = "{containerHealth: {minimumHealthyTime: 2m}}";
    let (mut world, pair) = first(BLUE_GREEN, gates).await;
    let ill = Script { unhealthy_after: Some(seconds(100)), ..Script::default() };
    world.runtime.set_script("app:2", ill);
    let failure = fails(&mut world, gated(&pair, "app:2", BLUE_GREEN, gates), nothing).await;
    assert_eq!(failure.gate, Gate::ContainerHealth, "{}", world.told());
}
