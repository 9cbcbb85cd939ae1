//! Services that left Git, decided one by one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::{Account, INSTALLATION, api, environment, revision};
use crate::model::{
    Applied, Desired, DesiredService, Environment, EnvironmentSync, Hook, HookDefinition, HookStage, Leaving,
    LiveScaling, LiveService, OpenHook, Part, ServiceKey, ServiceRecord, TaskDefinitionArn, Timestamp,
};
use crate::plan::{Decision, Departure, Ending, Held, PruneGuard, ServicePlan, Share, leaving, share};

const NOON: Timestamp = Timestamp(1_795_262_400_000);

fn minutes(number: i64) -> Timestamp {
    Timestamp(NOON.0 + number * 60_000)
}

fn record(prune: Option<bool>) -> ServiceRecord {
    let api = api();
    let applied = Applied {
        digest: api.digest,
        task_definition_digest: api.task_definition_digest,
        task_definition: TaskDefinitionArn("api:1".to_owned()),
        revision: "a".repeat(40),
        at: Timestamp(0),
        prune,
        spec: None,
        looked_up: Vec::new(),
        kept_drift: Vec::new(),
    };
    ServiceRecord { applied: Some(applied), ..ServiceRecord::default() }
}

fn begun() -> ServiceRecord {
    let leaving =
        Leaving { revision: "b".repeat(40), noticed_at: NOON, began_at: Some(NOON), replaces: false };
    ServiceRecord { leaving: Some(leaving), ..record(Some(true)) }
}

/// An environment that prunes, with one other service.
fn others(change: impl FnOnce(&mut DesiredService)) -> Desired {
    let mut other = api();
    other.key = ServiceKey::new("other");
    change(&mut other);
    let sync = EnvironmentSync { prune: true, ..EnvironmentSync::default() };
    Desired {
        revision: revision("c"),
        environment: Environment { sync, ..environment() },
        services: BTreeMap::from([(other.key.clone(), other)]),
        scheduled_tasks: BTreeMap::new(),
        images: Default::default(),
    }
}

/// The live service with these counts, as ECS tells it.
fn live(desired: i64, running: i64, pending: i64) -> LiveService {
    let mut account = Account::running(&api());
    account.service()["desiredCount"] = desired.into();
    account.service()["runningCount"] = running.into();
    account.service()["pendingCount"] = pending.into();
    account.look()
}

fn end(desired: &Desired, record: &ServiceRecord, live: &LiveService, now: Timestamp) -> Ending {
    let departure = Departure {
        key: &ServiceKey::new("api"),
        record,
        live,
        desired,
        installation: INSTALLATION,
        environment: &desired.environment.name,
        share: Share { going: 1, owned: 2, allowed: 1, percent: 20 },
        waits_for: None,
        now,
    };
    departure.plan()
}

/// The calls that are left, and those that are made now.
fn calls(ending: &Ending) -> (Vec<&'static str>, Vec<&'static str>) {
    let Ending::Planned { plan, now } = ending else { panic!("{ending:?}") };
    let Decision::Change { steps, .. } = &plan.decision else { panic!("{:?}", plan.decision) };
    let names = |steps: &[crate::plan::Step]| steps.iter().map(|step| step.action.call()).collect();
    (names(steps), names(now))
}

fn planned(ending: Ending) -> ServicePlan {
    match ending {
        Ending::Planned { plan, .. } => *plan,
        Ending::Gone => panic!("gone"),
    }
}

fn reason(ending: Ending) -> Held {
    match planned(ending).decision {
        Decision::Held { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_deletion_goes_step_by_step_and_never_before_the_last_task_has_stopped() {
    let desired = others(|_| ());
    let mut scaled = live(2, 2, 0);
    scaled.scaling = Part::Present(LiveScaling::default());
    let ending = end(&desired, &record(None), &scaled, NOON);
    let before = vec!["DeregisterScalableTarget", "UpdateService"];
    assert_eq!(calls(&ending), ([before.clone(), vec!["DeleteService"]].concat(), before));

    for (running, pending) in [(1, 0), (0, 1), (2, 3)] {
        let ending = end(&desired, &begun(), &live(0, running, pending), minutes(1));
        assert_eq!(calls(&ending), (vec!["DeleteService"], vec![]), "{running} {pending}");
    }
    let ending = end(&desired, &begun(), &live(0, 0, 0), minutes(1));
    assert_eq!(calls(&ending), (vec!["DeleteService"], vec!["DeleteService"]));
    // Somebody asked for tasks again meanwhile: they stop first.
    let ending = end(&desired, &begun(), &live(1, 0, 0), minutes(1));
    assert_eq!(calls(&ending), (vec!["UpdateService", "DeleteService"], vec!["UpdateService"]));
}

#[test]
fn a_daemon_service_has_no_count_to_lower() {
    let mut account = Account::running(&api());
    account.service()["schedulingStrategy"] = "DAEMON".into();
    account.service()["runningCount"] = 3.into();
    let ending = end(&others(|_| ()), &record(None), &account.look(), NOON);
    assert_eq!(calls(&ending), (vec!["DeleteService"], vec!["DeleteService"]));
}

#[test]
fn tasks_that_do_not_stop_in_time_are_told_and_waited_for() {
    let desired = others(|_| ());
    let still = live(0, 2, 0);
    assert_eq!(calls(&end(&desired, &begun(), &still, minutes(15))).1, Vec::<&str>::new());
    let guard = PruneGuard::StillRunning { tasks: 2, asked_at: NOON };
    assert_eq!(reason(end(&desired, &begun(), &still, minutes(16))), Held::NotPruned(guard));
    // However late, it ends when they have stopped.
    assert_eq!(calls(&end(&desired, &begun(), &live(0, 0, 0), minutes(600))).1, ["DeleteService"]);
}

#[test]
fn a_service_that_ecs_deletes_is_only_waited_for() {
    let mut account = Account::running(&api());
    account.service()["status"] = "DRAINING".into();
    let ending = end(&others(|_| ()), &begun(), &account.look(), minutes(1));
    assert_eq!(calls(&ending), (vec![], vec![]));
    assert!(matches!(end(&others(|_| ()), &begun(), &LiveService::absent(), minutes(1)), Ending::Gone));
}

#[test]
fn what_is_not_known_is_neither_gone_nor_deleted() {
    let mut unread = live(2, 2, 0);
    unread.scaling = Part::Unreadable("throttled".to_owned());
    let scaling = reason(end(&others(|_| ()), &begun(), &unread, NOON));
    assert!(matches!(scaling, Held::Unreadable { what, .. } if what == "scaling"));
    unread.service = Part::Unreadable("throttled".to_owned());
    let service = reason(end(&others(|_| ()), &begun(), &unread, NOON));
    assert!(matches!(service, Held::Unreadable { what, .. } if what == "service"));
}

#[test]
fn a_service_that_another_manifest_depends_on_stays() {
    let desired = others(|other| other.depends_on = vec![ServiceKey::new("api")]);
    let guard = PruneGuard::DependedOn { by: ServiceKey::new("other") };
    assert_eq!(reason(end(&desired, &record(None), &live(2, 2, 0), NOON)), Held::NotPruned(guard));
}

#[test]
fn a_hook_that_was_begun_has_its_time_to_end() {
    let hook = Hook {
        name: "migrate".to_owned(),
        definition: HookDefinition::OfTheService,
        run: serde_json::Value::Null,
        images: Vec::new(),
        timeout: std::time::Duration::from_secs(600),
        attempts: 1,
        stage: HookStage::Before,
        place: (1, 1),
        digest: api().digest,
        judged_by: Vec::new(),
    };
    let mut open = OpenHook::of(&hook, &api().digest, "a", 1, NOON);
    open.asked_at = Some(NOON);
    let record = ServiceRecord { hook: Some(open), ..record(None) };
    let at = |now| end(&others(|_| ()), &record, &live(2, 2, 0), now);
    assert_eq!(reason(at(minutes(9))), Held::HookRunning { hook: "migrate (1 of 1)".to_owned() });
    assert!(matches!(planned(at(minutes(10))).decision, Decision::Change { .. }));
}

#[test]
fn the_services_own_word_weighs_more_than_the_environments() {
    let going = |desired: &Desired, prune| {
        let plan = planned(end(desired, &record(prune), &live(2, 2, 0), NOON));
        matches!(plan.decision, Decision::Change { .. })
    };
    let mut desired = others(|_| ());
    assert_eq!([None, Some(true), Some(false)].map(|prune| going(&desired, prune)), [true, true, false]);
    desired.environment.sync.prune = false;
    assert_eq!([None, Some(true), Some(false)].map(|prune| going(&desired, prune)), [false, true, false]);
}

#[test]
fn a_service_that_was_never_applied_whole_has_said_nothing_and_stays() {
    let mut unfinished = begun();
    unfinished.applied = None;
    let plan = planned(end(&others(|_| ()), &unfinished, &live(2, 2, 0), NOON));
    assert!(matches!(plan.decision, Decision::Unchanged));
}

proptest! {
    /// However many leave: with the guard in force, no more begin than the share, but one always may.
    #[test]
    fn no_more_than_the_share_begins_at_once(owned in 1..40_usize, left in 0..40_usize, percent in 1..=100_u8) {
        let left = left.min(owned);
        let mut desired = others(|_| ());
        desired.environment.sync.prune_max_percent = percent;
        let key = |number: usize| ServiceKey::new(format!("s{number:03}"));
        desired.services =
            (left..owned).map(|number| (key(number), DesiredService { key: key(number), ..api() })).collect();
        let records: BTreeMap<_, _> = (0..owned).map(|number| (key(number), record(None))).collect();
        let share = share(&desired, &records);
        prop_assert_eq!((share.going, share.owned), (left, owned));
        let live = live(2, 2, 0);
        let begin = leaving(&desired, &records)
            .filter(|(key, record)| {
                let departure = Departure {
                    key, record, live: &live, desired: &desired, installation: INSTALLATION,
                    environment: &desired.environment.name, share, waits_for: None, now: NOON,
                };
                // The tag names `api`; whose it is has tests of its own.
                let ending = Departure { key: &ServiceKey::new("api"), ..departure }.plan();
                matches!(ending, Ending::Planned { now, .. } if !now.is_empty())
            })
            .count();
        let may = (owned * usize::from(percent) / 100).max(1);
        prop_assert!(begin <= may, "{begin} of {owned}, {percent} %");
        prop_assert_eq!(begin > 0, left > 0 && left <= may && left < owned);
    }
}

#[test]
fn a_closed_row_is_neither_ours_nor_leaving() {
    let deleted = crate::model::Deleted { at: NOON, revision: "b".repeat(40), task_definition: None };
    let closed = ServiceRecord { deleted: Some(deleted), ..ServiceRecord::default() };
    let records = BTreeMap::from([(ServiceKey::new("api"), closed)]);
    let desired = others(|_| ());
    assert_eq!(leaving(&desired, &records).count(), 0);
    assert_eq!(share(&desired, &records).owned, 0);
}
