//! The planner's promises, one test each.
#![allow(clippy::unwrap_used)]

mod phantoms;
mod real_differences;
