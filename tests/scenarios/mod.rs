//! Whole stories under virtual time.

mod calls;
mod crash;
mod drift;
mod examples;
mod failures;
mod faults;
mod fleet;
mod generated;
mod hook_transcripts;
mod hook_trouble;
mod hooks;
mod importing;
mod leaving;
mod lookups;
mod mass_deletion;
mod overriding;
mod ownership;
mod planning;
mod pruning;
mod replacing;
mod rollouts;
mod scaling;
mod scheduled_tasks;
mod second_thoughts;
mod steady;
pub(crate) mod story;
mod transcripts;
