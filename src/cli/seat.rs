//! The right to act: a file's lock, or the lease of a table; taken, waited for, let go.

use std::sync::Arc;

use super::{Surroundings, road};
use crate::aws::Aws;
use crate::config::{Account, LedgerPlace};
use crate::journal::Journal;
use crate::ledger::{Candidate, Claim, Ledger, Place};
use crate::model::{Desired, Environment};

/// Where the right to act comes from.
pub enum Seat {
    /// A file's lock, which was free.
    Taken(Arc<Ledger>),
    /// The lease of a table, which AWS has to be asked for.
    InTable(String),
}

/// Takes the ledger where that is a file: from now on, nobody else acts on the environment.
pub fn seat(account: &Account, environment: &Environment) -> anyhow::Result<Seat> {
    Ok(match &account.ledger {
        LedgerPlace::File => {
            let place = Place::of(&account.installation, environment);
            Seat::Taken(Arc::new(Ledger::open(road::ledger_path(account, environment), &place)?))
        }
        LedgerPlace::Table(table) => Seat::InTable(table.clone()),
    })
}

/// Somebody who waits for the lease of a table.
pub fn candidate(
    verb: &str,
    (aws, table): (&Aws, &str),
    account: &Account,
    environment: &Environment,
    journal: &Arc<Journal>,
    surroundings: &Surroundings,
) -> Candidate {
    let (host, process) = (account.host.as_deref(), std::process::id());
    let on = host.map(|host| format!(" on {host}")).unwrap_or_default();
    let claim = Claim {
        place: Place::of(&account.installation, environment),
        environment: environment.name.clone(),
        holder: format!("{verb}{on}, process {process}"),
        nonce: nonce(process),
    };
    Candidate::new(aws.table_writer(table), claim, journal.clone(), surroundings.now.clone())
        .until(surroundings.stop.clone())
}

/// No two processes have the same: the standard library's hash is keyed by the system's own randomness.
fn nonce(process: u32) -> String {
    use std::hash::BuildHasher as _;
    format!("{:016x}", std::hash::RandomState::new().hash_one(process))
}

/// What one process acts on, from its beginning to its end.
pub fn place_of(wish: &Desired) -> (Option<String>, String, String) {
    let environment = &wish.environment;
    (environment.account.clone(), environment.region.clone(), environment.cluster.clone())
}

/// Lets the next one in at once. If that fails, it waits until the lease has run out.
pub async fn let_go(ledger: &Ledger) {
    if let Err(error) = ledger.release().await {
        tracing::warn!(%error, "the lease could not be released; others wait until it has run out");
    }
}
