//! Each message leads to one end of its job, however often it is delivered.

#![allow(clippy::unwrap_used)]

use jobs::job::{JobId, Status};
use jobs::store::{NewJob, Submitted};
use jobs::testing::on_each_database;
use serde_json::{Value, json};

use super::*;

const ATTEMPTS_MAX: u32 = 3;
const HOLD: Duration = Duration::from_secs(30);

fn terms() -> Terms {
    Terms { worker: WorkerId::new("worker-1"), attempts_max: ATTEMPTS_MAX, hold: HOLD }
}

/// Begins a job as another worker does.
async fn begun_elsewhere(store: &Store, id: JobId, hold: Duration) -> Begin {
    let other = WorkerId::new("worker-2");
    store.begin(id, &other, ATTEMPTS_MAX, hold, Timestamp::now()).await.unwrap()
}

async fn processed(store: &Store, body: &str) -> Settled {
    process(store, body, &terms(), &CancellationToken::new()).await
}

async fn submitted(store: &Store, kind: &str, payload: Value) -> (JobId, String) {
    let Submitted::New(job) = store.submit(NewJob::new(kind, payload), Timestamp::now()).await.unwrap()
    else {
        panic!("not new");
    };
    (job.id, JobMessage { job_id: job.id, request_id: None }.to_body())
}

async fn read(store: &Store, id: JobId) -> Job {
    store.read(id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_job_is_done_and_its_message_deleted() {
    on_each_database(async |database| {
        let store = database.store().await;
        let (id, body) = submitted(&store, "sleep", json!({"milliseconds": 0})).await;
        assert_eq!(processed(&store, &body).await, Settled::Delete);
        let job = read(&store, id).await;
        assert_eq!((job.status, job.attempts), (Status::Completed, 1));
    })
    .await;
}

#[tokio::test]
async fn a_completed_job_that_is_delivered_again_is_only_deleted() {
    on_each_database(async |database| {
        let store = database.store().await;
        let (id, body) = submitted(&store, "sleep", json!({"milliseconds": 0})).await;
        processed(&store, &body).await;
        let before = read(&store, id).await;
        assert_eq!(processed(&store, &body).await, Settled::Delete);
        assert_eq!(read(&store, id).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_fails_says_why() {
    on_each_database(async |database| {
        let store = database.store().await;
        for (kind, payload, reason) in [
            ("sleep", json!({"milliseconds": 0, "fail_with": "no luck"}), "no luck"),
            ("dance", json!({}), "there is no job kind `dance`; kinds are: sleep, csv-import, email, report"),
        ] {
            let (id, body) = submitted(&store, kind, payload).await;
            assert_eq!(processed(&store, &body).await, Settled::Delete);
            let job = read(&store, id).await;
            assert_eq!((job.status, job.reason.as_deref()), (Status::Failed, Some(reason)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_worker_died_is_taken_over() {
    on_each_database(async |database| {
        let store = database.store().await;
        let (id, body) = submitted(&store, "sleep", json!({"milliseconds": 0})).await;
        begun_elsewhere(&store, id, Duration::ZERO).await;
        assert_eq!(processed(&store, &body).await, Settled::Delete);
        let job = read(&store, id).await;
        assert_eq!((job.status, job.attempts), (Status::Completed, 2));
    })
    .await;
}

#[tokio::test]
async fn a_message_that_can_not_be_understood_or_has_no_job_is_left() {
    on_each_database(async |database| {
        let store = database.store().await;
        let orphan = JobMessage { job_id: JobId::fresh(), request_id: None };
        for body in ["", "{}", "not json", &orphan.to_body()] {
            let settled = processed(&store, body).await;
            assert_eq!(settled, Settled::Leave, "{body}");
        }
    })
    .await;
}

#[tokio::test]
async fn no_more_messages_are_taken_while_the_database_is_away() {
    on_each_database(async |database| {
        let store = database.store().await;
        let (_, body) = submitted(&store, "sleep", json!({"milliseconds": 0})).await;
        store.close().await;
        assert_eq!(processed(&store, &body).await, Settled::PauseAndLeave);
    })
    .await;
}

#[tokio::test]
async fn a_job_another_worker_has_in_hand_is_left_to_it() {
    on_each_database(async |database| {
        let store = database.store().await;
        let (id, body) = submitted(&store, "sleep", json!({"milliseconds": 0})).await;
        begun_elsewhere(&store, id, HOLD).await;
        assert_eq!(processed(&store, &body).await, Settled::Leave);
        assert_eq!(read(&store, id).await.attempts, 1);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_outlasts_the_shutdown_is_handed_to_another_worker_at_once() {
    on_each_database(async |database| {
        let store = database.store().await;
        let (id, body) = submitted(&store, "sleep", json!({"milliseconds": 600_000})).await;
        let overdue = CancellationToken::new();
        overdue.cancel();
        assert_eq!(process(&store, &body, &terms(), &overdue).await, Settled::HandBack);
        let next = begun_elsewhere(&store, id, HOLD).await;
        assert!(matches!(next, Begin::Begun(_)), "{next:?}");
    })
    .await;
}
