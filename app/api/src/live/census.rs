//! What the database holds, counted: jobs by status, and what waits.

use std::collections::BTreeMap;

use jobs::job::Status;
use jobs::store::{Store, StoreError};
use jobs::timestamp::Timestamp;

pub type Counts = BTreeMap<Status, u64>;

#[derive(Clone, Debug, PartialEq)]
pub struct Census {
    pub jobs: Counts,
    /// When the job was submitted that has waited longest for a worker.
    pub oldest_queued: Option<Timestamp>,
    /// Messages that are owed to the queue.
    pub unsent: u64,
    pub oldest_unsent: Option<Timestamp>,
}

pub async fn census(store: &Store) -> Result<Census, StoreError> {
    let owed = store.owed().await?;
    Ok(Census {
        jobs: store.counts().await?,
        oldest_queued: store.oldest_queued().await?,
        unsent: owed.messages,
        oldest_unsent: owed.oldest,
    })
}
