//! Whole stories under virtual time.

mod crash;
mod drift;
mod generated;
mod planning;
mod rollouts;
mod steady;
