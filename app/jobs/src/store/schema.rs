//! The schema, compiled in, in the order in which it grew; bringing a database up to it, and checking that it is.

use std::borrow::Cow;

use serde::Serialize;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Connection, Executor, SqlSafeStr};

use super::{Database, Store, StoreError, Trouble};

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "jobs and outbox", include_str!("../../migrations/0001_jobs_and_outbox.sql")),
    (2, "the whole job system", include_str!("../../migrations/0002_the_whole_job_system.sql")),
];

/// The table in which sqlx remembers what was applied.
const TABLE: &str = "_sqlx_migrations";
const MIGRATING: &str = "migrating the database";

/// One step of the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SchemaStep {
    pub version: i64,
    pub description: &'static str,
}

impl Store {
    /// Brings the schema up to this build's, and says which steps that took. Several processes may do so at once:
    /// one does the work, the others wait for it.
    ///
    /// Takes as long as it takes; but on PostgreSQL a table that others keep locked for 30 s fails it, and leaves
    /// the schema at the last whole step.
    pub async fn migrate(&self) -> Result<Vec<SchemaStep>, StoreError> {
        let mut connection = self.connect(MIGRATING).await?;
        let migrated = match self.database {
            Database::Sqlite => migrate_sqlite(&mut connection).await,
            Database::Postgres => migrate_postgres(&mut connection).await,
        };
        // Closing gives back the lock, also after a failure.
        let closed = connection.close().await;
        let steps = migrated.map_err(|source| StoreError::Migration { doing: MIGRATING, source })?;
        closed.map_err(|source| StoreError::Database { doing: MIGRATING, source })?;
        Ok(steps)
    }

    /// The steps that [`Store::migrate`] would take.
    pub async fn pending(&self) -> Result<Vec<SchemaStep>, StoreError> {
        let found = self.schema_version().await?;
        Ok(steps().filter(|step| found.is_none_or(|found| found < step.version)).collect())
    }

    /// Makes sure that the schema is this build's or a later one, which a version that is rolled back meets.
    pub async fn expect_schema(&self) -> Result<(), StoreError> {
        let needed = steps().map(|step| step.version).max().unwrap_or_default();
        match self.schema_version().await? {
            Some(found) if found >= needed => Ok(()),
            found => Err(StoreError::Schema { found, needed }),
        }
    }

    /// The latest step that was applied; none on a database without any schema.
    async fn schema_version(&self) -> Result<Option<i64>, StoreError> {
        self.in_time("reading the version of the schema", async {
            let there = match self.database {
                Database::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
                Database::Postgres => "SELECT COUNT(*) FROM pg_tables WHERE tablename = $1 AND schemaname = ANY (current_schemas(false))",
            };
            let there: i64 = sqlx::query_scalar(there).bind(TABLE).fetch_one(&self.readers).await?;
            if there == 0 {
                return Ok(None);
            }
            let version: Option<i64> =
                sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success")
                    .fetch_one(&self.readers)
                    .await?;
            Ok::<_, Trouble>(version)
        })
        .await
    }
}

/// sqlx takes no lock for SQLite. Inside one immediate transaction the second process waits for the first,
/// then finds the work done.
async fn migrate_sqlite(connection: &mut AnyConnection) -> Result<Vec<SchemaStep>, MigrateError> {
    connection.execute("PRAGMA busy_timeout = 60000").await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let steps = apply(&mut transaction).await?;
    transaction.commit().await?;
    Ok(steps)
}

async fn migrate_postgres(connection: &mut AnyConnection) -> Result<Vec<SchemaStep>, MigrateError> {
    connection.lock().await?;
    // Only from here on: the advisory lock is worth any wait, while a table lock that is waited for holds up
    // everybody who comes after.
    connection.execute("SET lock_timeout = 30000").await?;
    let steps = apply(connection).await?;
    connection.unlock().await?;
    Ok(steps)
}

async fn apply(connection: &mut AnyConnection) -> Result<Vec<SchemaStep>, MigrateError> {
    connection.ensure_migrations_table(TABLE).await?;
    let before = connection.list_applied_migrations(TABLE).await?;
    // `run` is this without the argument; its future can't be sent between threads.
    migrator().run_direct(None, connection, false).await?;
    let was_there = |step: &SchemaStep| before.iter().any(|applied| applied.version == step.version);
    Ok(steps().filter(|step| !was_there(step)).collect())
}

fn steps() -> impl Iterator<Item = SchemaStep> {
    MIGRATIONS.iter().map(|(version, description, _)| SchemaStep { version: *version, description })
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, description, sql)| {
        Migration::new(
            *version,
            Cow::Borrowed(*description),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    // A service that is rolled back meets the newer version's schema and has to start all the same.
    migrator.set_ignore_missing(true);
    // The lock is held already.
    migrator.set_locking(false);
    migrator
}
