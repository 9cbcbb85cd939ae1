//! `targetHealth`: every target of our deployment is healthy to its load balancer, without a break.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Case, Health, Opinion, healthy_since, judge_health, remember_health};
use crate::model::{GateNote, LiveTarget, Part, RunningTask, Timestamp};
use crate::rollout::cause;
use crate::rollout::diagnose::our_events;

pub(super) fn judge(case: &Case<'_>, place: usize, minimum: Duration) -> Opinion {
    judge_health(case, look(case), healthy_since(case, place), minimum, "all targets are")
}

pub(super) fn remember(case: &Case<'_>, place: usize) -> Option<GateNote> {
    let since = healthy_since(case, place);
    remember_health(case.note(place), &look(case), newest_break(case).filter(|at| *at > since), case.now)
}

fn look(case: &Case<'_>) -> Health {
    if case.live.service.present().is_some_and(|service| service.desired_count() == 0) {
        return Health::Whole;
    }
    let targets = match &case.live.gates.targets {
        Some(Part::Present(targets)) => targets,
        Some(Part::Unreadable(why)) => {
            return Health::Unknown(format!("target health can't be read: {why}"));
        }
        Some(Part::Absent) | None => return Health::Unknown("target health was not read".to_owned()),
    };
    let tasks = match &case.live.gates.tasks {
        Some(Part::Present(tasks)) => tasks.as_slice(),
        Some(Part::Unreadable(why)) => {
            return Health::Unknown(format!("the tasks behind the targets can't be read: {why}"));
        }
        Some(Part::Absent) | None => &[],
    };
    let ours = ours(targets, tasks, case.rollout.deployment.as_deref());
    let healthy = ours.iter().filter(|state| **state == "healthy").count();
    match ours.len() {
        0 => Health::Broken("no target of the deployment is there".to_owned()),
        all if healthy == all => Health::Whole,
        all => Health::Broken(format!("{healthy} of {all} targets are healthy")),
    }
}

/// The state of each target that a task of ours should be. A task without an address of its own is known by its
/// instance only: then all targets count, but for those on their way out.
fn ours<'a>(targets: &'a [LiveTarget], tasks: &[RunningTask], deployment: Option<&str>) -> Vec<&'a str> {
    planted!("targets-of-others-count" => return targets.iter().map(|target| target.state.as_str()).collect());
    let mine = tasks.iter().filter(|task| deployment.is_none_or(|id| task.started_by == id));
    let mine: Vec<&RunningTask> = mine.filter(|task| !task.addresses.is_empty()).collect();
    if mine.is_empty() {
        let here = targets.iter().filter(|target| !matches!(target.state.as_str(), "draining" | "unused"));
        return here.map(|target| target.state.as_str()).collect();
    }
    let groups: BTreeSet<&str> = targets.iter().map(|target| target.target_group.as_str()).collect();
    let state = |group: &str, task: &RunningTask| {
        let is_its = |target: &&LiveTarget| {
            let host = target.target.rsplit_once(':').map_or(target.target.as_str(), |(host, _)| host);
            target.target_group == group && task.addresses.iter().any(|address| address == host)
        };
        targets.iter().find(is_its).map_or("missing", |target| target.state.as_str())
    };
    groups.iter().flat_map(|group| mine.iter().map(|task| state(group, task))).collect()
}

/// ECS tells of a target that it took out for its health, with the time.
fn newest_break(case: &Case<'_>) -> Option<Timestamp> {
    let service = case.live.service.present()?;
    let told = our_events(service, case.rollout).filter(|(_, message)| cause::told_target(message).is_some());
    told.filter_map(|(at, _)| at).max()
}
