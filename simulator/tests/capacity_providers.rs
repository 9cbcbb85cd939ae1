//! Capacity providers: making them, spreading tasks over them, running out of room, and losing Spot.
#![allow(clippy::unwrap_used)]

mod account;

use std::collections::BTreeMap;
use std::time::Duration;

use account::{Account, messages};
use serde_json::{Value, json};
use simulator::runtime::scripted::Scripted;

const GROUP: &str =
    "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:1:autoScalingGroupName/nodes";

fn provider(name: &str, scaling: &str) -> Value {
    json!({"name": name, "autoScalingGroupProvider": {
        "autoScalingGroupArn": GROUP, "managedScaling": {"status": scaling},
    }})
}

/// An account whose cluster has the providers `on-demand` and `spot` besides Fargate's.
async fn with_providers() -> Account {
    let account = Account::new(Scripted::new()).await;
    for name in ["on-demand", "spot"] {
        account.ecs("CreateCapacityProvider", provider(name, "ENABLED")).await;
    }
    let all = json!(["FARGATE", "FARGATE_SPOT", "on-demand", "spot"]);
    let input = json!({"cluster": "jobs", "capacityProviders": all, "defaultCapacityProviderStrategy": []});
    account.ecs("PutClusterCapacityProviders", input).await;
    for (family, compatibility) in [("web", "EC2"), ("fargate", "FARGATE")] {
        let definition = json!({
            "family": family, "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "requiresCompatibilities": [compatibility],
            "containerDefinitions": [{"name": "app", "image": "app:1"}],
        });
        account.ecs("RegisterTaskDefinition", definition).await;
    }
    account
}

fn service(name: &str, family: &str, desired: u32, strategy: Value) -> Value {
    json!({
        "cluster": "jobs", "serviceName": name, "taskDefinition": family, "desiredCount": desired,
        "capacityProviderStrategy": strategy,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    })
}

fn half_on_spot() -> Value {
    json!([
        {"capacityProvider": "on-demand", "base": 2, "weight": 1},
        {"capacityProvider": "spot", "weight": 1},
    ])
}

/// How many tasks of the service run on each provider.
async fn spread(account: &Account, name: &str) -> BTreeMap<String, usize> {
    let mut spread = BTreeMap::new();
    for task in account.tasks(name).await.iter().filter(|task| task["desiredStatus"] == "RUNNING") {
        *spread.entry(task["capacityProviderName"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    spread
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_made_changed_described_and_deleted() {
    let account = Account::new(Scripted::new()).await;
    let mut made = provider("nodes", "ENABLED");
    made["tags"] = json!([{"key": "team", "value": "web"}]);
    let created = account.ecs("CreateCapacityProvider", made).await["capacityProvider"].clone();
    assert_eq!(created["status"], "ACTIVE");
    assert_eq!(created["type"], "EC2_AUTOSCALING");
    let expected = json!({
        "status": "ENABLED", "targetCapacity": 100, "minimumScalingStepSize": 1,
        "maximumScalingStepSize": 10_000, "instanceWarmupPeriod": 300,
    });
    assert_eq!(created["autoScalingGroupProvider"]["managedScaling"], expected);
    let change =
        json!({"name": "nodes", "autoScalingGroupProvider": {"managedScaling": {"targetCapacity": 80}}});
    let changed = account.ecs("UpdateCapacityProvider", change).await["capacityProvider"].clone();
    assert_eq!(changed["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"], 80);
    assert_eq!(changed["autoScalingGroupProvider"]["autoScalingGroupArn"], GROUP);
    let described = account.ecs("DescribeCapacityProviders", json!({"include": ["TAGS"]})).await;
    let names: Vec<&Value> =
        described["capacityProviders"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["FARGATE", "FARGATE_SPOT", "nodes"]);
    assert_eq!(described["capacityProviders"][2]["tags"], json!([{"key": "team", "value": "web"}]));
    let of_cluster = account.ecs("DescribeCapacityProviders", json!({"cluster": "jobs"})).await;
    assert_eq!(of_cluster["capacityProviders"], json!([]));
    let deleted = account.ecs("DeleteCapacityProvider", json!({"capacityProvider": "nodes"})).await;
    assert_eq!(deleted["capacityProvider"]["updateStatus"], "DELETE_COMPLETE");
    let gone = json!({"capacityProviders": ["nodes"]});
    let gone = account.ecs("DescribeCapacityProviders", gone).await;
    assert_eq!(gone["failures"][0]["reason"], "MISSING");
}

#[tokio::test(start_paused = true)]
async fn what_ecs_refuses_about_providers_is_refused() {
    let account = with_providers().await;
    account.ecs("CreateService", service("web", "web", 1, half_on_spot())).await;
    let refused = async |operation: &str, input: Value, code: &str, wording: &str| {
        let (found, message) = account.refused(operation, input).await;
        assert_eq!(found, code, "{message}");
        assert!(message.contains(wording), "{message}");
    };
    let create = "CreateCapacityProvider";
    refused(create, provider("fargate-mine", "ENABLED"), "ClientException", "prefixed with").await;
    refused(create, provider("spot", "ENABLED"), "ClientException", "already exists").await;
    refused("DeleteCapacityProvider", json!({"capacityProvider": "FARGATE"}), "ClientException", "reserved")
        .await;
    let in_cluster = json!({"capacityProvider": "spot"});
    refused("DeleteCapacityProvider", in_cluster, "ClientException", "associated with cluster: jobs").await;
    let put = |providers: Value, strategy: Value| json!({"cluster": "jobs", "capacityProviders": providers, "defaultCapacityProviderStrategy": strategy});
    let operation = "PutClusterCapacityProviders";
    let invalid = "InvalidParameterException";
    refused(operation, put(json!(["none"]), json!([])), invalid, "was not found").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    refused(operation, put(json!(["spot"]), json!([])), "ResourceInUseException", "in use").await;

    let cases = [
        (json!([{"capacityProvider": "elsewhere", "weight": 1}]), "not associated with the cluster"),
        (
            json!([{"capacityProvider": "FARGATE", "weight": 1}, {"capacityProvider": "spot", "weight": 1}]),
            "cannot contain a mix",
        ),
        (
            json!([{"capacityProvider": "spot", "base": 1, "weight": 1}, {"capacityProvider": "on-demand", "base": 1}]),
            "Only one",
        ),
        (json!([{"capacityProvider": "spot"}, {"capacityProvider": "on-demand"}]), "greater than 0"),
    ];
    for (strategy, wording) in cases {
        let service = service("other", "web", 1, strategy.clone());
        refused("CreateService", service.clone(), invalid, wording).await;
        let update = json!({"cluster": "jobs", "service": "web", "capacityProviderStrategy": strategy});
        refused("UpdateService", update, invalid, wording).await;
        refused("RunTask", service, invalid, wording).await;
    }
    let fargate = json!([{"capacityProvider": "spot", "weight": 1}]);
    let wrong = service("other", "fargate", 1, fargate);
    refused("CreateService", wrong, invalid, "does not support launch_type EC2").await;
}

#[tokio::test(start_paused = true)]
async fn tasks_are_spread_by_base_and_weight_and_say_where_they_run() {
    let account = with_providers().await;
    account.ecs("CreateService", service("web", "web", 6, half_on_spot())).await;
    let done = account.until_completed("web").await;
    assert!(done.get("launchType").is_none());
    let expected = BTreeMap::from([("on-demand".to_owned(), 4), ("spot".to_owned(), 2)]);
    assert_eq!(spread(&account, "web").await, expected);
    for task in account.tasks("web").await {
        assert_eq!(task["launchType"], "EC2");
        assert!(task["containerInstanceArn"].as_str().unwrap().contains(":container-instance/jobs/"));
        assert!(task.get("capacityProviderStrategy").is_none());
    }
    let mut run = service("none", "fargate", 1, json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]));
    run["count"] = json!(2);
    let run = account.ecs("RunTask", run).await;
    for task in run["tasks"].as_array().unwrap() {
        assert_eq!(
            (&task["capacityProviderName"], &task["launchType"]),
            (&json!("FARGATE_SPOT"), &json!("FARGATE"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_s_default_strategy_counts_where_nothing_is_asked_for() {
    let account = with_providers().await;
    let all = json!(["FARGATE", "on-demand", "spot"]);
    let input = json!({"cluster": "jobs", "capacityProviders": all,
                       "defaultCapacityProviderStrategy": half_on_spot()});
    account.ecs("PutClusterCapacityProviders", input).await;
    let mut plain = service("web", "web", 1, json!([]));
    plain.as_object_mut().unwrap().remove("capacityProviderStrategy");
    let created = account.ecs("CreateService", plain.clone()).await["service"].clone();
    assert_eq!(created["capacityProviderStrategy"], half_on_spot());
    let run = account.ecs("RunTask", plain).await;
    assert_eq!(run["tasks"][0]["capacityProviderName"], "on-demand");
}

#[tokio::test(start_paused = true)]
async fn tasks_wait_in_provisioning_until_the_provider_has_scaled() {
    let account = with_providers().await;
    account.simulator.with_world(|world| world.ecs.capacity.insert("on-demand".to_owned(), 1));
    let one = json!([{"capacityProvider": "on-demand", "weight": 1}]);
    account.ecs("CreateService", service("web", "web", 3, one)).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    let mut statuses: Vec<String> = account
        .tasks("web")
        .await
        .iter()
        .map(|task| task["lastStatus"].as_str().unwrap().to_owned())
        .collect();
    statuses.sort();
    assert_eq!(statuses, ["PROVISIONING", "PROVISIONING", "RUNNING"]);
    let said = messages(&account.service("web").await);
    let wording = "was unable to place a task because no container instance met all of its requirements.";
    assert_eq!(said.iter().filter(|message| message.contains(wording)).count(), 1, "{said:?}");
    account.simulator.with_world(|world| world.ecs.capacity.insert("on-demand".to_owned(), 3));
    account.until_completed("web").await;
}

#[tokio::test(start_paused = true)]
async fn without_room_and_without_scaling_no_task_is_made() {
    let account = with_providers().await;
    account.simulator.with_world(|world| world.ecs.capacity.insert("FARGATE_SPOT".to_owned(), 0));
    let spot = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
    account.ecs("CreateService", service("web", "fargate", 1, spot.clone())).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(account.tasks("web").await.is_empty());
    let said = messages(&account.service("web").await);
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("Reason: Capacity is unavailable at this time."), "{said:?}");
    let run = account.ecs("RunTask", service("none", "fargate", 1, spot)).await;
    assert_eq!(run["failures"][0]["reason"], "RESOURCE:FARGATE");
    account.simulator.with_world(|world| world.ecs.capacity.clear());
    account.until_completed("web").await;
}

#[tokio::test(start_paused = true)]
async fn reclaimed_tasks_stop_and_are_replaced_although_they_are_protected() {
    let account = with_providers().await;
    let spot = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
    account.ecs("CreateService", service("worker", "fargate", 2, spot)).await;
    account.ecs("CreateService", service("web", "web", 4, half_on_spot())).await;
    account.until_completed("worker").await;
    account.until_completed("web").await;
    let task = account.tasks("worker").await[0]["taskArn"].clone();
    let protect = json!({"cluster": "jobs", "tasks": [task], "protectionEnabled": true});
    account.ecs("UpdateTaskProtection", protect).await;
    let reclaim = |provider: &str| account.simulator.reclaim("jobs", provider).len();
    assert_eq!((reclaim("FARGATE_SPOT"), reclaim("spot")), (2, 1));
    tokio::time::sleep(Duration::from_secs(60)).await;
    for (name, code, wording, running) in [
        ("worker", "SpotInterruption", "Your Spot Task was interrupted.", 2),
        ("web", "TerminationNotice", "Host EC2 (instance i-", 4),
    ] {
        let tasks = account.tasks(name).await;
        let (stopped, alive): (Vec<&Value>, Vec<&Value>) =
            tasks.iter().partition(|task| task["desiredStatus"] == "STOPPED");
        assert_eq!(alive.len(), running);
        for task in stopped {
            assert_eq!(task["stopCode"], code);
            assert!(task["stoppedReason"].as_str().unwrap().starts_with(wording), "{task}");
        }
        account.until(name, |_| {}, |service| messages(service)[0].ends_with("steady state.")).await;
    }
}
