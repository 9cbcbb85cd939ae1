//! What single ECS requests answer: refusals, limits, pages, tags, and where a field is read back.
#![allow(clippy::unwrap_used)]

mod account;

use std::time::Duration;

use account::{Account, creation};
use serde_json::{Value, json};
use simulator::runtime::scripted::Scripted;

#[tokio::test(start_paused = true)]
async fn what_create_service_refuses() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    account.create("api", "api", 1).await;
    let other = |change: fn(&mut Value)| {
        let mut input = creation("other", "api", 1);
        change(&mut input);
        input
    };
    let old = account.register("old", "old:1").await;
    account.ecs("DeregisterTaskDefinition", json!({"taskDefinition": old})).await;
    for (input, code, wording) in [
        (creation("api", "api", 1), "InvalidParameterException", "Creation of service was not idempotent."),
        (other(|i| i["cluster"] = "no".into()), "ClusterNotFoundException", "Cluster not found."),
        (other(|i| i["taskDefinition"] = "no".into()), "ClientException", "TaskDefinition not found."),
        (other(|i| i["taskDefinition"] = "old:1".into()), "ClientException", "TaskDefinition is inactive"),
        (other(|i| i["taskDefinition"] = "old".into()), "ClientException", "TaskDefinition not found."),
        (
            other(|i| drop(i.as_object_mut().unwrap().remove("networkConfiguration"))),
            "InvalidParameterException",
            "Network Configuration must be provided",
        ),
        (
            other(|i| i["capacityProviderStrategy"] = json!([{"capacityProvider": "FARGATE"}])),
            "InvalidParameterException",
            "both a launch type and capacity provider",
        ),
        (other(|i| i["desiredCount"] = (-1).into()), "InvalidParameterException", "negative"),
        (other(|i| i["desiredCount"] = "1".into()), "SerializationException", "desiredCount"),
        (
            other(|i| i["launchType"] = "EC2".into()),
            "InvalidParameterException",
            "does not support launch_type EC2",
        ),
        (
            other(|i| {
                i["loadBalancers"] =
                    json!([{"targetGroupArn": "arn:no", "containerName": "app", "containerPort": 8080}])
            }),
            "InvalidParameterException",
            "does not exist",
        ),
        (
            other(|i| {
                i["deploymentConfiguration"] = json!({"maximumPercent": 100, "minimumHealthyPercent": 100})
            }),
            "InvalidParameterException",
            "block deployments",
        ),
    ] {
        let (found, message) = account.refused("CreateService", input).await;
        assert_eq!(found, code, "{message}");
        assert!(message.contains(wording), "{message}");
    }
    let listed = account.ecs("ListServices", json!({"cluster": "jobs"})).await;
    assert_eq!(listed["serviceArns"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_request_with_the_same_token_creates_once() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    let mut input = creation("api", "api", 1);
    input["clientToken"] = "token-1".into();
    let first = account.ecs("CreateService", input.clone()).await;
    let again = account.ecs("CreateService", input.clone()).await;
    assert_eq!(first["service"]["deployments"][0]["id"], again["service"]["deployments"][0]["id"]);
    input["desiredCount"] = 2.into();
    let (_, message) = account.refused("CreateService", input).await;
    assert_eq!(message, "Creation of service was not idempotent.");
}

#[tokio::test(start_paused = true)]
async fn reads_have_limits_pages_and_failures() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    for n in 0..12 {
        account.create(&format!("api-{n:02}"), "api", 0).await;
    }
    let names: Vec<String> = (0..11).map(|n| format!("api-{n:02}")).collect();
    let (code, _) = account.refused("DescribeServices", json!({"cluster": "jobs", "services": names})).await;
    assert_eq!(code, "InvalidParameterException");
    let first = account.ecs("ListServices", json!({"cluster": "jobs"})).await;
    assert_eq!(first["serviceArns"].as_array().unwrap().len(), 10);
    let rest = json!({"cluster": "jobs", "nextToken": first["nextToken"]});
    let rest = account.ecs("ListServices", rest).await;
    assert_eq!(rest["serviceArns"].as_array().unwrap().len(), 2);
    assert!(rest.get("nextToken").is_none());

    let input = json!({"cluster": "jobs", "services": ["api-00", "ghost"]});
    let described = account.ecs("DescribeServices", input).await;
    assert!(described["services"][0].get("tags").is_none());
    assert_eq!(
        described["failures"],
        json!([{"arn": "arn:aws:ecs:eu-west-1:123456789012:service/jobs/ghost", "reason": "MISSING"}])
    );
    let (code, message) = account.refused("DescribeTaskDefinition", json!({"taskDefinition": "ghost"})).await;
    assert_eq!(code, "ClientException");
    assert!(message.starts_with("Unable to describe task definition"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn revisions_count_up_and_the_newest_active_one_is_meant() {
    let account = Account::new(Scripted::new()).await;
    for _ in 0..3 {
        account.register("api", "api:1").await;
    }
    let describe = json!({"taskDefinition": "api"});
    let newest = account.ecs("DescribeTaskDefinition", describe.clone()).await;
    assert_eq!(newest["taskDefinition"]["revision"], 3);
    account.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "api:3"})).await;
    let newest = account.ecs("DescribeTaskDefinition", describe).await;
    assert_eq!(newest["taskDefinition"]["revision"], 2);
    let old = account.ecs("DescribeTaskDefinition", json!({"taskDefinition": "api:3"})).await;
    assert_eq!(old["taskDefinition"]["status"], "INACTIVE");
    let list = json!({"familyPrefix": "api", "sort": "DESC"});
    let listed = account.ecs("ListTaskDefinitions", list).await;
    let arns = listed["taskDefinitionArns"].as_array().unwrap();
    assert_eq!(arns.len(), 2);
    assert!(arns[0].as_str().unwrap().ends_with("api:2"));
    account.ecs("DeleteTaskDefinitions", json!({"taskDefinitions": ["api:3"]})).await;
    let fourth = account.register("api", "api:1").await;
    assert!(fourth.ends_with("api:4"), "{fourth}");
}

#[tokio::test(start_paused = true)]
async fn tags_are_merged_removed_and_shown_only_when_asked_for() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    let arn = account.create("api", "api", 0).await["serviceArn"].clone();
    let add = json!({"resourceArn": arn, "tags": [{"key": "stage", "value": "test"}]});
    account.ecs("TagResource", add).await;
    let both = json!([{"key": "stage", "value": "test"}, {"key": "team", "value": "jobs"}]);
    assert_eq!(account.service("api").await["tags"], both);
    account.ecs("UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]})).await;
    let left = account.ecs("ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(left["tags"], json!([{"key": "stage", "value": "test"}]));
    let reserved = json!({"resourceArn": arn, "tags": [{"key": "aws:x", "value": "y"}]});
    let (code, _) = account.refused("TagResource", reserved).await;
    assert_eq!(code, "InvalidParameterException");
    let ghost = json!({"resourceArn": "arn:aws:ecs:eu-west-1:123456789012:service/jobs/ghost"});
    let (code, _) = account.refused("ListTagsForResource", ghost).await;
    assert_eq!(code, "ResourceNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn some_fields_are_read_back_only_in_deployments_or_revisions() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    let mut input = creation("api", "api", 1);
    input["serviceConnectConfiguration"] = json!({"enabled": true, "namespace": "apps"});
    let metrics =
        json!({"metricConfigurations": [{"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}]});
    input["monitoring"] = metrics.clone();
    input["quantumPlacement"] = json!({"entangled": true});
    account.ecs("CreateService", input).await;
    let service = account.service("api").await;
    assert!(service.get("serviceConnectConfiguration").is_none());
    assert!(service.get("monitoring").is_none());
    assert_eq!(service["quantumPlacement"], json!({"entangled": true}));
    let primary = &service["deployments"][0];
    assert_eq!(primary["serviceConnectConfiguration"]["namespace"], "apps");
    assert_eq!(service["platformVersion"], "LATEST");
    assert_eq!(primary["platformVersion"], "1.4.0");
    let history = account.service_deployments("api").await;
    let arn = history[0]["targetServiceRevision"]["arn"].clone();
    let revisions = account.ecs("DescribeServiceRevisions", json!({"serviceRevisionArns": [arn]})).await;
    assert_eq!(revisions["serviceRevisions"][0]["monitoring"], metrics);
}

#[tokio::test(start_paused = true)]
async fn reads_lag_behind_writes_when_told_to() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    let delay = Duration::from_secs(5);
    account.simulator.with_world(|world| world.ecs.read_delay = delay);
    let answered = account.create("api", "api", 1).await;
    assert_eq!(answered["status"], "ACTIVE");
    let input = json!({"cluster": "jobs", "services": ["api"]});
    let described = account.ecs("DescribeServices", input).await;
    assert_eq!(described["failures"][0]["reason"], "MISSING");
    let (_, message) = account.refused("CreateService", creation("api", "api", 1)).await;
    assert_eq!(message, "Creation of service was not idempotent.");
    tokio::time::sleep(delay).await;
    account.until_completed("api").await;

    let answered = account.update("api", json!({"desiredCount": 3})).await;
    assert_eq!(answered["desiredCount"], 3);
    assert_eq!(account.service("api").await["desiredCount"], 1);
    tokio::time::sleep(delay).await;
    assert_eq!(account.service("api").await["desiredCount"], 3);

    let delete = json!({"cluster": "jobs", "service": "api", "force": true});
    account.ecs("DeleteService", delete).await;
    let listed = account.ecs("ListServices", json!({"cluster": "jobs"})).await;
    assert_eq!(listed["serviceArns"].as_array().unwrap().len(), 1);
    tokio::time::sleep(delay).await;
    let listed = account.ecs("ListServices", json!({"cluster": "jobs"})).await;
    assert_eq!(listed["serviceArns"], json!([]));
}
