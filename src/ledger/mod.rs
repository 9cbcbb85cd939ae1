//! What this installation attempted: intents, rollouts, quarantine, last good, and the right to act.
//!
//! Git says what is wanted and AWS says what is; the ledger says what was tried. This one is a file
//! on one machine, and its lock is the lease: whoever holds it is the only one who acts.

mod error;
mod file;
mod place;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub use error::Error;
use file::Lines;
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
    place: Place,
    lock_path: PathBuf,
    /// Locked; the kernel lets go of it when the process ends, however it ends.
    lock: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    records: Records,
    lines: Lines,
}

impl State {
    fn set(&mut self, service: &ServiceKey, record: ServiceRecord) -> serde_json::Result<()> {
        self.lines.set(service, &record)?;
        self.records.insert(service.clone(), record);
        Ok(())
    }

    fn restore(&mut self, service: &ServiceKey, before: Option<ServiceRecord>) {
        match before {
            // What was written before can be written again.
            Some(before) => drop(self.set(service, before)),
            None => {
                self.records.remove(service);
                self.lines.remove(service);
            }
        }
    }
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
        let (place, records) = file::read(&path, place)?;
        let lines = Lines::of(&records).map_err(|error| Error::unreadable(&path, error.into()))?;
        Ok(Self { path, place, lock_path, lock, state: Mutex::new(State { records, lines }) })
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
    pub fn update(&self, service: &ServiceKey, change: impl FnOnce(&mut ServiceRecord)) -> Result<(), Error> {
        let mut state = self.lock_state();
        let before = state.records.get(service).cloned();
        let mut after = before.clone().unwrap_or_default();
        change(&mut after);
        if before.as_ref() == Some(&after) {
            return Ok(());
        }
        self.check_lock()?;
        state.set(service, after).map_err(|error| Error::unwritable(&self.path, error.into()))?;
        let written = file::write(&self.path, &self.place, &state.lines);
        if written.is_err() {
            state.restore(service, before);
        }
        written
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
    /// Reads without locking: the file is replaced as a whole, so it is never half written.
    pub fn read(path: impl AsRef<Path>, place: &Place) -> Result<Self, Error> {
        Ok(Self { records: file::read(path.as_ref(), place)?.1 })
    }

    pub fn records(&self) -> &Records {
        &self.records
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
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::{Digest, Intent, IntentKind, Timestamp};

    fn intent() -> Intent {
        Intent::of(IntentKind::Create, &Digest::from_tag("7be1"), Timestamp(5))
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/ledger.json");
        (folder, path)
    }

    fn of(cluster: &str) -> Place {
        Place {
            installation: "reconciler".to_owned(),
            account: None,
            region: "eu-west-1".to_owned(),
            cluster: cluster.to_owned(),
        }
    }

    fn in_account(account: &str) -> Place {
        Place { account: Some(account.to_owned()), ..of("jobs") }
    }

    #[test]
    fn a_ledger_of_another_place_is_refused_and_only_what_is_known_is_compared() {
        let other = |change: fn(&mut Place)| {
            let mut place = in_account("123456789012");
            change(&mut place);
            place
        };
        let table = [
            (in_account("123456789012"), true),
            (of("jobs"), true),
            (in_account("111122223333"), false),
            (of("web"), false),
            (other(|it| it.region = "us-east-1".to_owned()), false),
            (other(|it| it.installation = "second".to_owned()), false),
        ];
        for (place, ours) in table {
            let (_folder, path) = place_on_disk(&in_account("123456789012"));
            assert_eq!(LedgerView::read(&path, &place).is_ok(), ours, "{place}");
            assert_eq!(Ledger::open(&path, &place).is_ok(), ours, "{place}");
        }
        let (_folder, path) = place_on_disk(&in_account("123456789012"));
        let refused = Ledger::open(&path, &in_account("111122223333")).unwrap_err();
        assert_eq!(
            refused.to_string().replace(&path.display().to_string(), "LEDGER"),
            "`LEDGER` is the ledger of installation `reconciler` in cluster `jobs`, eu-west-1, account \
             123456789012, not of installation `reconciler` in cluster `jobs`, eu-west-1, account \
             111122223333\n  give this one a `--state` folder of its own, or move the file away if that \
             place is gone"
        );
    }

    #[test]
    fn the_account_is_not_forgotten_when_the_environment_no_longer_names_it() {
        let (_folder, path) = place_on_disk(&in_account("123456789012"));
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        ledger.update(&ServiceKey::new("web"), |record| record.intent = Some(intent())).unwrap();
        drop(ledger);
        assert!(matches!(Ledger::open(&path, &in_account("111122223333")), Err(Error::Elsewhere { .. })));
    }

    /// A ledger with one record.
    fn place_on_disk(of: &Place) -> (tempfile::TempDir, PathBuf) {
        let (folder, path) = place();
        let ledger = Ledger::open(&path, of).unwrap();
        ledger.update(&ServiceKey::new("api"), |record| record.intent = Some(intent())).unwrap();
        (folder, path)
    }

    #[test]
    fn what_was_written_is_there_after_a_restart() {
        let (_folder, path) = place();
        let api = ServiceKey::new("api");
        {
            let ledger = Ledger::open(&path, &of("jobs")).unwrap();
            ledger.update(&api, |record| record.intent = Some(intent())).unwrap();
        }
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        assert_eq!(ledger.record(&api).unwrap().intent, Some(intent()));
        assert_eq!(LedgerView::read(&path, &of("jobs")).unwrap().records(), &ledger.records());
        // A line a service, for people with `grep`.
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\"version\": 2, \"place\": {\"installation\":\"reconciler\",\"region\":\"eu-west-1\",\
             \"cluster\":\"jobs\"}, \"services\": {\n\
             \"api\": {\"intent\":{\"kind\":\"create\",\"digest\":\"7be1\",\"at\":5}}\n}}\n"
        );
    }

    #[test]
    fn a_second_holder_is_refused_and_told_who_holds_it() {
        let (_folder, path) = place();
        let first = Ledger::open(&path, &of("jobs")).unwrap();
        let refused = Ledger::open(&path, &of("jobs")).unwrap_err();
        assert!(
            matches!(refused, Error::Held { pid: Some(pid), .. } if pid == std::process::id()),
            "{refused}"
        );
        assert!(refused.to_string().contains(&std::process::id().to_string()));
        drop(first);
        assert!(Ledger::open(&path, &of("jobs")).is_ok());
    }

    #[test]
    fn a_torn_temporary_file_of_a_crash_is_ignored() {
        let (_folder, path) = place();
        let api = ServiceKey::new("api");
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        ledger.update(&api, |record| record.intent = Some(intent())).unwrap();
        drop(ledger);
        fs::write(beside(&path, "new"), r#"{"version":2,"services":{"ap"#).unwrap();
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        assert_eq!(ledger.record(&api).unwrap().intent, Some(intent()));
        ledger.update(&api, |record| record.intent = None).unwrap();
        assert_eq!(LedgerView::read(&path, &of("jobs")).unwrap().records()[&api].intent, None);
    }

    #[test]
    fn a_ledger_that_cannot_be_read_is_refused_with_its_place_and_left_as_it_is() {
        let (_folder, path) = place();
        drop(Ledger::open(&path, &of("jobs")).unwrap());
        let damaged = "{\n  \"version\": 2,\n  \"services\": {\"api\": oops}\n}";
        fs::write(&path, damaged).unwrap();
        let refused = Ledger::open(&path, &of("jobs")).unwrap_err();
        assert!(matches!(refused, Error::Malformed { line: 3, .. }), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }

    #[test]
    fn a_ledger_of_a_newer_version_is_refused() {
        let (_folder, path) = place();
        drop(Ledger::open(&path, &of("jobs")).unwrap());
        fs::write(&path, r#"{"version": 3, "leases": []}"#).unwrap();
        assert!(matches!(Ledger::open(&path, &of("jobs")).unwrap_err(), Error::Version { found: 3, .. }));
    }

    #[test]
    fn nothing_is_permitted_once_the_lock_file_is_gone() {
        let (_folder, path) = place();
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        assert!(ledger.permit(Turn::has_come()).is_ok());
        fs::remove_file(beside(&path, "lock")).unwrap();
        assert!(matches!(ledger.permit(Turn::has_come()).unwrap_err(), Error::Lost { .. }));
        // Also when another process took a new one.
        let _second = Ledger::open(&path, &of("jobs")).unwrap();
        assert!(matches!(ledger.permit(Turn::has_come()).unwrap_err(), Error::Lost { .. }));
    }

    #[test]
    fn nothing_is_written_once_the_lock_file_is_gone() {
        let (_folder, path) = place();
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        let api = ServiceKey::new("api");
        fs::remove_file(beside(&path, "lock")).unwrap();
        let second = Ledger::open(&path, &of("jobs")).unwrap();
        second.update(&api, |record| record.intent = Some(intent())).unwrap();
        let refused = ledger.update(&ServiceKey::new("web"), |record| record.intent = Some(intent()));
        assert!(matches!(refused.unwrap_err(), Error::Lost { .. }));
        assert_eq!(LedgerView::read(&path, &of("jobs")).unwrap().records(), &second.records());
        assert_eq!(ledger.records(), Records::new());
    }

    #[test]
    fn a_change_that_cannot_be_written_is_not_kept_in_memory() {
        let (_folder, path) = place();
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        let api = ServiceKey::new("api");
        // A folder of that name can't be replaced by a file.
        fs::create_dir_all(path.join("in-the-way")).unwrap();
        assert!(ledger.update(&api, |record| record.intent = Some(intent())).is_err());
        assert_eq!(ledger.record(&api), None);
    }

    #[test]
    fn many_tasks_may_write_at_once() {
        let (_folder, path) = place();
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let ledger = &ledger;
                scope.spawn(move || {
                    for number in 0..5 {
                        let key = ServiceKey::new(format!("service-{thread}-{number}"));
                        ledger.update(&key, |record| record.intent = Some(intent())).unwrap();
                    }
                });
            }
        });
        assert_eq!(LedgerView::read(&path, &of("jobs")).unwrap().records().len(), 20);
    }
}
