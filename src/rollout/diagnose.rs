//! What a failed rollout leaves behind for the person on call: the evidence and the likely cause.

use super::cause::{self, Cause};
use super::find::{not_before, our_service_deployment, ours};
use super::stages;
use crate::model::{
    ChangedField, EcsService, Failure, Gate, Json, LiveService, Rollout, StoppedTask, Timestamp,
};

/// Events kept in a report.
const EVENTS_MAX: usize = 5;

/// Gathers what AWS shows of a failed rollout, and says in one sentence what probably happened.
pub fn diagnose(live: &LiveService, rollout: &Rollout, gate: Gate, now: Timestamp) -> Failure {
    let figures = figures(live, rollout, gate, now);
    report(live, rollout, gate, figures, now)
}

/// The same for a gate of `rollout.gates`, with what it measured.
pub(super) fn diagnose_gate(
    live: &LiveService,
    rollout: &Rollout,
    gate: Gate,
    figures: String,
    now: Timestamp,
) -> Failure {
    report(live, rollout, gate, Some(figures), now)
}

fn report(
    live: &LiveService,
    rollout: &Rollout,
    gate: Gate,
    figures: Option<String>,
    now: Timestamp,
) -> Failure {
    let stopped = bad_tasks(live, rollout);
    let told = || {
        let service = live.service.present().into_iter();
        service.flat_map(|service| our_events(service, rollout)).map(|(_, message)| message)
    };
    let unhealthy_targets = match live.unhealthy_targets.as_slice() {
        [] => told().filter_map(cause::told_target).collect(),
        seen => seen.to_vec(),
    };
    let events: Vec<String> =
        told().filter(|message| !is_routine(message)).take(EVENTS_MAX).map(str::to_owned).collect();
    let blamed = blamed(live, rollout, gate, now);
    let causes: Vec<Cause> = stopped.iter().filter_map(|task| cause::task(task)).collect();
    let cause = commonest(&causes)
        .cloned()
        .or_else(|| unhealthy_targets.first().map(|_| Cause::LoadBalancerHealth { target_group: None }))
        .or_else(|| events.iter().find_map(|event| cause::event(event)));
    let likely_cause = match (&cause, &figures) {
        _ if blamed.is_some() => blamed.clone().unwrap_or_default(),
        // What an alarm or a URL says is about what the service does, and tasks may stop beside it.
        (_, Some(figures)) if matches!(gate, Gate::Alarms | Gate::Http) && stopped.is_empty() => {
            figures.clone()
        }
        (Some(cause), _) => cause.sentence(&unhealthy_targets),
        (None, Some(figures)) if gate.judges_what_completed() => figures.clone(),
        (None, _) => last_resort(live, rollout, gate, now),
    };
    let likely_cause = match cause.as_ref().and_then(|cause| blame(cause, &rollout.changes)) {
        Some(changed) => format!("{likely_cause}; {changed}"),
        None => likely_cause,
    };
    // One task that failed by its own fault is enough to doubt the content.
    let transient = cause.is_some_and(|it| it.is_transient())
        && causes.iter().all(Cause::is_transient)
        && looks_at_tasks(gate);
    Failure {
        transient,
        figures,
        changes: rollout.changes.clone(),
        stopped_tasks: stopped.into_iter().cloned().collect(),
        unhealthy_targets,
        events,
        ..Failure::new(now, gate, likely_cause)
    }
    .bounded()
}

/// What ECS tells of any deployment, also of one that does well.
fn is_routine(message: &str) -> bool {
    const ROUTINE: [&str; 6] = [
        " has started ",
        " has stopped ",
        " has begun draining connections",
        " registered ",
        " deregistered ",
        "deployment completed",
    ];
    ROUTINE.iter().any(|words| message.contains(words))
}

/// What the judge counted.
fn figures(live: &LiveService, rollout: &Rollout, gate: Gate, now: Timestamp) -> Option<String> {
    let ours = live.service.present().and_then(|service| ours(rollout, service))?;
    match gate {
        Gate::Deadline => {
            if let Some(staged) = stages::ours(rollout, live).filter(|it| it.green.is_up()) {
                let state = stages::state_text(staged, live.target_health);
                let spent = now.since(ours.created_at().unwrap_or(rollout.started_at)).as_secs() / 60;
                return Some(format!("{state}, still at {} after {spent} m", staged.stage));
            }
            let up = format!("{} of {} new tasks up", ours.running_count(), ours.desired_count());
            let after = now.since(ours.created_at().unwrap_or(rollout.started_at)).as_secs() / 60;
            Some(format!("{up} after {after} m"))
        }
        Gate::EcsCircuitBreaker => match ours.failed_tasks() {
            0 => None,
            1 => Some("1 failed task".to_owned()),
            failed => Some(format!("{failed} failed tasks")),
        },
        _ => None,
    }
}

/// What this commit changed that goes with the cause, if anything does: `this commit changed image "w:1" -> "w:2"`.
fn blame(cause: &Cause, changes: &[ChangedField]) -> Option<String> {
    const NAMED_MAX: usize = 2;
    let fits = |change: &&ChangedField| {
        cause.suspects().iter().any(|suspect| change.path.split(['.', '[', ']']).any(|part| part == *suspect))
    };
    let named: Vec<String> = changes
        .iter()
        .filter(|change| change.rotated.is_none())
        .filter(fits)
        .take(NAMED_MAX)
        .map(|change| format!("{} {}", change.name(), change.change))
        .collect();
    if !named.is_empty() {
        return Some(format!("this commit changed {}", named.join(" and ")));
    }
    // A version that no commit brought may be to blame for whatever a container does.
    let rotated: Vec<&str> =
        changes.iter().filter_map(|change| change.rotated.as_deref()).take(NAMED_MAX).collect();
    (!rotated.is_empty())
        .then(|| format!("new since the deployment before: the version of {}", rotated.join(" and ")))
}

/// What a judge says that does not look at tasks.
fn blamed(live: &LiveService, rollout: &Rollout, gate: Gate, now: Timestamp) -> Option<String> {
    match gate {
        Gate::EcsAlarms | Gate::LifecycleHook => {
            stages::ours(rollout, live).map(|it| stages::blamed(it, now).1)
        }
        Gate::StoppedByHand => Some(stages::STOPPED_BY_HAND.to_owned()),
        Gate::EcsCircuitBreaker
        | Gate::Deadline
        | Gate::Superseded
        | Gate::RefusedByAws
        | Gate::TargetHealth
        | Gate::ContainerHealth
        | Gate::Alarms
        | Gate::Http
        | Gate::BakeTime
        | Gate::Hook
        | Gate::Person => None,
    }
}

/// Whether what became of tasks and targets is all that it judges by. The others say of the content, or of a
/// person's wish, what no other try changes.
fn looks_at_tasks(gate: Gate) -> bool {
    match gate {
        Gate::EcsCircuitBreaker
        | Gate::Deadline
        | Gate::TargetHealth
        | Gate::ContainerHealth
        | Gate::BakeTime => true,
        Gate::EcsAlarms
        | Gate::LifecycleHook
        | Gate::StoppedByHand
        | Gate::Superseded
        | Gate::RefusedByAws
        | Gate::Alarms
        | Gate::Http
        | Gate::Hook
        | Gate::Person => false,
    }
}

/// Tasks of our deployment that did not stop because somebody wanted fewer of them.
pub(super) fn bad_tasks<'a>(live: &'a LiveService, rollout: &Rollout) -> Vec<&'a StoppedTask> {
    let service = live.service.present();
    let id = rollout
        .deployment
        .clone()
        .or_else(|| service.and_then(|service| ours(rollout, service)).map(|one| one.id().to_owned()));
    live.stopped_tasks
        .iter()
        .filter(|task| match &id {
            Some(id) => task.started_by == *id,
            None => task.stopped_at >= not_before(rollout),
        })
        .filter(|task| {
            !task.stopped_reason.starts_with("Scaling activity initiated by")
                && task.stop_code != "UserInitiated"
        })
        .collect()
}

/// `3 tasks stopped: exit 137, OutOfMemoryError`
pub(super) fn summary(stopped: &[&StoppedTask]) -> String {
    let noun = if stopped.len() == 1 { "task" } else { "tasks" };
    let newest = stopped.first().map(|task| cause::facts(task)).unwrap_or_default();
    format!("{} {noun} stopped: {newest}", stopped.len())
}

/// The cause that most tasks share; of equally common ones, the newest.
fn commonest(causes: &[Cause]) -> Option<&Cause> {
    let count = |cause: &Cause| causes.iter().filter(|other| other.kind() == cause.kind()).count();
    let most = causes.iter().map(count).max()?;
    causes.iter().find(|cause| count(cause) == most)
}

/// The newest events of our deployment, or of no deployment in particular, since it started.
pub(super) fn our_events<'a>(
    service: &'a EcsService,
    rollout: &'a Rollout,
) -> impl Iterator<Item = (Option<Timestamp>, &'a str)> {
    let at = |event: &Json| event["createdAt"].as_f64().map(Timestamp::from_seconds);
    let start = not_before(rollout);
    let is_ours = |message: &str| match (message.split_once("ecs-svc/"), &rollout.deployment) {
        (Some((_, rest)), Some(ours)) => {
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            ours.ends_with(&format!("/{number}"))
        }
        (Some(_), None) | (None, _) => true,
    };
    service.0["events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(move |event| at(event).is_none_or(|at| at >= start))
        .filter_map(move |event| Some((at(event), event["message"].as_str()?)))
        .filter(move |(_, message)| is_ours(message) && !message.contains("has reached a steady state"))
}

fn last_resort(live: &LiveService, rollout: &Rollout, gate: Gate, now: Timestamp) -> String {
    let service = live.service.present();
    let staged = stages::ours(rollout, live).filter(|staged| staged.green.is_up());
    if let (Gate::Deadline, Some(staged)) = (gate, staged) {
        let doing = stages::doing(staged, rollout.course.as_ref(), now);
        return match doing {
            Some(doing) => format!("it took too long: {doing}"),
            None => format!("it took too long, and was still at {}", staged.stage),
        };
    }
    let reason = service
        .and_then(|service| our_service_deployment(rollout, service, live))
        .map(|one| one.status_reason.clone())
        .or_else(|| {
            let ours = service.and_then(|service| ours(rollout, service))?;
            Some(ours.rollout_state_reason().to_owned())
        })
        .filter(|reason| !reason.is_empty() && !reason.contains("in progress"));
    if let Some(reason) = reason {
        return reason.trim_end_matches('.').to_owned();
    }
    match (gate, service.and_then(|service| ours(rollout, service))) {
        (Gate::Deadline, Some(ours)) => format!(
            "only {} of {} new tasks came up in time, and AWS shows no reason",
            ours.running_count(),
            ours.desired_count()
        ),
        (Gate::Deadline, None) => "AWS never showed the deployment".to_owned(),
        (Gate::EcsCircuitBreaker, _) => {
            "ECS gave up on the deployment; its tasks are no longer shown".to_owned()
        }
        (Gate::EcsAlarms, _) => "an alarm of the deployment rang".to_owned(),
        (Gate::LifecycleHook, _) => "a lifecycle hook failed".to_owned(),
        (Gate::StoppedByHand, _) => stages::STOPPED_BY_HAND.to_owned(),
        (Gate::Superseded, _) => "another deployment replaced it".to_owned(),
        (Gate::RefusedByAws, _) => "AWS refused it".to_owned(),
        (Gate::Hook, _) => "a hook failed".to_owned(),
        (Gate::Person, _) => "a person took it back".to_owned(),
        (Gate::TargetHealth | Gate::ContainerHealth | Gate::Alarms | Gate::Http | Gate::BakeTime, _) => {
            format!("the gate `{}` did not let it pass", gate.field())
        }
    }
}
