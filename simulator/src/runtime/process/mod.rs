//! Runs containers as child processes of this one.
//!
//! What a process finds, in falling precedence: `PORT` (where its first container port must listen)
//! and `PORT_<containerPort>` for each port; `environment` and `secrets` of its definition; the
//! runtime's own variables, such as `AWS_ENDPOINT_URL`; the environment of its image; `PATH`.
//! Nothing else is inherited. Processes listen on 127.0.0.1, each container port on a free port of
//! its own, because tasks share this machine's address as they never share a network interface.
//!
//! Memory and CPU limits are not enforced.

mod container;
mod health;
mod order;
mod output;
mod ports;
mod probe;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::container::Container;
use self::order::Order;
use self::probe::Probes;
use super::{ContainerState, Probe, ProbeAnswer, Runtime, TaskLaunch};
use crate::clock::{Clock, Time};
use crate::images::{Image, Images};

/// A [`Runtime`] of child processes; all of them are killed when it is dropped.
pub struct ProcessRuntime {
    clock: Clock,
    images: RwLock<Images>,
    /// Given to every container.
    environment: RwLock<BTreeMap<String, String>>,
    tasks: Mutex<BTreeMap<String, Task>>,
    probes: Arc<Probes>,
    background: TaskTracker,
    handle: Handle,
}

struct Task {
    containers: Vec<Arc<Container>>,
    /// Whether its processes are started, or have been.
    started: bool,
    stop: CancellationToken,
}

impl ProcessRuntime {
    /// Must be called inside a tokio runtime, which looks after the processes from then on.
    pub fn new(clock: Clock, images: Images, environment: BTreeMap<String, String>) -> Self {
        Self {
            clock,
            images: RwLock::new(images),
            environment: RwLock::new(environment),
            tasks: Mutex::default(),
            probes: Arc::default(),
            background: TaskTracker::new(),
            handle: Handle::current(),
        }
    }

    /// Makes an image runnable from now on, as pushing it would.
    pub fn map_image(&self, reference: &str, image: Image) {
        self.images.write().unwrap_or_else(PoisonError::into_inner).insert(reference, image);
    }

    /// Gives a variable to every container started from now on.
    pub fn set_variable(&self, name: &str, value: &str) {
        self.environment
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), value.to_owned());
    }

    /// Stops all containers as ECS does, and returns when they are gone: at most `patience` later,
    /// when those that are left are killed.
    pub async fn shut_down(&self, patience: Duration) {
        for task in self.tasks().values() {
            task.stop.cancel();
        }
        self.background.close();
        if tokio::time::timeout(patience, self.background.wait()).await.is_err() {
            self.kill_all();
            self.background.wait().await;
        }
        self.background.reopen();
    }

    fn kill_all(&self) {
        for task in self.tasks().values() {
            task.stop.cancel();
            for container in &task.containers {
                container.kill();
            }
        }
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<String, Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn container(&self, task: &str, name: &str) -> Option<Arc<Container>> {
        let tasks = self.tasks();
        let mut containers = tasks.get(task)?.containers.iter();
        containers.find(|container| container.is(name)).cloned()
    }
}

impl Runtime for ProcessRuntime {
    fn start(&self, launch: &TaskLaunch) {
        let images = self.images.read().unwrap_or_else(PoisonError::into_inner);
        let extra = self.environment.read().unwrap_or_else(PoisonError::into_inner);
        let containers: Vec<_> = launch
            .containers
            .iter()
            .map(|container| {
                let image = images.find(&container.image);
                (Arc::new(Container::new(container, image, &extra)), container)
            })
            .collect();
        let stop = CancellationToken::new();
        // One image that cannot be pulled fails the whole task, before any container has started.
        let started = containers.iter().all(|(container, _)| container.can_start());
        if started {
            for (container, launch) in &containers {
                let order = Order::of(launch, &containers);
                let check = launch.health_check.clone();
                let (clock, stop) = (self.clock.clone(), stop.clone());
                let running = container.clone().run(order, launch.stop_timeout, check, clock, stop);
                self.background.spawn_on(running, &self.handle);
            }
        }
        let containers = containers.into_iter().map(|(container, _)| container);
        let task = Task { containers: containers.collect(), started, stop };
        self.tasks().insert(launch.task.clone(), task);
    }

    fn observe(&self, task: &str, now: Time) -> Vec<ContainerState> {
        self.tasks().get(task).map_or_else(Vec::new, |task| {
            let containers = task.containers.iter();
            containers.map(|container| container.state(now)).collect()
        })
    }

    fn stop(&self, task: &str, now: Time) {
        if let Some(task) = self.tasks().get(task) {
            task.stop.cancel();
            if !task.started {
                for container in &task.containers {
                    container.give_up(now);
                }
            }
        }
    }

    fn forget(&self, task: &str) {
        if let Some(task) = self.tasks().remove(task) {
            task.stop.cancel();
            for container in &task.containers {
                container.kill();
            }
        }
        self.probes.forget(task);
    }

    fn probe(&self, probe: &Probe, _now: Time) -> ProbeAnswer {
        let Some(address) = self.address(&probe.task, &probe.container, probe.port) else {
            return probe::failed("Target.FailedHealthChecks", "Health checks failed".into());
        };
        let timeout = self.clock.real(probe.timeout);
        self.probes.ask(probe, address, timeout, &self.handle)
    }

    fn address(&self, task: &str, container: &str, port: u16) -> Option<SocketAddr> {
        let port = self.container(task, container)?.mapped_port(port)?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    fn output(&self, task: &str, container: &str, limit: usize) -> Vec<(Time, String)> {
        self.container(task, container).map_or_else(Vec::new, |container| container.output(limit))
    }
}

impl Drop for ProcessRuntime {
    fn drop(&mut self) {
        self.kill_all();
    }
}

#[cfg(test)]
mod tests;
