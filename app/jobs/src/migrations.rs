//! The schema, compiled in, in the order in which it grew.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

const MIGRATIONS: &[(i64, &str, &str)] =
    &[(1, "jobs and outbox", include_str!("../migrations/0001_jobs_and_outbox.sql"))];

pub(crate) fn migrator() -> Migrator {
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
    migrator
}
