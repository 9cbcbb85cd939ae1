//! Load balancing as ECS and clients of the API see it.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::input::list;
use crate::runtime::ProbeAnswer;
use crate::testing::{Idle, START, Told, world};

fn ask(world: &mut World, operation: &str, input: Value) -> Value {
    call(world, &Idle, operation, &input).unwrap()
}

fn refusal(world: &mut World, operation: &str, input: Value) -> String {
    call(world, &Idle, operation, &input).unwrap_err().code
}

fn group(world: &mut World, name: &str) -> String {
    // A query carries numbers as text.
    let input = json!({
        "Name": name, "Port": "80", "Protocol": "HTTP", "VpcId": "vpc-1", "TargetType": "ip",
        "HealthCheckIntervalSeconds": "10", "HealthyThresholdCount": "2",
        "UnhealthyThresholdCount": "2",
    });
    let created = ask(world, "CreateTargetGroup", input);
    created["TargetGroups"][0]["TargetGroupArn"].as_str().unwrap().to_owned()
}

fn listener(world: &mut World, group: &str) -> String {
    let balancer = ask(world, "CreateLoadBalancer", json!({"Name": "front", "Subnets": ["subnet-1"]}));
    let listener = ask(
        world,
        "CreateListener",
        json!({
            "LoadBalancerArn": balancer["LoadBalancers"][0]["LoadBalancerArn"],
            "Port": "80",
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}],
        }),
    );
    listener["Listeners"][0]["ListenerArn"].as_str().unwrap().to_owned()
}

fn target(task: &str) -> Target {
    Target { task: task.into(), container: "app".into(), ip: "10.0.0.1".into(), port: 8080 }
}

fn failure() -> ProbeAnswer {
    ProbeAnswer::Failed {
        reason: "Target.ResponseCodeMismatch".into(),
        description: "Health checks failed with these codes: [503]".into(),
    }
}

fn play(world: &mut World, runtime: &dyn Runtime, seconds: u64) {
    let until = world.now + Duration::from_secs(seconds);
    world.advance(runtime, until);
}

fn health(world: &mut World, group: &str) -> Value {
    let health = ask(world, "DescribeTargetHealth", json!({"TargetGroupArn": group}));
    let described = health["TargetHealthDescriptions"].as_array().unwrap();
    described.first().map_or(Value::Null, |first| first["TargetHealth"].clone())
}

#[test]
fn a_target_becomes_healthy_after_the_threshold_and_is_probed_once_an_interval() {
    let (mut world, runtime) = (world(), Told::default());
    let group = group(&mut world, "api");
    listener(&mut world, &group);
    world.elb.register(&group, target("a"), START);
    assert_eq!(health(&mut world, &group)["Reason"], "Elb.RegistrationInProgress");
    play(&mut world, &runtime, 2);
    assert_eq!(health(&mut world, &group)["Reason"], "Elb.InitialHealthChecking");
    play(&mut world, &runtime, 10);
    assert_eq!(health(&mut world, &group), json!({"State": "healthy"}));
    assert_eq!(world.elb.state(&group, &target("a")), Some(TargetState::Healthy));
    assert_eq!(runtime.probes("a"), 2);
    play(&mut world, &runtime, 100);
    assert_eq!(runtime.probes("a"), 12);
}

#[test]
fn a_target_that_fails_as_often_as_the_threshold_is_unhealthy_until_it_recovers() {
    let (mut world, runtime) = (world(), Told::default());
    let group = group(&mut world, "api");
    listener(&mut world, &group);
    world.elb.register(&group, target("a"), START);
    play(&mut world, &runtime, 15);
    runtime.answer("a", failure());
    play(&mut world, &runtime, 10);
    assert_eq!(world.elb.state(&group, &target("a")), Some(TargetState::Healthy));
    play(&mut world, &runtime, 10);
    assert_eq!(
        world.elb.unhealthy_reason(&group, &target("a")).unwrap().1,
        "Health checks failed with these codes: [503]"
    );
    runtime.answer("a", ProbeAnswer::Passed);
    play(&mut world, &runtime, 20);
    assert_eq!(world.elb.state(&group, &target("a")), Some(TargetState::Healthy));
    assert_eq!(world.elb.unhealthy_reason(&group, &target("a")), None);
}

#[test]
fn an_answer_that_takes_its_time_is_waited_for() {
    let (mut world, runtime) = (world(), Told::default());
    let group = group(&mut world, "api");
    listener(&mut world, &group);
    runtime.answer("a", ProbeAnswer::Pending);
    world.elb.register(&group, target("a"), START);
    play(&mut world, &runtime, 4);
    runtime.answer("a", ProbeAnswer::Passed);
    play(&mut world, &runtime, 1);
    let asked = runtime.probes("a");
    // The next check comes an interval after the first was made, not after it was answered.
    play(&mut world, &runtime, 6);
    assert_eq!(runtime.probes("a"), asked + 1);
    assert_eq!(world.elb.state(&group, &target("a")), Some(TargetState::Healthy));
}

#[test]
fn a_target_drains_for_the_deregistration_delay() {
    let (mut world, runtime) = (world(), Told::default());
    let group = group(&mut world, "api");
    listener(&mut world, &group);
    let delay = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}]);
    let input = json!({"TargetGroupArn": group, "Attributes": delay});
    ask(&mut world, "ModifyTargetGroupAttributes", input);
    world.elb.register(&group, target("a"), START);
    play(&mut world, &runtime, 15);
    let now = world.now;
    world.elb.deregister(&group, &target("a"), now);
    assert_eq!(world.elb.choose(&group, &[]), None);
    play(&mut world, &runtime, 19);
    assert_eq!(health(&mut world, &group)["Reason"], "Target.DeregistrationInProgress");
    play(&mut world, &runtime, 1);
    assert_eq!(world.elb.state(&group, &target("a")), None);
}

#[test]
fn targets_of_a_group_without_a_load_balancer_are_unused() {
    let (mut world, runtime) = (world(), Told::default());
    let group = group(&mut world, "api");
    world.elb.register(&group, target("a"), START);
    play(&mut world, &runtime, 30);
    assert_eq!(health(&mut world, &group)["Reason"], "Target.NotInUse");
    assert!(!world.elb.is_attached(&group));
    listener(&mut world, &group);
    assert!(world.elb.is_attached(&group));
    play(&mut world, &runtime, 15);
    assert_eq!(health(&mut world, &group)["State"], "healthy");
}

#[test]
fn requests_take_turns_among_healthy_targets_and_fail_open_when_there_is_none() {
    let (mut world, runtime) = (world(), Told::default());
    let group = group(&mut world, "api");
    listener(&mut world, &group);
    for task in ["a", "b"] {
        world.elb.register(&group, target(task), START);
    }
    runtime.answer("b", failure());
    assert_eq!(world.elb.choose(&group, &[]), None);
    play(&mut world, &runtime, 15);
    assert_eq!(world.elb.choose(&group, &[]), Some(target("a")));
    assert_eq!(world.elb.choose(&group, &[target("a")]), None);
    runtime.answer("b", ProbeAnswer::Passed);
    play(&mut world, &runtime, 20);
    let first = world.elb.choose(&group, &[]);
    assert_ne!(first, world.elb.choose(&group, &[]));
    for task in ["a", "b"] {
        runtime.answer(task, failure());
    }
    play(&mut world, &runtime, 30);
    assert!(world.elb.choose(&group, &[]).is_some());
}

#[test]
fn rules_are_tried_by_priority_and_by_host_and_path() {
    let mut world = world();
    let [web, api, jobs] = ["web", "api", "jobs"].map(|name| group(&mut world, name));
    let listener = listener(&mut world, &web);
    let mut rule = |priority: &str, conditions: Value, group: &str| {
        let input = json!({
            "ListenerArn": listener, "Priority": priority, "Conditions": conditions,
            "Actions": [{"Type": "forward", "TargetGroupArn": group}],
        });
        ask(&mut world, "CreateRule", input);
    };
    let host = json!({"Field": "host-header", "HostHeaderConfig": {"Values": ["api.*"]}});
    let path = json!({"Field": "path-pattern", "Values": ["/jobs*"]});
    rule("20", json!([host.clone()]), &api);
    rule("10", json!([host, path]), &jobs);

    let mut check = |host: &str, path: &str, group: &String| {
        let route = world.elb.route(&listener, host, path);
        assert_eq!(route, Route::Forward(group.clone()), "{host} {path}");
    };
    check("API.example.org:8080", "/jobs/1", &jobs);
    check("api.example.org", "/other", &api);
    check("example.org", "/jobs", &web);

    let in_use = json!({
        "ListenerArn": listener, "Priority": 10,
        "Conditions": [{"Field": "path-pattern", "Values": ["/"]}],
        "Actions": [{"Type": "forward", "TargetGroupArn": web}],
    });
    assert_eq!(refusal(&mut world, "CreateRule", in_use), "PriorityInUse");
    let rules = ask(&mut world, "DescribeRules", json!({"ListenerArn": listener}));
    let priorities: Vec<&str> =
        list(&rules, "Rules").iter().map(|rule| rule["Priority"].as_str().unwrap()).collect();
    assert_eq!(priorities, ["10", "20", "default"]);
}

#[test]
fn weights_divide_the_requests_exactly() {
    let mut world = world();
    let [blue, green] = ["blue", "green"].map(|name| group(&mut world, name));
    let listener = listener(&mut world, &blue);
    let weights = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": [
        {"TargetGroupArn": blue, "Weight": "9"}, {"TargetGroupArn": green, "Weight": "1"},
    ]}}]);
    let input = json!({"ListenerArn": listener, "DefaultActions": weights});
    ask(&mut world, "ModifyListener", input);
    let to_green =
        (0..100).filter(|_| world.elb.route(&listener, "h", "/") == Route::Forward(green.clone())).count();
    assert_eq!(to_green, 10);
    assert!(world.elb.is_attached(&green));
}

#[test]
fn what_is_unknown_doubled_or_in_use_is_refused_with_elbs_codes() {
    let mut world = world();
    let group = group(&mut world, "api");
    listener(&mut world, &group);
    let mut check = |operation: &str, input: Value, code: &str| {
        assert_eq!(refusal(&mut world, operation, input), code, "{operation}");
    };
    check("DescribeTargetGroups", json!({"Names": ["none"]}), "TargetGroupNotFound");
    check("DescribeTargetHealth", json!({"TargetGroupArn": "none"}), "TargetGroupNotFound");
    check("DescribeLoadBalancers", json!({"Names": ["none"]}), "LoadBalancerNotFound");
    check("DescribeListeners", json!({"ListenerArns": ["none"]}), "ListenerNotFound");
    check("DescribeRules", json!({"RuleArns": ["none"]}), "RuleNotFound");
    check("DeleteTargetGroup", json!({"TargetGroupArn": group}), "ResourceInUse");
    let other = json!({"Name": "api", "Port": 81, "Protocol": "HTTP"});
    check("CreateTargetGroup", other, "DuplicateTargetGroupName");
    let long = json!({"Name": "x".repeat(33)});
    check("CreateTargetGroup", long, "ValidationError");
    let slow = json!({"Name": "slow", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 5});
    check("CreateTargetGroup", slow, "ValidationError");
}

#[test]
fn a_listener_is_found_by_its_load_balancer() {
    let mut world = world();
    let group = group(&mut world, "api");
    let listener = listener(&mut world, &group);
    let described = ask(&mut world, "DescribeTargetGroups", json!({"TargetGroupArns": [group]}));
    let balancer = described["TargetGroups"][0]["LoadBalancerArns"][0].as_str().unwrap();
    assert_eq!(world.elb.listener(balancer), Some(listener.clone()));
    assert_eq!(world.elb.listener(&listener), Some(listener));
    assert_eq!(world.elb.listener("none"), None);
}
