//! Runs containers by script instead of as processes.

use std::net::SocketAddr;

use super::{ContainerState, Probe, ProbeAnswer, Runtime, TaskLaunch};
use crate::clock::Time;

/// The runtime of tests: no processes, no sockets.
#[derive(Default)]
pub struct Scripted;

impl Scripted {
    pub fn new() -> Self {
        Self
    }
}

impl Runtime for Scripted {
    fn start(&self, _launch: &TaskLaunch) {}
    fn observe(&self, _task: &str, _now: Time) -> Vec<ContainerState> {
        Vec::new()
    }
    fn stop(&self, _task: &str, _now: Time) {}
    fn forget(&self, _task: &str) {}
    fn probe(&self, _probe: &Probe, _now: Time) -> ProbeAnswer {
        ProbeAnswer::Pending
    }
    fn address(&self, _task: &str, _container: &str, _port: u16) -> Option<SocketAddr> {
        None
    }
    fn output(&self, _task: &str, _container: &str, _limit: usize) -> Vec<(Time, String)> {
        Vec::new()
    }
}
