//! Order among services: what depends on another comes after it, at once, and not at all where that fails.

use std::time::Duration;

use crate::world::{Memory, World, service, service_with};

const MINUTE: Duration = Duration::from_secs(60);

fn after(name: &str, image: &str, first: &str) -> String {
    service_with(name, image, &format!("  dependsOn: [{first}]\n"))
}

#[tokio::test(start_paused = true)]
async fn a_wave_stops_where_a_service_fails_and_others_are_not_delayed() {
    let mut world = World::new().await;
    let wave = |tag: &str, first: &str| {
        [
            service("a-store", first),
            after("b-api", &format!("app:{tag}"), "a-store"),
            after("c-web", &format!("app:{tag}"), "b-api"),
            service("other", &format!("app:{tag}")),
        ]
    };
    let good = world.commit(&wave("1", "app:1"));
    world.settle(&good).await;
    let bad = world.commit(&wave("2", "app:crash"));
    let operator = world.operator().await;
    world.run_for(&operator, &bad, 10 * MINUTE).await;
    assert_eq!(
        (world.runs("a-store").await, world.runs("b-api").await, world.runs("c-web").await),
        ("a-store:1".to_owned(), "b-api:1".to_owned(), "c-web:1".to_owned())
    );
    assert_eq!(world.runs("other").await, "other:2");
    insta::assert_snapshot!(world.plan_text(&bad, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 9 calls

    ! a-store       held: quarantined
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:crash"  service-0.yaml:12 · asked for in 4c1f9e2
        digest 9ce6… failed on 2027-01-15 08:01 (container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash")
        to try again: commit a change, or `reconciler retry a-store`
    ! b-api         held: waits for a-store, which is held
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:2"  service-1.yaml:12 · changed between 4c1f9e1 and 4c1f9e2
        it goes on when a-store has settled
    ! c-web         held: waits for b-api
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:2"  service-2.yaml:12 · changed between 4c1f9e1 and 4c1f9e2
        it goes on when b-api has settled
    = other         nothing to do

    3 held, 1 unchanged.
    "#);

    // The fix lets the wave go on, each service as soon as the one before it has settled.
    let fixed = world.commit(&wave("2", "app:3"));
    world.run_for(&operator, &fixed, 10 * MINUTE).await;
    assert_eq!(world.runs("c-web").await, "c-web:2", "{}", world.told());
    insta::assert_snapshot!(world.told_since("app:crash"), @r#"
    08:01:00  plan       a-store: new revision (app image "app:1" -> "app:crash")
    08:01:00  register   a-store:2
    08:01:00  update     a-store -> a-store:2 · deployment ecs-svc/5719…
    08:01:00  held       b-api@8714… waits for a-store; it goes on when a-store has settled
    08:01:00  held       c-web@6c73… waits for b-api; it goes on when b-api has settled
    08:01:00  plan       other: new revision (app image "app:1" -> "app:2")
    08:01:00  register   other:2
    08:01:00  update     other -> other:2 · deployment ecs-svc/8933…
    08:01:05  progress   a-store 0 of 2 new tasks healthy
    08:01:05  progress   other 0 of 2 new tasks healthy
    08:01:10  failing    a-store 2 tasks stopped: exit 1
    08:01:10  progress   other 2 of 2 new tasks healthy
    08:01:20  failed     a-store:2 did not come up: container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash" (gate: ECS circuit breaker)
    08:01:20  rollback   a-store -> a-store:1, the last that completed; ECS does it by itself
    08:01:20  settled    other runs other:2, 2 of 2 running, after 20 s
    08:01:25  rollback   a-store runs a-store:1 again, 2 of 2 running, after 5 s
    08:01:25  report     a-store did not come up with main@4c1f9e2. It runs a-store:1 again, 2 of 2 healthy.

                likely cause   container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash"
                what changed   image "app:1" -> "app:crash"
                what we saw    4 tasks stopped in 11 s: app exited 1
                ECS says       (service a-store) (deployment ecs-svc/5719483656716592003) deployment failed: tasks failed to start.
                gate           ECS circuit breaker, 2027-01-15 08:01
                next           commit a change to service-0.yaml, or `reconciler retry a-store`
    08:01:25  held       a-store@9ce6… until Git changes it; failed on 2027-01-15 08:01: container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash"
    08:01:30  held       b-api@8714… waits for a-store, which is held; it goes on when a-store has settled
    08:11:00  plan       a-store: new revision (app image "app:1" -> "app:3")
    08:11:00  register   a-store:3
    08:11:00  update     a-store -> a-store:3 · deployment ecs-svc/1309…
    08:11:00  held       b-api@8714… waits for a-store; it goes on when a-store has settled
    08:11:05  progress   a-store 0 of 2 new tasks healthy
    08:11:10  progress   a-store 2 of 2 new tasks healthy
    08:11:20  settled    a-store runs a-store:3, 2 of 2 running, after 20 s
    08:11:20  plan       b-api: new revision (app image "app:1" -> "app:2")
    08:11:20  register   b-api:2
    08:11:20  update     b-api -> b-api:2 · deployment ecs-svc/2419…
    08:11:25  progress   b-api 0 of 2 new tasks healthy
    08:11:30  progress   b-api 2 of 2 new tasks healthy
    08:11:40  settled    b-api runs b-api:2, 2 of 2 running, after 20 s
    08:11:40  plan       c-web: new revision (app image "app:1" -> "app:2")
    08:11:40  register   c-web:2
    08:11:40  update     c-web -> c-web:2 · deployment ecs-svc/5980…
    08:11:45  progress   c-web 0 of 2 new tasks healthy
    08:11:50  progress   c-web 2 of 2 new tasks healthy
    08:12:00  settled    c-web runs c-web:2, 2 of 2 running, after 20 s
    "#);
}
