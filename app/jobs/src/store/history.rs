//! What happened to a job, in order: written in the transaction that changes the job, and never changed.
//!
//! The database refuses a second COMPLETED, FAILED or CANCELLED of a job, whoever writes it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use sqlx::{AnyConnection, Row};

use super::columns::{number, parsed, plain, time};
use super::{Store, StoreError, Trouble, WorkerId};
use crate::job::JobId;
use crate::timestamp::Timestamp;

/// More than the entries of a job that used up all of its attempts: 100 of them, each released ten times.
const ENTRIES_MAX: i64 = 2_500;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HistoryEvent {
    Submitted,
    Begun,
    /// Its worker had to stop before the job was done, or something that it needs was away.
    Released,
    Completed,
    Failed,
    Cancelled,
}

/// One thing that happened to a job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryEntry {
    pub at: Timestamp,
    pub event: HistoryEvent,
    /// Which attempt it belongs to; 0 before the first.
    pub attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerId>,
    /// The reason of a failure or a release, or the request that submitted the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl HistoryEvent {
    pub const ALL: [HistoryEvent; 6] = [
        HistoryEvent::Submitted,
        HistoryEvent::Begun,
        HistoryEvent::Released,
        HistoryEvent::Completed,
        HistoryEvent::Failed,
        HistoryEvent::Cancelled,
    ];

    pub fn name(self) -> &'static str {
        match self {
            HistoryEvent::Submitted => "SUBMITTED",
            HistoryEvent::Begun => "BEGUN",
            HistoryEvent::Released => "RELEASED",
            HistoryEvent::Completed => "COMPLETED",
            HistoryEvent::Failed => "FAILED",
            HistoryEvent::Cancelled => "CANCELLED",
        }
    }
}

impl fmt::Display for HistoryEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for HistoryEvent {
    type Err = String;

    fn from_str(text: &str) -> Result<HistoryEvent, String> {
        let found = HistoryEvent::ALL.into_iter().find(|event| event.name() == text);
        found.ok_or_else(|| format!("there is no event `{text}`"))
    }
}

impl Store {
    /// What happened to a job, the first first; nothing for a job that is not there.
    pub async fn history(&self, id: JobId) -> Result<Vec<HistoryEntry>, StoreError> {
        self.in_time("reading the history of a job", async {
            let rows = sqlx::query(
                "SELECT at, event, attempt, worker, detail FROM job_history WHERE job_id = $1
                 ORDER BY step LIMIT $2",
            )
            .bind(id.to_string())
            .bind(ENTRIES_MAX)
            .fetch_all(&self.readers)
            .await?;
            let entry = |row| {
                Ok(HistoryEntry {
                    at: time(row, "at")?,
                    event: parsed(row, "event")?,
                    attempt: number(row, "attempt")?,
                    worker: row.try_get::<Option<String>, _>("worker")?.map(WorkerId::new),
                    detail: row.try_get("detail")?,
                })
            };
            rows.iter().map(entry).collect()
        })
        .await
    }
}

/// Adds to a job's history. The caller's transaction has changed the job, and so keeps others away from it.
pub(super) async fn record(
    connection: &mut AnyConnection,
    id: JobId,
    entry: HistoryEntry,
) -> Result<(), Trouble> {
    sqlx::query(
        "INSERT INTO job_history (job_id, step, at, event, attempt, worker, detail)
         VALUES ($1, (SELECT COALESCE(MAX(step), 0) + 1 FROM job_history WHERE job_id = $1),
                 $2, $3, $4, $5, $6)",
    )
    .bind(id.to_string())
    .bind(entry.at.milliseconds())
    .bind(entry.event.name())
    .bind(i64::from(entry.attempt))
    .bind(entry.worker.map(|worker| worker.to_string()))
    .bind(entry.detail.as_deref().map(plain))
    .execute(connection)
    .await?;
    Ok(())
}
