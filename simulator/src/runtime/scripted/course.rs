//! One container's life, laid out in time: it starts after those that it depends on, and, when its task
//! is stopped, ends before them.

use std::time::Duration;

use super::{NEVER, Script, Task};
use crate::clock::Time;
use crate::runtime::{Condition, ContainerHealth, ContainerLaunch, Dependency};

pub(super) struct Course {
    pub(super) starts: Time,
    /// When it ends, with which code, and why.
    pub(super) ends: Time,
    pub(super) exit_code: i32,
    pub(super) reason: Option<String>,
    pub(super) ended_by_itself: bool,
    pub(super) answers_from: Time,
    pub(super) answers_until: Time,
    /// When it is clear that it cannot start, because of what it depends on, and why.
    pub(super) blocked: Option<(Time, String)>,
}

/// When a container may start.
enum Gate {
    Opens(Time),
    /// It never does, which is clear from this moment on.
    Blocked(Time, String),
}

impl Task {
    pub(super) fn course(&self, index: usize) -> Option<(&ContainerLaunch, &Script, Course)> {
        const SHUTS_DOWN_IN: Duration = Duration::from_secs(1);
        let container = self.launch.containers.get(index)?;
        let script = self.scripts.get(index)?;
        let mut course = self.left_alone(index)?;
        if let Some(stopped) = self.told_to_stop(index)
            && stopped < course.ends
        {
            course.ended_by_itself = false;
            course.reason = None;
            let started = stopped >= course.starts;
            course.blocked = course.blocked.filter(|(at, _)| *at <= stopped);
            (course.ends, course.exit_code) = match (started, script.ignores_sigterm) {
                // SIGKILL.
                (true, true) => (stopped + container.stop_timeout, 137),
                (true, false) => (stopped + SHUTS_DOWN_IN, 0),
                (false, _) => (stopped, 0),
            };
        }
        Some((container, script, course))
    }

    /// The course if nobody stopped the task.
    fn left_alone(&self, index: usize) -> Option<Course> {
        let container = self.launch.containers.get(index)?;
        let script = self.scripts.get(index)?;
        let pulled = self.launch.launched_at + script.starts_after;
        let (starts, blocked) = match self.gate(container) {
            Gate::Opens(at) => (std::cmp::max(pulled, at), None),
            Gate::Blocked(at, reason) => (NEVER, Some((at, reason))),
        };
        let mut course = Course {
            starts,
            ends: NEVER,
            exit_code: 0,
            reason: None,
            ended_by_itself: false,
            answers_from: script.healthy_after.map_or(NEVER, |after| starts + after),
            answers_until: script.unhealthy_after.map_or(NEVER, |after| starts + after),
            blocked,
        };
        if let Some(exit) = &script.exits {
            course.ends = starts + exit.after;
            course.exit_code = exit.code;
            course.reason.clone_from(&exit.reason);
            course.ended_by_itself = true;
        }
        Some(course)
    }

    fn gate(&self, container: &ContainerLaunch) -> Gate {
        let mut opens = Time::default();
        let mut blocked: Option<(Time, String)> = None;
        for dependency in &container.depends_on {
            match self.gate_of(dependency, &container.name) {
                Some(Gate::Opens(at)) => opens = std::cmp::max(opens, at),
                Some(Gate::Blocked(at, reason)) if blocked.as_ref().is_none_or(|(first, _)| at < *first) => {
                    blocked = Some((at, reason));
                }
                Some(Gate::Blocked(..)) | None => {}
            }
        }
        blocked.map_or(Gate::Opens(opens), |(at, reason)| Gate::Blocked(at, reason))
    }

    fn gate_of(&self, dependency: &Dependency, waiting: &str) -> Option<Gate> {
        let mut containers = self.launch.containers.iter();
        let index = containers.position(|container| container.name == dependency.container)?;
        let other = self.launch.containers.get(index)?;
        let course = self.left_alone(index)?;
        if let Some((at, _)) = course.blocked {
            return Some(Gate::Blocked(at, dependency.failed(waiting)));
        }
        let (met, failed) = match dependency.condition {
            Condition::Start => (course.starts, NEVER),
            Condition::Complete => (course.ends, NEVER),
            Condition::Success if course.exit_code == 0 => (course.ends, NEVER),
            Condition::Success => (NEVER, course.ends),
            Condition::Healthy => (checks(other, &course).map_or(NEVER, |(healthy, _)| healthy), course.ends),
        };
        let late = other.start_timeout.map_or(NEVER, |timeout| course.starts + timeout);
        Some(if met <= failed && met <= late {
            Gate::Opens(met)
        } else if failed <= late {
            Gate::Blocked(failed, dependency.failed(waiting))
        } else {
            Gate::Blocked(late, dependency.timed_out(waiting))
        })
    }

    /// When the container gets SIGTERM: once all that depend on it have ended.
    fn told_to_stop(&self, index: usize) -> Option<Time> {
        let name = &self.launch.containers.get(index)?.name;
        let depends =
            |other: &ContainerLaunch| other.depends_on.iter().any(|dependency| dependency.container == *name);
        let dependents = self.launch.containers.iter().enumerate().filter(|(_, other)| depends(other));
        let ends = dependents.filter_map(|(other, _)| self.course(other)).map(|(.., course)| course.ends);
        Some(ends.fold(self.stopped_at?, std::cmp::max))
    }
}

/// When the container's own check turns healthy, and when unhealthy: the first check comes an
/// interval after the start, and failures count only after the start period.
pub(super) fn checks(container: &ContainerLaunch, course: &Course) -> Option<(Time, Time)> {
    let check = container.health_check.as_ref()?;
    let first = course.starts + check.interval;
    let healthy = match course.answers_from {
        NEVER => NEVER,
        from => std::cmp::max(first, from),
    };
    let failing_from = if course.answers_until != NEVER {
        course.answers_until
    } else if healthy == NEVER {
        course.starts + check.start_period
    } else {
        return Some((healthy, NEVER));
    };
    let unhealthy = failing_from + check.interval.saturating_mul(check.retries.max(1));
    Some((healthy, unhealthy))
}

pub(super) fn health(container: &ContainerLaunch, course: &Course, now: Time) -> ContainerHealth {
    match checks(container, course) {
        Some((_, unhealthy)) if now >= unhealthy => ContainerHealth::Unhealthy,
        Some((healthy, _)) if now >= healthy => ContainerHealth::Healthy,
        Some(_) | None => ContainerHealth::Unknown,
    }
}
