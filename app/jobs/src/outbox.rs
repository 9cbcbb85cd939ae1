//! Messages that are owed to the queue: written with the job, claimed by one relay at a time, kept until sent.
//!
//! A relay that dies between sending and marking sends the message again once its claim lapses. The
//! worker expects that: SQS delivers more than once anyway.

use std::time::Duration;

use sqlx::Row;

use crate::job::JobId;
use crate::store::{Store, StoreError, while_doing};
use crate::timestamp::Timestamp;

/// A message that some relay has claimed and not sent yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsent {
    pub job_id: JobId,
    pub body: String,
    /// How often it has been claimed, this time included.
    pub attempts: u32,
}

impl Store {
    /// Claims up to `limit` messages that are due, oldest job first, for as long as `lease`.
    pub async fn claim_unsent(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<Unsent>, StoreError> {
        let doing = "claiming messages of the outbox";
        let rows = sqlx::query(
            "UPDATE outbox SET not_before = $1, attempts = attempts + 1
             WHERE job_id IN (
                 SELECT job_id FROM outbox WHERE sent_at IS NULL AND not_before <= $2
                 ORDER BY job_id LIMIT $3)
             RETURNING job_id, body, attempts",
        )
        .bind(now.plus(lease).milliseconds())
        .bind(now.milliseconds())
        .bind(i64::from(limit))
        .fetch_all(self.writers())
        .await
        .map_err(while_doing(doing))?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            let text = |column| row.try_get::<String, _>(column).map_err(while_doing(doing));
            let stored = |what, why| StoreError::Stored { doing, what, why };
            claimed.push(Unsent {
                job_id: text("job_id")?
                    .parse()
                    .map_err(|error: uuid::Error| stored("id", error.to_string()))?,
                body: text("body")?,
                attempts: u32::try_from(row.try_get::<i64, _>("attempts").map_err(while_doing(doing))?)
                    .map_err(|error| stored("attempts", error.to_string()))?,
            });
        }
        // RETURNING promises no order.
        claimed.sort_by_key(|unsent| unsent.job_id);
        Ok(claimed)
    }

    /// Records that the queue has taken the message of this job.
    pub async fn mark_sent(&self, job_id: JobId, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE outbox SET sent_at = $2 WHERE job_id = $1 AND sent_at IS NULL")
            .bind(job_id.to_string())
            .bind(now.milliseconds())
            .execute(self.writers())
            .await
            .map_err(while_doing("marking a message as sent"))?;
        Ok(())
    }

    /// Gives a claim back: nobody sends the message before `until`.
    pub async fn postpone(&self, job_id: JobId, until: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE outbox SET not_before = $2 WHERE job_id = $1 AND sent_at IS NULL")
            .bind(job_id.to_string())
            .bind(until.milliseconds())
            .execute(self.writers())
            .await
            .map_err(while_doing("postponing a message"))?;
        Ok(())
    }

    /// Forgets messages sent before `before`, at most `limit` at once. Jobs stay.
    pub async fn forget_sent(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM outbox WHERE job_id IN (
                 SELECT job_id FROM outbox WHERE sent_at IS NOT NULL AND sent_at < $1 LIMIT $2)",
        )
        .bind(before.milliseconds())
        .bind(i64::from(limit))
        .execute(self.writers())
        .await
        .map_err(while_doing("forgetting sent messages"))?;
        Ok(done.rows_affected())
    }
}
