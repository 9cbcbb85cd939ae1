//! One container: what it is started with, what becomes of it, and how it ends.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::order::Order;
use super::output::Output;
use super::{health, ports};
use crate::clock::{Clock, Time};
use crate::images::Image;
use crate::runtime::{ContainerHealth, ContainerLaunch, ContainerState, ContainerStatus, HealthCheck};

/// How long the last words of an ended process may take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(super) struct Container {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    pub(super) working_directory: Option<PathBuf>,
    pub(super) environment: BTreeMap<String, String>,
    /// From container port to the port of this machine.
    ports: BTreeMap<u16, u16>,
    /// How long those that depend on it wait after its start.
    start_timeout: Option<Duration>,
    life: Mutex<Life>,
    /// Told of every change of its life.
    changed: watch::Sender<()>,
    output: Output,
}

pub(super) struct Life {
    pub(super) status: ContainerStatus,
    pub(super) health: ContainerHealth,
    /// The group is led by the container's process.
    group: Option<Pid>,
    /// Set by a kill, which may come before there is a process.
    killed: bool,
}

impl Container {
    /// A container that has not started yet, or cannot for want of an image or a port.
    pub(super) fn new(
        launch: &ContainerLaunch,
        image: Option<&Image>,
        extra: &BTreeMap<String, String>,
    ) -> Self {
        let mut status = match image {
            Some(_) => ContainerStatus::Pending,
            None => ContainerStatus::CannotStart {
                reason: format!(
                    "CannotPullContainerError: pull image manifest has been retried 1 time(s): \
                     failed to resolve ref {image}: {image}: not found",
                    image = launch.image
                ),
            },
        };
        let mut mapped = BTreeMap::new();
        for port in &launch.ports {
            match ports::free() {
                Some(free) => _ = mapped.insert(*port, free),
                None => {
                    status = ContainerStatus::CannotStart {
                        reason: "CannotStartContainerError: no port of this machine is free".into(),
                    }
                }
            }
        }
        let image = image.cloned().unwrap_or_default();
        Self {
            name: launch.name.clone(),
            arguments: image.arguments(&launch.entry_point, &launch.command),
            environment: environment(&image, extra, launch, &mapped),
            program: image.command,
            working_directory: image.working_directory,
            ports: mapped,
            start_timeout: launch.start_timeout,
            changed: watch::Sender::new(()),
            life: Mutex::new(Life { status, health: ContainerHealth::Unknown, group: None, killed: false }),
            output: Output::default(),
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    pub(super) fn can_start(&self) -> bool {
        self.life().status == ContainerStatus::Pending
    }

    pub(super) fn mapped_port(&self, port: u16) -> Option<u16> {
        self.ports.get(&port).copied()
    }

    pub(super) fn ports(&self) -> &BTreeMap<u16, u16> {
        &self.ports
    }

    pub(super) fn output(&self, limit: usize) -> Vec<(Time, String)> {
        self.output.newest(limit)
    }

    pub(super) fn set_health(&self, health: ContainerHealth) {
        self.life().health = health;
        self.changed.send_replace(());
    }

    fn set_status(&self, status: ContainerStatus) {
        self.life().status = status;
        self.changed.send_replace(());
    }

    pub(super) fn start_timeout(&self) -> Option<Duration> {
        self.start_timeout
    }

    /// Looks at its life until there is an answer in it.
    pub(super) async fn until<T>(&self, look: impl Fn(&Life) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(answer) = look(&self.life()) {
                return answer;
            }
            // The sender lives as long as the container.
            let _ = changes.changed().await;
        }
    }

    /// What is to be seen at `now`. A process may have moved after the step of the clock that asks;
    /// nothing is reported to lie in that step's future.
    pub(super) fn state(&self, now: Time) -> ContainerState {
        let life = self.life();
        let status = match life.status.clone() {
            ContainerStatus::Running { since } => ContainerStatus::Running { since: since.min(now) },
            ContainerStatus::Stopped { exit_code, reason, at } => {
                ContainerStatus::Stopped { exit_code, reason, at: at.min(now) }
            }
            other @ (ContainerStatus::Pending | ContainerStatus::CannotStart { .. }) => other,
        };
        ContainerState { name: self.name.clone(), status, health: life.health }
    }

    /// Ends a container that was never started, because a sibling cannot be, or because its turn never came.
    pub(super) fn give_up(&self, now: Time) {
        if self.can_start() {
            self.set_status(ContainerStatus::Stopped { exit_code: 137, reason: None, at: now });
        }
    }

    /// Kills every process of the container at once.
    pub(super) fn kill(&self) {
        self.life().killed = true;
        self.signal(Signal::KILL);
    }

    /// Starts the process when it is its turn, and looks after it until it has ended.
    pub(super) async fn run(
        self: Arc<Self>,
        order: Order,
        stop_timeout: Duration,
        check: Option<HealthCheck>,
        clock: Clock,
        stop: CancellationToken,
    ) {
        tokio::select! {
            turn = order.may_start(&self.name, &clock) => if let Err(reason) = turn {
                return self.set_status(ContainerStatus::CannotStart { reason });
            },
            () = stop.cancelled() => return self.give_up(clock.now()),
        }
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => {
                let reason = format!(
                    "CannotStartContainerError: failed to create task for container: \
                     unable to start container process: exec: \"{}\": {error}",
                    self.program.display()
                );
                return self.set_status(ContainerStatus::CannotStart { reason });
            }
        };
        self.life().group = child.id().and_then(|id| Pid::from_raw(id as i32));
        self.set_status(ContainerStatus::Running { since: clock.now() });
        if self.life().killed {
            self.kill();
        }
        let mut words = tokio::spawn({
            let (container, clock) = (self.clone(), clock.clone());
            let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
            async move { container.listen(stdout, stderr, &clock).await }
        });
        let status = tokio::select! {
            status = self.end(&mut child, &order, clock.real(stop_timeout), &stop) => status,
            never = health::watch(&self, check.as_ref(), &clock) => match never {},
        };
        // What a container's first process leaves behind dies with it.
        self.kill();
        if tokio::time::timeout(LAST_WORDS, &mut words).await.is_err() {
            words.abort();
        }
        self.life().group = None;
        self.set_status(ContainerStatus::Stopped {
            exit_code: status.map_or(255, exit_code),
            reason: None,
            at: clock.now(),
        });
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(directory) = &self.working_directory {
            command.current_dir(directory);
        }
        command.spawn()
    }

    async fn listen(&self, stdout: Option<ChildStdout>, stderr: Option<ChildStderr>, clock: &Clock) {
        let stdout = async {
            if let Some(stream) = stdout {
                self.output.take(stream, clock).await;
            }
        };
        let stderr = async {
            if let Some(stream) = stderr {
                self.output.take(stream, clock).await;
            }
        };
        tokio::join!(stdout, stderr);
    }

    /// Waits for the process's end, and brings it about when the task is stopped.
    async fn end(
        &self,
        child: &mut Child,
        order: &Order,
        patience: Duration,
        stop: &CancellationToken,
    ) -> std::io::Result<ExitStatus> {
        tokio::select! {
            status = child.wait() => return status,
            () = async {
                stop.cancelled().await;
                order.may_end().await;
            } => {}
        }
        self.signal(Signal::TERM);
        match tokio::time::timeout(patience, child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                self.signal(Signal::KILL);
                child.wait().await
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.life().group {
            // Fails only if the whole group is gone, which is what a signal is for.
            let _ = kill_process_group(group, signal);
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The container's whole environment; see the module above for the order.
fn environment(
    image: &Image,
    extra: &BTreeMap<String, String>,
    launch: &ContainerLaunch,
    ports: &BTreeMap<u16, u16>,
) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    if let Ok(path) = std::env::var("PATH") {
        environment.insert("PATH".to_owned(), path);
    }
    environment.extend(image.environment.clone());
    environment.extend(extra.clone());
    environment.extend(launch.environment.clone());
    let mapped = |port: &u16| ports.get(port).map(u16::to_string);
    if let Some(first) = launch.ports.first().and_then(mapped) {
        environment.insert("PORT".to_owned(), first);
    }
    for (container_port, port) in ports {
        environment.insert(format!("PORT_{container_port}"), port.to_string());
    }
    environment
}

/// The exit code as Docker and ECS tell it: 128 and the signal's number for a killed process.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
