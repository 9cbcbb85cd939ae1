//! The binary itself: real processes, real sockets, a Git repository, a load balancer under traffic.
//!
//! `make test` builds the binaries first. What these tests wait for is a state, within [`PATIENCE`].

mod account;
mod operator;
mod repository;
mod served;
mod traffic;

mod bad_input;
mod drift;
mod jobs;
mod releases;
mod secrets;
mod stopping;

use std::time::Duration;

/// How long a test waits for a state before it fails. Far beyond what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(120);
