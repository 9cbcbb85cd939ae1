//! One test body that is run on a fresh database of each kind.

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

use crate::store::Store;

/// A database that nobody else uses, without a schema.
pub struct Database {
    /// `SQLite` or `PostgreSQL`.
    pub kind: &'static str,
    pub url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Database {
    /// A fresh SQLite file.
    pub fn sqlite() -> Database {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
        Database { kind: "SQLite", url, _folder: Some(folder) }
    }

    /// A fresh schema on the server at `TEST_POSTGRES_URL`.
    pub async fn postgres() -> Database {
        let server = server();
        let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
        on_server(&server, format!("CREATE SCHEMA {schema}")).await;
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options[search_path]={schema}");
        Database { kind: "PostgreSQL", url, _folder: None }
    }

    /// A store on this database, as another process would open it.
    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    /// A store on this database, with the schema.
    pub async fn store(&self) -> Store {
        let store = self.open().await;
        store.migrate().await.unwrap();
        store
    }

    /// Runs statements behind the store's back.
    pub async fn execute(&self, sql: &str) {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// Runs a test on SQLite and then on PostgreSQL. What a test that fails leaves behind on PostgreSQL stays, to be
/// looked at.
pub async fn on_each_database(test: impl AsyncFn(&Database)) {
    eprintln!("on SQLite:");
    test(&Database::sqlite()).await;
    eprintln!("on PostgreSQL:");
    let database = Database::postgres().await;
    test(&database).await;
    if let Some((_, schema)) = database.url.split_once("search_path]=") {
        on_server(&server(), format!("DROP SCHEMA {schema} CASCADE")).await;
    }
}

fn server() -> String {
    std::env::var("TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty()).unwrap_or_else(|| {
        panic!(
            "TEST_POSTGRES_URL is not set: `make test` sets up a PostgreSQL server for the tests; \
             by hand, run the tests through `tools/postgres with cargo nextest run ...`"
        )
    })
}

async fn on_server(url: &str, sql: String) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.expect("the server at TEST_POSTGRES_URL answers");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
    connection.close().await.unwrap();
}
