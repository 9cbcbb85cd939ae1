//! Jobs in the database: submitted once, begun by one worker at a time, ended once.
//!
//! SQLite in a file that several processes share, or PostgreSQL, by the scheme of the URL. Both get the
//! same SQL; what is one's alone is in `open` and wherever `Database` is matched. Each file beside this
//! one answers one question about the stored jobs.

mod columns;
mod history;
mod imports;
mod lease;
mod list;
mod lost;
mod open;
pub mod outbox;
mod schema;
mod submit;
mod uploads;
mod work;
mod workers;

use std::fmt;
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{Any, AnyPool, Transaction};
use tokio::time::timeout;

pub use history::{HistoryEntry, HistoryEvent};
pub use imports::{ImportedRow, PRODUCT_TOTALS_MAX, ProductTotal, ROWS_BATCH_MAX};
pub use lease::LeaseId;
pub use list::{ChangeMark, JobPage, LIST_MAX, ListJobs};
pub use open::Limits;
pub use schema::SchemaStep;
pub use submit::{Cancel, Idempotency, NewJob, Submitted};
pub use uploads::{Upload, UploadId};
pub use work::{Begin, Finish, Outcome, RELEASES_PER_ATTEMPT_MAX};
pub use workers::{OverrideId, ScalingOverride, WORKER_LIVE, WorkerBeat, WorkerId};

/// The database of jobs. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    database: Database,
    options: AnyConnectOptions,
    limits: Limits,
    readers: AnyPool,
    writers: AnyPool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    /// The one of two statements that is for this database: where they have no clause in common for locking rows.
    fn choose(self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Database::Sqlite => sqlite,
            Database::Postgres => postgres,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "this build can't open a `{0}:` database URL; it opens sqlite:<path> and postgres://<user>@<host>/<database>"
    )]
    UnsupportedUrl(String),
    #[error("the database URL is not valid: {0}")]
    Url(String),
    #[error("{doing}")]
    Database {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
    #[error("{doing}: no answer from the database within {} s", .within.as_secs_f64())]
    NoAnswer { doing: &'static str, within: Duration },
    #[error("{doing}")]
    Migration {
        doing: &'static str,
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    #[error("the database has schema {} and this build needs {needed}: run `job-migrate` first", .found.map_or("none".to_owned(), |found| found.to_string()))]
    Schema { found: Option<i64>, needed: i64 },
    #[error("{doing}: stored {what} can't be read: {why}")]
    Stored { doing: &'static str, what: &'static str, why: String },
}

impl StoreError {
    /// Whether the data itself is to blame, so that asking again would end the same way; otherwise the database may be
    /// away, busy or full, and that passes.
    pub fn is_permanent(&self) -> bool {
        match self {
            StoreError::Database { source, .. } => is_about_the_data(source),
            StoreError::UnsupportedUrl(_)
            | StoreError::Url(_)
            | StoreError::NoAnswer { .. }
            | StoreError::Migration { .. }
            | StoreError::Schema { .. }
            | StoreError::Stored { .. } => false,
        }
    }
}

fn is_about_the_data(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    let Some(code) = error.code() else { return false };
    match error.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
        // SQLITE_ERROR, which a sum that overflows ends with, TOOBIG, CONSTRAINT, MISMATCH and RANGE, with their
        // extended codes. The others are about the file, or about somebody else who uses it.
        // <https://sqlite.org/rescode.html>
        Some(_) => code.parse::<u32>().is_ok_and(|code| [1, 18, 19, 20, 25].contains(&(code & 0xff))),
        // Data exceptions, and violations of constraints.
        // <https://www.postgresql.org/docs/15/errcodes-appendix.html>
        None => code.starts_with("22") || code.starts_with("23"),
    }
}

/// What went wrong, before it is known what was being done.
#[derive(Debug)]
enum Trouble {
    Database(sqlx::Error),
    Stored { what: &'static str, why: String },
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Trouble {
        Trouble::Database(error)
    }
}

impl Trouble {
    fn while_doing(self, doing: &'static str) -> StoreError {
        match self {
            Trouble::Database(source) => StoreError::Database { doing, source },
            Trouble::Stored { what, why } => StoreError::Stored { doing, what, why },
        }
    }
}

impl Store {
    /// Proves that the database answers and has the schema.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.in_time("asking the database for a sign of life", async {
            sqlx::query("SELECT 1 FROM jobs LIMIT 1").fetch_optional(&self.readers).await?;
            Ok(())
        })
        .await
    }

    /// Closes all connections, so that SQLite folds its log back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }

    /// Does something with the database, or says after a while that it does not answer: the server's own
    /// time-outs are no help when the network swallows its packets.
    async fn in_time<T>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, StoreError> {
        within(self.limits.answer, doing, work).await
    }

    /// Begins a transaction that writes.
    async fn begin_writing(&self) -> Result<Transaction<'static, Any>, Trouble> {
        Ok(match self.database {
            // Takes the write lock at once: a transaction that reads first and writes later is refused by
            // SQLite, without waiting, when somebody wrote in between.
            Database::Sqlite => self.writers.begin_with("BEGIN IMMEDIATE").await?,
            Database::Postgres => self.writers.begin().await?,
        })
    }
}

async fn within<T>(
    limit: Duration,
    doing: &'static str,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, StoreError> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(|trouble| trouble.while_doing(doing)),
        Err(_) => Err(StoreError::NoAnswer { doing, within: limit }),
    }
}

impl fmt::Debug for Store {
    /// Without the URL, which may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("database", &self.database).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
