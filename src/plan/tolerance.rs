//! `sync.drift: warn` and `ignore`: drift stays while what Git changed goes through.

use serde_json::json;

use super::change::{Change, Look, Unknown, was_applied, wholly};
use super::{Cause, Difference, Kept, Quiet};
use crate::model::{Digest, Drift, EcsService, FieldPath, KeptDrift, LiveScaling};
use crate::shape::rules::IGNORED;

/// The change that makes a service which exists what Git wants, but for drift that may stay.
///
/// Drift alone is the planner's to hold. Beside something else it is left out of the calls as a field
/// of `sync.ignore` is: the same tree is compared and written.
pub(super) fn of_existing(
    look: Look<'_>,
    service: &EcsService,
    scaling: Option<&LiveScaling>,
) -> Result<Change, Unknown> {
    let mut whole = wholly(look, service, scaling)?;
    let policy = look.desired.sync.drift;
    // What was applied before needs no note either that Git asks for something else now.
    if was_applied(look, Some(service)) && ignore(policy, &mut whole) {
        return Ok(whole);
    }
    let is_left = |one: &Difference| one.cause == Cause::BehindOurBack;
    let left: Vec<Difference> = whole.differences.iter().filter(|one| is_left(one)).cloned().collect();
    let held = whole.is_tolerated_drift(policy) && !(policy == Drift::Ignore && is_only_drift(&whole));
    if policy == Drift::Correct || left.is_empty() || held {
        return Ok(whole);
    }
    let task_definition = FieldPath::root().field("taskDefinition");
    let mut desired = look.desired.clone();
    desired.sync.ignore.extend(left.iter().map(|one| one.path.pointer()));
    let drift_in_revision = left.iter().any(|one| one.path.starts_with(&task_definition));
    if drift_in_revision {
        // What is registered is not what Git says, so it must not carry the digest of that.
        let values: Vec<_> = left.iter().map(|one| json!([one.path.pointer(), one.live])).collect();
        desired.task_definition_digest = Digest::of(&json!([desired.task_definition_digest, values]));
    }
    let mut change = wholly(Look { desired: &desired, drift_in_revision, ..look }, service, scaling)?;
    change.quiet.retain(|quiet| {
        quiet.rule != IGNORED || !left.iter().any(|one| one.path.pointer() == quiet.path.pointer())
    });
    let in_revision = left.iter().filter(|one| one.path.starts_with(&task_definition));
    change.kept_drift = in_revision.map(|one| KeptDrift::of(&one.path, one.desired.as_ref())).collect();
    change.quiet.extend(left.into_iter().map(|one| stays(one, policy)));
    Ok(change)
}

/// Makes nothing of a change that is nothing but drift, where `sync.drift` says to ignore that; false, and
/// nothing changed, if it is more or has to be told.
pub(super) fn ignore(policy: Drift, change: &mut Change) -> bool {
    if policy != Drift::Ignore || change.differences.is_empty() || !is_only_drift(change) {
        return false;
    }
    change.steps.clear();
    change.quiet.extend(change.differences.drain(..).map(|one| stays(one, policy)));
    true
}

fn is_only_drift(change: &Change) -> bool {
    change.differences.iter().all(|one| one.cause == Cause::BehindOurBack)
}

/// Drift that stays, and is told.
pub(super) fn stays_told(one: Difference) -> Quiet {
    stays(one, Drift::Warn)
}

fn stays(one: Difference, policy: Drift) -> Quiet {
    let (kept, says) = match policy {
        Drift::Ignore => (Kept::IgnoredDrift, "ignore"),
        Drift::Warn | Drift::Correct => (Kept::Tolerated, "leave"),
    };
    Quiet {
        path: one.path,
        live: one.live.filter(|_| !one.sensitive),
        desired: one.desired.filter(|_| !one.sensitive),
        rule: format!("changed behind our back, and `sync.drift` says to {says} it"),
        source: None,
        kept,
    }
}
