//! Whole stories under virtual time.

mod calls;
mod crash;
mod drift;
mod faults;
mod generated;
mod planning;
mod rollouts;
mod steady;
mod story;
