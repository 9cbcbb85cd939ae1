//! Killed at any AWS call, before or after it took effect, it converges to the same end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reconciler::controller::Wish;
use simulator::faults::Fault;
use tokio_util::sync::CancellationToken;

use crate::world::{World, service};

#[derive(Clone, Copy, Debug)]
enum Story {
    FirstDeploy,
    Update,
    RollBack,
}

/// How the world looks when everything is over.
#[derive(Debug, PartialEq)]
struct End {
    runs: String,
    running: Option<i64>,
    revisions: Vec<String>,
    deployments: usize,
    quarantined: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kill {
    /// The process dies before its call reaches AWS.
    Before,
    /// The call takes effect, and the process dies before it hears so.
    After,
}

/// Plays the story up to the commit under test, without faults.
async fn before(story: Story, world: &mut World) -> Wish {
    match story {
        Story::FirstDeploy => world.commit(&[service("api", "app:1")]),
        Story::Update => {
            let first = world.commit(&[service("api", "app:1")]);
            world.settle(&first).await;
            world.commit(&[service("api", "app:2")])
        }
        Story::RollBack => {
            let first = world.commit(&[service("api", "app:1")]);
            world.settle(&first).await;
            world.commit(&[service("api", "app:crash")])
        }
    }
}

async fn end(world: &World) -> End {
    let deployments =
        world.ecs("ListServiceDeployments", serde_json::json!({"cluster": "jobs", "service": "api"})).await;
    End {
        runs: world.runs("api").await,
        running: world.service("api").await["runningCount"].as_i64(),
        revisions: world.revisions("api").await,
        deployments: deployments["serviceDeployments"].as_array().map_or(0, Vec::len),
        quarantined: world.record("api").quarantine.is_some(),
    }
}

/// Plays a story without any fault; answers its end and how many calls it took.
async fn undisturbed(story: Story) -> (End, usize) {
    let mut world = World::new().await;
    let wish = before(story, &mut world).await;
    world.take_calls();
    world.settle(&wish).await;
    let calls = world.take_calls().len();
    (end(&world).await, calls)
}

/// Plays a story, kills the operator at its `at`-th call, starts another.
async fn killed(story: Story, at: usize, kill: Kill) -> End {
    let mut world = World::new().await;
    let wish = before(story, &mut world).await;
    world.take_calls();
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
            Kill::Before | Kill::After => Fault::NeverApply,
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
    world.simulator.set_fault(Box::new(|_| Fault::None));
    world.settle(&wish).await;
    end(&world).await
}

async fn converges(story: Story) {
    let (expected, calls) = undisturbed(story).await;
    assert!(calls > 3, "the story makes calls to be killed at");
    for at in 0..calls {
        for kill in [Kill::Before, Kill::After] {
            assert_eq!(
                killed(story, at, kill).await,
                expected,
                "{story:?}, killed {kill:?} call {at} of {calls}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_first_deployment_it_converges() {
    converges(Story::FirstDeploy).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_an_update_it_converges() {
    converges(Story::Update).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_roll_back_it_converges() {
    converges(Story::RollBack).await;
}
