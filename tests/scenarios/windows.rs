//! Deployment windows: what waits for them, and what never does.

use std::time::Duration;

use reconciler::controller::Next;
use reconciler::model::ServiceKey;

use crate::world::{Memory, World, mutating, scheduled, service, service_with};

const MINUTE: Duration = Duration::from_secs(60);
const NONE: [&str; 0] = [];

/// The world begins on Friday, 2027-01-15, at 08:00 UTC; this opens at 09:00.
const AT_NINE: &str = "sync: {windows: [{kind: allow, days: [mon, tue, wed, thu, fri], from: '10:00', duration: \
                       8h, timeZone: Europe/Paris}]}";

/// A service that was deployed before its environment had windows.
async fn settled() -> World {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    world.settle(&wish).await;
    world.take_calls();
    world.environment = AT_NINE.to_owned();
    world
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_its_window_and_goes_out_when_it_opens() {
    let mut world = settled().await;
    let wish = world.commit(&[service("api", "app:2")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 50 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 5 calls

    ! api           held: outside its window, opens 10:00 Europe/Paris
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:2"  service-0.yaml:12 · changed between 4c1f9e1 and 4c1f9e2
        to do it now: `reconciler sync api`

    1 held.
    "#);
    insta::assert_snapshot!(world.status(&wish).await, @"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 reconciling

      Reconciling  api           runs :1 (2/2); outside its window, opens 10:00 Europe/Paris
    ");
    world.run_for(&operator, &wish, 20 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
    insta::assert_snapshot!(world.told_since("outside"), @r#"
    08:00:20  held       api@7340… outside its window, opens 10:00 Europe/Paris; to do it now: `reconciler sync api`
    09:00:00  plan       api: new revision (app image "app:1" -> "app:2")
    09:00:00  register   api:2
    09:00:00  update     api -> api:2 · deployment ecs-svc/2561…
    09:00:05  progress   api 0 of 2 new tasks healthy
    09:00:10  progress   api 2 of 2 new tasks healthy
    09:00:20  settled    api runs api:2, 2 of 2 running, after 20 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_sync_that_a_person_asks_for_waits_for_no_window() {
    let mut world = settled().await;
    let wish = world.commit(&[service("api", "app:2")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, MINUTE).await;
    world.tag("api", "reconciler/sync", "by=ada customers wait").await;
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
    // It was for that digest: the next one waits again.
    let next = world.commit(&[service("api", "app:3")]);
    world.run_for(&operator, &next, 5 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
    insta::assert_snapshot!(world.told_since("ada asks"), @r#"
    08:01:20  request    api ada asks not to wait any longer: customers wait
    08:01:20  tag        api no longer carries reconciler/sync
    08:01:20  plan       api: new revision (app image "app:1" -> "app:2")
    08:01:20  register   api:2
    08:01:20  update     api -> api:2 · deployment ecs-svc/2561…
    08:01:25  progress   api 0 of 2 new tasks healthy
    08:01:30  progress   api 2 of 2 new tasks healthy
    08:01:40  settled    api runs api:2, 2 of 2 running, after 20 s
    08:06:20  held       api@170d… outside its window, opens 10:00 Europe/Paris; to do it now: `reconciler sync api`
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_waits_for_no_window() {
    let mut world = settled().await;
    world.environment = AT_NINE.replace("from: '10:00', duration: 8h", "from: '08:59', duration: 2m");
    // The window closes at 08:01 UTC; the deadline of the deployment comes after that.
    let plain = |image: &str| {
        service_with("api", image, "  rollout: {timeout: 5m}\n").replace(
            "deploymentCircuitBreaker: {enable: true, rollback: true}",
            "deploymentCircuitBreaker: {enable: false, rollback: false}",
        )
    };
    let bad = world.commit(&[plain("registry.invalid/app:2")]);
    let standing = world.settle(&bad).await;
    assert!(matches!(&standing[&ServiceKey::new("api")], Next::Held(_)), "{}", world.told());
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    assert_eq!(world.now().minute(), "2027-01-15 08:05");
}

#[tokio::test(start_paused = true)]
async fn a_services_own_windows_stand_in_for_those_of_its_environment() {
    let mut world = settled().await;
    let wish = world.commit(&[service_with("api", "app:2", "  sync: {windows: []}\n")]);
    world.settle(&wish).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_schedule_waits_for_its_window_as_well() {
    let mut world = settled().await;
    let wish = world.commit(&[service("api", "app:1"), scheduled("report", "app:1", "cron(0 6 * * ? *)")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    world.run_for(&operator, &wish, 60 * MINUTE).await;
    assert_eq!(world.schedule("report").await["State"], "ENABLED", "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_for_its_window_as_well() {
    let mut world = World::new().await;
    let both = world.commit(&[service("api", "app:1"), service("old", "app:1")]);
    world.settle(&both).await;
    world.take_calls();
    world.environment = AT_NINE.replace("sync: {", "sync: {prune: true, ");
    let wish = world.commit(&[service("api", "app:1")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 50 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    assert!(world.told().contains("outside its window, opens 10:00 Europe/Paris"), "{}", world.told());
    world.run_for(&operator, &wish, 20 * MINUTE).await;
    assert_eq!(world.service("old").await["status"], "INACTIVE", "{}", world.told());
}
