//! Pairs that really differ, so that no rule is too forgiving; and how each difference reads.

use serde_json::{Value, json};

use crate::plan::{Difference, Rules, differences};

fn told(differences: &[Difference]) -> Vec<String> {
    let side = |value: &Option<Value>| value.as_ref().map_or("(absent)".to_owned(), Value::to_string);
    differences
        .iter()
        .map(|one| format!("{}: {} -> {}", one.path, side(&one.live), side(&one.desired)))
        .collect()
}

fn check(rules: Rules, written: Value, live: Value, expected: &[&str]) {
    let (found, _) = differences(&written, &live, &rules);
    assert_eq!(told(&found), expected, "written {written}, live {live}");
}

fn container(written: Value, live: Value, expected: &[&str]) {
    let around = |mut container: Value| {
        container["name"] = "worker".into();
        json!({"networkMode": "bridge", "containerDefinitions": [container]})
    };
    let prefix = "taskDefinition.containerDefinitions[worker].";
    let expected: Vec<String> = expected.iter().map(|one| format!("{prefix}{one}")).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(Rules::task_definition(), around(written), around(live), &expected);
}

fn service(written: Value, live: Value, expected: &[&str]) {
    check(Rules::service(), written, live, expected);
}

#[test]
fn a_variable_is_told_by_its_name() {
    container(
        json!({"environment": [{"name": "BATCH", "value": "20"}, {"name": "LEVEL", "value": "info"}]}),
        json!({"environment": [{"name": "LEVEL", "value": "debug"}, {"name": "OLD", "value": "1"}]}),
        &[
            "environment.BATCH: (absent) -> \"20\"",
            "environment.LEVEL: \"debug\" -> \"info\"",
            "environment.OLD: \"1\" -> (absent)",
        ],
    );
}

#[test]
fn a_credential_is_marked_and_a_level_is_not() {
    let tree = |value: &str| {
        json!({"containerDefinitions": [{"name": "a", "environment": [
            {"name": "DB_PASSWORD", "value": value}, {"name": "LEVEL", "value": value}]}]})
    };
    let (found, _) = differences(&tree("new"), &tree("old"), &Rules::task_definition());
    let marked: Vec<bool> = found.iter().map(|one| one.sensitive).collect();
    assert_eq!(marked, [true, false]);
}

#[test]
fn values_that_a_rule_keeps_quiet_hide_credentials_too() {
    let one = json!({"containerDefinitions": [{"name": "a", "environment": [
        {"name": "API_KEY", "value": "k"}, {"name": "B", "value": "2"}]}]});
    let mut other = one.clone();
    other["containerDefinitions"][0]["environment"].as_array_mut().unwrap().reverse();
    let (found, quiet) = differences(&one, &other, &Rules::task_definition());
    assert!(found.is_empty());
    let shown = format!("{quiet:?}");
    assert!(quiet.len() == 1 && shown.contains("(hidden)") && !shown.contains("\"k\""), "{shown}");
    assert_eq!(quiet[0].rule, "really a map: order means nothing");
}

#[test]
fn ports_are_told_by_number_and_protocol() {
    container(
        json!({"portMappings": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 53, "protocol": "udp"}]}),
        json!({"portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]}),
        &[
            "portMappings[80/tcp].hostPort: 0 -> 80",
            "portMappings[53/udp]: (absent) -> {\"containerPort\":53,\"protocol\":\"udp\"}",
        ],
    );
}

#[test]
fn what_git_dropped_goes_back_to_its_default() {
    container(
        json!({}),
        json!({"essential": false, "command": ["serve"], "stopTimeout": 60, "readonlyRootFilesystem": true, "user": "0",
            "healthCheck": {"command": ["CMD", "true"]}}),
        &[
            "command: [\"serve\"] -> []",
            "essential: false -> true",
            "healthCheck: {\"command\":[\"CMD\",\"true\"]} -> (absent)",
            "readonlyRootFilesystem: true -> false",
            "stopTimeout: 60 -> (absent)",
            "user: \"0\" -> \"\"",
        ],
    );
}

#[test]
fn values_that_only_look_alike_differ() {
    container(
        json!({"command": [""], "secrets": [{"name": "A", "valueFrom": "/jobs/a"}], "dnsServers": ["1.1.1.1", "8.8.8.8"]}),
        json!({"command": [], "secrets": [{"name": "A", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/jobs/a"}],
            "dnsServers": ["8.8.8.8", "1.1.1.1"]}),
        &[
            "command: [] -> [\"\"]",
            "dnsServers: [\"8.8.8.8\",\"1.1.1.1\"] -> [\"1.1.1.1\",\"8.8.8.8\"]",
            "secrets.A: \"arn:aws:ssm:eu-west-1:123456789012:parameter/jobs/a\" -> \"/jobs/a\"",
        ],
    );
}

#[test]
fn a_container_more_is_one_difference() {
    check(
        Rules::task_definition(),
        json!({"containerDefinitions": [{"name": "a"}, {"name": "b", "image": "x"}]}),
        json!({"containerDefinitions": [{"name": "a"}, {"name": "c"}]}),
        &[
            "taskDefinition.containerDefinitions[b]: (absent) -> {\"image\":\"x\",\"name\":\"b\"}",
            "taskDefinition.containerDefinitions[c]: {\"name\":\"c\"} -> (absent)",
        ],
    );
}

#[test]
fn more_memory_in_other_units_is_more_memory() {
    check(
        Rules::task_definition(),
        json!({"cpu": "0.5 vCPU", "memory": "2 GB"}),
        json!({"cpu": "256", "memory": "1024"}),
        &["taskDefinition.cpu: \"256\" -> \"0.5 vCPU\"", "taskDefinition.memory: \"1024\" -> \"2 GB\""],
    );
}

#[test]
fn the_order_of_placement_strategies_matters() {
    service(
        json!({"placementStrategy": [{"type": "spread", "field": "host"}, {"type": "random"}]}),
        json!({"placementStrategy": [{"type": "random"}, {"type": "spread", "field": "instanceId"}]}),
        &[
            "service.placementStrategy: [{\"type\":\"random\"},{\"field\":\"instanceId\",\"type\":\"spread\"}] -> [{\"field\":\"host\",\"type\":\"spread\"},{\"type\":\"random\"}]",
        ],
    );
}

#[test]
fn a_setting_changed_by_hand_is_found_though_git_never_mentioned_it() {
    service(
        json!({}),
        json!({"enableExecuteCommand": true, "loadBalancers": [{"targetGroupArn": "tg", "containerName": "api", "containerPort": 80}],
            "deploymentConfiguration": {"maximumPercent": 150}, "platformVersion": "1.3.0", "serviceConnectConfiguration": {"enabled": true}}),
        &[
            "service.deploymentConfiguration.maximumPercent: 150 -> 200",
            "service.enableExecuteCommand: true -> false",
            "service.loadBalancers[api:80]: {\"containerName\":\"api\",\"containerPort\":80,\"targetGroupArn\":\"tg\"} -> (absent)",
            "service.platformVersion: \"1.3.0\" -> \"LATEST\"",
            "service.serviceConnectConfiguration.enabled: true -> false",
        ],
    );
}

#[test]
fn a_security_group_more_is_a_difference_and_other_target_groups_are_told_by_port() {
    service(
        json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "securityGroups": ["sg-1"]}},
            "loadBalancers": [{"targetGroupArn": "new", "containerName": "api", "containerPort": 80}]}),
        json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "securityGroups": ["sg-1", "sg-2"], "assignPublicIp": "ENABLED"}},
            "loadBalancers": [{"targetGroupArn": "old", "containerName": "api", "containerPort": 80}]}),
        &[
            "service.loadBalancers[api:80].targetGroupArn: \"old\" -> \"new\"",
            "service.networkConfiguration.awsvpcConfiguration.assignPublicIp: \"ENABLED\" -> \"DISABLED\"",
            "service.networkConfiguration.awsvpcConfiguration.securityGroups: [\"sg-1\",\"sg-2\"] -> [\"sg-1\"]",
        ],
    );
}

#[test]
fn a_field_that_no_rule_knows_counts_once_git_mentions_it() {
    service(
        json!({"teleportation": {"enabled": true, "to": "mars"}}),
        json!({"teleportation": {"enabled": false, "to": "mars", "fuel": 3}}),
        &["service.teleportation.enabled: false -> true"],
    );
}

#[test]
fn leaving_capacity_providers_for_a_launch_type_is_a_difference() {
    service(
        json!({"launchType": "FARGATE"}),
        json!({"launchType": "FARGATE", "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}),
        &[
            "service.capacityProviderStrategy[FARGATE_SPOT]: {\"capacityProvider\":\"FARGATE_SPOT\"} -> (absent)",
        ],
    );
}

#[test]
fn a_start_time_that_git_dropped_is_a_difference() {
    check(
        Rules::scaling(),
        json!({"minCapacity": 2, "scheduledActions": [{"ScheduledActionName": "night", "Schedule": "rate(1 day)"}]}),
        json!({"minCapacity": 1, "scheduledActions": [{"ScheduledActionName": "night", "Schedule": "rate(1 day)", "StartTime": 5.0}]}),
        &["scaling.minCapacity: 1 -> 2", "scaling.scheduledActions[night].StartTime: 5.0 -> (absent)"],
    );
}
