//! How a job goes through a worker's hands: begun by one at a time, held, released, and ended once.

use std::time::Duration;

use serde_json::Value;
use sqlx::{AnyConnection, Row};

use super::columns::{job, job_columns, number, plain};
use super::history::{HistoryEntry, HistoryEvent, record};
use super::{Store, StoreError, Trouble, WorkerId};
use crate::job::{Job, JobId, Status};
use crate::timestamp::Timestamp;

/// A job whose attempts are all released is given up after this many times the attempts that it has.
pub const RELEASES_PER_ATTEMPT_MAX: u32 = 10;

/// What became of a worker's wish to begin a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Begin {
    /// The job is this worker's; `attempts` of the job is the proof to finish it with.
    Begun(Job),
    /// Another worker is at it: the message was sent or delivered twice.
    InHand,
    /// Nothing left to do: the message was delivered again, or the job was cancelled.
    AlreadyFinal(Status),
    /// It was begun too often without an end; it is FAILED now, for this reason.
    GivenUp { reason: String },
    /// No such job in this database.
    Unknown,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Completed { result: Option<Value> },
    Failed { reason: String },
}

/// Whether the end was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    Written,
    /// Another worker has begun the job since, or it has ended; nothing was changed.
    Superseded,
}

impl Store {
    /// Gives the job to a worker for as long as `hold`, and counts the attempt.
    ///
    /// A RUNNING job is given again once its hold has lapsed: the worker that had it died, or lost
    /// touch. Should it still be alive, its `finish` is refused.
    pub async fn begin(
        &self,
        id: JobId,
        worker: &WorkerId,
        attempts_max: u32,
        hold: Duration,
        now: Timestamp,
    ) -> Result<Begin, StoreError> {
        self.in_time("beginning a job", async {
            let mut transaction = self.begin_writing().await?;
            // In SQLite no other transaction writes meanwhile.
            let row = sqlx::query(self.database.choose(
                concat!("SELECT held_until, ", job_columns!(), " FROM jobs WHERE id = $1"),
                concat!("SELECT held_until, ", job_columns!(), " FROM jobs WHERE id = $1 FOR UPDATE"),
            ))
            .bind(id.to_string())
            .fetch_optional(&mut *transaction)
            .await?;
            let Some(row) = row else {
                transaction.rollback().await?;
                return Ok(Begin::Unknown);
            };
            let held_until = Timestamp::from_milliseconds(row.try_get("held_until")?);
            let mut job = job(&row)?;
            if let Some(nothing) = nothing_to_do(&job, held_until, now) {
                transaction.rollback().await?;
                return Ok(nothing);
            }
            // Most jobs end before this matters.
            let releases = match job.attempts < attempts_max {
                true => Releases::default(),
                false => releases(&mut transaction, id).await?,
            };
            let event = begin_or_give_up(&mut job, &releases, attempts_max, now);
            sqlx::query(
                "UPDATE jobs SET status = $2, reason = $3, attempts = $4, held_until = $5, updated_at = $6
                 WHERE id = $1",
            )
            .bind(id.to_string())
            .bind(job.status.name())
            .bind(&job.reason)
            .bind(i64::from(job.attempts))
            .bind(now.plus(hold).milliseconds())
            .bind(now.milliseconds())
            .execute(&mut *transaction)
            .await?;
            let entry = HistoryEntry {
                at: now,
                event,
                attempt: job.attempts,
                worker: Some(worker.clone()),
                detail: job.reason.clone(),
            };
            record(&mut transaction, id, entry).await?;
            transaction.commit().await?;
            Ok(match job.reason {
                Some(reason) => Begin::GivenUp { reason },
                None => Begin::Begun(job),
            })
        })
        .await
    }

    /// Holds a job that `attempt` has in hand until another time; a time that has passed lets it go.
    pub async fn hold_until(&self, id: JobId, attempt: u32, until: Timestamp) -> Result<(), StoreError> {
        self.in_time("holding a job", async {
            sqlx::query(
                "UPDATE jobs SET held_until = $3 WHERE id = $1 AND attempts = $2 AND status = 'RUNNING'",
            )
            .bind(id.to_string())
            .bind(i64::from(attempt))
            .bind(until.milliseconds())
            .execute(&self.writers)
            .await?;
            Ok(())
        })
        .await
    }

    /// Lets another worker have the job at once: the one that has it must stop, or something it needs is away. The
    /// job stays RUNNING. The attempt keeps its number and is not held against the job, up to a bound; see
    /// [`RELEASES_PER_ATTEMPT_MAX`]. Does nothing if `attempt` is no longer the one in progress.
    pub async fn release(
        &self,
        id: JobId,
        attempt: u32,
        worker: &WorkerId,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.in_time("releasing a job", async {
            let mut transaction = self.begin_writing().await?;
            // 0 and not `now`: the next worker's clock may be behind.
            let released = sqlx::query(
                "UPDATE jobs SET held_until = 0 WHERE id = $1 AND attempts = $2 AND status = 'RUNNING'",
            )
            .bind(id.to_string())
            .bind(i64::from(attempt))
            .execute(&mut *transaction)
            .await?;
            if released.rows_affected() > 0 {
                let event = HistoryEvent::Released;
                let (worker, detail) = (Some(worker.clone()), Some(why.to_owned()));
                let entry = HistoryEntry { at: now, event, attempt, worker, detail };
                record(&mut transaction, id, entry).await?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Writes how the job ended, if `attempt` is still the one in progress.
    pub async fn finish(
        &self,
        id: JobId,
        attempt: u32,
        worker: &WorkerId,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Finish, StoreError> {
        let (status, event, reason, result) = match outcome {
            Outcome::Completed { result } => {
                (Status::Completed, HistoryEvent::Completed, None, result.as_ref().map(Value::to_string))
            }
            Outcome::Failed { reason } => (Status::Failed, HistoryEvent::Failed, Some(plain(reason)), None),
        };
        self.in_time("finishing a job", async {
            let mut transaction = self.begin_writing().await?;
            let changed = sqlx::query(
                "UPDATE jobs SET status = $3, reason = $4, result = $5, updated_at = $6
                 WHERE id = $1 AND attempts = $2 AND status = 'RUNNING'",
            )
            .bind(id.to_string())
            .bind(i64::from(attempt))
            .bind(status.name())
            .bind(&reason)
            .bind(result)
            .bind(now.milliseconds())
            .execute(&mut *transaction)
            .await?;
            if changed.rows_affected() == 0 {
                transaction.rollback().await?;
                return Ok(Finish::Superseded);
            }
            let entry =
                HistoryEntry { at: now, event, attempt, worker: Some(worker.clone()), detail: reason };
            record(&mut transaction, id, entry).await?;
            transaction.commit().await?;
            Ok(Finish::Written)
        })
        .await
    }
}

/// The attempts that are not held against a job.
#[derive(Default)]
struct Releases {
    attempts: u32,
    last_why: Option<String>,
}

async fn releases(connection: &mut AnyConnection, id: JobId) -> Result<Releases, Trouble> {
    let row = sqlx::query(
        "SELECT COUNT(DISTINCT attempt) AS attempts,
                (SELECT detail FROM job_history WHERE job_id = $1 AND event = 'RELEASED'
                 ORDER BY step DESC LIMIT 1) AS last_why
         FROM job_history WHERE job_id = $1 AND event = 'RELEASED'",
    )
    .bind(id.to_string())
    .fetch_one(connection)
    .await?;
    Ok(Releases { attempts: number(&row, "attempts")?, last_why: row.try_get("last_why")? })
}

/// What the worker is told of a job that stays as it is.
fn nothing_to_do(job: &Job, held_until: Timestamp, now: Timestamp) -> Option<Begin> {
    match job.status {
        Status::Submitted => None,
        Status::Running => (now < held_until).then_some(Begin::InHand),
        Status::Completed | Status::Failed | Status::Cancelled => Some(Begin::AlreadyFinal(job.status)),
    }
}

fn begin_or_give_up(job: &mut Job, releases: &Releases, attempts_max: u32, now: Timestamp) -> HistoryEvent {
    job.updated_at = now;
    let spent = job.attempts.saturating_sub(releases.attempts);
    if spent >= attempts_max || job.attempts >= attempts_max.saturating_mul(RELEASES_PER_ATTEMPT_MAX) {
        let last = releases.last_why.as_ref().map(|why| format!("; released the last time because: {why}"));
        let last = last.unwrap_or_default();
        job.status = Status::Failed;
        job.reason = Some(format!("given up: begun {} times and never finished{last}", job.attempts));
        return HistoryEvent::Failed;
    }
    job.status = Status::Running;
    job.attempts += 1;
    HistoryEvent::Begun
}
