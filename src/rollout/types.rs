//! What can be said of a rollout.

use crate::model::Failure;

/// The judgement of one rollout at one moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Going on. The sentence says how far: `1 of 3 new tasks healthy`.
    Progressing { sentence: String },
    /// It goes on when a person says so. The sentence says who must do what, until when.
    Paused { sentence: String },
    /// Tasks fail, but the judge has not spoken: `3 tasks stopped: exit 137, OutOfMemoryError`.
    Failing { sentence: String },
    /// The deployment completed, and the service runs what it was given.
    Completed,
    /// It failed, and ECS is taking the service back by itself, or has done so already.
    RolledBackByEcs(Box<Failure>),
    /// It failed, and nobody takes the service back unless we do.
    Failed(Box<Failure>),
    /// Somebody else's deployment replaced ours before it was judged.
    Superseded { sentence: String },
    /// AWS's answers don't show our deployment (yet).
    Unknown { sentence: String },
}
