//! What this installation attempted: intents, rollouts, quarantine, last good, and the right to act.
//!
//! Git says what is wanted and AWS says what is; the ledger says what was tried. It is a file on one machine,
//! whose lock is the lease, or a partition of a DynamoDB table, where the lease is an item. Whoever holds the
//! lease is the only one who acts.

mod candidate;
mod disk;
mod error;
mod file;
mod item;
mod lease;
mod lines;
mod place;
mod table;
mod view;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use candidate::{Candidate, Claim};
use disk::Disk;
pub use error::Error;
pub use lease::{CALL_TIME_MAX, LEASE, MARGIN, WallClock};
pub use place::Place;
use table::Held;
pub use view::LedgerView;

use crate::aws::{Permit, Turn};
use crate::model::{Holder, ServiceKey, ServiceRecord};

pub type Records = BTreeMap<ServiceKey, ServiceRecord>;

/// The ledger of one installation and environment, held by this process.
///
/// Every change is kept before [`Ledger::update`] returns, and nothing is changed by one who does not hold it.
#[derive(Debug)]
pub struct Ledger {
    store: Store,
}

#[derive(Debug)]
enum Store {
    Disk(Box<Disk>),
    Table(Box<Held>),
}

impl Ledger {
    /// Opens a ledger on disk and becomes the only one who holds it, until this value goes. One that is not
    /// there is empty; that of another place is refused. One in a table is taken by a [`Candidate`].
    pub fn open(path: impl Into<PathBuf>, place: &Place) -> Result<Self, Error> {
        Ok(Self { store: Store::Disk(Box::new(Disk::open(&path.into(), place)?)) })
    }

    /// `None`: it is in a table.
    pub fn path(&self) -> Option<&Path> {
        match &self.store {
            Store::Disk(disk) => Some(disk.path()),
            Store::Table(_) => None,
        }
    }

    /// Who holds it, for people; `None` for a file, which says no more than that.
    pub fn holder(&self) -> Option<Holder> {
        match &self.store {
            Store::Disk(_) => None,
            Store::Table(table) => Some(table.holder()),
        }
    }

    pub fn records(&self) -> Records {
        match &self.store {
            Store::Disk(disk) => disk.records(),
            Store::Table(table) => table.records(),
        }
    }

    pub fn record(&self, service: &ServiceKey) -> Option<ServiceRecord> {
        match &self.store {
            Store::Disk(disk) => disk.record(service),
            Store::Table(table) => table.record(service),
        }
    }

    /// Changes one record and writes it down. After an error nothing has changed for this process; where a
    /// table's answer was lost, the change may show later, as after a crash in between.
    pub async fn update(
        &self,
        service: &ServiceKey,
        change: impl FnOnce(&mut ServiceRecord),
    ) -> Result<(), Error> {
        match &self.store {
            Store::Disk(disk) => disk.update(service, change),
            Store::Table(table) => table.update(service, change).await,
        }
    }

    /// The right to make one mutating call, now that its turn has come.
    pub fn permit(&self, turn: Turn) -> Result<Permit, Error> {
        match &self.store {
            Store::Disk(disk) => disk.permit(turn),
            Store::Table(table) => table.permit(turn),
        }
    }

    /// Whether there is any sense in beginning something now: an error that passes says why there is none.
    pub fn ready(&self) -> Result<(), Error> {
        match &self.store {
            Store::Disk(_) => Ok(()),
            Store::Table(table) => table.ready(),
        }
    }

    /// Keeps the lease for as long as it is polled, and ends when the lease is lost: whatever is under way is
    /// to be dropped then. A file's lock needs no keeping.
    ///
    /// Deliberately no task of its own: work that hangs must not go on holding the lease.
    pub async fn keep(&self) -> Error {
        match &self.store {
            Store::Disk(_) => std::future::pending().await,
            Store::Table(table) => table.keep().await,
        }
    }

    /// Notes that a mutating call may still be under way, so that [`Ledger::release`] lets nobody in early.
    pub fn cut_off(&self) {
        match &self.store {
            Store::Disk(_) => {}
            Store::Table(table) => table.cut_off(),
        }
    }

    /// Lets the next one in at once. To be called when no call is under way; nothing is permitted afterwards.
    /// Without it, others wait until the lease has run out.
    pub async fn release(&self) -> Result<(), Error> {
        match &self.store {
            Store::Disk(_) => Ok(()),
            Store::Table(table) => table.release().await,
        }
    }
}

#[cfg(test)]
mod tests;
