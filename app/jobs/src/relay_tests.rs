//! Database and queue agree in the end, wherever the process between them dies.

#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::future::{Ready, ready};

use serde_json::json;

use super::*;
use crate::message::JobMessage;
use crate::store::{NewJob, Submitted};
use crate::testing::on_each_database;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_milliseconds(milliseconds)
}

/// Submits this many jobs and answers the bodies that the queue is owed, in order.
async fn owed(store: &Store, jobs: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    for _ in 0..jobs {
        let new = NewJob::new("sleep", json!({"milliseconds": 1}));
        let Submitted::New(job) = store.submit(new, at(0)).await.unwrap() else {
            panic!("not new");
        };
        bodies.push(JobMessage { job_id: job.id, request_id: None }.to_body());
    }
    bodies
}

/// A queue that takes everything.
#[derive(Default)]
struct Taken(RefCell<Vec<String>>);

type Answer = Ready<Result<Vec<Refused>, String>>;

impl Taken {
    fn send(&self, bodies: Vec<String>) -> Answer {
        assert!((1..=SENT_TOGETHER_MAX).contains(&bodies.len()), "{}", bodies.len());
        self.0.borrow_mut().extend(bodies);
        ready(Ok(Vec::new()))
    }
}

fn refuse(_: Vec<String>) -> Answer {
    ready(Err("queue down".to_owned()))
}

async fn relay_all(store: &Store, now: Timestamp) -> Vec<String> {
    let taken = Taken::default();
    while relay_once(store, |bodies| taken.send(bodies), now).await.unwrap().sent > 0 {}
    taken.0.into_inner()
}

#[tokio::test]
async fn every_submitted_job_is_sent_once_in_order() {
    on_each_database(async |database| {
        let store = database.store().await;
        let owed = owed(&store, 25).await;
        assert_eq!(relay_all(&store, at(1)).await, owed);
        assert!(relay_all(&store, at(1).plus(CLAIM * 2)).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_process_that_dies_after_storing_and_before_sending_loses_nothing() {
    on_each_database(async |database| {
        let store = database.store().await;
        let owed = owed(&store, 1).await;
        store.close().await;
        let restarted = database.open().await;
        assert_eq!(relay_all(&restarted, at(1)).await, owed);
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_dies_with_a_claim_is_followed_by_another_when_the_claim_lapses() {
    on_each_database(async |database| {
        let store = database.store().await;
        let owed = owed(&store, 1).await;
        // Claimed, perhaps even sent, but never marked.
        store.claim_unsent(CLAIMED_MAX, CLAIM, at(1)).await.unwrap();
        assert!(relay_all(&store, at(2)).await.is_empty());
        assert_eq!(relay_all(&store, at(1).plus(CLAIM)).await, owed);
    })
    .await;
}

#[tokio::test]
async fn a_submission_that_dies_half_way_leaves_neither_job_nor_message() {
    on_each_database(async |database| {
        let store = database.store().await;
        // The second of the two writes fails; the first has to go with it.
        database.execute("ALTER TABLE outbox RENAME TO elsewhere").await;
        let submission = store.submit(NewJob::new("sleep", json!({})), at(0)).await;
        assert!(submission.is_err());
        assert_eq!(store.counts().await.unwrap().values().sum::<u64>(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_message_the_queue_refuses_is_sent_again_after_a_growing_pause() {
    on_each_database(async |database| {
        let store = database.store().await;
        let owed = owed(&store, 1).await;
        for (now, postponed) in [(0, 1), (999, 0), (1_000, 1), (2_999, 0), (3_000, 1)] {
            let round = relay_once(&store, refuse, at(now)).await.unwrap();
            assert_eq!(round, Round { sent: 0, postponed }, "at {now} ms");
        }
        assert!(relay_all(&store, at(6_999)).await.is_empty());
        assert_eq!(relay_all(&store, at(7_000)).await, owed);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_spares_the_queue_the_rest_of_the_round() {
    on_each_database(async |database| {
        let store = database.store().await;
        owed(&store, CLAIMED_MAX as usize).await;
        let asked = Cell::new(0);
        let refuse = |bodies| {
            asked.set(asked.get() + 1);
            refuse(bodies)
        };
        let round = relay_once(&store, refuse, at(0)).await.unwrap();
        assert_eq!((asked.get(), round), (CALLS_MAX, Round { sent: 0, postponed: CLAIMED_MAX }));
    })
    .await;
}

#[tokio::test]
async fn two_relays_share_the_messages_without_sending_any_twice() {
    on_each_database(async |database| {
        let one = database.store().await;
        let other = database.open().await;
        let mut owed = owed(&one, 30).await;
        let (first, second) = tokio::join!(relay_all(&one, at(1)), relay_all(&other, at(1)));
        let mut sent = [first, second].concat();
        sent.sort();
        owed.sort();
        assert_eq!(sent, owed);
    })
    .await;
}

#[tokio::test]
async fn of_messages_sent_together_those_that_are_refused_are_sent_again_and_no_others() {
    on_each_database(async |database| {
        let store = database.store().await;
        let owed = owed(&store, 12).await;
        let full = |bodies: Vec<String>| {
            let refused = |index| Refused { index, why: "too much".to_owned() };
            ready(Ok::<_, String>(if bodies.len() == 10 { vec![refused(2), refused(7)] } else { Vec::new() }))
        };
        let round = relay_once(&store, full, at(0)).await.unwrap();
        assert_eq!(round, Round { sent: 10, postponed: 2 });
        assert!(relay_all(&store, at(999)).await.is_empty());
        assert_eq!(relay_all(&store, at(1_000)).await, [owed[2].clone(), owed[7].clone()]);
        assert!(relay_all(&store, at(1_000).plus(CLAIM * 2)).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn several_calls_are_on_their_way_to_the_queue_at_once() {
    on_each_database(async |database| {
        let store = database.store().await;
        let owed = owed(&store, CALLS_MAX * SENT_TOGETHER_MAX).await;
        // Nothing is taken before all calls have arrived: one after the other they would wait for ever.
        let arrived = tokio::sync::Barrier::new(CALLS_MAX);
        let taken = Taken::default();
        let send = async |bodies| {
            arrived.wait().await;
            taken.send(bodies).await
        };
        let round = relay_once(&store, send, at(0)).await.unwrap();
        assert_eq!(round, Round { sent: owed.len() as u32, postponed: 0 });
        let mut sent = taken.0.into_inner();
        sent.sort();
        assert_eq!(sent, owed);
    })
    .await;
}

#[tokio::test]
async fn what_was_accepted_last_is_still_sent_when_the_relay_stops() {
    on_each_database(async |database| {
        let store = database.store().await;
        let owed = owed(&store, 12).await;
        let stop = CancellationToken::new();
        stop.cancel();
        let taken = Taken::default();
        let depth = || ready(Err("not asked".to_owned()));
        relay_until(stop, store, Arc::new(Notify::new()), |bodies| taken.send(bodies), depth).await;
        assert_eq!(taken.0.into_inner(), owed);
    })
    .await;
}
