//! What people read: the journal on a terminal, the plan and the status, word by word.

use serde_json::json;
use std::collections::BTreeMap;

use reconciler::controller::Wish;
use reconciler::report::status::{Show, StatusTextOptions, fold, status_text};
use reconciler::report::{Colour, Explain, PlanTextOptions, plan_text};

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
    let plan = world.plan(wish, Memory::Ledger).await;
    let options = PlanTextOptions {
        colour: Colour::Plain,
        explain: Explain::Differences,
        now: plan.read_at,
        width: None,
    };
    plan_text(&plan, wish, &options)
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_reads_like_this() {
    let (world, _) = settled("app:1").await;
    insta::assert_snapshot!(world.told(), @"");
}

#[tokio::test(start_paused = true)]
async fn an_update_reads_like_this() {
    let (mut world, _) = settled("app:1").await;
    let changed = service("api", "app:2").replace("LOG_LEVEL: info", "LOG_LEVEL: debug, BATCH: '20'");
    let wish = world.commit(&[changed]);
    insta::assert_snapshot!(plan(&world, &wish).await, @"");
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @"");
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_reads_like_this() {
    let (mut world, _) = settled("app:1").await;
    let wish = world.commit(&[service("api", "app:crash")]);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @"");
    insta::assert_snapshot!(plan(&world, &wish).await, @"");
    insta::assert_snapshot!(status(&world, &wish).await, @"");
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_by_deadline_reads_like_this() {
    let mut world = World::new().await;
    let good = world.commit(&[super::story::without_breaker("api", "app:1", "1m")]);
    world.settle(&good).await;
    let bad = world.commit(&[super::story::without_breaker("api", "registry.invalid/app:2", "1m")]);
    world.settle(&bad).await;
    insta::assert_snapshot!(since(&world, "new revision"), @"");
}

#[tokio::test(start_paused = true)]
async fn a_drift_reads_like_this() {
    let (world, wish) = settled("app:1").await;
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "desiredCount": 5})).await;
    insta::assert_snapshot!(plan(&world, &wish).await, @"");
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "drift"), @"");
}

async fn status(world: &World, wish: &Wish) -> String {
    let plan = world.plan(wish, Memory::Ledger).await;
    let records = BTreeMap::from([(reconciler::model::ServiceKey::new("api"), world.record("api"))]);
    let live = world.look(wish, &records).await;
    let status = fold(wish, &live, &records, &plan, world.now(), world.now());
    status_text(&status, &StatusTextOptions { colour: Colour::Plain, show: Show::Attention })
}
