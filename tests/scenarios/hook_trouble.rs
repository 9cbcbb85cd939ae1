//! Hooks that fail, can't run, take too long, or are lost sight of.

use std::time::Duration;

use reconciler::controller::{Next, Wish};
use reconciler::model::{Gate, HookStage};
use serde_json::json;
use simulator::faults::Fault;
use simulator::runtime::scripted::{Exit, Script};

use super::hooks::{NONE, is_held, key, migrate, settles, smoke, times, world_with};
use super::story::{hook, with_hooks};
use crate::world::{World, mutating};

#[tokio::test(start_paused = true)]
async fn a_failed_hook_before_a_deployment_changes_nothing_and_is_held() {
    let mut world = world_with(&with_hooks("app:1", NONE, NONE)).await;
    let bad =
        with_hooks("app:2", &[hook("schema", "schema-crash:1", ""), hook("data", "data-once:1", "")], NONE);
    let failure = is_held(&mut world, &bad).await;
    assert_eq!(failure.gate, Gate::Hook);
    assert_eq!(
        failure.likely_cause,
        "hook schema: container schema exited 1; its last words: \"fatal: cannot start: configuration is not valid\""
    );
    let hook = failure.hook.unwrap();
    assert_eq!((hook.name.as_str(), hook.stage), ("schema", HookStage::Before));
    assert_eq!(
        hook.last_words,
        ["starting schema-crash:1", "fatal: cannot start: configuration is not valid"]
    );
    assert_eq!(failure.stopped_tasks[0].stopped_reason, "Essential container in task exited");
    // Nothing but the hook, and not the one after it; what runs is untouched.
    assert_eq!(mutating(&world.take_calls()), ["RegisterTaskDefinition", "RunTask"]);
    assert_eq!(world.runs("api").await, "api:1");
    assert_eq!(world.service("api").await["deployments"].as_array().unwrap().len(), 1);
    // Nor after a restart.
    let again = world.commit(&[bad]);
    world.settle(&again).await;
    assert_eq!(mutating(&world.take_calls()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_a_hook_refused_is_tried_again_when_git_asks_for_it_after_something_else() {
    let good = with_hooks("app:1", NONE, NONE);
    let bad = with_hooks("app:2", &migrate("migrate-crash:1"), NONE);
    let mut world = world_with(&good).await;
    is_held(&mut world, &bad).await;
    settles(&mut world, &good).await;
    // The same content, so another token is what makes another task of it.
    is_held(&mut world, &bad).await;
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 1", "migrate exit 1"], "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_tried_as_often_as_it_may_fail() {
    let tried = |attempts: u32| {
        with_hooks(
            "app:1",
            &[hook("migrate", "migrate-crash:1", &format!("        attempts: {attempts}\n"))],
            NONE,
        )
    };
    let mut world = World::new().await;
    is_held(&mut world, &tried(3)).await;
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 1"; 3], "{}", world.told());
    assert_eq!(world.service("api").await, serde_json::Value::Null);

    let mut world = World::new().await;
    let wish = world.commit(&[tried(2)]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(11)).await;
    let ends = Exit { after: Duration::from_secs(2), code: 0, reason: None, last_line: "done".to_owned() };
    world.runtime.set_script("migrate-crash", Script { exits: Some(ends), ..Script::default() });
    assert_eq!(world.settle_with(&operator, &wish).await[&key()], Next::Settled, "{}", world.told());
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 1", "migrate exit 0"], "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_failed_smoke_test_takes_the_service_back() {
    let mut world = world_with(&with_hooks("app:1", NONE, &smoke("smoke-once:1"))).await;
    let failure = is_held(&mut world, &with_hooks("app:2", NONE, &smoke("smoke-crash:1"))).await;
    assert_eq!((failure.gate, failure.hook.unwrap().stage), (Gate::Hook, HookStage::After));
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    assert_eq!(world.record("api").last_good.unwrap().task_definition.to_string(), "api:1");
    assert_eq!(world.hook_tasks("api").await, ["smoke exit 0", "smoke exit 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_that_fails_its_smoke_test_is_held_and_no_way_back_for_others() {
    let mut world = World::new().await;
    let bad = with_hooks("app:1", NONE, &smoke("smoke-crash:1"));
    is_held(&mut world, &bad).await;
    assert_eq!(world.runs("api").await, "api:1", "there is nothing to go back to");
    assert!(world.record("api").last_good.is_none(), "{}", world.told());
    // It has completed, and is not taken for good by the next look either.
    let again = world.commit(&[bad]);
    assert!(matches!(&world.settle(&again).await[&key()], Next::Held(_)), "{}", world.told());
    assert!(world.record("api").last_good.is_none(), "{}", world.told());
    assert_eq!(world.hook_tasks("api").await.len(), 1);
    is_held(&mut world, &with_hooks("app:crash", NONE, &smoke("smoke-once:1"))).await;
    let good = with_hooks("app:2", NONE, &smoke("smoke-once:1"));
    settles(&mut world, &good).await;
    assert_eq!(world.record("api").last_good.unwrap().task_definition.to_string(), world.runs("api").await);
}

#[tokio::test(start_paused = true)]
async fn with_on_failure_hold_a_failed_smoke_test_leaves_what_runs() {
    let mut world = world_with(&with_hooks("app:1", NONE, NONE)).await;
    let bad = with_hooks("app:2", NONE, &smoke("smoke-crash:1"));
    is_held(&mut world, &bad.replace("timeout: 15m", "onFailure: hold")).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
    assert_eq!(world.record("api").last_good.unwrap().task_definition.to_string(), "api:1");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_does_not_end_in_time_is_stopped_and_has_failed() {
    let mut world = world_with(&with_hooks("app:1", NONE, NONE)).await;
    let endless = hook("migrate", "endless:1", "        timeout: 2m\n        attempts: 3\n");
    let failure = is_held(&mut world, &with_hooks("app:2", &[endless], NONE)).await;
    assert_eq!(failure.likely_cause, "hook migrate: it did not end within 2 m and was stopped");
    assert_eq!(mutating(&world.take_calls()), ["RegisterTaskDefinition", "RunTask", "StopTask"]);
    assert!(failure.stopped_tasks[0].stopped_reason.starts_with("reconciler: "), "{failure:?}");
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_somebody_stops_has_failed_and_is_not_tried_again() {
    let mut world = World::new().await;
    let wish =
        world.commit(&[with_hooks("app:1", &[hook("migrate", "endless:1", "        attempts: 3\n")], NONE)]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(20)).await;
    let task = world.record("api").hook.unwrap().task.unwrap();
    world.ecs("StopTask", json!({"cluster": "jobs", "task": task, "reason": "wrong database"})).await;
    assert!(matches!(&world.settle_with(&operator, &wish).await[&key()], Next::Held(_)), "{}", world.told());
    let failure = world.record("api").quarantine.unwrap().failure;
    assert_eq!(failure.likely_cause, "hook migrate: somebody stopped its task: wrong database");
    assert_eq!(world.hook_tasks("api").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_finds_no_room_is_tried_again_and_costs_no_try() {
    let mut world = World::new().await;
    world.simulator.with_world(|account| {
        account.ecs.no_room.extend(["RESOURCE:MEMORY".to_owned(), "AGENT".to_owned()]);
    });
    settles(&mut world, &with_hooks("app:1", &migrate("migrate-once:1"), NONE)).await;
    assert_eq!(times(&world.take_calls(), "RunTask"), 3, "{}", world.told());
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 0"]);
    assert!(
        world.told().contains("no room for its task: RESOURCE:MEMORY; tried again in 5 s"),
        "{}",
        world.told()
    );
}

#[tokio::test(start_paused = true)]
async fn a_hook_whose_machine_goes_away_is_run_again_and_costs_no_try() {
    let mut world = World::new().await;
    let wish = world.commit(&[with_hooks("app:1", &migrate("migrate-once:1"), NONE)]);
    let slow = Exit { after: Duration::from_secs(30), code: 0, reason: None, last_line: "done".to_owned() };
    world.runtime.set_script("migrate-once", Script { exits: Some(slow), ..Script::default() });
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(20)).await;
    let task = world.record("api").hook.unwrap().task.unwrap();
    let interrupted = world
        .simulator
        .with_world(|account| simulator::ecs::interrupt(account, world.runtime.as_ref(), &task));
    assert!(interrupted);
    assert_eq!(world.settle_with(&operator, &wish).await[&key()], Next::Settled, "{}", world.told());
    // It ended with 0 when it was told to stop, and had not done its work for all that.
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 0", "migrate exit 0"], "{}", world.told());
    assert!(world.told().contains("Spot took the capacity back"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_can_not_run_for_its_whole_time_has_failed() {
    let mut world = World::new().await;
    world.simulator.with_world(|account| account.ecs.full_subnets.insert("subnet-1".to_owned()));
    let failure = is_held(
        &mut world,
        &with_hooks("app:1", &[hook("migrate", "migrate-once:1", "        timeout: 5m\n")], NONE),
    )
    .await;
    assert!(failure.likely_cause.starts_with("hook migrate: it could not run for 5"), "{failure:?}");
    assert!(failure.likely_cause.contains("no network interface"), "{failure:?}");
    // With growing pauses: far fewer than a look every five seconds would be.
    let runs = times(&world.take_calls(), "RunTask");
    assert!((4..=8).contains(&runs), "{runs}\n{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn an_image_that_can_not_be_pulled_is_not_tried_again() {
    let mut world = World::new().await;
    let tried = hook("migrate", "registry.invalid/migrate:1", "        attempts: 3\n");
    let failure = is_held(&mut world, &with_hooks("app:1", &[tried], NONE)).await;
    assert_eq!(
        failure.likely_cause,
        "hook migrate: image registry.invalid/migrate:1 can't be pulled: not found"
    );
    assert_eq!(times(&world.take_calls(), "RunTask"), 1, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn what_run_task_refuses_is_asked_for_once() {
    let mut world = World::new().await;
    let elsewhere = hook("migrate", "migrate-once:1", "        launchType: EXTERNAL\n");
    let elsewhere = elsewhere.replace("          networkMode: awsvpc\n", "          networkMode: host\n");
    let elsewhere = elsewhere
        .replace("          cpu: 256", "          requiresCompatibilities: [EC2]\n          cpu: 256");
    let failure = is_held(&mut world, &with_hooks("app:1", &[elsewhere], NONE)).await;
    assert!(failure.likely_cause.contains("AWS refuses it: "), "{failure:?}");
    assert!(failure.likely_cause.contains("does not support launch_type EXTERNAL"), "{failure:?}");
    assert_eq!(times(&world.take_calls(), "RunTask"), 1, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_after_git_has_moved_on_holds_nothing() {
    let mut world = world_with(&with_hooks("app:1", NONE, NONE)).await;
    let bad = world.commit(&[with_hooks("app:2", &migrate("migrate-crash:1"), NONE)]);
    let operator = world.operator().await;
    world.run_for(&operator, &bad, Duration::from_secs(2)).await;
    assert!(world.record("api").hook.unwrap().task.is_some());
    let good = world.commit(&[with_hooks("app:3", NONE, NONE)]);
    assert_eq!(world.settle_with(&operator, &good).await[&key()], Next::Settled, "{}", world.told());
    assert!(world.record("api").quarantine.is_none());
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_smoke_test_that_fails_takes_nothing_back_that_somebody_else_deployed() {
    let mut world = world_with(&with_hooks("app:1", NONE, NONE)).await;
    let wish = world.commit(&[with_hooks("app:2", NONE, &smoke("smoke-crash:1"))]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(22)).await;
    assert!(world.record("api").hook.is_some(), "{}", world.told());
    let by_hand = json!({"family": "by-hand", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [{"name": "app", "image": "app:3"}]});
    world.ecs("RegisterTaskDefinition", by_hand).await;
    world
        .ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "taskDefinition": "by-hand"}))
        .await;
    world.take_calls();
    world.run_for(&operator, &wish, Duration::from_secs(12)).await;
    assert!(world.told().contains("by-hand:1 was deployed instead"), "{}", world.told());
    assert!(!world.told().contains("-> api:1, the last that completed"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ecs_has_forgotten_is_not_run_again() {
    let mut world = World::new().await;
    let wish = world.commit(&[with_hooks("app:1", &migrate("migrate-once:1"), NONE)]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(6)).await;
    drop(operator);
    // It ends while nobody looks, and is no longer shown when somebody does.
    tokio::time::sleep(Duration::from_secs(3 * 3_600)).await;
    assert!(matches!(&world.settle(&wish).await[&key()], Next::Held(_)), "{}", world.told());
    let failure = world.record("api").quarantine.unwrap().failure;
    let cause = "hook migrate: ECS no longer shows its task, so it is not known how it ended";
    assert_eq!(failure.likely_cause, cause);
    assert_eq!(times(&world.take_calls(), "RunTask"), 1, "{}", world.told());
}

/// The operator asks for the task, hears no answer, and is away for this long.
async fn away_after_run_task(hours: u64) -> (World, Wish) {
    let mut world = World::new().await;
    let wish = world.commit(&[with_hooks("app:1", &migrate("migrate-once:1"), NONE)]);
    world.simulator.set_fault(Box::new(|call| match call.operation.as_str() {
        "RunTask" => Fault::NeverAnswer,
        _ => Fault::None,
    }));
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(5)).await;
    drop(operator);
    world.simulator.clear_fault();
    let open = world.record("api").hook.unwrap();
    assert!(open.asked_at.is_some() && open.task.is_none(), "{open:?}");
    tokio::time::sleep(Duration::from_secs(hours * 3_600)).await;
    (world, wish)
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_answer_was_lost_long_ago_is_not_run_again() {
    // ECS has forgotten the task, then the token as well.
    for (hours, calls) in [(2, 2), (30, 1)] {
        let (world, wish) = away_after_run_task(hours).await;
        assert!(matches!(&world.settle(&wish).await[&key()], Next::Held(_)), "{}", world.told());
        let failure = world.record("api").quarantine.unwrap().failure;
        assert!(failure.likely_cause.contains("no longer shows its task"), "{failure:?}");
        assert_eq!(times(&world.take_calls(), "RunTask"), calls, "{}", world.told());
    }
}

#[tokio::test(start_paused = true)]
async fn when_git_moves_on_a_task_whose_answer_was_lost_still_ends_first() {
    let mut world = world_with(&with_hooks("app:1", NONE, NONE)).await;
    let first = world.commit(&[with_hooks("app:2", &migrate("migrate-once:1"), NONE)]);
    world.simulator.set_fault(Box::new(|call| match call.operation.as_str() {
        "RunTask" => Fault::NeverAnswer,
        _ => Fault::None,
    }));
    let operator = world.operator().await;
    world.run_for(&operator, &first, Duration::from_secs(5)).await;
    world.simulator.clear_fault();
    let second = world.commit(&[with_hooks("app:3", &migrate("migrate-once:2"), NONE)]);
    assert_eq!(world.settle_with(&operator, &second).await[&key()], Next::Settled, "{}", world.told());
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 0", "migrate exit 0"], "{}", world.told());
    assert!(world.record("api").quarantine.is_none());
}
