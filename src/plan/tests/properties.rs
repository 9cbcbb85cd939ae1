//! Over many generated specs: a completed apply leaves nothing to plan, and one change is one difference.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{Account, changed_paths, desired, outcome, plan, scaled, sign};
use crate::model::DesiredService;

fn environment() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[A-Z][A-Z_]{0,6}", "[a-z0-9]{0,5}", 0..5).prop_map(|variables| {
        variables.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
    })
}

/// A member that is there or not.
fn maybe(name: &'static str, value: Value) -> impl Strategy<Value = Option<(&'static str, Value)>> {
    proptest::option::of(Just((name, value)))
}

fn object(members: Vec<Option<(&'static str, Value)>>) -> Value {
    Value::Object(members.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn container() -> impl Strategy<Value = Value> {
    let optional = (
        maybe("portMappings", json!([{"containerPort": 80}, {"containerPort": 53, "protocol": "udp"}])),
        maybe("secrets", json!([{"name": "A", "valueFrom": "arn:a"}, {"name": "B", "valueFrom": "arn:b"}])),
        maybe("healthCheck", json!({"command": ["CMD", "true"], "startPeriod": 10})),
        maybe("essential", json!(true)),
        maybe("command", json!(["serve", "--now"])),
        maybe(
            "mountPoints",
            json!([{"sourceVolume": "a", "containerPath": "/a"}, {"sourceVolume": "b", "containerPath": "/b"}]),
        ),
        maybe("stopTimeout", json!(60)),
        maybe("linuxParameters", json!({"initProcessEnabled": true, "capabilities": {"drop": ["ALL"]}})),
        maybe("logConfiguration", json!({"logDriver": "awslogs", "options": {"awslogs-group": "g"}})),
        maybe("dependsOn", json!([])),
    );
    (environment(), optional).prop_map(|(environment, (a, b, c, d, e, f, g, h, i, j))| {
        let mut container = object(vec![a, b, c, d, e, f, g, h, i, j]);
        container["image"] = "jobs/api:1".into();
        container["environment"] = environment;
        container
    })
}

fn task_definition() -> impl Strategy<Value = Value> {
    let containers = proptest::collection::vec(container(), 1..4);
    let mode = prop_oneof![Just("awsvpc"), Just("bridge"), Just("host")];
    let optional = (
        maybe("cpu", json!("1 vCPU")),
        maybe("volumes", json!([{"name": "a"}, {"name": "b", "host": {}}])),
        maybe("runtimePlatform", json!({"cpuArchitecture": "ARM64"})),
        maybe("requiresCompatibilities", json!(["EC2"])),
    );
    (containers, mode, optional).prop_map(|(mut containers, mode, (a, b, c, d))| {
        for (place, container) in containers.iter_mut().enumerate() {
            container["name"] = format!("c{place}").into();
        }
        let mut task = object(vec![a, b, c, d]);
        task["family"] = "api".into();
        task["memory"] = "512".into();
        task["networkMode"] = mode.into();
        task["containerDefinitions"] = containers.into();
        task
    })
}

fn service() -> impl Strategy<Value = Value> {
    (
        maybe("launchType", json!("FARGATE")),
        maybe("desiredCount", json!(4)),
        maybe("networkConfiguration", json!({"awsvpcConfiguration": {"subnets": ["b", "a"]}})),
        maybe("loadBalancers", json!([{"targetGroupArn": "tg", "containerName": "c0", "containerPort": 80}])),
        maybe(
            "deploymentConfiguration",
            json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}}),
        ),
        maybe("enableExecuteCommand", json!(true)),
        maybe("propagateTags", json!("SERVICE")),
        maybe("schedulingStrategy", json!("DAEMON")),
        maybe("tags", json!([{"key": "team", "value": "jobs"}])),
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i)| object(vec![a, b, c, d, e, f, g, h, i]))
}

prop_compose! {
    fn spec()(task in task_definition(), service in service(), with_scaling in any::<bool>()) -> DesiredService {
        let desired = desired(task, service);
        if with_scaling { scaled(desired) } else { desired }
    }
}

/// Changes that touch one leaf, with the path that must be told.
fn change(desired: &mut DesiredService, which: usize) -> &'static str {
    let container = &mut desired.task_definition["containerDefinitions"][0];
    match which {
        0 => {
            container["image"] = "jobs/api:2".into();
            "taskDefinition.containerDefinitions[c0].image"
        }
        1 => {
            container["environment"].as_array_mut().unwrap().push(json!({"name": "new_one", "value": "1"}));
            "taskDefinition.containerDefinitions[c0].environment.new_one"
        }
        2 => {
            container["startTimeout"] = 90.into();
            "taskDefinition.containerDefinitions[c0].startTimeout"
        }
        3 => {
            desired.task_definition["memory"] = "1 GB".into();
            "taskDefinition.memory"
        }
        4 => {
            desired.service["enableECSManagedTags"] = true.into();
            "service.enableECSManagedTags"
        }
        5 => {
            desired.service["healthCheckGracePeriodSeconds"] = 30.into();
            "service.healthCheckGracePeriodSeconds"
        }
        6 => {
            desired.service["deploymentConfiguration"]["bakeTimeInMinutes"] = 5.into();
            "service.deploymentConfiguration.bakeTimeInMinutes"
        }
        _ => {
            desired.service["placementConstraints"] = json!([{"type": "distinctInstance"}]);
            "service.placementConstraints"
        }
    }
}

proptest! {
    #[test]
    fn a_completed_apply_leaves_nothing_to_plan(desired in spec()) {
        let mut account = Account::running(&desired);
        prop_assert_eq!(outcome(&plan(&desired, &account.look(), None)), "unchanged");

        // The same by content alone, as when somebody else had registered and made it all.
        account.service()["tags"] = json!([{"key": "team", "value": "jobs"}]);
        account.revisions.iter_mut().for_each(|revision| revision.tags.clear());
        let adoption = plan(&desired, &account.look(), None);
        prop_assert_eq!(outcome(&adoption), "TagResource");
        account.apply(&adoption);
        prop_assert_eq!(outcome(&plan(&desired, &account.look(), None)), "unchanged");
    }

    #[test]
    fn one_changed_leaf_is_one_difference_and_its_apply_removes_it(desired in spec(), which in 0_usize..8) {
        let mut account = Account::running(&desired);
        let mut changed = desired;
        let path = change(&mut changed, which);
        sign(&mut changed);
        let first = plan(&changed, &account.look(), None);
        prop_assert_eq!(changed_paths(&first), [path]);
        account.apply(&first);
        prop_assert_eq!(outcome(&plan(&changed, &account.look(), None)), "unchanged");
        // A deep comparison agrees with the tags.
        account.revisions.iter_mut().for_each(|revision| revision.tags.clear());
        account.untag(crate::model::tag::DIGEST);
        prop_assert_eq!(outcome(&plan(&changed, &account.look(), None)), "TagResource");
    }
}
