//! Why the ledger can't be used.

use std::io;
use std::path::{Path, PathBuf};

use super::Place;

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
}

impl Error {
    pub(super) fn unreadable(path: &Path, why: io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), why }
    }

    pub(super) fn unwritable(path: &Path, why: io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), why }
    }
}
