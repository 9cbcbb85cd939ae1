//! The binary itself: real worker processes, a real database, and the simulator's SQS over the wire.

#![allow(clippy::unwrap_used)]

mod agent;
mod proxy;
mod scene;
mod worker;

mod ends;
mod failures;
mod stopping;
mod telling;
