//! Database and queue agree in the end, wherever the process between them dies.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
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

impl Taken {
    fn send(&self, body: String) -> Ready<Result<(), String>> {
        self.0.borrow_mut().push(body);
        ready(Ok(()))
    }
}

async fn relay_all(store: &Store, now: Timestamp) -> Vec<String> {
    let taken = Taken::default();
    while relay_once(store, |body| taken.send(body), now).await.unwrap().sent > 0 {}
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
        store.claim_unsent(BATCH_MAX, CLAIM, at(1)).await.unwrap();
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
        let refuse = |_| ready(Err("queue down"));
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
async fn a_refusal_spares_the_queue_the_rest_of_the_batch() {
    on_each_database(async |database| {
        let store = database.store().await;
        owed(&store, 3).await;
        let asked = RefCell::new(0);
        let refuse = |_| {
            *asked.borrow_mut() += 1;
            ready(Err("queue down"))
        };
        let round = relay_once(&store, refuse, at(0)).await.unwrap();
        assert_eq!((asked.into_inner(), round.postponed), (1, 3));
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
async fn sent_messages_are_forgotten_after_a_day_and_owed_ones_never() {
    on_each_database(async |database| {
        let store = database.store().await;
        owed(&store, 1).await;
        relay_all(&store, at(0)).await;
        let owed = owed(&store, 1).await;
        let a_day_later = at(1).plus(SENT_KEPT);
        assert_eq!(store.forget_sent(a_day_later, FORGOTTEN_MAX).await.unwrap(), 1);
        assert_eq!(relay_all(&store, a_day_later).await, owed);
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
        relay_until(stop, store, Arc::new(Notify::new()), |body| taken.send(body)).await;
        assert_eq!(taken.0.into_inner(), owed);
    })
    .await;
}
