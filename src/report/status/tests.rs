//! An environment in all its moods.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::model::{
    Again, Applied, Deleted, EcsService, HookStage, Json, LiveService, OpenHook, Part, Request,
};
use crate::plan::{Decision, Held, PruneGuard};
use crate::report::Colour;
use crate::report::example;

fn live_service(name: &str, revision: u32, running: i64, desired: i64) -> LiveService {
    let arn = example::arn(&format!("{name}:{revision}")).0;
    LiveService {
        service: Part::Present(EcsService(json!({
            "serviceName": name, "status": "ACTIVE", "taskDefinition": arn,
            "runningCount": running, "desiredCount": desired,
            "deployments": [{
                "id": "ecs-svc/3081", "status": "PRIMARY", "taskDefinition": arn,
                "rolloutState": "COMPLETED", "runningCount": running, "desiredCount": desired,
            }],
        }))),
        ..LiveService::absent()
    }
}

/// job-api drifted, job-migrate settled, job-search to be created, job-worker to be changed,
/// report-cron rolled back.
fn status_of(change: impl FnOnce(&mut Plan, &mut Live)) -> Status {
    let (mut plan, mut live) = (example::plan(), Live { read_at: example::READ_AT, ..Live::default() });
    for (name, service) in [
        ("job-api", live_service("job-api", 7, 3, 3)),
        ("job-migrate", live_service("job-migrate", 1, 1, 1)),
        ("job-search", LiveService::absent()),
        ("job-worker", live_service("job-worker", 41, 3, 3)),
        ("report-cron", live_service("report-cron", 41, 1, 1)),
    ] {
        live.services.insert(ServiceKey::new(name), service);
    }
    change(&mut plan, &mut live);
    let now = Timestamp(example::READ_AT.0 + 200_000);
    fold(&example::desired(), &live, &BTreeMap::new(), &plan, Timestamp(now.0 - 12_000), now)
}

fn hold(plan: &mut Plan, service: usize, reason: Held) {
    plan.services[service].decision = Decision::Held { reason, differences: Vec::new() };
}

fn service<'a>(status: &'a Status, name: &str) -> &'a ServiceStatus {
    status.services.iter().find(|service| service.service.name() == name).unwrap()
}

fn conditions(service: &ServiceStatus) -> Vec<String> {
    let show = |condition: &Condition| {
        format!("{}={} {}", condition.kind.name(), condition.truth.name(), condition.reason)
    };
    service.conditions.iter().map(show).collect()
}

fn text(status: &Status, show: Show) -> String {
    status_text(status, &StatusTextOptions { colour: Colour::Plain, show })
}

#[test]
fn what_needs_attention_comes_first() {
    let status = status_of(|plan, _| {
        hold(plan, 0, Held::Suspended { request: Box::new(Request::read("incident 4711")) });
    });
    insta::assert_snapshot!(text(&status, Show::Attention), @r#"
    production   main@4c1f9e2, seen 12 s ago · 5 services: 1 ready, 1 suspended, 2 reconciling, 1 rolled back

      RolledBack   report-cron   runs :41 (1/1), wants 7be1… (failed 2026-11-20 21:05)
                                 likely cause container worker exited 137: out of memory
                                 what we saw  3 tasks stopped in 86 s: worker exited 137, "OutOfMemoryError: Container killed due to memory usage"
                                 last words   worker  loading batch of 20
                                 ECS says     (service job-worker) deployment ecs-svc/3081 deployment failed: tasks failed to start.
                                 gate         ECS circuit breaker, 2026-11-20 21:05
                                 next         commit a change of report-cron, or `reconciler retry report-cron`
      Reconciling  job-search    new service, starts a deployment
      Reconciling  job-worker    runs :41 (3/3); new revision, starts a deployment
      Suspended    job-api       runs :7 (3/3); suspended, "incident 4711"; to go on: `reconciler resume job-api`, or remove the tag `reconciler/suspended` from the service
      Ready        job-migrate   runs :1 (1/1)
    "#);
}

#[test]
fn many_ready_services_are_counted_and_listed_on_demand() {
    let mut status = status_of(|_, _| ());
    let ready = service(&status, "job-migrate").clone();
    status.services = vec![ready; 12];
    let short = text(&status, Show::Attention);
    assert!(short.contains("12 services: 12 ready"), "{short}");
    assert!(short.ends_with("  Ready        job-migrate … and 11 more (--all)\n"), "{short}");
    assert_eq!(text(&status, Show::Everything).lines().count(), 14);
}

#[test]
fn a_rolled_back_service_is_healthy_and_not_ready() {
    let status = status_of(|_, _| ());
    assert_eq!(
        conditions(service(&status, "report-cron")),
        [
            "Ready=False Quarantined",
            "Healthy=True TasksRunning",
            "Drifted=False AsApplied",
            "RolledBack=True RolloutFailed",
        ]
    );
}

#[test]
fn a_failed_digest_that_still_runs_is_stalled_and_not_rolled_back() {
    let status = status_of(|_, live| {
        live.services.insert(ServiceKey::new("report-cron"), live_service("report-cron", 42, 0, 1));
    });
    let cron = service(&status, "report-cron");
    assert!(cron.is(ConditionKind::Stalled) && !cron.is(ConditionKind::RolledBack));
    assert_eq!(cron.condition(ConditionKind::Healthy).unwrap().truth, Truth::False);
}

#[test]
fn a_settled_service_has_no_passing_condition() {
    let status = status_of(|_, _| ());
    assert_eq!(
        conditions(service(&status, "job-migrate")),
        ["Ready=True Settled", "Healthy=True TasksRunning", "Drifted=False AsApplied"]
    );
}

#[test]
fn drift_is_named_while_it_is_being_corrected() {
    let status = status_of(|_, _| ());
    let api = service(&status, "job-api");
    assert!(api.is(ConditionKind::Drifted) && api.is(ConditionKind::Reconciling));
    assert_eq!(
        api.condition(ConditionKind::Drifted).unwrap().message,
        "changed behind our back: service.desiredCount"
    );
}

#[test]
fn a_service_that_cannot_be_read_is_unknown_and_never_absent() {
    let status = status_of(|plan, live| {
        let what = "the service".to_owned();
        hold(plan, 1, Held::Unreadable { what, why: "access denied".to_owned() });
        live.services.remove(&ServiceKey::new("job-migrate"));
    });
    assert_eq!(
        conditions(service(&status, "job-migrate")),
        [
            "Ready=Unknown Unreadable",
            "Healthy=Unknown Unreadable",
            "Drifted=Unknown Unreadable",
            "Stalled=True Unreadable"
        ]
    );
}

#[test]
fn unhealthy_targets_and_missing_tasks_are_unhealthy() {
    let status = status_of(|_, live| {
        let mut worker = live_service("job-migrate", 1, 3, 3);
        worker.target_health = Some((2, 3));
        live.services.insert(ServiceKey::new("job-migrate"), worker);
    });
    let migrate = service(&status, "job-migrate");
    assert_eq!(conditions(migrate)[..2], ["Ready=False TargetsUnhealthy", "Healthy=False TargetsUnhealthy"]);
    assert_eq!(migrate.conditions[1].message, "3 of 3 tasks running, 2 of 3 targets healthy");
}

#[test]
fn the_json_says_which_digest_is_held_and_why() {
    let json = status_json(&status_of(|_, _| ()));
    assert_eq!(json["version"], 1);
    assert_eq!(json["seenAt"], "2026-11-20T21:06:18.000Z");
    let services = json["services"].as_array().unwrap();
    let cron: &Json = services.iter().find(|service| service["service"] == "report-cron").unwrap();
    let quarantine = &cron["quarantine"];
    assert_eq!(quarantine["digest"], json!(example::digest()));
    assert_eq!(quarantine["exitCode"], 137);
    assert_eq!(quarantine["lastLine"], "loading batch of 20");
    assert_eq!(quarantine["at"], "2026-11-20T21:05:20.000Z");
    assert_eq!(cron["conditions"][0]["type"], "Ready");
    assert_eq!(cron["conditions"][0]["status"], "False");
}

fn overriding(text: &str) -> OverrideStatus {
    let overriding = crate::model::Overriding::read(text, example::READ_AT);
    OverrideStatus { overriding, message: "2..8 until 12:00 by an administrator".to_owned() }
}

fn carrying(text: &'static str) -> impl FnOnce(&mut Plan, &mut Live) {
    move |_, live| {
        let migrate = live.services.get_mut(&ServiceKey::new("job-migrate")).unwrap();
        let Part::Present(service) = &mut migrate.service else { panic!("absent") };
        service.0["tags"] = json!([{"key": "reconciler/scaling-override", "value": text}]);
    }
}

#[test]
fn an_override_is_a_condition_of_its_own_in_force_or_not() {
    let status = status_of(carrying("min=2 max=8 until=2026-11-21T12:00:00Z"));
    let migrate = service(&status, "job-migrate");
    assert_eq!(
        conditions(migrate),
        [
            "Ready=True Settled",
            "Healthy=True TasksRunning",
            "Drifted=False AsApplied",
            "Overridden=True ByAdministrator"
        ]
    );
    let shown = text(&status, Show::Attention);
    assert!(
        shown.contains(
            "  Overridden   job-migrate   runs :1 (1/1); 2..8 until 2026-11-21 12:00 by an administrator\n"
        ),
        "{shown}"
    );
    let status = status_of(carrying("min=9 max=8 until=2026-11-21T12:00:00Z"));
    assert!(conditions(service(&status, "job-migrate")).contains(&"Overridden=False NotHonoured".to_owned()));
    let json = status_json(&status);
    let services = json["services"].as_array().unwrap();
    let migrate = services.iter().find(|service| service["service"] == "job-migrate").unwrap();
    assert_eq!(migrate["override"]["honoured"], false);
    // One that has ended is the plan's business.
    let status = status_of(carrying("min=2 max=8 until=2026-11-20T12:00:00Z"));
    assert_eq!(service(&status, "job-migrate").overriding, None);
}

#[test]
fn a_service_that_left_git_is_shown_going_held_or_left_in_place() {
    let left = |decision: Decision| {
        status_of(move |plan, _| {
            plan.services[1].decision = decision;
            plan.services[1].left_git = Some(example::left_git());
            plan.services[1].quiet[0].rule = "prune is off".to_owned();
        })
    };
    let going = left(Decision::Change { differences: Vec::new(), steps: Vec::new() });
    let conditions_of = |status: &Status| conditions(service(status, "job-migrate"));
    assert_eq!(
        conditions_of(&going),
        [
            "Ready=False Deleting",
            "Healthy=True TasksRunning",
            "Drifted=False AsApplied",
            "Deleting=True LeftGit"
        ]
    );
    let share = example::left_git().share;
    let reason = Held::NotPruned(PruneGuard::TooMany(share));
    let held = left(Decision::Held { reason, differences: Vec::new() });
    assert_eq!(conditions_of(&held)[3], "Stalled=True PruneBlocked");
    let stays = left(Decision::Unchanged);
    assert_eq!(conditions_of(&stays)[0], "Ready=False LeftInPlace");
    assert!(text(&stays, Show::Attention).contains(
        "  LeftInPlace  job-migrate   runs :1 (1/1); left in place: left Git in 4c1f9e2, prune is off\n"
    ));
    assert_eq!(status_json(&stays)["services"][1]["leftGit"], json!(example::revision().id));
}

fn open_hook(stage: HookStage) -> OpenHook {
    OpenHook {
        name: "smoke".to_owned(),
        stage,
        place: (1, 2),
        digest: example::digest(),
        spec: example::digest(),
        revision: "4c1f9e2".to_owned(),
        since: example::READ_AT,
        run: 3,
        failures: 1,
        interruptions: 1,
        not_before: example::READ_AT,
        task_definition: None,
        asked_at: Some(example::READ_AT),
        task: None,
        seen_at: None,
        stopped_at: None,
        judged_by: Vec::new(),
        timeout_seconds: 600,
        attempts: 3,
    }
}

/// job-worker while a hook of it runs.
fn with_a_hook() -> Status {
    let (mut plan, mut live) = (example::plan(), Live { read_at: example::READ_AT, ..Live::default() });
    hold(&mut plan, 3, Held::HookRunning { hook: "smoke (1 of 2)".to_owned() });
    live.services.insert(ServiceKey::new("job-worker"), live_service("job-worker", 41, 3, 3));
    let record = ServiceRecord { hook: Some(open_hook(HookStage::After)), ..ServiceRecord::default() };
    let records = BTreeMap::from([(ServiceKey::new("job-worker"), record)]);
    fold(&example::desired(), &live, &records, &plan, example::READ_AT, example::READ_AT)
}

#[test]
fn a_hook_under_way_is_told_with_its_place() {
    let status = with_a_hook();
    let worker = service(&status, "job-worker");
    assert_eq!(
        conditions(worker),
        [
            "Ready=False HookRunning",
            "Healthy=True TasksRunning",
            "Drifted=False AsApplied",
            "Reconciling=True HookRunning"
        ]
    );
    let line = "Reconciling  job-worker    runs :41 (3/3); runs smoke (1 of 2)\n";
    assert!(text(&status, Show::Attention).contains(line), "{}", text(&status, Show::Attention));
    let json = status_json(&status);
    let services = json["services"].as_array().unwrap();
    let worker = services.iter().find(|service| service["service"] == "job-worker").unwrap();
    assert_eq!(
        worker["hook"],
        json!({"name": "smoke", "stage": "after", "since": "2026-11-20T21:03:10.000Z", "try": 2, "tries": 3,
            "task": null})
    );
}

/// job-api suspended, job-worker rolled back, job-search unreadable, report-cron at rest, digest a schedule.
fn nobody_knows_git() -> Status {
    let (mut live, mut records) = (Live { read_at: example::READ_AT, ..Live::default() }, BTreeMap::new());
    let applied = ServiceRecord {
        applied: Some(Applied {
            digest: example::digest(),
            task_definition_digest: example::digest(),
            task_definition: example::arn("job-worker:41"),
            revision: example::revision().id,
            at: example::READ_AT,
            prune: None,
            spec: None,
            looked_up: Vec::new(),
            kept_drift: Vec::new(),
        }),
        ..ServiceRecord::default()
    };
    for name in ["digest", "job-api", "job-search", "job-worker", "report-cron"] {
        let mut record = applied.clone();
        let mut service = live_service(name, 41, 3, 3);
        match (name, &mut service.service) {
            ("digest", _) => record.workload = Workload::ScheduledTask,
            ("job-worker", _) => record.quarantine = Some(example::quarantine(name)),
            ("job-search", part) => {
                *part = Part::Unreadable("access denied for ecs:DescribeServices".to_owned())
            }
            ("job-api", Part::Present(ecs)) => {
                ecs.0["tags"] = json!([{"key": "reconciler/suspended", "value": "incident 4711"}]);
            }
            _ => {}
        }
        live.services.insert(ServiceKey::new(name), service);
        records.insert(ServiceKey::new(name), record);
    }
    let deleted = Deleted { at: example::READ_AT, revision: String::new(), task_definition: None };
    records.insert(ServiceKey::new("gone"), ServiceRecord { deleted: Some(deleted), ..applied });
    live.schedules.insert(ServiceKey::new("digest"));
    let why = "error: unknown field `memroy`".to_owned();
    fold_without_git(&example::desired().environment, &live, &records, why, example::READ_AT)
}

#[test]
fn without_git_the_ledger_and_aws_are_told_and_nothing_is_called_ready() {
    let status = nobody_knows_git();
    insta::assert_snapshot!(text(&status, Show::Attention), @r#"
    production   what Git wants can't be told; the error says why · 4 services and 1 scheduled task: 3 unknown, 1 suspended, 1 rolled back

      RolledBack   job-worker    runs :41 (3/3), wants 7be1… (failed 2026-11-20 21:05)
                                 likely cause container worker exited 137: out of memory
                                 what we saw  3 tasks stopped in 86 s: worker exited 137, "OutOfMemoryError: Container killed due to memory usage"
                                 last words   worker  loading batch of 20
                                 ECS says     (service job-worker) deployment ecs-svc/3081 deployment failed: tasks failed to start.
                                 gate         ECS circuit breaker, 2026-11-20 21:05
                                 next         commit a change of job-worker, or `reconciler retry job-worker`
      Suspended    job-api       runs :41 (3/3); suspended, "incident 4711"; to go on: `reconciler resume job-api`, or remove the tag `reconciler/suspended` from the service
      Unknown      digest        what was applied last is from 4c1f9e2
      Unknown      job-search    access denied for ecs:DescribeServices; what was applied last is from 4c1f9e2
      Unknown      report-cron   runs :41 (3/3); what was applied last is from 4c1f9e2
    "#);
    assert_eq!(
        conditions(service(&status, "job-search")),
        ["Ready=Unknown GitUnknown", "Healthy=Unknown Unreadable", "Drifted=Unknown GitUnknown"]
    );
    let json = status_json(&status);
    assert_eq!(
        (&json["revision"], &json["gitUnknown"]),
        (&Json::Null, &json!("error: unknown field `memroy`"))
    );
    assert_eq!(json["services"][0]["digest"], Json::Null);
}

/// Taken back by Ada, and tried again as Bob asks.
fn with_another_try() -> Status {
    let again = Again { at: example::READ_AT, attempt: 2, of: Some(5), by: Some("bob".to_owned()) };
    let mut status = status_of(|_, _| ());
    let held = status.services.iter_mut().find_map(|service| service.quarantine.as_mut()).unwrap();
    (held.by, held.again) = (Some("ada".to_owned()), Some(again));
    status
}

#[test]
fn a_quarantine_tells_who_took_it_back_and_when_it_is_tried_again() {
    let quarantine = |status: &Status| {
        let json = status_json(status);
        let all = json["services"].as_array().unwrap();
        all.iter().find(|service| !service["quarantine"].is_null()).unwrap()["quarantine"].clone()
    };
    let told = quarantine(&with_another_try());
    assert_eq!(told["by"], "ada");
    let at = example::READ_AT.to_string();
    assert_eq!(told["again"], json!({"at": at, "attempt": 2, "of": 5, "by": "bob"}));
    let told = quarantine(&status_of(|_, _| ()));
    assert_eq!((&told["by"], &told["again"]), (&Json::Null, &Json::Null));
}

#[test]
fn every_member_is_documented() {
    let document = include_str!("../../../docs/status.md");
    let mut status = with_another_try();
    status.services[0].overriding = Some(overriding("min=9 max=8 until=2026-11-21T12:00:00Z"));
    let mut open = vec![status_json(&status), status_json(&with_a_hook())];
    while let Some(value) = open.pop() {
        match value {
            Json::Object(members) => {
                for (name, value) in members {
                    assert!(document.contains(&format!("`{name}`")), "{name} is not in docs/status.md");
                    open.push(value);
                }
            }
            Json::Array(items) => open.extend(items),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
}
