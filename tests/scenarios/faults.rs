//! AWS throttles, fails and keeps silent: the end is the same, without doubles.

use std::collections::BTreeSet;
use std::time::Duration;

use simulator::error::ApiError;
use simulator::faults::Fault;
use tokio::time::Instant;

use super::story::{End, Story};
use crate::world::{World, mutating};

const STORIES: [Story; 10] = [
    Story::FirstDeploy,
    Story::FirstDeployInFull,
    Story::Update,
    Story::Drift,
    Story::Schedule,
    Story::Reschedule,
    Story::ScheduleDrift,
    Story::FirstDeployWithHooks,
    Story::UpdateWithHooks,
    Story::HookIsTooLate,
];

/// Plays the story with a script of faults; answers its end and its calls.
async fn played(
    story: Story,
    script: impl FnMut(&simulator::faults::CallSite) -> Fault + Send + 'static,
) -> (End, Vec<String>) {
    let mut world = World::new().await;
    let wish = story.begin(&mut world).await;
    world.simulator.set_fault(Box::new(script));
    world.settle(&wish).await;
    world.simulator.clear_fault();
    let calls = world.take_calls();
    (End::of(&world).await, calls)
}

/// Each kind of mutating call in the story is answered like this once.
async fn once_for_each_call(fault: &Fault) {
    for story in STORIES {
        let (expected, calls) = story.undisturbed().await;
        let operations: BTreeSet<String> = mutating(&calls).into_iter().collect();
        for operation in operations {
            let (fault, name) = (fault.clone(), operation.clone());
            let mut struck = false;
            let (end, _) = played(story, move |call| {
                if call.operation != name || std::mem::replace(&mut struck, true) {
                    return Fault::None;
                }
                fault.clone()
            })
            .await;
            assert_eq!(end, expected, "{story:?}, {operation}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_at_every_call_it_still_converges() {
    for story in STORIES {
        let (expected, _) = story.undisturbed().await;
        let mut struck = BTreeSet::new();
        // Each call is refused the first time it is made after a success of its kind.
        let (end, calls) = played(story, move |call| match struck.remove(&call.operation) {
            true => Fault::None,
            false => {
                struck.insert(call.operation.clone());
                Fault::Throttle
            }
        })
        .await;
        assert_eq!(end, expected, "{story:?}");
        assert!(calls.len() >= 10, "{calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_took_effect_and_is_never_answered_is_looked_up_and_not_repeated() {
    once_for_each_call(&Fault::NeverAnswer).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_took_effect_and_is_answered_with_500_is_looked_up_and_not_repeated() {
    let mut error = ApiError::new("ServerException", "Something went wrong.");
    error.status = 500;
    once_for_each_call(&Fault::FailAfter(error)).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_arrived_is_made_again() {
    once_for_each_call(&Fault::NeverApply).await;
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_the_familys_list_does_not_show_yet_is_not_registered_again() {
    let mut world = World::new().await;
    let wish = Story::Update.begin(&mut world).await;
    world.simulator.keep_past();
    let (mut refused, mut lists) = (false, 0);
    let mut error = ApiError::new("ServerException", "Something went wrong.");
    error.status = 500;
    world.simulator.set_fault(Box::new(move |call| match call.operation.as_str() {
        // The first try ends after the revision was registered ...
        "UpdateService" if !std::mem::replace(&mut refused, true) => Fault::RefuseBefore(error.clone()),
        // ... and the second one is shown the list of before.
        "ListTaskDefinitions" => {
            lists += 1;
            if lists == 2 { Fault::Stale(1) } else { Fault::None }
        }
        _ => Fault::None,
    }));
    world.settle(&wish).await;
    assert_eq!(world.revisions("api").await, ["api:1", "api:2"], "{}", world.told());
    assert_eq!(world.runs("api").await, "api:2");
}

#[tokio::test(start_paused = true)]
async fn a_look_from_before_our_deployment_does_not_reject_the_commit() {
    let mut world = World::new().await;
    let wish = Story::Update.begin(&mut world).await;
    world.simulator.keep_past();
    let (mut updated, mut struck) = (false, false);
    let mut error = ApiError::new("ServerException", "Something went wrong.");
    error.status = 500;
    world.simulator.set_fault(Box::new(move |call| match call.operation.as_str() {
        "UpdateService" => {
            updated = true;
            Fault::None
        }
        // Nothing that is written in between makes the look newer.
        "TagResource" if !struck => Fault::RefuseBefore(error.clone()),
        "DescribeServices" if updated && !std::mem::replace(&mut struck, true) => Fault::Stale(1),
        _ => Fault::None,
    }));
    world.settle(&wish).await;
    assert_eq!(world.record("api").quarantine, None, "{}", world.told());
    assert_eq!(world.runs("api").await, "api:2");
    assert!(!world.told().contains("rollback"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_finds_no_room_after_aws_was_away_is_tried_again() {
    let (expected, _) = Story::UpdateWithHooks.undisturbed().await;
    let mut error = ApiError::new("ServerException", "Something went wrong.");
    error.status = 500;
    let mut began = None;
    // Longer than the hook may take.
    let (end, _) = played(Story::UpdateWithHooks, move |call| {
        let away = began.get_or_insert_with(Instant::now).elapsed() < Duration::from_secs(12 * 60);
        match call.operation == "RegisterTaskDefinition" && away {
            true => Fault::RefuseBefore(error.clone()),
            false => Fault::None,
        }
    })
    .await;
    assert_eq!(end, expected);
}
