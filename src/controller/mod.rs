//! The loop: which service to look at when, one pass over each, and a clean end.

mod pass;
mod queue;
mod run;
mod scheduled_task;
mod settle;
mod watch;

pub use pass::{Engine, Next};
pub use queue::WorkQueue;
pub use run::{Controller, Outcome, Standing, Timing};
pub use watch::{SourceWatch, Wish};
