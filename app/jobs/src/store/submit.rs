//! How a job comes in, and how it is taken back before anybody began it.

use serde_json::Value;
use sqlx::{AnyConnection, Row};

use super::columns::{job, job_columns, plain};
use super::history::{HistoryEntry, HistoryEvent, record};
use super::{Store, StoreError, Trouble};
use crate::job::{Job, JobId, Status};
use crate::message::JobMessage;
use crate::timestamp::Timestamp;

/// A job that is to be stored. Its kind and payload have been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    pub kind: String,
    pub payload: Value,
    pub request_id: Option<String>,
    pub idempotency: Option<Idempotency>,
}

impl NewJob {
    /// A job that nobody asks about by request or key.
    pub fn new(kind: &str, payload: Value) -> NewJob {
        NewJob { kind: kind.to_owned(), payload, request_id: None, idempotency: None }
    }
}

/// The key by which a client says that two submissions are one, and a digest of what it submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    pub key: String,
    pub fingerprint: String,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq)]
pub enum Submitted {
    New(Job),
    /// The key came with the same content before; this is the job of then.
    Repeated(Job),
    /// The key came with other content before; nothing was stored.
    KeyTaken,
}

/// What became of the wish to cancel a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Cancel {
    Cancelled(Job),
    /// A worker has begun it, or it has its end.
    TooLate(Status),
    Unknown,
}

impl Store {
    /// Stores a job together with its message in the outbox: both or neither. Of several submissions with the
    /// same key, also at the same time, one stores a job.
    pub async fn submit(&self, new: NewJob, now: Timestamp) -> Result<Submitted, StoreError> {
        self.in_time("storing a job", async {
            let id = JobId::fresh();
            let mut transaction = self.begin_writing().await?;
            if let Some(idempotency) = &new.idempotency
                && let Some(earlier) = claim_key(&mut transaction, idempotency, id, now).await?
            {
                transaction.rollback().await?;
                return Ok(earlier);
            }
            let job = insert(&mut transaction, id, new, now).await?;
            transaction.commit().await?;
            Ok(Submitted::New(job))
        })
        .await
    }

    /// Ends a job that no worker has begun yet, and drops its message if it is unsent. One that is under way to
    /// the queue finds the job ended.
    pub async fn cancel(&self, id: JobId, now: Timestamp) -> Result<Cancel, StoreError> {
        self.in_time("cancelling a job", async {
            let mut transaction = self.begin_writing().await?;
            let cancelled = sqlx::query(concat!(
                "UPDATE jobs SET status = 'CANCELLED', updated_at = $2
                 WHERE id = $1 AND status = 'SUBMITTED' RETURNING ",
                job_columns!()
            ))
            .bind(id.to_string())
            .bind(now.milliseconds())
            .fetch_optional(&mut *transaction)
            .await?;
            let Some(row) = cancelled else {
                let there = read(&mut transaction, id).await?;
                transaction.rollback().await?;
                return Ok(there.map_or(Cancel::Unknown, |job| Cancel::TooLate(job.status)));
            };
            let job = job(&row)?;
            sqlx::query("DELETE FROM outbox WHERE job_id = $1 AND sent_at IS NULL")
                .bind(id.to_string())
                .execute(&mut *transaction)
                .await?;
            let event = HistoryEvent::Cancelled;
            let entry = HistoryEntry { at: now, event, attempt: job.attempts, worker: None, detail: None };
            record(&mut transaction, id, entry).await?;
            transaction.commit().await?;
            Ok(Cancel::Cancelled(job))
        })
        .await
    }

    /// Forgets keys that came before `before`, at most `limit` at once; their jobs stay.
    pub async fn forget_keys(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.in_time("forgetting idempotency keys", async {
            let done = sqlx::query(self.database.choose(
                "DELETE FROM idempotency_keys WHERE key IN (
                     SELECT key FROM idempotency_keys WHERE created_at < $1 LIMIT $2)",
                "DELETE FROM idempotency_keys WHERE key = ANY (ARRAY(
                     SELECT key FROM idempotency_keys WHERE created_at < $1 LIMIT $2
                     FOR UPDATE SKIP LOCKED))",
            ))
            .bind(before.milliseconds())
            .bind(i64::from(limit))
            .execute(&self.writers)
            .await?;
            Ok(done.rows_affected())
        })
        .await
    }
}

/// Claims a key for the job that is about to be stored, or answers what the key stands for already.
///
/// On PostgreSQL the insert waits for another submission that has claimed the key and is not through: if that one
/// fails, this one has the key.
async fn claim_key(
    connection: &mut AnyConnection,
    idempotency: &Idempotency,
    id: JobId,
    now: Timestamp,
) -> Result<Option<Submitted>, Trouble> {
    let claimed = sqlx::query(
        "INSERT INTO idempotency_keys (key, fingerprint, job_id, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(&idempotency.key)
    .bind(&idempotency.fingerprint)
    .bind(id.to_string())
    .bind(now.milliseconds())
    .execute(&mut *connection)
    .await?;
    if claimed.rows_affected() == 1 {
        return Ok(None);
    }
    let row = sqlx::query("SELECT fingerprint, job_id FROM idempotency_keys WHERE key = $1")
        .bind(&idempotency.key)
        .fetch_one(&mut *connection)
        .await?;
    if row.try_get::<String, _>("fingerprint")? != idempotency.fingerprint {
        return Ok(Some(Submitted::KeyTaken));
    }
    let earlier = read(connection, super::columns::parsed(&row, "job_id")?).await?;
    let gone = || Trouble::Stored { what: "idempotency key", why: "its job is gone".to_owned() };
    Ok(Some(Submitted::Repeated(earlier.ok_or_else(gone)?)))
}

async fn insert(
    connection: &mut AnyConnection,
    id: JobId,
    new: NewJob,
    now: Timestamp,
) -> Result<Job, Trouble> {
    let job = Job {
        id,
        kind: new.kind,
        payload: new.payload,
        status: Status::Submitted,
        reason: None,
        request_id: new.request_id.as_deref().map(plain),
        result: None,
        attempts: 0,
        created_at: now,
        updated_at: now,
    };
    sqlx::query(
        "INSERT INTO jobs (id, kind, payload, status, request_id, attempts, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 0, $6, $6)",
    )
    .bind(id.to_string())
    .bind(&job.kind)
    .bind(job.payload.to_string())
    .bind(job.status.name())
    .bind(&job.request_id)
    .bind(now.milliseconds())
    .execute(&mut *connection)
    .await?;
    let message = JobMessage { job_id: id, request_id: job.request_id.clone() };
    sqlx::query("INSERT INTO outbox (job_id, body, not_before) VALUES ($1, $2, $3)")
        .bind(id.to_string())
        .bind(message.to_body())
        .bind(now.milliseconds())
        .execute(&mut *connection)
        .await?;
    let detail = job.request_id.clone();
    let entry = HistoryEntry { at: now, event: HistoryEvent::Submitted, attempt: 0, worker: None, detail };
    record(connection, id, entry).await?;
    Ok(job)
}

async fn read(connection: &mut AnyConnection, id: JobId) -> Result<Option<Job>, Trouble> {
    let row = sqlx::query(concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = $1"))
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(job).transpose()
}
