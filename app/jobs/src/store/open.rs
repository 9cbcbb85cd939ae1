//! From a URL to connections: what is checked, how each database is set up, and how long anything may take.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::{AnyConnection, ConnectOptions, Connection, Executor};
use tokio::time::{Instant, sleep};

use super::{Database, Store, StoreError, Trouble, within};

/// SQLite has one writer at a time. Queueing for it here is fair; in SQLite it is sleep and try again.
const SQLITE_WRITERS_MAX: u32 = 1;
const SQLITE_READERS_MAX: u32 = 4;

/// What `sqlx` understands in a PostgreSQL URL. It logs what it does not, value and all; a misspelt `password` too.
const POSTGRES_PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// How many connections and how much patience a store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections to PostgreSQL that are open at once; SQLite has one that writes and four that read.
    pub connections_max: u32,
    /// How long a free connection is waited for, and how long one statement may take.
    pub statement: Duration,
    /// How long anything takes as a whole before it counts as unanswered.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { connections_max: 10, statement: Duration::from_secs(5), answer: Duration::from_secs(10) }
    }
}

impl Store {
    /// Opens the database, with the limits that suit a service. See [`Store::open_with`].
    pub async fn open(url: &str) -> Result<Store, StoreError> {
        Store::open_with(url, Limits::default()).await
    }

    /// Opens the database: connects once, so that a wrong URL is told now. Creates a SQLite file that is not
    /// there, and does not touch the schema.
    pub async fn open_with(url: &str, limits: Limits) -> Result<Store, StoreError> {
        install_default_drivers();
        let (database, options) = understand(url)?;
        let doing = "opening the database";
        within(limits.statement, doing, prepare(database, &options)).await?;
        let pool = |connections_max: u32, settings: String| {
            let pool = AnyPoolOptions::new()
                .max_connections(connections_max)
                .acquire_timeout(limits.statement)
                .after_connect(move |connection, _| {
                    let settings = settings.clone();
                    Box::pin(async move {
                        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(settings))).await?;
                        Ok(())
                    })
                });
            // A connection that was given up in the middle of a statement is asked for a sign of life before
            // it is used again. Where the network swallows packets that would take a quarter of an hour.
            pool.after_release(move |connection, _| {
                Box::pin(async move {
                    let answer = tokio::time::timeout(limits.statement, connection.ping()).await;
                    answer.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|()| true)
                })
            })
            .connect_lazy_with(options.clone())
        };
        let settings = settings(database, limits);
        let (readers, writers) = match database {
            Database::Sqlite => {
                (pool(SQLITE_READERS_MAX, settings.clone()), pool(SQLITE_WRITERS_MAX, settings))
            }
            Database::Postgres => {
                let pool = pool(limits.connections_max, settings);
                (pool.clone(), pool)
            }
        };
        Ok(Store { database, options, limits, readers, writers })
    }

    /// A connection of its own, for what may take long.
    pub(super) async fn connect(&self, doing: &'static str) -> Result<AnyConnection, StoreError> {
        within(self.limits.statement, doing, async { Ok(self.options.connect().await?) }).await
    }
}

/// What each connection is told first.
fn settings(database: Database, limits: Limits) -> String {
    let milliseconds = limits.statement.as_millis();
    match database {
        // FULL: an accepted job survives a power cut.
        Database::Sqlite => format!("PRAGMA synchronous = FULL; PRAGMA busy_timeout = {milliseconds}"),
        Database::Postgres => format!(
            "SET statement_timeout = {milliseconds}; SET idle_in_transaction_session_timeout = {}",
            limits.answer.as_millis()
        ),
    }
}

fn understand(url: &str) -> Result<(Database, AnyConnectOptions), StoreError> {
    // Only the scheme is repeated: the rest of a database URL may hold a password.
    let (scheme, _) = url.split_once(':').unwrap_or(("<nothing>", url));
    let database = match scheme {
        "sqlite" => Database::Sqlite,
        "postgres" | "postgresql" => Database::Postgres,
        _ => return Err(StoreError::UnsupportedUrl(scheme.to_owned())),
    };
    let complete = match database {
        Database::Sqlite if url.contains(":memory:") || url.contains("mode=memory") => {
            return Err(StoreError::Url(
                "jobs in memory would be another process's loss: name a file".to_owned(),
            ));
        }
        Database::Sqlite if url.contains("mode=") => url.to_owned(),
        Database::Sqlite if url.contains('?') => format!("{url}&mode=rwc"),
        Database::Sqlite => format!("{url}?mode=rwc"),
        Database::Postgres => url.to_owned(),
    };
    let options: AnyConnectOptions = complete.parse().map_err(|error| not_valid(&error))?;
    match database {
        Database::Sqlite => {
            drop(complete.parse::<sqlx::sqlite::SqliteConnectOptions>().map_err(|error| not_valid(&error))?)
        }
        Database::Postgres => {
            for (name, _) in options.database_url.query_pairs() {
                if !POSTGRES_PARAMETERS.contains(&&*name) && !name.starts_with("options[") {
                    return Err(StoreError::Url(format!("there is no parameter `{name}`")));
                }
            }
            complete.parse::<sqlx::postgres::PgConnectOptions>().map_err(|error| not_valid(&error))?;
        }
    }
    Ok((database, options))
}

/// The innermost cause, which names the part that is wrong and never the whole URL.
fn not_valid(error: &sqlx::Error) -> StoreError {
    StoreError::Url(crate::log::chain(error))
}

/// Connects once. For SQLite this is also where a new file is turned to write-ahead logging, which lasts.
async fn prepare(database: Database, options: &AnyConnectOptions) -> Result<(), Trouble> {
    match database {
        Database::Postgres => options.connect().await?.close().await?,
        Database::Sqlite => {
            let mut connection = options.connect().await?;
            let give_up = Instant::now() + Duration::from_secs(4);
            // SQLite answers a race of two processes for the same new file with "database is locked" at
            // once, whatever the busy timeout.
            loop {
                match connection.execute("PRAGMA journal_mode = WAL").await {
                    Ok(_) => break,
                    Err(error) if is_locked(&error) && Instant::now() < give_up => {
                        sleep(Duration::from_millis(20)).await;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            connection.close().await?;
        }
    }
    Ok(())
}

fn is_locked(error: &sqlx::Error) -> bool {
    // SQLITE_BUSY and its extended codes, https://sqlite.org/rescode.html
    error
        .as_database_error()
        .and_then(|error| error.code())
        .and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == 5)
}
