//! What the store promises to several processes on one database: the same on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used)]

mod leases;
mod looking;
mod opening;
mod rows;
mod schema;
mod submitting;
mod working;

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::job::{Job, JobId, Status};
use crate::testing::{Database, on_each_database};
use crate::timestamp::Timestamp;

const ATTEMPTS_MAX: u32 = 3;
const HOLD: Duration = Duration::from_millis(100);

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_milliseconds(milliseconds)
}

fn worker() -> WorkerId {
    WorkerId::new("worker-1")
}

fn completed() -> Outcome {
    Outcome::Completed { result: None }
}

async fn new_job(store: &Store, new: NewJob, now: Timestamp) -> Job {
    match store.submit(new, now).await.unwrap() {
        Submitted::New(job) => job,
        other => panic!("not new: {other:?}"),
    }
}

async fn submitted(store: &Store) -> JobId {
    new_job(store, NewJob::new("sleep", json!({"milliseconds": 5})), at(10)).await.id
}

async fn begun(store: &Store, id: JobId) -> Job {
    begun_at(store, id, at(20)).await
}

async fn begun_at(store: &Store, id: JobId, now: Timestamp) -> Job {
    match store.begin(id, &worker(), ATTEMPTS_MAX, HOLD, now).await.unwrap() {
        Begin::Begun(job) => job,
        other => panic!("not begun: {other:?}"),
    }
}

async fn read(store: &Store, id: JobId) -> Job {
    store.read(id).await.unwrap().unwrap()
}

async fn events(store: &Store, id: JobId) -> Vec<HistoryEvent> {
    store.history(id).await.unwrap().into_iter().map(|entry| entry.event).collect()
}
