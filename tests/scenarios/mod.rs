//! Whole stories under virtual time.

mod crash;
mod drift;
mod rollouts;
mod steady;
