//! Who caused a difference, and since which commit Git says what it says.

use super::paint::plain;
use super::value::value_text;
use crate::model::{Json, Moved, Revision, is_dirty, tag, without_registry};
use crate::plan::{Difference, Since};

/// What somebody changed, and since when Git says otherwise.
pub(super) fn behind_our_back(difference: &Difference) -> String {
    let git = match &difference.desired {
        Some(_) if difference.sensitive => return "changed behind our back".to_owned(),
        Some(git) => format!("says {}", value_text(git)),
        None => "does not mention it".to_owned(),
    };
    let since = match &difference.since {
        Some(Since::Commit(commit)) if is_dirty(commit) => ", not committed yet".to_owned(),
        Some(Since::Commit(commit)) => format!(" since {}", short(commit)),
        Some(Since::AtLatest(commit)) => format!(" since {} or before", short(commit)),
        Some(Since::Between { until, .. }) => format!(" since {} or before", short(until)),
        Some(Since::LookedUp { .. } | Since::ImageMoved(_) | Since::NoCommit) | None => String::new(),
    };
    format!("changed behind our back: Git {git}{since}")
}

/// What is noted on the service where that is all there is to do: its values mean nothing to people.
pub(super) fn noted(difference: &Difference) -> Option<String> {
    match (difference.bookkeeping()?, &difference.desired) {
        (tag::DIGEST, _) => Some("notes the new digest; nothing of AWS's changes".to_owned()),
        (tag::TASK_DEFINITION, Some(Json::String(revision))) => {
            Some(format!("notes revision {revision} on the service"))
        }
        _ => None,
    }
}

/// The commit that changed it, as far as that is known. `now` is the one that is planned.
pub(super) fn changed_in_git(difference: &Difference, now: &Revision) -> String {
    let Some(since) = &difference.since else {
        return match now.is_dirty() {
            true => "not committed yet".to_owned(),
            false => format!("asked for in {}", now.short()),
        };
    };
    let what = if difference.desired.is_none() { "removed" } else { "changed" };
    match since {
        Since::Commit(commit) if is_dirty(commit) => format!("{what}, not committed yet"),
        Since::Commit(commit) | Since::AtLatest(commit) => format!("{what} in {}", short(commit)),
        Since::Between { after, until } if is_dirty(until) => {
            format!("{what} after {}, perhaps not committed yet", short(after))
        }
        Since::Between { after, until } => {
            format!("{what} between {} and {}", short(after), short(until))
        }
        Since::LookedUp { source, version, before } => {
            let number = |version: &str| version.strip_prefix("version ").unwrap_or(version).to_owned();
            format!("`{}` is {} now, after {}", plain(source), plain(version), plain(&number(before)))
        }
        Since::ImageMoved(moved) => plain(&told(moved)),
        Since::NoCommit => format!("{what} without a commit"),
    }
}

fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// `tag api:1.4.2 moved from sha256:4c1f9e2a77d0… to sha256:91aa0c31b5fe…`, without the registry.
fn told(moved: &Moved) -> String {
    Moved { name: without_registry(&moved.name).to_owned(), ..moved.clone() }.to_string()
}
