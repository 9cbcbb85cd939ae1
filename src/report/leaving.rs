//! The end of a service that left Git, in words.

use super::held::HeldText;
use super::paint::{count, plain};
use super::sentence::held_sentence;
use super::steps::step_text;
use crate::model::{Revision, Timestamp, Workload};
use crate::plan::{Action, Decision, LeftGit, PruneBy, ServicePlan, Step};

/// How it stands with the end of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Something is left to do, or to wait for.
    Going,
    Held,
    LeftInPlace,
}

impl Stage {
    pub(super) fn of(plan: &ServicePlan) -> Self {
        match &plan.decision {
            Decision::Change { .. } => Stage::Going,
            Decision::Held { .. } => Stage::Held,
            Decision::Unchanged => Stage::LeftInPlace,
        }
    }

    /// As JSON has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Stage::Going => "going",
            Stage::Held => "held",
            Stage::LeftInPlace => "leftInPlace",
        }
    }
}

/// `4c1f9e2`
fn commit(left: &LeftGit) -> String {
    let revision = Revision {
        id: left.revision.clone(),
        branch: String::new(),
        author: String::new(),
        subject: String::new(),
        committed_at: Timestamp(0),
    };
    revision.to_string()
}

/// What `plan` says behind the service's name.
pub(super) fn headline(plan: &ServicePlan, left: &LeftGit) -> String {
    let commit = commit(left);
    match &plan.decision {
        Decision::Change { .. } => format!("delete: left Git in {commit}"),
        Decision::Held { reason, .. } => {
            format!(
                "held: left Git in {commit}, not deleted: {}",
                HeldText::of(plan.workload, &plan.service, reason).headline
            )
        }
        Decision::Unchanged => format!("left in place: left Git in {commit}, {}", why_it_stays(plan)),
    }
}

/// The lines below it: why, how far, and what is left to do.
pub(super) fn details(plan: &ServicePlan, left: &LeftGit) -> Vec<String> {
    match &plan.decision {
        Decision::Change { steps, .. } if left.begun || left.draining => {
            vec![what_is_left(plan, left, steps)]
        }
        Decision::Change { steps, .. } => vec![
            format!("may go: {}", guards(plan, left)),
            what_is_left(plan, left, steps),
            "begins when everything else has settled; task definitions stay".to_owned(),
        ],
        Decision::Held { reason, .. } => {
            let text = HeldText::of(plan.workload, &plan.service, reason);
            text.details.into_iter().chain([text.way_out]).collect()
        }
        Decision::Unchanged => vec![WAY_OUT.to_owned()],
    }
}

/// `will: set desiredCount to 0, wait until 2 tasks have stopped, delete service`
pub(super) fn what_is_left(plan: &ServicePlan, left: &LeftGit, steps: &[Step]) -> String {
    if left.draining {
        return "ECS is deleting it".to_owned();
    }
    let mut parts: Vec<String> = Vec::new();
    for step in steps {
        match &step.action {
            Action::DeleteService if left.tasks > 0 => {
                parts.push(format!("wait until {} stopped", tasks(left.tasks)));
                parts.push(step_text(&plan.service, &step.action));
            }
            Action::UpdateService { .. } => parts.push("set desiredCount to 0".to_owned()),
            action => parts.push(step_text(&plan.service, action)),
        }
    }
    format!("will: {}", parts.join(", "))
}

/// `prune is on (Environment), both owner tags match, 1 of 8 services goes (up to 20 %: 1)`
fn guards(plan: &ServicePlan, left: &LeftGit) -> String {
    let share = left.share;
    let by = match left.prune {
        Some(PruneBy::Service) => "prune is on (its own manifest)",
        Some(PruneBy::Environment) | None => "prune is on (Environment)",
    };
    let owner = match plan.workload {
        Workload::Service => "both owner tags match",
        Workload::ScheduledTask => "its group is ours and it is as it was put",
    };
    format!(
        "{by}, {owner}, {} of {} (up to {} at once), nothing depends on it",
        share.going,
        count(share.owned, "service"),
        share.allowed
    )
}

/// Of a schedule that left Git.
pub(super) const SCHEDULE_LEFT: &str = "its schedule goes on running, and Git no longer has it";

const WAY_OUT: &str = "to delete it: `sync.prune: true` in the Environment or, before it leaves, in its own \
     manifest; or by hand";

fn why_it_stays(plan: &ServicePlan) -> String {
    plan.quiet.iter().map(|quiet| plain(&quiet.rule)).collect::<Vec<_>>().join("; ")
}

fn tasks(number: i64) -> String {
    let verb = if number == 1 { "has" } else { "have" };
    format!("{} {verb}", count(usize::try_from(number).unwrap_or_default(), "task"))
}

/// What the journal says of it.
pub fn leaving_sentence(plan: &ServicePlan) -> String {
    let Some(left) = &plan.left_git else { return String::new() };
    let commit = commit(left);
    match &plan.decision {
        Decision::Unchanged => {
            format!("left Git in {commit}; it is left in place: {}; {WAY_OUT}", why_it_stays(plan))
        }
        Decision::Held { reason, .. } => {
            format!(
                "left Git in {commit}, and is not deleted: {}",
                held_sentence(plan.workload, &plan.service, reason)
            )
        }
        Decision::Change { steps, .. } => match steps.as_slice() {
            [only] if only.action == Action::DeleteService && left.begun && left.tasks > 0 => {
                format!("drains: {} not stopped yet", tasks(left.tasks))
            }
            steps => format!("left Git in {commit}; {}", what_is_left(plan, left, steps)),
        },
    }
}
