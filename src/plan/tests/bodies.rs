//! What the calls carry, member by member.

use serde_json::{Value, json};

use super::world::{Account, api, arn, changed_paths, outcome, plan, scaled, sign, steps};
use crate::model::{Part, tag};
use crate::plan::{Action, RevisionSource};

/// The UpdateService body for a change of the service's members from one to the other.
fn update(before: Value, after: Value) -> Value {
    let with = |service: Value| {
        let mut desired = api();
        desired.service = service;
        sign(&mut desired);
        desired
    };
    let mut account = Account::running(&with(before));
    let after = with(after);
    let plan_now = plan(&after, &account.look(), None);
    let body = steps(&plan_now)
        .into_iter()
        .find_map(|step| match step.action {
            Action::UpdateService { body, .. } => Some(body),
            _ => None,
        })
        .unwrap();
    account.apply(&plan_now);
    assert_eq!(outcome(&plan(&after, &account.look(), None)), "unchanged", "after {body}");
    body
}

fn check(before: Value, after: Value, mut expected: Value) {
    expected["cluster"] = "jobs".into();
    expected["service"] = "api".into();
    assert_eq!(update(before, after), expected);
}

#[test]
fn a_registration_carries_tags_that_say_whose_and_what_it_is() {
    let mut desired = api();
    desired.task_definition["tags"] =
        json!([{"key": "team", "value": "jobs"}, {"key": "reconciler/id", "value": "forged"}]);
    sign(&mut desired);
    let plan = plan(&desired, &Account::default().look(), None);
    let Action::RegisterTaskDefinition { digest, body } = &steps(&plan)[0].action else { panic!() };
    assert_eq!(*digest, desired.task_definition_digest);
    assert_eq!(
        body["tags"],
        json!([
            {"key": "team", "value": "jobs"},
            {"key": tag::MANAGED_BY, "value": "main"},
            {"key": tag::ID, "value": "api"},
            {"key": tag::DIGEST, "value": digest.as_str()},
            {"key": tag::CLUSTER, "value": "jobs"},
            {"key": tag::REVISION, "value": "a".repeat(40)},
        ])
    );
}

#[test]
fn a_creation_names_the_cluster_and_can_be_repeated() {
    let desired = api();
    let plan_now = plan(&desired, &Account::default().look(), None);
    let Action::CreateService { task_definition, body } = &steps(&plan_now)[1].action else { panic!() };
    assert_eq!(*task_definition, RevisionSource::Registered);
    assert_eq!((body["cluster"].as_str(), body["serviceName"].as_str()), (Some("jobs"), Some("api")));
    let token = body["clientToken"].as_str().unwrap();
    assert!(token.len() <= 36 && token.is_ascii());
    let again = plan(&desired, &Account::default().look(), None);
    assert_eq!(steps(&again)[1].action, steps(&plan_now)[1].action);
}

#[test]
fn a_new_service_starts_within_the_bounds_of_its_scaling() {
    let first = |asked: Value, strategy: &str, with_scaling: bool| {
        let mut desired = api();
        desired.service["desiredCount"] = asked;
        desired.service["schedulingStrategy"] = strategy.into();
        let desired = if with_scaling { scaled(desired) } else { desired };
        let plan = plan(&desired, &Account::default().look(), None);
        let Action::CreateService { body, .. } = &steps(&plan)[1].action else { panic!() };
        body["desiredCount"].clone()
    };
    assert_eq!(first(json!(1), "REPLICA", true), 2);
    assert_eq!(first(json!(50), "REPLICA", true), 10);
    assert_eq!(first(Value::Null, "REPLICA", true), 2);
    assert_eq!(first(json!(0), "REPLICA", false), 0);
    assert_eq!(first(Value::Null, "REPLICA", false), 1);
    assert_eq!(first(json!(3), "DAEMON", false), Value::Null);
}

#[test]
fn a_network_is_sent_whole_with_the_groups_that_are_not_ours() {
    check(
        json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a", "b"]}}}),
        json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a"]}}}),
        json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a"], "securityGroups": ["sg-default"]}}}),
    );
}

#[test]
fn lists_that_git_dropped_are_cleared() {
    check(
        json!({"loadBalancers": [{"targetGroupArn": "tg", "containerName": "api", "containerPort": 80}], "placementStrategy": [{"type": "random"}]}),
        json!({}),
        json!({"loadBalancers": [], "placementStrategy": []}),
    );
}

#[test]
fn switches_that_git_dropped_go_back_to_their_defaults() {
    check(
        json!({"enableExecuteCommand": true, "healthCheckGracePeriodSeconds": 60, "propagateTags": "SERVICE", "platformVersion": "1.4.0"}),
        json!({}),
        json!({"enableExecuteCommand": false, "healthCheckGracePeriodSeconds": 0, "propagateTags": "NONE", "platformVersion": "LATEST"}),
    );
}

#[test]
fn a_circuit_breaker_that_git_dropped_is_switched_off() {
    let body = update(
        json!({"deploymentConfiguration": {"maximumPercent": 150, "deploymentCircuitBreaker": {"enable": true, "rollback": true}}}),
        json!({"deploymentConfiguration": {"maximumPercent": 150}}),
    );
    let breaker = &body["deploymentConfiguration"]["deploymentCircuitBreaker"];
    assert_eq!((&breaker["enable"], &breaker["rollback"]), (&json!(false), &json!(false)));
    assert_eq!(body["deploymentConfiguration"]["maximumPercent"], 150);
}

#[test]
fn one_part_of_the_breaker_is_sent_with_the_parts_that_ecs_requires() {
    let body = update(
        json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}}),
        json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": false}}}),
    );
    let breaker = &body["deploymentConfiguration"]["deploymentCircuitBreaker"];
    assert_eq!((&breaker["enable"], &breaker["rollback"]), (&json!(true), &json!(false)));
    assert!(body["deploymentConfiguration"].get("maximumPercent").is_none());
}

#[test]
fn service_connect_that_git_dropped_is_switched_off() {
    let mut account = Account::running(&api());
    account.service()["deployments"][0]["serviceConnectConfiguration"] =
        json!({"enabled": true, "namespace": "jobs"});
    let plan = plan(&api(), &account.look(), None);
    let Action::UpdateService { body, starts_deployment, .. } = &steps(&plan)[0].action else { panic!() };
    assert_eq!(body["serviceConnectConfiguration"], json!({"enabled": false}));
    assert!(starts_deployment);
}

#[test]
fn another_strategy_forces_a_deployment_or_tasks_would_stay_where_they_are() {
    check(
        json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}),
        json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}),
        json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}], "forceNewDeployment": true}),
    );
}

#[test]
fn a_service_goes_back_from_capacity_providers_to_its_launch_type() {
    let mut account = Account::running(&api());
    let service = account.service().as_object_mut().unwrap();
    service.remove("launchType");
    service.insert(
        "capacityProviderStrategy".to_owned(),
        json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]),
    );
    let plan = plan(&api(), &account.look(), None);
    assert_eq!(changed_paths(&plan), ["service.capacityProviderStrategy[FARGATE_SPOT]"]);
    let Action::UpdateService { body, .. } = &steps(&plan)[0].action else { panic!() };
    assert_eq!((&body["capacityProviderStrategy"], &body["forceNewDeployment"]), (&json!([]), &json!(true)));
    assert!(body.get("launchType").is_none());
}

#[test]
fn what_only_a_service_revision_shows_is_compared_with_it_and_unknown_without_it() {
    let mut desired = api();
    desired.service["monitoring"] =
        json!({"metricConfigurations": [{"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}]});
    sign(&mut desired);
    let account = Account::running(&api());
    let shown = |monitoring: &Value| {
        let mut look = account.look();
        look.service_revision = Part::Present(json!({"monitoring": monitoring}));
        look
    };
    let first = plan(&desired, &shown(&Value::Null), None);
    assert_eq!(changed_paths(&first), ["service.monitoring.metricConfigurations"]);
    let same = shown(&desired.service["monitoring"]);
    assert_eq!(changed_paths(&plan(&desired, &same, None)), ["service.tags.reconciler/digest"]);
    let back = plan(&api(), &same, None);
    let Action::UpdateService { body, .. } = &steps(&back)[0].action else { panic!() };
    assert_eq!(body["monitoring"], json!({"metricConfigurations": []}));
    // Not read is not the same as not there.
    assert!(outcome(&plan(&desired, &account.look(), None)).contains("service revision"));
}

#[test]
fn a_default_that_goes_back_takes_along_what_ecs_requires_beside_it() {
    let mut desired = api();
    let threshold = json!({"type": "BOUNDED_PERCENT", "value": 10});
    desired.service["deploymentConfiguration"] = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true, "thresholdConfiguration": threshold}});
    sign(&mut desired);
    let mut account = Account::running(&desired);
    account.service()["deploymentConfiguration"] = desired.service["deploymentConfiguration"].clone();
    let mut without = desired.clone();
    let breaker = &mut without.service["deploymentConfiguration"]["deploymentCircuitBreaker"];
    breaker.as_object_mut().unwrap().remove("thresholdConfiguration");
    sign(&mut without);
    let plan = plan(&without, &account.look(), None);
    let Action::UpdateService { body, .. } = &steps(&plan)[0].action else { panic!() };
    assert_eq!(
        body["deploymentConfiguration"]["deploymentCircuitBreaker"]["thresholdConfiguration"],
        json!({"type": "BOUNDED_PERCENT", "value": 50})
    );
}

#[test]
fn a_suspension_is_sent_whole() {
    let mut desired = scaled(api());
    desired.scaling.as_mut().unwrap().suspended_state = Some(json!({"DynamicScalingInSuspended": true}));
    let plan = plan(&desired, &Account::default().look(), None);
    let Action::RegisterScalableTarget { body, .. } = &steps(&plan)[2].action else { panic!() };
    assert_eq!(
        body["SuspendedState"],
        json!({"DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false})
    );
}

#[test]
fn a_tag_of_gits_is_written_where_it_differs_and_others_stay() {
    let mut desired = api();
    desired.service["tags"] = json!([{"key": "team", "value": "jobs"}]);
    sign(&mut desired);
    let mut account = Account::running(&desired);
    account.tag("team", "nobody");
    account.tag("cost-centre", "7");
    let plan = plan(&desired, &account.look(), None);
    assert_eq!(changed_paths(&plan), ["service.tags.team"]);
    let Action::TagService { task_definition, tags } = &steps(&plan)[0].action else { panic!() };
    assert_eq!(*task_definition, RevisionSource::Existing(arn(1)));
    assert!(tags.contains(&("team".to_owned(), "jobs".to_owned())));
    assert!(!tags.iter().any(|(key, _)| key == "cost-centre" || key == tag::TASK_DEFINITION));
}

#[test]
fn scaling_calls_name_the_service_by_names() {
    let plan = plan(&scaled(api()), &Account::default().look(), None);
    let Action::RegisterScalableTarget { body, .. } = &steps(&plan)[2].action else { panic!() };
    assert_eq!(
        *body,
        json!({"ServiceNamespace": "ecs", "ResourceId": "service/jobs/api", "ScalableDimension": "ecs:service:DesiredCount",
            "MinCapacity": 2, "MaxCapacity": 10})
    );
    let Action::PutScheduledAction { body } = &steps(&plan)[4].action else { panic!() };
    assert_eq!(body["ResourceId"], "service/jobs/api");
    assert_eq!(body["ScheduledActionName"], "night");
}
