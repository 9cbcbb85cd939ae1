//! One sentence each for the journal: what changes, why nothing is done, why a rollout failed.

use super::held::HeldText;
use super::paint::{count, cut, plain};
use super::value::{change, value_text};
use crate::model::{Failure, Rollout, RolloutKind, Segment};
use crate::plan::{Action, Cause, Decision, Difference, Held, ServicePlan, Step};

/// Differences that a sentence names; the rest are counted.
const DIFFERENCES_NAMED_MAX: usize = 3;
const SENTENCE_MAX: usize = 240;

/// `new revision (memory "1024" -> "2048", worker +BATCH "20")`
pub fn change_sentence(plan: &ServicePlan) -> String {
    let Decision::Change { differences, steps } = &plan.decision else {
        return "nothing to do".to_owned();
    };
    let has = |wanted: &str| steps.iter().any(|step| step.action.call() == wanted);
    let deploys =
        steps.iter().any(|step| matches!(step.action, Action::UpdateService { starts_deployment: true, .. }));
    if has("CreateService") {
        return format!("new service{}", size(differences, steps));
    }
    let drifted = !differences.is_empty() && differences.iter().all(|one| one.cause == Cause::BehindOurBack);
    let headline = match (drifted, has("RegisterTaskDefinition"), deploys) {
        (true, _, true) => "changed behind our back, set back by a deployment",
        (true, _, false) => "changed behind our back, set back in place",
        (false, true, _) => "new revision",
        (false, false, true) => "new deployment",
        (false, false, false) => "in place",
    };
    if differences.is_empty() {
        return headline.to_owned();
    }
    let mut named: Vec<String> = differences.iter().take(DIFFERENCES_NAMED_MAX).map(named).collect();
    if differences.len() > DIFFERENCES_NAMED_MAX {
        named.push(format!("and {} more", differences.len() - DIFFERENCES_NAMED_MAX));
    }
    cut(&format!("{headline} ({})", named.join(", ")), SENTENCE_MAX)
}

/// ` (2 tasks of api:1.4.2)`: what a new service will run, as far as its first steps say so.
fn size(differences: &[Difference], steps: &[Step]) -> String {
    let images: Vec<&str> = differences
        .iter()
        .filter_map(|one| one.desired.as_ref())
        .flat_map(|desired| desired["containerDefinitions"].as_array().into_iter().flatten())
        .filter_map(|container| container["image"].as_str())
        .collect();
    let tasks = steps.iter().find_map(|step| match &step.action {
        Action::CreateService { body, .. } => body["desiredCount"].as_u64(),
        _ => None,
    });
    let tasks = tasks.and_then(|tasks| usize::try_from(tasks).ok()).map(|tasks| count(tasks, "task"));
    match (tasks, images.is_empty()) {
        (Some(tasks), false) => cut(&format!(" ({tasks} of {})", images.join(" + ")), SENTENCE_MAX),
        (Some(tasks), true) => format!(" ({tasks})"),
        (None, _) => String::new(),
    }
}

/// `memory "1024" -> "2048"`, `worker +BATCH "20"`: the path without what every reader knows.
fn named(difference: &Difference) -> String {
    let segments: Vec<&str> = difference.path.0.iter().filter_map(known_by).collect();
    let name = segments.join(".");
    let variable = matches!(difference.path.0.last_chunk::<2>(), Some([Segment::Field(list), _]) if list == "environment" || list == "secrets");
    let (Some((owner, variable)), false) = (name.rsplit_once('.').filter(|_| variable), difference.sensitive)
    else {
        return format!("{name} {}", change(difference));
    };
    match (&difference.live, &difference.desired) {
        (None, Some(desired)) => format!("{owner} +{variable} {}", value_text(desired)),
        (Some(_), None) => format!("{owner} -{variable}"),
        _ => format!("{owner} {variable} {}", change(difference)),
    }
}

/// A step of a path, unless it goes without saying.
fn known_by(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Field(name) => {
            let implied =
                ["taskDefinition", "containerDefinitions", "service", "scaling", "environment", "secrets"];
            (!implied.contains(&name.as_str())).then_some(name)
        }
        Segment::Key(name) => Some(name),
        Segment::Index(_) => None,
    }
}

/// Why nothing is done now, and the way out.
pub fn held_sentence(held: &Held) -> String {
    if let Held::Quarantined(quarantine) = held {
        let failure = &quarantine.failure;
        let cause = plain(&failure.likely_cause);
        return format!("until Git changes it; failed on {}: {cause}", failure.at.minute());
    }
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
