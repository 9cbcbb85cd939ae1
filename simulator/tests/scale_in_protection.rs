//! Task scale-in protection: what it keeps, what it does not, and how containers ask for it.
#![allow(clippy::unwrap_used)]

mod account;

use std::time::Duration;

use account::{Account, is_completed, messages};
use bytes::Bytes;
use serde_json::{Value, json};
use simulator::runtime::scripted::Scripted;

const AGENT: &str = "http://127.0.0.1:1";
const ROLE: &str = "arn:aws:iam::123456789012:role/worker";

/// A service `worker` of `desired` tasks with a task role, all up.
async fn workers(desired: u32) -> Account {
    let account = Account::new(Scripted::new()).await;
    account.simulator.with_world(|world| world.serve_at(AGENT));
    register(&account, "worker:1", Some(ROLE)).await;
    account.create("worker", "worker", desired).await;
    account.until_completed("worker").await;
    account
}

async fn register(account: &Account, image: &str, role: Option<&str>) {
    let mut definition = json!({
        "family": "worker", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{"name": "app", "image": image}],
    });
    if let Some(role) = role {
        definition["taskRoleArn"] = json!(role);
    }
    account.ecs("RegisterTaskDefinition", definition).await;
}

fn arn(task: &Value) -> &str {
    task["taskArn"].as_str().unwrap()
}

async fn running(account: &Account) -> Vec<Value> {
    let mut tasks = account.tasks("worker").await;
    tasks.retain(|task| task["desiredStatus"] == "RUNNING");
    tasks
}

async fn protect(account: &Account, task: &str, minutes: u32) {
    let input = json!({"cluster": "jobs", "tasks": [task], "protectionEnabled": true,
                       "expiresInMinutes": minutes});
    let answer = account.ecs("UpdateTaskProtection", input).await;
    assert_eq!(answer["protectedTasks"][0]["protectionEnabled"], true, "{answer}");
}

async fn is_protected(account: &Account, task: &str) -> Value {
    let answer = account.ecs("GetTaskProtection", json!({"cluster": "jobs", "tasks": [task]})).await;
    answer["protectedTasks"][0].clone()
}

/// Asks the agent as the task's only container does.
async fn ask_agent(account: &Account, task: &Value, method: &str, body: &str) -> (u16, Value) {
    let id = task["containers"][0]["containerArn"].as_str().unwrap().rsplit('/').next().unwrap();
    let path = format!("/api/{id}/task-protection/v1/state");
    ask_path(account, method, &path, body).await
}

async fn ask_path(account: &Account, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request =
        http::Request::builder().method(method).uri(path).body(Bytes::from(body.to_owned())).unwrap();
    let response = account.simulator.call(request).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn scaling_in_stops_others_and_waits_for_the_protected() {
    let account = workers(3).await;
    let tasks = running(&account).await;
    // The newest two, which scaling in would take first.
    protect(&account, arn(&tasks[1]), 60).await;
    protect(&account, arn(&tasks[2]), 30).await;
    account.update("worker", json!({"desiredCount": 1})).await;
    let told = |service: &Value| {
        messages(service)[0].ends_with(
            "was unable to scale in. Reason: The number of protected tasks are more than the desired count of tasks",
        )
    };
    account.until("worker", |_| {}, told).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let left: Vec<String> = running(&account).await.iter().map(|task| arn(task).to_owned()).collect();
    let mut expected = [arn(&tasks[1]).to_owned(), arn(&tasks[2]).to_owned()];
    expected.sort();
    let mut sorted = left.clone();
    sorted.sort();
    assert_eq!(sorted, expected);

    // Half an hour later the shorter protection has ended by itself.
    tokio::time::sleep(Duration::from_secs(30 * 60)).await;
    let left = running(&account).await;
    assert_eq!(left.len(), 1);
    assert_eq!(arn(&left[0]), arn(&tasks[1]));
    account.until("worker", |_| {}, |service| messages(service)[0].ends_with("steady state.")).await;
}

#[tokio::test(start_paused = true)]
async fn a_deployment_waits_for_protected_tasks_and_then_completes() {
    let account = workers(2).await;
    let old = running(&account).await;
    protect(&account, arn(&old[0]), 10).await;
    register(&account, "worker:2", Some(ROLE)).await;
    account.update("worker", json!({"taskDefinition": "worker"})).await;
    tokio::time::sleep(Duration::from_secs(5 * 60)).await;
    let service = account.service("worker").await;
    assert_eq!(service["deployments"][0]["runningCount"], 2);
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert_eq!(service["deployments"][1]["runningCount"], 1);
    let unprotect = json!({"cluster": "jobs", "tasks": [arn(&old[0])], "protectionEnabled": false});
    account.ecs("UpdateTaskProtection", unprotect).await;
    account.until("worker", |_| {}, is_completed).await;
}

#[tokio::test(start_paused = true)]
async fn a_person_and_the_end_of_the_service_stop_protected_tasks() {
    let account = workers(2).await;
    let tasks = running(&account).await;
    protect(&account, arn(&tasks[0]), 60).await;
    protect(&account, arn(&tasks[1]), 60).await;
    account.ecs("StopTask", json!({"cluster": "jobs", "task": arn(&tasks[0])})).await;
    let failure = json!({"cluster": "jobs", "tasks": [arn(&tasks[0]), "nothing"]});
    let answer = account.ecs("GetTaskProtection", failure).await;
    let reasons: Vec<&Value> =
        answer["failures"].as_array().unwrap().iter().map(|one| &one["reason"]).collect();
    assert_eq!(reasons, ["TASK_NOT_VALID", "MISSING"]);
    account.ecs("DeleteService", json!({"cluster": "jobs", "service": "worker", "force": true})).await;
    account.until("worker", |_| {}, |service| service["status"] == "INACTIVE").await;
    assert!(running(&account).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn protection_lasts_two_hours_unless_said_otherwise_and_can_be_prolonged() {
    let account = workers(1).await;
    let task = arn(&running(&account).await[0]).to_owned();
    let input = json!({"cluster": "jobs", "tasks": [task], "protectionEnabled": true});
    let first = account.ecs("UpdateTaskProtection", input.clone()).await;
    let until = |answer: &Value| answer["protectedTasks"][0]["expirationDate"].as_f64().unwrap();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let second = account.ecs("UpdateTaskProtection", input.clone()).await;
    assert!((until(&second) - until(&first) - 3_600.0).abs() < 1.0);
    tokio::time::sleep(Duration::from_secs(7_199)).await;
    assert_eq!(is_protected(&account, &task).await["protectionEnabled"], true);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ended = is_protected(&account, &task).await;
    assert_eq!(ended, json!({"taskArn": task, "protectionEnabled": false}));
    for minutes in [0, 2_881] {
        let mut input = input.clone();
        input["expiresInMinutes"] = json!(minutes);
        assert_eq!(account.refused("UpdateTaskProtection", input).await.0, "InvalidParameterException");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_protects_its_task_through_its_agent() {
    let account = workers(1).await;
    let task = running(&account).await.remove(0);
    let state = ask_agent(&account, &task, "GET", "").await;
    let off = json!({"ExpirationDate": null, "ProtectionEnabled": false, "TaskArn": arn(&task)});
    assert_eq!(state, (200, json!({ "protection": off })));
    let body = r#"{"ProtectionEnabled":true,"ExpiresInMinutes":60}"#;
    let (status, on) = ask_agent(&account, &task, "PUT", body).await;
    assert_eq!((status, &on["protection"]["ProtectionEnabled"]), (200, &json!(true)));
    assert_eq!(on["protection"]["ExpirationDate"].as_str().unwrap().len(), "2026-11-21T12:00:00.000Z".len());
    assert_eq!(is_protected(&account, arn(&task)).await["protectionEnabled"], true);

    let (status, refused) = ask_agent(&account, &task, "PUT", r#"{"ExpiresInMinutes":5}"#).await;
    assert_eq!((status, &refused["error"]["Code"]), (400, &json!("InvalidParameterException")));
    let long = r#"{"ProtectionEnabled":true,"ExpiresInMinutes":5000}"#;
    let (status, refused) = ask_agent(&account, &task, "PUT", long).await;
    assert_eq!((status, &refused["error"]["Arn"]), (400, &json!(arn(&task))));
    assert!(refused["requestID"].is_string());
    account.ecs("StopTask", json!({"cluster": "jobs", "task": arn(&task)})).await;
    let (status, failed) = ask_agent(&account, &task, "PUT", body).await;
    assert_eq!((status, &failed["failure"]["Reason"]), (200, &json!("TASK_NOT_VALID")));
    let (status, unknown) = ask_path(&account, "GET", "/api/no-1/task-protection/v1/state", "").await;
    assert_eq!((status, &unknown["error"]["Code"]), (404, &json!("ResourceNotFoundException")));
}

#[tokio::test(start_paused = true)]
async fn the_agent_calls_ecs_with_the_task_role_and_not_without() {
    let account = Account::new(Scripted::new()).await;
    register(&account, "worker:1", None).await;
    account.create("worker", "worker", 1).await;
    account.until_completed("worker").await;
    let task = running(&account).await.remove(0);
    let (status, refused) = ask_agent(&account, &task, "GET", "").await;
    assert_eq!((status, &refused["error"]["Code"]), (403, &json!("AccessDeniedException")));
}

#[tokio::test(start_paused = true)]
async fn a_container_reads_about_its_task() {
    let account = workers(1).await;
    let task = running(&account).await.remove(0);
    let id = task["containers"][0]["containerArn"].as_str().unwrap().rsplit('/').next().unwrap();
    let (status, told) = ask_path(&account, "GET", &format!("/v4/{id}/task"), "").await;
    assert_eq!(status, 200);
    assert_eq!(told["TaskARN"], task["taskArn"]);
    assert_eq!(told["Cluster"], task["clusterArn"]);
    assert_eq!((&told["Family"], &told["Revision"]), (&json!("worker"), &json!("1")));
    assert_eq!(told["ServiceName"], "worker");
    assert_eq!(told["Containers"][0]["KnownStatus"], "RUNNING");
    assert_eq!(told["Limits"], json!({"CPU": 0.25, "Memory": 512.0}));
    let (_, own) = ask_path(&account, "GET", &format!("/v4/{id}"), "").await;
    assert_eq!(own, told["Containers"][0]);
}
