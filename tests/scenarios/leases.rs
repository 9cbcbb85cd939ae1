//! Two operators and one lease: who acts, who waits, and what is left of one that comes too late.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reconciler::controller::{Controller, Outcome, Wish};
use reconciler::ledger::{CALL_TIME_MAX, Error, LEASE, MARGIN};
use serde_json::json;
use simulator::error::ApiError;
use simulator::faults::Fault;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::world::{World, mutating, service};

const MINUTE: Duration = Duration::from_secs(60);

/// Works on a wish until it is dropped or told to stop.
async fn run(operator: &Controller, wish: &Wish, stop: &CancellationToken) -> Outcome {
    let (sender, wishes) = mpsc::channel(1);
    sender.send(wish.clone()).await.unwrap();
    operator.run(wishes, stop.clone()).await
}

async fn leader(world: &World, name: &str) -> Controller {
    let ledger = world.candidate(name).await.lead().await.unwrap();
    world.operator_with(ledger).await
}

/// Plays `work` for a while, and then no further: it is still there, and may be played on.
async fn play<F: Future<Output = Outcome> + Unpin>(work: &mut F, time: Duration) {
    tokio::select! {
        outcome = work => panic!("it ended by itself: {outcome:?}"),
        () = tokio::time::sleep(time) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_operator_stands_by_until_the_first_is_gone_and_then_ends_its_rollout() {
    let mut world = World::with_table().await;
    let first = leader(&world, "first").await;
    let one = world.commit(&[service("api", "app:1")]);
    world.settle_with(&first, &one).await;
    let wish = world.commit(&[service("api", "app:2")]);
    let stop = CancellationToken::new();
    let mut work = Box::pin(run(&first, &wish, &stop));
    let mut second = Box::pin(world.candidate("second").await.lead());
    tokio::select! {
        _ = &mut second => panic!("two hold the lease"),
        outcome = &mut work => panic!("{outcome:?}"),
        () = tokio::time::sleep(10 * MINUTE) => {}
    }
    let bad = world.commit(&[service("api", "app:3")]);
    drop(work);
    let mut work = Box::pin(run(&first, &bad, &stop));
    // In the middle of the next rollout it is killed.
    tokio::select! {
        _ = &mut second => panic!("two hold the lease"),
        outcome = &mut work => panic!("{outcome:?}"),
        () = tokio::time::sleep(Duration::from_secs(12)) => {}
    }
    drop(work);
    let gone = Instant::now();
    let second = second.await.unwrap();
    let waited = gone.elapsed();
    assert!(waited >= LEASE + MARGIN, "{waited:?}");
    assert!(waited <= LEASE + MARGIN + CALL_TIME_MAX + Duration::from_secs(20), "{waited:?}");
    let second = world.operator_with(second).await;
    world.settle_with(&second, &bad).await;
    assert_eq!(world.runs("api").await, "api:3");
    assert_eq!(world.revisions("api").await.len(), 3);
    let told = world.told();
    let waits: Vec<&str> = told.lines().filter(|line| line.contains("stands by")).collect();
    assert_eq!(waits.len(), 1, "{told}");
    assert!(waits[0].contains("stands by: epoch 1 is held by first since 2027-01-15 08:00"), "{waits:?}");
    assert!(told.contains("leads, epoch 2: the one before no longer renewed its lease"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn one_that_was_frozen_changes_nothing_when_it_wakes_and_ends_whenever_that_was() {
    for frozen_after in (0..12).map(Duration::from_secs) {
        let mut world = World::with_table().await;
        let first = leader(&world, "first").await;
        let one = world.commit(&[service("api", "app:1")]);
        world.settle_with(&first, &one).await;
        let stop = CancellationToken::new();
        let old = world.commit(&[service("api", "app:2")]);
        let mut work = Box::pin(run(&first, &old, &stop));
        play(&mut work, frozen_after).await;

        let second = leader(&world, "second").await;
        let new = world.commit(&[service("api", "app:3")]);
        world.settle_with(&second, &new).await;
        let runs = world.runs("api").await;
        world.simulator.take_calls();

        let outcome = work.await;
        let Outcome::Lost(why) = outcome else { panic!("{frozen_after:?}: {outcome:?}") };
        assert!(why.contains("the lease is lost: epoch 2 is held by second"), "{why}");
        assert_eq!(mutating(&world.take_calls()), Vec::<String>::new(), "{frozen_after:?}");
        assert_eq!(world.runs("api").await, runs);
        let key = reconciler::model::ServiceKey::new("api");
        let written = first.engine.ledger.update(&key, |record| record.rollout = None).await;
        assert!(matches!(written, Err(Error::Deposed { ours: 1, .. })), "{written:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_table_is_down_nothing_is_changed_and_afterwards_the_same_holder_goes_on() {
    let mut world = World::with_table().await;
    let first = leader(&world, "first").await;
    let good = world.commit(&[service("api", "app:1")]);
    world.settle_with(&first, &good).await;
    world.take_calls();
    world.simulator.set_fault(Box::new(|site| match site.service.as_str() {
        "dynamodb" => Fault::NeverApply,
        _ => Fault::None,
    }));
    let wish = world.commit(&[service("api", "app:2")]);
    let stop = CancellationToken::new();
    let mut work = Box::pin(run(&first, &wish, &stop));
    play(&mut work, 20 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), Vec::<String>::new());
    assert_eq!(world.runs("api").await, "api:1");
    let told = world.told();
    assert_eq!(told.matches("the lease can't be renewed").count(), 1, "{told}");
    assert!(told.matches("app:1 -> ").count() < 4, "the plan is not told over and over:\n{told}");

    world.simulator.clear_fault();
    play(&mut work, 3 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:2");
    assert_eq!(first.engine.ledger.holder().unwrap().epoch, 1);
    assert!(world.told().contains("the lease is renewed again, after 1"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_can_not_be_renewed_permits_nothing_once_its_time_is_up() {
    let world = World::with_table().await;
    let first = world.candidate("first").await.lead().await.unwrap();
    world.simulator.set_fault(Box::new(|site| match site.service.as_str() {
        "dynamodb" => Fault::NeverApply,
        _ => Fault::None,
    }));
    let mut kept = Box::pin(first.keep());
    let mut keep_for = async |time: Duration| {
        tokio::select! {
            error = &mut kept => panic!("{error}"),
            () = tokio::time::sleep(time) => {}
        }
    };
    keep_for(Duration::from_secs(25)).await;
    assert!(first.ready().is_ok(), "the last renewal is good for a while");
    keep_for(LEASE).await;
    let refused = first.ready();
    assert!(matches!(refused, Err(Error::Unrenewed { .. })), "{refused:?}");
    world.simulator.clear_fault();
    keep_for(Duration::from_secs(20)).await;
    assert!(first.ready().is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_table_itself_refuses_what_is_written_under_a_lease_that_another_has() {
    let world = World::with_table().await;
    let first = world.candidate("first").await.lead().await.unwrap();
    let key = reconciler::model::ServiceKey::new("api");
    let ask = |record: &mut reconciler::model::ServiceRecord, text: &str| {
        record.heeded.insert("reconciler/sync".to_owned(), text.to_owned());
    };
    first.update(&key, |record| ask(record, "before")).await.unwrap();
    // By its own clock its lease is good for a long time: only the table knows better.
    let mut lease = world.item("lease");
    lease["epoch"] = json!({"N": "2"});
    lease["nonce"] = json!({"S": "nonce of another"});
    lease["holder"] = json!({"S": "second"});
    world.put_item(lease);
    let written = first.update(&key, |record| ask(record, "after")).await;
    assert!(matches!(written, Err(Error::Deposed { ours: 1, .. })), "{written:?}");
    let view = world.view().await;
    assert_eq!(view.records()[&key].heeded["reconciler/sync"], "before");
    // From then on it does nothing more.
    let refused = first.ready();
    assert!(matches!(refused, Err(Error::Deposed { ours: 1, .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_the_next_one_in_at_once() {
    let mut world = World::with_table().await;
    let first = leader(&world, "first").await;
    let wish = world.commit(&[service("api", "app:1")]);
    let stop = CancellationToken::new();
    let mut work = Box::pin(run(&first, &wish, &stop));
    play(&mut work, Duration::from_secs(7)).await;
    let mut second = Box::pin(world.candidate("second").await.lead());
    tokio::select! {
        _ = &mut second => panic!("two hold the lease"),
        outcome = &mut work => panic!("{outcome:?}"),
        () = tokio::time::sleep(MINUTE) => {}
    }
    stop.cancel();
    assert!(matches!(work.await, Outcome::Ended(_)));
    first.engine.ledger.release().await.unwrap();
    let key = reconciler::model::ServiceKey::new("api");
    assert!(first.engine.ledger.update(&key, |record| record.rollout = None).await.is_err());
    let released = Instant::now();
    let second = second.await.unwrap();
    assert!(released.elapsed() <= Duration::from_secs(6), "{:?}", released.elapsed());
    assert_eq!(second.holder().unwrap().epoch, 2);
    assert!(world.told().contains("leads, epoch 2: the one before let go"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_not_there_is_an_error_with_a_way_out() {
    let world = World::new().await;
    let error = world.candidate("first").await.lead().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "can't read `lease` of `reconciler/test` in table `reconciler` in eu-west-1: dynamodb:GetItem answered \
         ResourceNotFoundException: Requested resource not found\n  is there such a table in this account and \
         region? docs/ledger.md has the command that makes it"
    );
}

/// Lets calls of one operation on the table go wrong, as often as is told; counts how often they did.
fn fail(world: &World, operation: &'static str, times: usize, fault: Fault) -> Arc<Mutex<usize>> {
    let struck = Arc::new(Mutex::new(0));
    let count = struck.clone();
    world.simulator.set_fault(Box::new(move |site| {
        let mut struck = count.lock().unwrap();
        match site.operation == operation && *struck < times {
            true => {
                *struck += 1;
                fault.clone()
            }
            false => Fault::None,
        }
    }));
    struck
}

fn server_error() -> ApiError {
    ApiError { status: 500, ..ApiError::new("InternalServerError", "Something went wrong.") }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_was_lost_costs_nothing() {
    for fault in [Fault::NeverAnswer, Fault::FailAfter(server_error()), Fault::NeverApply] {
        let mut world = World::with_table().await;
        let first = leader(&world, "first").await;
        let wish = world.commit(&[service("api", "app:1")]);
        let struck = fail(&world, "PutItem", 2, fault);
        let stop = CancellationToken::new();
        let mut work = Box::pin(run(&first, &wish, &stop));
        play(&mut work, 3 * MINUTE).await;
        assert_eq!(*struck.lock().unwrap(), 2);
        assert_eq!(world.runs("api").await, "api:1");
        let wish = world.commit(&[service("api", "app:2")]);
        drop(work);
        world.settle_with(&first, &wish).await;
        assert_eq!(first.engine.ledger.holder().unwrap().epoch, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_take_over_whose_answer_was_lost_is_found_to_be_one_s_own() {
    let world = World::with_table().await;
    drop(leader(&world, "first").await);
    let second = world.candidate("second").await;
    let struck = fail(&world, "PutItem", 1, Fault::NeverAnswer);
    let ledger = second.lead().await.unwrap();
    assert_eq!(*struck.lock().unwrap(), 1);
    assert_eq!(ledger.holder().unwrap().epoch, 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_answer_was_lost_is_asked_for_again_and_written_once() {
    for (times, fault) in [
        (1, Fault::NeverAnswer),
        (2, Fault::FailAfter(server_error())),
        // All attempts of one write: the pass ends, and the next one reads what became of it.
        (3, Fault::FailAfter(server_error())),
        (3, Fault::NeverApply),
    ] {
        let mut world = World::with_table().await;
        let first = leader(&world, "first").await;
        let wish = world.commit(&[service("api", "app:1")]);
        let struck = fail(&world, "TransactWriteItems", times, fault);
        world.settle_with(&first, &wish).await;
        assert_eq!(*struck.lock().unwrap(), times);
        assert_eq!(world.revisions("api").await, ["api:1"]);
        let view = world.view().await;
        assert_eq!(*view.records(), first.engine.ledger.records());
        assert!(view.records().values().all(|record| record.intent.is_none() && record.last_good.is_some()));
    }
}

#[tokio::test(start_paused = true)]
async fn one_who_waits_for_so_long_and_no_longer_says_who_holds_the_lease() {
    let mut world = World::with_table().await;
    let first = leader(&world, "run on ip-10-0-3-7, process 1").await;
    let wish = world.commit(&[service("api", "app:1")]);
    let stop = CancellationToken::new();
    let mut work = Box::pin(run(&first, &wish, &stop));
    let waiting = world.candidate("apply").await;
    let refused = tokio::select! {
        outcome = &mut work => panic!("{outcome:?}"),
        refused = waiting.lead_within(Duration::from_secs(75)) => refused.unwrap_err(),
    };
    assert_eq!(
        refused.to_string(),
        "only one may act: epoch 1 is held by run on ip-10-0-3-7, process 1 since 2027-01-15 08:00\n  \
         tried for 75 s; it is still renewed"
    );
}

#[tokio::test(start_paused = true)]
async fn records_come_back_whole_and_those_of_another_cluster_are_refused() {
    let world = World::with_table().await;
    let first = world.candidate("first").await.lead().await.unwrap();
    for number in 0..40 {
        let key = reconciler::model::ServiceKey::new(format!("service-{number}"));
        let reason = "x".repeat(100 * 1024);
        first
            .update(&key, |record| {
                record.leaving = Some(reconciler::model::Leaving {
                    revision: reason,
                    noticed_at: world.now(),
                    began_at: None,
                    replaces: false,
                });
            })
            .await
            .unwrap();
    }
    first.release().await.unwrap();
    let second = world.candidate("second").await.lead().await.unwrap();
    assert_eq!(second.records().len(), 40);
    assert_eq!(second.records(), first.records());
    let too_large = "x".repeat(500 * 1024);
    let key = reconciler::model::ServiceKey::new("service-0");
    let refused = second.update(&key, |record| record.leaving.as_mut().unwrap().revision = too_large).await;
    assert!(matches!(refused, Err(Error::ItemTooLarge { .. })), "{refused:?}");
    assert_eq!(second.records(), first.records(), "nothing has changed");

    second.release().await.unwrap();
    let elsewhere = world.candidate_of("third", "another-cluster").await.lead().await.unwrap_err();
    assert!(elsewhere.to_string().contains("is the ledger of installation `reconciler` in cluster `jobs`"));
}
