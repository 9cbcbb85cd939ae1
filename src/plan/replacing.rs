//! A service in place of one that ECS can't change: the old one goes, and then the new one is made.

use serde_json::json;

use super::change::{Change, Look, of_absent};
use super::{Action, Consequence, Held, Kept, PruneGuard, RevisionSource, Step, body};
use crate::model::{EcsService, FieldPath, Json, LiveScaling, LiveService, Part, ServiceKey, tag};

/// A service that goes so that another can be made under its name.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// What ECS can't change.
    pub fields: Vec<FieldPath>,
    /// Tasks that run or start, and stop before new ones start.
    pub tasks: i64,
    /// What is gone with the old service, besides its tasks.
    pub lost: Vec<String>,
    pub begun: bool,
    /// What can be done now. Deleting comes when the last task has stopped, creating when ECS has let go
    /// of the name.
    pub now: Vec<Step>,
}

/// The calls that end a service: all of them, and those that can be made now.
pub(super) struct End {
    pub all: Vec<Step>,
    pub now: Vec<Step>,
}

/// Application Auto Scaling first, or it would raise the count again; then no task; then the service
/// itself, never by force.
pub(super) fn end(service: &EcsService, scaled: bool, cluster: &str, key: &ServiceKey) -> End {
    let step = |action| Step { action, because: Vec::new() };
    // The count of a DAEMON service is ECS's own, and does not stand in the way.
    let is_daemon = service.0["schedulingStrategy"] == "DAEMON";
    let mut before = Vec::new();
    if scaled {
        before.push(step(Action::DeregisterScalableTarget));
    }
    if service.desired_count() > 0 && !is_daemon {
        let body = json!({"cluster": cluster, "service": key.name(), "desiredCount": 0});
        before.push(step(Action::UpdateService { task_definition: None, body, starts_deployment: false }));
    }
    let last = step(Action::DeleteService);
    let now = match (before.is_empty(), service.tasks() == 0 || is_daemon) {
        (false, _) => before.clone(),
        (true, true) => vec![last.clone()],
        (true, false) => Vec::new(),
    };
    End { all: before.into_iter().chain([last]).collect(), now }
}

/// The fields that ECS can't change in place.
pub(super) fn fields(change: &Change) -> Vec<FieldPath> {
    let needs = change.differences.iter().filter(|one| one.consequence == Consequence::NeedsReplacement);
    needs.map(|one| one.path.clone()).collect()
}

/// Turns a change that ECS can't make into the end of the service and its creation.
///
/// Both owner tags have to say that the service is ours: nothing else may be deleted.
pub(super) fn replace(
    look: Look<'_>,
    service: &EcsService,
    scaling: Option<&LiveScaling>,
    change: &mut Change,
) -> Result<Replacement, Held> {
    let key = &look.desired.key;
    let wanted = [(tag::MANAGED_BY, look.installation), (tag::ID, key.name())];
    if let Some((name, wanted)) = wanted.into_iter().find(|(name, wanted)| service.tag(name) != Some(wanted))
    {
        let found = service.tag(name).map(str::to_owned);
        return Err(Held::NotPruned(PruneGuard::Tag { name, found, wanted: wanted.to_owned() }));
    }
    let End { all, now } = end(service, scaling.is_some(), &look.environment.cluster, key);
    let runs = change.steps.iter().find_map(|step| match &step.action {
        Action::RegisterTaskDefinition { .. } => Some(RevisionSource::Registered),
        Action::UpdateService { task_definition, .. } => task_definition.clone(),
        _ => None,
    });
    let reusable = match runs {
        Some(RevisionSource::Registered) => None,
        Some(RevisionSource::Existing(arn)) => Some(arn),
        None => Some(service.task_definition()),
    };
    let nothing = LiveService { service: Part::Absent, reusable, ..LiveService::absent() };
    let created = of_absent(Look { live: &nothing, ..look });
    change.steps = all.into_iter().chain(created.steps).collect();
    // The new service has what Git says, and nothing of the old one.
    change.quiet.retain(|one| one.kept != Kept::LeftInPlace);
    Ok(Replacement {
        fields: fields(change),
        tasks: service.tasks(),
        lost: lost(look, service, scaling),
        begun: look.is_replaced(),
        now,
    })
}

/// What is on the service and Git does not bring back.
fn lost(look: Look<'_>, service: &EcsService, scaling: Option<&LiveScaling>) -> Vec<String> {
    let mut lost = vec!["its deployments and events, and with them the way back".to_owned()];
    let ours = body::user_tags(&look.desired.service);
    let tags: Vec<&str> = service.0["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["key"].as_str())
        .filter(|key| !key.starts_with("reconciler/") && !key.starts_with("aws:"))
        .filter(|key| !ours.iter().any(|(own, _)| own == key))
        .collect();
    if !tags.is_empty() {
        lost.push(format!("tags that are not in Git ({})", tags.join(", ")));
    }
    let Some(live) = scaling else { return lost };
    let wanted = look.desired.scaling.as_ref();
    let unknown = |live: Vec<&String>, known: Option<Vec<&String>>| -> Vec<String> {
        let known = known.unwrap_or_default();
        live.into_iter().filter(|name| !known.contains(name)).cloned().collect()
    };
    let mut foreign = unknown(live.policies.keys().collect(), wanted.map(|it| it.policies.keys().collect()));
    foreign.extend(unknown(
        live.scheduled_actions.keys().collect(),
        wanted.map(|it| it.scheduled_actions.keys().collect()),
    ));
    if !foreign.is_empty() {
        lost.push(format!("scaling that is not in Git ({})", foreign.join(", ")));
    }
    let suspended = &live.target["SuspendedState"];
    if suspended.as_object().is_some_and(|state| state.values().any(|value| *value == Json::Bool(true))) {
        lost.push("that its scaling is suspended".to_owned());
    }
    lost
}
