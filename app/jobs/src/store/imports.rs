//! The rows of imported files, and what they add up to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use sqlx::{AssertSqlSafe, Row};

use super::columns::{number, plain, stored, text};
use super::{Database, Store, StoreError, Trouble, within};
use crate::job::JobId;

/// The most rows that one statement writes.
pub const ROWS_BATCH_MAX: usize = 500;
/// The most products that are answered.
pub const PRODUCT_TOTALS_MAX: u32 = 10_000;
/// Adding up reads every row there is.
const TOTALS_TIMEOUT: Duration = Duration::from_secs(120);
const COLUMNS: usize = 7;

/// One row of an imported file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedRow {
    /// Where it is in the file, the header being line 1.
    pub line: u64,
    pub order_id: String,
    /// A date, as `2026-11-21`.
    pub ordered_on: String,
    pub product: String,
    pub quantity: i64,
    pub unit_price_cents: i64,
}

/// What was sold of one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProductTotal {
    pub product: String,
    pub orders: u64,
    pub quantity: i64,
    /// 93,000 rows with the largest numbers that are imported don't fit into 64 bits.
    pub revenue_cents: i128,
}

impl Store {
    /// Writes rows of the import that `job` is, and answers how many of them are new: a row whose line or
    /// order is there already stays as it is, so that an import may begin anew.
    ///
    /// Any number of rows; each [`ROWS_BATCH_MAX`] of them are written together.
    pub async fn insert_rows(&self, job: JobId, rows: &[ImportedRow]) -> Result<u64, StoreError> {
        let mut new = 0;
        for batch in rows.chunks(ROWS_BATCH_MAX) {
            new += self.in_time("writing imported rows", self.insert_batch(job, batch)).await?;
        }
        Ok(new)
    }

    /// Which of these orders the import has rows of already, and on which line. At most [`ROWS_BATCH_MAX`] orders at
    /// once.
    pub async fn lines_of_orders(
        &self,
        job: JobId,
        orders: &[&str],
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        if orders.is_empty() {
            return Ok(BTreeMap::new());
        }
        let places: Vec<String> = (0..orders.len()).map(|order| format!("(${})", order + 2)).collect();
        // Order by order: for a list of them PostgreSQL may rather read all rows of the import, which it takes to be
        // few. Both databases call the column of a list of values so.
        let sql = format!(
            "SELECT wanted.column1 AS order_id, (
                 SELECT line FROM imported_rows WHERE job_id = $1 AND order_id = wanted.column1) AS line
             FROM (VALUES {}) AS wanted",
            places.join(", ")
        );
        self.in_time("looking up imported orders", async {
            // Holds nothing but numbered places, as in `insert_batch`.
            let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(orders.len() == ROWS_BATCH_MAX);
            query = query.bind(job.to_string());
            for order in orders {
                query = query.bind(plain(order));
            }
            let mut lines = BTreeMap::new();
            for row in query.fetch_all(&self.readers).await? {
                if row.try_get::<Option<i64>, _>("line")?.is_some() {
                    lines.insert(text(&row, "order_id")?, number(&row, "line")?);
                }
            }
            Ok(lines)
        })
        .await
    }

    async fn insert_batch(&self, job: JobId, batch: &[ImportedRow]) -> Result<u64, Trouble> {
        let places: Vec<String> = (0..batch.len())
            .map(|row| {
                let places: Vec<String> =
                    (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column)).collect();
                format!("({})", places.join(", "))
            })
            .collect();
        let sql = format!(
            "INSERT INTO imported_rows
             (job_id, line, order_id, ordered_on, product, quantity, unit_price_cents)
             VALUES {} ON CONFLICT DO NOTHING",
            places.join(", ")
        );
        // Holds nothing but numbered places. Only full batches come often enough to be kept prepared.
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(batch.len() == ROWS_BATCH_MAX);
        for row in batch {
            query = query
                .bind(job.to_string())
                .bind(stored(row.line))
                .bind(plain(&row.order_id))
                .bind(plain(&row.ordered_on))
                .bind(plain(&row.product))
                .bind(row.quantity)
                .bind(row.unit_price_cents);
        }
        Ok(query.execute(&self.writers).await?.rows_affected())
    }

    /// What was sold of each product according to one import, or to all imports that are COMPLETED; by product,
    /// and of more than 10 000 products only so many.
    ///
    /// Of an order that several imports have, the one that was submitted last has the say: people import a file again
    /// to correct it.
    pub async fn product_totals(&self, import: Option<JobId>) -> Result<Vec<ProductTotal>, StoreError> {
        let doing = "adding up imported rows";
        let mut totals = within(TOTALS_TIMEOUT, doing, self.add_up(import)).await?;
        // The database's own order depends on its locale.
        totals.sort_by(|one, other| one.product.cmp(&other.product));
        Ok(totals)
    }

    /// The largest rows, of 10^6 at 10^8 cents, overflow a sum of 64 bits soon, and SQLite has no wider one. So both
    /// databases add up the high and the low half of the price, which takes 900 million such rows of one product.
    async fn add_up(&self, import: Option<JobId>) -> Result<Vec<ProductTotal>, Trouble> {
        macro_rules! select {
            ($which:literal) => {
                concat!(
                    "SELECT product, COUNT(*) AS orders,
                            CAST(SUM(quantity) AS BIGINT) AS quantity,
                            CAST(SUM(quantity * (unit_price_cents / 10000)) AS BIGINT) AS revenue_high,
                            CAST(SUM(quantity * (unit_price_cents % 10000)) AS BIGINT) AS revenue_low
                     FROM imported_rows ",
                    $which,
                    " GROUP BY product ORDER BY product LIMIT $1"
                )
            };
        }
        let mut transaction = self.readers.begin().await?;
        if self.database == Database::Postgres {
            let limit = format!("SET LOCAL statement_timeout = {}", TOTALS_TIMEOUT.as_millis());
            sqlx::raw_sql(AssertSqlSafe(limit)).execute(&mut *transaction).await?;
        }
        let query = match import {
            Some(_) => sqlx::query(select!("WHERE job_id = $2")),
            // Ids sort by the time of submission, and an import has an order once.
            None => sqlx::query(select!(
                "JOIN (SELECT order_id AS latest_order, MAX(job_id) AS latest_job FROM imported_rows
                       WHERE job_id IN (SELECT id FROM jobs WHERE status = 'COMPLETED')
                       GROUP BY order_id) AS latest
                 ON job_id = latest_job AND order_id = latest_order"
            )),
        };
        let mut query = query.bind(i64::from(PRODUCT_TOTALS_MAX));
        if let Some(import) = import {
            query = query.bind(import.to_string());
        }
        let rows = query.fetch_all(&mut *transaction).await?;
        transaction.rollback().await?;
        let total = |row| {
            Ok(ProductTotal {
                product: text(row, "product")?,
                orders: number(row, "orders")?,
                quantity: number(row, "quantity")?,
                revenue_cents: number::<i128>(row, "revenue_high")? * 10_000
                    + number::<i128>(row, "revenue_low")?,
            })
        };
        rows.iter().map(total).collect()
    }
}
