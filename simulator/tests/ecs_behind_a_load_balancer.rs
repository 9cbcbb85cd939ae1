//! Services behind a target group: what ECS and the load balancer make of each other.
#![allow(clippy::unwrap_used)]

mod account;

use std::time::Duration;

use account::{Account, creation, is_completed, messages};
use bytes::Bytes;
use serde_json::{Value, json};
use simulator::runtime::scripted::{Script, Scripted};

/// An ELBv2 call; gives the first text of `element` in the answer.
async fn elb(account: &Account, query: &str, element: &str) -> String {
    let request = http::Request::post("/")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(Bytes::from(format!("{query}&Version=2015-12-01")))
        .unwrap();
    let response = account.simulator.call(request).await;
    let xml = String::from_utf8(response.body().to_vec()).unwrap();
    assert_eq!(response.status(), 200, "{xml}");
    let start = xml.find(&format!("<{element}>")).unwrap_or_else(|| panic!("{xml}")) + element.len() + 2;
    let end = xml[start..].find("</").unwrap();
    xml[start..start + end].to_owned()
}

/// A target group that a listener forwards to.
async fn target_group(account: &Account) -> String {
    let group = elb(
        account,
        "Action=CreateTargetGroup&Name=api&Protocol=HTTP&Port=80&VpcId=vpc-1&TargetType=ip\
         &HealthCheckIntervalSeconds=10&HealthyThresholdCount=2&UnhealthyThresholdCount=2",
        "TargetGroupArn",
    )
    .await;
    let delay = format!(
        "Action=ModifyTargetGroupAttributes&TargetGroupArn={group}\
         &Attributes.member.1.Key=deregistration_delay.timeout_seconds&Attributes.member.1.Value=20"
    );
    elb(account, &delay, "RequestId").await;
    let balancer = elb(
        account,
        "Action=CreateLoadBalancer&Name=web&Subnets.member.1=subnet-1&Subnets.member.2=subnet-2",
        "LoadBalancerArn",
    )
    .await;
    let listener = format!(
        "Action=CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80\
         &DefaultActions.member.1.Type=forward&DefaultActions.member.1.TargetGroupArn={group}"
    );
    elb(account, &listener, "ListenerArn").await;
    group
}

fn balanced(group: &str, grace_seconds: u32) -> Value {
    let mut input = creation("api", "api", 2);
    input["loadBalancers"] =
        json!([{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}]);
    input["healthCheckGracePeriodSeconds"] = grace_seconds.into();
    input
}

#[tokio::test(start_paused = true)]
async fn old_tasks_are_drained_only_after_new_targets_are_healthy() {
    let account = Account::new(Scripted::new()).await;
    let group = target_group(&account).await;
    account.register("api", "api:1").await;
    account.ecs("CreateService", balanced(&group, 0)).await;
    let first = account.until_completed("api").await;
    assert_eq!(first["loadBalancers"][0]["targetGroupArn"], group);
    account.register("api", "api:2").await;
    account.update("api", json!({"taskDefinition": "api"})).await;

    let mut least = u64::MAX;
    let done = account
        .until("api", |service| least = least.min(service["runningCount"].as_u64().unwrap()), is_completed)
        .await;
    assert_eq!(least, 2);
    let tasks = account.tasks("api").await;
    let time = |task: &Value, member: &str| task[member].as_f64().unwrap();
    let new_started = tasks[2..].iter().map(|task| time(task, "startedAt")).fold(0.0, f64::max);
    for old in &tasks[..2] {
        // Two checks, ten seconds apart, make a target healthy; then the drain takes its twenty.
        assert!(time(old, "stoppingAt") >= new_started + 10.0);
        assert!(time(old, "stoppedAt") >= time(old, "stoppingAt") + 20.0);
    }
    let said = messages(&done);
    for expected in [
        "has begun draining connections on 2 tasks.".to_owned(),
        format!("registered 2 targets in (target-group {group})"),
        format!("deregistered 2 targets in (target-group {group})"),
    ] {
        let expected = format!("(service api) {expected}");
        assert!(said.contains(&expected), "{expected} in {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_elb_health_checks_is_stopped_and_the_deployment_rolled_back() {
    let account = Account::new(Scripted::new()).await;
    let group = target_group(&account).await;
    let good = account.register("api", "api:1").await;
    account.ecs("CreateService", balanced(&group, 0)).await;
    account.until_completed("api").await;
    let bad = account.register("api", "api-unhealthy:2").await;
    account.update("api", json!({"taskDefinition": bad})).await;
    let done = account
        .until("api", |_| {}, |service| is_completed(service) && service["taskDefinition"] == json!(good))
        .await;
    let tasks = account.tasks("api").await;
    let failed = tasks.iter().find(|task| task["taskDefinitionArn"] == json!(bad)).unwrap();
    assert_eq!(failed["stoppedReason"], format!("Task failed ELB health checks in (target-group {group})"));
    assert_eq!(failed["stopCode"], "ServiceSchedulerInitiated");
    let said = messages(&done);
    let expected = format!("is unhealthy in (target-group {group}) due to (reason ");
    assert!(said.iter().any(|text| text.contains(&expected)), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn the_grace_period_saves_a_slow_starter() {
    let slow = Script { healthy_after: Some(Duration::from_secs(60)), ..Script::default() };
    let account = Account::new(Scripted::new().with_script("late", slow)).await;
    let group = target_group(&account).await;
    account.register("api", "late:1").await;
    account.ecs("CreateService", balanced(&group, 120)).await;
    account.until_completed("api").await;
    assert_eq!(account.tasks("api").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_settled_service_notices_that_a_target_turns_unhealthy() {
    let ailing = Script { unhealthy_after: Some(Duration::from_secs(300)), ..Script::default() };
    let account = Account::new(Scripted::new().with_script("ailing", ailing)).await;
    let group = target_group(&account).await;
    account.register("api", "ailing:1").await;
    account.ecs("CreateService", balanced(&group, 0)).await;
    account.until_completed("api").await;
    tokio::time::sleep(Duration::from_secs(400)).await;
    let tasks = account.tasks("api").await;
    assert!(tasks.len() >= 4, "{}", tasks.len());
    let service = account.service("api").await;
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
}
