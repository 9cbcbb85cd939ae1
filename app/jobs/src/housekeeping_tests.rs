//! What is over is forgotten, and nothing else.

#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::job::JobId;
use crate::store::{NewJob, Submitted};
use crate::testing::on_each_database;

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
