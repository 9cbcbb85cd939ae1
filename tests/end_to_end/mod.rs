//! The binary itself: real processes, real sockets, a Git repository, a load balancer under traffic.
//!
//! `make test` builds the binaries first. What these tests wait for is a state, within [`PATIENCE`].

mod account;
mod api;
mod operator;
mod repository;
mod served;
mod traffic;

mod bad_input;
mod contract;
mod drift;
mod hooks;
mod importing;
mod jobs;
mod killed;
mod page;
mod releases;
mod requests;
mod secrets;
mod shifting;
mod standby;
mod stopping;
mod task_run;
mod under_fire;
mod uploads;
mod verify;

use std::time::{Duration, Instant};

/// How long a test waits for a state before it fails. Far beyond what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again until it is so, for states that nobody announces.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    wait_within(PATIENCE, what, is_so);
}

fn wait_within(patience: Duration, what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
