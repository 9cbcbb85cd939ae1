//! An administrator moves the bounds of a scalable target for a while: Git waits, and comes back.

use std::time::Duration;

use reconciler::controller::{Controller, Next, Wish};
use reconciler::model::ServiceKey;
use serde_json::json;
use simulator::faults::Fault;

use crate::world::{Memory, World, mutating, service, service_with};

const MINUTE: Duration = Duration::from_secs(60);
const NONE: [&str; 0] = [];

fn worker(minimum: u32, maximum: u32) -> String {
    service_with(
        "worker",
        "app:1",
        &format!("  scaling: {{minCapacity: {minimum}, maxCapacity: {maximum}}}\n"),
    )
}

/// A worker that Git lets scale between 1 and 4, looked after since 08:00.
async fn settled() -> (World, Controller, Wish) {
    let mut world = World::new().await;
    let wish = world.commit(&[worker(1, 4)]);
    let operator = world.operator().await;
    world.settle_with(&operator, &wish).await;
    world.take_calls();
    (world, operator, wish)
}

async fn raise(world: &World, tag: &str) {
    world.tag("worker", "reconciler/scaling-override", tag).await;
    world.scaling("RegisterScalableTarget", "worker", json!({"MinCapacity": 2, "MaxCapacity": 8})).await;
    world.take_calls();
}

async fn tagged(world: &World) -> bool {
    world.service("worker").await["tags"].to_string().contains("scaling-override")
}

const UNTIL_NINE: &str = "min=2 max=8 until=2027-01-15T09:00:00Z";

#[tokio::test(start_paused = true)]
async fn an_override_holds_gits_bounds_until_its_end_and_then_they_come_back_once() {
    let (mut world, operator, wish) = settled().await;
    raise(&world, UNTIL_NINE).await;
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());

    // A commit meanwhile: its bounds wait, only what was applied is noted.
    let wider = world.commit(&[worker(3, 6)]);
    world.run_for(&operator, &wider, 30 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["TagResource"], "{}", world.told());
    assert_eq!(world.bounds("worker").await, Some((2, 8)));

    world.run_for(&operator, &wider, 60 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["RegisterScalableTarget", "UntagResource"]);
    assert_eq!(world.bounds("worker").await, Some((3, 6)));
    assert!(!tagged(&world).await);
    insta::assert_snapshot!(world.told_since("scaling is overridden"), @r#"
    08:00:20  override   worker scaling is overridden to 2..8 until 2027-01-15 09:00 by an administrator (tag reconciler/scaling-override); Git's 1..4 waits
    08:10:20  override   worker scaling is overridden to 2..8 until 2027-01-15 09:00 by an administrator (tag reconciler/scaling-override); Git's 3..6 waits
    08:10:20  plan       worker: in place (notes the new digest; nothing of AWS's changes)
    08:10:20  tag        worker records what was applied
    08:10:25  settled    worker runs worker:1, 2 of 2 running, as Git wants it
    09:00:00  plan       worker: the override of 2..8 until 2027-01-15 09:00 has ended: Git's bounds are back, in place (maxCapacity 8 -> 6, minCapacity 2 -> 3); 1 task starts at once
    09:00:00  scale      worker scales between 3 and 6 tasks
    09:00:05  settled    worker runs worker:1, 2 of 3 running, as Git wants it
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_override_is_shown_by_plan_and_status() {
    let (mut world, _operator, _) = settled().await;
    raise(&world, UNTIL_NINE).await;
    let wish = world.commit(&[worker(1, 4)]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 4 calls

    = worker        nothing to do
        scaling.minCapacity  1 -> held: overridden to 2..8 until 09:00 by an administrator (tag reconciler/scaling-override)
        scaling.maxCapacity  4 -> held: overridden to 2..8 until 09:00 by an administrator (tag reconciler/scaling-override)

    Nothing to do, 1 unchanged.
    "#);
    insta::assert_snapshot!(world.status(&wish).await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 overridden

      Overridden   worker        runs :1 (2/2); 2..8 until 09:00 by an administrator; Git's 1..4 waits
    "#);
    tokio::time::sleep(60 * MINUTE).await;
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 4 calls

    ~ worker        scaling only, no deployment
        scaling.maxCapacity  8 -> 4  service-0.yaml:21 · the override of 2..8 has ended: Git says 4
        scaling.minCapacity  2 -> 1  service-0.yaml:21 · the override of 2..8 has ended: Git says 1
        will: register scalable target, remove the tag reconciler/scaling-override

    1 to change.
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_override_is_looked_at_when_it_comes_and_not_at_the_next_resync() {
    let (world, mut operator, wish) = settled().await;
    operator.timing.resync = 30 * MINUTE;
    raise(&world, "min=2 max=8 until=2027-01-15T08:10:00Z").await;
    // Only now does it see the tag.
    world.run_for(&operator, &wish, 9 * MINUTE).await;
    assert_eq!(world.bounds("worker").await, Some((2, 8)));
    world.run_for(&operator, &wish, 2 * MINUTE).await;
    assert_eq!(world.bounds("worker").await, Some((1, 4)), "{}", world.told());
    assert!(world.told().contains("08:10:00  plan"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn an_override_costs_no_call_more() {
    let (world, operator, wish) = settled().await;
    world.run_for(&operator, &wish, 29 * Duration::from_secs(1)).await;
    let without = world.take_calls();
    raise(&world, UNTIL_NINE).await;
    world.run_for(&operator, &wish, 29 * Duration::from_secs(1)).await;
    assert_eq!(world.take_calls(), without);
}

#[tokio::test(start_paused = true)]
async fn bounds_that_are_neither_gits_nor_the_overrides_give_way_to_the_override() {
    let (world, operator, wish) = settled().await;
    raise(&world, UNTIL_NINE).await;
    world.scaling("RegisterScalableTarget", "worker", json!({"MinCapacity": 5, "MaxCapacity": 5})).await;
    world.take_calls();
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["RegisterScalableTarget"], "{}", world.told());
    assert_eq!(world.bounds("worker").await, Some((2, 8)));
    assert!(world.told().contains("put in force again"), "{}", world.told());

    // Git's own are left alone: whoever wrote the tag may be about to move them.
    world.scaling("RegisterScalableTarget", "worker", json!({"MinCapacity": 1, "MaxCapacity": 4})).await;
    world.take_calls();
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn everything_else_is_corrected_while_an_override_is_in_force() {
    let (world, operator, wish) = settled().await;
    raise(&world, UNTIL_NINE).await;
    let by_hand = json!({"cluster": "jobs", "service": "worker", "enableExecuteCommand": true});
    world.ecs("UpdateService", by_hand).await;
    world.scaling("DeregisterScalableTarget", "worker", json!({})).await;
    world.take_calls();
    let standing = world.settle_with(&operator, &wish).await;
    assert_eq!(standing[&ServiceKey::new("worker")], Next::Settled, "{}", world.told());
    // The target that was missing comes back with the administrator's bounds.
    assert_eq!(mutating(&world.take_calls()), ["UpdateService", "RegisterScalableTarget"]);
    assert_eq!(world.bounds("worker").await, Some((2, 8)));
}

#[tokio::test(start_paused = true)]
async fn an_override_that_cannot_be_honoured_leaves_gits_bounds_in_force_and_is_told_once() {
    for (tag, why) in [
        ("min=9 max=8 until=2027-01-15T09:00:00Z", "min 9 is above max 8"),
        ("min=2 max=8 until=2027-02-15T09:00:00Z", "it ends more than 7 days from now"),
        ("2..8", "`2..8` is not `name=value`"),
    ] {
        let (world, operator, wish) = settled().await;
        raise(&world, tag).await;
        world.run_for(&operator, &wish, 10 * MINUTE).await;
        assert_eq!(mutating(&world.take_calls()), ["RegisterScalableTarget"], "{}", world.told());
        assert_eq!(world.bounds("worker").await, Some((1, 4)));
        assert!(tagged(&world).await, "it is left to its author");
        let told = world.told();
        assert_eq!(told.matches(why).count(), 1, "{told}");
        assert!(told.contains("to override them, write `min=2"), "{told}");
        assert!(world.status(&wish).await.contains(why), "{}", world.status(&wish).await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_override_that_ended_while_the_operator_was_down_is_taken_back_at_its_start() {
    let (world, operator, wish) = settled().await;
    drop(operator);
    raise(&world, UNTIL_NINE).await;
    tokio::time::sleep(5 * 60 * MINUTE).await;
    let standing = world.settle(&wish).await;
    assert_eq!(standing[&ServiceKey::new("worker")], Next::Settled, "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["RegisterScalableTarget", "UntagResource"]);
    assert_eq!(world.bounds("worker").await, Some((1, 4)));
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_left_over_is_removed_alone() {
    let (world, operator, wish) = settled().await;
    world.tag("worker", "reconciler/scaling-override", "min=2 max=8 until=2027-01-15T07:00:00Z").await;
    world.take_calls();
    world.settle_with(&operator, &wish).await;
    assert_eq!(mutating(&world.take_calls()), ["UntagResource"], "{}", world.told());
    assert!(!tagged(&world).await);
    world.settle_with(&operator, &wish).await;
    assert_eq!(mutating(&world.take_calls()), NONE);
}

#[tokio::test(start_paused = true)]
async fn drift_that_is_tolerated_does_not_keep_an_override_from_ending_and_stays() {
    let mut world = World::new().await;
    let manifest = format!("{}  sync: {{drift: warn}}\n", worker(1, 4));
    let wish = world.commit(&[manifest]);
    let operator = world.operator().await;
    world.settle_with(&operator, &wish).await;
    raise(&world, UNTIL_NINE).await;
    let by_hand = json!({"cluster": "jobs", "service": "worker", "enableExecuteCommand": true});
    world.ecs("UpdateService", by_hand).await;
    world.take_calls();
    world.run_for(&operator, &wish, 90 * MINUTE).await;
    assert_eq!(
        mutating(&world.take_calls()),
        ["RegisterScalableTarget", "UntagResource"],
        "{}",
        world.told()
    );
    assert_eq!(world.bounds("worker").await, Some((1, 4)));
    assert_eq!(world.service("worker").await["enableExecuteCommand"], true);
}

#[tokio::test(start_paused = true)]
async fn a_quarantined_commit_does_not_keep_an_override_from_ending() {
    let (mut world, operator, _) = settled().await;
    let bad = world.commit(&[worker(1, 4).replace("app:1", "app:crash")]);
    let standing = world.settle_with(&operator, &bad).await;
    assert!(matches!(standing[&ServiceKey::new("worker")], Next::Held(_)), "{}", world.told());
    raise(&world, UNTIL_NINE).await;
    world.run_for(&operator, &bad, 90 * MINUTE).await;
    assert_eq!(
        mutating(&world.take_calls()),
        ["RegisterScalableTarget", "UntagResource"],
        "{}",
        world.told()
    );
    assert_eq!(world.bounds("worker").await, Some((1, 4)));
    // And the quarantine stands.
    assert!(world.record("worker").quarantine.is_some());
    assert_eq!(world.runs("worker").await, "worker:1");
    assert!(matches!(world.settle_with(&operator, &bad).await[&ServiceKey::new("worker")], Next::Held(_)));
}

#[tokio::test(start_paused = true)]
async fn an_override_ends_while_what_the_service_depends_on_is_held() {
    let mut world = World::new().await;
    let dependent = |image: &str| worker(1, 4).replace("app:1", image) + "  dependsOn: [api]\n";
    let good = world.commit(&[service("api", "app:1"), dependent("app:1")]);
    let operator = world.operator().await;
    world.settle_with(&operator, &good).await;
    raise(&world, UNTIL_NINE).await;
    let bad = world.commit(&[service("api", "app:crash"), dependent("app:2")]);
    world.run_for(&operator, &bad, 59 * MINUTE).await;
    assert_eq!(world.bounds("worker").await, Some((2, 8)), "{}", world.told());
    world.run_for(&operator, &bad, 10 * MINUTE).await;
    assert_eq!(world.bounds("worker").await, Some((1, 4)), "{}", world.told());
    assert!(!tagged(&world).await);
    // What Git asks for besides goes on waiting.
    assert_eq!(world.runs("worker").await, "worker:1");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_service_keeps_its_override_past_its_end() {
    let (world, operator, wish) = settled().await;
    raise(&world, UNTIL_NINE).await;
    world.tag("worker", "reconciler/suspended", "incident 4711").await;
    world.take_calls();
    world.run_for(&operator, &wish, 90 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    world.untag("worker", "reconciler/suspended").await;
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert_eq!(world.bounds("worker").await, Some((1, 4)));
}

/// The end of an override, with the operator killed at its `at`-th call.
async fn killed(at: usize, fault: Fault) -> World {
    let (world, operator, wish) = settled().await;
    raise(&world, UNTIL_NINE).await;
    tokio::time::sleep(61 * MINUTE).await;
    world.kill_at(operator, &wish, at, fault).await;
    world.settle(&wish).await;
    world
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_the_end_of_an_override_it_converges() {
    let undisturbed = killed(usize::MAX, Fault::None).await;
    let calls = undisturbed.take_calls();
    assert!(calls.len() >= 5, "{calls:?}");
    for (at, call) in calls.iter().enumerate() {
        for fault in [Fault::NeverApply, Fault::NeverAnswer] {
            let world = killed(at, fault.clone()).await;
            assert_eq!(world.bounds("worker").await, Some((1, 4)), "{fault:?} {call}: {}", world.told());
            assert!(!tagged(&world).await, "{fault:?} {call}");
            assert!(!world.told().contains("behind our back"), "{fault:?} {call}: {}", world.told());
        }
    }
}
