//! A job in a worker's hands: begun by one at a time, ended once.

use super::*;

#[tokio::test]
async fn a_job_goes_from_submitted_through_running_to_completed() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = submitted(&store).await;
        let job = begun(&store, id).await;
        assert_eq!((job.status, job.attempts), (Status::Running, 1));
        let outcome = Outcome::Completed { result: Some(json!({"imported": 7})) };
        let finish = store.finish(id, 1, &worker(), &outcome, at(30)).await;
        assert_eq!(finish.unwrap(), Finish::Written);
        let job = read(&store, id).await;
        assert_eq!(
            (job.status, job.reason, job.result, job.created_at, job.updated_at),
            (Status::Completed, None, Some(json!({"imported": 7})), at(10), at(30))
        );
    })
    .await;
}

#[tokio::test]
async fn a_failed_job_keeps_its_reason() {
    on_each_database(async |database| {
        let store = database.store().await;
        // PostgreSQL refuses NUL; a reason that can't be written would fail its job again and again.
        for (reason, kept) in [("no disk", "no disk"), ("bad\0byte", "bad\u{fffd}byte")] {
            let id = submitted(&store).await;
            begun(&store, id).await;
            let outcome = Outcome::Failed { reason: reason.into() };
            store.finish(id, 1, &worker(), &outcome, at(30)).await.unwrap();
            let job = read(&store, id).await;
            assert_eq!(job.status, Status::Failed);
            assert_eq!(job.reason.as_deref(), Some(kept));
        }
    })
    .await;
}

#[tokio::test]
async fn a_finished_job_is_not_begun_again() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = submitted(&store).await;
        begun(&store, id).await;
        store.finish(id, 1, &worker(), &completed(), at(30)).await.unwrap();
        assert_eq!(
            store.begin(id, &worker(), ATTEMPTS_MAX, HOLD, at(40)).await.unwrap(),
            Begin::AlreadyFinal(Status::Completed)
        );
        assert_eq!(read(&store, id).await.attempts, 1);
    })
    .await;
}

#[tokio::test]
async fn a_worker_whose_job_was_taken_over_cannot_finish_it() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = submitted(&store).await;
        let first = begun(&store, id).await;
        let second = begun_at(&store, id, at(20).plus(HOLD)).await;
        let late = Outcome::Failed { reason: "late".into() };
        let finish = store.finish(id, first.attempts, &worker(), &late, at(30)).await;
        assert_eq!(finish.unwrap(), Finish::Superseded);
        // Nor has it a say in who has the job.
        store.release(id, first.attempts, &worker(), "stopping", at(30)).await.unwrap();
        store.hold_until(id, first.attempts, at(0)).await.unwrap();
        let third = store.begin(id, &worker(), ATTEMPTS_MAX, HOLD, at(21).plus(HOLD)).await;
        assert_eq!(third.unwrap(), Begin::InHand);

        let finish = store.finish(id, second.attempts, &worker(), &completed(), at(31)).await;
        assert_eq!(finish.unwrap(), Finish::Written);
        assert_eq!(read(&store, id).await.status, Status::Completed);
    })
    .await;
}

#[tokio::test]
async fn a_job_in_hand_is_not_given_to_a_second_worker() {
    on_each_database(async |database| {
        let store = database.store().await;
        let begin = async |id, now| store.begin(id, &worker(), ATTEMPTS_MAX, HOLD, now).await.unwrap();
        let id = submitted(&store).await;
        begun(&store, id).await;
        let lapses = at(20).plus(HOLD);
        let just_before = lapses.minus(Duration::from_millis(1));
        assert_eq!(begin(id, just_before).await, Begin::InHand);

        store.hold_until(id, 1, lapses.plus(HOLD)).await.unwrap();
        assert_eq!(begin(id, lapses).await, Begin::InHand);

        // An attempt that is not the one in progress has no say.
        store.hold_until(id, 7, at(0)).await.unwrap();
        assert_eq!(begin(id, lapses).await, Begin::InHand);

        store.hold_until(id, 1, at(0)).await.unwrap();
        assert_eq!(begun_at(&store, id, lapses).await.attempts, 2);
    })
    .await;
}

#[tokio::test]
async fn a_released_job_is_begun_by_another_worker_at_once_whatever_its_clock_says() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = submitted(&store).await;
        let job = begun(&store, id).await;
        store.release(id, job.attempts, &worker(), "stopping", at(25)).await.unwrap();
        let other = WorkerId::new("worker-2");
        let begin = store.begin(id, &other, ATTEMPTS_MAX, HOLD, at(24)).await.unwrap();
        assert!(matches!(begin, Begin::Begun(Job { attempts: 2, .. })), "{begin:?}");
    })
    .await;
}

#[tokio::test]
async fn a_job_that_kills_every_worker_is_given_up_with_a_reason() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = submitted(&store).await;
        for attempt in 0..ATTEMPTS_MAX {
            begun_at(&store, id, at(0).plus(HOLD * attempt)).await;
        }
        let now = at(0).plus(HOLD * ATTEMPTS_MAX);
        let reason = "given up: begun 3 times and never finished".to_owned();
        assert_eq!(
            store.begin(id, &worker(), ATTEMPTS_MAX, HOLD, now).await.unwrap(),
            Begin::GivenUp { reason: reason.clone() }
        );
        let job = read(&store, id).await;
        assert_eq!((job.status, job.reason), (Status::Failed, Some(reason)));
        assert_eq!(events(&store, id).await.last(), Some(&HistoryEvent::Failed));
    })
    .await;
}

#[tokio::test]
async fn an_attempt_that_is_released_is_not_held_against_the_job_up_to_a_bound() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = submitted(&store).await;
        let attempts = ATTEMPTS_MAX * RELEASES_PER_ATTEMPT_MAX;
        for attempt in 1..=attempts {
            assert_eq!(begun(&store, id).await.attempts, attempt);
            // Twice, as after an answer that was lost.
            for _ in 0..2 {
                store.release(id, attempt, &worker(), "no objects", at(20)).await.unwrap();
            }
        }
        let reason = "given up: begun 30 times and never finished; \
                      released the last time because: no objects";
        assert_eq!(
            store.begin(id, &worker(), ATTEMPTS_MAX, HOLD, at(20)).await.unwrap(),
            Begin::GivenUp { reason: reason.to_owned() }
        );

        // Those that are not released count as ever.
        let id = submitted(&store).await;
        begun(&store, id).await;
        store.release(id, 1, &worker(), "stopping", at(20)).await.unwrap();
        for attempt in 0..ATTEMPTS_MAX {
            begun_at(&store, id, at(20).plus(HOLD * attempt)).await;
        }
        let now = at(20).plus(HOLD * ATTEMPTS_MAX);
        let begin = store.begin(id, &worker(), ATTEMPTS_MAX, HOLD, now).await.unwrap();
        assert!(matches!(begin, Begin::GivenUp { .. }), "{begin:?}");
    })
    .await;
}

#[tokio::test]
async fn a_job_of_another_database_is_unknown() {
    on_each_database(async |database| {
        let store = database.store().await;
        let begin = store.begin(JobId::fresh(), &worker(), ATTEMPTS_MAX, HOLD, at(1)).await;
        assert_eq!(begin.unwrap(), Begin::Unknown);
    })
    .await;
}

#[tokio::test]
async fn the_history_of_a_job_says_what_happened_in_order_and_by_whom() {
    on_each_database(async |database| {
        let store = database.store().await;
        let new =
            NewJob { request_id: Some("r-1".to_owned()), ..NewJob::new("sleep", json!({"milliseconds": 5})) };
        let id = new_job(&store, new, at(10)).await.id;
        begun(&store, id).await;
        store.release(id, 1, &worker(), "stopping", at(21)).await.unwrap();
        begun_at(&store, id, at(22)).await;
        let outcome = Outcome::Failed { reason: "no disk".to_owned() };
        // In the same millisecond as the begin.
        store.finish(id, 2, &worker(), &outcome, at(22)).await.unwrap();
        let entry = |at_ms, event, attempt, worker, detail: Option<&str>| HistoryEntry {
            at: at(at_ms),
            event,
            attempt,
            worker,
            detail: detail.map(str::to_owned),
        };
        assert_eq!(
            store.history(id).await.unwrap(),
            [
                entry(10, HistoryEvent::Submitted, 0, None, Some("r-1")),
                entry(20, HistoryEvent::Begun, 1, Some(worker()), None),
                entry(21, HistoryEvent::Released, 1, Some(worker()), Some("stopping")),
                entry(22, HistoryEvent::Begun, 2, Some(worker()), None),
                entry(22, HistoryEvent::Failed, 2, Some(worker()), Some("no disk")),
            ]
        );
        assert_eq!(store.history(JobId::fresh()).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn the_database_refuses_a_second_end_whoever_writes_it() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = submitted(&store).await;
        begun(&store, id).await;
        store.finish(id, 1, &worker(), &completed(), at(30)).await.unwrap();
        // As a faulty version would: the job is RUNNING again, and ends again.
        database.execute("UPDATE jobs SET status = 'RUNNING'").await;
        let again = store.finish(id, 1, &worker(), &completed(), at(31)).await;
        assert!(matches!(again, Err(StoreError::Database { .. })), "{again:?}");
        assert_eq!(
            events(&store, id).await,
            [HistoryEvent::Submitted, HistoryEvent::Begun, HistoryEvent::Completed]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_workers_that_begin_one_job_at_once_one_has_it() {
    on_each_database(async |database| {
        let store = database.store().await;
        let others = [database.open().await, database.open().await];
        for _ in 0..10 {
            let id = submitted(&store).await;
            let begins: Vec<_> = (0..6)
                .map(|number| {
                    let store = others[number % 2].clone();
                    let worker = WorkerId::new(format!("worker-{number}"));
                    tokio::spawn(async move {
                        store.begin(id, &worker, ATTEMPTS_MAX, HOLD, at(20)).await.unwrap()
                    })
                })
                .collect();
            let (mut begun, mut in_hand) = (0, 0);
            for begin in begins {
                match begin.await.unwrap() {
                    Begin::Begun(_) => begun += 1,
                    Begin::InHand => in_hand += 1,
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!((begun, in_hand), (1, 5));
            assert_eq!(events(&store, id).await, [HistoryEvent::Submitted, HistoryEvent::Begun]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_that_write_at_once_both_succeed() {
    on_each_database(async |database| {
        let one = database.store().await;
        let other = database.open().await;
        let writes: Vec<_> = (0..40)
            .map(|number| {
                let store = if number % 2 == 0 { &one } else { &other }.clone();
                tokio::spawn(async move {
                    let id = submitted(&store).await;
                    begun(&store, id).await;
                    store.finish(id, 1, &worker(), &completed(), at(30)).await.unwrap()
                })
            })
            .collect();
        for write in writes {
            assert_eq!(write.await.unwrap(), Finish::Written);
        }
    })
    .await;
}
