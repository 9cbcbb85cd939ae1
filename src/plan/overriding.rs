//! An administrator's bounds in place of Git's, for a while: held, put in force, and taken back.

use super::change::{Change, Look};
use super::{Action, Cause, Consequence, Difference, Kept, Quiet};
use crate::model::{EcsService, FieldPath, Json, Overriding, ScalingOverride, Timestamp, tag};

/// The bounds' names in a scaling tree.
pub(super) const BOUNDS: [&str; 2] = ["minCapacity", "maxCapacity"];

/// Puts an override that is in force into the scaling tree that is wanted; says of each bound that
/// Git's value waits.
///
/// The live bounds are left alone while they are the override's or Git's: whoever wrote the tag
/// registers the bounds too, and may be about to. Any others somebody else has set meanwhile, and the
/// override takes their place.
pub(super) fn hold(look: Look<'_>, wanted: &mut Json, live: Option<&Json>) -> Vec<Quiet> {
    let Some(asked) = look.overriding().and_then(|it| it.in_force()) else { return Vec::new() };
    let git = wanted.clone();
    let over = serde_json::json!({"minCapacity": asked.minimum, "maxCapacity": asked.maximum});
    let kept = live.filter(|live| same_bounds(live, &over) || same_bounds(live, &git)).unwrap_or(&over);
    for bound in BOUNDS {
        wanted[bound] = kept[bound].clone();
    }
    let rule = rule(&asked, look.now);
    let quiet = |path: FieldPath, live: Option<&Json>, desired: &Json| Quiet {
        path,
        live: live.cloned(),
        desired: Some(desired.clone()),
        rule: rule.clone(),
        source: None,
        kept: Kept::Overridden,
    };
    let waits: Vec<Quiet> = BOUNDS
        .into_iter()
        .filter(|bound| git[*bound] != over[*bound])
        .map(|bound| quiet(path(bound), live.map(|live| &live[bound]), &git[bound]))
        .collect();
    if !waits.is_empty() {
        return waits;
    }
    BOUNDS.into_iter().map(|bound| quiet(path(bound), live.map(|live| &live[bound]), &git[bound])).collect()
}

fn same_bounds(one: &Json, other: &Json) -> bool {
    BOUNDS.into_iter().all(|bound| one[bound].as_i64() == other[bound].as_i64())
}

/// `overridden to 2..8 until 12:00 by an administrator (tag reconciler/scaling-override)`
pub(super) fn rule(asked: &ScalingOverride, now: Timestamp) -> String {
    let until = asked.until.minute_seen_from(now);
    format!("overridden to {asked} until {until} by an administrator (tag {})", tag::SCALING_OVERRIDE)
}

/// Says of differing bounds that the override is their cause, whether it is in force or has ended.
pub(super) fn blame(look: Look<'_>, differences: &mut [Difference]) {
    let cause = match look.overriding() {
        Some(Overriding::InForce(asked)) => Cause::Overridden(asked),
        Some(Overriding::Ended(asked)) => Cause::OverrideEnded(asked),
        Some(Overriding::NotHonoured { .. }) | None => return,
    };
    for bound in BOUNDS {
        let path = path(bound);
        differences.iter_mut().filter(|one| one.path == path).for_each(|one| one.cause = cause.clone());
    }
}

/// Takes the tag of an override that has ended off the service; one that is not honoured is left to
/// its author, and told.
pub(super) fn end(look: Look<'_>, service: &EcsService, change: &mut Change) {
    let path = FieldPath::root().field("service").field("tags").field(tag::SCALING_OVERRIDE);
    match look.overriding() {
        Some(Overriding::Ended(asked)) => {
            // Worth telling only where it is all there is to do.
            if !change.differences.iter().any(|one| one.cause == Cause::OverrideEnded(asked)) {
                change.differences.push(Difference {
                    path: path.clone(),
                    live: service.tag(tag::SCALING_OVERRIDE).map(Json::from),
                    desired: None,
                    consequence: Consequence::InPlace,
                    cause: Cause::OverrideEnded(asked),
                    origin: None,
                    since: None,
                    sensitive: false,
                    why: None,
                });
            }
            let because = change
                .differences
                .iter()
                .filter(|one| one.cause == Cause::OverrideEnded(asked))
                .map(|one| one.path.clone())
                .collect();
            change.step(Action::UntagService { keys: vec![tag::SCALING_OVERRIDE.to_owned()] }, because);
        }
        Some(Overriding::NotHonoured { text, why }) => change.quiet.push(Quiet {
            path,
            live: Some(text.into()),
            desired: None,
            rule: why,
            source: None,
            kept: Kept::NotHonoured,
        }),
        Some(Overriding::InForce(_)) | None => {}
    }
}

/// Whether a difference is an override's doing.
pub(super) fn is_cause(cause: &Cause) -> bool {
    match cause {
        Cause::Overridden(_) | Cause::OverrideEnded(_) => true,
        Cause::Git
        | Cause::BehindOurBack
        | Cause::GitAndBehindOurBack
        | Cause::LeftGit
        | Cause::Foreign
        | Cause::NewVersion(_) => false,
    }
}

/// Leaves of a change only what an override causes; false, and nothing changed, if that is nothing.
pub(super) fn leave_only_its_own(change: &mut Change) -> bool {
    if !change.differences.iter().any(|one| is_cause(&one.cause)) {
        return false;
    }
    change.differences.retain(|one| is_cause(&one.cause));
    let bounds = BOUNDS.map(path);
    let moves_bounds = change.differences.iter().any(|one| bounds.contains(&one.path));
    change.steps.retain_mut(|step| match &mut step.action {
        Action::RegisterScalableTarget { body, .. } if moves_bounds => {
            // Whatever is not said stays as it is.
            if let Some(members) = body.as_object_mut() {
                members.remove("SuspendedState");
            }
            step.because.retain(|path| bounds.contains(path));
            true
        }
        Action::UntagService { .. } => true,
        _ => false,
    });
    true
}

pub(super) fn path(bound: &str) -> FieldPath {
    FieldPath::root().field("scaling").field(bound)
}
