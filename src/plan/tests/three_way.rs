//! What Git says, what was applied last, and what is live: who caused each difference.

use std::collections::BTreeMap;

use serde_json::json;

use super::world::{Account, api, arn, environment, found, outcome, plan, revision, scaled, sign, steps};
use crate::model::{
    Applied, AppliedSpec, Desired, DesiredService, Drift, EcsService, LastGood, Live, LiveService,
    ServiceRecord, Timestamp, tag,
};
use crate::plan::{Action, Kept, Past, Pasts, Plan, ServicePlan, Since, plan_service};

/// What the ledger keeps of a spec once it is applied, by commit `a`.
fn applied(desired: &DesiredService, number: usize) -> ServiceRecord {
    let applied = Applied {
        digest: desired.digest.clone(),
        task_definition_digest: desired.task_definition_digest.clone(),
        task_definition: arn(number),
        revision: "a".repeat(40),
        at: Timestamp(0),
        prune: None,
        spec: Some(AppliedSpec::of(desired)),
        looked_up: Vec::new(),
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
            Some(Since::Between { after, until }) => format!("{}..{}", short(after), short(until)),
        };
        let name = one.path.to_string().rsplit(['.', '[']).next().unwrap_or_default().to_owned();
        format!("{name} {:?} {since}", one.cause)
    });
    let quiet = plan.quiet.iter().filter(|one| one.kept.is_told());
    differences.chain(quiet.map(|one| format!("= {} {:?}", one.path, one.kept))).collect()
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
    // By hand: another revision, with more memory.
    let mut theirs = account.revisions[0].clone();
    theirs.arn = arn(2);
    theirs.body["memory"] = "1024".into();
    theirs.tags.clear();
    account.revisions.push(theirs);
    account.service()["taskDefinition"] = arn(2).0.into();
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
    let mut theirs = account.revisions[0].clone();
    theirs.arn = arn(2);
    theirs.body["memory"] = "1024".into();
    theirs.tags.clear();
    account.revisions.push(theirs);
    account.service()["taskDefinition"] = arn(2).0.into();
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
    let mut theirs = account.revisions[0].clone();
    theirs.arn = arn(2);
    theirs.body["memory"] = "1024".into();
    theirs.tags.clear();
    account.revisions.push(theirs);
    account.service()["taskDefinition"] = arn(2).0.into();
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
    };
    let past = |(id, service): (&str, &Option<&DesiredService>)| Past {
        commit: id.repeat(40),
        desired: service.map(|service| desired(id, service)),
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
    let plan = plan(&third, &account.look(), Some(&applied(&first, 1)));
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
