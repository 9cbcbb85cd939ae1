//! A job whose message is lost is found and sent again; a backlog is not made deeper.

#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::job::JobId;
use crate::store::{Begin, NewJob, Outcome, Submitted, WorkerId};
use crate::testing::on_each_database;

const EMPTY: QueueDepth = QueueDepth { visible: 0, in_flight: 0 };
const SUBMITTED: Timestamp = Timestamp::from_milliseconds(1_000);

/// Jobs that were submitted and whose messages the queue has taken.
async fn sent(store: &Store, jobs: usize) -> Vec<JobId> {
    let mut ids = Vec::new();
    for _ in 0..jobs {
        let new = NewJob { request_id: Some("r-1".to_owned()), ..NewJob::new("sleep", json!({})) };
        let Submitted::New(job) = store.submit(new, SUBMITTED).await.unwrap() else {
            panic!("not new");
        };
        ids.push(job.id);
    }
    assert_eq!(send(store, SUBMITTED).await, ids);
    ids
}

/// Sends everything that is due, and answers whose messages that was.
async fn send(store: &Store, now: Timestamp) -> Vec<JobId> {
    let owed = store.claim_unsent(1_000, Duration::from_secs(1), now).await.unwrap();
    let ids: Vec<_> = owed.into_iter().map(|message| message.job_id).collect();
    store.mark_sent(&ids, now).await.unwrap();
    ids
}

async fn begin(store: &Store, id: JobId, hold: Duration, now: Timestamp) {
    let begun = store.begin(id, &WorkerId::new("worker-1"), 3, hold, now).await.unwrap();
    assert!(matches!(begun, Begin::Begun(_)), "{begun:?}");
}

fn later(hours: u32) -> Timestamp {
    SUBMITTED.plus(LOST_AFTER * hours + Duration::from_secs(1))
}

async fn sent_again(store: &Store, depth: QueueDepth, now: Timestamp) -> Vec<JobId> {
    let lost = send_lost_again(store, depth, now).await.unwrap();
    let again = send(store, now).await;
    assert_eq!(again.len(), lost);
    again
}

#[tokio::test]
async fn a_job_whose_message_is_gone_is_sent_again_once_an_hour_until_it_ends() {
    on_each_database(async |database| {
        let store = database.store().await;
        let ids = sent(&store, 2).await;
        let too_early = SUBMITTED.plus(LOST_AFTER);
        assert!(sent_again(&store, EMPTY, too_early).await.is_empty());
        assert_eq!(sent_again(&store, EMPTY, later(1)).await, ids);
        assert!(sent_again(&store, EMPTY, later(2).minus(Duration::from_secs(1))).await.is_empty());
        begin(&store, ids[0], Duration::from_secs(60), later(1)).await;
        let worker = WorkerId::new("worker-1");
        let done = Outcome::Completed { result: None };
        store.finish(ids[0], 1, &worker, &done, later(1)).await.unwrap();
        store.cancel(ids[1], later(1)).await.unwrap();
        assert!(sent_again(&store, EMPTY, later(9)).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_worker_and_message_are_gone_is_sent_again_and_one_that_is_in_hand_is_not() {
    on_each_database(async |database| {
        let store = database.store().await;
        let ids = sent(&store, 2).await;
        begin(&store, ids[0], Duration::from_secs(60), SUBMITTED).await;
        begin(&store, ids[1], LOST_AFTER * 2, SUBMITTED).await;
        assert_eq!(sent_again(&store, EMPTY, later(1).plus(Duration::from_secs(60))).await, [ids[0]]);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_the_outbox_has_forgotten_is_sent_again_with_its_request_id() {
    on_each_database(async |database| {
        let store = database.store().await;
        let ids = sent(&store, 1).await;
        let now = SUBMITTED.plus(SENT_KEPT * 2);
        forget(&store, now).await.unwrap();
        assert_eq!(send_lost_again(&store, EMPTY, now).await.unwrap(), 1);
        let owed = store.claim_unsent(1, Duration::from_secs(1), now).await.unwrap();
        let message = crate::message::JobMessage::from_body(&owed[0].body).unwrap();
        assert_eq!((message.job_id, message.request_id.as_deref()), (ids[0], Some("r-1")));
    })
    .await;
}

#[tokio::test]
async fn a_deep_backlog_is_not_made_deeper() {
    on_each_database(async |database| {
        let store = database.store().await;
        let ids = sent(&store, 30).await;
        let all_there = QueueDepth { visible: 20, in_flight: 10 };
        assert!(sent_again(&store, all_there, later(1)).await.is_empty());
        // Of what the outbox owes no message is missing.
        let three_lost = QueueDepth { visible: 20, in_flight: 7 };
        assert_eq!(send_lost_again(&store, three_lost, later(1)).await.unwrap(), 3);
        assert_eq!(send_lost_again(&store, three_lost, later(1)).await.unwrap(), 0);
        assert_eq!(send(&store, later(1)).await, ids[..3]);
        assert!(sent_again(&store, all_there, later(1)).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn processes_that_look_for_lost_messages_at_once_send_each_again_once() {
    on_each_database(async |database| {
        let one = database.store().await;
        let other = database.open().await;
        let ids = sent(&one, 40).await;
        let (first, second) =
            tokio::join!(send_lost_again(&one, EMPTY, later(1)), send_lost_again(&other, EMPTY, later(1)));
        assert_eq!(first.unwrap() + second.unwrap(), ids.len());
        assert_eq!(send(&one, later(1)).await, ids);
    })
    .await;
}

#[tokio::test]
async fn sent_messages_are_forgotten_after_a_day_however_many_and_owed_ones_never() {
    on_each_database(async |database| {
        let store = database.store().await;
        sent(&store, FORGOTTEN_MAX as usize + 1).await;
        let new = NewJob::new("sleep", json!({}));
        let Submitted::New(owed) = store.submit(new, SUBMITTED).await.unwrap() else {
            panic!("not new");
        };
        let a_day_later = SUBMITTED.plus(SENT_KEPT + Duration::from_secs(1));
        forget(&store, a_day_later).await.unwrap();
        assert_eq!(store.forget_sent(a_day_later, FORGOTTEN_MAX).await.unwrap(), 0);
        assert_eq!(send(&store, a_day_later).await, [owed.id]);
    })
    .await;
}
