//! Killed at any AWS call, before or after it took effect, or at any line of the ledger, it converges to
//! the same end: the same revisions, no more deployments, no hook that runs twice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reconciler::model::IntentKind;
use simulator::faults::Fault;
use tokio_util::sync::CancellationToken;

use super::story::{End, Story};
use crate::world::{World, service};

#[derive(Clone, Copy, Debug)]
enum Kill {
    /// The process dies before its call reaches AWS.
    Before,
    /// The call takes effect, and the process dies before it hears so.
    After,
    /// The process dies before its call reaches AWS, and earlier still: when the ledger had this many
    /// lines, all of them written since the call before.
    AtLine(usize),
}

/// Plays a story, kills the operator at its `at`-th call, starts another.
async fn killed(story: Story, at: usize, kill: Kill) -> End {
    let mut world = World::new().await;
    let wish = story.begin(&mut world).await;
    let reached = Arc::new(AtomicUsize::new(0));
    let dead = CancellationToken::new();
    let (count, died) = (reached.clone(), dead.clone());
    world.simulator.set_fault(Box::new(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        if number < at {
            return Fault::None;
        }
        died.cancel();
        match kill {
            Kill::After if number == at => Fault::NeverAnswer,
            Kill::Before | Kill::After | Kill::AtLine(_) => Fault::NeverApply,
        }
    }));
    let operator = world.operator().await;
    tokio::select! {
        biased;
        // Dropping the future is the kill: nothing of it runs any further.
        () = dead.cancelled() => {}
        _ = operator.settle(wish.clone(), CancellationToken::new()) => {}
    }
    drop(operator);
    // Tasks that were spawned are dropped with the loop; let the runtime notice.
    tokio::time::sleep(Duration::from_millis(1)).await;
    world.simulator.clear_fault();
    if let Kill::AtLine(lines) = kill {
        world.cut_ledger(lines);
    }
    world.settle(&wish).await;
    // Nobody but us was at work, so no content is taken for somebody else's.
    let blamed = match story {
        Story::Schedule | Story::Reschedule => world.told().contains("behind our back"),
        _ => world.told().contains("behind our back, set back by a deployment"),
    };
    assert!(!blamed || matches!(story, Story::Drift), "{story:?}, {kill:?} {at}:\n{}", world.told());
    End::of(&world).await
}

async fn converges(story: Story) {
    let (expected, calls) = story.undisturbed().await;
    assert!(calls.len() > 3, "the story makes calls to be killed at");
    for (at, call) in calls.iter().enumerate() {
        for kill in [Kill::Before, Kill::After] {
            assert_eq!(
                killed(story, at, kill).await,
                expected,
                "{story:?}, killed {kill:?} call {at} of {}, {call}",
                calls.len()
            );
        }
    }
}

/// How many lines the ledger has at each call of a story, and at its end.
async fn lines_at_each_call(story: Story) -> Vec<usize> {
    let mut world = World::new().await;
    let wish = story.begin(&mut world).await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let (count, seen) = (world.count_ledger_lines(), lines.clone());
    world.simulator.set_fault(Box::new(move |_| {
        seen.lock().unwrap().push(count());
        Fault::None
    }));
    world.settle(&wish).await;
    world.simulator.clear_fault();
    let mut lines = lines.lock().unwrap().clone();
    lines.push(world.ledger_lines());
    lines
}

/// The same at each line that is written: it is there, and the next one is not.
async fn converges_at_every_line(story: Story) {
    let (expected, calls) = story.undisturbed().await;
    let lines = lines_at_each_call(story).await;
    assert_eq!(lines.len(), calls.len() + 1);
    let mut cases = 0;
    for (at, pair) in lines.windows(2).enumerate() {
        for kept in pair[0]..pair[1] {
            let kill = Kill::AtLine(kept);
            assert_eq!(killed(story, at + 1, kill).await, expected, "{story:?}, {kill:?} of {lines:?}");
            cases += 1;
        }
    }
    assert!(cases > 2, "the story writes lines to be killed at: {lines:?}");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_first_deployment_it_converges() {
    converges(Story::FirstDeploy).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_first_deployment_with_scaling_and_a_load_balancer_it_converges() {
    converges(Story::FirstDeployInFull).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_an_update_it_converges() {
    converges(Story::Update).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_roll_back_it_converges() {
    converges(Story::RollBack).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_roll_back_by_deadline_it_converges() {
    converges(Story::RollBackByDeadline).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_drift_correction_it_converges() {
    converges(Story::Drift).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_first_schedule_it_converges() {
    converges(Story::Schedule).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_change_of_a_schedule_it_converges() {
    converges(Story::Reschedule).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_while_a_schedule_is_set_back_it_converges() {
    converges(Story::ScheduleDrift).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_line_of_the_ledger_of_a_change_of_a_schedule_it_converges() {
    converges_at_every_line(Story::Reschedule).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_first_deployment_with_hooks_it_converges() {
    converges(Story::FirstDeployWithHooks).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_line_of_the_ledger_of_a_first_deployment_with_hooks_it_converges() {
    converges_at_every_line(Story::FirstDeployWithHooks).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_an_update_with_hooks_it_converges() {
    converges(Story::UpdateWithHooks).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_line_of_the_ledger_of_an_update_with_hooks_it_converges() {
    converges_at_every_line(Story::UpdateWithHooks).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_hook_that_fails_it_converges() {
    converges(Story::HookFails).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_line_of_the_ledger_of_a_hook_that_fails_it_converges() {
    converges_at_every_line(Story::HookFails).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_hook_that_does_not_end_in_time_it_converges() {
    converges(Story::HookIsTooLate).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_line_of_the_ledger_of_a_hook_that_does_not_end_in_time_it_converges() {
    converges_at_every_line(Story::HookIsTooLate).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_smoke_test_that_fails_it_converges() {
    converges(Story::SmokeTestFails).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_line_of_the_ledger_of_a_smoke_test_that_fails_it_converges() {
    converges_at_every_line(Story::SmokeTestFails).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_replacement_it_converges() {
    converges(Story::Replace).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_line_of_the_ledger_of_a_replacement_it_converges() {
    converges_at_every_line(Story::Replace).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_deployment_that_passes_its_gates_it_converges() {
    converges(Story::GatesPass).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_gate_that_fails_it_converges() {
    converges(Story::GateFails).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_an_alarm_that_fails_a_deployment_it_converges() {
    converges(Story::AlarmFails).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_line_of_the_ledger_of_a_deployment_that_passes_its_gates_it_converges() {
    converges_at_every_line(Story::GatesPass).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_line_of_the_ledger_of_a_gate_that_fails_it_converges() {
    converges_at_every_line(Story::GateFails).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_roll_back_by_hand_it_converges() {
    converges(Story::RollBackByHand).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_line_of_the_ledger_of_a_roll_back_by_hand_it_converges() {
    converges_at_every_line(Story::RollBackByHand).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_retry_it_converges() {
    converges(Story::Retry).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_line_of_the_ledger_of_a_retry_it_converges() {
    converges_at_every_line(Story::Retry).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_kill_before_the_tags_left_behind_is_settled_although_the_digest_is_held() {
    let mut world = World::new().await;
    let good = world.commit(&[service("api", "app:1")]);
    world.settle(&good).await;
    let bad = world.commit(&[service("api", "app:crash")]);
    let dead = CancellationToken::new();
    let died = dead.clone();
    world.simulator.set_fault(Box::new(move |site| {
        if site.operation == "TagResource" {
            died.cancel();
        }
        if died.is_cancelled() { Fault::NeverApply } else { Fault::None }
    }));
    let operator = world.operator().await;
    tokio::select! {
        biased;
        () = dead.cancelled() => {}
        ended = operator.settle(bad.clone(), CancellationToken::new()) => panic!("{ended:?}"),
    }
    drop(operator);
    tokio::time::sleep(Duration::from_millis(1)).await;
    world.simulator.clear_fault();
    assert_eq!(world.record("api").intent.map(|intent| intent.kind), Some(IntentKind::Tag));

    world.settle(&bad).await;
    let record = world.record("api");
    assert_eq!((record.quarantine.is_some(), record.intent), (true, None), "{}", world.told());
}
