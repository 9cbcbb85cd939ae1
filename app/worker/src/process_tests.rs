//! Each message leads to one end of its job, however often it is delivered.

#![allow(clippy::unwrap_used)]

use jobs::job::{JobId, Status};
use serde_json::{Value, json};

use super::*;

const TERMS: Terms = Terms { attempts_max: 3, hold: Duration::from_secs(30) };

async fn fresh(folder: &tempfile::TempDir) -> Store {
    let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
    let store = Store::open(&url).await.unwrap();
    store.migrate().await.unwrap();
    store
}

async fn processed(store: &Store, body: &str) -> Settled {
    process(store, body, TERMS, &CancellationToken::new()).await
}

async fn submitted(store: &Store, kind: &str, payload: Value) -> (JobId, String) {
    let job = store.submit(kind, &payload, Timestamp::now()).await.unwrap();
    (job.id, JobMessage { job_id: job.id }.to_body())
}

async fn read(store: &Store, id: JobId) -> Job {
    store.read(id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_job_is_done_and_its_message_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let (id, body) = submitted(&store, "sleep", json!({"milliseconds": 0})).await;
    assert_eq!(processed(&store, &body).await, Settled::Delete);
    let job = read(&store, id).await;
    assert_eq!((job.status, job.attempts), (Status::Completed, 1));
}

#[tokio::test]
async fn a_completed_job_that_is_delivered_again_is_only_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let (id, body) = submitted(&store, "sleep", json!({"milliseconds": 0})).await;
    processed(&store, &body).await;
    let before = read(&store, id).await;
    assert_eq!(processed(&store, &body).await, Settled::Delete);
    assert_eq!(read(&store, id).await, before);
}

#[tokio::test]
async fn a_job_that_fails_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    for (kind, payload, reason) in [
        ("sleep", json!({"milliseconds": 0, "fail_with": "no luck"}), "no luck"),
        ("dance", json!({}), "there is no job kind `dance`; kinds are: sleep"),
    ] {
        let (id, body) = submitted(&store, kind, payload).await;
        assert_eq!(processed(&store, &body).await, Settled::Delete);
        let job = read(&store, id).await;
        assert_eq!((job.status, job.reason.as_deref()), (Status::Failed, Some(reason)));
    }
}

#[tokio::test]
async fn a_job_whose_worker_died_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let (id, body) = submitted(&store, "sleep", json!({"milliseconds": 0})).await;
    store.begin(id, TERMS.attempts_max, Duration::ZERO, Timestamp::now()).await.unwrap();
    assert_eq!(processed(&store, &body).await, Settled::Delete);
    let job = read(&store, id).await;
    assert_eq!((job.status, job.attempts), (Status::Completed, 2));
}

#[tokio::test]
async fn a_message_that_can_not_be_understood_or_has_no_job_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let orphan = JobMessage { job_id: JobId::fresh() };
    for body in ["", "{}", "not json", &orphan.to_body()] {
        let settled = processed(&store, body).await;
        assert_eq!(settled, Settled::Leave, "{body}");
    }
}

#[tokio::test]
async fn no_more_messages_are_taken_while_the_database_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let (_, body) = submitted(&store, "sleep", json!({"milliseconds": 0})).await;
    store.close().await;
    assert_eq!(processed(&store, &body).await, Settled::PauseAndLeave);
}

#[tokio::test]
async fn a_job_another_worker_has_in_hand_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let (id, body) = submitted(&store, "sleep", json!({"milliseconds": 0})).await;
    store.begin(id, TERMS.attempts_max, TERMS.hold, Timestamp::now()).await.unwrap();
    assert_eq!(processed(&store, &body).await, Settled::Leave);
    assert_eq!(read(&store, id).await.attempts, 1);
}

#[tokio::test]
async fn a_job_that_outlasts_the_shutdown_is_handed_to_another_worker_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let (id, body) = submitted(&store, "sleep", json!({"milliseconds": 600_000})).await;
    let overdue = CancellationToken::new();
    overdue.cancel();
    assert_eq!(process(&store, &body, TERMS, &overdue).await, Settled::HandBack);
    let next = store.begin(id, TERMS.attempts_max, TERMS.hold, Timestamp::now()).await.unwrap();
    assert!(matches!(next, Begin::Begun(_)), "{next:?}");
}
