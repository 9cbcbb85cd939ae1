//! The ledger as somebody sees it who may not act.

use std::path::Path;

use super::{Error, Place, Records, file, item};
use crate::aws::TableReader;
use crate::model::Holder;

/// What was read of a ledger: for `plan` and `status`.
#[derive(Clone, Debug, Default)]
pub struct LedgerView {
    records: Records,
    holder: Option<Holder>,
}

impl LedgerView {
    /// Reads a file without locking and without touching it: a last line that is not whole yet is left
    /// out.
    pub fn read(path: impl AsRef<Path>, place: &Place) -> Result<Self, Error> {
        Ok(Self { records: file::read(path.as_ref(), place)?.records, holder: None })
    }

    /// The same where nothing but the file tells what place it is of; `None`: it is not there.
    pub fn read_anywhere(path: impl AsRef<Path>) -> Result<Option<(Place, Self)>, Error> {
        let found = file::read_anywhere(path.as_ref())?;
        Ok(found.map(|found| (found.place, Self { records: found.records, holder: None })))
    }

    /// Reads a partition of a table.
    pub async fn query(table: &TableReader, environment: &str, place: &Place) -> Result<Self, Error> {
        Ok(Self::of(item::read(table, &item::partition(place, environment), place).await?))
    }

    /// The same where nothing but the partition tells what place it is of; `None`: nobody has ever held it.
    pub async fn query_anywhere(
        table: &TableReader,
        installation: &str,
        environment: &str,
    ) -> Result<Option<(Place, Self)>, Error> {
        let partition = item::partition_of(installation, environment);
        let found = item::read_anywhere(table, &partition, installation).await?;
        Ok(found.map(|(place, found)| (place, Self::of(found))))
    }

    fn of(found: item::Found) -> Self {
        let records = found.records.into_iter().map(|(key, kept)| (key, kept.record)).collect();
        Self { records, holder: found.lease.map(|lease| lease.holder) }
    }

    pub fn records(&self) -> &Records {
        &self.records
    }

    pub fn into_records(self) -> Records {
        self.records
    }

    /// Who holds it, or did last; `None` for a file, and where nobody ever has.
    pub fn holder(&self) -> Option<&Holder> {
        self.holder.as_ref()
    }
}
