//! Why the ledger can't be used.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Place;
use crate::aws::{self, ErrorKind};
use crate::model::{Holder, ServiceKey};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the ledger is held by {}; only one may act ({})",
        pid.map_or("another process".to_owned(), |pid| format!("process {pid}")),
        path.display()
    )]
    Held { path: PathBuf, pid: Option<u32> },
    #[error("the ledger's lock is gone: `{}` was removed or replaced", path.display())]
    Lost { path: PathBuf },
    #[error("can't read `{}`: {why}", path.display())]
    Unreadable { path: PathBuf, why: io::Error },
    #[error("can't write `{}`: {why}", path.display())]
    Unwritable { path: PathBuf, why: io::Error },
    #[error("the ledger can't be understood: {message} ({}:{line}:{column})", path.display())]
    Malformed { path: PathBuf, line: usize, column: usize, message: String },
    #[error("`{}` is a ledger of version {found}; this program knows version {known}", path.display())]
    Version { path: PathBuf, found: u64, known: u64 },
    #[error(
        "`{}` is the ledger of {found}, not of {wanted}\n  \
         give this one a `--state` folder of its own, or move the file away if that place is gone",
        path.display()
    )]
    Elsewhere { path: PathBuf, found: Box<Place>, wanted: Box<Place> },
    #[error("the ledger would be {bytes} bytes large, more than {max} (`{}`)", path.display())]
    TooLarge { path: PathBuf, bytes: u64, max: u64 },
    #[error("{0}")]
    Store(Box<aws::Error>),
    #[error(
        "{0}\n  is there such a table in this account and region? docs/ledger.md has the command that makes it"
    )]
    NoTable(Box<aws::Error>),
    #[error(
        "the lease could not be renewed for {} s, and lasts {} s: nothing is changed until it can",
        ago.as_secs(),
        lease.as_secs()
    )]
    Unrenewed { ago: Duration, lease: Duration },
    #[error("the record of {service} has another version than expected: an earlier write of it came late")]
    Changed { service: ServiceKey },
    #[error("the lease is lost: {by}; this process was epoch {ours}, and may change nothing any more")]
    Deposed { ours: u64, by: Box<Holder> },
    #[error(
        "the lease is lost: table `{table}` no longer says that it is ours; this process may change nothing any more"
    )]
    Vanished { table: String },
    #[error("only one may act: {holder}\n  tried for {} s; it is still renewed", tried.as_secs())]
    Taken { holder: Box<Holder>, tried: Duration },
    #[error("told to stop before the lease was this process's")]
    Stopped,
    #[error(
        "`{partition}` in table `{table}` is the ledger of {found}, not of {wanted}\n  \
         give this one an `--installation` of its own, or delete those items if that place is gone"
    )]
    TableElsewhere { table: String, partition: String, found: Box<Place>, wanted: Box<Place> },
    #[error("`{item}` of `{partition}` in table `{table}` can't be understood: {why}")]
    Item { table: String, partition: String, item: String, why: String },
    #[error("the record of {service} would be {bytes} bytes large, and DynamoDB takes {max}")]
    ItemTooLarge { service: ServiceKey, bytes: usize, max: usize },
}

impl From<aws::Error> for Error {
    fn from(error: aws::Error) -> Self {
        match error.kind {
            ErrorKind::NotFound => Self::NoTable(Box::new(error)),
            _ => Self::Store(Box::new(error)),
        }
    }
}

impl Error {
    /// Whether it may be well again without anybody doing anything: nothing was changed, and the same may be
    /// tried later. All else means that this process may not go on.
    pub fn passes(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Unrenewed { .. } | Self::Changed { .. } => true,
            Self::Held { .. }
            | Self::Lost { .. }
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::Malformed { .. }
            | Self::Version { .. }
            | Self::Elsewhere { .. }
            | Self::TooLarge { .. }
            | Self::NoTable(_)
            | Self::Deposed { .. }
            | Self::Vanished { .. }
            | Self::Taken { .. }
            | Self::Stopped
            | Self::TableElsewhere { .. }
            | Self::Item { .. }
            | Self::ItemTooLarge { .. } => false,
        }
    }

    pub(super) fn unreadable(path: &Path, why: io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), why }
    }

    pub(super) fn unwritable(path: &Path, why: io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), why }
    }
}
