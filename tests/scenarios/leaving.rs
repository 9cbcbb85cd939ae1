//! Whole services that leave Git: drained, deleted and remembered, or held with the reason.

use std::time::Duration;

use reconciler::controller::{Next, Standing};
use reconciler::model::ServiceKey;
use reconciler::report::plan_json;
use serde_json::json;
use simulator::error::ApiError;
use simulator::faults::{Fault, Garbling};

use super::story::{hook, scaled, with_hooks};
use crate::world::{Memory, World, mutating, service, service_with};

const NONE: [&str; 0] = [];
const MINUTE: Duration = Duration::from_secs(60);
/// What deleting one plain service takes.
const DELETED: [&str; 2] = ["UpdateService", "DeleteService"];

fn key(name: &str) -> ServiceKey {
    ServiceKey::new(name)
}

/// A world that prunes, in which all of these are settled.
async fn pruning(manifests: &[String]) -> World {
    let mut world = World::new().await;
    world.environment = "sync: {prune: true}".to_owned();
    let wish = world.commit(manifests);
    world.settle(&wish).await;
    world.take_calls();
    world
}

fn held(standing: &Standing, name: &str) -> String {
    match &standing[&key(name)] {
        Next::Held(why) => why.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_left_git_is_drained_and_deleted_and_its_row_is_kept_as_history() {
    let mut world = pruning(&[service("api", "app:1"), scaled("old-worker", "app:1")]).await;
    let wish = world.commit(&[service("api", "app:1")]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 2 calls

    = api           nothing to do
    - old-worker    delete: left Git in 4c1f9e2
        may go: prune is on (Environment), both owner tags match, 1 of 2 services (up to 1 at once), nothing depends on it
        will: deregister scalable target, set desiredCount to 0, wait until 2 tasks have stopped, delete service
        begins when everything else has settled; task definitions stay

    1 to delete, 1 unchanged.
    "#);
    let standing = world.settle(&wish).await;
    assert_eq!(standing[&key("old-worker")], Next::Gone, "{}", world.told());
    let calls = mutating(&world.take_calls());
    assert_eq!(calls, ["DeregisterScalableTarget", "UpdateService", "DeleteService"]);
    insta::assert_snapshot!(world.told_since("left Git"), @r#"
    08:00:20  plan       old-worker: left Git in 4c1f9e2; will: deregister scalable target, set desiredCount to 0, wait until 2 tasks have stopped, delete service
    08:00:20  scale      old-worker no longer scales by Application Auto Scaling
    08:00:20  delete     old-worker -> 0 tasks; it is deleted when the last has stopped
    08:00:25  plan       old-worker: left Git in 4c1f9e2; will: delete service
    08:00:25  delete     old-worker is deleted; its task definitions stay
    08:00:30  settled    old-worker is gone, 10 s after its deletion began
    "#);

    assert_eq!(world.service("old-worker").await["status"], "INACTIVE");
    assert_eq!(world.revisions("old-worker").await, ["old-worker:1"]);
    let record = world.record("old-worker");
    let deleted = record.deleted.clone().unwrap();
    assert_eq!((deleted.revision, record.applied), (wish.revision.id.clone(), None));
    assert!(deleted.task_definition.is_some_and(|arn| arn.to_string() == "old-worker:1"));

    world.take_calls();
    // It is over: nobody looks at it again, and it is no part of the plan.
    assert_eq!(world.settle(&wish).await.keys().collect::<Vec<_>>(), [&key("api")]);
    assert_eq!(world.take_calls(), ["DescribeServices"]);
    assert!(!world.plan_text(&wish, Memory::Ledger).await.contains("old-worker"));
}

#[tokio::test(start_paused = true)]
async fn status_and_plan_show_it_going() {
    let mut world = pruning(&[service("api", "app:1"), service("old-worker", "app:1")]).await;
    let wish = world.commit(&[service("api", "app:1")]);
    let json = plan_json(&world.plan(&wish, Memory::Ledger).await);
    assert_eq!(
        json["leftGit"],
        json!([{
            "service": "old-worker", "kind": "Service", "revision": wish.revision.id, "stage": "going", "tasks": 2,
            "begun": false, "draining": false, "going": 1, "owned": 2, "allowed": 1,
        }])
    );
    let actions: Vec<_> = json["steps"].as_array().unwrap().iter().map(|it| it["action"].clone()).collect();
    assert_eq!(actions, ["UpdateService", "DeleteService"]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(2)).await;
    assert_eq!(world.service("old-worker").await["desiredCount"], 0, "{}", world.told());
    insta::assert_snapshot!(world.status(&wish).await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 2 services: 1 ready, 1 being deleted

      Deleting     old-worker    runs :1 (0/0); left Git in 4c1f9e2; will: delete service
      Ready        api           runs :1 (2/2)
    "#);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 2 calls

    = api           nothing to do
    - old-worker    delete: left Git in 4c1f9e2
        will: delete service

    1 to delete, 1 unchanged.
    "#);
}

#[tokio::test(start_paused = true)]
async fn with_pruning_off_it_is_left_in_place_and_told_once() {
    let mut world = World::new().await;
    let both = world.commit(&[service("api", "app:1"), service("old-worker", "app:1")]);
    world.settle(&both).await;
    let wish = world.commit(&[service("api", "app:1")]);
    let operator = world.operator().await;
    world.take_calls();
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE);
    assert_eq!(world.told().matches("it is left in place: prune is off").count(), 1, "{}", world.told());
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 1 call

    = api           nothing to do
    = old-worker    left in place: left Git in 4c1f9e2, prune is off
        to delete it: `sync.prune: true` in the Environment or, before it leaves, in its own manifest; or by hand

    Nothing to do, 1 unchanged, 1 left in place.
    "#);
    insta::assert_snapshot!(world.status(&wish).await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 2 services: 1 ready, 1 left in place

      LeftInPlace  old-worker    runs :1 (2/2); left in place: left Git in 4c1f9e2, prune is off
      Ready        api           runs :1 (2/2)
    "#);
    // It is no reason to fail a pipeline.
    let plan = world.plan(&wish, Memory::Ledger).await;
    assert_eq!((plan.changes().count(), plan.held().count()), (0, 0));

    // Turned on, it goes, and it is still told since when Git does without it.
    world.environment = "sync: {prune: true}".to_owned();
    let on = world.commit(&[service("api", "app:1")]);
    assert_eq!(world.settle_with(&operator, &on).await[&key("old-worker")], Next::Gone, "{}", world.told());
    assert_eq!(world.record("old-worker").deleted.unwrap().revision, wish.revision.id);
}

#[tokio::test(start_paused = true)]
async fn its_own_last_word_is_remembered_after_its_manifest_is_gone() {
    let mut world = World::new().await;
    let own = |word: &str| service_with("old-worker", "app:1", &format!("  sync: {{prune: {word}}}\n"));
    let both = world.commit(&[service("api", "app:1"), own("false")]);
    world.settle(&both).await;
    // The word alone changes nothing in AWS, and is noted all the same.
    let on = world.commit(&[service("api", "app:1"), own("true")]);
    world.take_calls();
    world.settle(&on).await;
    assert_eq!(mutating(&world.take_calls()), NONE);
    let gone = world.commit(&[service("api", "app:1")]);
    assert_eq!(world.settle(&gone).await[&key("old-worker")], Next::Gone, "{}", world.told());

    let mut world = pruning(&[service("api", "app:1"), own("false")]).await;
    let gone = world.commit(&[service("api", "app:1")]);
    assert_eq!(world.settle(&gone).await[&key("old-worker")], Next::Settled);
    assert_eq!(mutating(&world.take_calls()), NONE);
    assert!(world.told().contains("its own `sync.prune` was false"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_renamed_service_is_created_first_and_goes_only_when_the_new_one_has_settled() {
    let mut world = pruning(&[service("worker", "app:1")]).await;
    let wish = world.commit(&[service("job-worker", "app-slow:1")]);
    let standing = world.settle(&wish).await;
    assert_eq!(standing[&key("worker")], Next::Gone, "{}", world.told());
    let calls = mutating(&world.take_calls());
    assert_eq!(calls, ["RegisterTaskDefinition", "CreateService", "UpdateService", "DeleteService"]);
    let told = world.told();
    let settled = told.find("settled    job-worker").unwrap();
    assert!(settled < told.find("worker: left Git").unwrap(), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_renamed_service_that_does_not_come_up_keeps_the_old_one() {
    let mut world = pruning(&[service("worker", "app:1")]).await;
    let wish = world.commit(&[service("job-worker", "app:crash")]);
    let standing = world.settle(&wish).await;
    assert_eq!(standing[&key("worker")], Next::Waits(key("job-worker")), "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["RegisterTaskDefinition", "CreateService"]);
    assert_eq!(world.service("worker").await["runningCount"], 2);
    let text = world.plan_text(&wish, Memory::Ledger).await;
    assert!(text.contains("not deleted: waits for job-worker"), "{text}");

    let fixed = world.commit(&[service("job-worker", "app:2")]);
    assert_eq!(world.settle(&fixed).await[&key("worker")], Next::Gone, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn what_a_commit_asks_for_is_done_before_what_it_drops_goes() {
    let mut world = pruning(&[service("api", "app:1"), service("a-first", "app:1")]).await;
    let wish = world.commit(&[service("api", "app:2")]);
    world.settle(&wish).await;
    let calls = mutating(&world.take_calls());
    let update = ["RegisterTaskDefinition", "UpdateService", "TagResource"];
    assert_eq!(calls, [&update[..], &DELETED[..]].concat(), "{}", world.told());
}

/// Deletes `old-worker` for a while, then brings it back.
async fn comes_back(manifest: &str, after: Duration) -> (World, Vec<String>) {
    let mut world = pruning(&[service("api", "app:1"), manifest.to_owned()]).await;
    let operator = world.operator().await;
    let gone = world.commit(&[service("api", "app:1")]);
    world.run_for(&operator, &gone, after).await;
    assert!(world.record("old-worker").leaving.is_some_and(|it| it.began_at.is_some()), "{}", world.told());
    world.take_calls();
    let back = world.commit(&[service("api", "app:1"), manifest.to_owned()]);
    let standing = world.settle_with(&operator, &back).await;
    assert_eq!(standing[&key("old-worker")], Next::Settled, "{}", world.told());
    let calls = mutating(&world.take_calls());
    assert!(world.told().contains("is back in Git: its deletion is stopped"), "{}", world.told());
    assert!(!world.told().contains("behind our back"), "{}", world.told());
    tokio::time::sleep(MINUTE).await;
    assert_eq!(world.service("old-worker").await["runningCount"], 2, "{}", world.told());
    assert_eq!(world.record("old-worker").leaving, None);
    (world, calls)
}

#[tokio::test(start_paused = true)]
async fn a_service_that_comes_back_while_it_drains_gets_its_tasks_again() {
    let (world, calls) = comes_back(&service("old-worker", "app:1"), Duration::from_secs(2)).await;
    assert_eq!(calls, ["UpdateService"]);
    assert_eq!(world.service("old-worker").await["desiredCount"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_comes_back_when_ecs_deletes_it_already_is_made_again() {
    let (_, calls) = comes_back(&service("old-worker", "app:1"), Duration::from_secs(7)).await;
    assert_eq!(calls, ["CreateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_scaled_service_that_comes_back_while_it_drains_gets_its_target_again_too() {
    let (world, calls) = comes_back(&scaled("old-worker", "app:1"), Duration::from_secs(2)).await;
    let expected = ["UpdateService", "RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction"];
    assert_eq!(calls, expected);
    assert_eq!(world.bounds("old-worker").await, Some((2, 6)));
}

#[tokio::test(start_paused = true)]
async fn a_tolerant_service_that_comes_back_is_restored_all_the_same() {
    let tolerant =
        service_with("old-worker", "app:1", "  sync: {drift: warn, ignore: [/service/desiredCount]}\n");
    let (_, calls) = comes_back(&tolerant, Duration::from_secs(2)).await;
    assert_eq!(calls, ["UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_comes_back_after_its_end_is_made_again_from_its_revision() {
    for list_is_whole in [true, false] {
        let mut world = pruning(&[service("api", "app:1"), service("old-worker", "app:1")]).await;
        let gone = world.commit(&[service("api", "app:1")]);
        world.settle(&gone).await;
        world.take_calls();
        // The family's list may not show it.
        world.simulator.set_fault(Box::new(move |site| match site.operation.as_str() {
            "ListTaskDefinitions" if !list_is_whole => Fault::Garble(Garbling::ItemMissing),
            _ => Fault::None,
        }));
        let back = world.commit(&[service("api", "app:1"), service("old-worker", "app:1")]);
        assert_eq!(world.settle(&back).await[&key("old-worker")], Next::Settled, "{}", world.told());
        assert_eq!(mutating(&world.take_calls()), ["CreateService"]);
        let record = world.record("old-worker");
        assert_eq!((record.deleted, record.leaving), (None, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_migration_is_not_run_again_for_a_service_that_comes_back() {
    let migrated = with_hooks("app:1", &[hook("migrate", "migrate-once:1", "")], &[]);
    let mut world = pruning(&[service("other", "app:1"), migrated.clone()]).await;
    let gone = world.commit(&[service("other", "app:1")]);
    assert_eq!(world.settle(&gone).await[&key("api")], Next::Gone, "{}", world.told());
    world.take_calls();
    let back = world.commit(&[service("other", "app:1"), migrated]);
    assert_eq!(world.settle(&back).await[&key("api")], Next::Settled, "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["CreateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_service_is_not_deleted_until_the_tag_is_gone() {
    let mut world = pruning(&[service("api", "app:1"), service("old-worker", "app:1")]).await;
    world.tag("old-worker", "reconciler/suspended", "incident 4711").await;
    world.take_calls();
    let wish = world.commit(&[service("api", "app:1")]);
    let standing = world.settle(&wish).await;
    assert!(held(&standing, "old-worker").contains("suspended, \"incident 4711\""));
    assert_eq!(mutating(&world.take_calls()), NONE);
    world.untag("old-worker", "reconciler/suspended").await;
    assert_eq!(world.settle(&wish).await[&key("old-worker")], Next::Gone);
}

#[tokio::test(start_paused = true)]
async fn without_both_owner_tags_nothing_is_deleted() {
    for (name, value, why) in [
        (
            "reconciler/managed-by",
            Some("blue"),
            "its tag `reconciler/managed-by` is `blue`, not `reconciler`",
        ),
        ("reconciler/managed-by", None, "it has no tag `reconciler/managed-by`"),
        ("reconciler/id", Some("worker"), "its tag `reconciler/id` is `worker`, not `old-worker`"),
        ("reconciler/id", None, "it has no tag `reconciler/id`"),
    ] {
        let mut world = pruning(&[service("api", "app:1"), service("old-worker", "app:1")]).await;
        match value {
            Some(value) => world.tag("old-worker", name, value).await,
            None => world.untag("old-worker", name).await,
        }
        world.take_calls();
        let wish = world.commit(&[service("api", "app:1")]);
        let standing = world.settle(&wish).await;
        assert!(held(&standing, "old-worker").contains(why), "{}", held(&standing, "old-worker"));
        assert_eq!(mutating(&world.take_calls()), NONE);
        // Blocked, and plan's exit code says so.
        assert_eq!(world.plan(&wish, Memory::Ledger).await.held().count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_the_share_at_once_is_held_as_a_whole() {
    let names: Vec<String> = (0..10).map(|number| format!("s{number}")).collect();
    let manifests: Vec<String> = names.iter().map(|name| service(name, "app:1")).collect();
    let mut world = pruning(&manifests).await;
    let three_gone = world.commit(&manifests[3..]);
    let standing = world.settle(&three_gone).await;
    for name in &names[..3] {
        let why = held(&standing, name);
        assert!(why.contains("3 of 10 would go at once, and 20 % may: 2"), "{why}");
        assert!(why.contains("raise `sync.pruneMaxPercent`"), "{why}");
    }
    assert_eq!(mutating(&world.take_calls()), NONE);
    insta::assert_snapshot!(world.plan_text(&three_gone, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 2 calls

    ! s0            held: left Git in 4c1f9e2, not deleted: 3 of 10 would go at once, and 20 % may: 2
        if that is meant, let them leave Git in several commits, or raise `sync.pruneMaxPercent` of the Environment
    ! s1            held: left Git in 4c1f9e2, not deleted: 3 of 10 would go at once, and 20 % may: 2
        if that is meant, let them leave Git in several commits, or raise `sync.pruneMaxPercent` of the Environment
    ! s2            held: left Git in 4c1f9e2, not deleted: 3 of 10 would go at once, and 20 % may: 2
        if that is meant, let them leave Git in several commits, or raise `sync.pruneMaxPercent` of the Environment

    3 held, 7 unchanged.
    "#);

    // Two may go; those of the commit before count as well, until somebody brings one back.
    let two_gone = world.commit(&manifests[2..]);
    let standing = world.settle(&two_gone).await;
    assert_eq!((&standing[&key("s0")], &standing[&key("s1")]), (&Next::Gone, &Next::Gone));
    // What is meant may be said.
    world.environment = "sync: {prune: true, pruneMaxPercent: 50}".to_owned();
    let three_more = world.commit(&manifests[5..]);
    world.settle(&three_more).await;
    assert_eq!(world.service("s4").await["status"], "INACTIVE", "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_somebody_deleted_by_hand_is_closed_without_a_call() {
    let mut world = pruning(&[service("api", "app:1"), service("old-worker", "app:1")]).await;
    let force = json!({"cluster": "jobs", "service": "old-worker", "force": true});
    world.ecs("DeleteService", force).await;
    world.take_calls();
    let wish = world.commit(&[service("api", "app:1")]);
    assert_eq!(world.settle(&wish).await[&key("old-worker")], Next::Gone, "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), NONE);
    assert!(world.record("old-worker").deleted.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_iam_denies_is_told_and_tried_again() {
    let mut world = pruning(&[service("api", "app:1"), service("old-worker", "app:1")]).await;
    let wish = world.commit(&[service("api", "app:1")]);
    let operator = world.operator().await;
    world.simulator.set_fault(Box::new(|site| match site.operation.as_str() {
        "DeleteService" => Fault::RefuseBefore(ApiError::new("AccessDeniedException", "no")),
        _ => Fault::None,
    }));
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert!(world.told().contains("access denied for ecs:DeleteService"), "{}", world.told());
    world.simulator.clear_fault();
    assert_eq!(world.settle_with(&operator, &wish).await[&key("old-worker")], Next::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_service_left_in_place_costs_a_place_in_a_batch() {
    let mut world = World::new().await;
    let manifests: Vec<String> = (0..9).map(|number| service(&format!("s{number}"), "app:1")).collect();
    let all = world.commit(&[&manifests[..], &[service("old", "app:1")]].concat());
    world.settle(&all).await;
    let wish = world.commit(&manifests);
    let operator = world.operator().await;
    world.settle_with(&operator, &wish).await;
    world.take_calls();
    world.run_for(&operator, &wish, Duration::from_secs(59)).await;
    // Looked at first when all the others have settled, then in one batch with them.
    assert_eq!(world.take_calls(), ["DescribeServices", "DescribeServices", "DescribeServices"]);
}

/// The end of a scaled service, with something going wrong at the operator's `at`-th call.
async fn disturbed(at: usize, fault: Fault, kill: bool) -> World {
    let mut world = pruning(&[service("api", "app:1"), scaled("old-worker", "app:1")]).await;
    let wish = world.commit(&[service("api", "app:1")]);
    let operator = world.operator().await;
    if kill {
        world.kill_at(operator, &wish, at, fault).await;
    } else {
        let mut number = 0;
        world.simulator.set_fault(Box::new(move |_| {
            number += 1;
            if number - 1 == at { fault.clone() } else { Fault::None }
        }));
        world.settle_with(&operator, &wish).await;
        world.simulator.clear_fault();
        drop(operator);
    }
    world.settle(&wish).await;
    world
}

async fn converges(kill: bool, faults: &[Fault]) {
    let undisturbed = disturbed(usize::MAX, Fault::None, kill).await;
    let calls = undisturbed.take_calls();
    assert!(calls.len() >= 8, "{calls:?}");
    for (at, call) in calls.iter().enumerate() {
        for fault in faults {
            let world = disturbed(at, fault.clone(), kill).await;
            let told = world.told();
            assert_eq!(world.service("old-worker").await["status"], "INACTIVE", "{fault:?} {call}: {told}");
            assert_eq!(world.bounds("old-worker").await, None, "{fault:?} {call}: {told}");
            assert!(world.record("old-worker").deleted.is_some(), "{fault:?} {call}: {told}");
            assert_eq!(world.service("api").await["runningCount"], 2, "{fault:?} {call}: {told}");
            let deleted = world.take_calls().iter().filter(|it| *it == "DeleteService").count();
            assert!(deleted <= 2, "{fault:?} {call}: {deleted} times");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_deletion_it_converges() {
    converges(true, &[Fault::NeverApply, Fault::NeverAnswer]).await;
}

#[tokio::test(start_paused = true)]
async fn throttled_failed_or_unanswered_at_any_call_of_a_deletion_it_converges() {
    let mut error = ApiError::new("ServerException", "Something went wrong.");
    error.status = 500;
    converges(false, &[Fault::Throttle, Fault::NeverAnswer, Fault::FailAfter(error)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_deletes_for_the_newest_commit_alone() {
    let mut world = pruning(&[service("api", "app:1"), service("old-worker", "app:1")]).await;
    let gone = world.commit(&[service("api", "app:1")]);
    let back = world.commit(&[service("api", "app:1"), service("old-worker", "app:1")]);
    let operator = world.operator().await;
    // The look that the commit without it asks for takes so long that it is back meanwhile.
    let mut looks = 0;
    world.simulator.set_fault(Box::new(move |site| {
        looks += usize::from(site.operation == "DescribeServices");
        if site.operation == "DescribeServices" && looks == 2 { Fault::NeverAnswer } else { Fault::None }
    }));
    let second = Duration::from_secs(1);
    world.run_through(&operator, &[(gone, second), (back, 5 * MINUTE)]).await;
    world.simulator.clear_fault();
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    let gone = world.commit(&[service("api", "app:1")]);
    world.run_through(&operator, &[(gone, 10 * MINUTE)]).await;
    assert_eq!(mutating(&world.take_calls()), DELETED, "{}", world.told());
}
