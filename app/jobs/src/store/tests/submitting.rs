//! Jobs come in once, and can be taken back until somebody begins them.

use super::*;

fn keyed(key: &str, fingerprint: &str) -> NewJob {
    let idempotency = Idempotency { key: key.to_owned(), fingerprint: fingerprint.to_owned() };
    NewJob { idempotency: Some(idempotency), ..NewJob::new("sleep", json!({"milliseconds": 5})) }
}

async fn jobs(store: &Store) -> u64 {
    store.counts().await.unwrap().values().sum()
}

async fn owed(store: &Store) -> Vec<JobId> {
    let unsent = store.claim_unsent(100, Duration::from_secs(1), at(1_000_000)).await.unwrap();
    unsent.into_iter().map(|unsent| unsent.job_id).collect()
}

#[tokio::test]
async fn a_job_is_read_back_as_it_was_submitted() {
    on_each_database(async |database| {
        let store = database.store().await;
        let payload = json!({"milliseconds": 5, "fail_with": "naïve ✓ \u{0}"});
        let new = NewJob { request_id: Some("r-1".to_owned()), ..NewJob::new("sleep", payload) };
        let job = new_job(&store, new, at(10)).await;
        assert_eq!(job.request_id.as_deref(), Some("r-1"));
        let elsewhere = database.open().await;
        assert_eq!(elsewhere.read(job.id).await.unwrap(), Some(job));
        assert_eq!(elsewhere.read(JobId::fresh()).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_message_of_a_job_carries_its_request_id() {
    on_each_database(async |database| {
        let store = database.store().await;
        let new = NewJob { request_id: Some("r-1".to_owned()), ..NewJob::new("sleep", json!({})) };
        let job = new_job(&store, new, at(10)).await;
        let unsent = store.claim_unsent(1, Duration::from_secs(1), at(10)).await.unwrap();
        let message = crate::message::JobMessage::from_body(&unsent[0].body).unwrap();
        assert_eq!((message.job_id, message.request_id.as_deref()), (job.id, Some("r-1")));
    })
    .await;
}

#[tokio::test]
async fn a_submission_that_is_repeated_with_its_key_is_the_same_job() {
    on_each_database(async |database| {
        let store = database.store().await;
        let first = new_job(&store, keyed("k", "f"), at(10)).await;
        let again = store.submit(keyed("k", "f"), at(99)).await.unwrap();
        assert_eq!(again, Submitted::Repeated(first.clone()));
        assert_eq!(store.submit(keyed("k", "other"), at(99)).await.unwrap(), Submitted::KeyTaken);
        assert_eq!(jobs(&store).await, 1);
        assert_eq!(owed(&store).await, [first.id]);

        new_job(&store, keyed("another", "f"), at(99)).await;
        assert_eq!(jobs(&store).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_submission_is_told_how_its_job_stands_now() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = new_job(&store, keyed("k", "f"), at(10)).await.id;
        begun(&store, id).await;
        let again = store.submit(keyed("k", "f"), at(99)).await.unwrap();
        assert!(matches!(again, Submitted::Repeated(Job { status: Status::Running, .. })), "{again:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_submissions_with_one_key_at_the_same_time_one_makes_a_job() {
    on_each_database(async |database| {
        let store = database.store().await;
        let others = [database.open().await, database.open().await];
        for round in 0..10 {
            let submissions: Vec<_> = (0..6)
                .map(|number| {
                    let store = others[number % 2].clone();
                    let new = keyed(&format!("k-{round}"), "f");
                    tokio::spawn(async move { store.submit(new, at(10)).await.unwrap() })
                })
                .collect();
            let mut new = 0;
            let mut ids = std::collections::BTreeSet::new();
            for submission in submissions {
                match submission.await.unwrap() {
                    Submitted::New(job) => {
                        new += 1;
                        ids.insert(job.id);
                    }
                    Submitted::Repeated(job) => drop(ids.insert(job.id)),
                    Submitted::KeyTaken => panic!("its content is the same"),
                }
            }
            assert_eq!((new, ids.len()), (1, 1));
        }
        assert_eq!(jobs(&store).await, 10);
    })
    .await;
}

#[tokio::test]
async fn a_key_is_free_again_when_the_submission_that_claimed_it_fails() {
    on_each_database(async |database| {
        let store = database.store().await;
        database.execute("ALTER TABLE outbox RENAME TO elsewhere").await;
        assert!(store.submit(keyed("k", "f"), at(10)).await.is_err());
        database.execute("ALTER TABLE elsewhere RENAME TO outbox").await;
        new_job(&store, keyed("k", "f"), at(20)).await;
    })
    .await;
}

#[tokio::test]
async fn keys_are_forgotten_in_the_end_and_their_jobs_stay() {
    on_each_database(async |database| {
        let store = database.store().await;
        let first = new_job(&store, keyed("k", "f"), at(10)).await;
        assert_eq!(store.forget_keys(at(10), 5).await.unwrap(), 0);
        assert_eq!(store.forget_keys(at(11), 5).await.unwrap(), 1);
        assert_ne!(new_job(&store, keyed("k", "f"), at(12)).await.id, first.id);
        assert_eq!(jobs(&store).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_waits_is_cancelled_and_its_message_never_sent() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = submitted(&store).await;
        let Cancel::Cancelled(job) = store.cancel(id, at(15)).await.unwrap() else {
            panic!("not cancelled");
        };
        assert_eq!((job.status, job.updated_at), (Status::Cancelled, at(15)));
        assert_eq!(read(&store, id).await, job);
        assert_eq!(owed(&store).await, []);
        assert_eq!(events(&store, id).await, [HistoryEvent::Submitted, HistoryEvent::Cancelled]);
        // The message may be on its way already.
        let begin = store.begin(id, &worker(), ATTEMPTS_MAX, HOLD, at(16)).await.unwrap();
        assert_eq!(begin, Begin::AlreadyFinal(Status::Cancelled));
    })
    .await;
}

#[tokio::test]
async fn a_job_that_was_begun_or_has_its_end_is_not_cancelled() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = submitted(&store).await;
        begun(&store, id).await;
        assert_eq!(store.cancel(id, at(25)).await.unwrap(), Cancel::TooLate(Status::Running));
        store.finish(id, 1, &worker(), &completed(), at(30)).await.unwrap();
        assert_eq!(store.cancel(id, at(35)).await.unwrap(), Cancel::TooLate(Status::Completed));
        assert_eq!(read(&store, id).await.updated_at, at(30));
        assert_eq!(store.cancel(JobId::fresh(), at(35)).await.unwrap(), Cancel::Unknown);

        let cancelled = submitted(&store).await;
        store.cancel(cancelled, at(40)).await.unwrap();
        assert_eq!(store.cancel(cancelled, at(45)).await.unwrap(), Cancel::TooLate(Status::Cancelled));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_cancel_and_a_begin_at_the_same_time_exactly_one_wins() {
    on_each_database(async |database| {
        let one = database.store().await;
        let other = database.open().await;
        for _ in 0..20 {
            let id = submitted(&one).await;
            let begin = tokio::spawn({
                let store = other.clone();
                async move { store.begin(id, &worker(), ATTEMPTS_MAX, HOLD, at(20)).await.unwrap() }
            });
            let cancel = one.cancel(id, at(20)).await.unwrap();
            let status = read(&one, id).await.status;
            match (begin.await.unwrap(), cancel) {
                (Begin::Begun(_), Cancel::TooLate(Status::Running)) => assert_eq!(status, Status::Running),
                (Begin::AlreadyFinal(Status::Cancelled), Cancel::Cancelled(_)) => {
                    assert_eq!(status, Status::Cancelled);
                }
                both => panic!("{both:?}"),
            }
        }
    })
    .await;
}
