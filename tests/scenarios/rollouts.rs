//! A commit becomes a healthy service; a bad one goes back and stays back.

use std::time::Duration;

use reconciler::controller::Next;
use reconciler::model::{Gate, ServiceKey};
use simulator::faults::Fault;

use crate::world::{World, mutating, service, service_with};

fn key(name: &str) -> ServiceKey {
    ServiceKey::new(name)
}

#[tokio::test(start_paused = true)]
async fn a_first_commit_registers_creates_and_settles() {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    let standing = world.settle(&wish).await;
    assert_eq!(standing[&key("api")], Next::Settled, "{}", world.told());
    let calls = world.take_calls();
    assert_eq!(mutating(&calls), ["RegisterTaskDefinition", "CreateService"]);
    let service = world.service("api").await;
    assert_eq!(
        (service["runningCount"].as_i64(), service["deployments"][0]["rolloutState"].as_str()),
        (Some(2), Some("COMPLETED"))
    );
    assert_eq!(world.record("api").last_good.unwrap().task_definition.to_string(), "api:1");
}

#[tokio::test(start_paused = true)]
async fn an_update_registers_one_revision_and_updates_once() {
    let mut world = World::new().await;
    let first = world.commit(&[service("api", "app:1")]);
    world.settle(&first).await;
    world.take_calls();
    let second = world.commit(&[service("api", "app:2")]);
    let standing = world.settle(&second).await;
    assert_eq!(standing[&key("api")], Next::Settled, "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["RegisterTaskDefinition", "UpdateService", "TagResource"]);
    assert_eq!(world.runs("api").await, "api:2");
}

#[tokio::test(start_paused = true)]
async fn going_back_to_an_old_image_reuses_its_revision() {
    let mut world = World::new().await;
    for image in ["app:1", "app:2", "app:1"] {
        let wish = world.commit(&[service("api", image)]);
        world.settle(&wish).await;
    }
    assert_eq!(world.revisions("api").await, ["api:1", "api:2"]);
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_crashes_is_rolled_back_once_and_not_retried() {
    let mut world = World::new().await;
    let good = world.commit(&[service("api", "app:1")]);
    world.settle(&good).await;
    let bad = world.commit(&[service("api", "app:crash")]);
    let standing = world.settle(&bad).await;
    assert!(matches!(&standing[&key("api")], Next::Held(_)), "{}", world.told());
    assert_eq!(world.runs("api").await, "api:1");
    let record = world.record("api");
    let quarantine = record.quarantine.unwrap();
    assert_eq!(quarantine.digest, bad.services[&key("api")].digest);
    assert_eq!(quarantine.failure.gate, Gate::EcsCircuitBreaker);
    assert!(quarantine.failure.likely_cause.contains("exited 1"), "{}", quarantine.failure.likely_cause);

    // Another hour of looking at it changes nothing, also after a restart.
    world.take_calls();
    let operator = world.operator().await;
    world.run_for(&operator, &bad, std::time::Duration::from_secs(3600)).await;
    drop(operator);
    assert_eq!(mutating(&world.take_calls()), Vec::<String>::new());

    // The fixing commit goes out.
    let fixed = world.commit(&[service("api", "app:3")]);
    let standing = world.settle(&fixed).await;
    assert_eq!(standing[&key("api")], Next::Settled, "{}", world.told());
    assert_eq!(world.runs("api").await, "api:3");
    assert!(world.record("api").quarantine.is_none());
}

#[tokio::test(start_paused = true)]
async fn without_a_circuit_breaker_the_deadline_takes_the_service_back() {
    let mut world = World::new().await;
    let plain = |image: &str| {
        service_with("api", image, "  rollout: {timeout: 5m}\n").replace(
            "deploymentCircuitBreaker: {enable: true, rollback: true}",
            "deploymentCircuitBreaker: {enable: false, rollback: false}",
        )
    };
    let good = world.commit(&[plain("app:1")]);
    world.settle(&good).await;
    let bad = world.commit(&[plain("registry.invalid/app:2")]);
    let standing = world.settle(&bad).await;
    assert!(matches!(&standing[&key("api")], Next::Held(_)), "{}", world.told());
    assert_eq!(world.runs("api").await, "api:1");
    let failure = world.record("api").quarantine.unwrap().failure;
    assert_eq!(failure.gate, Gate::Deadline);
    assert!(failure.likely_cause.contains("can't be pulled"), "{}", failure.likely_cause);
}

#[tokio::test(start_paused = true)]
async fn a_bad_first_deployment_has_nowhere_to_go_back_to_and_is_held() {
    let mut world = World::new().await;
    let bad = world.commit(&[service("api", "app:crash")]);
    let standing = world.settle(&bad).await;
    assert!(matches!(&standing[&key("api")], Next::Held(_)), "{}", world.told());
    assert_eq!(world.revisions("api").await, ["api:1"]);
    assert!(world.record("api").quarantine.is_some());
    let fixed = world.commit(&[service("api", "app:2")]);
    assert_eq!(world.settle(&fixed).await[&key("api")], Next::Settled, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_fix_does_not_wait_for_the_bad_rollout_to_fail() {
    let mut world = World::new().await;
    let good = world.commit(&[service("api", "app:1")]);
    world.settle(&good).await;
    let bad = world.commit(&[service("api", "app:unhealthy-slow")]);
    let operator = world.operator().await;
    world.run_for(&operator, &bad, std::time::Duration::from_secs(30)).await;
    let fixed = world.commit(&[service("api", "app:2")]);
    let standing = world.settle_with(&operator, &fixed).await;
    assert_eq!(standing[&key("api")], Next::Settled, "{}", world.told());
    assert_eq!(world.runs("api").await, "api:3");
    assert!(world.record("api").quarantine.is_none(), "nothing failed");
}

#[tokio::test(start_paused = true)]
async fn a_dependent_goes_out_after_what_it_depends_on() {
    let mut world = World::new().await;
    let wish = world
        .commit(&[service_with("api", "app:1", "  dependsOn: [database]\n"), service("database", "app:1")]);
    let standing = world.settle(&wish).await;
    assert!(standing.values().all(|it| *it == Next::Settled), "{}", world.told());
    let created = |service: &serde_json::Value| service["createdAt"].as_f64().unwrap();
    assert!(created(&world.service("database").await) < created(&world.service("api").await));
}

#[tokio::test(start_paused = true)]
async fn what_was_found_out_about_an_older_commit_does_not_settle_the_newer_one() {
    let mut world = World::new().await;
    let manifests = |image: &str| [service("api", image), service_with("web", image, "  dependsOn: [api]\n")];
    let one = world.commit(&manifests("app:1"));
    world.settle(&one).await;
    let two = world.commit(&manifests("app:2"));
    // The look at the first commit takes so long that the second is there meanwhile.
    let mut first = true;
    world.simulator.set_fault(Box::new(move |_| match std::mem::replace(&mut first, false) {
        true => Fault::NeverAnswer,
        false => Fault::None,
    }));
    let operator = world.operator().await;
    let (second, minutes) = (Duration::from_secs(1), Duration::from_secs(600));
    world.run_through(&operator, &[(one, second), (two, minutes)]).await;
    assert_eq!((world.runs("api").await, world.runs("web").await), ("api:2".into(), "web:2".into()));
    let leading = async |name: &str| world.service(name).await["deployments"][0].clone();
    let (api, web) = (leading("api").await, leading("web").await);
    let came_up = api["updatedAt"].as_f64().unwrap();
    assert!(web["createdAt"].as_f64().unwrap() >= came_up, "{api}\n{web}");
}
