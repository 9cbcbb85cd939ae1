//! Jobs whose message is gone from the queue: how many there may be, and putting them into the outbox again.

use sqlx::Row;

use super::columns::{number, parsed};
use super::{Store, StoreError, Trouble};
use crate::message::JobMessage;
use crate::timestamp::Timestamp;

impl Store {
    /// How many jobs have not ended whose message the outbox does not owe: the queue should hold as many.
    pub async fn unfinished_and_sent(&self) -> Result<u64, StoreError> {
        self.in_time("counting jobs whose message was sent", async {
            let row = sqlx::query(
                "SELECT COUNT(*) AS jobs FROM jobs WHERE status IN ('SUBMITTED', 'RUNNING')
                 AND NOT EXISTS (
                     SELECT 1 FROM outbox WHERE outbox.job_id = jobs.id AND outbox.sent_at IS NULL)",
            )
            .fetch_one(&self.readers)
            .await?;
            number(&row, "jobs")
        })
        .await
    }

    /// Owes the queue the messages of up to `limit` jobs once more, those first that changed the longest ago: jobs that
    /// nobody works on, and of which nothing was sent or changed since `silent_since`.
    ///
    /// Processes that do so at the same time find different jobs.
    pub async fn owe_again(
        &self,
        silent_since: Timestamp,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<JobMessage>, StoreError> {
        macro_rules! silent {
            ($lock:literal) => {
                concat!(
                    "SELECT jobs.id, jobs.request_id FROM jobs LEFT JOIN outbox ON outbox.job_id = jobs.id
                     WHERE jobs.status IN ('SUBMITTED', 'RUNNING')
                     AND jobs.updated_at < $1 AND jobs.held_until < $1
                     AND (outbox.job_id IS NULL OR outbox.sent_at < $1)
                     ORDER BY jobs.updated_at, jobs.id LIMIT $2",
                    $lock
                )
            };
        }
        self.in_time("looking for jobs whose message is lost", async {
            let mut transaction = self.begin_writing().await?;
            let silent = self.database.choose(silent!(""), silent!(" FOR UPDATE OF jobs SKIP LOCKED"));
            let rows = sqlx::query(silent)
                .bind(silent_since.milliseconds())
                .bind(i64::from(limit))
                .fetch_all(&mut *transaction)
                .await?;
            let mut owed = Vec::new();
            for row in &rows {
                let message =
                    JobMessage { job_id: parsed(row, "id")?, request_id: row.try_get("request_id")? };
                // Another process may have done this since the rows were read.
                let done = sqlx::query(
                    "INSERT INTO outbox (job_id, body, not_before) VALUES ($1, $2, $3)
                     ON CONFLICT (job_id) DO UPDATE
                     SET sent_at = NULL, attempts = 0, not_before = excluded.not_before
                     WHERE outbox.sent_at < $4",
                )
                .bind(message.job_id.to_string())
                .bind(message.to_body())
                .bind(now.milliseconds())
                .bind(silent_since.milliseconds())
                .execute(&mut *transaction)
                .await?;
                if done.rows_affected() > 0 {
                    owed.push(message);
                }
            }
            transaction.commit().await?;
            Ok::<_, Trouble>(owed)
        })
        .await
    }
}
