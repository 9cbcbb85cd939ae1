//! `bakeTime`: for so long after completion the other gates go on judging, and no task stops by its own fault.

use std::time::Duration;

use super::{Case, Opinion, spoken};
use crate::model::StoppedTask;
use crate::rollout::cause::{self, Cause};
use crate::rollout::diagnose::{bad_tasks, summary};

/// Of so many tasks one may stop without a verdict: fleets always lose some.
const TASKS_FOR_ONE: i64 = 10;

pub(super) fn judge(case: &Case<'_>, bakes: Duration) -> Opinion {
    let end = case.counted_from().plus(bakes);
    let stopped: Vec<&StoppedTask> = bad_tasks(case.live, case.rollout)
        .into_iter()
        .filter(|task| (case.completed_at..=end).contains(&task.stopped_at))
        .filter(|task| !cause::task(task).is_some_and(|cause: Cause| cause.is_transient()))
        .collect();
    let stopped = if planted!("bakes-unwatched") { Vec::new() } else { stopped };
    let tasks = case.live.service.present().map_or(1, |service| service.desired_count());
    let allowed = usize::try_from((tasks - 1).max(0) / TASKS_FOR_ONE).unwrap_or_default();
    if stopped.len() > allowed {
        let figures = format!("{} within {} of bake time", summary(&stopped), spoken(bakes));
        return Opinion::Fail { figures };
    }
    match case.now >= end {
        true => Opinion::Pass,
        false => Opinion::Wait { sentence: format!("bakes until {}", end.time_of_day()), until: Some(end) },
    }
}
