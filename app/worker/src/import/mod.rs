//! Imports an uploaded CSV file: checks each row, writes the good ones, and says which were bad and why.
//!
//! Memory does not grow with the file: one piece of it, one line of at most 64 KiB, one batch of rows. Which orders were
//! there before is asked of the database, batch by batch. Begun again, an import writes the same rows to the same
//! lines, and so each row is there once, however often it takes.

mod lines;
mod order;
mod rejections;
mod sheet;
mod tally;

use std::collections::BTreeMap;
use std::pin::pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use jobs::job::JobId;
use jobs::objects::{Objects, ObjectsError};
use jobs::store::{ImportedRow, ROWS_BATCH_MAX, Store, StoreError};
use serde_json::Value;

use crate::perform::Interrupted;
use order::{Order, shown};
use rejections::{NotStored, Rejections, rejections};
use sheet::{Rejection, Row, Sheet, WrongHeader};
use tally::Tally;

/// Why an import did not come to its end.
enum Stopped {
    Header(WrongHeader),
    /// The rejected rows take more than these bytes.
    TooManyRejected(u64),
    Interrupted(Interrupted),
}

/// Imports a file, and stores which rows it rejected; answers the job's result, or the reason for which it failed.
pub async fn import(
    store: &Store,
    objects: &Objects,
    job: JobId,
    file: impl Stream<Item = Result<Bytes, ObjectsError>>,
) -> Result<Result<Value, String>, Interrupted> {
    let (rejections, rejected) = rejections();
    let storing = async { Ok(rejected.store(objects, job).await?) };
    // When one of the two fails, the other is dropped, and with it a file that is not complete.
    match tokio::try_join!(read(store, job, file, rejections), storing) {
        Ok((tally, ())) => Ok(tally.into_result()),
        Err(Stopped::Header(wrong)) => Ok(Err(wrong.to_string())),
        Err(Stopped::TooManyRejected(bytes_max)) => {
            Ok(Err(format!("the list of rejected rows has more than {bytes_max} bytes")))
        }
        Err(Stopped::Interrupted(interrupted)) => Err(interrupted),
    }
}

async fn read(
    store: &Store,
    job: JobId,
    file: impl Stream<Item = Result<Bytes, ObjectsError>>,
    rejections: Rejections,
) -> Result<Tally, Stopped> {
    let mut file = pin!(file);
    let mut sheet = Sheet::default();
    let mut batch = Batch::default();
    let mut tally = Tally::default();
    while let Some(piece) = file.next().await {
        let piece = piece.map_err(Interrupted::Objects)?;
        let mut piece = &piece[..];
        while let Some(row) = sheet.next(&mut piece)? {
            if batch.add(row) {
                batch.write(store, job, &rejections, &mut tally).await?;
            }
        }
    }
    if let Some(row) = sheet.last()? {
        batch.add(row);
    }
    batch.write(store, job, &rejections, &mut tally).await?;
    Ok(tally)
}

/// Rows that were read and not written yet.
#[derive(Default)]
struct Batch {
    read: Vec<(u64, Order)>,
    rejected: Vec<Rejection>,
}

impl Batch {
    /// Whether the batch is full now.
    fn add(&mut self, row: Row) -> bool {
        match row {
            Row::Read(line, order) => self.read.push((line, order)),
            Row::Rejected(rejection) => self.rejected.push(rejection),
        }
        self.read.len() + self.rejected.len() >= ROWS_BATCH_MAX
    }

    /// Writes the rows whose order is new, hands on the others, and empties the batch.
    async fn write(
        &mut self,
        store: &Store,
        job: JobId,
        rejections: &Rejections,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let mut orders: Vec<&str> = self.read.iter().map(|(_, order)| order.order_id.as_str()).collect();
        orders.sort_unstable();
        orders.dedup();
        let mut first_lines = store.lines_of_orders(job, &orders).await?;
        let mut rows = Vec::with_capacity(self.read.len());
        for (line, order) in self.read.drain(..) {
            match earlier(&mut first_lines, line, &order.order_id) {
                None => rows.push(imported(line, order)),
                Some(first) => {
                    let reason = format!("order_id {} is on line {first} already", shown(&order.order_id));
                    self.rejected.push(Rejection { line, reason });
                }
            }
        }
        store.insert_rows(job, &rows).await?;
        let mut rejected = std::mem::take(&mut self.rejected);
        rejected.sort_by_key(|rejection| rejection.line);
        rejections.add(&rejected).await;
        tally.add(rows.len(), rejected);
        Ok(())
    }
}

/// The line before this one that has the order. An attempt before this one may have written the very line.
fn earlier(first_lines: &mut BTreeMap<String, u64>, line: u64, order_id: &str) -> Option<u64> {
    match first_lines.get(order_id) {
        Some(first) if *first < line => Some(*first),
        Some(_) | None => {
            first_lines.insert(order_id.to_owned(), line);
            None
        }
    }
}

fn imported(line: u64, order: Order) -> ImportedRow {
    let Order { order_id, ordered_on, product, quantity, unit_price_cents } = order;
    ImportedRow { line, order_id, ordered_on, product, quantity, unit_price_cents }
}

impl From<WrongHeader> for Stopped {
    fn from(wrong: WrongHeader) -> Stopped {
        Stopped::Header(wrong)
    }
}

impl From<NotStored> for Stopped {
    fn from(not_stored: NotStored) -> Stopped {
        match not_stored {
            NotStored::TooMany { bytes_max } => Stopped::TooManyRejected(bytes_max),
            NotStored::Objects(error) => Stopped::Interrupted(Interrupted::Objects(error)),
        }
    }
}

impl From<Interrupted> for Stopped {
    fn from(interrupted: Interrupted) -> Stopped {
        Stopped::Interrupted(interrupted)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Stopped {
        Stopped::Interrupted(Interrupted::Database(error))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
