//! The lease: its times, what stands in its item, and how long ago something was.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Holder, Timestamp};

/// How long a lease is good for after its last renewal.
pub const LEASE: Duration = Duration::from_secs(45);
/// How much longer a candidate watches a lease that nobody renews.
pub const MARGIN: Duration = Duration::from_secs(15);
/// How long one call of AWS may take; see `aws::connect`.
pub const CALL_TIME_MAX: Duration = Duration::from_secs(10);
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(10);
/// After a renewal that failed.
pub(super) const RENEW_AGAIN: Duration = Duration::from_secs(2);
/// How often a candidate looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What has to be left of a lease for a call to begin.
pub(super) const LEFT_MIN: Duration = Duration::from_secs(CALL_TIME_MAX.as_secs() + 5);

/// Tells the time of day.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The item of the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) holder: Holder,
    /// Tells holders of one name apart.
    pub(super) nonce: String,
    /// Differs after each write: that is all that a candidate watches.
    pub(super) version: u64,
    pub(super) seconds: u64,
}

/// When something was, by two clocks: the one stands still while a machine is suspended, the other may be
/// set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    monotonic: Instant,
    wall: Timestamp,
}

impl Moment {
    pub(super) fn now(clock: &WallClock) -> Self {
        Self { monotonic: Instant::now(), wall: clock() }
    }

    /// For so long somebody else's lease was watched: by the monotonic clock alone, since nobody else can set
    /// it. That it stands still in a suspended machine only makes a candidate wait longer.
    pub(super) fn watched(self) -> Duration {
        self.monotonic.elapsed()
    }

    /// By the clock that says more.
    pub(super) fn elapsed(self, clock: &WallClock) -> Duration {
        self.monotonic.elapsed().max(clock().since(self.wall))
    }
}
