//! What must not be asked for yet, because an earlier call was never answered and may still take effect.
//!
//! RegisterTaskDefinition and UpdateService know neither a client token nor a precondition: a request that is
//! late makes a second revision, or puts back what a later one changed.

use super::{Action, Held, RevisionSource, Step};
use crate::model::{
    Digest, EcsService, Intent, Json, RolloutKind, ServiceRecord, TaskDefinitionArn, Timestamp,
    UNANSWERED_FOR, tag,
};

/// Why these steps have to wait; `None`: nothing that was asked for before stands against them.
///
/// The same UpdateService may be asked for again: should the first one come late, it changes nothing.
pub fn held_by_unanswered(
    record: Option<&ServiceRecord>,
    steps: &[Step],
    service: Option<&EcsService>,
    kind: RolloutKind,
    now: Timestamp,
) -> Option<Held> {
    let mut unanswered = record?.unanswered(now);
    let barring = unanswered.find(|intent| {
        // What changes no revision can't undo a way back, and a way back is urgent.
        let counts = kind == RolloutKind::Deploy || points_elsewhere(intent);
        let undone = counts && !took_effect(intent, service);
        steps.iter().any(|step| match &step.action {
            Action::RegisterTaskDefinition { digest, .. } => intent.content.as_ref() == Some(digest),
            Action::UpdateService { task_definition, body, .. } => intent
                .body
                .as_ref()
                .is_some_and(|asked| undone && !is_repeated(asked, body, task_definition.as_ref())),
            _ => false,
        })
    })?;
    Some(of(barring))
}

/// The digest that RegisterTaskDefinition tags its revision with.
pub fn content_of(body: &Json) -> Digest {
    let mut tags = body["tags"].as_array().into_iter().flatten();
    let digest = tags.find(|one| one["key"] == tag::DIGEST).and_then(|one| one["value"].as_str());
    Digest::from_tag(digest.unwrap_or_default())
}

/// The same for one RegisterTaskDefinition, with the content that its tag says.
pub fn registration_held_by_unanswered(
    record: Option<&ServiceRecord>,
    digest: &Digest,
    now: Timestamp,
) -> Option<Held> {
    record?.unanswered(now).find(|intent| intent.content.as_ref() == Some(digest)).map(of)
}

fn of(intent: &Intent) -> Held {
    let call = if intent.content.is_some() { "RegisterTaskDefinition" } else { "UpdateService" };
    Held::Unanswered { call, asked_at: intent.at, until: intent.at.plus(UNANSWERED_FOR) }
}

/// A deployment forced twice is two deployments.
fn is_repeated(asked: &Json, body: &Json, source: Option<&RevisionSource>) -> bool {
    let mut again = body.clone();
    match source {
        None => {}
        Some(RevisionSource::Existing(arn)) => again["taskDefinition"] = arn.0.clone().into(),
        Some(RevisionSource::Registered) => return false,
    }
    *asked == again && again["forceNewDeployment"] != true
}

fn points_elsewhere(intent: &Intent) -> bool {
    intent.body.as_ref().is_some_and(|body| body["taskDefinition"].is_string())
}

/// Another deployment leads than before the call, of the revision that it asked for.
fn took_effect(intent: &Intent, service: Option<&EcsService>) -> bool {
    let primary = service.and_then(EcsService::primary);
    let asked = intent.body.as_ref().and_then(|body| body["taskDefinition"].as_str());
    let (Some(primary), Some(asked)) = (primary, asked) else { return false };
    let asked = TaskDefinitionArn(asked.to_owned());
    primary.task_definition().family_and_revision() == asked.family_and_revision()
        && intent.before.as_deref() != Some(primary.id())
        && !primary.id().is_empty()
}
