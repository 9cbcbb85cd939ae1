//! ECS as its clients see it: every request here is an HTTP request, every second is virtual.
#![allow(clippy::unwrap_used)]

mod account;

use std::time::Duration;

use account::{Account, creation, is_completed, messages};
use serde_json::{Value, json};
use simulator::ecs::Pace;
use simulator::runtime::scripted::{Script, Scripted};

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

#[tokio::test(start_paused = true)]
async fn a_rolling_update_keeps_every_old_task_until_a_new_one_is_up() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    account.create("api", "api", 3).await;
    account.until_completed("api").await;
    let second = account.register("api", "api:2").await;
    let updated = account.update("api", json!({"taskDefinition": "api"})).await;
    assert_eq!(updated["deployments"].as_array().unwrap().len(), 2);
    assert_eq!(updated["deployments"][1]["status"], "ACTIVE");

    let (mut least, mut most) = (u64::MAX, 0);
    let done = account
        .until(
            "api",
            |service| {
                let running = service["runningCount"].as_u64().unwrap();
                least = least.min(running);
                most = most.max(running + service["pendingCount"].as_u64().unwrap());
            },
            is_completed,
        )
        .await;
    assert_eq!((least, most), (3, 6));
    assert_eq!(done["deployments"][0]["taskDefinition"], second);
    let tasks = account.tasks("api").await;
    let running = |task: &&Value| task["lastStatus"] == "RUNNING";
    assert!(tasks.iter().filter(running).all(|task| task["taskDefinitionArn"] == second));
    let old: Vec<&Value> = tasks.iter().filter(|task| !running(task)).collect();
    assert_eq!(old.len(), 3);
    for task in old {
        assert_eq!(task["stopCode"], "ServiceSchedulerInitiated");
        let reason = task["stoppedReason"].as_str().unwrap();
        assert!(reason.starts_with("Scaling activity initiated by (deployment ecs-svc/"), "{reason}");
        assert_eq!(task["containers"][0]["exitCode"], 0);
    }
    let history = account.service_deployments("api").await;
    assert_eq!(history[0]["status"], "SUCCESSFUL");
    assert_eq!(history[0]["sourceServiceRevisions"][0]["arn"], history[1]["targetServiceRevision"]["arn"]);
}

#[tokio::test(start_paused = true)]
async fn a_crashing_image_is_rolled_back_by_the_breaker_to_the_same_deployment_id() {
    let account = Account::new(Scripted::new()).await;
    let good = account.register("api", "api:1").await;
    account.create("api", "api", 2).await;
    let first = account.until_completed("api").await;
    let first_id = first["deployments"][0]["id"].clone();
    let bad = account.register("api", "api-crash:2").await;
    account.update("api", json!({"taskDefinition": bad})).await;

    let mut failed = Value::Null;
    let mut least = u64::MAX;
    let done = account
        .until(
            "api",
            |service| {
                least = least.min(service["runningCount"].as_u64().unwrap());
                for deployment in service["deployments"].as_array().unwrap() {
                    if deployment["rolloutState"] == "FAILED" {
                        failed = deployment.clone();
                        let primary = &service["deployments"][0];
                        let reason = primary["rolloutStateReason"].as_str().unwrap();
                        assert!(reason.contains("rolling back to deploymentId ecs-svc/"), "{reason}");
                    }
                }
            },
            |service| is_completed(service) && service["deployments"][0]["taskDefinition"] == json!(good),
        )
        .await;
    assert!(least >= 2, "{least}");
    assert_eq!(failed["taskDefinition"], bad);
    assert_eq!(failed["rolloutStateReason"], "ECS deployment circuit breaker: tasks failed to start.");
    assert!(failed["failedTasks"].as_u64().unwrap() >= 3);
    assert_eq!(done["deployments"][0]["id"], first_id);
    assert_eq!(done["taskDefinition"], good);

    let history = account.service_deployments("api").await;
    assert_eq!(history[0]["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(history[0]["deploymentCircuitBreaker"]["status"], "TRIGGERED");
    assert_eq!(history[0]["deploymentCircuitBreaker"]["threshold"], 3);
    assert_eq!(history[0]["rollback"]["serviceRevisionArn"], history[1]["targetServiceRevision"]["arn"]);
    let tasks = account.tasks("api").await;
    let crashed = tasks.iter().find(|task| task["taskDefinitionArn"] == json!(bad)).unwrap();
    assert_eq!(crashed["stopCode"], "EssentialContainerExited");
    assert_eq!(crashed["stoppedReason"], "Essential container in task exited");
    assert_eq!(crashed["containers"][0]["exitCode"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_that_fails_has_nothing_to_go_back_to_and_stalls() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "registry.invalid/api:1").await;
    account.create("api", "api", 1).await;
    let failed =
        account.until("api", |_| {}, |service| service["deployments"][0]["rolloutState"] == "FAILED").await;
    assert_eq!(failed["deployments"][0]["failedTasks"], 3);
    let tasks = account.tasks("api").await;
    assert_eq!(tasks[0]["stopCode"], "TaskFailedToStart");
    let reason = tasks[0]["stoppedReason"].as_str().unwrap();
    assert!(reason.starts_with("CannotPullContainerError: "), "{reason}");
    assert!(tasks[0]["containers"][0].get("exitCode").is_none());

    tokio::time::sleep(Duration::from_secs(600)).await;
    let later = account.service("api").await;
    assert_eq!(later["deployments"][0]["rolloutState"], "FAILED");
    assert_eq!(account.tasks("api").await.len(), tasks.len());
    assert_eq!(account.service_deployments("api").await[0]["status"], "STOPPED");
}

#[tokio::test(start_paused = true)]
async fn without_a_breaker_retries_slow_down_and_the_deployment_stays_in_progress() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api-crash:1").await;
    let mut input = creation("api", "api", 1);
    input.as_object_mut().unwrap().remove("deploymentConfiguration");
    account.ecs("CreateService", input).await;
    tokio::time::sleep(Duration::from_secs(1_800)).await;
    let service = account.service("api").await;
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
    let failures = service["deployments"][0]["failedTasks"].as_u64().unwrap();
    assert!((5..=12).contains(&failures), "{failures}");
    let said = messages(&service);
    assert!(said.iter().any(|message| message.contains("is unable to consistently start tasks")), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_container_whose_check_never_passes_is_replaced_and_rolled_back() {
    let account = Account::new(Scripted::new()).await;
    let check = json!({"healthCheck": {"command": ["CMD", "true"], "interval": 10}});
    let good = account.register_with("api", "api:1", check.clone()).await;
    account.create("api", "api", 1).await;
    account.until_completed("api").await;
    let healthy = account.tasks("api").await;
    assert_eq!(healthy[0]["healthStatus"], "HEALTHY");

    let bad = account.register_with("api", "api-unhealthy:2", check).await;
    account.update("api", json!({"taskDefinition": bad})).await;
    let done = account
        .until("api", |_| {}, |service| is_completed(service) && service["taskDefinition"] == json!(good))
        .await;
    assert_eq!(done["runningCount"], 1);
    let tasks = account.tasks("api").await;
    let bad: Vec<&Value> = tasks.iter().filter(|task| task["taskDefinitionArn"] == json!(bad)).collect();
    assert_eq!(bad.len(), 3);
    assert_eq!(bad[0]["stoppedReason"], "Task failed container health checks");
    assert_eq!(bad[0]["stopCode"], "ServiceSchedulerInitiated");
    let same = tasks.iter().find(|task| task["lastStatus"] == "RUNNING").unwrap();
    assert_eq!(same["taskArn"], healthy[0]["taskArn"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_out_of_memory_says_so() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api-oom:1").await;
    account.create("api", "api", 1).await;
    account.until("api", |_| {}, |service| service["deployments"][0]["rolloutState"] == "FAILED").await;
    let task = &account.tasks("api").await[0];
    assert_eq!(task["containers"][0]["exitCode"], 137);
    let reason = task["containers"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("OutOfMemoryError: "), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_third_deployment_supersedes_the_second_in_flight() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    account.create("api", "api", 2).await;
    account.until_completed("api").await;
    account.register("api", "api-slow:2").await;
    account.update("api", json!({"taskDefinition": "api"})).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    account.register("api", "api:3").await;
    let third = account.update("api", json!({"taskDefinition": "api"})).await;
    let statuses: Vec<&Value> =
        third["deployments"].as_array().unwrap().iter().map(|d| &d["status"]).collect();
    assert_eq!(statuses, ["PRIMARY", "ACTIVE", "ACTIVE"]);
    let history = account.service_deployments("api").await;
    assert_eq!(history[1]["status"], "STOP_REQUESTED");
    let done = account.until_completed("api").await;
    assert!(done["taskDefinition"].as_str().unwrap().ends_with(":3"));
    let history = account.service_deployments("api").await;
    let statuses: Vec<&Value> = history.iter().map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]);
}

#[tokio::test(start_paused = true)]
async fn a_user_can_roll_a_deployment_back() {
    let account = Account::new(Scripted::new()).await;
    let good = account.register("api", "api:1").await;
    account.create("api", "api", 1).await;
    account.until_completed("api").await;
    account.register("api", "api-slow:2").await;
    account.update("api", json!({"taskDefinition": "api"})).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let arn = account.service("api").await["currentServiceDeployment"].clone();
    let stop = json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"});
    account.ecs("StopServiceDeployment", stop.clone()).await;
    assert_eq!(account.service_deployments("api").await[0]["status"], "ROLLBACK_REQUESTED");
    let done = account
        .until("api", |_| {}, |service| is_completed(service) && service["taskDefinition"] == json!(good))
        .await;
    assert_eq!(done["runningCount"], 1);
    assert_eq!(account.service_deployments("api").await[0]["status"], "ROLLBACK_SUCCESSFUL");
    let (code, _) = account.refused("StopServiceDeployment", stop).await;
    assert_eq!(code, "ConflictException");
}

#[tokio::test(start_paused = true)]
async fn only_deploying_changes_make_a_deployment() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    account.create("api", "api", 1).await;
    let before = account.until_completed("api").await;
    let id = &before["deployments"][0]["id"];
    for change in [
        json!({"desiredCount": 2}),
        json!({"taskDefinition": "api"}),
        json!({"enableExecuteCommand": true, "propagateTags": "SERVICE"}),
        json!({"deploymentConfiguration": {"maximumPercent": 150}}),
        json!({"networkConfiguration": before["networkConfiguration"]}),
    ] {
        let after = account.update("api", change.clone()).await;
        assert_eq!(after["deployments"].as_array().unwrap().len(), 1, "{change}");
        assert_eq!(after["deployments"][0]["id"], *id, "{change}");
    }
    account.until("api", |_| {}, |service| service["runningCount"] == 2).await;
    assert_eq!(account.service_deployments("api").await.len(), 1);
    let forced = account.update("api", json!({"forceNewDeployment": true})).await;
    assert_ne!(forced["deployments"][0]["id"], *id);
    account.until_completed("api").await;
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-2"]}});
    let moved = account.update("api", json!({"networkConfiguration": network})).await;
    assert_eq!(moved["deployments"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_task_is_replaced() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    account.create("api", "api", 1).await;
    account.until_completed("api").await;
    let task = account.tasks("api").await[0]["taskArn"].clone();
    let stop = json!({"cluster": "jobs", "task": task, "reason": "trying"});
    account.ecs("StopTask", stop).await;
    account.until("api", |_| {}, |service| service["runningCount"] == 0).await;
    let service = account.until("api", |_| {}, |service| service["runningCount"] == 1).await;
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    let stopped = &account.tasks("api").await[0];
    assert_eq!(stopped["stopCode"], "UserInitiated");
    assert_eq!(stopped["stoppedReason"], "trying");
    tokio::time::sleep(Duration::from_secs(3_700)).await;
    assert_eq!(account.tasks("api").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_service_drains_and_its_name_is_free_again() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    account.create("api", "api", 1).await;
    account.until_completed("api").await;
    let delete = json!({"cluster": "jobs", "service": "api"});
    let (code, message) = account.refused("DeleteService", delete.clone()).await;
    assert_eq!(code, "InvalidParameterException");
    assert!(message.contains("scaled above 0"), "{message}");
    let mut forced = delete.clone();
    forced["force"] = true.into();
    let deleted = account.ecs("DeleteService", forced).await;
    assert_eq!(deleted["service"]["status"], "DRAINING");
    let (_, message) = account.refused("CreateService", creation("api", "api", 1)).await;
    assert_eq!(message, "Unable to Start a service that is still Draining.");
    let gone = account.until("api", |_| {}, |service| service["status"] == "INACTIVE").await;
    assert_eq!(gone["runningCount"], 0);
    assert_eq!(gone["deployments"], json!([]));
    let listed = account.ecs("ListServices", json!({"cluster": "jobs"})).await;
    assert_eq!(listed["serviceArns"], json!([]));
    let (code, _) = account.refused("UpdateService", delete).await;
    assert_eq!(code, "ServiceNotActiveException");
    account.create("api", "api", 1).await;
    account.until_completed("api").await;
}

#[tokio::test(start_paused = true)]
async fn a_task_of_its_own_runs_once_and_its_output_is_logged() {
    let account = Account::new(Scripted::new()).await;
    account.register("migrate", "migrate-crash:1").await;
    let input = json!({
        "cluster": "jobs", "taskDefinition": "migrate", "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "startedBy": "release-7",
    });
    let run = account.ecs("RunTask", input).await;
    let arn = run["tasks"][0]["taskArn"].clone();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let describe = json!({"cluster": "jobs", "tasks": [arn]});
    let task = account.ecs("DescribeTasks", describe).await["tasks"][0].clone();
    assert_eq!(task["lastStatus"], "STOPPED");
    assert_eq!(task["containers"][0]["exitCode"], 1);
    assert_eq!(task["group"], "family:migrate");
    let id = arn.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let input = json!({"logGroupName": "/ecs/app", "logStreamName": format!("ecs/app/{id}")});
    let (status, log) = account.send("Logs_20140328.GetLogEvents", input).await;
    assert_eq!(status, 200, "{log}");
    assert_eq!(log["events"].as_array().unwrap().len(), 2);
    assert!(log["events"][1]["message"].as_str().unwrap().starts_with("fatal: "));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_cannot_be_read_fails_the_task() {
    let account = Account::new(Scripted::new()).await;
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:ghost";
    let more = json!({"secrets": [{"name": "DATABASE_URL", "valueFrom": secret}]});
    account.register_with("api", "api:1", more).await;
    account.create("api", "api", 1).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let task = &account.tasks("api").await[0];
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    let reason = task["stoppedReason"].as_str().unwrap();
    let expected = "ResourceInitializationError: unable to pull secrets or registry auth: ";
    assert!(reason.starts_with(expected), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_service_can_still_be_deleted() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    let mut input = creation("api", "api", 1);
    let breaker = json!({"enable": true, "rollback": false});
    input["deploymentConfiguration"] = json!({"deploymentCircuitBreaker": breaker});
    account.ecs("CreateService", input).await;
    account.until_completed("api").await;
    let bad = account.register("api", "api-crash:2").await;
    account.update("api", json!({"taskDefinition": bad})).await;
    let failed =
        account.until("api", |_| {}, |service| service["deployments"][0]["rolloutState"] == "FAILED").await;
    assert_eq!(failed["taskDefinition"], bad);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let stalled = account.service("api").await;
    assert_eq!(stalled["runningCount"], 1);
    assert_eq!(stalled["deployments"].as_array().unwrap().len(), 2);
    assert_eq!(account.service_deployments("api").await[0]["status"], "STOPPED");

    let delete = json!({"cluster": "jobs", "service": "api", "force": true});
    account.ecs("DeleteService", delete).await;
    account.until("api", |_| {}, |service| service["status"] == "INACTIVE").await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_deployment_during_a_rollback_has_nothing_to_go_back_to() {
    let account = Account::new(Scripted::new()).await;
    account.register("api", "api:1").await;
    account.create("api", "api", 2).await;
    account.until_completed("api").await;
    account.register("api", "api-crash:2").await;
    account.update("api", json!({"taskDefinition": "api"})).await;
    let rolling_back = |service: &Value| {
        let reason = service["deployments"][0]["rolloutStateReason"].as_str().unwrap();
        reason.contains("rolling back to")
    };
    account.until("api", |_| {}, rolling_back).await;
    let third = account.register("api", "api-crash:3").await;
    account.update("api", json!({"taskDefinition": third})).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    let service = account.service("api").await;
    assert_eq!(service["taskDefinition"], third);
    assert_eq!(service["deployments"][0]["rolloutState"], "FAILED");
    assert_eq!(service["runningCount"], 2);
    let history = account.service_deployments("api").await;
    let statuses: Vec<&Value> = history.iter().map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, ["STOPPED", "STOPPED", "SUCCESSFUL"]);
    let fixed = account.register("api", "api:4").await;
    account.update("api", json!({"taskDefinition": fixed})).await;
    account.until_completed("api").await;
}

#[tokio::test(start_paused = true)]
async fn the_outcome_does_not_depend_on_how_often_anybody_looks() {
    async fn story(look_every: Duration) -> Vec<(String, f64)> {
        let account = Account::new(Scripted::new()).await;
        account.register("api", "api:1").await;
        account.create("api", "api", 2).await;
        account.register("api", "api-crash:2").await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        account.update("api", json!({"taskDefinition": "api"})).await;
        let mut passed = Duration::ZERO;
        while passed < Duration::from_secs(420) {
            tokio::time::sleep(look_every).await;
            passed += look_every;
            account.service("api").await;
        }
        let service = account.service("api").await;
        let events = service["events"].as_array().unwrap();
        events
            .iter()
            .map(|event| {
                let text = event["message"].as_str().unwrap().to_owned();
                (text, event["createdAt"].as_f64().unwrap())
            })
            .collect()
    }
    let often = story(Duration::from_millis(700)).await;
    let seldom = story(Duration::from_secs(420)).await;
    assert!(often.len() > 8, "{often:?}");
    assert_eq!(often, seldom);
}

#[tokio::test(start_paused = true)]
async fn at_an_immediate_pace_only_the_containers_take_time() {
    let quick = Script { starts_after: Duration::from_millis(200), ..Script::default() };
    let account = Account::new(Scripted::new().with_script("api", quick)).await;
    account.simulator.with_world(|world| world.pace = Pace::immediate());
    account.register("api", "api:1").await;
    account.create("api", "api", 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(account.service("api").await["runningCount"], 1);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(is_completed(&account.service("api").await));
}
