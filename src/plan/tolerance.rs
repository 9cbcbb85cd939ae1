//! `sync.drift: warn` and `ignore`: drift stays while what Git changed goes through.

use serde_json::json;

use super::change::{Change, Look, Unknown, wholly};
use super::{Cause, Difference, Kept, Quiet};
use crate::model::{Digest, Drift, EcsService, FieldPath, LiveScaling};
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
    let whole = wholly(look, service, scaling)?;
    let policy = look.desired.sync.drift;
    let is_left = |one: &Difference| one.cause == Cause::BehindOurBack;
    let left: Vec<Difference> = whole.differences.iter().filter(|one| is_left(one)).cloned().collect();
    if policy == Drift::Correct || left.is_empty() || whole.is_tolerated_drift(policy) {
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
    change.quiet.extend(left.into_iter().map(|one| Quiet {
        path: one.path,
        live: one.live.filter(|_| !one.sensitive),
        desired: one.desired.filter(|_| !one.sensitive),
        rule: "changed behind our back, and `sync.drift` says to leave it".to_owned(),
        source: None,
        kept: Kept::Tolerated,
    }));
    Ok(change)
}
