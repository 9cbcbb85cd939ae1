//! What every request handler works with.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jobs::objects::Objects;
use jobs::store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::admin::AdminToken;
use crate::live::Feed;
use crate::metrics::Metrics;
use crate::scaling::change::Scaling;
use crate::settings::Health;
use crate::uploads::Uploads;

/// An answer that is on its way; an error says in words what is wrong.
pub type Asked<T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send>>;

/// Asks the queue for a sign of life; an error says in words what is wrong.
pub type QueuePing = dyn Fn() -> Asked<()> + Send + Sync;

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
    /// What readiness was when it was asked for last, so that a change can be told from a repetition.
    pub ready: Arc<AtomicBool>,
    pub metrics: Metrics,
    pub feed: Arc<Feed>,
    pub admin: Administration,
    /// Set from SIGTERM on.
    pub draining: CancellationToken,
}

/// What only an administrator may do; without its settings nobody may.
#[derive(Clone, Default)]
pub struct Administration {
    pub token: Option<AdminToken>,
    pub scaling: Option<Arc<Scaling>>,
}
