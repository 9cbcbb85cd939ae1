//! The verdict on one run of a hook: whether it did its work, failed at it, or was kept from it.

use std::time::Duration;

use super::cause::{self, Cause, is_infrastructure};
use crate::model::{FailedHook, Failure, Gate, HookTask, OpenHook, StoppedContainer, StoppedTask, Timestamp};

/// A task that was told to stop and is not gone after this time is given up: ECS kills containers after
/// their `stopTimeout`, two minutes at most on Fargate.
const FAREWELL_MAX: Duration = Duration::from_secs(5 * 60);

/// What is to be said of a run of a hook.
#[derive(Clone, Debug, PartialEq)]
pub enum HookVerdict {
    /// It goes on.
    Running,
    /// It goes on for longer than it may.
    Late,
    /// Every container that counts exited 0.
    Succeeded,
    /// It ended by itself, and badly. Another try may end better.
    Failed(Box<Failure>),
    /// It will not end better however often it is tried.
    Hopeless(Box<Failure>),
    /// The infrastructure kept it from its work, or took it away from it.
    Interrupted { why: String },
}

/// Judges one run of a hook by its task.
pub fn judge_hook(open: &OpenHook, task: &HookTask, now: Timestamp) -> HookVerdict {
    match &task.stopped {
        Some(stopped) => ended(open, task, stopped, now),
        None => going_on(open, task, now),
    }
}

/// Why RunTask placed nothing, if it is the task's own fault: a constraint that no instance meets.
pub fn is_unplaceable(reason: &str) -> bool {
    reason == "ATTRIBUTE" || reason == "LOCATION" || reason.contains("constraint")
}

/// The report of a hook that has failed.
pub fn hook_failure(open: &OpenHook, cause: &str, task: Option<&HookTask>, now: Timestamp) -> Failure {
    let last_words = task.map(|task| task.last_words.clone()).unwrap_or_default();
    Failure {
        stopped_tasks: task.and_then(|task| task.stopped.clone()).into_iter().collect(),
        hook: Some(FailedHook { name: open.name.clone(), stage: open.stage, last_words }),
        ..Failure::new(now, Gate::Hook, format!("hook {}: {cause}", open.name))
    }
}

fn going_on(open: &OpenHook, task: &HookTask, now: Timestamp) -> HookVerdict {
    if let Some(stopped_at) = open.stopped_at.filter(|at| now.since(*at) >= FAREWELL_MAX) {
        let minutes = now.since(stopped_at).as_secs() / 60;
        let cause = format!("its task was told to stop {minutes} minutes ago and goes on");
        return HookVerdict::Hopeless(Box::new(hook_failure(open, &cause, Some(task), now)));
    }
    // By ECS's clock where it tells, so that a restart of this program gives nobody more time.
    let start = task.created_at.or(open.asked_at).unwrap_or(now);
    match now.since(start) >= open.timeout() && !task.stopping {
        true => HookVerdict::Late,
        false => HookVerdict::Running,
    }
}

fn ended(open: &OpenHook, task: &HookTask, stopped: &StoppedTask, now: Timestamp) -> HookVerdict {
    let failure = |cause: &str| Box::new(hook_failure(open, cause, Some(task), now));
    match stopped.stop_code.as_str() {
        "SpotInterruption" | "TerminationNotice" | "InfrastructureHealth" => {
            HookVerdict::Interrupted { why: cause::in_short(stopped) }
        }
        "UserInitiated" if open.stopped_at.is_some() => {
            let cause = format!("it did not end within {} and was stopped", spoken(open.timeout()));
            HookVerdict::Hopeless(failure(&cause))
        }
        "UserInitiated" => {
            let cause = format!("somebody stopped its task: {}", cause::quote(&stopped.stopped_reason));
            HookVerdict::Hopeless(failure(&cause))
        }
        "TaskFailedToStart" if !says_infrastructure(stopped) => {
            HookVerdict::Hopeless(failure(&cause_of(open, task, stopped)))
        }
        "TaskFailedToStart" => HookVerdict::Interrupted { why: cause::in_short(stopped) },
        _ if all_exited_0(open, stopped) => HookVerdict::Succeeded,
        _ if stopped.containers.iter().all(|container| container.exit_code.is_none()) => {
            // Nobody was there to see how it ended: the machine went away under it.
            HookVerdict::Interrupted { why: cause::in_short(stopped) }
        }
        _ => HookVerdict::Failed(failure(&cause_of(open, task, stopped))),
    }
}

fn all_exited_0(open: &OpenHook, stopped: &StoppedTask) -> bool {
    let exited_0 = |name: &String| {
        stopped.containers.iter().any(|container| container.name == *name && container.exit_code == Some(0))
    };
    !open.judged_by.is_empty() && open.judged_by.iter().all(exited_0)
}

fn says_infrastructure(stopped: &StoppedTask) -> bool {
    let reasons = stopped.containers.iter().filter_map(|container| container.reason.as_deref());
    std::iter::once(stopped.stopped_reason.as_str()).chain(reasons).any(is_infrastructure)
}

fn cause_of(open: &OpenHook, task: &HookTask, stopped: &StoppedTask) -> String {
    match cause::task(stopped) {
        Some(Cause::Exited { .. }) | None => exited(open, task, stopped),
        Some(cause) => cause.sentence(&[]),
    }
}

/// `container migrate exited 1; its last words: "relation \"jobs\" does not exist"`
fn exited(open: &OpenHook, task: &HookTask, stopped: &StoppedTask) -> String {
    let Some(blamed) = blamed(&open.judged_by, stopped) else {
        return cause::quote(stopped.stopped_reason.trim_end_matches('.'));
    };
    let what = match blamed.exit_code {
        Some(code @ (137 | 139 | 143 | 255)) => cause::exit(code),
        Some(code) => format!("exited {code}"),
        None => "never ran".to_owned(),
    };
    let words = match task.last_words.last() {
        Some(words) => format!("; its last words: \"{}\"", cause::quote(words)),
        None => String::new(),
    };
    format!("container {} {what}{words}", blamed.name)
}

/// The container to blame: of those that count the first that did not exit 0, else any that did not.
pub fn blamed<'a>(judged_by: &[String], stopped: &'a StoppedTask) -> Option<&'a StoppedContainer> {
    let counts = |container: &&StoppedContainer| judged_by.contains(&container.name);
    let badly = |container: &&StoppedContainer| !matches!(container.exit_code, None | Some(0));
    let all = || stopped.containers.iter();
    all()
        .filter(counts)
        .find(badly)
        .or_else(|| all().find(badly))
        .or_else(|| all().filter(counts).find(|container| container.exit_code != Some(0)))
}

/// `90 s`, `10 m`, as every window says it.
fn spoken(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} m", seconds / 60),
    }
}
