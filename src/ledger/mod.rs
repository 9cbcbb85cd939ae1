//! What this installation attempted: intents, rollouts, quarantine, last good, and the right to act.
//!
//! Git says what is wanted and AWS says what is; the ledger says what was tried. This one is a file
//! on one machine, and its lock is the lease: whoever holds it is the only one who acts.

mod error;
mod file;
mod lines;
mod place;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub use error::Error;
use file::Log;
pub use place::Place;

use crate::aws::{Permit, Turn};
use crate::model::{ServiceKey, ServiceRecord};

pub type Records = BTreeMap<ServiceKey, ServiceRecord>;

/// The ledger of one installation, held for as long as this value lives.
///
/// Every change is on disk before [`Ledger::update`] returns.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    lock_path: PathBuf,
    /// Locked; the kernel lets go of it when the process ends, however it ends.
    lock: File,
    state: Mutex<State>,
}

/// The records are what the log says: they change together.
#[derive(Debug)]
struct State {
    records: Records,
    log: Log,
}

impl Ledger {
    /// Opens the ledger and becomes the only one who holds it. A ledger that is not there is empty;
    /// that of another place is refused.
    pub fn open(path: impl Into<PathBuf>, place: &Place) -> Result<Self, Error> {
        let path = path.into();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|source| Error::unwritable(folder, source))?;
        }
        let lock_path = beside(&path, "lock");
        let lock = take_lock(&lock_path)?;
        let (log, records) = Log::open(&path, place)?;
        Ok(Self { path, lock_path, lock, state: Mutex::new(State { records, log }) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn records(&self) -> Records {
        self.lock_state().records.clone()
    }

    pub fn record(&self, service: &ServiceKey) -> Option<ServiceRecord> {
        self.lock_state().records.get(service).cloned()
    }

    /// Changes one record and writes it down. If writing fails, or the lock is no longer ours, nothing
    /// has changed.
    pub async fn update(
        &self,
        service: &ServiceKey,
        change: impl FnOnce(&mut ServiceRecord),
    ) -> Result<(), Error> {
        let mut state = self.lock_state();
        let State { records, log } = &mut *state;
        let before = records.get(service);
        let mut after = before.cloned().unwrap_or_default();
        change(&mut after);
        if before == Some(&after) {
            return Ok(());
        }
        self.check_lock()?;
        log.append(records, service, &after)?;
        records.insert(service.clone(), after);
        Ok(())
    }

    /// The right to make one mutating call, now that its turn has come.
    pub fn permit(&self, turn: Turn) -> Result<Permit, Error> {
        self.check_lock()?;
        Ok(Permit::grant(turn))
    }

    fn check_lock(&self) -> Result<(), Error> {
        // Somebody may have removed the lock file; then a second process can lock a new one.
        let ours = self.lock.metadata().map_err(|source| Error::unreadable(&self.lock_path, source))?;
        let there = fs::metadata(&self.lock_path).ok();
        match there {
            Some(there) if there.ino() == ours.ino() && there.dev() == ours.dev() => Ok(()),
            Some(_) | None => Err(Error::Lost { path: self.lock_path.clone() }),
        }
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ledger as somebody sees it who may not act: for `plan` and `status`.
#[derive(Clone, Debug, Default)]
pub struct LedgerView {
    records: Records,
}

impl LedgerView {
    /// Reads without locking and without touching the file: a last line that is not whole yet is left
    /// out.
    pub fn read(path: impl AsRef<Path>, place: &Place) -> Result<Self, Error> {
        Ok(Self { records: file::read(path.as_ref(), place)?.records })
    }

    /// The same where nothing but the file tells what place it is of; `None`: it is not there.
    pub fn read_anywhere(path: impl AsRef<Path>) -> Result<Option<(Place, Self)>, Error> {
        let found = file::read_anywhere(path.as_ref())?;
        Ok(found.map(|found| (found.place, Self { records: found.records })))
    }

    pub fn records(&self) -> &Records {
        &self.records
    }

    pub fn into_records(self) -> Records {
        self.records
    }
}

fn take_lock(path: &Path) -> Result<File, Error> {
    let mut lock = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|source| Error::unwritable(path, source))?;
    match lock.try_lock() {
        Ok(()) => (),
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The holder's number is only for people; without it the refusal stands all the same.
            let _ = lock.read_to_string(&mut holder);
            return Err(Error::Held { path: path.to_owned(), pid: holder.trim().parse().ok() });
        }
        Err(fs::TryLockError::Error(source)) => return Err(Error::unwritable(path, source)),
    }
    let noted =
        lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| writeln!(lock, "{}", std::process::id()));
    noted.map_err(|source| Error::unwritable(path, source))?;
    Ok(lock)
}

/// `ledger.json` -> `ledger.json.lock`
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
