//! Scaling in is never begun by us while a deployment is under way.
//!
//! Application Auto Scaling itself pauses scaling in meanwhile; a maximum that is lowered across the count
//! would not wait for that, and the tasks that the deployment is judged by would be fewer half-way.
//! https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html

use super::change::{Change, Look};
use super::decide::{is_rejected, moving_deployment};
use super::{Action, AtOnce, Cause, Held, Kept, Quiet, Step, overriding};
use crate::model::{FieldPath, Json, tag};

/// Takes what would stop tasks out of a change, if a deployment is under way or begins with it. The rest goes
/// on; with no rest, the change is held.
pub(super) fn wait(look: Look<'_>, change: &mut Change) -> Option<Held> {
    let under_way = under_way(look);
    if under_way.is_none() && !change.starts_deployment() {
        return None;
    }
    // What an administrator asks for, a person asks for now.
    let asked = |one: &super::Difference| matches!(one.cause, Cause::Overridden(_));
    if change.differences.iter().any(asked) {
        return None;
    }
    let at_once = would_stop(look, &change.steps)?;
    let mut rest = change.steps.clone();
    let waiting = take_out(&mut rest);
    let is_more =
        |step: &Step| !matches!(step.action, Action::TagService { .. } | Action::UntagService { .. });
    if !rest.iter().any(is_more) {
        return Some(Held::ScaleIn { at_once, deployment: under_way.unwrap_or_default() });
    }
    change.steps = rest;
    let (waits, goes) = std::mem::take(&mut change.differences)
        .into_iter()
        .partition(|one| waiting.iter().any(|path| one.path.starts_with(path)));
    change.differences = goes;
    let tasks = at_once.tasks();
    let rule =
        format!("it would stop {tasks} of {} tasks during the deployment, and is put after it", at_once.from);
    change.quiet.extend(waits.into_iter().map(|one: super::Difference| Quiet {
        path: one.path,
        live: one.live,
        desired: one.desired,
        rule: rule.clone(),
        source: None,
        kept: Kept::AfterDeployment,
    }));
    None
}

/// The same for the steps of a roll-back: what is left out is put back when its deployment has completed.
pub(super) fn leave_out(look: Look<'_>, change: &mut Change) {
    let moves = look.live.service.present().and_then(moving_deployment).is_some();
    if (moves || change.starts_deployment()) && would_stop(look, &change.steps).is_some() {
        take_out(&mut change.steps);
    }
}

/// Whether Git's bounds of today were never put: a scale-in that waited, and no drift.
pub(super) fn waited(look: Look<'_>, path: &FieldPath) -> bool {
    let put = look.record.and_then(|record| record.scaling.as_ref()).and_then(|ours| ours.bounds);
    let wanted = look.desired.scaling.as_ref().map(|it| (it.min_capacity, it.max_capacity));
    overriding::BOUNDS.map(overriding::path).contains(path) && put.is_some() && put != wanted
}

fn under_way(look: Look<'_>) -> Option<String> {
    let service = look.live.service.present()?;
    if let Some(rollout) = look.record.and_then(|record| record.rollout.as_ref()) {
        return Some(rollout.deployment.clone().unwrap_or_default());
    }
    let moving = moving_deployment(service).filter(|moving| !is_rejected(look, *moving));
    moving.map(|moving| moving.id().to_owned())
}

/// What the steps would stop: by bounds, or where scaling ends and Git's own count comes back.
fn would_stop(look: Look<'_>, steps: &[Step]) -> Option<AtOnce> {
    let by_bounds = steps.iter().find_map(|step| match &step.action {
        Action::RegisterScalableTarget { at_once, .. } => at_once.filter(|it| it.stops_tasks()),
        _ => None,
    });
    let service = look.live.service.present()?;
    let ends = steps.iter().any(|step| matches!(step.action, Action::DeregisterScalableTarget));
    let (from, running) = (service.desired_count(), service.running_count());
    let by_count = steps.iter().filter(|_| ends).find_map(|step| match &step.action {
        Action::UpdateService { body, .. } => body["desiredCount"].as_i64(),
        _ => None,
    });
    let by_count = by_count.filter(|to| *to < from).map(|to| AtOnce { from, to, running });
    by_bounds.or(by_count)
}

/// Takes the steps out, and says which differences they would have removed.
fn take_out(steps: &mut Vec<Step>) -> Vec<FieldPath> {
    let count = FieldPath::root().field("service").field("desiredCount");
    let mut taken = Vec::new();
    let ends = steps.iter().any(|step| matches!(step.action, Action::DeregisterScalableTarget));
    steps.retain_mut(|step| match &mut step.action {
        Action::RegisterScalableTarget { .. } | Action::DeregisterScalableTarget => {
            taken.append(&mut step.because);
            false
        }
        // An override ends when its bounds do.
        Action::UntagService { keys } => !keys.iter().any(|key| key == tag::SCALING_OVERRIDE),
        Action::UpdateService { body, task_definition, .. } if ends && body.get("desiredCount").is_some() => {
            body.as_object_mut().map(|members| members.remove("desiredCount"));
            step.because.retain(|path| *path != count);
            taken.push(count.clone());
            task_definition.is_some() || changes_something(body)
        }
        _ => true,
    });
    taken
}

fn changes_something(body: &Json) -> bool {
    body.as_object()
        .is_some_and(|members| members.keys().any(|name| !["cluster", "service"].contains(&name.as_str())))
}
