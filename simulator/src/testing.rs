//! A world to test one service in, and a runtime that runs nothing.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use crate::clock::Time;
use crate::runtime::{ContainerState, Probe, ProbeAnswer, Runtime, TaskLaunch};
use crate::world::World;

pub(crate) const START: Time = Time(1_800_000_000_000);

/// An empty account at [`START`].
pub(crate) fn world() -> World {
    let mut world = World::new("123456789012", "eu-west-1");
    world.now = START;
    world
}

/// A runtime in which nothing ever happens.
pub(crate) struct Idle;

impl Runtime for Idle {
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

/// A runtime whose probes answer as told and count, and whose tasks are where they are put.
#[derive(Default)]
pub(crate) struct Told {
    answers: Mutex<BTreeMap<String, ProbeAnswer>>,
    probes: Mutex<BTreeMap<String, u32>>,
    addresses: Mutex<BTreeMap<String, SocketAddr>>,
}

impl Told {
    /// Lets every later probe of the task have this answer.
    pub(crate) fn answer(&self, task: &str, answer: ProbeAnswer) {
        self.answers.lock().unwrap().insert(task.to_owned(), answer);
    }
    pub(crate) fn place(&self, task: &str, address: SocketAddr) {
        self.addresses.lock().unwrap().insert(task.to_owned(), address);
    }
    pub(crate) fn probes(&self, task: &str) -> u32 {
        self.probes.lock().unwrap().get(task).copied().unwrap_or(0)
    }
}

impl Runtime for Told {
    fn start(&self, _launch: &TaskLaunch) {}
    fn observe(&self, _task: &str, _now: Time) -> Vec<ContainerState> {
        Vec::new()
    }
    fn stop(&self, _task: &str, _now: Time) {}
    fn forget(&self, _task: &str) {}
    fn probe(&self, probe: &Probe, _now: Time) -> ProbeAnswer {
        *self.probes.lock().unwrap().entry(probe.task.clone()).or_default() += 1;
        let answers = self.answers.lock().unwrap();
        answers.get(&probe.task).cloned().unwrap_or(ProbeAnswer::Passed)
    }
    fn address(&self, task: &str, _container: &str, _port: u16) -> Option<SocketAddr> {
        self.addresses.lock().unwrap().get(task).copied()
    }
    fn output(&self, _task: &str, _container: &str, _limit: usize) -> Vec<(Time, String)> {
        Vec::new()
    }
}
