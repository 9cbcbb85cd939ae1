//! What a test lets go wrong with a call, and where the call stands.

use crate::error::ApiError;

/// Decides about each call in turn.
pub type Script = Box<dyn FnMut(&CallSite) -> Fault + Send>;

/// One call, as a fault script sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// Short name, such as `ecs`, `elb`, `autoscaling`.
    pub service: String,
    pub operation: String,
    /// Counts all calls to the account, from 0.
    pub index: u64,
}

/// What goes wrong with one call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    None,
    /// The call is refused and changes nothing.
    RefuseBefore(ApiError),
    /// The call takes effect, but its client is told that it failed.
    FailAfter(ApiError),
    /// The call takes effect, but no answer ever comes.
    NeverAnswer,
    /// The call changes nothing and no answer ever comes.
    NeverApply,
    /// The call is refused as one too many.
    Throttle,
}
