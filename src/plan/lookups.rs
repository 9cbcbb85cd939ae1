//! A value that stands elsewhere than in Git changes without a commit: which one it was.

use super::{Cause, Consequence, Difference, Since};
use crate::model::{Applied, Environment, FieldPath, LookedUp, Origins, Segment, is_dirty};

/// Puts a difference down to a look-up that answers something else than when the service was applied
/// last. Where the very commit was applied that is planned, no commit is named for it.
pub(super) fn tell(
    applied: &Applied,
    environment: &Environment,
    origins: &Origins,
    planned: &str,
    difference: &mut Difference,
) {
    match difference.cause {
        Cause::Git | Cause::GitAndBehindOurBack if difference.consequence != Consequence::Creates => {}
        Cause::Git
        | Cause::GitAndBehindOurBack
        | Cause::BehindOurBack
        | Cause::Overridden(_)
        | Cause::OverrideEnded(_)
        | Cause::LeftGit
        | Cause::Foreign
        | Cause::NewVersion(_) => return,
    }
    let changed = environment.looked_up.iter().filter_map(|now| Some((now, before(now, applied)?)));
    let of_it = |now: &LookedUp| {
        origins
            .looked_up
            .iter()
            .any(|(path, names)| names.contains(&now.variable) && concerns(path, &difference.path))
    };
    if let Some((now, before)) = changed.into_iter().find(|(now, _)| of_it(now)) {
        difference.since = Some(Since::LookedUp {
            source: now.source.to_string(),
            version: now.version.clone(),
            before: before.to_owned(),
        });
    } else if applied.revision == planned && !is_dirty(planned) {
        difference.since = Some(Since::NoCommit);
    }
}

/// The version that was applied last, where it was another.
fn before<'a>(now: &LookedUp, applied: &'a Applied) -> Option<&'a str> {
    let name = format!("{} from {} ", now.variable, now.source);
    let version = applied.looked_up.iter().find_map(|text| text.strip_prefix(&name))?;
    (version != now.version).then_some(version)
}

/// Whether what was written at a place is, or is in, or is around the field of a difference. A named entry
/// may have been written as a map's key or as a list's element with a value.
fn concerns(place: &FieldPath, path: &FieldPath) -> bool {
    let mut listed = path.clone();
    if let Some(Segment::Field(name)) = listed.0.pop() {
        listed.0.push(Segment::Key(name));
    }
    let within = |path: &FieldPath| place.starts_with(path) || path.starts_with(place);
    within(path) || within(&listed)
}
