//! The report of a failed rollout: what runs now, why it failed, and the evidence.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::paint::{count, cut, plain, span};
use super::requests::quarantine_headline;
use super::value::change;
use crate::model::{
    Again, ChangedField, Failure, Gate, HookStage, Quarantine, ServiceKey, StoppedTask, TaskDefinitionArn,
    Timestamp,
};
use crate::plan::{Cause, Difference};

/// Changed fields that are named on one line.
const FIELDS_NAMED_MAX: usize = 4;
/// Characters of a line that a container wrote.
const LAST_LINE_MAX: usize = 160;
/// Lines of a hook's log that are told.
const LAST_WORDS_MAX: usize = 5;
/// Distinct ways in which tasks stopped, or targets are unhealthy, that are told.
const KINDS_MAX: usize = 3;

/// What the service runs after its rollout failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aftermath {
    /// It is back on the revision that completed last.
    RunsAgain { task_definition: TaskDefinitionArn, healthy: i64, desired: i64 },
    /// The way back has begun.
    GoingBack { to: TaskDefinitionArn },
    /// A hook said no before anything was changed.
    Untouched { task_definition: TaskDefinitionArn, healthy: i64, desired: i64 },
    /// There is nothing to go back to, or the manifest says `onFailure: hold`.
    Stays { why: String },
}

/// The report, as it is told to people: the first line says what is, the rest why. `commit`: as people know it,
/// `main@4c1f9e2`.
pub fn failure_text(
    service: &ServiceKey,
    commit: &str,
    quarantine: &Quarantine,
    aftermath: &Aftermath,
) -> String {
    let failure = &quarantine.failure;
    let what = match (&failure.hook, failure.gate) {
        (Some(hook), _) if hook.stage == HookStage::Before => {
            format!("was not deployed with {commit}, because {} failed", hook.name)
        }
        (Some(hook), _) => format!("did not pass {} with {commit}", hook.name),
        (None, Gate::Person) => format!("was taken back from {commit}"),
        (None, gate) if gate.judges_what_completed() => {
            format!("did not pass the gate `{}` with {commit}", gate.field())
        }
        (None, gate) => without_gates(gate, failure, commit),
    };
    let mut text = format!("{service} {what}. {}\n\n", aftermath.sentence());
    for (name, value) in failure_rows(service, quarantine) {
        let _ = writeln!(text, "  {name:<13}  {value}");
    }
    text
}

/// What became of a deployment that none of `rollout.gates` refused. Only where tasks or targets were seen to
/// fail did it not come up.
fn without_gates(gate: Gate, failure: &Failure, commit: &str) -> String {
    match gate {
        Gate::EcsAlarms => format!("set off an alarm of its deployment with {commit}"),
        Gate::LifecycleHook => format!("did not get past a lifecycle hook with {commit}"),
        Gate::StoppedByHand => format!("was stopped by hand on its way to {commit}"),
        Gate::Superseded => format!("was deployed by somebody else, over {commit}"),
        Gate::RefusedByAws => format!("was not deployed with {commit}: AWS refuses a call"),
        Gate::Deadline if failure.stopped_tasks.is_empty() && failure.unhealthy_targets.is_empty() => {
            format!("was not deployed in time with {commit}")
        }
        Gate::Deadline
        | Gate::EcsCircuitBreaker
        | Gate::Person
        | Gate::Hook
        | Gate::TargetHealth
        | Gate::ContainerHealth
        | Gate::Alarms
        | Gate::Http
        | Gate::BakeTime => format!("did not come up with {commit}"),
    }
}

/// What is known of a failure, row by row, in the order in which a person on call needs it.
pub(super) fn failure_rows(service: &ServiceKey, quarantine: &Quarantine) -> Vec<(&'static str, String)> {
    let failure = &quarantine.failure;
    let why = if failure.gate == Gate::Person { "reason" } else { "likely cause" };
    let mut rows = vec![(why, plain(&failure.likely_cause))];
    if !failure.changes.is_empty() {
        rows.push(("what changed", changes(&failure.changes)));
    }
    let seen = stopped(&failure.stopped_tasks).into_iter().chain(unhealthy(failure));
    rows.extend(seen.map(|line| ("what we saw", line)));
    rows.extend(last_lines(failure).into_iter().map(|line| ("last words", line)));
    if let Some(event) = failure.events.first() {
        rows.push(("ECS says", plain(event)));
    }
    match &quarantine.by {
        Some(by) => rows.push(("by", format!("{}, {}", plain(by), failure.at.minute()))),
        None => {
            let figures = failure.figures.iter().filter(|figures| **figures != failure.likely_cause);
            let gate: Vec<String> =
                std::iter::once(failure.gate.to_string()).chain(figures.map(|it| plain(it))).collect();
            rows.push(("gate", format!("{}, {}", gate.join(", "), failure.at.minute())));
        }
    }
    if !quarantine.values.is_empty() {
        let what =
            "going back does not bring an older version back: tasks that start from now on get the new one";
        rows.push(("secrets", what.to_owned()));
    }
    rows.push(("next", next(service, quarantine)));
    rows
}

/// The last lines of the container to blame, with its name.
fn last_lines(failure: &Failure) -> Vec<String> {
    let Some((container, line)) = last_words(failure) else { return Vec::new() };
    let of_hook = failure.hook.as_ref().map(|hook| hook.last_words.as_slice()).unwrap_or_default();
    let lines = match of_hook {
        [_, _, ..] => of_hook,
        [] | [_] => words_of(failure, container),
    };
    if lines.len() < 2 {
        return vec![format!("{container}  {line}")];
    }
    let newest = &lines[lines.len().saturating_sub(LAST_WORDS_MAX)..];
    newest.iter().map(|line| format!("{container}  {}", cut(&plain(line), LAST_LINE_MAX))).collect()
}

fn words_of<'a>(failure: &'a Failure, container: &str) -> &'a [String] {
    let containers = failure.stopped_tasks.iter().flat_map(|task| &task.containers);
    let mut named = containers.filter(|it| it.name == container && it.last_line().is_some());
    named.next().map(|it| it.last_lines.as_slice()).unwrap_or_default()
}

impl Aftermath {
    fn sentence(&self) -> String {
        match self {
            Self::RunsAgain { task_definition, healthy, desired } => {
                format!("It runs {task_definition} again, {healthy} of {desired} healthy.")
            }
            Self::GoingBack { to } => format!("It is going back to {to}, the last that completed."),
            Self::Untouched { task_definition, healthy, desired } => {
                format!("It runs {task_definition} as before, {healthy} of {desired} healthy.")
            }
            Self::Stays { why } => format!("It stays as it is: {why}."),
        }
    }
}

/// What a rollout changes, for the ledger: the first few, and nothing that may be secret.
pub fn changed_fields(differences: &[Difference]) -> Vec<ChangedField> {
    const KEPT_MAX: usize = 6;
    let field = |difference: &Difference| ChangedField {
        path: difference.path.to_string(),
        change: change(difference),
        file: difference.origin.as_ref().map(|origin| origin.file.to_string()),
        rotated: match &difference.cause {
            Cause::NewVersion(title) => Some(title.clone()),
            _ => None,
        },
    };
    differences.iter().take(KEPT_MAX).map(field).collect()
}

/// The whole path stands in the plan; here its last part is enough to recognise it.
fn changes(changes: &[ChangedField]) -> String {
    let named = changes.iter().take(FIELDS_NAMED_MAX);
    let name =
        |it: &ChangedField| it.rotated.as_ref().map_or_else(|| it.name().to_owned(), |title| plain(title));
    let mut parts: Vec<String> = named.map(|it| format!("{} {}", name(it), plain(&it.change))).collect();
    if changes.len() > FIELDS_NAMED_MAX {
        parts.push("and more".to_owned());
    }
    parts.join(", ")
}

/// `3 tasks stopped in 86 s: worker exited 137, OutOfMemoryError: …`, one line per distinct end.
fn stopped(tasks: &[StoppedTask]) -> Vec<String> {
    let mut kinds: BTreeMap<String, Vec<&StoppedTask>> = BTreeMap::new();
    for task in tasks {
        kinds.entry(end_of(task)).or_default().push(task);
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, tasks)| std::cmp::Reverse(tasks.len()));
    let line = |(end, tasks): (String, Vec<&StoppedTask>)| {
        let known = |at: &Timestamp| *at > Timestamp::default();
        let times = || tasks.iter().map(|task| task.stopped_at).filter(known);
        let within = match (times().min(), times().max()) {
            (Some(first), Some(last)) if last > first => format!(" in {}", span(last.since(first))),
            _ => String::new(),
        };
        format!("{} stopped{within}: {end}", count(tasks.len(), "task"))
    };
    kinds.into_iter().take(KINDS_MAX).map(line).collect()
}

fn end_of(task: &StoppedTask) -> String {
    // A container that was killed because another one ended is not the cause.
    let culprit = task.containers.iter().find(|container| {
        container.exit_code.is_some_and(|code| code != 0 && code != 143) || container.reason.is_some()
    });
    let Some(container) = culprit else { return plain(&task.stopped_reason) };
    let exit = container.exit_code.map(|code| format!("{} exited {code}", container.name));
    let reason = container.reason.as_ref().map(|reason| plain(reason));
    match (exit, reason) {
        (Some(exit), Some(reason)) => format!("{exit}, \"{reason}\""),
        (Some(exit), None) => exit,
        (None, Some(reason)) => format!("{}: \"{reason}\"", container.name),
        (None, None) => plain(&task.stopped_reason),
    }
}

fn unhealthy(failure: &Failure) -> Vec<String> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for target in &failure.unhealthy_targets {
        *kinds.entry(format!("{} ({})", plain(&target.description), target.reason)).or_default() += 1;
    }
    let line = |(what, number): (String, usize)| format!("{} unhealthy: {what}", count(number, "target"));
    kinds.into_iter().take(KINDS_MAX).map(line).collect()
}

/// The newest line that a container of a stopped task wrote.
pub(super) fn last_words(failure: &Failure) -> Option<(&str, String)> {
    let newest = failure.stopped_tasks.iter().rev().max_by_key(|task| task.stopped_at);
    let all = newest.into_iter().chain(&failure.stopped_tasks);
    let container =
        all.flat_map(|task| &task.containers).find(|container| container.last_line().is_some())?;
    let line = cut(&plain(container.last_line()?), LAST_LINE_MAX);
    Some((&container.name, line))
}

fn next(service: &ServiceKey, quarantine: &Quarantine) -> String {
    let failure = &quarantine.failure;
    if !quarantine.values.is_empty() && quarantine.again.is_none() {
        return format!(
            "put the secret right: its next version is rolled out; or `reconciler retry {}`",
            service.name()
        );
    }
    let fix = match failure.changes.iter().find_map(|change| change.file.as_ref()) {
        Some(file) => format!("commit a change to {file}"),
        None => format!("commit a change of {service}"),
    };
    let retry = format!("`reconciler retry {}`", service.name());
    match (&quarantine.again, failure.transient) {
        (Some(Again { by: Some(_), .. }), _) => quarantine_headline(quarantine),
        (Some(_), _) => format!("{}; to try now: {retry}, or {fix}", quarantine_headline(quarantine)),
        (None, true) => format!("nothing in Git seems to be wrong: {retry}, or {fix}"),
        (None, false) => format!("{fix}, or {retry}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::{FailedHook, UnhealthyTarget};
    use crate::report::example;

    fn held(failure: &Failure) -> Quarantine {
        Quarantine { failure: failure.clone(), ..example::quarantine("job-worker") }
    }

    #[test]
    fn a_failure_is_reported_from_what_runs_to_what_to_do() {
        let aftermath =
            Aftermath::RunsAgain { task_definition: example::arn("job-worker:41"), healthy: 3, desired: 3 };
        let text = failure_text(
            &ServiceKey::new("job-worker"),
            "main@4c1f9e2",
            &held(&Failure { changes: changed_fields(&example::worker_differences()), ..example::failure() }),
            &aftermath,
        );
        insta::assert_snapshot!(text, @r#"
        job-worker did not come up with main@4c1f9e2. It runs job-worker:41 again, 3 of 3 healthy.

          likely cause   container worker exited 137: out of memory
          what changed   BATCH (absent) -> "20", API_TOKEN (changed, not shown), memory 1024 -> 2048
          what we saw    3 tasks stopped in 86 s: worker exited 137, "OutOfMemoryError: Container killed due to memory usage"
          last words     worker  loading batch of 20
          ECS says       (service job-worker) deployment ecs-svc/3081 deployment failed: tasks failed to start.
          gate           ECS circuit breaker, 2026-11-20 21:05
          next           commit a change to manifests/overlays/production/worker.yaml, or `reconciler retry job-worker`
        "#);
    }

    #[test]
    fn a_hook_that_said_no_is_named_with_its_last_words() {
        let hook = FailedHook {
            name: "migrate".to_owned(),
            stage: HookStage::Before,
            last_words: vec![
                "adding column priority".to_owned(),
                "relation \"jobs\" does not exist".to_owned(),
            ],
        };
        let mut failure = Failure {
            gate: Gate::Hook,
            likely_cause: "hook migrate: container worker exited 137".to_owned(),
            events: Vec::new(),
            hook: Some(hook),
            ..example::failure()
        };
        failure.stopped_tasks.truncate(1);
        let api = ServiceKey::new("job-api");
        let aftermath =
            Aftermath::Untouched { task_definition: example::arn("job-api:41"), healthy: 3, desired: 3 };
        let text = failure_text(&api, "main@4c1f9e2", &held(&failure), &aftermath);
        insta::assert_snapshot!(text, @r#"
        job-api was not deployed with main@4c1f9e2, because migrate failed. It runs job-api:41 as before, 3 of 3 healthy.

          likely cause   hook migrate: container worker exited 137
          what we saw    1 task stopped: worker exited 137, "OutOfMemoryError: Container killed due to memory usage"
          last words     worker  adding column priority
          last words     worker  relation "jobs" does not exist
          gate           hook, 2026-11-20 21:05
          next           commit a change of job-api, or `reconciler retry job-api`
        "#);
        failure.hook.as_mut().unwrap().stage = HookStage::After;
        let aftermath = Aftermath::GoingBack { to: example::arn("job-api:41") };
        let text = failure_text(&api, "main@4c1f9e2", &held(&failure), &aftermath);
        assert!(
            text.starts_with("job-api did not pass migrate with main@4c1f9e2. It is going back"),
            "{text}"
        );
    }

    #[test]
    fn the_first_line_says_who_stopped_it_and_only_what_did_not_come_up_did_not() {
        let first_line = |gate: Gate, failure: Failure| {
            let aftermath = Aftermath::GoingBack { to: example::arn("api:41") };
            let text = failure_text(
                &ServiceKey::new("api"),
                "main@1",
                &held(&Failure { gate, ..failure }),
                &aftermath,
            );
            text.split(". It is").next().unwrap_or_default().to_owned()
        };
        let nothing_seen = || Failure { stopped_tasks: Vec::new(), ..example::failure() };
        for (gate, line) in [
            (Gate::EcsAlarms, "api set off an alarm of its deployment with main@1"),
            (Gate::LifecycleHook, "api did not get past a lifecycle hook with main@1"),
            (Gate::StoppedByHand, "api was stopped by hand on its way to main@1"),
            (Gate::RefusedByAws, "api was not deployed with main@1: AWS refuses a call"),
            (Gate::Deadline, "api was not deployed in time with main@1"),
            (Gate::EcsCircuitBreaker, "api did not come up with main@1"),
            (Gate::Http, "api did not pass the gate `http` with main@1"),
            (Gate::Person, "api was taken back from main@1"),
        ] {
            assert_eq!(first_line(gate, nothing_seen()), line);
        }
        assert_eq!(first_line(Gate::Deadline, example::failure()), "api did not come up with main@1");
    }

    #[test]
    fn unhealthy_targets_are_counted_by_reason() {
        let target = |number: i32| UnhealthyTarget {
            target_group: "jobs".to_owned(),
            target: format!("10.0.0.{number}:8080"),
            reason: "Target.ResponseCodeMismatch".to_owned(),
            description: "Health checks failed with these codes: [500]".to_owned(),
        };
        let failure = Failure {
            stopped_tasks: Vec::new(),
            unhealthy_targets: vec![target(1), target(2)],
            ..example::failure()
        };
        let why = "there is no revision that ever completed".to_owned();
        let text = failure_text(
            &ServiceKey::new("job-api"),
            "main@4c1f9e2",
            &held(&failure),
            &Aftermath::Stays { why },
        );
        assert!(
            text.contains("2 targets unhealthy: Health checks failed with these codes: [500] (Target.Resp"),
            "{text}"
        );
        assert!(!text.contains("what changed") && !text.contains("last words"), "{text}");
    }
}
