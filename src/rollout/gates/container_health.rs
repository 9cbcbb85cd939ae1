//! `containerHealth`: every task of our deployment is HEALTHY by its containers' own checks, without a break.

use std::time::Duration;

use super::{Case, Health, Opinion, healthy_since, judge_health, remember_health};
use crate::model::{GateNote, Part, RunningTask};

pub(super) fn judge(case: &Case<'_>, place: usize, minimum: Duration) -> Opinion {
    // A task that is younger than the last look that found all healthy was not among them.
    let youngest = ours(case).filter_map(|task| task.started_at).max();
    let since = healthy_since(case, place);
    let youngest = youngest.filter(|_| !planted!("health-of-the-one-before-counts"));
    let since = youngest.map_or(since, |at| at.max(since));
    judge_health(case, look(case), since, minimum, "all tasks are")
}

pub(super) fn remember(case: &Case<'_>, place: usize) -> Option<GateNote> {
    remember_health(case.note(place), &look(case), None, case.now)
}

fn ours<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a RunningTask> {
    let deployment = case.rollout.deployment.as_deref();
    let tasks = match &case.live.gates.tasks {
        Some(Part::Present(tasks)) => tasks.as_slice(),
        Some(Part::Absent | Part::Unreadable(_)) | None => &[],
    };
    tasks.iter().filter(move |task| deployment.is_none_or(|id| task.started_by == id))
}

fn look(case: &Case<'_>) -> Health {
    match &case.live.gates.tasks {
        Some(Part::Present(_)) => {}
        Some(Part::Unreadable(why)) => {
            return Health::Unknown(format!("the tasks' health can't be read: {why}"));
        }
        Some(Part::Absent) | None => return Health::Unknown("the tasks' health was not read".to_owned()),
    }
    let wanted = case.live.service.present().map_or(0, |service| service.desired_count());
    let wanted = usize::try_from(wanted).unwrap_or_default();
    let count = |health: &str| ours(case).filter(|task| task.health == health).count();
    let (all, healthy) = (ours(case).count(), count("HEALTHY"));
    if healthy == all && all >= wanted {
        return Health::Whole;
    }
    let mut parts = vec![format!("{healthy} of {} tasks are HEALTHY", all.max(wanted))];
    parts.extend(["UNHEALTHY", "UNKNOWN"].into_iter().filter_map(|health| match count(health) {
        0 => None,
        number => Some(format!("{number} {health}")),
    }));
    Health::Broken(parts.join(", "))
}
