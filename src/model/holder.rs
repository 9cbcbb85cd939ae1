//! Who may act.

use std::fmt;

use super::Timestamp;

/// Who holds the lease of a ledger, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// `run on ip-10-0-3-7, process 1`
    pub name: String,
    /// Rises by one with each holder.
    pub epoch: u64,
    /// By the holder's own clock.
    pub since: Timestamp,
    /// It let go, and nobody has taken it since.
    pub released: bool,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, epoch, since, released } = self;
        match released {
            false => write!(f, "epoch {epoch} is held by {name} since {}", since.minute()),
            true => write!(f, "epoch {epoch} was held by {name}, who let go"),
        }
    }
}
