//! The loop: which service to look at when, one pass over each, and a clean end.

mod hook_ends;
mod hooks;
mod leaving;
mod old_revisions;
mod overriding;
mod pass;
mod queue;
mod replacing;
mod requests;
mod run;
mod scheduled_task;
mod settle;
mod state;
mod sweep;
mod taking_back;
mod watch;

pub use pass::{Engine, Next};
pub use queue::WorkQueue;
pub use run::{Controller, Outcome, Standing, Timing};
pub use watch::{LookAtImages, LookUp, Looks, SourceWatch, Wish};
