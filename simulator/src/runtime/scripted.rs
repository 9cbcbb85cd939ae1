//! Containers that follow a script instead of running: what one does depends on its image and command
//! alone, and is a function of when its task was started, when it was stopped, and what time it is.

mod course;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{
    ContainerHealth, ContainerLaunch, ContainerState, ContainerStatus, Probe, ProbeAnswer, Runtime,
    TaskLaunch,
};
use crate::clock::Time;

use self::course::{checks, health};

const NEVER: Time = Time(u64::MAX);

/// What containers of one image, or with one command, do.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The image is not there; ECS's sentence is made of it.
    pub cannot_be_pulled: bool,
    /// From launch to running: pull and start.
    pub starts_after: Duration,
    /// Ends by itself.
    pub exits: Option<Exit>,
    /// From running to answering health checks; `None` for never.
    pub healthy_after: Option<Duration>,
    /// From running to not answering any more.
    pub unhealthy_after: Option<Duration>,
    /// Runs on after SIGTERM, until SIGKILL.
    pub ignores_sigterm: bool,
}

/// How a container ends by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Exit {
    /// After it began to run.
    pub after: Duration,
    pub code: i32,
    /// The container's reason, such as `OutOfMemoryError: Container killed due to memory usage`.
    pub reason: Option<String>,
    pub last_line: String,
}

impl Exit {
    /// What the words of an image reference or a command ask for.
    fn for_words(words: &str) -> Option<Self> {
        let exit = |seconds, code, reason: Option<&str>, last_line: &str| {
            Some(Self {
                after: Duration::from_secs(seconds),
                code,
                reason: reason.map(str::to_owned),
                last_line: last_line.to_owned(),
            })
        };
        if words.contains("crash") {
            exit(1, 1, None, "fatal: cannot start: configuration is not valid")
        } else if words.contains("oom") {
            let killed = "OutOfMemoryError: Container killed due to memory usage";
            exit(2, 137, Some(killed), "loading everything into memory")
        } else if ["once", "migrate", "smoke-test"].iter().any(|word| words.contains(word)) {
            exit(4, 0, None, "done")
        } else {
            None
        }
    }
}

impl Default for Script {
    /// Starts after three seconds, is healthy at once and runs for ever.
    fn default() -> Self {
        Self {
            cannot_be_pulled: false,
            starts_after: Duration::from_secs(3),
            exits: None,
            healthy_after: Some(Duration::ZERO),
            unhealthy_after: None,
            ignores_sigterm: false,
        }
    }
}

impl Script {
    /// What the words in an image reference ask for.
    pub fn for_image(image: &str) -> Self {
        let mut script = Self { exits: Exit::for_words(image), ..Self::default() };
        let host = image.split('/').next().unwrap_or_default();
        script.cannot_be_pulled = host.ends_with(".invalid") || image.contains("missing");
        if image.contains("slow") {
            script.starts_after = Duration::from_secs(90);
        }
        if image.contains("unhealthy") {
            script.healthy_after = None;
        }
        script
    }
}

/// The runtime of tests: no processes, no sockets.
#[derive(Default)]
pub struct Scripted {
    /// The newest first.
    scripts: Mutex<Vec<(String, Script)>>,
    tasks: Mutex<HashMap<String, Task>>,
}

struct Task {
    launch: TaskLaunch,
    scripts: Vec<Script>,
    stopped_at: Option<Time>,
    /// The last time anybody looked; output of later moments is not there yet.
    seen_at: Time,
}

impl Scripted {
    pub fn new() -> Self {
        Self::default()
    }

    /// Containers whose image contains `image` follow `script`; the first such script counts.
    #[must_use]
    pub fn with_script(self, image: impl Into<String>, script: Script) -> Self {
        self.scripts().push((image.into(), script));
        self
    }

    /// Containers that start from now on and whose image contains `image` follow `script`.
    pub fn set_script(&self, image: impl Into<String>, script: Script) {
        self.scripts().insert(0, (image.into(), script));
    }

    fn script(&self, container: &ContainerLaunch) -> Script {
        let image = container.image.as_str();
        let known = self.scripts().iter().find(|(part, _)| image.contains(part)).cloned();
        let mut script = known.map_or_else(|| Script::for_image(image), |(_, script)| script);
        if script.exits.is_none() {
            script.exits = Exit::for_words(&container.command.join(" "));
        }
        script
    }

    fn scripts(&self) -> MutexGuard<'_, Vec<(String, Script)>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<String, Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    fn state(&self, index: usize, now: Time) -> Option<ContainerState> {
        let (container, script, course) = self.course(index)?;
        let status = if now >= course.ends {
            ContainerStatus::Stopped {
                exit_code: course.exit_code,
                reason: course.reason.clone(),
                at: course.ends,
            }
        } else if let Some((_, reason)) = course.blocked.as_ref().filter(|(at, _)| *at <= now) {
            ContainerStatus::CannotStart { reason: reason.clone() }
        } else if now < course.starts {
            ContainerStatus::Pending
        } else if script.cannot_be_pulled {
            ContainerStatus::CannotStart { reason: cannot_pull(&container.image) }
        } else {
            ContainerStatus::Running { since: course.starts }
        };
        let health = match &status {
            ContainerStatus::Running { .. } => health(container, &course, now),
            ContainerStatus::Pending
            | ContainerStatus::CannotStart { .. }
            | ContainerStatus::Stopped { .. } => ContainerHealth::Unknown,
        };
        Some(ContainerState { name: container.name.clone(), status, health })
    }

    /// Every moment at which something about a container changes.
    fn turning_points(&self, index: usize) -> Vec<Time> {
        let Some((container, _, course)) = self.course(index) else {
            return Vec::new();
        };
        let mut points = vec![course.starts, course.ends];
        points.extend(course.blocked.iter().map(|(at, _)| *at));
        if let Some((healthy, unhealthy)) = checks(container, &course) {
            points.extend([healthy, unhealthy]);
        }
        points
    }
}

fn cannot_pull(image: &str) -> String {
    format!(
        "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref {image}: {image}: not found"
    )
}

impl Runtime for Scripted {
    fn start(&self, launch: &TaskLaunch) {
        let scripts = launch.containers.iter().map(|container| self.script(container)).collect();
        let task = Task { launch: launch.clone(), scripts, stopped_at: None, seen_at: launch.launched_at };
        self.tasks().insert(launch.task.clone(), task);
    }

    fn observe(&self, task: &str, now: Time) -> Vec<ContainerState> {
        let mut tasks = self.tasks();
        let Some(task) = tasks.get_mut(task) else {
            return Vec::new();
        };
        task.seen_at = now;
        (0..task.launch.containers.len()).filter_map(|index| task.state(index, now)).collect()
    }

    fn next_change(&self, task: &str, now: Time) -> Time {
        let tasks = self.tasks();
        let Some(task) = tasks.get(task) else {
            return NEVER;
        };
        (0..task.launch.containers.len())
            .flat_map(|index| task.turning_points(index))
            .filter(|point| *point > now)
            .min()
            .unwrap_or(NEVER)
    }

    fn stop(&self, task: &str, now: Time) {
        if let Some(task) = self.tasks().get_mut(task) {
            task.stopped_at.get_or_insert(now);
        }
    }

    fn forget(&self, task: &str) {
        self.tasks().remove(task);
    }

    fn probe(&self, probe: &Probe, now: Time) -> ProbeAnswer {
        let failed = |reason: &str, description: &str| ProbeAnswer::Failed {
            reason: reason.to_owned(),
            description: description.to_owned(),
        };
        let tasks = self.tasks();
        let course = tasks.get(&probe.task).and_then(|task| {
            let index =
                task.launch.containers.iter().position(|container| container.name == probe.container)?;
            task.course(index)
        });
        match course {
            Some((_, _, course)) if now >= course.starts && now < course.ends => {
                if (course.answers_from..course.answers_until).contains(&now) {
                    ProbeAnswer::Passed
                } else {
                    failed("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]")
                }
            }
            Some(_) | None => failed("Target.FailedHealthChecks", "Health checks failed"),
        }
    }

    fn address(&self, _task: &str, _container: &str, _port: u16) -> Option<SocketAddr> {
        None
    }

    /// One line when it starts, and its last words if it ended by itself.
    fn output(&self, task: &str, container: &str, limit: usize) -> Vec<(Time, String)> {
        let tasks = self.tasks();
        let Some(task) = tasks.get(task) else {
            return Vec::new();
        };
        let index = task.launch.containers.iter().position(|launch| launch.name == container);
        let Some((launch, script, course)) = index.and_then(|index| task.course(index)) else {
            return Vec::new();
        };
        if script.cannot_be_pulled || course.ends <= course.starts {
            return Vec::new();
        }
        let mut lines = vec![(course.starts, format!("starting {}", launch.image))];
        if let (true, Some(exit)) = (course.ended_by_itself, &script.exits) {
            lines.push((course.ends, exit.last_line.clone()));
        }
        lines.retain(|(at, _)| *at <= task.seen_at);
        lines.split_off(lines.len().saturating_sub(limit))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;
    use crate::runtime::HealthCheck;

    const START: Time = Time(1_000_000);

    fn after(seconds: u64) -> Time {
        START + Duration::from_secs(seconds)
    }

    fn launched(scripted: &Scripted, image: &str) {
        let check = HealthCheck {
            command: vec!["CMD".to_owned(), "true".to_owned()],
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            retries: 3,
            start_period: Duration::ZERO,
        };
        scripted.start(&TaskLaunch {
            task: "task".to_owned(),
            service: None,
            containers: vec![ContainerLaunch {
                name: "app".to_owned(),
                image: image.to_owned(),
                essential: true,
                entry_point: Vec::new(),
                command: Vec::new(),
                environment: BTreeMap::new(),
                ports: vec![8080],
                health_check: Some(check),
                stop_timeout: Duration::from_secs(30),
                memory_limit: None,
                depends_on: Vec::new(),
                start_timeout: None,
            }],
            launched_at: START,
        });
    }

    fn state(scripted: &Scripted, now: Time) -> ContainerState {
        scripted.observe("task", now).remove(0)
    }

    fn stopped(state: &ContainerState) -> Option<(i32, Time)> {
        match state.status {
            ContainerStatus::Stopped { exit_code, at, .. } => Some((exit_code, at)),
            _ => None,
        }
    }

    #[test]
    fn words_in_the_image_choose_the_course() {
        let cases = [
            ("api:1", "running"),
            ("registry.invalid/api:1", "cannot start"),
            ("api:missing", "cannot start"),
            ("api-crash:1", "exit 1"),
            ("api-oom:1", "exit 137"),
            ("once:1", "exit 0"),
            ("job-migrate:1", "exit 0"),
            ("api-slow:1", "pending"),
            ("api-unhealthy:1", "unhealthy"),
        ];
        for (image, expected) in cases {
            let scripted = Scripted::new();
            launched(&scripted, image);
            let state = state(&scripted, after(60));
            let found = match (&state.status, state.health) {
                (ContainerStatus::Running { .. }, ContainerHealth::Unhealthy) => "unhealthy".into(),
                (ContainerStatus::Running { .. }, _) => "running".into(),
                (ContainerStatus::CannotStart { .. }, _) => "cannot start".into(),
                (ContainerStatus::Stopped { exit_code, .. }, _) => format!("exit {exit_code}"),
                (ContainerStatus::Pending, _) => "pending".into(),
            };
            assert_eq!(found, expected, "{image}");
        }
    }

    #[test]
    fn between_two_turning_points_nothing_changes() {
        let ailing = Script {
            healthy_after: Some(Duration::from_secs(15)),
            unhealthy_after: Some(Duration::from_secs(40)),
            exits: Some(Exit {
                after: Duration::from_secs(90),
                code: 3,
                reason: None,
                last_line: "bye".to_owned(),
            }),
            ..Script::default()
        };
        let scripted = Scripted::new().with_script("ailing", ailing);
        launched(&scripted, "ailing:1");
        let mut changes = 0;
        for second in 0..200 {
            let (now, next) = (after(second), after(second + 1));
            if state(&scripted, now) != state(&scripted, next) {
                changes += 1;
                assert!(scripted.next_change("task", now) <= next, "{second}");
            }
        }
        // Running, healthy, unhealthy, stopped.
        assert_eq!(changes, 4);
        assert_eq!(scripted.next_change("task", after(200)), NEVER);
    }

    #[test]
    fn sigterm_ends_a_container_and_sigkill_one_that_ignores_it() {
        let polite = Scripted::new();
        launched(&polite, "api:1");
        polite.stop("task", after(20));
        assert_eq!(stopped(&state(&polite, after(22))), Some((0, after(21))));

        let stubborn = Script { ignores_sigterm: true, ..Script::default() };
        let stubborn = Scripted::new().with_script("api", stubborn);
        launched(&stubborn, "api:1");
        stubborn.stop("task", after(20));
        assert_eq!(stopped(&state(&stubborn, after(49))), None);
        assert_eq!(stopped(&state(&stubborn, after(50))), Some((137, after(50))));
    }

    #[test]
    fn last_words_are_heard_only_once_they_were_said() {
        let scripted = Scripted::new();
        launched(&scripted, "api-crash:1");
        state(&scripted, after(3));
        assert_eq!(scripted.output("task", "app", 10).len(), 1);
        state(&scripted, after(4));
        let lines = scripted.output("task", "app", 10);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].1.starts_with("fatal: "));
        assert_eq!(scripted.output("task", "app", 1), lines[1..]);
    }

    #[test]
    fn a_probe_tells_a_dead_container_from_an_unwell_one() {
        let probe = Probe {
            task: "task".to_owned(),
            container: "app".to_owned(),
            port: 8080,
            path: "/".to_owned(),
            timeout: Duration::from_secs(5),
            matcher: "200".to_owned(),
        };
        let reason = |image: &str, now: Time| {
            let scripted = Scripted::new();
            launched(&scripted, image);
            match scripted.probe(&probe, now) {
                ProbeAnswer::Failed { reason, .. } => Some(reason),
                ProbeAnswer::Passed | ProbeAnswer::Pending => None,
            }
        };
        assert_eq!(reason("api:1", after(10)), None);
        let unwell = Some("Target.ResponseCodeMismatch".to_owned());
        assert_eq!(reason("api-unhealthy:1", after(10)), unwell);
        let dead = Some("Target.FailedHealthChecks".to_owned());
        assert_eq!(reason("api-crash:1", after(10)), dead);
    }
}
