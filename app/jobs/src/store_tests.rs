//! What the store promises to several processes on one file.

#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

const ATTEMPTS_MAX: u32 = 3;
const HOLD: Duration = Duration::from_millis(100);

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_milliseconds(milliseconds)
}

fn url(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", folder.path().join("jobs.db").display())
}

async fn fresh(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(&url(folder)).await.unwrap();
    store.migrate().await.unwrap();
    store
}

async fn submitted(store: &Store) -> JobId {
    let payload = json!({"milliseconds": 5});
    store.submit("sleep", &payload, at(10)).await.unwrap().id
}

async fn begun(store: &Store, id: JobId) -> Job {
    begun_at(store, id, at(20)).await
}

async fn begun_at(store: &Store, id: JobId, now: Timestamp) -> Job {
    match store.begin(id, ATTEMPTS_MAX, HOLD, now).await.unwrap() {
        Begin::Begun(job) => job,
        other => panic!("not begun: {other:?}"),
    }
}

#[tokio::test]
async fn a_job_is_read_back_as_it_was_submitted() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let payload = json!({"milliseconds": 5, "fail_with": "naïve ✓"});
    let job = store.submit("sleep", &payload, at(10)).await.unwrap();
    let elsewhere = Store::open(&url(&folder)).await.unwrap();
    assert_eq!(elsewhere.read(job.id).await.unwrap(), Some(job));
    assert_eq!(elsewhere.read(JobId::fresh()).await.unwrap(), None);
}

#[tokio::test]
async fn a_job_goes_from_submitted_through_running_to_completed() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let id = submitted(&store).await;
    let job = begun(&store, id).await;
    assert_eq!((job.status, job.attempts), (Status::Running, 1));
    let finish = store.finish(id, 1, &Outcome::Completed, at(30)).await;
    assert_eq!(finish.unwrap(), Finish::Written);
    let job = store.read(id).await.unwrap().unwrap();
    assert_eq!(
        (job.status, job.reason, job.created_at, job.updated_at),
        (Status::Completed, None, at(10), at(30))
    );
}

#[tokio::test]
async fn a_failed_job_keeps_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let id = submitted(&store).await;
    begun(&store, id).await;
    let outcome = Outcome::Failed { reason: "no disk".into() };
    store.finish(id, 1, &outcome, at(30)).await.unwrap();
    let job = store.read(id).await.unwrap().unwrap();
    assert_eq!(job.status, Status::Failed);
    assert_eq!(job.reason.as_deref(), Some("no disk"));
}

#[tokio::test]
async fn a_finished_job_is_not_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let id = submitted(&store).await;
    begun(&store, id).await;
    store.finish(id, 1, &Outcome::Completed, at(30)).await.unwrap();
    assert_eq!(
        store.begin(id, ATTEMPTS_MAX, HOLD, at(40)).await.unwrap(),
        Begin::AlreadyFinal(Status::Completed)
    );
    assert_eq!(store.read(id).await.unwrap().unwrap().attempts, 1);
}

#[tokio::test]
async fn a_worker_whose_job_was_taken_over_cannot_finish_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let id = submitted(&store).await;
    let first = begun(&store, id).await;
    let second = begun_at(&store, id, at(20).plus(HOLD)).await;
    let late = Outcome::Failed { reason: "late".into() };
    let finish = store.finish(id, first.attempts, &late, at(30)).await;
    assert_eq!(finish.unwrap(), Finish::Superseded);
    let finish = store.finish(id, second.attempts, &Outcome::Completed, at(31)).await;
    assert_eq!(finish.unwrap(), Finish::Written);
    assert_eq!(store.read(id).await.unwrap().unwrap().status, Status::Completed);
}

#[tokio::test]
async fn a_job_in_hand_is_not_given_to_a_second_worker() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let id = submitted(&store).await;
    begun(&store, id).await;
    let lapses = at(20).plus(HOLD);
    let just_before = lapses.minus(Duration::from_millis(1));
    assert_eq!(store.begin(id, ATTEMPTS_MAX, HOLD, just_before).await.unwrap(), Begin::InHand);

    store.hold_until(id, 1, lapses.plus(HOLD)).await.unwrap();
    assert_eq!(store.begin(id, ATTEMPTS_MAX, HOLD, lapses).await.unwrap(), Begin::InHand);

    // An attempt that is not the one in progress has no say.
    store.hold_until(id, 7, at(0)).await.unwrap();
    assert_eq!(store.begin(id, ATTEMPTS_MAX, HOLD, lapses).await.unwrap(), Begin::InHand);

    store.hold_until(id, 1, at(0)).await.unwrap();
    assert_eq!(begun_at(&store, id, lapses).await.attempts, 2);
}

#[tokio::test]
async fn a_job_that_kills_every_worker_is_given_up_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let id = submitted(&store).await;
    for attempt in 0..ATTEMPTS_MAX {
        begun_at(&store, id, at(0).plus(HOLD * attempt)).await;
    }
    assert_eq!(
        store.begin(id, ATTEMPTS_MAX, HOLD, at(0).plus(HOLD * ATTEMPTS_MAX)).await.unwrap(),
        Begin::GivenUp
    );
    let job = store.read(id).await.unwrap().unwrap();
    assert_eq!(job.status, Status::Failed);
    assert_eq!(job.reason.as_deref(), Some("given up: begun 3 times and never finished"));
}

#[tokio::test]
async fn a_job_of_another_database_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    let begin = store.begin(JobId::fresh(), ATTEMPTS_MAX, HOLD, at(1)).await;
    assert_eq!(begin.unwrap(), Begin::Unknown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_together_on_a_new_file_all_get_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(&folder);
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move {
                let store = Store::open(&url).await?;
                store.migrate().await?;
                store.ping().await
            })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_rolled_back_version_starts_on_the_newer_versions_schema() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'of a later version', true, x'00', 0)",
    )
    .execute(store.writers())
    .await
    .unwrap();
    store.migrate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_that_write_at_once_both_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let one = fresh(&folder).await;
    let other = Store::open(&url(&folder)).await.unwrap();
    let writes: Vec<_> = (0..40)
        .map(|number| {
            let store = if number % 2 == 0 { &one } else { &other }.clone();
            tokio::spawn(async move {
                let id = submitted(&store).await;
                begun(&store, id).await;
                store.finish(id, 1, &Outcome::Completed, at(30)).await.unwrap()
            })
        })
        .collect();
    for write in writes {
        assert_eq!(write.await.unwrap(), Finish::Written);
    }
}

#[tokio::test]
async fn a_database_without_the_schema_gives_no_sign_of_life() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&url(&folder)).await.unwrap();
    assert!(store.ping().await.is_err());
}

#[tokio::test]
async fn a_database_url_of_another_kind_is_refused() {
    let refused = Store::open("postgres://db/jobs").await.unwrap_err();
    assert!(matches!(refused, StoreError::UnsupportedUrl(_)), "{refused:?}");
}
