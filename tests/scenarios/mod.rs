//! Whole stories under virtual time.

mod calls;
mod crash;
mod drift;
mod examples;
mod failures;
mod faults;
mod fleet;
mod generated;
mod ownership;
mod planning;
mod rollouts;
mod scaling;
mod second_thoughts;
mod steady;
mod story;
mod transcripts;
