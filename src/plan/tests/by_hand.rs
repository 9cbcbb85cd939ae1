//! What RunTask is asked for when a person runs a task by hand.

use serde_json::json;

use crate::model::{Json, ServiceKey, TaskDefinitionArn};
use crate::plan::{
    ByHand, Overrides, container_for, run_of_schedule, run_of_service, started_by, unknown_override,
};
use crate::shape::api::Api;

fn definition() -> Json {
    json!({
        "networkMode": "awsvpc",
        "containerDefinitions": [{"name": "app"}, {"name": "router", "essential": false}],
    })
}

fn body(run: Json, overrides: &Overrides, container: Option<&str>) -> Json {
    let key = ServiceKey::new("mail");
    let arn = TaskDefinitionArn("arn:aws:ecs:eu-west-1:123456789012:task-definition/mail:7".to_owned());
    let by_hand = ByHand {
        key: &key,
        cluster: "jobs",
        installation: "reconciler",
        author: "on-call/ada@example.com",
        token: "t",
        task_definition: &arn,
        definition: &definition(),
    };
    by_hand.body(run, overrides, container)
}

#[test]
fn a_task_by_hand_runs_where_its_service_runs_and_says_who_started_it() {
    let live = json!({
        "launchType": "FARGATE", "platformVersion": "LATEST", "capacityProviderStrategy": [],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "desiredCount": 3, "loadBalancers": [{"containerName": "app"}], "placementConstraints": [],
        "enableExecuteCommand": true, "propagateTags": "SERVICE",
    });
    let body = body(run_of_service(&live, &definition()), &Overrides::default(), None);
    assert_eq!(
        body,
        json!({
            "cluster": "jobs",
            "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/mail:7",
            "count": 1, "clientToken": "t", "startedBy": "by-hand/on-call/ada-example-com",
            "group": "reconciler:mail",
            "launchType": "FARGATE", "platformVersion": "LATEST", "enableExecuteCommand": true,
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            "tags": [
                {"key": "reconciler/managed-by", "value": "reconciler"},
                {"key": "reconciler/id", "value": "mail"},
            ],
        })
    );
    let bridge = json!({"networkMode": "bridge"});
    assert_eq!(run_of_service(&live, &bridge)["networkConfiguration"], Json::Null);
    let spot = json!({"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "spot"}]});
    assert_eq!(
        run_of_service(&spot, &bridge),
        json!({"capacityProviderStrategy": [{"capacityProvider": "spot"}]})
    );
    assert_eq!(started_by(&"x".repeat(300)).len(), 128);
}

#[test]
fn a_task_by_hand_gets_what_its_schedule_hands_to_it() {
    let schedule = json!({
        "Name": "mail",
        "Target": {
            "Arn": "cluster", "RoleArn": "role",
            "EcsParameters": {
                "TaskDefinitionArn": "mail:7", "TaskCount": 4, "LaunchType": "FARGATE",
                "EnableECSManagedTags": true,
                "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"], "AssignPublicIp": "ENABLED"}},
                "CapacityProviderStrategy": null,
                "Tags": [{"team": "mail"}],
            },
            "Input": r#"{"containerOverrides": [{"name": "app", "command": ["send", "<aws.scheduler.scheduled-time>"]}]}"#,
        },
    });
    let run = run_of_schedule(&schedule, &[("scheduled-time", "2026-11-21T12:00:00Z")]);
    assert_eq!(
        run,
        json!({
            "launchType": "FARGATE", "enableECSManagedTags": true,
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}},
            "overrides": {"containerOverrides": [{"name": "app", "command": ["send", "2026-11-21T12:00:00Z"]}]},
        })
    );
}

#[test]
fn overrides_of_a_person_go_over_those_of_the_schedule() {
    let run = json!({"overrides": {
        "memory": "512",
        "containerOverrides": [{
            "name": "app", "command": ["send"],
            "environment": [{"name": "DAY", "value": "today"}, {"name": "MODE", "value": "all"}],
        }],
    }});
    let asked = Overrides {
        whole: Some(json!({"cpu": "512", "containerOverrides": [{"name": "router", "memory": 64}]})),
        command: Some(vec!["send".to_owned(), "--again".to_owned()]),
        environment: vec![("DAY".to_owned(), "yesterday".to_owned())],
        cpu: None,
        memory: Some("1024".to_owned()),
    };
    assert_eq!(
        body(run, &asked, Some("app"))["overrides"],
        json!({
            "cpu": "512", "memory": "1024",
            "containerOverrides": [
                {
                    "name": "app", "command": ["send", "--again"],
                    "environment": [{"name": "DAY", "value": "yesterday"}, {"name": "MODE", "value": "all"}],
                },
                {"name": "router", "memory": 64},
            ],
        })
    );
}

#[test]
fn the_container_that_is_meant_is_the_only_one_that_it_can_be() {
    let two = json!({"containerDefinitions": [{"name": "app"}, {"name": "proxy"}]});
    let chosen = |definition: &Json, named| container_for(definition, named);
    assert_eq!(chosen(&definition(), None), Ok("app".to_owned()));
    assert_eq!(chosen(&definition(), Some("router")), Ok("router".to_owned()));
    assert_eq!(
        chosen(&two, None),
        Err("name the container with `--container`: one of app, proxy".to_owned())
    );
    assert_eq!(chosen(&two, Some("ap")), Err("there is no container `ap`; there is app, proxy".to_owned()));
}

#[test]
fn an_override_that_aws_does_not_know_is_named_with_its_place() {
    let unknown = |overrides| unknown_override(&overrides, Api::builtin()).unwrap_or_default();
    let wrong = unknown(json!({"containerOverrides": [{"name": "app", "comand": ["x"]}]}));
    assert!(
        wrong.starts_with("overrides.containerOverrides[0] has no `comand`; it has command, cpu"),
        "{wrong}"
    );
    assert!(unknown(json!({"containers": []})).starts_with("overrides has no `containers`"));
    assert_eq!(unknown(json!({"cpu": "256", "containerOverrides": [{"name": "app", "command": ["x"]}]})), "");
}
