//! What is changed behind its back is found and corrected.

use reconciler::controller::Next;
use reconciler::model::ServiceKey;
use serde_json::{Value, json};

use crate::world::{Memory, World, mutating, service, service_with};

async fn corrected(change: Value) -> (World, Vec<String>) {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    world.settle(&wish).await;
    let mut input = json!({"cluster": "jobs", "service": "api"});
    for (name, value) in change.as_object().unwrap() {
        input[name] = value.clone();
    }
    let answer = world.ecs("UpdateService", input).await;
    assert!(answer["service"].is_object(), "{answer}");
    // The change behind our back may be a deployment of its own; it is left to finish first.
    world.take_calls();
    let standing = world.settle(&wish).await;
    assert_eq!(standing[&ServiceKey::new("api")], Next::Settled, "{}", world.told());
    let calls = mutating(&world.take_calls());
    assert!(world.told().contains("drift"), "{}", world.told());
    (world, calls)
}

#[tokio::test(start_paused = true)]
async fn a_desired_count_changed_by_hand_is_set_back() {
    let (world, calls) = corrected(json!({"desiredCount": 5})).await;
    assert_eq!(calls, ["UpdateService"]);
    assert_eq!(world.service("api").await["desiredCount"], 2);
}

#[tokio::test(start_paused = true)]
async fn drift_is_set_back_while_what_the_service_depends_on_is_held() {
    let mut world = World::new().await;
    let dependent = service_with("worker", "app:1", "  dependsOn: [api]\n");
    let good = world.commit(&[service("api", "app:1"), dependent.clone()]);
    world.settle(&good).await;
    let bad = world.commit(&[service("api", "app:crash"), dependent.clone()]);
    let by_hand = json!({"cluster": "jobs", "service": "worker", "desiredCount": 5});
    world.ecs("UpdateService", by_hand).await;
    let standing = world.settle(&bad).await;
    assert!(matches!(standing[&ServiceKey::new("api")], Next::Held(_)), "{}", world.told());
    assert_eq!(standing[&ServiceKey::new("worker")], Next::Settled, "{}", world.told());
    assert_eq!(world.service("worker").await["desiredCount"], 2);
    // What Git asks for waits.
    let release = world.commit(&[service("api", "app:crash"), dependent.replace("app:1", "app:2")]);
    let standing = world.settle(&release).await;
    let waits = Next::Waits(ServiceKey::new("api"));
    assert_eq!(standing[&ServiceKey::new("worker")], waits, "{}", world.told());
    assert_eq!(world.runs("worker").await, "worker:1");
}

#[tokio::test(start_paused = true)]
async fn security_groups_changed_by_hand_are_set_back() {
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-9"]}});
    let (world, calls) = corrected(json!({"networkConfiguration": network})).await;
    assert_eq!(calls, ["UpdateService"]);
    let live = world.service("api").await;
    assert_eq!(live["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"], json!(["sg-1"]));
}

#[tokio::test(start_paused = true)]
async fn a_task_definition_changed_by_hand_is_set_back_without_a_new_revision() {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    world.settle(&wish).await;
    let by_hand = json!({
        "family": "api", "cpu": "256", "memory": "512", "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{"name": "app", "image": "app:1", "environment": [{"name": "LOG_LEVEL", "value": "debug"}]}],
    });
    world.ecs("RegisterTaskDefinition", by_hand).await;
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "taskDefinition": "api:2"})).await;
    world.take_calls();
    let standing = world.settle(&wish).await;
    assert_eq!(standing[&ServiceKey::new("api")], Next::Settled, "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["UpdateService"]);
    assert_eq!(world.runs("api").await, "api:1");
    assert_eq!(world.revisions("api").await, ["api:1", "api:2"]);
}

#[tokio::test(start_paused = true)]
async fn a_count_moved_by_a_scalable_target_is_left_alone() {
    let mut world = World::new().await;
    let scaled = crate::world::service_with("api", "app:1", "  scaling: {minCapacity: 2, maxCapacity: 6}\n");
    let wish = world.commit(&[scaled]);
    world.settle(&wish).await;
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "desiredCount": 5})).await;
    world.take_calls();
    world.settle(&wish).await;
    assert_eq!(mutating(&world.take_calls()), Vec::<String>::new());
    assert_eq!(world.service("api").await["desiredCount"], 5);
}

/// Another revision of `api` by hand, with more memory, and the service on it.
async fn more_memory_by_hand(world: &World) {
    let by_hand = json!({
        "family": "api", "cpu": "256", "memory": "1024", "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{"name": "app", "image": "app:1", "environment": [{"name": "LOG_LEVEL", "value": "info"}]}],
    });
    let answer = world.ecs("RegisterTaskDefinition", by_hand).await;
    let arn = answer["taskDefinition"]["taskDefinitionArn"].clone();
    let answer =
        world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "taskDefinition": arn})).await;
    assert!(answer["service"].is_object(), "{answer}");
}

async fn memory_of(world: &World, revision: &str) -> Value {
    let answer = world.ecs("DescribeTaskDefinition", json!({"taskDefinition": revision})).await;
    answer["taskDefinition"]["memory"].clone()
}

#[tokio::test(start_paused = true)]
async fn ignored_drift_stays_unsaid_and_is_never_taken_for_what_was_applied_or_for_good() {
    let mut world = World::new().await;
    let manifest = service_with("api", "app:1", "  sync: {drift: ignore}\n");
    let wish = world.commit(&[manifest]);
    world.settle(&wish).await;
    let before = world.record("api");
    more_memory_by_hand(&world).await;
    world.take_calls();
    // While the deployment of that hand goes on, and when it has completed.
    let operator = world.operator().await;
    for _ in 0..2 {
        world.settle_with(&operator, &wish).await;
        world.run_for(&operator, &wish, std::time::Duration::from_secs(120)).await;
    }
    assert_eq!(mutating(&world.take_calls()), Vec::<String>::new(), "{}", world.told());
    assert_eq!(world.runs("api").await, "api:2");
    assert_eq!(world.record("api"), before);
    let told = world.told();
    assert!(!told.contains("drift  ") && !told.contains("held"), "{told}");
    let plan = world.plan_text(&wish, Memory::Ledger).await;
    assert!(plan.contains("Nothing to do, 1 unchanged.") && !plan.contains("memory"), "{plan}");
}

#[tokio::test(start_paused = true)]
async fn drift_in_a_task_definition_that_may_stay_stays_through_commits_until_git_corrects_it() {
    for policy in ["warn", "ignore"] {
        let mut world = World::new().await;
        let manifest = service_with("api", "app:1", &format!("  sync: {{drift: {policy}}}\n"));
        let wish = world.commit(std::slice::from_ref(&manifest));
        world.settle(&wish).await;
        more_memory_by_hand(&world).await;
        for image in ["app:2", "app:3"] {
            let wish = world.commit(&[manifest.replace("app:1", image)]);
            let standing = world.settle(&wish).await;
            assert_eq!(standing[&ServiceKey::new("api")], Next::Settled, "{}", world.told());
        }
        assert_eq!(world.runs("api").await, "api:4");
        assert_eq!(memory_of(&world, "api:4").await, "1024", "{}", world.told());
        let correct = manifest.replace("app:1", "app:3").replace(policy, "correct");
        let wish = world.commit(&[correct]);
        let plan = world.plan_text(&wish, Memory::Ledger).await;
        assert!(plan.contains("changed behind our back: Git says \"512\" since"), "{plan}");
        world.settle(&wish).await;
        let runs = world.runs("api").await;
        assert_eq!(memory_of(&world, &runs).await, "512", "{}", world.told());
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_somebody_deleted_is_made_anew_and_told_as_deleted() {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    world.settle(&wish).await;
    world.ecs("DeleteService", json!({"cluster": "jobs", "service": "api", "force": true})).await;
    let operator = world.operator().await;
    world.run_for(&operator, &wish, std::time::Duration::from_secs(600)).await;
    assert_eq!(world.service("api").await["status"], "ACTIVE", "{}", world.told());
    let told = world.told();
    assert!(told.contains("api: deleted behind our back, new service (2 tasks)"), "{told}");
}
