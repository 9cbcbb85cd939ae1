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
/// The same UpdateService may be asked for again after an error or a crash. Where the first was sent and no answer
/// came, it may come late: should its deployment have failed by then, or the next one have begun, it would start it
/// once more. Two of the same way back do no such harm.
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
            Action::UpdateService { task_definition, body, .. } => {
                intent.body.as_ref().is_some_and(|asked| {
                    let again = is_repeated(asked, body, task_definition.as_ref());
                    undone && !(again && is_harmless_again(intent, kind))
                })
            }
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
    planted!("any-update-goes-before-an-unanswered-one" => return true);
    let mut again = body.clone();
    match source {
        None => {}
        Some(RevisionSource::Existing(arn)) => again["taskDefinition"] = arn.0.clone().into(),
        Some(RevisionSource::Registered) => return false,
    }
    *asked == again && again["forceNewDeployment"] != true
}

fn is_harmless_again(intent: &Intent, kind: RolloutKind) -> bool {
    !intent.no_answer || !points_elsewhere(intent) || kind == RolloutKind::RollBack
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{IntentKind, UNANSWERED_FOR};

    const ASKED: Timestamp = Timestamp(1_000_000);

    fn arn(number: u32) -> TaskDefinitionArn {
        TaskDefinitionArn(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:{number}"))
    }

    /// The record of one whose UpdateService was not answered.
    fn asked(body: Json) -> ServiceRecord {
        let intent = Intent::of(IntentKind::Update, &Digest::from_tag("spec"), ASKED);
        let intent = Intent { body: Some(body), before: Some("ecs-svc/1".to_owned()), ..intent };
        ServiceRecord { intent: Some(intent), ..ServiceRecord::default() }
    }

    fn update(source: Option<RevisionSource>, body: Json) -> Step {
        let action = Action::UpdateService { task_definition: source, body, starts_deployment: true };
        Step { action, because: Vec::new() }
    }

    fn runs(deployment: &str, number: u32) -> EcsService {
        EcsService(json!({
            "deployments": [{"id": deployment, "status": "PRIMARY", "taskDefinition": arn(number).0}],
        }))
    }

    #[test]
    fn another_update_waits_and_the_same_one_does_not() {
        let record = asked(json!({"service": "api", "desiredCount": 2, "taskDefinition": arn(2).0}));
        let (same, other) =
            (json!({"service": "api", "desiredCount": 2}), json!({"service": "api", "desiredCount": 3}));
        let existing = |number| Some(RevisionSource::Existing(arn(number)));
        let table = [
            (update(existing(2), same.clone()), false),
            (update(existing(3), same.clone()), true),
            (update(existing(2), other.clone()), true),
            (update(None, same.clone()), true),
            (update(Some(RevisionSource::Registered), same), true),
            (Step { action: Action::DeregisterScalableTarget, because: Vec::new() }, false),
        ];
        for (step, waits) in table {
            let steps = [step];
            let held = held_by_unanswered(Some(&record), &steps, None, RolloutKind::Deploy, ASKED);
            assert_eq!(held.is_some(), waits, "{steps:?}");
        }
        let steps = [update(None, other)];
        let held = |service: Option<&EcsService>, now| {
            held_by_unanswered(Some(&record), &steps, service, RolloutKind::Deploy, now).is_some()
        };
        // It runs what was asked for, by another deployment than before: that is its effect.
        assert!(!held(Some(&runs("ecs-svc/2", 2)), ASKED));
        assert!(held(Some(&runs("ecs-svc/1", 2)), ASKED));
        assert!(held(Some(&runs("ecs-svc/2", 1)), ASKED));
        assert!(held(None, ASKED.plus(UNANSWERED_FOR - std::time::Duration::from_secs(1))));
        assert!(!held(None, ASKED.plus(UNANSWERED_FOR)));
    }

    #[test]
    fn what_starts_a_deployment_is_not_asked_for_again_while_the_first_may_come_late() {
        let body = json!({"service": "api", "taskDefinition": arn(2).0});
        let mut record = asked(body);
        let steps = [update(Some(RevisionSource::Existing(arn(2))), json!({"service": "api"}))];
        let held = |record: &ServiceRecord, kind, now| {
            held_by_unanswered(Some(record), &steps, None, kind, now).is_some()
        };
        assert!(!held(&record, RolloutKind::Deploy, ASKED));
        if let Some(intent) = &mut record.intent {
            intent.no_answer = true;
        }
        assert!(held(&record, RolloutKind::Deploy, ASKED));
        assert!(!held(&record, RolloutKind::Deploy, ASKED.plus(UNANSWERED_FOR)));
        assert!(!held(&record, RolloutKind::RollBack, ASKED));
    }

    #[test]
    fn a_deployment_that_is_forced_is_not_asked_for_twice() {
        let body = json!({"service": "api", "forceNewDeployment": true});
        let held = held_by_unanswered(
            Some(&asked(body.clone())),
            &[update(None, body)],
            None,
            RolloutKind::Deploy,
            ASKED,
        );
        assert!(matches!(held, Some(Held::Unanswered { call: "UpdateService", asked_at: ASKED, .. })));
    }

    #[test]
    fn a_way_back_waits_only_for_what_could_undo_it() {
        let back = [update(Some(RevisionSource::Existing(arn(1))), json!({"service": "api"}))];
        let held = |body| held_by_unanswered(Some(&asked(body)), &back, None, RolloutKind::RollBack, ASKED);
        assert!(held(json!({"service": "api", "desiredCount": 3})).is_none());
        assert!(held(json!({"service": "api", "taskDefinition": arn(3).0})).is_some());
    }

    #[test]
    fn a_content_is_registered_again_only_when_the_first_can_t_arrive_any_more() {
        let mut record = ServiceRecord::default();
        let intent = Intent::of(IntentKind::Register, &Digest::from_tag("spec"), ASKED);
        record.intent = Some(Intent { content: Some(Digest::from_tag("one")), ..intent });
        // Another call was made since.
        record.set_intent_aside(ASKED);
        assert_eq!(record.intent, None);
        let held = |content, now| {
            registration_held_by_unanswered(Some(&record), &Digest::from_tag(content), now).is_some()
        };
        assert!(held("one", ASKED) && !held("other", ASKED));
        assert!(!held("one", ASKED.plus(UNANSWERED_FOR)));
        let mut later = record.clone();
        later.forget_what_is_too_late(ASKED.plus(UNANSWERED_FOR));
        assert_eq!(later, ServiceRecord::default());
    }
}
