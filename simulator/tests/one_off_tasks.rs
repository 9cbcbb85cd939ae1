//! RunTask and StopTask: tokens, overrides, no room, and how a task of nobody's service ends.
#![allow(clippy::unwrap_used)]

mod account;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use account::Account;
use serde_json::{Value, json};
use simulator::Simulator;
use simulator::clock::{Clock, Time};
use simulator::ecs::Pace;
use simulator::images::{Image, Images};
use simulator::runtime::process::ProcessRuntime;
use simulator::runtime::scripted::Scripted;

fn request(definition: &str) -> Value {
    json!({
        "cluster": "jobs", "taskDefinition": definition, "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    })
}

fn with(definition: &str, more: Value) -> Value {
    let mut input = request(definition);
    for (member, value) in more.as_object().unwrap() {
        input[member] = value.clone();
    }
    input
}

fn arn_of(answer: &Value) -> String {
    answer["tasks"][0]["taskArn"].as_str().unwrap().to_owned()
}

async fn task(account: &Account, arn: &str) -> Value {
    let input = json!({"cluster": "jobs", "tasks": [arn], "include": ["TAGS"]});
    account.ecs("DescribeTasks", input).await["tasks"][0].clone()
}

/// Describes the task every second until it has stopped.
async fn stopped(account: &Account, arn: &str) -> Value {
    for _ in 0..300 {
        let task = task(account, arn).await;
        if task["lastStatus"] == "STOPPED" {
            return task;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("it never stops: {}", task(account, arn).await);
}

#[tokio::test(start_paused = true)]
async fn the_same_request_with_the_same_token_starts_one_task() {
    let account = Account::new(Scripted::new()).await;
    account.register("migrate", "migrate-once:1").await;
    let input = with("migrate", json!({"clientToken": "token-1", "startedBy": "release-7"}));
    let first = arn_of(&account.ecs("RunTask", input.clone()).await);
    assert_eq!(arn_of(&account.ecs("RunTask", input.clone()).await), first);
    assert_eq!(stopped(&account, &first).await["containers"][0]["exitCode"], 0);
    // Also when the task has stopped, and when ECS no longer describes it.
    assert_eq!(arn_of(&account.ecs("RunTask", input.clone()).await), first);
    tokio::time::sleep(Duration::from_secs(2 * 3_600)).await;
    assert_eq!(arn_of(&account.ecs("RunTask", input.clone()).await), first);
    let listed = account.ecs("ListTasks", json!({"cluster": "jobs", "startedBy": "release-7"})).await;
    assert_eq!(listed["taskArns"], json!([]));

    let (code, _) = account.refused("RunTask", with("migrate", json!({"clientToken": "token-1"}))).await;
    assert_eq!(code, "ConflictException");
    let other = with("migrate", json!({"clientToken": "token-2", "startedBy": "release-7"}));
    assert_ne!(arn_of(&account.ecs("RunTask", other).await), first);
    // A day later the token is forgotten.
    tokio::time::sleep(Duration::from_secs(22 * 3_600)).await;
    assert_ne!(arn_of(&account.ecs("RunTask", input).await), first);
}

#[tokio::test(start_paused = true)]
async fn what_run_task_refuses() {
    let account = Account::new(Scripted::new()).await;
    account.register("migrate", "migrate-once:1").await;
    let long = "x".repeat(65);
    for (more, wording) in [
        (json!({"taskDefinition": "absent"}), "TaskDefinition not found."),
        (json!({"count": 11}), "count must be between 1 and 10."),
        (json!({"clientToken": long}), "clientToken cannot be longer than 64 characters."),
        (json!({"startedBy": long.repeat(2)}), "startedBy cannot be longer than 128 characters."),
        (json!({"launchType": "EC2"}), "Task definition does not support launch_type EC2."),
        (json!({"networkConfiguration": {"awsvpcConfiguration": {}}}), "subnets can not be empty."),
        (json!({"propagateTags": "SERVICE"}), "A task can propagate tags from its task definition only."),
        (
            json!({"overrides": {"containerOverrides": [{"name": "ap"}]}}),
            "Override for container named ap is not a container in the TaskDefinition.",
        ),
        (json!({"overrides": {"containerOverrides": [{}]}}), "Container override name cannot be empty."),
    ] {
        let (_, message) = account.refused("RunTask", with("migrate", more)).await;
        assert_eq!(message, wording);
    }
    let listed = account.ecs("ListTasks", json!({"cluster": "jobs"})).await;
    assert_eq!(listed["taskArns"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_room_the_answer_says_so_and_the_token_stays_free() {
    let account = Account::new(Scripted::new()).await;
    account.register("migrate", "migrate-once:1").await;
    account.simulator.with_world(|world| world.ecs.no_room.push_back("RESOURCE:MEMORY".to_owned()));
    let input = with("migrate", json!({"clientToken": "token-1"}));
    let answer = account.ecs("RunTask", input.clone()).await;
    assert_eq!(answer["tasks"], json!([]));
    assert_eq!(answer["failures"][0]["reason"], "RESOURCE:MEMORY");
    let answer = account.ecs("RunTask", input).await;
    assert_eq!(answer["failures"], json!([]));
    assert_eq!(stopped(&account, &arn_of(&answer)).await["stopCode"], "EssentialContainerExited");
}

#[tokio::test(start_paused = true)]
async fn a_full_subnet_keeps_a_task_from_starting() {
    let account = Account::new(Scripted::new()).await;
    account.register("migrate", "migrate-once:1").await;
    account.simulator.with_world(|world| world.ecs.full_subnets.insert("subnet-1".to_owned()));
    let arn = arn_of(&account.ecs("RunTask", request("migrate")).await);
    let task = stopped(&account, &arn).await;
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    let reason = task["stoppedReason"].as_str().unwrap();
    assert!(
        reason.starts_with("Unexpected EC2 error while attempting to Create Network Interface"),
        "{reason}"
    );
    assert!(task["containers"][0].get("exitCode").is_none(), "{task}");
}

#[tokio::test(start_paused = true)]
async fn overrides_and_tags_are_those_of_the_call() {
    let account = Account::new(Scripted::new()).await;
    let definition = account.register("api", "api:1").await;
    let tags = json!({"resourceArn": definition, "tags": [
        {"key": "team", "value": "jobs"}, {"key": "kind", "value": "service"}]});
    account.ecs("TagResource", tags).await;
    let more = json!({
        "propagateTags": "TASK_DEFINITION", "group": "reconciler:api",
        "tags": [{"key": "kind", "value": "migration"}],
        "overrides": {"cpu": "512", "memory": "1024",
            "containerOverrides": [{"name": "app", "command": ["once"], "memory": 600}]},
    });
    let arn = arn_of(&account.ecs("RunTask", with("api", more)).await);
    // The image would run for ever; the command ends.
    let task = stopped(&account, &arn).await;
    assert_eq!(task["containers"][0]["exitCode"], 0);
    assert_eq!((&task["cpu"], &task["memory"]), (&json!("512"), &json!("1024")));
    assert_eq!(task["group"], "reconciler:api");
    assert_eq!(
        task["tags"],
        json!([{"key": "kind", "value": "migration"}, {"key": "team", "value": "jobs"}])
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_is_stopped_by_hand_or_by_spot_and_says_by_whom() {
    let runtime = Arc::new(Scripted::new());
    let clock = Clock::starting_at(Time(1_790_000_000_000), 1.0);
    let account = Account { simulator: Simulator::new(clock, runtime.clone()) };
    account.ecs("CreateCluster", json!({"clusterName": "jobs"})).await;
    account.register("migrate", "endless:1").await;
    let mut arns = Vec::new();
    for _ in 0..2 {
        arns.push(arn_of(&account.ecs("RunTask", request("migrate")).await));
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(task(&account, &arns[0]).await["lastStatus"], "RUNNING");
    account.ecs("StopTask", json!({"cluster": "jobs", "task": arns[0], "reason": "too late"})).await;
    account
        .simulator
        .with_world(|world| assert!(simulator::ecs::interrupt(world, runtime.as_ref(), &arns[1])));
    let mut ends = Vec::new();
    for arn in &arns {
        let task = stopped(&account, arn).await;
        ends.push((task["stopCode"].clone(), task["stoppedReason"].clone()));
    }
    assert_eq!(
        ends,
        [
            (json!("UserInitiated"), json!("too late")),
            (json!("SpotInterruption"), json!("Your Spot Task was interrupted.")),
        ]
    );
    // Stopping what has stopped changes nothing.
    account.ecs("StopTask", json!({"cluster": "jobs", "task": arns[0]})).await;
    assert_eq!(task(&account, &arns[0]).await["stoppedReason"], "too late");
}

#[tokio::test]
async fn a_process_gets_the_command_and_environment_of_the_call() {
    let image = Image {
        command: PathBuf::from("/bin/sh"),
        args: vec!["-c".to_owned(), "exec sleep 600".to_owned()],
        ..Image::default()
    };
    let mut images = Images::default();
    images.insert("shell", image);
    let clock = Clock::starting_at(Time(1_790_000_000_000), 1.0);
    let runtime = Arc::new(ProcessRuntime::new(clock.clone(), images, BTreeMap::new()));
    let account = Account { simulator: Simulator::new(clock, runtime.clone()) };
    account.simulator.with_world(|world| world.pace = Pace::immediate());
    account.ecs("CreateCluster", json!({"clusterName": "jobs"})).await;
    account.register("shell", "shell:1").await;
    let overrides = json!({"containerOverrides": [{
        "name": "app", "command": ["-c", "echo version $VERSION; exit 3"],
        "environment": [{"name": "VERSION", "value": "42"}],
    }]});
    let arn = arn_of(&account.ecs("RunTask", with("shell", json!({"overrides": overrides}))).await);
    let stopped = loop {
        let task = task(&account, &arn).await;
        if task["lastStatus"] == "STOPPED" {
            break task;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(stopped["containers"][0]["exitCode"], 3);
    assert_eq!(stopped["stopCode"], "EssentialContainerExited");
    assert_eq!(stopped["stoppedReason"], "Essential container in task exited");
    let id = arn.rsplit('/').next().unwrap();
    let input = json!({"logGroupName": "/ecs/app", "logStreamName": format!("ecs/app/{id}")});
    let (_, log) = account.send("Logs_20140328.GetLogEvents", input).await;
    assert_eq!(log["events"][0]["message"], "version 42");
}
