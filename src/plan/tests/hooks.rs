//! Which hooks go with a change, and what RunTask is sent for one.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{Account, INSTALLATION, api, arn, environment, plan, sign};
use crate::model::{
    Applied, DesiredService, Digest, Hook, HookDefinition, HookOutcome, HookStage, OpenHook, PastHook,
    ServiceRecord, TaskDefinitionArn, Timestamp, tag,
};
use crate::plan::{Held, HookRevision, RevisionSource, ServicePlan, register_hook, run_task};

fn hook(name: &str, stage: HookStage, definition: HookDefinition) -> Hook {
    Hook {
        name: name.to_owned(),
        stage,
        place: (1, 1),
        definition,
        run: json!({"launchType": "FARGATE"}),
        judged_by: vec![name.to_owned()],
        images: vec![format!("jobs/{name}:1")],
        timeout: Duration::from_secs(600),
        attempts: 1,
        digest: Digest::from_tag(&format!("content-of-{name}")),
    }
}

fn own() -> HookDefinition {
    let task_definition = json!({
        "family": "api-migrate", "containerDefinitions": [{"name": "migrate"}],
        "tags": [{"key": "team", "value": "jobs"}, {"key": "aws:x", "value": "no"}],
    });
    HookDefinition::Own { task_definition, digest: Digest::from_tag("definition") }
}

/// The usual service with a migration before its deployment and a test after it.
fn hooked() -> DesiredService {
    let mut desired = api();
    desired.rollout.before = vec![hook("migrate", HookStage::Before, own())];
    desired.rollout.after = vec![hook("smoke", HookStage::After, HookDefinition::OfTheService)];
    desired
}

fn changed(change: impl FnOnce(&mut DesiredService)) -> DesiredService {
    let mut desired = hooked();
    change(&mut desired);
    sign(&mut desired);
    desired
}

fn new_image() -> DesiredService {
    changed(|desired| desired.task_definition["containerDefinitions"][0]["image"] = "jobs/api:2".into())
}

fn new_count() -> DesiredService {
    changed(|desired| desired.service["desiredCount"] = 3.into())
}

fn names(plan: &ServicePlan) -> Vec<&str> {
    plan.hooks.before.iter().chain(&plan.hooks.after).map(|hook| hook.name.as_str()).collect()
}

fn applied() -> ServiceRecord {
    let applied = Applied {
        digest: Digest::from_tag("of-before"),
        task_definition_digest: Digest::from_tag("of-before"),
        task_definition: arn(1),
        revision: "a".repeat(40),
        at: Timestamp(0),
        prune: None,
        spec: None,
        looked_up: Vec::new(),
        kept_drift: Vec::new(),
    };
    ServiceRecord { applied: Some(applied), ..ServiceRecord::default() }
}

fn done(names: &[&str]) -> ServiceRecord {
    let mut record = applied();
    for name in names {
        record.note_hook(PastHook {
            name: (*name).to_owned(),
            digest: Digest::from_tag(&format!("content-of-{name}")),
            runs: 1,
            outcome: HookOutcome::Succeeded,
            at: Timestamp(0),
        });
    }
    record
}

#[test]
fn hooks_go_with_a_deployment_and_those_that_are_done_do_not() {
    let account = Account::running(&hooked());
    let due = |desired: &DesiredService, record: Option<&ServiceRecord>| {
        names(&plan(desired, &account.look(), record)).join(", ")
    };
    assert_eq!(names(&plan(&hooked(), &Account::default().look(), None)), ["migrate", "smoke"]);
    assert_eq!(due(&new_image(), Some(&applied())), "migrate, smoke");
    // Nobody remembers anything, and another revision goes out all the same.
    assert_eq!(due(&new_image(), None), "migrate, smoke");
    assert_eq!(due(&new_image(), Some(&done(&["migrate"]))), "smoke");
    assert_eq!(due(&new_image(), Some(&done(&["migrate", "smoke"]))), "");
    // In place: only what is new before it, and nothing after what is no deployment.
    assert_eq!(due(&new_count(), Some(&applied())), "migrate");
    assert_eq!(due(&new_count(), Some(&done(&["migrate"]))), "");
    // It runs already, and nothing is known of how that came about.
    assert_eq!(due(&new_count(), None), "");
    assert_eq!(due(&hooked(), None), "");
    let mut failed = done(&["smoke"]);
    failed.hooks[0].outcome = HookOutcome::Failed;
    assert_eq!(due(&new_image(), Some(&failed)), "migrate, smoke");
}

#[test]
fn a_spec_that_was_applied_once_had_its_hooks() {
    let desired = hooked();
    let mut account = Account::running(&desired);
    // Drift that takes a deployment to set right.
    account.service()["networkConfiguration"]["awsvpcConfiguration"]["subnets"] = json!(["subnet-9"]);
    let plan = plan(&desired, &account.look(), None);
    assert!(plan.hooks.before.is_empty());
}

#[test]
fn a_hook_of_the_services_own_revision_runs_the_one_that_the_plan_leads_to() {
    let mut desired = new_image();
    desired.rollout.before[0].definition = HookDefinition::OfTheService;
    let mut account = Account::running(&hooked());
    let runs = |account: &Account, desired: &DesiredService| {
        plan(desired, &account.look_for(desired), Some(&applied())).hooks.before[0].runs.clone()
    };
    let registered = HookRevision::OfTheService(RevisionSource::Registered);
    assert_eq!(runs(&account, &desired), registered);
    assert_eq!(plan(&desired, &Account::default().look(), None).hooks.before[0].runs, registered);
    // In place it is the one that runs.
    let mut in_place = new_count();
    in_place.rollout.before[0].definition = HookDefinition::OfTheService;
    assert_eq!(runs(&account, &in_place), HookRevision::OfTheService(RevisionSource::Existing(arn(1))));
    account.apply(&plan(&desired, &account.look(), Some(&applied())));
    account.apply(&plan(&hooked(), &account.look(), Some(&applied())));
    assert_eq!(runs(&account, &desired), HookRevision::OfTheService(RevisionSource::Existing(arn(2))));
    assert_eq!(plan(&new_image(), &account.look(), Some(&applied())).hooks.before[0].runs, HookRevision::Own);
}

#[test]
fn while_a_hook_runs_nothing_else_is_planned() {
    let desired = new_image();
    let account = Account::running(&hooked());
    let mut record = applied();
    let mut open = OpenHook::of(&desired.rollout.before[0], &desired.digest, "a", 1, Timestamp(0));
    record.hook = Some(open.clone());
    assert_eq!(names(&plan(&desired, &account.look(), Some(&record))), ["migrate", "smoke"]);
    open.asked_at = Some(Timestamp(0));
    record.hook = Some(open);
    let held = plan(&desired, &account.look(), Some(&record));
    let crate::plan::Decision::Held { reason, .. } = &held.decision else { panic!("{held:?}") };
    assert_eq!(*reason, Held::HookRunning { hook: "migrate (1 of 1)".to_owned() });
    assert!(names(&held).is_empty());
}

fn tags(body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    body["tags"].as_array().unwrap().iter().map(|tag| (text(&tag["key"]), text(&tag["value"]))).collect()
}

#[test]
fn a_task_is_asked_for_with_a_token_of_its_run_and_found_by_what_started_it() {
    let desired = hooked();
    let hook = &desired.rollout.before[0];
    let mut open = OpenHook::of(hook, &desired.digest, "4c1f9e2", 1, Timestamp(0));
    let revision =
        TaskDefinitionArn("arn:aws:ecs:eu-west-1:123456789012:task-definition/api-migrate:7".to_owned());
    let body = |open: &OpenHook| run_task(hook, open, &revision, &desired, &environment(), INSTALLATION);
    let first = body(&open);
    assert_eq!(first["launchType"], "FARGATE");
    assert_eq!(
        (&first["cluster"], &first["count"], &first["group"], &first["taskDefinition"]),
        (&json!("jobs"), &json!(1), &json!("reconciler:api"), &json!(revision.0))
    );
    assert_eq!(
        tags(&first),
        [
            ("team", "jobs"),
            (tag::MANAGED_BY, INSTALLATION),
            (tag::ID, "api"),
            (tag::HOOK, "migrate"),
            (tag::DIGEST, "content-of-migrate"),
            (tag::REVISION, "4c1f9e2"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    // Asked for once more it is the same to the letter, or ECS would take it for another request.
    open.asked_at = Some(Timestamp(5));
    open.interruptions = 2;
    assert_eq!(body(&open), first);
    open.again(Timestamp(9));
    let second = body(&open);
    assert_ne!(second["clientToken"], first["clientToken"]);
    assert_ne!(second["startedBy"], first["startedBy"]);
}

#[test]
fn a_hooks_definition_carries_the_tags_of_ours_that_every_revision_has() {
    let desired = hooked();
    let body = register_hook(&desired.rollout.before[0], &desired, INSTALLATION, "4c1f9e2", "jobs").unwrap();
    assert_eq!(body["family"], "api-migrate");
    let tags = tags(&body);
    assert!(tags.contains(&(tag::DIGEST.to_owned(), "definition".to_owned())), "{tags:?}");
    assert!(tags.contains(&(tag::ID.to_owned(), "api".to_owned())), "{tags:?}");
    assert!(tags.iter().all(|(key, _)| !key.starts_with("aws:")), "{tags:?}");
    assert!(register_hook(&desired.rollout.after[0], &desired, INSTALLATION, "4c1f9e2", "jobs").is_none());
}
