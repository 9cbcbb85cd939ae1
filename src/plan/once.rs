//! Scheduled actions that were to run once, and whose moment has passed.

use std::time::Duration;

use super::{Kept, Quiet};
use crate::model::{FieldPath, Json, Timestamp};
use crate::shape::rules::{Rule, Tree, tree};

/// The clock that is furthest behind UTC. Which offset a time zone has is not known here.
const FURTHEST_BEHIND_UTC: Duration = Duration::from_secs(12 * 3600);

/// Takes out of what Git wants the one-time actions that are over and that AWS no longer has: putting one
/// again is refused, and would be asked for at every pass until somebody takes it out of Git.
///
/// https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html
pub(super) fn forget(wanted: &mut Json, live: Option<&Json>, now: Timestamp) -> Vec<Quiet> {
    let kept_by_aws = |name: &Json| {
        let actions = live.and_then(|live| live["scheduledActions"].as_array());
        actions.into_iter().flatten().any(|action| action["ScheduledActionName"] == *name)
    };
    let Some(actions) = wanted["scheduledActions"].as_array_mut() else { return Vec::new() };
    let mut over = Vec::new();
    actions.retain(|action| {
        let name = &action["ScheduledActionName"];
        let is_over = !kept_by_aws(name) && has_passed(action, now);
        if is_over {
            over.push(quiet(name.as_str().unwrap_or_default(), action));
        }
        !is_over
    });
    over
}

fn has_passed(action: &Json, now: Timestamp) -> bool {
    let inside =
        action["Schedule"].as_str().and_then(|text| text.trim().strip_prefix("at(")?.strip_suffix(')'));
    let Some(at) = inside.and_then(|text| Timestamp::parse(&format!("{}Z", text.trim()))) else {
        return false;
    };
    match action["Timezone"].as_str() {
        None | Some("" | "UTC" | "Etc/UTC") => at < now,
        Some(_) => at.plus(FURTHEST_BEHIND_UTC) < now,
    }
}

fn quiet(name: &str, action: &Json) -> Quiet {
    let schedule = || {
        let actions = tree(Tree::ScheduledAction).members.get("scheduledActions")?;
        actions.element.as_deref()?.members.get("Schedule")?.rule
    };
    Quiet {
        path: FieldPath::root().field("scaling").field("scheduledActions").key(name),
        live: None,
        desired: Some(action["Schedule"].clone()),
        rule: format!(
            "its only moment, {}, has passed, and it does nothing; write a later time, or take it out",
            action["Schedule"].as_str().unwrap_or_default()
        ),
        source: schedule().map(Rule::source),
        kept: Kept::Over,
    }
}
