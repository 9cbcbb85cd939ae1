//! The schema: brought up by whoever comes first, and checked by everybody.

use super::*;

fn versions(steps: &[SchemaStep]) -> Vec<i64> {
    steps.iter().map(|step| step.version).collect()
}

/// Brings the database to the schema of the first release, as that release did.
async fn at_the_first_schema(database: &Database) -> Store {
    let store = database.store().await;
    let tables = [
        "idempotency_keys",
        "uploads",
        "imported_rows",
        "workers",
        "scaling_overrides",
        "leases",
        "job_history",
        "outbox",
        "jobs",
    ];
    for table in tables {
        database.execute(&format!("DROP TABLE {table}")).await;
    }
    database.execute("DELETE FROM _sqlx_migrations WHERE version > 1").await;
    database.execute(include_str!("../../../migrations/0001_jobs_and_outbox.sql")).await;
    store
}

#[tokio::test]
async fn a_migration_says_what_it_did_and_the_next_has_nothing_to_do() {
    on_each_database(async |database| {
        let store = database.open().await;
        let missing = store.expect_schema().await.unwrap_err().to_string();
        assert_eq!(missing, "the database has schema none and this build needs 2: run `job-migrate` first");
        assert_eq!(versions(&store.pending().await.unwrap()), [1, 2]);
        assert_eq!(versions(&store.migrate().await.unwrap()), [1, 2]);
        assert_eq!(store.pending().await.unwrap(), []);
        assert_eq!(store.migrate().await.unwrap(), []);
        store.expect_schema().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_jobs_of_the_first_release_are_all_there_afterwards() {
    on_each_database(async |database| {
        let store = at_the_first_schema(database).await;
        assert!(matches!(
            store.expect_schema().await,
            Err(StoreError::Schema { found: Some(1), needed: 2 })
        ));
        let ids: Vec<JobId> = (0..3).map(|_| JobId::fresh()).collect();
        for (id, status) in ids.iter().zip(["SUBMITTED", "RUNNING", "FAILED"]) {
            database
                .execute(&format!(
                    "INSERT INTO jobs (id, kind, payload, status, reason, attempts, held_until, created_at, updated_at)
                     VALUES ('{id}', 'sleep', '{{\"milliseconds\":5}}', '{status}', 'why', 1, 50, 10, 20);
                     INSERT INTO outbox (job_id, body, attempts, not_before) VALUES ('{id}', 'body', 3, 10)"
                ))
                .await;
        }
        assert_eq!(versions(&store.migrate().await.unwrap()), [2]);
        let job = read(&store, ids[2]).await;
        assert_eq!((job.status, job.reason.as_deref(), job.attempts), (Status::Failed, Some("why"), 1));
        assert_eq!((job.payload, job.created_at, job.updated_at), (json!({"milliseconds": 5}), at(10), at(20)));
        assert_eq!(events(&store, ids[1]).await, [HistoryEvent::Submitted]);
        assert_eq!(events(&store, ids[2]).await, [HistoryEvent::Submitted, HistoryEvent::Failed]);
        let owed = store.claim_unsent(10, HOLD, at(10)).await.unwrap();
        assert_eq!((owed.len(), owed[0].attempts), (3, 4));
        // A worker of before holds it still.
        let held = store.begin(ids[1], &worker(), ATTEMPTS_MAX, HOLD, at(49)).await.unwrap();
        assert_eq!(held, Begin::InHand);
        assert!(matches!(store.cancel(ids[0], at(60)).await.unwrap(), Cancel::Cancelled(_)));
    })
    .await;
}

#[tokio::test]
async fn the_first_release_still_writes_to_the_new_schema() {
    on_each_database(async |database| {
        let store = database.store().await;
        let id = JobId::fresh();
        // What a version that is rolled back, or not yet replaced, sends.
        database
            .execute(&format!(
                "INSERT INTO jobs (id, kind, payload, status, attempts, created_at, updated_at)
                 VALUES ('{id}', 'sleep', '{{}}', 'SUBMITTED', 0, 10, 10);
                 INSERT INTO outbox (job_id, body, not_before) VALUES ('{id}', 'body', 10)"
            ))
            .await;
        begun(&store, id).await;
        store.finish(id, 1, &worker(), &completed(), at(30)).await.unwrap();
        assert_eq!(read(&store, id).await.status, Status::Completed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_together_on_a_new_database_all_get_the_schema() {
    on_each_database(async |database| {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let url = database.url.clone();
                tokio::spawn(async move {
                    let store = Store::open(&url).await?;
                    let steps = store.migrate().await?;
                    store.ping().await?;
                    Ok::<_, StoreError>(steps.len())
                })
            })
            .collect();
        let mut applied = Vec::new();
        for start in starts {
            applied.push(start.await.unwrap().unwrap());
        }
        applied.sort_unstable();
        assert_eq!(applied, [0, 0, 0, 0, 0, 0, 0, 2], "one did all of it");
    })
    .await;
}

#[tokio::test]
async fn a_rolled_back_version_starts_on_the_newer_versions_schema() {
    on_each_database(async |database| {
        let store = database.store().await;
        let checksum = if database.kind == "SQLite" { "x'00'" } else { "'\\x00'" };
        database
            .execute(&format!(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'of a later version', true, {checksum}, 0)"
            ))
            .await;
        store.expect_schema().await.unwrap();
        store.migrate().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_fails_changes_nothing() {
    on_each_database(async |database| {
        let store = at_the_first_schema(database).await;
        let id = JobId::fresh();
        database
            .execute(&format!(
                "INSERT INTO jobs (id, kind, payload, status, created_at, updated_at)
                 VALUES ('{id}', 'sleep', '{{}}', 'SUBMITTED', 10, 10);
                 CREATE TABLE uploads (id TEXT)"
            ))
            .await;
        assert!(matches!(store.migrate().await, Err(StoreError::Migration { .. })));
        assert_eq!(versions(&store.pending().await.unwrap()), [2]);
        // The lock is free and the tables are the old ones.
        database.execute("DROP TABLE uploads").await;
        assert_eq!(versions(&store.migrate().await.unwrap()), [2]);
        assert_eq!(read(&store, id).await.status, Status::Submitted);
    })
    .await;
}
