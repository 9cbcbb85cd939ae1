//! What every request handler works with.

use std::pin::Pin;
use std::sync::Arc;

use jobs::objects::Objects;
use jobs::store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::settings::Health;
use crate::uploads::Uploads;

/// Asks the queue for a sign of life; an error says in words what is wrong.
pub type QueuePing = dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync;

#[derive(Clone)]
pub struct Api {
    pub store: Store,
    /// Rouses the relay when the outbox has something new.
    pub submitted: Arc<Notify>,
    pub ping_queue: Arc<QueuePing>,
    pub objects: Objects,
    pub uploads: Uploads,
    pub version: Arc<str>,
    pub health: Health,
    /// Set from SIGTERM on.
    pub draining: CancellationToken,
}
