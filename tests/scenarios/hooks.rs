//! One-off tasks before and after a deployment: when they run, how often, and what their end means.

use std::time::Duration;

use reconciler::controller::{Next, Wish};
use reconciler::model::{Failure, ServiceKey};
use serde_json::json;
use simulator::runtime::scripted::{Exit, Script};

use super::story::{hook, hook_of_the_service, with_hooks};
use crate::world::{World, mutating, service};

pub(super) const NONE: &[String] = &[];

pub(super) fn key() -> ServiceKey {
    ServiceKey::new("api")
}

pub(super) fn migrate(image: &str) -> [String; 1] {
    [hook("migrate", image, "")]
}

pub(super) fn smoke(image: &str) -> [String; 1] {
    [hook("smoke", image, "")]
}

pub(super) async fn settles(world: &mut World, manifest: &str) -> Wish {
    let wish = world.commit(&[manifest.to_owned()]);
    assert_eq!(world.settle(&wish).await[&key()], Next::Settled, "{}", world.told());
    wish
}

pub(super) async fn world_with(manifest: &str) -> World {
    let mut world = World::new().await;
    settles(&mut world, manifest).await;
    world.take_calls();
    world
}

/// Applies what has to be held; answers why it is.
pub(super) async fn is_held(world: &mut World, manifest: &str) -> Failure {
    let wish = world.commit(&[manifest.to_owned()]);
    let standing = world.settle(&wish).await;
    assert!(matches!(&standing[&key()], Next::Held(_)), "{}", world.told());
    let quarantine = world.record("api").quarantine.unwrap();
    assert_eq!(quarantine.digest, wish.services[&key()].digest);
    quarantine.failure
}

pub(super) fn times(calls: &[String], operation: &str) -> usize {
    calls.iter().filter(|call| *call == operation).count()
}

#[tokio::test(start_paused = true)]
async fn hooks_run_one_after_the_other_around_the_deployment() {
    let before = [hook("schema", "schema-once:1", ""), hook("data", "data-once:1", "")];
    let after = [hook("smoke", "smoke-once:1", ""), hook("warm-up", "warm-once:1", "")];
    let world = world_with(&with_hooks("app:1", &before, &after)).await;
    assert_eq!(
        world.hook_tasks("api").await,
        ["schema exit 0", "data exit 0", "smoke exit 0", "warm-up exit 0"]
    );
    let told = world.told();
    let order =
        ["schema succeeded", "data started", "create ", "smoke started", "warm-up succeeded", "settled"];
    let places: Vec<_> =
        order.iter().map(|part| told.find(part).unwrap_or_else(|| panic!("{told}"))).collect();
    assert!(places.is_sorted(), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_is_done_is_not_done_again_for_its_content() {
    let first = with_hooks("app:1", &migrate("migrate-once:1"), &smoke("smoke-once:1"));
    let mut world = world_with(&first).await;
    // In place: nothing that a hook goes with.
    settles(&mut world, &first.replace("desiredCount: 2", "desiredCount: 3")).await;
    // Another deployment of the same revision.
    settles(&mut world, &first.replace("sg-1", "sg-2")).await;
    assert_eq!(times(&world.take_calls(), "RunTask"), 0, "{}", world.told());
    settles(&mut world, &with_hooks("app:2", &migrate("migrate-once:1"), &smoke("smoke-once:1"))).await;
    assert_eq!(world.hook_tasks("api").await.len(), 4, "{}", world.told());
    // Back to what has been there before.
    settles(&mut world, &first).await;
    assert_eq!(world.hook_tasks("api").await.len(), 4, "{}", world.told());
    assert_eq!(world.revisions("api-migrate").await, ["api-migrate:1"], "one content, one revision");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_is_new_by_itself_runs_without_a_deployment() {
    let mut world = world_with(&with_hooks("app:1", NONE, NONE)).await;
    settles(&mut world, &with_hooks("app:1", &migrate("migrate-once:1"), &smoke("smoke-once:1"))).await;
    // There is no deployment for the hook after it to look at.
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 0"], "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["RegisterTaskDefinition", "RunTask", "TagResource"]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_may_run_the_services_own_new_revision_with_another_command() {
    let hooked = |image: &str| {
        let (before, after) = (hook_of_the_service("migrate", "once"), hook_of_the_service("smoke", "once"));
        with_hooks(image, &[before], &[after])
    };
    let mut world = World::new().await;
    settles(&mut world, &hooked("app:1")).await;
    let first = ["RegisterTaskDefinition", "RunTask", "CreateService", "RunTask"];
    assert_eq!(mutating(&world.take_calls()), first);
    settles(&mut world, &hooked("app:2")).await;
    let second = ["RegisterTaskDefinition", "RunTask", "UpdateService", "TagResource", "RunTask"];
    assert_eq!(mutating(&world.take_calls()), second);
    assert_eq!(world.hook_tasks("api").await.len(), 4, "{}", world.told());
    assert_eq!(world.revisions("api").await, ["api:1", "api:2"]);
    // The image runs for ever; only another command ends.
    assert!(world.hook_tasks("api").await.iter().all(|task| task.ends_with("exit 0")));
}

#[tokio::test(start_paused = true)]
async fn when_git_moves_on_a_running_hook_ends_before_the_next_one_begins() {
    let mut world = world_with(&with_hooks("app:1", NONE, NONE)).await;
    let slow = Exit { after: Duration::from_secs(60), code: 0, reason: None, last_line: "done".to_owned() };
    world.runtime.set_script("slow-migration", Script { exits: Some(slow), ..Script::default() });
    let first = world.commit(&[with_hooks("app:2", &migrate("slow-migration:1"), NONE)]);
    let operator = world.operator().await;
    world.run_for(&operator, &first, Duration::from_secs(20)).await;
    let second = world.commit(&[with_hooks("app:3", &migrate("migrate-once:2"), NONE)]);
    assert_eq!(world.settle_with(&operator, &second).await[&key()], Next::Settled, "{}", world.told());
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 0", "migrate exit 0"], "{}", world.told());
    let told = world.told();
    let order = ["migrate succeeded", "app:3", "migrate started", "api -> api:2"];
    let mut rest = told.as_str();
    for part in order {
        rest = &rest[rest.find(part).unwrap_or_else(|| panic!("no {part} in order in\n{told}"))..];
    }
    // What was asked for in between never went out.
    assert_eq!(world.revisions("api").await, ["api:1", "api:2"]);
    assert!(!mutating(&world.take_calls()).contains(&"StopTask".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn hooks_of_a_service_that_runs_what_git_wants_count_as_done_where_the_ledger_is_lost() {
    let hooked = with_hooks("app:1", &migrate("migrate-once:1"), &smoke("smoke-once:1"));
    let mut world = world_with(&hooked).await;
    world.lose_ledger();
    settles(&mut world, &hooked).await;
    let takes = "takes migrate and smoke for done";
    assert_eq!(world.told().matches(takes).count(), 1, "{}", world.told());
    settles(&mut world, &hooked.replace("desiredCount: 2", "desiredCount: 3")).await;
    assert_eq!(times(&world.take_calls(), "RunTask"), 0, "{}", world.told());
    assert_eq!(world.told().matches(takes).count(), 1, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn hooks_of_a_service_that_is_adopted_as_it_is_count_as_done() {
    let mut world = world_with(&with_hooks("app:1", NONE, NONE)).await;
    world.lose_ledger();
    let tags =
        json!(["reconciler/managed-by", "reconciler/id", "reconciler/digest", "reconciler/task-definition"]);
    let arn = world.service("api").await["serviceArn"].clone();
    world.ecs("UntagResource", json!({"resourceArn": arn, "tagKeys": tags})).await;
    settles(&mut world, &with_hooks("app:1", &migrate("migrate-once:1"), NONE)).await;
    assert_eq!(times(&world.take_calls(), "RunTask"), 0, "{}", world.told());
    assert!(world.told().contains("takes migrate for done"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn no_hook_is_started_for_a_suspended_service() {
    let mut world = world_with(&with_hooks("app:1", NONE, NONE)).await;
    let arn = world.service("api").await["serviceArn"].clone();
    let tag = json!([{"key": "reconciler/suspended", "value": "incident 4711"}]);
    world.ecs("TagResource", json!({"resourceArn": arn, "tags": tag})).await;
    let wish = world.commit(&[with_hooks("app:2", &migrate("migrate-once:1"), &smoke("smoke-once:1"))]);
    assert!(matches!(&world.settle(&wish).await[&key()], Next::Held(_)), "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["TagResource"], "the test's own");
    world.ecs("UntagResource", json!({"resourceArn": arn, "tagKeys": ["reconciler/suspended"]})).await;
    assert_eq!(world.settle(&wish).await[&key()], Next::Settled, "{}", world.told());
    assert_eq!(world.hook_tasks("api").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_smoke_test_waits_while_the_service_is_suspended() {
    let mut world = World::new().await;
    let wish = world.commit(&[with_hooks("app:1", NONE, &smoke("smoke-once:1"))]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(6)).await;
    let arn = world.service("api").await["serviceArn"].clone();
    let tag = json!([{"key": "reconciler/suspended", "value": "incident 4711"}]);
    world.ecs("TagResource", json!({"resourceArn": arn, "tags": tag})).await;
    world.run_for(&operator, &wish, Duration::from_secs(60)).await;
    assert!(world.told().contains("smoke does not run now: suspended"), "{}", world.told());
    assert!(world.record("api").last_good.is_none());
    world.ecs("UntagResource", json!({"resourceArn": arn, "tagKeys": ["reconciler/suspended"]})).await;
    assert_eq!(world.settle_with(&operator, &wish).await[&key()], Next::Settled, "{}", world.told());
    assert_eq!(world.hook_tasks("api").await, ["smoke exit 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_failed_is_followed_by_none_while_the_service_is_suspended() {
    let mut world = world_with(&with_hooks("app:1", NONE, NONE)).await;
    let twice = hook("migrate", "migrate-crash:1", "        attempts: 2\n");
    let wish = world.commit(&[with_hooks("app:2", &[twice], NONE)]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(5)).await;
    let arn = world.service("api").await["serviceArn"].clone();
    let tag = json!([{"key": "reconciler/suspended", "value": "incident 4711"}]);
    world.ecs("TagResource", json!({"resourceArn": arn, "tags": tag})).await;
    world.run_for(&operator, &wish, Duration::from_secs(120)).await;
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 1"], "{}", world.told());
    assert!(world.record("api").quarantine.is_none(), "{}", world.told());
    world.ecs("UntagResource", json!({"resourceArn": arn, "tagKeys": ["reconciler/suspended"]})).await;
    assert!(matches!(&world.settle_with(&operator, &wish).await[&key()], Next::Held(_)), "{}", world.told());
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 1", "migrate exit 1"], "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_longer_time_in_git_is_given_to_the_task_that_runs() {
    let lasting = |timeout: &str| with_hooks("app:1", &[hook("migrate", "migrate-once:1", timeout)], NONE);
    let slow = Exit { after: Duration::from_secs(300), code: 0, reason: None, last_line: "done".to_owned() };
    let mut world = World::new().await;
    world.runtime.set_script("migrate-once", Script { exits: Some(slow), ..Script::default() });
    let short = world.commit(&[lasting("        timeout: 2m\n")]);
    let operator = world.operator().await;
    world.run_for(&operator, &short, Duration::from_secs(60)).await;
    let long = world.commit(&[lasting("        timeout: 10m\n")]);
    assert_eq!(world.settle_with(&operator, &long).await[&key()], Next::Settled, "{}", world.told());
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 0"], "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn drift_is_corrected_without_hooks() {
    let hooked = with_hooks("app:1", &migrate("migrate-once:1"), &smoke("smoke-once:1"));
    let mut world = world_with(&hooked).await;
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-9"]}});
    world
        .ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "networkConfiguration": network}))
        .await;
    settles(&mut world, &hooked).await;
    assert_eq!(times(&world.take_calls(), "RunTask"), 0, "{}", world.told());
    assert_eq!(
        world.service("api").await["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"],
        json!(["sg-1"])
    );
}

#[tokio::test(start_paused = true)]
async fn a_hook_waits_for_what_its_service_depends_on() {
    let mut world = World::new().await;
    let hooked = with_hooks("app:1", &migrate("migrate-once:1"), NONE) + "  dependsOn: [base]\n";
    let wish = world.commit(&[service("base", "app:1"), hooked]);
    world.settle(&wish).await;
    let told = world.told();
    let (base, started) = (told.find("settled    base"), told.find("migrate started"));
    assert!(base.is_some() && base < started, "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_hooks_are_done_costs_one_call_a_pass() {
    let mut world = World::new().await;
    let wish = world.commit(&[with_hooks("app:1", &migrate("migrate-once:1"), &smoke("smoke-once:1"))]);
    let operator = world.operator().await;
    world.settle_with(&operator, &wish).await;
    world.take_calls();
    world.run_for(&operator, &wish, Duration::from_secs(29)).await;
    assert_eq!(world.take_calls(), ["DescribeServices"]);
}
