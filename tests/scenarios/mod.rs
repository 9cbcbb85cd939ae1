//! Whole stories under virtual time.

mod crash;
mod drift;
mod fleet;
mod generated;
mod planning;
mod rollouts;
mod steady;
