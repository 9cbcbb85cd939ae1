//! Application Auto Scaling at work: what moves the desired count, when, how far, and what holds it.
#![allow(clippy::unwrap_used)]

mod account;

use std::time::Duration;

use account::Account;
use serde_json::{Value, json};
use simulator::cloudwatch::{Load, Utilization};
use simulator::ecs::Pace;
use simulator::runtime::scripted::{Script, Scripted};

const MINUTE: Duration = Duration::from_secs(60);

struct Stage {
    account: Account,
    queue: String,
}

/// A service `worker` of `desired` tasks with bounds 1 and 10, a queue `jobs`, and Container Insights.
async fn stage(desired: u32) -> Stage {
    // As fast as a process, next to minutes of two seconds.
    let quick = Script { starts_after: Duration::from_millis(200), ..Script::default() };
    let account = Account::new(Scripted::new().with_script("worker:1", quick)).await;
    let insights = json!([{"name": "containerInsights", "value": "enabled"}]);
    account.ecs("CreateCluster", json!({"clusterName": "work", "settings": insights})).await;
    account.register("worker", "worker:1").await;
    let mut service = account::creation("worker", "worker", desired);
    service["cluster"] = json!("work");
    account.ecs("CreateService", service).await;
    let queue = call(&account, "AmazonSQS.CreateQueue", json!({"QueueName": "jobs"})).await;
    let stage = Stage { account, queue: queue["QueueUrl"].as_str().unwrap().to_owned() };
    stage.scaling("RegisterScalableTarget", json!({"MinCapacity": 1, "MaxCapacity": 10})).await;
    stage
}

async fn call(account: &Account, target: &str, input: Value) -> Value {
    let (status, body) = account.send(target, input).await;
    assert_eq!(status, 200, "{target}: {body}");
    body
}

impl Stage {
    async fn scaling(&self, operation: &str, mut input: Value) -> Value {
        for (member, value) in [
            ("ServiceNamespace", "ecs"),
            ("ResourceId", "service/work/worker"),
            ("ScalableDimension", "ecs:service:DesiredCount"),
        ] {
            input[member] = json!(value);
        }
        call(&self.account, &format!("AnyScaleFrontendService.{operation}"), input).await
    }

    async fn track(&self, name: &str, configuration: Value) {
        let policy = json!({"PolicyName": name, "PolicyType": "TargetTrackingScaling",
                            "TargetTrackingScalingPolicyConfiguration": configuration});
        self.scaling("PutScalingPolicy", policy).await;
    }

    async fn fill(&self, messages: usize) {
        for _ in 0..messages {
            let message = json!({"QueueUrl": self.queue, "MessageBody": "job"});
            call(&self.account, "AmazonSQS.SendMessage", message).await;
        }
    }

    async fn purge(&self) {
        call(&self.account, "AmazonSQS.PurgeQueue", json!({"QueueUrl": self.queue})).await;
    }

    fn busy(&self, cpu: Load) {
        let busy = Utilization { cpu, ..Utilization::default() };
        self.account.simulator.with_world(|world| {
            world.cloudwatch.utilization.insert(("work".to_owned(), "worker".to_owned()), busy)
        });
    }

    async fn service(&self) -> Value {
        let input = json!({"cluster": "work", "services": ["worker"]});
        self.account.ecs("DescribeServices", input).await["services"][0].clone()
    }

    async fn desired(&self) -> u64 {
        self.service().await["desiredCount"].as_u64().unwrap()
    }

    /// The desired count after each of so many minutes, each looked at half a minute after it ended.
    async fn minutes(&self, minutes: usize) -> Vec<u64> {
        let mut counts = Vec::new();
        for _ in 0..minutes {
            tokio::time::sleep(MINUTE).await;
            counts.push(self.desired().await);
        }
        counts
    }

    /// Waits until half a minute after the end of a minute, with the service up.
    async fn settle(&self) {
        loop {
            let now = self.account.simulator.with_world(|world| world.now.0);
            let service = self.service().await;
            let up = service["deployments"][0]["rolloutState"] == "COMPLETED";
            if up && now % 60_000 == 30_000 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1_000 - now % 1_000)).await;
        }
    }

    /// `Cause` and `Description` of all activities, oldest first.
    async fn activities(&self) -> Vec<(String, String)> {
        let input = json!({"ServiceNamespace": "ecs", "ResourceId": "service/work/worker"});
        let target = "AnyScaleFrontendService.DescribeScalingActivities";
        let answer = call(&self.account, target, input).await;
        let text = |activity: &Value, member: &str| activity[member].as_str().unwrap().to_owned();
        let activities = answer["ScalingActivities"].as_array().unwrap().iter().rev();
        activities.map(|one| (text(one, "Cause"), text(one, "Description"))).collect()
    }
}

/// Messages that wait, by tasks that run.
fn backlog(target: u32) -> Value {
    let metric = |namespace: &str, name: &str, dimensions: Value| json!({"Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}, "Stat": "Average"});
    let queue = json!([{"Name": "QueueName", "Value": "jobs"}]);
    let service =
        json!([{"Name": "ClusterName", "Value": "work"}, {"Name": "ServiceName", "Value": "worker"}]);
    let waiting = metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue);
    let tasks = metric("ECS/ContainerInsights", "RunningTaskCount", service);
    json!({
        "TargetValue": target, "ScaleOutCooldown": 60, "ScaleInCooldown": 120,
        "CustomizedMetricSpecification": {"Metrics": [
            {"Id": "waiting", "MetricStat": waiting, "ReturnData": false},
            {"Id": "tasks", "MetricStat": tasks, "ReturnData": false},
            {"Id": "backlog", "Expression": "waiting / tasks", "Label": "Backlog per task"},
        ]},
    })
}

fn cpu(target: u32) -> Value {
    json!({
        "TargetValue": target, "ScaleOutCooldown": 120, "ScaleInCooldown": 120,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    })
}

#[tokio::test(start_paused = true)]
async fn a_backlog_scales_out_to_what_it_needs_rounded_up() {
    let stage = stage(1).await;
    stage.settle().await;
    stage.track("backlog", backlog(20)).await;
    stage.fill(55).await;
    // Three data points above the target; then 55 messages are at most 20 for each of 3 tasks.
    assert_eq!(stage.minutes(6).await, [1, 1, 3, 3, 3, 3]);
    let activities = stage.activities().await;
    assert_eq!(activities.len(), 1);
    let (cause, description) = &activities[0];
    assert!(cause.starts_with("monitor alarm TargetTracking-service/work/worker-AlarmHigh-"), "{cause}");
    assert!(cause.ends_with(" in state ALARM triggered policy backlog"), "{cause}");
    assert_eq!(description, "Setting desired count to 3.");
    // Never beyond the maximum.
    stage.fill(1_000).await;
    let counts = stage.minutes(5).await;
    assert_eq!(counts.last(), Some(&10), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_queue_scales_in_after_fifteen_minutes_and_then_by_and_by() {
    let stage = stage(4).await;
    stage.settle().await;
    stage.track("backlog", backlog(20)).await;
    stage.fill(78).await;
    stage.minutes(3).await;
    stage.purge().await;
    let counts = stage.minutes(22).await;
    assert_eq!(counts[..14], [4; 14], "{counts:?}");
    // Then a task goes every two minutes, which is the cooldown, down to the minimum.
    assert_eq!(counts[14..], [3, 3, 2, 2, 1, 1, 1, 1], "{counts:?}");
    let (cause, _) = stage.activities().await.pop().unwrap();
    assert!(cause.contains("-AlarmLow-"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn protected_tasks_outlive_a_scale_in() {
    let stage = stage(3).await;
    stage.settle().await;
    let listed = json!({"cluster": "work", "serviceName": "worker"});
    let tasks = stage.account.ecs("ListTasks", listed.clone()).await["taskArns"].clone();
    let kept = json!([tasks[0], tasks[1]]);
    let protect = json!({"cluster": "work", "tasks": kept, "protectionEnabled": true});
    stage.account.ecs("UpdateTaskProtection", protect).await;
    stage.track("backlog", backlog(20)).await;
    stage.minutes(30).await;
    assert_eq!(stage.desired().await, 1);
    let left = stage.account.ecs("ListTasks", listed).await["taskArns"].clone();
    assert_eq!(left, kept);
}

#[tokio::test(start_paused = true)]
async fn what_was_just_added_counts_until_the_cooldown_is_over() {
    let stage = stage(2).await;
    stage.settle().await;
    stage.track("cpu", cpu(50)).await;
    // Each task stays as busy however many there are: without the cooldown it would go on and on.
    stage.busy(Load::Each(75.0));
    assert_eq!(stage.minutes(5).await, [2, 2, 3, 3, 5]);
    // A load that is shared settles.
    let shared = self::stage(2).await;
    shared.settle().await;
    shared.track("cpu", cpu(50)).await;
    shared.busy(Load::Shared(230.0));
    let counts = shared.minutes(10).await;
    assert_eq!(counts[2..], [5; 8], "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_greater_need_is_met_during_the_cooldown() {
    let stage = stage(2).await;
    stage.settle().await;
    stage.track("cpu", cpu(50)).await;
    stage.busy(Load::Each(75.0));
    assert_eq!(stage.minutes(3).await, [2, 2, 3]);
    stage.busy(Load::Each(100.0));
    // Twice as much as 2 tasks can bear: 4, of which 3 are there.
    assert_eq!(stage.minutes(1).await, [4]);
}

#[tokio::test(start_paused = true)]
async fn several_policies_scale_in_only_together() {
    let stage = stage(4).await;
    stage.settle().await;
    stage.track("backlog", backlog(20)).await;
    stage.track("cpu", cpu(50)).await;
    stage.busy(Load::Each(48.0));
    assert_eq!(stage.minutes(20).await, [4; 20]);
    let mut no_scale_in = cpu(50);
    no_scale_in["DisableScaleIn"] = json!(true);
    stage.track("cpu", no_scale_in).await;
    let policies = stage.scaling("DescribeScalingPolicies", json!({"PolicyNames": ["cpu"]})).await;
    assert_eq!(policies["ScalingPolicies"][0]["Alarms"].as_array().unwrap().len(), 1);
    assert_eq!(stage.minutes(1).await, [3]);
}

#[tokio::test(start_paused = true)]
async fn suspended_scaling_and_a_deployment_hold_the_count() {
    let stage = stage(2).await;
    stage.settle().await;
    stage.track("cpu", cpu(50)).await;
    let suspended = |member: &str, on: bool| json!({ "SuspendedState": {member: on} });
    stage.scaling("RegisterScalableTarget", suspended("DynamicScalingOutSuspended", true)).await;
    stage.busy(Load::Each(90.0));
    assert_eq!(stage.minutes(6).await, [2; 6]);
    stage.scaling("RegisterScalableTarget", suspended("DynamicScalingOutSuspended", false)).await;
    assert_eq!(stage.minutes(1).await, [4]);
    stage.scaling("RegisterScalableTarget", suspended("DynamicScalingInSuspended", true)).await;
    stage.busy(Load::Each(1.0));
    assert_eq!(stage.minutes(20).await, [4; 20]);
    // Nothing comes up, so that the deployment is in progress for long.
    stage.account.register("worker", "worker-slow:2").await;
    let update = json!({"cluster": "work", "service": "worker", "taskDefinition": "worker"});
    stage.account.ecs("UpdateService", update).await;
    stage.scaling("RegisterScalableTarget", suspended("DynamicScalingInSuspended", false)).await;
    assert_eq!(stage.minutes(1).await, [4]);
    stage.settle().await;
    assert!(stage.minutes(2).await.contains(&3));
}

#[tokio::test(start_paused = true)]
async fn bounds_move_the_count_at_once_and_say_so() {
    let stage = stage(2).await;
    stage.settle().await;
    stage.scaling("RegisterScalableTarget", json!({"MinCapacity": 4})).await;
    assert_eq!(stage.desired().await, 4);
    stage.scaling("RegisterScalableTarget", json!({"MinCapacity": 1, "MaxCapacity": 3})).await;
    assert_eq!(stage.desired().await, 3);
    let expected = [
        ("minimum capacity was set to 4", "Setting desired count to 4."),
        ("maximum capacity was set to 3", "Setting desired count to 3."),
    ];
    let activities = stage.activities().await;
    let found: Vec<(&str, &str)> = activities.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(found, expected);
}

#[tokio::test(start_paused = true)]
async fn scheduled_actions_move_the_bounds_in_their_time_zone_until_they_end() {
    // The account's time begins on Monday 2026-09-21 at 14:13:20 UTC.
    let stage = stage(2).await;
    let action = |name: &str, schedule: &str, min: u32, max: u32| {
        json!({"ScheduledActionName": name, "Schedule": schedule, "Timezone": "Europe/Berlin",
               "ScalableTargetAction": {"MinCapacity": min, "MaxCapacity": max}})
    };
    stage.scaling("PutScheduledAction", action("evening", "cron(0 17 * * ? *)", 5, 8)).await;
    let mut night = action("night", "cron(0 22 * * ? *)", 1, 2);
    night["EndTime"] = json!(1_790_000_000 + 24 * 3_600);
    stage.scaling("PutScheduledAction", night).await;
    stage.scaling("PutScheduledAction", action("once", "at(2026-09-22T09:30:00)", 3, 4)).await;
    let mut counts = Vec::new();
    for hours in [1, 6, 12, 8, 6] {
        tokio::time::sleep(MINUTE * 60 * hours).await;
        counts.push(stage.desired().await);
    }
    // Tuesday's night is past the end of its action.
    assert_eq!(counts, [5, 2, 3, 5, 5]);
    let activities = stage.activities().await;
    let (cause, description) = &activities[0];
    assert_eq!(cause, "scheduled action name evening was triggered");
    assert_eq!(description, "Setting min capacity to 5 and max capacity to 8");
    assert_eq!(activities[1].0, "minimum capacity was set to 5");

    let suspend = json!({"SuspendedState": {"ScheduledScalingSuspended": true}, "MinCapacity": 1});
    stage.scaling("RegisterScalableTarget", suspend).await;
    let scaled = json!({"cluster": "work", "service": "worker", "desiredCount": 2});
    stage.account.ecs("UpdateService", scaled).await;
    tokio::time::sleep(MINUTE * 60 * 24).await;
    assert_eq!(stage.desired().await, 2);
    let wrong = json!({"ServiceNamespace": "ecs", "ResourceId": "service/work/worker",
                       "ScalableDimension": "ecs:service:DesiredCount", "ScheduledActionName": "wrong",
                       "Schedule": "cron(0 17 * * ? *)", "Timezone": "Mars/Olympus",
                       "ScalableTargetAction": {"MinCapacity": 1}});
    let (status, _) = stage.account.send("AnyScaleFrontendService.PutScheduledAction", wrong).await;
    assert_eq!(status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_step_policy_follows_its_callers_alarm() {
    let stage = stage(2).await;
    stage.settle().await;
    let steps = json!([
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 50, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 50, "ScalingAdjustment": 4},
    ]);
    let policy = json!({"PolicyName": "steps", "PolicyType": "StepScaling",
                        "StepScalingPolicyConfiguration": {
                            "AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps, "Cooldown": 180}});
    let arn = stage.scaling("PutScalingPolicy", policy).await["PolicyARN"].clone();
    let alarm = json!({
        "AlarmName": "backlog", "Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": "jobs"}], "Statistic": "Maximum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 10, "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [arn],
    });
    call(&stage.account, "GraniteServiceVersion20100801.PutMetricAlarm", alarm).await;
    stage.fill(30).await;
    // One more; during the cooldown the greater step counts the one that is there already.
    assert_eq!(stage.minutes(2).await, [3, 3]);
    stage.fill(50).await;
    assert_eq!(stage.minutes(2).await, [6, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_shortened_minute_shows_workers_come_and_go_in_seconds() {
    let stage = stage(1).await;
    stage.account.simulator.with_world(|world| world.pace = Pace::immediate());
    tokio::time::sleep(Duration::from_secs(10)).await;
    stage.track("backlog", backlog(20)).await;
    stage.fill(55).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(stage.desired().await, 3);
    stage.purge().await;
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert_eq!(stage.desired().await, 1);
}
