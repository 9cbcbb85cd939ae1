//! Jobs in the database: submitted once, begun by one worker at a time, finished once.
//!
//! SQLite in a file that several processes share. The SQL keeps to what PostgreSQL understands as
//! well; what is SQLite's alone is in `open` and in how a writing transaction begins.

use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};
use tokio::time::Instant;

use crate::job::{Job, JobId, Status};
use crate::message::JobMessage;
use crate::migrations::migrator;
use crate::timestamp::Timestamp;

/// How long a statement waits for another process to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS_MAX: u32 = 4;
/// SQLite has one writer at a time. Queueing for it here is fair; in SQLite it is sleep and try again.
const WRITERS_MAX: u32 = 1;

macro_rules! columns {
    () => {
        "id, kind, payload, status, reason, attempts, created_at, updated_at"
    };
}

#[derive(Clone, Debug)]
pub struct Store {
    readers: SqlitePool,
    writers: SqlitePool,
}

/// What became of a worker's wish to begin a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Begin {
    /// The job is this worker's; `attempts` of the job is the proof to finish it with.
    Begun(Job),
    /// Another worker is at it: the message was sent or delivered twice.
    InHand,
    /// Nothing left to do: the message was delivered again.
    AlreadyFinal(Status),
    /// It was begun too often without an end; it is FAILED now.
    GivenUp,
    /// No such job in this database.
    Unknown,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Completed,
    Failed { reason: String },
}

/// Whether the end was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    Written,
    /// Another worker has begun the job since, or it has ended; nothing was changed.
    Superseded,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("this build can't open a `{0}:` database URL; it opens sqlite:<path>")]
    UnsupportedUrl(String),
    #[error("{doing}")]
    Database {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
    #[error("{doing}")]
    Migration {
        doing: &'static str,
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    #[error("{doing}: stored {what} can't be read: {why}")]
    Stored { doing: &'static str, what: &'static str, why: String },
}

/// Names what was being done when the database refused.
pub(crate) fn while_doing(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |source| StoreError::Database { doing, source }
}

impl Store {
    /// Opens the database, creating the file if there is none. Does not touch the schema.
    pub async fn open(url: &str) -> Result<Store, StoreError> {
        // Only the scheme is repeated: the rest of a database URL may hold a password.
        let (scheme, _) = url.split_once(':').unwrap_or(("", url));
        let options = match scheme {
            "sqlite" => SqliteConnectOptions::from_str(url).ok(),
            _ => None,
        };
        let options = options
            .ok_or_else(|| StoreError::UnsupportedUrl(scheme.to_owned()))?
            .create_if_missing(true)
            .busy_timeout(BUSY_TIMEOUT)
            .journal_mode(SqliteJournalMode::Wal)
            // An accepted job survives a power cut.
            .synchronous(SqliteSynchronous::Full);
        let pool = |connections_max| {
            SqlitePoolOptions::new().max_connections(connections_max).acquire_timeout(BUSY_TIMEOUT)
        };
        let writers = pool(WRITERS_MAX).connect_lazy_with(options.clone());
        wait_for_journal(&writers).await?;
        let readers = pool(READERS_MAX).connect_lazy_with(options);
        Ok(Store { readers, writers })
    }

    /// Brings the schema up to this build's. Several processes may do so at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let doing = "migrating the database";
        // sqlx takes no lock for SQLite. Inside one immediate transaction the second process waits
        // for the first, then finds the work done.
        let mut transaction = self.begin_writing(doing).await?;
        migrator()
            // `run` is this without the argument; its future can't be sent between threads.
            .run_direct(None, &mut *transaction, false)
            .await
            .map_err(|source| StoreError::Migration { doing, source })?;
        transaction.commit().await.map_err(while_doing(doing))
    }

    /// Proves that the database answers and has the schema.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM jobs LIMIT 1")
            .fetch_optional(&self.readers)
            .await
            .map_err(while_doing("asking the database for a sign of life"))?;
        Ok(())
    }

    /// Stores a job together with its message in the outbox: both or neither.
    pub async fn submit(&self, kind: &str, payload: &Value, now: Timestamp) -> Result<Job, StoreError> {
        let doing = "storing a job";
        let job = Job {
            id: JobId::fresh(),
            kind: kind.to_owned(),
            payload: payload.clone(),
            status: Status::Submitted,
            reason: None,
            attempts: 0,
            created_at: now,
            updated_at: now,
        };
        let mut transaction = self.begin_writing(doing).await?;
        sqlx::query(
            "INSERT INTO jobs (id, kind, payload, status, attempts, created_at, updated_at)
             VALUES ($1, $2, $3, $4, 0, $5, $5)",
        )
        .bind(job.id.to_string())
        .bind(&job.kind)
        .bind(job.payload.to_string())
        .bind(job.status.name())
        .bind(now.milliseconds())
        .execute(&mut *transaction)
        .await
        .map_err(while_doing(doing))?;
        sqlx::query("INSERT INTO outbox (job_id, body, not_before) VALUES ($1, $2, $3)")
            .bind(job.id.to_string())
            .bind(JobMessage { job_id: job.id }.to_body())
            .bind(now.milliseconds())
            .execute(&mut *transaction)
            .await
            .map_err(while_doing(doing))?;
        transaction.commit().await.map_err(while_doing(doing))?;
        Ok(job)
    }

    pub async fn read(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let doing = "reading a job";
        sqlx::query(concat!("SELECT ", columns!(), " FROM jobs WHERE id = $1"))
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await
            .map_err(while_doing(doing))?
            .map(|row| job_from(&row, doing))
            .transpose()
    }

    /// Gives the job to a worker for as long as `hold`, and counts the attempt.
    ///
    /// A RUNNING job is given again once its hold has lapsed: the worker that had it died, or lost
    /// touch. Should it still be alive, its `finish` is refused.
    pub async fn begin(
        &self,
        id: JobId,
        attempts_max: u32,
        hold: Duration,
        now: Timestamp,
    ) -> Result<Begin, StoreError> {
        let doing = "beginning a job";
        let mut transaction = self.begin_writing(doing).await?;
        let row = sqlx::query(concat!("SELECT held_until, ", columns!(), " FROM jobs WHERE id = $1"))
            .bind(id.to_string())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(while_doing(doing))?;
        let Some(row) = row else {
            return Ok(Begin::Unknown);
        };
        let mut job = job_from(&row, doing)?;
        let held_until = row.try_get("held_until").map_err(while_doing(doing))?;
        if job.status.is_final() {
            return Ok(Begin::AlreadyFinal(job.status));
        }
        if job.status == Status::Running && now < Timestamp::from_milliseconds(held_until) {
            return Ok(Begin::InHand);
        }
        let begin = if job.attempts >= attempts_max {
            job.status = Status::Failed;
            job.reason = Some(format!("given up: begun {} times and never finished", job.attempts));
            Begin::GivenUp
        } else {
            job.status = Status::Running;
            job.attempts += 1;
            job.updated_at = now;
            Begin::Begun(job.clone())
        };
        sqlx::query(
            "UPDATE jobs SET status = $2, reason = $3, attempts = $4, held_until = $5, updated_at = $6
             WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(job.status.name())
        .bind(job.reason)
        .bind(i64::from(job.attempts))
        .bind(now.plus(hold).milliseconds())
        .bind(now.milliseconds())
        .execute(&mut *transaction)
        .await
        .map_err(while_doing(doing))?;
        transaction.commit().await.map_err(while_doing(doing))?;
        Ok(begin)
    }

    /// Holds a job that `attempt` has in hand until another time; a time that has passed lets it go.
    pub async fn hold_until(&self, id: JobId, attempt: u32, until: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE jobs SET held_until = $3 WHERE id = $1 AND attempts = $2 AND status = 'RUNNING'")
            .bind(id.to_string())
            .bind(i64::from(attempt))
            .bind(until.milliseconds())
            .execute(&self.writers)
            .await
            .map_err(while_doing("holding a job"))?;
        Ok(())
    }

    /// Writes how the job ended, if `attempt` is still the one in progress.
    pub async fn finish(
        &self,
        id: JobId,
        attempt: u32,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Finish, StoreError> {
        let (status, reason) = match outcome {
            Outcome::Completed => (Status::Completed, None),
            Outcome::Failed { reason } => (Status::Failed, Some(reason)),
        };
        let changed = sqlx::query(
            "UPDATE jobs SET status = $3, reason = $4, updated_at = $5
             WHERE id = $1 AND attempts = $2 AND status = 'RUNNING'",
        )
        .bind(id.to_string())
        .bind(i64::from(attempt))
        .bind(status.name())
        .bind(reason)
        .bind(now.milliseconds())
        .execute(&self.writers)
        .await
        .map_err(while_doing("finishing a job"))?;
        Ok(match changed.rows_affected() {
            0 => Finish::Superseded,
            _ => Finish::Written,
        })
    }

    /// Closes all connections, so that SQLite folds its log back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }

    pub(crate) fn writers(&self) -> &SqlitePool {
        &self.writers
    }

    /// Takes the write lock at once: a transaction that reads first and writes later is refused by
    /// SQLite, without waiting, when somebody wrote in between.
    async fn begin_writing(&self, doing: &'static str) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writers.begin_with("BEGIN IMMEDIATE").await.map_err(while_doing(doing))
    }
}

/// Connects once, waiting while another process turns the same new file to write-ahead logging:
/// SQLite answers that race with "database is locked" at once, whatever the busy timeout.
async fn wait_for_journal(pool: &SqlitePool) -> Result<(), StoreError> {
    let give_up = Instant::now() + BUSY_TIMEOUT;
    loop {
        match pool.acquire().await {
            Ok(_) => return Ok(()),
            Err(error) if is_locked(&error) && Instant::now() < give_up => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(while_doing("opening the database")(error)),
        }
    }
}

fn is_locked(error: &sqlx::Error) -> bool {
    // SQLITE_BUSY and its extended codes, https://sqlite.org/rescode.html
    error
        .as_database_error()
        .and_then(|error| error.code())
        .and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == 5)
}

fn job_from(row: &SqliteRow, doing: &'static str) -> Result<Job, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(while_doing(doing));
    let number = |column: &str| row.try_get::<i64, _>(column).map_err(while_doing(doing));
    let stored = |what, why: String| StoreError::Stored { doing, what, why };
    Ok(Job {
        id: text("id")?.parse().map_err(|error: uuid::Error| stored("id", error.to_string()))?,
        kind: text("kind")?,
        payload: serde_json::from_str(&text("payload")?)
            .map_err(|error| stored("payload", error.to_string()))?,
        status: text("status")?
            .parse()
            .map_err(|error: crate::job::UnknownStatus| stored("status", error.to_string()))?,
        reason: row.try_get("reason").map_err(while_doing(doing))?,
        attempts: u32::try_from(number("attempts")?)
            .map_err(|error| stored("attempts", error.to_string()))?,
        created_at: Timestamp::from_milliseconds(number("created_at")?),
        updated_at: Timestamp::from_milliseconds(number("updated_at")?),
    })
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
