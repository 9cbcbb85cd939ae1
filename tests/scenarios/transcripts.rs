//! What people read: the journal on a terminal, the plan and the status, word by word.

use serde_json::json;
use std::collections::BTreeMap;

use reconciler::controller::Wish;
use reconciler::report::Colour;
use reconciler::report::status::{Show, StatusTextOptions, fold, status_text};

use crate::world::{Memory, World, service};

async fn settled(image: &str) -> (World, Wish) {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", image)]);
    world.settle(&wish).await;
    (world, wish)
}

/// The journal since the line that mentions `from`.
fn since(world: &World, from: &str) -> String {
    let told = world.told();
    let start = told.find(from).unwrap_or_else(|| panic!("no {from:?} in\n{told}"));
    let start = told[..start].rfind('\n').map_or(0, |place| place + 1);
    told[start..].to_owned()
}

async fn plan(world: &World, wish: &Wish) -> String {
    world.plan_text(wish, Memory::Ledger).await
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_reads_like_this() {
    let (world, _) = settled("app:1").await;
    insta::assert_snapshot!(world.told(), @r#"
    08:00:00  plan       api: new service (2 tasks of app:1)
    08:00:00  register   api:1
    08:00:00  create     api -> api:1 · deployment ecs-svc/1294…
    08:00:05  progress   api 0 of 2 new tasks healthy
    08:00:10  progress   api 2 of 2 new tasks healthy
    08:00:20  settled    api runs api:1, 2 of 2 running, after 20 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_update_reads_like_this() {
    let (mut world, _) = settled("app:1").await;
    let changed = service("api", "app:2").replace("LOG_LEVEL: info", "LOG_LEVEL: debug, BATCH: '20'");
    let wish = world.commit(&[changed]);
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 4 calls

    ~ api           new revision, starts a deployment
        taskDefinition.containerDefinitions[app]
          environment.BATCH      (absent) -> "20"    service-0.yaml:13 · changed in 4c1f9e2
          environment.LOG_LEVEL  "info" -> "debug"   service-0.yaml:13
          image                  "app:1" -> "app:2"  service-0.yaml:12
        will: register api, update service, tag service, watch for up to 15 m
        on failure: back to the last revision that completed

    1 to change.
    "#);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:20  plan       api: new revision (app +BATCH "20", app LOG_LEVEL "info" -> "debug", app image "app:1" -> "app:2")
    08:00:20  register   api:2
    08:00:20  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:25  progress   api 0 of 2 new tasks healthy
    08:00:30  progress   api 2 of 2 new tasks healthy
    08:00:40  settled    api runs api:2, 2 of 2 running, after 20 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_reads_like_this() {
    let (mut world, _) = settled("app:1").await;
    let wish = world.commit(&[service("api", "app:crash")]);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:20  plan       api: new revision (app image "app:1" -> "app:crash")
    08:00:20  register   api:2
    08:00:20  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:25  progress   api 0 of 2 new tasks healthy
    08:00:30  failing    api 2 tasks stopped: exit 1
    08:00:40  failed     api:2 did not come up: container app exited 1 soon after start (gate: ECS circuit breaker)
    08:00:40  rollback   api -> api:1, the last that completed; ECS does it by itself
    08:00:45  rollback   api runs api:1 again, 2 of 2 running, after 5 s
    08:00:45  held       api@1401… until Git changes it; failed on 2027-01-15 08:00: container app exited 1 soon after start
    "#);
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 3 calls

    ! api           held: quarantined
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:crash"  service-0.yaml:12 · changed in 4c1f9e2
        digest 1401… failed on 2027-01-15 08:00 (container app exited 1 soon after start)
        to try again: commit a change

    1 held.
    "#);
    insta::assert_snapshot!(status(&world, &wish).await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 rolled back

      RolledBack   api           runs :1 (2/2), wants 1401… (failed 2027-01-15 08:00)
                                 cause       container app exited 1 soon after start
                                 next        commit a change
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_by_deadline_reads_like_this() {
    let mut world = World::new().await;
    let good = world.commit(&[super::story::without_breaker("api", "app:1", "1m")]);
    world.settle(&good).await;
    let bad = world.commit(&[super::story::without_breaker("api", "registry.invalid/app:2", "1m")]);
    world.settle(&bad).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:20  plan       api: new revision (app image "app:1" -> "registry.invalid/app:2")
    08:00:20  register   api:2
    08:00:20  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:25  progress   api 0 of 2 new tasks healthy
    08:00:30  failing    api 2 tasks stopped: CannotPullContainerError
    08:00:40  failing    api 4 tasks stopped: CannotPullContainerError
    08:00:50  failing    api 6 tasks stopped: CannotPullContainerError
    08:01:00  failing    api 8 tasks stopped: CannotPullContainerError
    08:01:15  failing    api 10 tasks stopped: CannotPullContainerError
    08:01:20  failed     api:2 did not come up: image registry.invalid/app:2 can't be pulled: not found (gate: deadline)
    08:01:20  rollback   api -> api:1, the last that completed; the deployment is stopped
    08:01:25  rollback   api runs api:1 again, 2 of 2 running, after 5 s
    08:01:25  held       api@0e10… until Git changes it; failed on 2027-01-15 08:01: image registry.invalid/app:2 can't be pulled: not found
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_drift_reads_like_this() {
    let (world, wish) = settled("app:1").await;
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "desiredCount": 5})).await;
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e1 "Change 1" · read 0 s ago, 2 calls

    ~ api           in place, no deployment
        service.desiredCount  5 -> 2  service-0.yaml:15 · changed behind our back: Git says 2
        will: update service

    1 to change.
    "#);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "drift"), @r#"
    08:00:20  drift      api: changed behind our back, set back in place (desiredCount 5 -> 2)
    08:00:20  update     api in place: desiredCount set, no deployment
    08:00:25  settled    api runs api:1, 2 of 2 running, as Git wants it
    "#);
}

async fn status(world: &World, wish: &Wish) -> String {
    let plan = world.plan(wish, Memory::Ledger).await;
    let records = BTreeMap::from([(reconciler::model::ServiceKey::new("api"), world.record("api"))]);
    let live = world.look(wish, &records).await;
    let status = fold(wish, &live, &records, &plan, world.now(), world.now());
    status_text(&status, &StatusTextOptions { colour: Colour::Plain, show: Show::Attention })
}
