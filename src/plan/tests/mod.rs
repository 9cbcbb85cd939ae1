//! The planner's promises, one test each.
#![allow(clippy::unwrap_used)]

mod bodies;
mod decisions;
mod leaving;
mod phantoms;
mod properties;
mod read_back;
mod real_differences;
mod world;
