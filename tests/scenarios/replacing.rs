//! A service that ECS can't change: held, or deleted and made anew where its manifest says so.

use reconciler::controller::Next;
use reconciler::model::{ServiceKey, tag};
use reconciler::report::plan_json;
use serde_json::json;

use super::story::replaceable;
use crate::world::{Memory, World, mutating};

fn api() -> ServiceKey {
    ServiceKey::new("api")
}

async fn running() -> World {
    let mut world = World::new().await;
    let wish = world.commit(&[replaceable("app:1", "FARGATE")]);
    world.settle(&wish).await;
    world.take_calls();
    world
}

#[tokio::test(start_paused = true)]
async fn what_ecs_cannot_change_is_held_with_the_ways_out() {
    let mut world = running().await;
    let manifest = replaceable("app:2", "EC2").replace("  sync: {replace: true}\n", "");
    let wish = world.commit(&[manifest]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 7 calls

    ! api           held: ECS can't change `service.launchType` of a service
        taskDefinition.containerDefinitions[app]
          image               "app:1" -> "app:2"  service-0.yaml:12 · changed between 4c1f9e1 and 4c1f9e2
        service.launchType    "FARGATE" -> "EC2"  service-0.yaml:16 · needs a new service
        ECS sets the launch type at creation; a `capacityProviderStrategy` in its place needs no new service
        put the old value back, move to a service with a new name, or allow a gap: with `sync.replace: true` its tasks stop, and it is deleted and made anew

    1 held.
    "#);
    assert!(matches!(world.settle(&wish).await[&api()], Next::Held(_)));
    assert_eq!(mutating(&world.take_calls()), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_replacement_stops_the_old_tasks_deletes_the_service_and_makes_it_anew() {
    let mut world = running().await;
    let tagged = json!({"resourceArn": world.service("api").await["serviceArn"],
        "tags": [{"key": "team", "value": "jobs"}]});
    world.ecs("TagResource", tagged).await;
    let wish = world.commit(&[replaceable("app:2", "EC2")]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 7 calls

    ± api           replaces the service: its 2 tasks stop before new ones start
        taskDefinition.containerDefinitions[app]
          image               "app:1" -> "app:2"  service-0.yaml:12 · changed between 4c1f9e1 and 4c1f9e2
        service.launchType    "FARGATE" -> "EC2"  service-0.yaml:16 · needs a new service
        lost: its deployments and events, and with them the way back; tags that are not in Git (team)
        will: deregister scalable target, set desiredCount to 0, wait until its tasks have stopped, delete service, wait until ECS lets go of the name, register api, create service, register scalable target, put scaling policy cpu, put scheduled action night, watch for up to 15 m
        on failure: hold, since there is no revision to go back to

    1 to replace.
    "#);
    let json = plan_json(&world.plan(&wish, Memory::Ledger).await);
    assert_eq!(
        (&json["replaced"][0]["fields"], &json["replaced"][0]["tasks"]),
        (&json!(["service.launchType"]), &json!(2))
    );
    world.take_calls();
    assert_eq!(world.settle(&wish).await[&api()], Next::Settled, "{}", world.told());
    assert_eq!(
        mutating(&world.take_calls()),
        [
            "DeregisterScalableTarget",
            "UpdateService",
            "DeleteService",
            "RegisterTaskDefinition",
            "CreateService",
            "RegisterScalableTarget",
            "PutScalingPolicy",
            "PutScheduledAction",
        ]
    );
    insta::assert_snapshot!(world.told_since("replaces the service"), @r#"
    08:00:20  plan       api: replaces the service: its 2 tasks stop before new ones start (app image "app:1" -> "app:2", launchType "FARGATE" -> "EC2")
    08:00:20  scale      api no longer scales by Application Auto Scaling
    08:00:20  delete     api -> 0 tasks; it is deleted when the last has stopped
    08:00:25  delete     api is deleted; its task definitions stay
    08:00:30  plan       api: new service (2 tasks of app:2)
    08:00:30  register   api:2
    08:00:30  create     api -> api:2 · deployment ecs-svc/7038…
    08:00:30  scale      api scales between 2 and 6 tasks
    08:00:30  scale      api scales by policy `cpu`
    08:00:30  scale      api scales by scheduled action `night`
    08:00:35  progress   api 0 of 2 new tasks healthy
    08:00:40  progress   api 2 of 2 new tasks healthy
    08:00:50  settled    api runs api:2, 2 of 2 running, after 20 s
    "#);
    let live = world.service("api").await;
    assert_eq!((&live["launchType"], &live["runningCount"]), (&json!("EC2"), &json!(2)));
    assert!(world.record("api").leaving.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_service_without_our_tags_is_not_replaced() {
    let mut world = running().await;
    let untag = json!({"resourceArn": world.service("api").await["serviceArn"], "tagKeys": [tag::ID]});
    world.ecs("UntagResource", untag).await;
    let wish = world.commit(&[replaceable("app:2", "EC2")]);
    world.take_calls();
    let Next::Held(why) = world.settle(&wish).await[&api()].clone() else { panic!("{}", world.told()) };
    assert!(why.starts_with("it has no tag `reconciler/id`"), "{why}");
    assert_eq!(mutating(&world.take_calls()), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_git_takes_back_half_way_is_undone() {
    let mut world = running().await;
    let wish = world.commit(&[replaceable("app:1", "EC2")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, std::time::Duration::from_secs(2)).await;
    drop(operator);
    assert_eq!(world.service("api").await["desiredCount"], 0, "{}", world.told());
    let back = world.commit(&[replaceable("app:1", "FARGATE")]);
    assert_eq!(world.settle(&back).await[&api()], Next::Settled, "{}", world.told());
    let live = world.service("api").await;
    assert_eq!((&live["launchType"], &live["desiredCount"]), (&json!("FARGATE"), &json!(2)));
    assert_eq!(world.bounds("api").await, Some((2, 6)));
    assert!(world.record("api").leaving.is_none());
}
