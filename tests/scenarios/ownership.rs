//! Whose service it is, whether it is there at all, and who asked to leave it alone.

use std::time::Duration;

use reconciler::controller::Next;
use reconciler::model::ServiceKey;
use serde_json::json;

use crate::world::{World, mutating, service};

const NONE: [&str; 0] = [];

async fn settled() -> (World, reconciler::controller::Wish) {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    world.settle(&wish).await;
    world.take_calls();
    (world, wish)
}

async fn delete(world: &World) {
    let answer =
        world.ecs("DeleteService", json!({"cluster": "jobs", "service": "api", "force": true})).await;
    assert_eq!(answer["service"]["status"], "DRAINING", "{answer}");
    world.take_calls();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_deleted_by_hand_is_created_again_from_its_revision() {
    let (world, wish) = settled().await;
    delete(&world).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.settle(&wish).await[&ServiceKey::new("api")], Next::Settled, "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["CreateService"]);
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ecs_no_longer_knows_is_looked_for_twice_before_it_is_created_again() {
    let (world, wish) = settled().await;
    delete(&world).await;
    // ECS describes a deleted service for a while; afterwards it is MISSING, as a new one may be.
    tokio::time::sleep(Duration::from_secs(26 * 3600)).await;
    let asked = world.now();
    assert_eq!(world.settle(&wish).await[&ServiceKey::new("api")], Next::Settled, "{}", world.told());
    let calls = world.take_calls();
    let created = calls.iter().position(|call| call == "CreateService").unwrap();
    let looks = calls[..created].iter().filter(|call| *call == "DescribeServices").count();
    assert!(looks >= 2, "{calls:?}");
    let made = world.service("api").await["createdAt"].as_f64().unwrap();
    assert!(made - asked.0 as f64 / 1000.0 >= 10.0, "{}", world.told());
    assert_eq!(mutating(&calls), ["CreateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_still_draining_is_waited_for() {
    let (world, wish) = settled().await;
    delete(&world).await;
    assert_eq!(world.settle(&wish).await[&ServiceKey::new("api")], Next::Settled, "{}", world.told());
    assert!(world.told().contains("still draining"), "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["CreateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_of_another_installation_is_left_alone() {
    let mut world = World::new().await;
    let theirs = json!({
        "family": "api", "cpu": "256", "memory": "512", "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{"name": "app", "image": "theirs:1"}],
    });
    world.ecs("RegisterTaskDefinition", theirs).await;
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    let created = world
        .ecs(
            "CreateService",
            json!({
                "cluster": "jobs", "serviceName": "api", "taskDefinition": "api", "desiredCount": 1,
                "launchType": "FARGATE", "networkConfiguration": network,
                "tags": [{"key": "reconciler/managed-by", "value": "blue"}],
            }),
        )
        .await;
    assert!(created["service"].is_object(), "{created}");
    world.take_calls();
    let wish = world.commit(&[service("api", "app:1")]);
    let standing = world.settle(&wish).await;
    let Next::Held(why) = &standing[&ServiceKey::new("api")] else { panic!("{}", world.told()) };
    assert!(why.contains("belongs to the installation `blue`"), "{why}");
    assert_eq!(mutating(&world.take_calls()), NONE);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_service_is_left_alone_until_the_tag_is_gone() {
    let (mut world, _) = settled().await;
    let arn = world.service("api").await["serviceArn"].clone();
    let tag = json!([{"key": "reconciler/suspended", "value": "incident 4711"}]);
    world.ecs("TagResource", json!({"resourceArn": arn, "tags": tag})).await;
    world.take_calls();
    let wish = world.commit(&[service("api", "app:2")]);
    let operator = world.operator().await;
    let standing = world.settle_with(&operator, &wish).await;
    let Next::Held(why) = &standing[&ServiceKey::new("api")] else { panic!("{}", world.told()) };
    assert!(why.contains("incident 4711") && why.contains("remove the tag"), "{why}");
    assert_eq!(mutating(&world.take_calls()), NONE);

    let keys = json!({"resourceArn": arn, "tagKeys": ["reconciler/suspended"]});
    world.ecs("UntagResource", keys).await;
    assert_eq!(world.settle_with(&operator, &wish).await[&ServiceKey::new("api")], Next::Settled);
    assert_eq!(world.runs("api").await, "api:2");
}
