//! One sentence each for the journal: what changes, why nothing is done, why a rollout failed.

use super::held::HeldText;
use super::paint::{count, cut, plain};
use super::replacing;
use super::requests::quarantine_sentence;
use super::steps::{DELETED, ScheduleChange, at_once, schedule, tasks_at_once};
use super::value::{change, value_text};
use super::why;
use crate::model::{Failure, Gate, Rollout, RolloutKind, Segment, ServiceKey, Workload};
use crate::plan::{Action, Cause, Decision, Difference, Held, Kept, ServicePlan, Step};

/// Differences that a sentence names; the rest are counted.
const DIFFERENCES_NAMED_MAX: usize = 3;
const SENTENCE_MAX: usize = 240;

/// `new revision (memory "1024" -> "2048", worker +BATCH "20")`
pub fn change_sentence(plan: &ServicePlan) -> String {
    let Decision::Change { differences, steps } = &plan.decision else {
        return "nothing to do".to_owned();
    };
    if plan.adopts() {
        return "adopted as it runs, by its tags, without a deployment".to_owned();
    }
    let has = |wanted: &str| steps.iter().any(|step| step.action.call() == wanted);
    let deploys =
        steps.iter().any(|step| matches!(step.action, Action::UpdateService { starts_deployment: true, .. }));
    if let Some(replacement) = &plan.replaces {
        return cut(
            &format!("{} ({})", replacing::headline(replacement), all_named(differences)),
            SENTENCE_MAX,
        );
    }
    let before = if plan.was_deleted() { format!("{DELETED}, ") } else { String::new() };
    if has("CreateService") {
        return cut(&format!("{before}new service{}", size(differences, steps)), SENTENCE_MAX);
    }
    let schedule = schedule(steps);
    if let Some((schedule, ScheduleChange::New)) = &schedule {
        let images = images(differences);
        let of = if images.is_empty() { String::new() } else { format!(" of {}", images.join(" + ")) };
        return cut(&format!("{before}new schedule ({}{of})", schedule.expression()), SENTENCE_MAX);
    }
    let at_once = at_once(steps).map(|it| format!("; {} at once", tasks_at_once(it))).unwrap_or_default();
    if let Some(headline) = overridden(differences) {
        return cut(&format!("{headline} ({}){at_once}", all_named(differences)), SENTENCE_MAX);
    }
    if let Some(rolled) = rolled(differences) {
        return cut(&format!("{rolled}: new deployment of the same revision"), SENTENCE_MAX);
    }
    let drifted = !differences.is_empty() && differences.iter().all(|one| one.cause == Cause::BehindOurBack);
    if let [only] = differences.as_slice()
        && only.path.to_string() == "service.forceNewDeployment"
    {
        return "another deployment of what failed".to_owned();
    }
    let headline = match (drifted, has("RegisterTaskDefinition"), deploys) {
        (true, _, true) => "changed behind our back, set back by a deployment",
        (true, _, false) => "changed behind our back, set back in place",
        (false, true, _) if schedule.is_some() => "new revision from the next run on",
        (false, true, _) => "new revision",
        (false, false, true) => "new deployment",
        (false, false, false) if schedule.is_some() => "schedule changed",
        (false, false, false) => "in place",
    };
    if differences.is_empty() {
        return headline.to_owned();
    }
    let ended = differences.iter().find_map(|one| match one.cause {
        Cause::OverrideEnded(asked) => Some(format!(", and the override of {asked} has ended")),
        _ => None,
    });
    let ended = ended.unwrap_or_default();
    cut(&format!("{headline}{ended} ({}){at_once}", all_named(differences)), SENTENCE_MAX)
}

/// Secrets and parameters with new versions that the service's tasks go on without, as `sync.secrets` says.
pub fn new_versions_sentence(plan: &ServicePlan) -> Option<String> {
    let titles: Vec<&str> = reported(plan).collect();
    let sentence = || {
        format!(
            "{}; `sync.secrets` says to report it. To start tasks with it: `reconciler sync {}`",
            new_versions(&titles),
            plan.service.name()
        )
    };
    (!titles.is_empty()).then(|| cut(&sentence(), SENTENCE_MAX))
}

/// What they are called, of those that are only reported.
pub(super) fn reported(plan: &ServicePlan) -> impl Iterator<Item = &str> {
    let reported = plan.quiet.iter().filter(|quiet| quiet.kept == Kept::NewVersion);
    reported.map(|quiet| quiet.rule.as_str())
}

/// `secret jobs/db has a new version since its tasks were started`
pub(super) fn new_versions(titles: &[&str]) -> String {
    let titles: Vec<String> = titles.iter().map(|title| plain(title)).collect();
    match titles.as_slice() {
        [one] => format!("{one} has a new version since its tasks were started"),
        titles => format!("{} have new versions since its tasks were started", titles.join(" and ")),
    }
}

/// The same of a change that has no other cause.
fn rolled(differences: &[Difference]) -> Option<String> {
    let titles = differences.iter().map(|one| match &one.cause {
        Cause::NewVersion(title) => Some(title.as_str()),
        _ => None,
    });
    let titles: Option<Vec<&str>> = titles.collect();
    titles.filter(|titles| !titles.is_empty()).map(|titles| new_versions(&titles))
}

/// What was changed behind Git's back and is left, beside a change that goes through.
pub fn tolerated_sentence(plan: &ServicePlan) -> Option<String> {
    let left = plan.quiet.iter().filter(|quiet| quiet.kept == Kept::Tolerated);
    let paths: Vec<String> = left.map(|quiet| quiet.path.to_string()).collect();
    let sentence = format!("changed behind our back, and left as `sync.drift` says: {}", paths.join(", "));
    (!paths.is_empty()).then(|| cut(&sentence, SENTENCE_MAX))
}

fn all_named(differences: &[Difference]) -> String {
    let mut named: Vec<String> = differences.iter().take(DIFFERENCES_NAMED_MAX).map(named).collect();
    if differences.len() > DIFFERENCES_NAMED_MAX {
        named.push(format!("and {} more", differences.len() - DIFFERENCES_NAMED_MAX));
    }
    named.join(", ")
}

/// The headline of a change that only an administrator's override, or its end, is the cause of.
fn overridden(differences: &[Difference]) -> Option<String> {
    let headline = match &differences.first()?.cause {
        Cause::Overridden(asked) => {
            format!("an administrator's override of {asked} is put in force again, in place")
        }
        Cause::OverrideEnded(asked) => {
            let until = asked.until.minute();
            format!("the override of {asked} until {until} has ended: Git's bounds are back, in place")
        }
        Cause::Git
        | Cause::BehindOurBack
        | Cause::GitAndBehindOurBack
        | Cause::LeftGit
        | Cause::Foreign
        | Cause::NewVersion(_) => return None,
    };
    let first = &differences.first()?.cause;
    differences.iter().all(|one| one.cause == *first).then_some(headline)
}

/// ` (2 tasks of api:1.4.2)`: what a new service will run, as far as its first steps say so.
fn size(differences: &[Difference], steps: &[Step]) -> String {
    let images = images(differences);
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

fn images(differences: &[Difference]) -> Vec<&str> {
    differences
        .iter()
        .filter_map(|one| one.desired.as_ref())
        .flat_map(|desired| desired["containerDefinitions"].as_array().into_iter().flatten())
        .filter_map(|container| container["image"].as_str())
        .map(by_tag)
        .collect()
}

/// Without its digest, where the tag beside it tells people more.
fn by_tag(image: &str) -> &str {
    match image.split_once('@') {
        Some((name, _)) if name.rsplit('/').next().is_some_and(|last| last.contains(':')) => name,
        Some(_) | None => image,
    }
}

/// `memory "1024" -> "2048"`, `worker +BATCH "20"`: the path without what every reader knows.
fn named(difference: &Difference) -> String {
    if let Some(noted) = why::noted(difference) {
        return noted;
    }
    let mut segments: Vec<&str> = difference.path.0.iter().filter_map(known_by).collect();
    if let ([], [Segment::Field(whole)]) = (segments.as_slice(), difference.path.0.as_slice()) {
        segments.push(whole);
    }
    let name = match (difference.path.0.get(2), segments.split_first()) {
        // A container, or a scaling policy, and what is changed of it.
        (Some(Segment::Key(_)), Some((element, rest))) if !rest.is_empty() => {
            format!("{element} {}", rest.join("."))
        }
        _ => segments.join("."),
    };
    let is_variable = match difference.path.0.as_slice() {
        [.., Segment::Field(list), _] => list == "environment" || list == "secrets",
        _ => false,
    };
    let variable = name.rsplit_once(' ').filter(|_| is_variable && !difference.sensitive);
    let Some((owner, variable)) = variable else {
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
            let implied = [
                "taskDefinition",
                "containerDefinitions",
                "service",
                "scaling",
                "schedule",
                "environment",
                "secrets",
            ];
            (!implied.contains(&name.as_str())).then_some(name)
        }
        Segment::Key(name) => Some(name),
        Segment::Index(_) => None,
    }
}

/// Why nothing is done now, and the way out.
pub fn held_sentence(workload: Workload, key: &ServiceKey, held: &Held) -> String {
    if let Held::Quarantined(quarantine) = held {
        return quarantine_sentence(quarantine);
    }
    let text = HeldText::of(workload, key, held);
    let mut parts = vec![text.headline];
    parts.extend(text.details);
    parts.push(text.way_out);
    parts.join("; ")
}

/// Why a rollout failed, on one line.
pub fn failure_sentence(rollout: &Rollout, failure: &Failure) -> String {
    let what = match rollout.kind {
        RolloutKind::Deploy if failure.gate == Gate::Person => {
            format!("{} was taken back", rollout.task_definition)
        }
        RolloutKind::Deploy if failure.gate.judges_what_completed() && failure.hook.is_none() => {
            format!("{} did not pass", rollout.task_definition)
        }
        // It came up, and was stopped for another reason.
        RolloutKind::Deploy if is_about_traffic(failure) => {
            format!("{} did not go through", rollout.task_definition)
        }
        RolloutKind::Deploy => format!("{} did not come up", rollout.task_definition),
        RolloutKind::RollBack => format!("the way back to {} failed", rollout.task_definition),
    };
    format!("{what}: {} (gate: {})", failure.likely_cause, failure.gate)
}

/// Whether the judge looks at more than whether tasks come up.
fn is_about_traffic(failure: &Failure) -> bool {
    match failure.gate {
        Gate::EcsAlarms | Gate::LifecycleHook | Gate::StoppedByHand => true,
        Gate::Deadline => failure.stopped_tasks.is_empty() && failure.unhealthy_targets.is_empty(),
        Gate::EcsCircuitBreaker
        | Gate::Superseded
        | Gate::RefusedByAws
        | Gate::TargetHealth
        | Gate::ContainerHealth
        | Gate::Alarms
        | Gate::Http
        | Gate::BakeTime
        | Gate::Hook
        | Gate::Person => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{FieldPath, Json};
    use crate::plan::Consequence;
    use crate::report::example::difference;

    fn check(path: FieldPath, live: Json, desired: Json, expected: &str) {
        assert_eq!(named(&difference(path, live, desired, Consequence::NewRevision)), expected);
    }

    #[test]
    fn a_difference_is_named_without_what_goes_without_saying() {
        let task = FieldPath::root().field("taskDefinition");
        let worker = task.field("containerDefinitions").key("worker");
        let variable = worker.field("environment").field("BATCH");
        check(task.field("memory"), json!("1024"), json!("2048"), r#"memory "1024" -> "2048""#);
        check(worker.field("image"), json!("w:1"), json!("w:2"), r#"worker image "w:1" -> "w:2""#);
        check(variable.clone(), Json::Null, json!("20"), r#"worker +BATCH "20""#);
        check(variable.clone(), json!("20"), Json::Null, "worker -BATCH");
        check(variable, json!("20"), json!("30"), r#"worker BATCH "20" -> "30""#);
    }
}
