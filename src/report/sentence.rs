//! One sentence each for the journal: what changes, why nothing is done, why a rollout failed.

use super::held::HeldText;
use super::paint::cut;
use super::value::change;
use crate::model::{Failure, Rollout, RolloutKind};
use crate::plan::{Action, Decision, Difference, Held, ServicePlan};

/// Differences that a sentence names; the rest are counted.
const DIFFERENCES_NAMED_MAX: usize = 3;
const SENTENCE_MAX: usize = 240;

/// `new revision (memory 1024 -> 2048, BATCH (absent) -> "20")`
pub fn change_sentence(plan: &ServicePlan) -> String {
    let Decision::Change { differences, steps } = &plan.decision else {
        return "nothing to do".to_owned();
    };
    let has = |wanted: &str| steps.iter().any(|step| step.action.call() == wanted);
    let deploys =
        steps.iter().any(|step| matches!(step.action, Action::UpdateService { starts_deployment: true, .. }));
    let headline = match (has("CreateService"), has("RegisterTaskDefinition"), deploys) {
        (true, ..) => "create the service",
        (_, true, _) => "new revision",
        (_, false, true) => "new deployment",
        (_, false, false) => "in place",
    };
    if has("CreateService") || differences.is_empty() {
        return headline.to_owned();
    }
    let mut named: Vec<String> = differences.iter().take(DIFFERENCES_NAMED_MAX).map(named).collect();
    if differences.len() > DIFFERENCES_NAMED_MAX {
        named.push(format!("and {} more", differences.len() - DIFFERENCES_NAMED_MAX));
    }
    cut(&format!("{headline} ({})", named.join(", ")), SENTENCE_MAX)
}

/// `memory 1024 -> 2048`: the path without the part that every reader knows.
fn named(difference: &Difference) -> String {
    let path = difference.path.to_string();
    let short = ["taskDefinition.containerDefinitions", "taskDefinition.", "service.", "scaling."]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix))
        .unwrap_or(&path)
        .to_owned();
    format!("{short} {}", change(difference))
}

/// Why nothing is done now, and the way out.
pub fn held_sentence(held: &Held) -> String {
    let text = HeldText::of(held);
    let mut parts = vec![text.headline];
    parts.extend(text.details);
    parts.push(text.way_out);
    parts.join("; ")
}

/// Why a rollout failed, on one line.
pub fn failure_sentence(rollout: &Rollout, failure: &Failure) -> String {
    let what = match rollout.kind {
        RolloutKind::Deploy => format!("{} did not come up", rollout.task_definition),
        RolloutKind::RollBack => format!("the way back to {} failed", rollout.task_definition),
    };
    format!("{what}: {} (gate: {})", failure.likely_cause, failure.gate)
}
