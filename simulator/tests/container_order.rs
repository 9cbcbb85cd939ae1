//! `dependsOn` and FireLens: in which order the containers of a task start and end, in both runtimes.
#![allow(clippy::unwrap_used)]

mod account;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use account::Account;
use serde_json::{Value, json};
use simulator::Simulator;
use simulator::clock::{Clock, Time};
use simulator::ecs::Pace;
use simulator::images::{Image, Images};
use simulator::runtime::Runtime;
use simulator::runtime::process::ProcessRuntime;
use simulator::runtime::scripted::{Exit, Script, Scripted};

fn exits(code: i32) -> Script {
    let exit = Exit { after: Duration::from_secs(20), code, reason: None, last_line: String::new() };
    Script { exits: Some(exit), ..Script::default() }
}

fn definition(containers: Value) -> Value {
    json!({"family": "app", "cpu": "256", "memory": "512", "containerDefinitions": containers})
}

fn waits(name: &str, image: &str, on: &[(&str, &str)]) -> Value {
    let on: Vec<Value> = on
        .iter()
        .map(|(container, condition)| json!({"containerName": container, "condition": condition}))
        .collect();
    json!({"name": name, "image": image, "dependsOn": on})
}

async fn run(account: &Account, containers: Value) -> String {
    account.ecs("RegisterTaskDefinition", definition(containers)).await;
    let run = account.ecs("RunTask", json!({"cluster": "jobs", "taskDefinition": "app"})).await;
    run["tasks"][0]["taskArn"].as_str().unwrap().to_owned()
}

async fn task(account: &Account, arn: &str) -> Value {
    account.ecs("DescribeTasks", json!({"cluster": "jobs", "tasks": [arn]})).await["tasks"][0].clone()
}

/// The containers' statuses, in order, after each of so many seconds.
async fn statuses(account: &Account, arn: &str, seconds: &[u64]) -> Vec<String> {
    let (mut all, mut passed) = (Vec::new(), 0);
    for second in seconds {
        tokio::time::sleep(Duration::from_secs(second - passed)).await;
        passed = *second;
        let task = task(account, arn).await;
        let containers = task["containers"].as_array().unwrap();
        let words: Vec<&str> = containers.iter().map(|one| one["lastStatus"].as_str().unwrap()).collect();
        all.push(words.join(" "));
    }
    all
}

async fn scripted() -> Account {
    let runtime = Scripted::new()
        .with_script("migrate:good", exits(0))
        .with_script("migrate:bad", exits(3))
        .with_script("late", Script { healthy_after: Some(Duration::from_secs(40)), ..Script::default() });
    Account::new(runtime).await
}

fn init(image: &str) -> Value {
    json!({"name": "migrate", "image": image, "essential": false})
}

#[tokio::test(start_paused = true)]
async fn scripted_containers_wait_for_what_they_depend_on() {
    let account = scripted().await;
    let check = json!({"command": ["CMD", "true"], "interval": 10});
    let sidecar = json!({"name": "agent", "image": "late:1", "healthCheck": check});
    let app = waits("app", "app:1", &[("migrate", "SUCCESS"), ("agent", "HEALTHY")]);
    let arn = run(&account, json!([init("migrate:good"), sidecar, app])).await;
    // Pulled after 5 seconds; the migration ends at 25, the agent is well at 45.
    let found = statuses(&account, &arn, &[15, 35, 55]).await;
    assert_eq!(found, ["RUNNING RUNNING PENDING", "STOPPED RUNNING PENDING", "STOPPED RUNNING RUNNING"]);
    assert_eq!(task(&account, &arn).await["lastStatus"], "RUNNING");
    // The one that depends on the agent ends first.
    account.ecs("StopTask", json!({"cluster": "jobs", "task": arn})).await;
    let found = statuses(&account, &arn, &[1, 2]).await;
    assert_eq!(found, ["STOPPED RUNNING STOPPED", "STOPPED STOPPED STOPPED"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_or_late_dependency_fails_the_task() {
    let account = scripted().await;
    let wanted = [
        (
            json!([init("migrate:bad"), waits("app", "app:1", &[("migrate", "SUCCESS")])]),
            "[migrate] for target [app] as dependency did not exit successfully.",
        ),
        (
            json!([
                {"name": "migrate", "image": "migrate:good", "essential": false, "startTimeout": 10},
                waits("app", "app:1", &[("migrate", "COMPLETE")]),
            ]),
            "[migrate] for target [app] has timed out.",
        ),
    ];
    for (containers, wording) in wanted {
        let arn = run(&account, containers).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let task = task(&account, &arn).await;
        assert_eq!(
            (&task["lastStatus"], &task["stopCode"]),
            (&json!("STOPPED"), &json!("TaskFailedToStart"))
        );
        let reason = task["stoppedReason"].as_str().unwrap();
        assert!(reason.starts_with("dependency graph:") && reason.ends_with(wording), "{reason}");
    }
    // A migration that fails is no hindrance to one that only waits for its end.
    let arn =
        run(&account, json!([init("migrate:bad"), waits("app", "app:1", &[("migrate", "COMPLETE")])])).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(task(&account, &arn).await["lastStatus"], "RUNNING");
}

fn routed() -> Value {
    json!({"name": "app", "image": "app:1", "logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "datadog"}}})
}

#[tokio::test(start_paused = true)]
async fn what_logs_through_firelens_starts_after_its_router() {
    let account = Account::new(
        Scripted::new()
            .with_script("router", Script { starts_after: Duration::from_secs(30), ..Script::default() }),
    )
    .await;
    let router =
        json!({"name": "router", "image": "router:1", "firelensConfiguration": {"type": "fluentbit"}});
    let arn = run(&account, json!([routed(), router])).await;
    let found = statuses(&account, &arn, &[20, 40]).await;
    assert_eq!(found, ["PENDING PENDING", "RUNNING RUNNING"]);
    let described = account.ecs("DescribeTaskDefinition", json!({"taskDefinition": "app"})).await;
    let containers = &described["taskDefinition"]["containerDefinitions"];
    assert_eq!(containers[1]["firelensConfiguration"], json!({"type": "fluentbit"}));
}

#[tokio::test(start_paused = true)]
async fn what_ecs_refuses_about_order_and_routers_is_refused() {
    let account = scripted().await;
    let good = || json!({"name": "router", "image": "r:1", "firelensConfiguration": {"type": "fluentbit"}});
    let mut odd = good();
    odd["firelensConfiguration"]["type"] = json!("vector");
    let mut second = good();
    second["name"] = json!("second");
    for (containers, wording) in [
        (json!([routed()]), "firelensConfiguration"),
        (json!([routed(), odd]), "fluentd or fluentbit"),
        (json!([routed(), good(), second]), "Only one"),
        (
            json!([{"name": "agent", "image": "a:1"}, waits("app", "a:1", &[("agent", "HEALTHY")])]),
            "no health check",
        ),
        (
            json!([{"name": "agent", "image": "a:1"}, waits("app", "a:1", &[("agent", "SUCCESS")])]),
            "essential",
        ),
        (
            json!([{"name": "agent", "image": "a:1"}, waits("app", "a:1", &[("agent", "READY")])]),
            "condition: READY",
        ),
    ] {
        let (code, message) = account.refused("RegisterTaskDefinition", definition(containers)).await;
        assert_eq!(code, "ClientException");
        assert!(message.contains(wording), "{message}");
    }
}

struct Processes {
    account: Account,
    runtime: Arc<ProcessRuntime>,
}

async fn processes() -> Processes {
    let mut images = Images::default();
    images.insert("shell", Image { command: "sh".into(), args: vec!["-c".into()], ..Image::default() });
    let clock = Clock::starting_at(Time(1_790_000_000_000), 1.0);
    let runtime = Arc::new(ProcessRuntime::new(clock.clone(), images, BTreeMap::new()));
    let simulator = Simulator::new(clock, runtime.clone());
    simulator.with_world(|world| world.pace = Pace::immediate());
    let account = Account { simulator };
    account.ecs("CreateCluster", json!({"clusterName": "jobs"})).await;
    Processes { account, runtime }
}

impl Processes {
    async fn until(&self, arn: &str, reached: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            let mut looks = tokio::time::interval(Duration::from_millis(20));
            loop {
                looks.tick().await;
                let task = task(&self.account, arn).await;
                if reached(&task) {
                    return task;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap()
    }
}

fn shell(name: &str, script: &str, on: &[(&str, &str)]) -> Value {
    let mut container = waits(name, "shell:1", on);
    container["command"] = json!(["-c", script]);
    container
}

#[tokio::test]
async fn processes_start_and_end_in_their_order() {
    let stage = processes().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("order").display().to_string();
    let mut migrate = shell("migrate", &format!("sleep 0.3; echo migrated >> {file}"), &[]);
    migrate["essential"] = json!(false);
    let say = |word: &str| {
        format!(
            "echo {word} begins >> {file}; trap 'echo {word} ends >> {file}; exit 0' TERM; while :; do sleep 0.05; done"
        )
    };
    let mut router = shell("router", &say("router"), &[("migrate", "SUCCESS")]);
    let script = format!("grep -q 'router begins' {file}");
    router["healthCheck"] = json!({"command": ["CMD-SHELL", script], "interval": 1});
    let app = shell("app", &say("app"), &[("router", "HEALTHY")]);
    let arn = run(&stage.account, json!([app, router, migrate])).await;
    stage.until(&arn, |task| task["lastStatus"] == "RUNNING").await;
    // Running is not ready to be told: the last word may still be on its way.
    let written = || std::fs::read_to_string(&file).unwrap_or_default();
    stage.until(&arn, |_| written().contains("app begins")).await;
    stage.account.ecs("StopTask", json!({"cluster": "jobs", "task": arn})).await;
    stage.until(&arn, |task| task["lastStatus"] == "STOPPED").await;
    let lines = written();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines, ["migrated", "router begins", "app begins", "app ends", "router ends"]);
    stage.runtime.shut_down(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_process_whose_dependency_fails_never_starts() {
    let stage = processes().await;
    let mut migrate = shell("migrate", "exit 7", &[]);
    migrate["essential"] = json!(false);
    let app = shell("app", "echo never", &[("migrate", "SUCCESS")]);
    let arn = run(&stage.account, json!([migrate, app])).await;
    let stopped = stage.until(&arn, |task| task["lastStatus"] == "STOPPED").await;
    assert_eq!(stopped["stopCode"], "TaskFailedToStart");
    assert!(stopped["stoppedReason"].as_str().unwrap().contains("did not exit successfully"), "{stopped}");
    assert_eq!(stopped["containers"][0]["exitCode"], 7);
    assert!(stopped["containers"][1].get("exitCode").is_none());
    assert!(stage.runtime.output(&arn, "app", 9).is_empty());
    // One that is stopped while it waits ends too.
    let mut slow = shell("migrate", "sleep 60", &[]);
    slow["essential"] = json!(false);
    slow["stopTimeout"] = json!(1);
    let arn =
        run(&stage.account, json!([slow, shell("app", "echo never", &[("migrate", "COMPLETE")])])).await;
    stage.until(&arn, |task| task["containers"][0]["lastStatus"] == "RUNNING").await;
    stage.account.ecs("StopTask", json!({"cluster": "jobs", "task": arn})).await;
    stage.until(&arn, |task| task["lastStatus"] == "STOPPED").await;
    stage.runtime.shut_down(Duration::from_secs(5)).await;
}
