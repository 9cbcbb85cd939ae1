//! What each difference would do, and what ECS would not do.

use serde_json::{Value, json};

use super::world::{Account, api, found, outcome, plan, sign};
use crate::model::DesiredService;
use crate::plan::{Consequence, Kept};

/// Changes the usual service, live and in Git, and tells each difference: `launchType NeedsReplacement`.
fn weighed(live: impl Fn(&mut Value), git: impl Fn(&mut Value)) -> (String, Vec<String>) {
    let mut account = Account::running(&api());
    live(account.service());
    let mut desired = api();
    git(&mut desired.service);
    sign(&mut desired);
    let plan = plan(&desired, &account.look(), None);
    let told = found(&plan).into_iter().map(|one| {
        assert_eq!(
            one.why.is_some(),
            matches!(one.consequence, Consequence::Refused | Consequence::NeedsReplacement),
        );
        format!("{} {:?}", one.path.to_string().trim_start_matches("service."), one.consequence)
    });
    let told = told.collect();
    (outcome(&plan), told)
}

fn check(live: impl Fn(&mut Value), git: impl Fn(&mut Value), expected: (&str, &[&str])) {
    let (outcome, told) = weighed(live, git);
    assert_eq!(
        (outcome.as_str(), told.iter().map(String::as_str).collect::<Vec<_>>()),
        (expected.0, expected.1.to_vec())
    );
}

const UPDATE: &str = "UpdateService, TagResource";
const REFUSED: &str = "held: RefusedByEcs";
const REPLACE: &str = "held: NeedsReplacement";

fn same(_: &mut Value) {}

#[test]
fn a_deployment_controller_changes_only_the_ways_that_ecs_allows() {
    let to = |kind: &'static str| {
        move |service: &mut Value| service["deploymentController"] = json!({"type": kind})
    };
    check(same, to("EXTERNAL"), (UPDATE, &["deploymentController.type InPlace"]));
    check(same, to("CODE_DEPLOY"), (REPLACE, &["deploymentController.type NeedsReplacement"]));
    let breaker = |live: &mut Value| {
        live["deploymentConfiguration"] =
            json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}})
    };
    let keep = |service: &mut Value| {
        service["deploymentController"] = json!({"type": "EXTERNAL"});
        service["deploymentConfiguration"] =
            json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
    };
    check(breaker, keep, (REFUSED, &["deploymentController.type Refused"]));
    check(to("CODE_DEPLOY"), same, ("UpdateService", &["deploymentController.type InPlace"]));
}

#[test]
fn a_controller_of_others_takes_only_what_ecs_takes_itself() {
    let controller = |service: &mut Value| service["deploymentController"] = json!({"type": "CODE_DEPLOY"});
    let git = |service: &mut Value| {
        service["deploymentController"] = json!({"type": "CODE_DEPLOY"});
        service["desiredCount"] = 3.into();
        service["enableExecuteCommand"] = true.into();
    };
    check(controller, git, (REFUSED, &["desiredCount InPlace", "enableExecuteCommand Refused"]));
}

#[test]
fn a_controller_is_not_changed_while_a_deployment_goes_on() {
    let moving = |live: &mut Value| live["deployments"][0]["rolloutState"] = "IN_PROGRESS".into();
    let git = |service: &mut Value| service["deploymentController"] = json!({"type": "EXTERNAL"});
    check(moving, git, ("held: RolloutInFlight", &["deploymentController.type InPlace"]));
}

#[test]
fn what_ecs_sets_at_creation_needs_a_new_service() {
    check(same, |service| service["launchType"] = "EC2".into(), (REPLACE, &["launchType NeedsReplacement"]));
    check(
        same,
        |service| service["role"] = "arn:aws:iam::123456789012:role/other".into(),
        (REPLACE, &["role NeedsReplacement"]),
    );
    let strategy = |service: &mut Value| {
        service.as_object_mut().unwrap().remove("launchType");
        service["capacityProviderStrategy"] = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
    };
    let (outcome, told) = weighed(same, strategy);
    assert_eq!((outcome.as_str(), told.len()), (UPDATE, 1));
    assert!(told[0].ends_with("ForcesDeployment"), "{told:?}");
}

#[test]
fn linux_does_not_become_windows_on_fargate() {
    let mut account = Account::running(&api());
    account.service()["platformFamily"] = "Linux".into();
    let mut desired = api();
    desired.task_definition["runtimePlatform"] = json!({"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"});
    sign(&mut desired);
    assert_eq!(outcome(&plan(&desired, &account.look(), None)), REPLACE);
    account.service().as_object_mut().unwrap().remove("platformFamily");
    assert_eq!(
        outcome(&plan(&desired, &account.look(), None)),
        "RegisterTaskDefinition, UpdateService, TagResource"
    );
}

#[test]
fn a_daemon_service_is_refused_what_only_replicas_take() {
    let daemon = |service: &mut Value| {
        service.as_object_mut().unwrap().remove("desiredCount");
        service["schedulingStrategy"] = "DAEMON".into();
        service["availabilityZoneRebalancing"] = "DISABLED".into();
        service["deploymentConfiguration"] = json!({"maximumPercent": 100, "minimumHealthyPercent": 0});
    };
    let git = |service: &mut Value| {
        daemon(service);
        service["availabilityZoneRebalancing"] = "ENABLED".into();
    };
    check(daemon, git, (REFUSED, &["availabilityZoneRebalancing Refused"]));
}

#[test]
fn a_replacement_leaves_nothing_of_the_old_service_in_place() {
    let before = api();
    let account = Account::running(&before);
    let mut desired = before.clone();
    desired.service.as_object_mut().unwrap().remove("desiredCount");
    let applied = super::three_way::applied(&before, 1);
    let stays = |desired: &mut DesiredService| {
        sign(desired);
        let plan = plan(desired, &account.look(), Some(&applied));
        let stays = plan.quiet.iter().filter(|one| one.kept == Kept::LeftInPlace).count();
        (plan.replaces.is_some(), stays)
    };
    assert_eq!(stays(&mut desired), (false, 1));
    desired.service["launchType"] = "EC2".into();
    desired.sync.replace = true;
    assert_eq!(stays(&mut desired), (true, 0));
}

#[test]
fn what_is_equal_on_both_sides_is_no_quiet_field() {
    let mut desired = api();
    // It means nothing without its strategy, and stays where it was.
    desired.service["deploymentConfiguration"] =
        json!({"strategy": "ROLLING", "linearConfiguration": {"stepPercent": 10.0}});
    sign(&mut desired);
    let account = Account::running(&desired);
    desired.task_definition["memory"] = "1024".into();
    sign(&mut desired);
    let quiet = plan(&desired, &account.look(), None).quiet;
    let equal: Vec<_> = quiet.iter().filter(|one| one.desired.is_some() && one.desired == one.live).collect();
    assert!(equal.is_empty(), "{equal:?}");
}
