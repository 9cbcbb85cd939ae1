//! A ledger that is a file on one machine: its lock is the lease, and whoever holds it is the only one who acts.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::file::Log;
use super::{Error, Place, Records};
use crate::aws::{Permit, Turn};
use crate::model::{ServiceKey, ServiceRecord};

/// Held for as long as this value lives. Every change is on disk before [`Disk::update`] returns.
#[derive(Debug)]
pub(super) struct Disk {
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

impl Disk {
    /// Opens the ledger and becomes the only one who holds it. A ledger that is not there is empty;
    /// that of another place is refused.
    pub(super) fn open(path: &Path, place: &Place) -> Result<Self, Error> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|source| Error::unwritable(folder, source))?;
        }
        let lock_path = beside(path, "lock");
        let lock = take_lock(&lock_path)?;
        let (log, records) = Log::open(path, place)?;
        Ok(Self { path: path.to_owned(), lock_path, lock, state: Mutex::new(State { records, log }) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn records(&self) -> Records {
        self.lock_state().records.clone()
    }

    pub(super) fn record(&self, service: &ServiceKey) -> Option<ServiceRecord> {
        self.lock_state().records.get(service).cloned()
    }

    /// Changes one record and writes it down. If writing fails, or the lock is no longer ours, nothing
    /// has changed.
    pub(super) fn update(
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
        if !planted!("writes-without-a-lock") {
            self.check_lock()?;
        }
        log.append(records, service, &after)?;
        records.insert(service.clone(), after);
        Ok(())
    }

    /// The right to make one mutating call, now that its turn has come.
    pub(super) fn permit(&self, turn: Turn) -> Result<Permit, Error> {
        planted!("permit-without-a-lock" => return Ok(Permit::grant(turn)));
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

    #[cfg(test)]
    pub(super) fn hold(&self, file: File) {
        self.lock_state().log.hold(file);
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        Err(fs::TryLockError::WouldBlock) if planted!("two-may-hold-the-ledger") => (),
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
pub(super) fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}
