//! Whole stories under virtual time.

mod crash;
mod drift;
mod fleet;
mod rollouts;
mod steady;
