//! What Git says, what was applied last, and what is live: who caused each difference.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::world::{Account, api, arn, environment, found, outcome, plan, revision, scaled, sign, steps};
use crate::model::{
    Applied, AppliedSpec, Deleted, Desired, DesiredService, Digest, Drift, EcsService, LastGood, Live,
    LiveService, ServiceRecord, Timestamp, tag,
};
use crate::plan::{Action, Kept, Past, Pasts, Plan, ServicePlan, Since, plan_service};

/// What the ledger keeps of a spec once it is applied, by commit `a`.
pub fn applied(desired: &DesiredService, number: usize) -> ServiceRecord {
    let applied = Applied {
        digest: desired.digest.clone(),
        task_definition_digest: desired.task_definition_digest.clone(),
        task_definition: arn(number),
        revision: "a".repeat(40),
        at: Timestamp(0),
        prune: None,
        spec: Some(AppliedSpec::of(desired)),
        looked_up: Vec::new(),
        kept_drift: Vec::new(),
    };
    ServiceRecord { applied: Some(applied), ..ServiceRecord::default() }
}

/// `path cause since`, one a line; a field that is told and stays begins with `=`.
fn told(plan: &ServicePlan) -> Vec<String> {
    let short = |commit: &str| commit.get(..1).unwrap_or_default().to_owned();
    let differences = found(plan).into_iter().map(|one| {
        let since = match &one.since {
            None => "-".to_owned(),
            Some(Since::Commit(commit)) => short(commit),
            Some(Since::AtLatest(commit)) => format!("..{}", short(commit)),
            Some(Since::LookedUp { source, version, before }) => format!("{source}: {before}, {version}"),
            Some(Since::ImageMoved(moved)) => moved.to_string(),
            Some(Since::NoCommit) => "no commit".to_owned(),
            Some(Since::Between { after, until }) => format!("{}..{}", short(after), short(until)),
        };
        let name = one.path.to_string().rsplit(['.', '[']).next().unwrap_or_default().to_owned();
        format!("{name} {:?} {since}", one.cause)
    });
    let quiet = plan.quiet.iter().filter(|one| one.kept.is_told());
    differences.chain(quiet.map(|one| format!("= {} {:?}", one.path, one.kept))).collect()
}

/// Somebody runs a revision of their own, with more memory.
fn put_by_hand(account: &mut Account) {
    let mut theirs = account.revisions[0].clone();
    theirs.arn = arn(2);
    theirs.body["memory"] = "1024".into();
    theirs.tags.clear();
    account.revisions.push(theirs);
    account.service()["taskDefinition"] = arn(2).0.into();
}

/// Plans commit `b`.
fn next(desired: &DesiredService, live: &LiveService, record: Option<&ServiceRecord>) -> ServicePlan {
    plan_service(
        desired,
        live,
        record,
        &environment(),
        super::world::INSTALLATION,
        &revision("b"),
        Timestamp(0),
    )
}

fn with_drift(policy: Drift) -> DesiredService {
    let mut desired = api();
    desired.sync.drift = policy;
    desired
}

#[test]
fn each_difference_tells_who_caused_it() {
    let before = scaled(api());
    let mut account = Account::running(&before);
    let mut desired = scaled(api());
    desired.service["healthCheckGracePeriodSeconds"] = 60.into();
    desired.service["enableExecuteCommand"] = true.into();
    if let Some(scaling) = &mut desired.scaling {
        scaling.max_capacity = 20;
    }
    sign(&mut desired);
    account.service()["propagateTags"] = "SERVICE".into();
    account.service()["enableExecuteCommand"] = json!(null);
    account.service()["healthCheckGracePeriodSeconds"] = 30.into();
    account.scaling.as_mut().unwrap().target["MinCapacity"] = 1.into();
    assert_eq!(
        told(&next(&desired, &account.look(), Some(&applied(&before, 1)))),
        [
            "enableExecuteCommand Git a..b",
            "healthCheckGracePeriodSeconds GitAndBehindOurBack a..b",
            "propagateTags BehindOurBack ..a",
            "maxCapacity Git a..b",
            "minCapacity BehindOurBack ..a",
        ]
    );
}

#[test]
fn a_revision_that_somebody_else_put_tells_git_s_changes_from_theirs() {
    let before = api();
    let mut account = Account::running(&before);
    put_by_hand(&mut account);
    let record = applied(&before, 1);
    assert_eq!(told(&next(&before, &account.look(), Some(&record))), ["memory BehindOurBack ..a"]);
    let mut desired = api();
    desired.task_definition["containerDefinitions"][0]["image"] = "jobs/api:2".into();
    sign(&mut desired);
    let mut live = account.look();
    live.applied = Some(account.revisions[0].clone());
    assert_eq!(told(&next(&desired, &live, Some(&record))), ["image Git a..b", "memory BehindOurBack ..a"]);
    // Without it nobody knows, and Git's wish is not held back for that.
    assert_eq!(told(&next(&desired, &account.look(), Some(&record))), ["image Git a..b", "memory Git a..b"]);
}

#[test]
fn without_a_ledger_the_service_s_tags_say_what_was_applied() {
    let before = api();
    let mut account = Account::running(&before);
    account.service()["desiredCount"] = 7.into();
    assert_eq!(told(&next(&before, &account.look(), None)), ["desiredCount BehindOurBack ..a"]);
    let mut desired = api();
    desired.task_definition["memory"] = "1024".into();
    sign(&mut desired);
    account.service()["desiredCount"] = 2.into();
    assert_eq!(told(&next(&desired, &account.look(), None)), ["memory Git a..b"]);
    account.untag(tag::MANAGED_BY);
    assert_eq!(told(&next(&desired, &account.look(), None)), ["memory Git -"]);
}

#[test]
fn a_field_that_left_git_is_told_from_one_that_was_never_ours() {
    let mut before = api();
    before.service["healthCheckGracePeriodSeconds"] = 60.into();
    before.service["availabilityZoneRebalancing"] = "ENABLED".into();
    sign(&mut before);
    let account = Account::running(&before);
    let desired = api();
    let plan = next(&desired, &account.look(), Some(&applied(&before, 1)));
    assert_eq!(
        told(&plan),
        ["healthCheckGracePeriodSeconds Git a..b", "= service.availabilityZoneRebalancing LeftInPlace"]
    );
    let mut adopted = Account::running(&desired);
    adopted.service()["availabilityZoneRebalancing"] = "ENABLED".into();
    let plan = next(&desired, &adopted.look(), Some(&applied(&desired, 1)));
    assert_eq!(outcome(&plan), "unchanged");
    assert_eq!(
        plan.quiet.iter().find(|one| one.live == Some(json!("ENABLED"))).unwrap().kept,
        Kept::NotMentioned
    );
}

#[test]
fn a_strategy_that_left_git_is_cleared_by_a_call() {
    let mut before = api();
    before.service.as_object_mut().unwrap().remove("launchType");
    before.service["capacityProviderStrategy"] = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
    sign(&mut before);
    let account = Account::running(&before);
    let mut desired = before.clone();
    desired.service.as_object_mut().unwrap().remove("capacityProviderStrategy");
    sign(&mut desired);
    assert_eq!(outcome(&next(&desired, &account.look(), None)), "TagResource");
    let plan = next(&desired, &account.look(), Some(&applied(&before, 1)));
    let Action::UpdateService { body, starts_deployment, .. } = &steps(&plan)[0].action else { panic!() };
    assert_eq!((&body["capacityProviderStrategy"], starts_deployment), (&json!([]), &true));
    assert_eq!(body["forceNewDeployment"], true);
}

#[test]
fn a_launch_type_that_a_strategy_replaces_is_not_left_in_place() {
    let before = api();
    let account = Account::running(&before);
    let mut desired = before.clone();
    desired.service.as_object_mut().unwrap().remove("launchType");
    desired.service["capacityProviderStrategy"] = json!([{"capacityProvider": "FARGATE", "weight": 1}]);
    sign(&mut desired);
    let plan = next(&desired, &account.look(), Some(&applied(&before, 1)));
    assert_eq!(told(&plan), ["FARGATE] Git a..b"]);
    assert!(plan.quiet.iter().any(|one| one.path.to_string() == "service.launchType"), "{:?}", plan.quiet);
}

#[test]
fn drift_that_may_stay_stays_while_git_s_change_goes_through() {
    let before = with_drift(Drift::Warn);
    let mut account = Account::running(&before);
    account.service()["desiredCount"] = 7.into();
    let record = applied(&before, 1);
    assert_eq!(outcome(&next(&before, &account.look(), Some(&record))), "held: DriftTolerated");
    let mut desired = with_drift(Drift::Warn);
    desired.service["healthCheckGracePeriodSeconds"] = 60.into();
    sign(&mut desired);
    let mixed = next(&desired, &account.look(), Some(&record));
    assert_eq!(told(&mixed), ["healthCheckGracePeriodSeconds Git a..b", "= service.desiredCount Tolerated"]);
    let Action::UpdateService { body, .. } = &steps(&mixed)[0].action else { panic!() };
    assert_eq!((&body["desiredCount"], &body["healthCheckGracePeriodSeconds"]), (&json!(null), &json!(60)));
    account.apply(&mixed);
    let after = next(&desired, &account.look(), Some(&applied(&desired, 1)));
    assert_eq!(outcome(&after), "held: DriftTolerated");
}

#[test]
fn an_ignored_field_of_a_task_definition_is_no_drift_that_is_held_for_our_own_tag() {
    let mut desired = with_drift(Drift::Warn);
    desired.sync.ignore.push("/taskDefinition/memory".to_owned());
    let mut account = Account::running(&desired);
    put_by_hand(&mut account);
    let record = applied(&desired, 1);
    let noting = next(&desired, &account.look(), Some(&record));
    assert_eq!(outcome(&noting), "TagResource");
    assert_eq!(told(&noting), ["reconciler/task-definition Git a..b"]);
    account.apply(&noting);
    assert_eq!(outcome(&next(&desired, &account.look(), Some(&record))), "unchanged");
}

#[test]
fn what_git_changed_as_well_is_no_drift_that_may_stay() {
    let before = with_drift(Drift::Ignore);
    let mut account = Account::running(&before);
    account.service()["desiredCount"] = 7.into();
    let mut desired = with_drift(Drift::Ignore);
    desired.service["desiredCount"] = 3.into();
    sign(&mut desired);
    let plan = next(&desired, &account.look(), Some(&applied(&before, 1)));
    assert_eq!(told(&plan), ["desiredCount GitAndBehindOurBack a..b"]);
    assert_eq!(outcome(&plan), "UpdateService, TagResource");
}

#[test]
fn drift_in_a_revision_goes_along_and_is_still_known_as_drift() {
    let before = with_drift(Drift::Warn);
    let mut account = Account::running(&before);
    put_by_hand(&mut account);
    let mut desired = with_drift(Drift::Warn);
    desired.task_definition["containerDefinitions"][0]["image"] = "jobs/api:2".into();
    sign(&mut desired);
    let mut live = account.look();
    live.applied = Some(account.revisions[0].clone());
    let mixed = next(&desired, &live, Some(&applied(&before, 1)));
    assert_eq!(told(&mixed), ["image Git a..b", "= taskDefinition.memory Tolerated"]);
    account.apply(&mixed);
    let running = account.revisions[2].clone();
    assert_eq!(
        (&running.body["memory"], &running.body["containerDefinitions"][0]["image"]),
        (&json!("1024"), &json!("jobs/api:2"))
    );
    let tag = EcsService(account.service().clone()).tag(tag::TASK_DEFINITION).map(str::to_owned);
    assert_eq!(tag.as_deref(), Some("api:3 +drift"));
    // Neither the tags nor the digest make the drift look like Git's wish.
    let record = applied(&desired, 3);
    let after = next(&desired, &account.look(), Some(&record));
    assert_eq!(outcome(&after), "held: DriftTolerated");
    assert_eq!(told(&after), ["memory BehindOurBack ..a"]);
    desired.sync.drift = Drift::Correct;
    let corrected = next(&desired, &account.look(), Some(&record));
    assert_eq!(outcome(&corrected), "RegisterTaskDefinition, UpdateService, TagResource");
    account.apply(&corrected);
    assert_eq!(outcome(&next(&desired, &account.look(), Some(&applied(&desired, 4)))), "unchanged");
}

/// An account in which somebody gave the running revision more memory by hand, and another commit then
/// went out around that.
fn with_kept_drift(policy: Drift) -> (DesiredService, Account, ServiceRecord) {
    let before = with_drift(policy);
    let mut account = Account::running(&before);
    let mut theirs = account.revisions[0].clone();
    theirs.arn = arn(2);
    theirs.body["memory"] = "1024".into();
    theirs.tags.clear();
    account.revisions.push(theirs);
    account.service()["taskDefinition"] = arn(2).0.into();
    let mut desired = with_drift(policy);
    desired.task_definition["containerDefinitions"][0]["image"] = "jobs/api:2".into();
    sign(&mut desired);
    let mut live = account.look();
    live.applied = Some(account.revisions[0].clone());
    let mixed = next(&desired, &live, Some(&applied(&before, 1)));
    account.apply(&mixed);
    let mut record = applied(&desired, 3);
    record.applied.as_mut().unwrap().kept_drift = mixed.kept_drift;
    (desired, account, record)
}

#[test]
fn drift_that_was_kept_in_a_revision_stays_through_later_commits_and_is_never_git_s() {
    let (mut desired, mut account, mut record) = with_kept_drift(Drift::Warn);
    for (number, image) in [(4, "jobs/api:3"), (5, "jobs/api:4")] {
        desired.task_definition["containerDefinitions"][0]["image"] = image.into();
        sign(&mut desired);
        let later = next(&desired, &account.look(), Some(&record));
        assert_eq!(told(&later), ["image Git a..b", "= taskDefinition.memory Tolerated"]);
        account.apply(&later);
        assert_eq!(account.revisions.last().unwrap().body["memory"], "1024");
        record = applied(&desired, number);
        record.applied.as_mut().unwrap().kept_drift = later.kept_drift;
        assert_eq!(outcome(&next(&desired, &account.look(), Some(&record))), "held: DriftTolerated");
    }
    // One that is about something else neither registers a revision nor forgets the drift.
    desired.service["desiredCount"] = 3.into();
    sign(&mut desired);
    let other = next(&desired, &account.look(), Some(&record));
    assert_eq!(outcome(&other), "UpdateService, TagResource");
    assert_eq!(told(&other), ["desiredCount Git a..b", "= taskDefinition.memory Tolerated"]);
    assert_eq!(other.kept_drift, record.applied.unwrap().kept_drift);
}

#[test]
fn drift_in_a_revision_goes_when_git_says_something_else_there_or_sync_drift_does() {
    let (mut desired, account, record) = with_kept_drift(Drift::Warn);
    let mut correct = desired.clone();
    correct.sync.drift = Drift::Correct;
    correct.digest = Digest::of(&json!("sync changed"));
    let set_back = next(&correct, &account.look(), Some(&record));
    assert_eq!(told(&set_back), ["memory BehindOurBack ..a"]);
    desired.task_definition["memory"] = "2048".into();
    sign(&mut desired);
    let plan = next(&desired, &account.look(), Some(&record));
    assert_eq!(told(&plan), ["memory GitAndBehindOurBack a..b"]);
    assert_eq!(outcome(&plan), "RegisterTaskDefinition, UpdateService, TagResource");
    assert_eq!(plan.kept_drift, []);
    // The commit that takes over what was done by hand ends it without a deployment.
    desired.task_definition["memory"] = "1024".into();
    sign(&mut desired);
    let taken_over = next(&desired, &account.look(), Some(&record));
    assert_eq!((outcome(&taken_over).as_str(), taken_over.kept_drift.len()), ("TagResource", 0));
}

#[test]
fn a_ledger_of_before_keeps_drift_in_a_revision_while_git_leaves_the_task_definition_alone() {
    let (mut desired, account, mut record) = with_kept_drift(Drift::Warn);
    record.applied.as_mut().unwrap().kept_drift = Vec::new();
    desired.service["desiredCount"] = 3.into();
    sign(&mut desired);
    let plan = next(&desired, &account.look(), Some(&record));
    assert_eq!(told(&plan), ["desiredCount Git a..b", "= taskDefinition.memory Tolerated"]);
    assert_eq!(plan.kept_drift.len(), 1);
}

#[test]
fn ignored_drift_is_no_change_and_only_told_where_somebody_asks() {
    let desired = with_drift(Drift::Ignore);
    let mut account = Account::running(&desired);
    account.service()["desiredCount"] = 7.into();
    for record in [Some(applied(&desired, 1)), None] {
        let plan = next(&desired, &account.look(), record.as_ref());
        assert_eq!((outcome(&plan).as_str(), told(&plan)), ("unchanged", Vec::new()));
        let quiet = plan.quiet.iter().find(|one| one.kept == Kept::IgnoredDrift).unwrap();
        assert_eq!((&quiet.live, &quiet.desired), (&Some(json!(7)), &Some(json!(2))));
        assert!(plan.ignores_drift());
    }
    // What Git changes goes out around it, as it does around drift that is told.
    let record = applied(&desired, 1);
    let mut later = desired.clone();
    later.service["healthCheckGracePeriodSeconds"] = 60.into();
    sign(&mut later);
    let plan = next(&later, &account.look(), Some(&record));
    assert_eq!(told(&plan), ["healthCheckGracePeriodSeconds Git a..b"]);
    let Action::UpdateService { body, .. } = &steps(&plan)[0].action else { panic!() };
    assert_eq!(body["desiredCount"], json!(null));
    // A commit that changes nothing of AWS's is noted, and ends with that.
    let mut noted = desired.clone();
    noted.digest = Digest::of(&json!("rollout changed"));
    let plan = next(&noted, &account.look(), Some(&record));
    assert_eq!(outcome(&plan), "TagResource");
    account.apply(&plan);
    assert_eq!(outcome(&next(&noted, &account.look(), Some(&applied(&noted, 1)))), "unchanged");
}

#[test]
fn a_service_that_somebody_deleted_is_told_even_where_drift_is_ignored() {
    let desired = with_drift(Drift::Ignore);
    let plan = next(&desired, &LiveService::absent(), Some(&applied(&desired, 1)));
    assert_eq!(outcome(&plan), "held: DriftTolerated");
}

#[test]
fn a_fix_after_a_roll_back_is_git_s_doing() {
    let good = api();
    let mut account = Account::running(&good);
    let mut bad = api();
    bad.task_definition["memory"] = "1024".into();
    bad.task_definition["containerDefinitions"][0]["image"] = "jobs/api:2".into();
    sign(&mut bad);
    account.apply(&plan(&bad, &account.look(), None));
    account.service()["taskDefinition"] = arn(1).0.into();
    let mut fix = bad.clone();
    fix.task_definition["containerDefinitions"][0]["image"] = "jobs/api:3".into();
    fix.sync.drift = Drift::Warn;
    sign(&mut fix);
    let mut record = applied(&bad, 2);
    record.last_good = Some(LastGood {
        digest: good.digest,
        task_definition: arn(1),
        deployment: None,
        settings: json!(null),
        spec: None,
        completed_at: Timestamp(0),
    });
    let plan = next(&fix, &account.look(), Some(&record));
    assert_eq!(told(&plan), ["image Git a..b", "memory Git a..b"]);
    assert_eq!(outcome(&plan), "RegisterTaskDefinition, UpdateService, TagResource");
}

#[test]
fn what_a_hand_changed_after_a_roll_back_is_not_put_down_to_git() {
    let good = api();
    let mut account = Account::running(&good);
    let mut bad = api();
    bad.task_definition["containerDefinitions"][0]["image"] = "jobs/api:2".into();
    sign(&mut bad);
    account.apply(&plan(&bad, &account.look(), None));
    account.service()["taskDefinition"] = arn(1).0.into();
    let mut record = applied(&bad, 2);
    record.last_good = Some(LastGood {
        digest: good.digest,
        task_definition: arn(1),
        deployment: None,
        settings: EcsService(account.service().clone()).deployed_settings(),
        spec: None,
        completed_at: Timestamp(0),
    });
    let groups = "/networkConfiguration/awsvpcConfiguration/securityGroups/0";
    *account.service().pointer_mut(groups).unwrap() = "sg-9".into();
    account.service()["desiredCount"] = 7.into();
    let mut fix = bad.clone();
    fix.task_definition["containerDefinitions"][0]["image"] = "jobs/api:3".into();
    sign(&mut fix);
    let told = told(&next(&fix, &account.look(), Some(&record)));
    assert_eq!(
        told,
        ["image Git a..b", "desiredCount BehindOurBack ..a", "securityGroups BehindOurBack ..a"]
    );
}

/// Commits `c`, `b`, `a`, the newest first, that asked for these.
fn pasts(specs: &[Option<&DesiredService>]) -> Pasts {
    let desired = |id: &str, service: &DesiredService| Desired {
        revision: revision(id),
        environment: environment(),
        services: BTreeMap::from([(service.key.clone(), service.clone())]),
        scheduled_tasks: BTreeMap::new(),
        images: Default::default(),
    };
    let past = |(id, service): (&str, &Option<&DesiredService>)| Past {
        commit: id.repeat(40),
        desired: service.map(|service| Arc::new(desired(id, service))),
    };
    Pasts { commits: ["c", "b", "a"].into_iter().zip(specs).map(past).collect(), before: None }
}

fn whole(service: ServicePlan) -> Plan {
    Plan {
        revision: revision("c"),
        environment: "production".to_owned(),
        region: "eu-west-1".to_owned(),
        cluster: "jobs".to_owned(),
        looked_up: Vec::new(),
        read_at: Timestamp(0),
        calls: 0,
        services: vec![service],
        schedules_left: Vec::new(),
    }
}

fn dated(pasts: &Pasts, service: ServicePlan) -> Vec<String> {
    let mut plan = whole(service);
    pasts.date(&mut plan);
    told(&plan.services[0])
}

#[test]
fn older_commits_say_which_of_them_changed_a_field() {
    let first = api();
    let mut second = api();
    second.task_definition["memory"] = "1024".into();
    sign(&mut second);
    let mut third = second.clone();
    third.service["enableExecuteCommand"] = true.into();
    sign(&mut third);
    let mut account = Account::running(&first);
    account.service()["propagateTags"] = "SERVICE".into();
    let plan = next(&third, &account.look(), Some(&applied(&first, 1)));
    let known = pasts(&[Some(&third), Some(&second), Some(&first)]);
    let expected = ["memory Git b", "enableExecuteCommand Git c", "propagateTags BehindOurBack ..a"];
    assert_eq!(dated(&known, plan.clone()), expected);
    // The manifests of the commit between were refused: it may have been that one or the next.
    let gap = pasts(&[Some(&third), None, Some(&first)]);
    assert_eq!(dated(&gap, plan)[0], "memory Git a..c");
}

#[test]
fn a_commit_whose_parent_was_applied_is_the_one_that_changed_it() {
    let before = api();
    let mut desired = api();
    desired.service["enableExecuteCommand"] = true.into();
    sign(&mut desired);
    let account = Account::running(&before);
    let plan = next(&desired, &account.look(), Some(&applied(&before, 1)));
    let mut known = pasts(&[Some(&desired)]);
    assert_eq!(dated(&known, plan.clone()), ["enableExecuteCommand Git a..b"]);
    known.before = Some("a".repeat(40));
    assert_eq!(dated(&known, plan), ["enableExecuteCommand Git c"]);
}

#[test]
fn without_a_ledger_an_older_commit_says_what_was_applied() {
    let before = api();
    let mut account = Account::running(&before);
    account.service()["desiredCount"] = 7.into();
    let mut desired = api();
    desired.service["enableExecuteCommand"] = true.into();
    sign(&mut desired);
    assert_eq!(
        told(&next(&desired, &account.look(), None)),
        ["desiredCount Git a..b", "enableExecuteCommand Git a..b"]
    );
    let mut records = BTreeMap::new();
    let live = Live { services: BTreeMap::from([(desired.key.clone(), account.look())]), ..Live::default() };
    pasts(&[Some(&desired), Some(&before)]).complete(&mut records, &live, super::world::INSTALLATION);
    assert_eq!(
        told(&next(&desired, &account.look(), records.get(&desired.key))),
        ["desiredCount BehindOurBack ..a", "enableExecuteCommand Git a..b"]
    );
}

#[test]
fn a_service_that_is_gone_although_it_was_applied_is_one_that_somebody_deleted() {
    let before = api();
    let mut later = api();
    later.service["desiredCount"] = 3.into();
    sign(&mut later);
    let record = applied(&before, 1);
    let was_deleted = |desired: &DesiredService, record: Option<&ServiceRecord>| {
        next(desired, &LiveService::absent(), record).was_deleted()
    };
    assert!(was_deleted(&before, Some(&record)) && was_deleted(&later, Some(&record)));
    // Not one that never was, nor one that we deleted ourselves.
    let deleted = Deleted { at: Timestamp(0), revision: "a".repeat(40), task_definition: None };
    let pruned = ServiceRecord { deleted: Some(deleted), ..ServiceRecord::default() };
    assert!(!was_deleted(&before, None) && !was_deleted(&before, Some(&pruned)));
    assert!(!next(&later, &Account::running(&before).look(), Some(&record)).was_deleted());
}

/// A spec with these tags on its service.
fn tagged(mut desired: DesiredService, tags: &[(&str, &str)]) -> DesiredService {
    desired.service["tags"] = tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    sign(&mut desired);
    desired
}

#[test]
fn a_tag_that_somebody_changed_is_told_from_one_that_git_changed() {
    let tags = [("team", "jobs"), ("cost", "1"), ("tier", "a")];
    let before = tagged(api(), &tags);
    let mut account = Account::running(&before);
    account.tag("team", "by hand");
    account.tag("tier", "by hand");
    account.tag("new", "by hand");
    let desired = tagged(api(), &[("team", "jobs"), ("cost", "2"), ("tier", "b"), ("new", "git")]);
    let plan = next(&desired, &account.look(), Some(&applied(&before, 1)));
    assert_eq!(
        told(&plan),
        ["team BehindOurBack ..a", "cost Git a..b", "tier GitAndBehindOurBack a..b", "new Git a..b"]
    );
    assert_eq!(told(&next(&before, &account.look(), Some(&applied(&before, 1)))).len(), 2);
}

#[test]
fn a_tag_that_may_stay_is_not_written_either() {
    let tags = [("team", "jobs"), ("cost", "1")];
    let before = tagged(with_drift(Drift::Warn), &tags);
    let mut account = Account::running(&before);
    account.tag("team", "by hand");
    let mut desired = tagged(with_drift(Drift::Warn), &[("team", "jobs"), ("cost", "2")]);
    let record = applied(&before, 1);
    let plan = next(&desired, &account.look(), Some(&record));
    assert_eq!(told(&plan), ["cost Git a..b", "= service.tags.team Tolerated"]);
    account.apply(&plan);
    let of = |account: &mut Account, key: &str| {
        EcsService(account.service().clone()).tag(key).map(str::to_owned).unwrap_or_default()
    };
    assert_eq!((of(&mut account, "team"), of(&mut account, "cost")), ("by hand".to_owned(), "2".to_owned()));
    // Nor is one that `sync.ignore` names.
    desired.sync.drift = Drift::Correct;
    desired.sync.ignore = vec!["/service/tags/team".to_owned()];
    desired.service["tags"][1]["value"] = "3".into();
    sign(&mut desired);
    account.apply(&next(&desired, &account.look(), Some(&record)));
    assert_eq!((of(&mut account, "team"), of(&mut account, "cost")), ("by hand".to_owned(), "3".to_owned()));
}

#[test]
fn a_tag_that_left_git_is_told_from_one_that_was_never_ours() {
    let before = tagged(api(), &[("team", "jobs"), ("gone", "1")]);
    let mut account = Account::running(&before);
    account.tag("theirs", "x");
    account.untag("gone");
    let desired = api();
    let plan = next(&desired, &account.look(), Some(&applied(&before, 1)));
    let left = plan.quiet.iter().find(|one| one.kept == Kept::LeftInPlace).unwrap();
    assert_eq!(left.path.to_string(), "service.tags.team");
    let rule =
        "it was Git's in aaaaaaa, which was applied last, and no longer is; to end it, untag the service";
    assert_eq!(left.rule, rule);
    let foreign: Vec<&str> = plan.quiet.iter().map(|one| one.rule.as_str()).collect();
    assert!(foreign.contains(&"Git does not mention theirs, so they are not ours"), "{foreign:?}");
    assert_eq!(plan.quiet.iter().filter(|one| one.kept.is_told()).count(), 1);
}
