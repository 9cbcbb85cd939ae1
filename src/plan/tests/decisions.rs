//! What is decided about a service, and in which order the reasons count.

use serde_json::json;

use super::world::{
    Account, INSTALLATION, api, arn, changed_paths, found, outcome, plan, scaled, sign, steps,
};
use crate::model::{
    Applied, Digest, Drift, Failure, FieldPath, Gate, Intent, IntentKind, LastGood, Origin, Part, Quarantine,
    Rollout, RolloutKind, ServiceDeployment, ServiceDeploymentStatus, ServiceRecord, Timestamp, tag,
};
use crate::plan::{Action, Cause, Consequence, Explain, RevisionSource};

fn check(
    desired: &crate::model::DesiredService,
    account: &Account,
    record: Option<&ServiceRecord>,
    expected: &str,
) {
    assert_eq!(outcome(&plan(desired, &account.look(), record)), expected);
}

fn with_image(image: &str) -> crate::model::DesiredService {
    let mut desired = api();
    desired.task_definition["containerDefinitions"][0]["image"] = image.into();
    sign(&mut desired);
    desired
}

fn in_progress(account: &mut Account) {
    account.service()["deployments"][0]["rolloutState"] = "IN_PROGRESS".into();
}

fn rollout(kind: RolloutKind, digest: &Digest) -> Rollout {
    Rollout {
        kind,
        digest: digest.clone(),
        task_definition: arn(1),
        deployment: Some("ecs-svc/1".to_owned()),
        started_at: Timestamp(0),
        revision: "a".repeat(40),
        back_to: None,
        changes: Vec::new(),
        watched: crate::model::Watched::default(),
        course: None,
        values: Default::default(),
    }
}

fn record(rollout: Rollout) -> ServiceRecord {
    ServiceRecord { rollout: Some(rollout), ..ServiceRecord::default() }
}

fn quarantine(digest: &Digest) -> ServiceRecord {
    let failure =
        Failure::new(Timestamp(0), Gate::EcsCircuitBreaker, "container api exited 1 soon after start");
    let quarantine = Quarantine {
        digest: digest.clone(),
        task_definition: Some(arn(2)),
        deployment: Some("ecs-svc/2".to_owned()),
        revision: "b".repeat(40),
        failure,
        again: None,
        by: None,
        values: Default::default(),
    };
    ServiceRecord { quarantine: Some(quarantine), ..ServiceRecord::default() }
}

#[test]
fn a_new_service_is_registered_created_and_scaled_in_that_order() {
    check(
        &scaled(api()),
        &Account::default(),
        None,
        "RegisterTaskDefinition, CreateService, RegisterScalableTarget, PutScalingPolicy, PutScheduledAction",
    );
}

#[test]
fn a_revision_with_the_wanted_digest_is_not_registered_again() {
    let desired = api();
    let mut account = Account::running(&desired);
    account.service = None;
    let plan = plan(&desired, &account.look_for(&desired), None);
    assert_eq!(outcome(&plan), "CreateService");
    let Action::CreateService { task_definition, body } = &steps(&plan)[0].action else { panic!() };
    assert_eq!(*task_definition, RevisionSource::Existing(arn(1)));
    assert_eq!(body["taskDefinition"], arn(1).0);
}

#[test]
fn what_was_just_applied_needs_nothing_and_no_task_definition_is_read() {
    let desired = scaled(api());
    let mut live = Account::running(&desired).look();
    live.task_definition = Part::Absent;
    assert_eq!(outcome(&plan(&desired, &live, None)), "unchanged");
}

#[test]
fn a_new_commit_with_the_same_content_makes_no_call() {
    let desired = api();
    let live = Account::running(&desired).look();
    let again = crate::plan::plan_service(
        &desired,
        &live,
        None,
        &super::world::environment(),
        INSTALLATION,
        &super::world::revision("b"),
        Timestamp(0),
    );
    assert_eq!(outcome(&again), "unchanged");
}

#[test]
fn a_changed_image_is_a_revision_an_update_and_a_tag() {
    let account = Account::running(&api());
    let plan = plan(&with_image("jobs/api:2"), &account.look(), None);
    assert_eq!(outcome(&plan), "RegisterTaskDefinition, UpdateService, TagResource");
    assert_eq!(changed_paths(&plan), ["taskDefinition.containerDefinitions[api].image"]);
    assert_eq!(found(&plan)[0].consequence, Consequence::NewRevision);
    assert_eq!(found(&plan)[0].cause, Cause::Git);
    assert!(steps(&plan).iter().all(|step| step.because == [found(&plan)[0].path.clone()]));
}

#[test]
fn going_back_to_an_older_content_reuses_its_revision() {
    let (old, new) = (api(), with_image("jobs/api:2"));
    let mut account = Account::running(&old);
    account.apply(&plan(&new, &account.look(), None));
    let plan = plan(&old, &account.look_for(&old), None);
    assert_eq!(outcome(&plan), "UpdateService, TagResource");
    let Action::UpdateService { body, starts_deployment, .. } = &steps(&plan)[0].action else { panic!() };
    assert_eq!(body["taskDefinition"], arn(1).0);
    assert!(starts_deployment);
}

#[test]
fn a_service_of_nobody_with_equal_content_is_adopted_by_its_tags_alone() {
    let desired = api();
    let mut account = Account::running(&desired);
    account.service()["tags"] = json!([]);
    account.revisions[0].tags.clear();
    let plan = plan(&desired, &account.look(), None);
    assert_eq!(outcome(&plan), "TagResource");
    assert_eq!(changed_paths(&plan)[0], "service.tags.reconciler/managed-by");
}

#[test]
fn reasons_to_keep_hands_off_come_before_any_comparison() {
    let desired = with_image("jobs/api:2");
    let mut account = Account::running(&api());
    in_progress(&mut account);
    account.tag(tag::SUSPENDED, "incident 4711");
    let held = quarantine(&desired.digest);
    account.tag(tag::MANAGED_BY, "staging");
    account.service()["status"] = "DRAINING".into();
    let mut live = account.look();
    live.service = Part::Unreadable("access denied".to_owned());
    assert_eq!(outcome(&plan(&desired, &live, Some(&held))), "held: unreadable service, access denied");
    check(&desired, &account, Some(&held), "held: Draining");
    account.service()["status"] = "ACTIVE".into();
    check(&desired, &account, Some(&held), "held: not owned, the installation `staging`");
    account.tag(tag::MANAGED_BY, INSTALLATION);
    check(&desired, &account, Some(&held), "held: Suspended");
    account.untag(tag::SUSPENDED);
    check(&desired, &account, Some(&held), "held: Quarantined");
    check(&desired, &account, None, "held: RolloutInFlight");
    account.service()["deployments"][0]["rolloutState"] = "COMPLETED".into();
    check(&desired, &account, None, "RegisterTaskDefinition, UpdateService, TagResource");
}

#[test]
fn what_is_not_known_is_never_absent() {
    let desired = scaled(with_image("jobs/api:2"));
    let account = Account::running(&scaled(api()));
    let mut live = account.look();
    live.scaling = Part::Unreadable("throttled".to_owned());
    assert_eq!(outcome(&plan(&desired, &live, None)), "held: unreadable scaling, throttled");
    let mut live = account.look();
    live.task_definition = Part::Unreadable("throttled".to_owned());
    assert_eq!(outcome(&plan(&desired, &live, None)), "held: unreadable task definition api:1, throttled");
    live.task_definition = Part::Absent;
    assert_eq!(
        outcome(&plan(&desired, &live, None)),
        "held: unreadable task definition api:1, it was not read"
    );
}

#[test]
fn a_quarantined_digest_that_runs_as_wanted_is_left_in_peace() {
    let desired = api();
    check(&desired, &Account::running(&desired), Some(&quarantine(&desired.digest)), "unchanged");
}

#[test]
fn another_digest_than_the_quarantined_one_goes_out() {
    let desired = with_image("jobs/api:3");
    let record = quarantine(&with_image("jobs/api:2").digest);
    check(
        &desired,
        &Account::running(&api()),
        Some(&record),
        "RegisterTaskDefinition, UpdateService, TagResource",
    );
}

#[test]
fn a_fix_supersedes_our_own_rollout_but_nothing_else() {
    let mut account = Account::running(&api());
    in_progress(&mut account);
    let (fix, change) = (with_image("jobs/api:2"), "RegisterTaskDefinition, UpdateService, TagResource");
    let ours = rollout(RolloutKind::Deploy, &api().digest);
    check(&fix, &account, Some(&record(ours.clone())), change);
    check(&fix, &account, None, "held: RolloutInFlight");
    let same = rollout(RolloutKind::Deploy, &fix.digest);
    check(&fix, &account, Some(&record(same)), "held: RolloutInFlight");
    let back = rollout(RolloutKind::RollBack, &api().digest);
    check(&fix, &account, Some(&record(back)), "held: RolloutInFlight");

    let mut others = account.clone();
    others.service()["deployments"][0]["id"] = "ecs-svc/9".into();
    others.service()["deployments"][0]["taskDefinition"] = arn(9).0.into();
    check(&fix, &others, Some(&record(ours.clone())), "held: RolloutInFlight");

    let mut live = account.look();
    live.deployments = Part::Present(vec![ServiceDeployment {
        arn: "arn:sd".to_owned(),
        status: ServiceDeploymentStatus::RollbackInProgress,
        status_reason: String::new(),
        target_service_revision_arn: "arn/1".to_owned(),
        created_at: Timestamp(0),
        finished_at: None,
    }]);
    assert_eq!(outcome(&plan(&fix, &live, Some(&record(ours)))), "held: RolloutInFlight");
}

#[test]
fn a_service_that_was_just_made_and_does_not_show_yet_is_not_made_twice() {
    let rollout = record(rollout(RolloutKind::Deploy, &api().digest));
    check(&api(), &Account::default(), Some(&rollout), "held: RolloutInFlight");
    check(&api(), &Account::default(), None, "RegisterTaskDefinition, CreateService");
}

#[test]
fn what_starts_no_deployment_need_not_wait_for_one() {
    let mut desired = api();
    desired.service["desiredCount"] = 5.into();
    sign(&mut desired);
    let mut account = Account::running(&api());
    in_progress(&mut account);
    check(&desired, &account, None, "UpdateService, TagResource");
}

#[test]
fn an_older_deployment_still_draining_is_at_rest() {
    let mut account = Account::running(&api());
    account.service()["deployments"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": "ecs-svc/0", "status": "ACTIVE"}));
    let change = "RegisterTaskDefinition, UpdateService, TagResource";
    check(&with_image("jobs/api:2"), &account, None, change);
    account.service()["deployments"][0].as_object_mut().unwrap().remove("rolloutState");
    check(&with_image("jobs/api:2"), &account, None, "held: RolloutInFlight");
}

#[test]
fn a_count_changed_by_hand_is_drift_and_put_right_in_place() {
    let desired = api();
    let mut account = Account::running(&desired);
    account.service()["desiredCount"] = 7.into();
    let plan = plan(&desired, &account.look(), None);
    assert_eq!(outcome(&plan), "UpdateService");
    assert_eq!(found(&plan)[0].cause, Cause::BehindOurBack);
    let Action::UpdateService { body, starts_deployment, .. } = &steps(&plan)[0].action else { panic!() };
    assert_eq!(*body, json!({"cluster": "jobs", "service": "api", "desiredCount": 2}));
    assert!(!starts_deployment);
}

#[test]
fn drift_is_left_where_the_policy_says_so_and_a_commit_is_not() {
    let mut desired = api();
    desired.sync.drift = Drift::Warn;
    let mut account = Account::running(&desired);
    account.service()["desiredCount"] = 7.into();
    check(&desired, &account, None, "held: DriftTolerated");
    let mut next = with_image("jobs/api:2");
    next.sync.drift = Drift::Ignore;
    check(&next, &account, None, "RegisterTaskDefinition, UpdateService, TagResource");
}

#[test]
fn an_apply_that_was_cut_short_is_no_drift() {
    let mut desired = scaled(api());
    desired.sync.drift = Drift::Warn;
    let mut account = Account::running(&desired);
    account.scaling = None;
    let scale = "RegisterScalableTarget, PutScalingPolicy, PutScheduledAction";
    let intent = Intent::of(IntentKind::Scale, &desired.digest, Timestamp(0));
    let record = ServiceRecord { intent: Some(intent), ..ServiceRecord::default() };
    check(&desired, &account, Some(&record), scale);
    check(&desired, &account, None, "held: DriftTolerated");
}

#[test]
fn another_try_after_a_roll_back_is_no_drift() {
    let mut desired = with_image("jobs/api:2");
    desired.sync.drift = Drift::Warn;
    let mut account = Account::running(&api());
    account.apply(&plan(&desired, &account.look(), None));
    account.service()["taskDefinition"] = arn(1).0.into();
    check(&desired, &account, None, "held: DriftTolerated");
    let last_good = LastGood {
        digest: api().digest,
        task_definition: arn(1),
        deployment: None,
        settings: crate::model::Json::Null,
        spec: None,
        completed_at: Timestamp(0),
    };
    let record = ServiceRecord { last_good: Some(last_good), ..ServiceRecord::default() };
    let plan = plan(&desired, &account.look_for(&desired), Some(&record));
    assert_eq!(outcome(&plan), "UpdateService");
    assert_eq!(found(&plan)[0].cause, Cause::Git);
}

#[test]
fn a_difference_says_where_git_asks_for_it() {
    let mut desired = with_image("jobs/api:2");
    desired.task_definition["containerDefinitions"][0]["environment"][0]["value"] = "debug".into();
    sign(&mut desired);
    let container = FieldPath::root().field("taskDefinition").field("containerDefinitions").key("api");
    let written = [
        (container.clone(), 3),
        (container.field("image"), 5),
        (container.field("environment").key("LEVEL"), 7),
        (container.field("environment").key("LEVEL").field("value"), 9),
    ];
    let origin = |line| Origin { file: "api.yaml".into(), line, column: 1 };
    desired.origins = written.into_iter().map(|(path, line)| (path, origin(line))).collect();
    desired.task_definition["containerDefinitions"][0]["command"] = json!(["serve"]);
    let plan = plan(&desired, &Account::running(&api()).look(), None);
    let lines: Vec<String> = found(&plan)
        .iter()
        .map(|one| {
            format!(
                "{} {}",
                one.path.0.last().map(|last| format!("{last:?}")).unwrap(),
                one.origin.as_ref().unwrap()
            )
        })
        .collect();
    assert_eq!(
        lines,
        ["Field(\"command\") api.yaml:3", "Field(\"LEVEL\") api.yaml:9", "Field(\"image\") api.yaml:5",]
    );
}

#[test]
fn the_ledger_knows_drift_where_the_tag_is_gone() {
    let desired = api();
    let mut account = Account::running(&desired);
    account.untag(tag::DIGEST);
    account.service()["enableExecuteCommand"] = true.into();
    let applied = Applied {
        digest: desired.digest.clone(),
        task_definition_digest: desired.task_definition_digest.clone(),
        task_definition: arn(1),
        revision: "a".repeat(40),
        at: Timestamp(0),
        prune: None,
        spec: None,
        looked_up: Vec::new(),
        kept_drift: Vec::new(),
    };
    let record = ServiceRecord { applied: Some(applied), ..ServiceRecord::default() };
    assert_eq!(found(&plan(&desired, &account.look(), Some(&record)))[0].cause, Cause::BehindOurBack);
    assert_eq!(found(&plan(&desired, &account.look(), None))[0].cause, Cause::Git);
}

#[test]
fn a_revision_deployed_behind_our_back_is_replaced_by_ours() {
    let desired = api();
    let mut account = Account::running(&desired);
    let mut foreign = account.revisions[0].clone();
    foreign.arn = arn(2);
    foreign.tags.clear();
    foreign.body["containerDefinitions"][0]["image"] = "jobs/api:hotfix".into();
    account.revisions.push(foreign);
    account.service()["taskDefinition"] = arn(2).0.into();
    let plan = plan(&desired, &account.look_for(&desired), None);
    // The tags name the right revision already.
    assert_eq!(outcome(&plan), "UpdateService");
    assert_eq!(found(&plan)[0].cause, Cause::BehindOurBack);
    let Action::UpdateService { body, .. } = &steps(&plan)[0].action else { panic!() };
    assert_eq!(body["taskDefinition"], arn(1).0);
}

#[test]
fn what_ecs_cannot_change_is_held_with_its_fields() {
    let mut desired = api();
    desired.service["launchType"] = "EC2".into();
    desired.service["schedulingStrategy"] = "DAEMON".into();
    sign(&mut desired);
    let plan = plan(&desired, &Account::running(&api()).look(), None);
    assert_eq!(outcome(&plan), "held: NeedsReplacement");
    assert!(changed_paths(&plan).contains(&"service.launchType".to_owned()));
}

#[test]
fn the_number_of_tasks_is_not_ours_while_something_scales_it() {
    let desired = scaled(api());
    let mut account = Account::running(&desired);
    account.service()["desiredCount"] = 40.into();
    check(&desired, &account, None, "unchanged");
    // The target is somebody else's: Git says nothing of scaling.
    let plain = api();
    let mut account = Account::running(&plain);
    account.scaling = Some(crate::model::LiveScaling::default());
    account.service()["desiredCount"] = 9.into();
    check(&plain, &account, None, "unchanged");
}

#[test]
fn only_the_policy_that_differs_is_put() {
    let mut desired = scaled(api());
    let account = Account::running(&desired);
    let policy = desired.scaling.as_mut().unwrap().policies.get_mut("cpu").unwrap();
    policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] = 60.into();
    sign(&mut desired);
    let plan = plan(&desired, &account.look(), None);
    assert_eq!(outcome(&plan), "PutScalingPolicy, TagResource");
    assert_eq!(
        changed_paths(&plan),
        ["scaling.policies[cpu].TargetTrackingScalingPolicyConfiguration.TargetValue"]
    );
}

#[test]
fn an_ignored_field_is_neither_compared_nor_written() {
    let mut desired = with_image("jobs/api:2");
    desired.service["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = "ENABLED".into();
    desired.sync.ignore = vec![
        "/taskDefinition/containerDefinitions/api/image".to_owned(),
        "/taskDefinition/containerDefinitions/api/environment/LEVEL".to_owned(),
        "/service/desiredCount".to_owned(),
        "/service/networkConfiguration/awsvpcConfiguration/securityGroups".to_owned(),
    ];
    let mut before = api();
    before.service["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = json!(["sg-hand"]);
    before.task_definition["containerDefinitions"][0]["environment"][0]["value"] = "debug".into();
    sign(&mut before);
    let mut account = Account::running(&before);
    account.service()["desiredCount"] = 9.into();
    desired.task_definition["memory"] = "1024".into();
    sign(&mut desired);
    let plan = plan(&desired, &account.look(), None);
    assert_eq!(
        changed_paths(&plan),
        ["taskDefinition.memory", "service.networkConfiguration.awsvpcConfiguration.assignPublicIp"]
    );
    let steps = steps(&plan);
    let Action::RegisterTaskDefinition { body, .. } = &steps[0].action else { panic!() };
    assert_eq!(body["containerDefinitions"][0]["image"], "jobs/api:1");
    assert_eq!(body["containerDefinitions"][0]["environment"][0]["value"], "debug");
    let Action::UpdateService { body, .. } = &steps[1].action else { panic!() };
    assert_eq!(body["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"], json!(["sg-hand"]));
    assert!(body.get("desiredCount").is_none());
    assert!(plan.quiet.iter().any(|quiet| quiet.rule == "sync.ignore names it"));
}

#[test]
fn a_revision_with_the_wanted_digest_is_not_reused_where_a_field_in_it_is_to_be_left_alone() {
    let (old, new) = (api(), with_image("jobs/api:2"));
    let mut account = Account::running(&old);
    account.apply(&plan(&new, &account.look(), None));
    let mut back = old;
    back.task_definition["memory"] = "1024".into();
    back.sync.ignore = vec!["/taskDefinition/containerDefinitions/api/image".to_owned()];
    sign(&mut back);
    let mut live = account.look();
    live.reusable = Some(arn(1));
    let plan = plan(&back, &live, None);
    assert_eq!(outcome(&plan), "RegisterTaskDefinition, UpdateService, TagResource");
    let Action::RegisterTaskDefinition { body, .. } = &steps(&plan)[0].action else { panic!() };
    assert_eq!(body["containerDefinitions"][0]["image"], "jobs/api:2");
}

#[test]
fn a_digest_tag_of_another_owner_proves_nothing() {
    let desired = with_image("jobs/api:2");
    let mut account = Account::running(&api());
    let tags = &mut account.revisions[0].tags;
    tags.insert(tag::DIGEST.to_owned(), desired.task_definition_digest.to_string());
    tags.insert(tag::MANAGED_BY.to_owned(), "staging".to_owned());
    check(&desired, &account, None, "RegisterTaskDefinition, UpdateService, TagResource");
}

#[test]
fn a_default_that_somebody_changed_can_be_left_alone() {
    let mut desired = api();
    let mut account = Account::running(&desired);
    account.service()["deploymentConfiguration"]["maximumPercent"] = 150.into();
    check(&desired, &account, None, "UpdateService");
    desired.sync.ignore = vec!["/service/deploymentConfiguration/maximumPercent".to_owned()];
    check(&desired, &account, None, "unchanged");
}

#[test]
fn what_aws_lists_elsewhere_or_of_itself_is_read_where_it_stands() {
    let mut desired = api();
    desired.service["role"] = "ecsServiceRole".into();
    desired.service["volumeConfigurations"] =
        json!([{"name": "data", "managedEBSVolume": {"roleArn": "r", "sizeInGiB": 10}}]);
    sign(&mut desired);
    let mut account = Account::running(&desired);
    let service = account.service();
    let volumes = service.as_object_mut().unwrap().remove("volumeConfigurations").unwrap();
    service["deployments"][0]["volumeConfigurations"] = json!([volumes[0], {"name": "s3-files"}]);
    service.as_object_mut().unwrap().remove("role");
    service["roleArn"] = "arn:aws:iam::123456789012:role/ecsServiceRole".into();
    check(&desired, &account, None, "unchanged");
}

#[test]
fn a_service_waits_until_what_it_depends_on_is_settled() {
    use crate::model::{Desired, Live, ServiceKey};
    use crate::plan::Context;
    use std::collections::BTreeMap;

    let migrate = {
        let mut service = api();
        service.key = ServiceKey::new("migrate");
        service
    };
    let mut dependent = with_image("jobs/api:2");
    dependent.depends_on = vec![migrate.key.clone()];
    let mut desired = Desired {
        revision: super::world::revision("a"),
        environment: super::world::environment(),
        services: BTreeMap::from([
            (migrate.key.clone(), migrate.clone()),
            (dependent.key.clone(), dependent),
        ]),
        scheduled_tasks: BTreeMap::new(),
        images: Default::default(),
    };
    let records = BTreeMap::new();
    let context = Context { installation: INSTALLATION, records: &records, explain: Explain::Differences };
    let told = |desired: &Desired, live: &Live| {
        crate::plan::plan(desired, live, &context).services.iter().map(outcome).collect::<Vec<_>>()
    };
    let mut live = Live::default();
    assert_eq!(told(&desired, &live), ["held: unreadable service, it was not read"; 2]);
    live.services.insert(ServiceKey::new("api"), Account::running(&api()).look());
    live.services.insert(migrate.key.clone(), crate::model::LiveService::absent());
    assert_eq!(told(&desired, &live), ["held: WaitsFor", "RegisterTaskDefinition, CreateService"]);
    let mut migrated = Account::default();
    migrated.apply(&plan(&migrate, &migrated.look(), None));
    in_progress(&mut migrated);
    live.services.insert(migrate.key.clone(), migrated.look());
    assert_eq!(told(&desired, &live), ["held: WaitsFor", "unchanged"]);
    migrated.service()["deployments"][0]["rolloutState"] = "COMPLETED".into();
    live.services.insert(migrate.key.clone(), migrated.look());
    assert_eq!(told(&desired, &live)[0], "RegisterTaskDefinition, UpdateService, TagResource");
    // Drift that is to be left alone keeps nobody waiting.
    let key = ServiceKey::new("migrate");
    desired.services.get_mut(&key).unwrap().sync.drift = Drift::Warn;
    migrated.service()["desiredCount"] = 9.into();
    live.services.insert(key, migrated.look());
    assert_eq!(
        told(&desired, &live),
        ["RegisterTaskDefinition, UpdateService, TagResource", "held: DriftTolerated"]
    );
}

#[test]
fn what_is_quiet_by_rule_is_kept_only_to_be_explained() {
    use crate::model::{Desired, Live};
    use crate::plan::Context;
    use std::collections::BTreeMap;

    let api = api();
    let desired = Desired {
        revision: super::world::revision("a"),
        environment: super::world::environment(),
        services: BTreeMap::from([(api.key.clone(), api.clone())]),
        scheduled_tasks: BTreeMap::new(),
        images: Default::default(),
    };
    let mut live = Live::default();
    live.services.insert(api.key.clone(), Account::running(&api).look());
    let records = BTreeMap::new();
    let quiet = |explain| {
        let context = Context { installation: INSTALLATION, records: &records, explain };
        crate::plan::plan(&desired, &live, &context).services[0].quiet.len()
    };
    assert_eq!(quiet(Explain::Differences), 0);
    assert!(quiet(Explain::QuietFields) > 0);
}
