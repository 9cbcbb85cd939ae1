//! Messages that are owed to the queue: written with the job, claimed by one relay at a time, kept until sent.
//!
//! A relay that dies between sending and marking sends the message again once its claim lapses. The
//! worker expects that: SQS delivers more than once anyway.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Row};

use super::columns::{number, parsed, text};
use super::{Store, StoreError, Trouble};
use crate::job::JobId;
use crate::queue::SENT_TOGETHER_MAX;
use crate::timestamp::Timestamp;

/// A message that some relay has claimed and not sent yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsent {
    pub job_id: JobId,
    pub body: String,
    /// How often it has been claimed, this time included.
    pub attempts: u32,
}

/// What the outbox still holds for the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
    pub messages: u64,
    /// When the job was submitted whose message has waited longest.
    pub oldest: Option<Timestamp>,
}

impl Store {
    /// Claims up to `limit` messages that are due, longest due first, for as long as `lease`. Relays that claim at
    /// the same time get different ones and do not wait for each other.
    pub async fn claim_unsent(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<Unsent>, StoreError> {
        let mut claimed = self
            .in_time("claiming messages of the outbox", async {
                // ARRAY: PostgreSQL may run a plain subquery more than once, and then lock more than LIMIT.
                let rows = sqlx::query(self.database.choose(
                    "UPDATE outbox SET not_before = $1, attempts = attempts + 1
                     WHERE job_id IN (
                         SELECT job_id FROM outbox WHERE sent_at IS NULL AND not_before <= $2
                         ORDER BY not_before, job_id LIMIT $3)
                     RETURNING job_id, body, attempts",
                    "UPDATE outbox SET not_before = $1, attempts = attempts + 1
                     WHERE job_id = ANY (ARRAY(
                         SELECT job_id FROM outbox WHERE sent_at IS NULL AND not_before <= $2
                         ORDER BY not_before, job_id LIMIT $3 FOR UPDATE SKIP LOCKED))
                     RETURNING job_id, body, attempts",
                ))
                .bind(now.plus(lease).milliseconds())
                .bind(now.milliseconds())
                .bind(i64::from(limit))
                .fetch_all(&self.writers)
                .await?;
                let unsent = |row| {
                    Ok(Unsent {
                        job_id: parsed(row, "job_id")?,
                        body: text(row, "body")?,
                        attempts: number(row, "attempts")?,
                    })
                };
                rows.iter().map(unsent).collect::<Result<Vec<_>, _>>()
            })
            .await?;
        // RETURNING promises no order.
        claimed.sort_by_key(|unsent| unsent.job_id);
        Ok(claimed)
    }

    /// How many messages are not sent yet, claimed ones included.
    pub async fn owed(&self) -> Result<Owed, StoreError> {
        self.in_time("counting unsent messages", async {
            let row = sqlx::query(
                "SELECT COUNT(*) AS messages, MIN(jobs.created_at) AS oldest
                 FROM outbox JOIN jobs ON jobs.id = outbox.job_id WHERE outbox.sent_at IS NULL",
            )
            .fetch_one(&self.readers)
            .await?;
            let oldest: Option<i64> = row.try_get("oldest")?;
            Ok(Owed { messages: number(&row, "messages")?, oldest: oldest.map(Timestamp::from_milliseconds) })
        })
        .await
    }

    /// Records that the queue has taken the messages of these jobs.
    pub async fn mark_sent(&self, jobs: &[JobId], now: Timestamp) -> Result<(), StoreError> {
        let statement = "UPDATE outbox SET sent_at = $1 WHERE sent_at IS NULL AND job_id IN";
        self.in_time("marking messages as sent", self.change_owed(statement, now, jobs)).await
    }

    /// Gives claims back: nobody sends the messages of these jobs before `until`.
    pub async fn postpone(&self, jobs: &[JobId], until: Timestamp) -> Result<(), StoreError> {
        let statement = "UPDATE outbox SET not_before = $1 WHERE sent_at IS NULL AND job_id IN";
        self.in_time("postponing messages", self.change_owed(statement, until, jobs)).await
    }

    async fn change_owed(
        &self,
        statement: &'static str,
        time: Timestamp,
        jobs: &[JobId],
    ) -> Result<(), Trouble> {
        if jobs.is_empty() {
            return Ok(());
        }
        let places: Vec<String> = (0..jobs.len()).map(|job| format!("${}", job + 2)).collect();
        let sql = format!("{statement} ({})", places.join(", "));
        // Holds nothing but numbered places. Only full batches come often enough to be kept prepared.
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(jobs.len() == SENT_TOGETHER_MAX);
        query = query.bind(time.milliseconds());
        for job in jobs {
            query = query.bind(job.to_string());
        }
        query.execute(&self.writers).await?;
        Ok(())
    }

    /// Forgets messages sent before `before`, at most `limit` at once. Jobs stay.
    pub async fn forget_sent(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.in_time("forgetting sent messages", async {
            let done = sqlx::query(self.database.choose(
                "DELETE FROM outbox WHERE job_id IN (
                     SELECT job_id FROM outbox WHERE sent_at IS NOT NULL AND sent_at < $1 LIMIT $2)",
                "DELETE FROM outbox WHERE job_id = ANY (ARRAY(
                     SELECT job_id FROM outbox WHERE sent_at IS NOT NULL AND sent_at < $1 LIMIT $2
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
