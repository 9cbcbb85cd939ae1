//! ECS as its clients see it: every request here is an HTTP request, every second is virtual.
#![allow(clippy::unwrap_used)]

mod account;

use std::time::Duration;

use account::{Account, creation, is_completed, messages};
use serde_json::{Value, json};
use simulator::runtime::scripted::Scripted;

#[tokio::test(start_paused = true)]
async fn a_new_service_comes_up_and_its_deployment_completes() {
    let account = Account::new(Scripted::new()).await;
    let definition = account.register("api", "api:1").await;
    let created = account.create("api", "api", 2).await;
    assert_eq!(created["status"], "ACTIVE");
    assert_eq!(created["desiredCount"], 2);
    assert_eq!(created["runningCount"], 0);
    assert_eq!(created["taskDefinition"], definition);
    let primary = &created["deployments"][0];
    assert_eq!(primary["status"], "PRIMARY");
    assert_eq!(primary["desiredCount"], 0);
    assert_eq!(primary["rolloutState"], "IN_PROGRESS");
    assert!(created.get("currentServiceDeployment").is_none());

    let mut statuses = Vec::new();
    let done = account
        .until(
            "api",
            |service| {
                let counts =
                    (service["pendingCount"].as_u64().unwrap(), service["runningCount"].as_u64().unwrap());
                if statuses.last() != Some(&counts) {
                    statuses.push(counts);
                }
            },
            is_completed,
        )
        .await;
    assert_eq!(statuses, [(0, 0), (2, 0), (0, 2)]);
    let id = done["deployments"][0]["id"].as_str().unwrap();
    assert_eq!(done["deployments"][0]["rolloutStateReason"], format!("ECS deployment {id} completed."));
    assert_eq!(messages(&done)[0], "(service api) has reached a steady state.");
    assert_eq!(messages(&done)[1], format!("(service api) (deployment {id}) deployment completed."));
    assert_eq!(done["tags"], json!([{"key": "team", "value": "jobs"}]));

    let history = account.service_deployments("api").await;
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["status"], "SUCCESSFUL");
    let revision = history[0]["targetServiceRevision"]["arn"].as_str().unwrap();
    assert_eq!(id.rsplit('/').next(), revision.rsplit('/').next());
    for task in account.tasks("api").await {
        assert_eq!(task["lastStatus"], "RUNNING");
        assert_eq!(task["startedBy"], id);
        assert_eq!(task["containers"][0]["lastStatus"], "RUNNING");
    }
}
