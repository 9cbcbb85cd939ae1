//! `rollout` and `sync`: what the reconciler itself is told about a service or a scheduled task.

use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::fields::{Fields, diagnostic, one_of};
use super::node::{Key, Node, Value};
use super::scalar;
use super::suggest::{any_of, did_you_mean};
use super::windows::windows;
use crate::model::{
    Drift, EnvironmentSync, ImagePolicy, Json, OnFailure, RolloutPolicy, Severity, SyncPolicy, WhenMoved,
    WhenRotated,
};
use crate::shape::api::{Api, Shape, Type};
use crate::shape::layout::{DRIFT, ON_FAILURE, WHEN_MOVED, WHEN_ROTATED};

pub const ROLLOUT_FIELDS: [&str; 5] = ["timeout", "onFailure", "gates", "before", "after"];
pub const SYNC_FIELDS: [&str; 7] =
    ["drift", "prune", "pruneForeignScaling", "replace", "ignore", "windows", "secrets"];
pub const ENVIRONMENT_SYNC_FIELDS: [&str; 4] = ["prune", "pruneMaxPercent", "keepRevisions", "windows"];
pub const IMAGES_FIELDS: [&str; 3] = ["whenMoved", "writeBack", "blockSeverity"];
/// ECS has no more revisions of one family.
const KEEP_REVISIONS_MAX: u32 = 1_000_000;
/// A deployment or a task that takes longer than this is not waited for by anyone.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads all of `rollout` but its hooks and gates.
pub fn rollout(key: &Key, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> RolloutPolicy {
    let mut policy = RolloutPolicy::default();
    let fields = Fields::read(node, "`rollout`", &ROLLOUT_FIELDS, key.span, diagnostics);
    let Some(fields) = fields else { return policy };
    if let Some(timeout) = timeout(&fields, diagnostics) {
        policy.timeout = timeout;
    }
    if let Some(Json::String(word)) = fields.scalar("onFailure", &one_of(&ON_FAILURE), diagnostics) {
        policy.on_failure = if word == "hold" { OnFailure::Hold } else { OnFailure::Rollback };
    }
    policy
}

/// Reads `images`, of a service or an environment.
pub fn images(key: &Key, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> ImagePolicy {
    let fields = Fields::read(node, "`images`", &IMAGES_FIELDS, key.span, diagnostics);
    let Some(fields) = fields else { return ImagePolicy::default() };
    let word = fields.scalar("whenMoved", &one_of(&WHEN_MOVED), diagnostics);
    let when_moved = word.as_ref().and_then(Json::as_str).map(|word| match word {
        "follow" => WhenMoved::Follow,
        "ignore" => WhenMoved::Ignore,
        _ => WhenMoved::Pin,
    });
    let write_back =
        fields.scalar("writeBack", &Shape::Boolean {}, diagnostics).and_then(|word| word.as_bool());
    let severity = fields.scalar("blockSeverity", &one_of(&Severity::ALL.map(Severity::word)), diagnostics);
    let block_severity = severity.as_ref().and_then(Json::as_str).and_then(Severity::read);
    ImagePolicy { when_moved, write_back, block_severity }
}

/// The sections of a spec that `ignore` may point into.
pub const SERVICE_SECTIONS: [&str; 3] = ["taskDefinition", "service", "scaling"];
pub const SCHEDULED_TASK_SECTIONS: [&str; 2] = ["taskDefinition", "schedule"];

pub fn sync(
    key: &Key,
    node: &Node,
    sections: &[&str],
    api: &Api,
    diagnostics: &mut Vec<Diagnostic>,
) -> SyncPolicy {
    let mut policy = SyncPolicy::default();
    let Some(fields) = Fields::read(node, "`sync`", &SYNC_FIELDS, key.span, diagnostics) else {
        return policy;
    };
    match fields.scalar("drift", &one_of(&DRIFT), diagnostics) {
        Some(Json::String(word)) if word == "warn" => policy.drift = Drift::Warn,
        Some(Json::String(word)) if word == "ignore" => policy.drift = Drift::Ignore,
        _ => {}
    }
    match fields.scalar("secrets", &one_of(&WHEN_ROTATED), diagnostics) {
        Some(Json::String(word)) if word == "roll" => policy.secrets = WhenRotated::Roll,
        Some(Json::String(word)) if word == "ignore" => policy.secrets = WhenRotated::Ignore,
        _ => {}
    }
    if !sections.contains(&"service")
        && let Some((_, node)) = fields.get("secrets")
    {
        let note = "every run is a new task, and starts with the newest version";
        let diagnostic = Diagnostic::at(node.span, "a scheduled task has no tasks that could be left behind");
        diagnostics.push(diagnostic.label("leave it out").note(note));
    }
    policy.prune = fields.scalar("prune", &Shape::Boolean {}, diagnostics).and_then(|word| word.as_bool());
    policy.prune_foreign_scaling = prune_foreign_scaling(&fields, policy.prune, sections, diagnostics);
    let replace = fields.scalar("replace", &Shape::Boolean {}, diagnostics).and_then(|word| word.as_bool());
    policy.replace = replace == Some(true);
    if policy.replace
        && !sections.contains(&"service")
        && let Some((_, node)) = fields.get("replace")
    {
        let note = "a schedule is changed where it is, whatever changes";
        let diagnostic = Diagnostic::at(node.span, "there is nothing to replace in a scheduled task");
        diagnostics.push(diagnostic.label("leave it out").note(note));
    }
    policy.windows = windows(&fields, diagnostics);
    for node in fields.list("ignore", diagnostics) {
        match scalar::read(node, &super::fields::text()) {
            Ok(Json::String(pointer)) => {
                if let Err(title) = resolve(&pointer, sections, api) {
                    let note = match sections.contains(&"service") {
                        true => "an entry is a JSON pointer from `spec`, such as /service/desiredCount",
                        false => "an entry is a JSON pointer from `spec`, such as /schedule/State",
                    };
                    diagnostics.push(Diagnostic::at(node.span, title.0).label(title.1).note(note));
                }
                policy.ignore.push(pointer);
            }
            _ if node.value == Value::Refused => {}
            Ok(_) => {}
            Err(fault) => diagnostics.push(diagnostic(node, "`ignore`", fault)),
        }
    }
    policy
}

/// Says nothing alone: what others put goes only where our own would.
fn prune_foreign_scaling(
    fields: &Fields<'_>,
    prune: Option<bool>,
    sections: &[&str],
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let name = "pruneForeignScaling";
    let word = fields.scalar(name, &Shape::Boolean {}, diagnostics).and_then(|word| word.as_bool());
    let (Some(true), Some((_, node))) = (word, fields.get(name)) else { return false };
    if !sections.contains(&"scaling") {
        let title = "there is no scaling in a scheduled task";
        diagnostics.push(Diagnostic::at(node.span, title).label("leave it out"));
    } else if prune == Some(false) {
        let title = format!("`{name}` says nothing while `prune` is false");
        let label = "what others put goes only where our own would";
        let note = "write `prune: true`, or leave this out";
        diagnostics.push(Diagnostic::at(node.span, title).label(label).note(note));
    }
    true
}

/// Reads a `timeout`, of a rollout or of a hook.
pub fn timeout(fields: &Fields<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Duration> {
    let (_, node) = fields.get("timeout")?;
    let text = fields.text("timeout", diagnostics)?;
    let timeout = duration(&text).filter(|timeout| !timeout.is_zero() && *timeout <= TIMEOUT_MAX);
    if timeout.is_none() {
        let title = format!("`timeout` can't be `{text}`");
        let label = "a duration up to 24h, such as 90s, 10m or 1h30m";
        diagnostics.push(Diagnostic::at(node.span, title).label(label));
    }
    timeout
}

/// `sync` of an environment: what holds for its services, and how much may go at once.
pub fn environment_sync(key: &Key, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> EnvironmentSync {
    let mut sync = EnvironmentSync::default();
    let noun = "an environment's `sync`";
    let Some(fields) = Fields::read(node, noun, &ENVIRONMENT_SYNC_FIELDS, key.span, diagnostics) else {
        return sync;
    };
    if let Some(Json::Bool(prune)) = fields.scalar("prune", &Shape::Boolean {}, diagnostics) {
        sync.prune = prune;
    }
    sync.windows = windows(&fields, diagnostics).unwrap_or_default();
    let percent = Shape::Integer { min: None, max: None };
    if let Some(number) = fields.scalar("pruneMaxPercent", &percent, diagnostics)
        && let Some((_, node)) = fields.get("pruneMaxPercent")
    {
        match number.as_u64().and_then(|number| u8::try_from(number).ok()) {
            Some(number @ 1..=100) => sync.prune_max_percent = number,
            Some(_) | None => {
                let title = format!("`pruneMaxPercent` can't be {number}");
                let diagnostic = Diagnostic::at(node.span, title).label("a number from 1 to 100");
                diagnostics.push(diagnostic.note("to delete nothing, write `prune: false`"));
            }
        }
    }
    let count = Shape::Integer { min: None, max: None };
    if let Some(number) = fields.scalar("keepRevisions", &count, diagnostics)
        && let Some((_, node)) = fields.get("keepRevisions")
    {
        match number.as_u64().and_then(|number| u32::try_from(number).ok()) {
            Some(number @ 1..=KEEP_REVISIONS_MAX) => sync.keep_revisions = number,
            Some(_) | None => {
                let title = format!("`keepRevisions` can't be {number}");
                let diagnostic = Diagnostic::at(node.span, title).label("a number from 1 to 1000000");
                diagnostics.push(diagnostic.note("to keep all of them, write `keepRevisions: 1000000`"));
            }
        }
    }
    sync
}

/// `1h30m` and the like: whole hours, minutes and seconds, in that order.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds: u64 = 0;
    for (unit, length) in [('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((digits, after)) = rest.split_once(unit) {
            if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return None;
            }
            seconds = digits.parse::<u64>().ok()?.checked_mul(length)?.checked_add(seconds)?;
            rest = after;
        }
    }
    (rest.is_empty() && !text.is_empty()).then(|| Duration::from_secs(seconds))
}

/// Whether a pointer leads to a field that exists. A misspelt one would ignore nothing, silently.
fn resolve(pointer: &str, sections: &[&str], api: &Api) -> Result<(), (String, String)> {
    let Some(rest) = pointer.strip_prefix('/') else {
        return Err((format!("`{pointer}` is not a JSON pointer"), "begin it with `/`".to_owned()));
    };
    let mut segments = rest.split('/').map(|segment| segment.replace("~1", "/").replace("~0", "~"));
    let first = segments.next().unwrap_or_default();
    let known = sections.contains(&first.as_str()).then_some(first.as_str());
    let mut place: Option<Type<'_>> = match known {
        Some("taskDefinition") => api.input("RegisterTaskDefinition"),
        Some("service") => api.input("CreateService"),
        Some("schedule") => api.input("CreateSchedule"),
        Some(_) => return Ok(()),
        None => {
            let label = match did_you_mean(&first, sections.iter().copied()) {
                label if label.is_empty() => format!("one of {}", any_of(sections.iter().copied())),
                label => label,
            };
            return Err((format!("`{pointer}` leads to no field"), label));
        }
    };
    for segment in segments {
        let Some(current) = place else { break };
        place = match current.shape() {
            Shape::Structure { members, .. } => match current.member(&segment) {
                Some(member) => Some(member),
                None => {
                    let label = did_you_mean(&segment, members.keys().map(String::as_str));
                    return Err((format!("`{pointer}` leads to no field"), label));
                }
            },
            _ => current.element(),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        let cases = [
            ("10m", Some(600)),
            ("1h30m", Some(5400)),
            ("90s", Some(90)),
            ("1h1m1s", Some(3661)),
            ("10", None),
            ("", None),
            ("m", None),
            ("10 m", None),
            ("30m1h", None),
            ("-5m", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(duration(text), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_pointer_has_to_lead_somewhere() {
        let api = Api::builtin();
        assert!(resolve("/service/desiredCount", &SERVICE_SECTIONS, api).is_ok());
        assert!(resolve("/taskDefinition/containerDefinitions/0/image", &SERVICE_SECTIONS, api).is_ok());
        assert!(
            resolve(
                "/taskDefinition/containerDefinitions/worker/logConfiguration/options/x",
                &SERVICE_SECTIONS,
                api
            )
            .is_ok()
        );
        assert!(resolve("/service/desiredCuont", &SERVICE_SECTIONS, api).is_err());
        assert!(resolve("service/desiredCount", &SERVICE_SECTIONS, api).is_err());
        assert!(resolve("/schedule/State", &SCHEDULED_TASK_SECTIONS, api).is_ok());
        assert!(resolve("/schedule/state", &SCHEDULED_TASK_SECTIONS, api).is_err());
        assert!(resolve("/service/desiredCount", &SCHEDULED_TASK_SECTIONS, api).is_err());
    }
}
