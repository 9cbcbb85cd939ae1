//! What the ledger remembers of a service's scaling: noted before it is put, let go of when it is gone.

use crate::model::{DesiredService, LiveService, Part, ScalingPut, ServiceRecord};
use crate::plan::{Action, Step};

/// Notes what these steps are about to put.
pub(super) fn claim(record: &mut ServiceRecord, steps: &[Step]) {
    let mut ours = record.scaling.take().unwrap_or_default();
    let name = |body: &crate::model::Json, member: &str| body[member].as_str().map(str::to_owned);
    for step in steps {
        match &step.action {
            Action::RegisterScalableTarget { of_git, .. } => {
                ours.target = true;
                ours.bounds = Some(*of_git);
            }
            Action::PutScalingPolicy { body } => ours.policies.extend(name(body, "PolicyName")),
            Action::PutScheduledAction { body } => {
                ours.scheduled_actions.extend(name(body, "ScheduledActionName"));
            }
            _ => {}
        }
    }
    record.scaling = (ours != ScalingPut::default()).then_some(ours);
}

/// Forgets what these steps have deleted: whoever puts it next is somebody else, or notes it again.
pub(super) fn let_go(record: &mut ServiceRecord, steps: &[Step]) {
    let Some(mut ours) = record.scaling.take() else { return };
    for step in steps {
        match &step.action {
            Action::DeleteScalingPolicy { name } => drop(ours.policies.remove(name)),
            Action::DeleteScheduledAction { name } => drop(ours.scheduled_actions.remove(name)),
            Action::DeregisterScalableTarget => ours = ScalingPut::default(),
            _ => {}
        }
    }
    record.scaling = (ours != ScalingPut::default()).then_some(ours);
}

/// What is ours of the scaling that is there, or that Git asks for: a crash may have come between a
/// deletion and forgetting it, and people delete things too.
pub fn still_there(
    ours: Option<&ScalingPut>,
    desired: &DesiredService,
    live: &LiveService,
) -> Option<ScalingPut> {
    let ours = ours?;
    let (policies, actions) = match &live.scaling {
        Part::Present(scaling) => (Some(&scaling.policies), Some(&scaling.scheduled_actions)),
        Part::Absent => (None, None),
        Part::Unreadable(_) => return Some(ours.clone()),
    };
    let wanted = desired.scaling.as_ref();
    let target = ours.target && (wanted.is_some() || policies.is_some());
    let kept = ScalingPut {
        target,
        bounds: ours.bounds.filter(|_| target),
        policies: kept(&ours.policies, [policies, wanted.map(|it| &it.policies)]),
        scheduled_actions: kept(&ours.scheduled_actions, [actions, wanted.map(|it| &it.scheduled_actions)]),
    };
    (kept != ScalingPut::default()).then_some(kept)
}

type Elements = std::collections::BTreeMap<String, crate::model::Json>;

fn kept(
    names: &std::collections::BTreeSet<String>,
    anywhere: [Option<&Elements>; 2],
) -> std::collections::BTreeSet<String> {
    let is_there = |name: &&String| anywhere.iter().flatten().any(|elements| elements.contains_key(*name));
    names.iter().filter(is_there).cloned().collect()
}
