//! BLUE_GREEN, LINEAR and CANARY: stages, weights, hooks, and the way back.
#![allow(clippy::unwrap_used)]

mod account;

use std::collections::VecDeque;
use std::time::Duration;

use account::{Account, creation};
use serde_json::{Value, json};
use simulator::ecs::HookAnswer;
use simulator::runtime::scripted::Scripted;

struct Scene {
    account: Account,
    blue: String,
    green: String,
    production: String,
    test: String,
}

fn elb(account: &Account, operation: &str, input: Value) -> Value {
    let runtime = Scripted::new();
    account.simulator.with_world(|world| {
        simulator::elb::call(world, &runtime, operation, &input)
            .unwrap_or_else(|error| panic!("{}", error.message))
    })
}

impl Scene {
    /// Two target groups behind two rules, and the revisions `api:1`, `api:2` (the image of which is given).
    async fn new(image: &str) -> Self {
        let account = Account::new(Scripted::new()).await;
        let group = |name: &str| {
            let input = json!({
                "Name": name, "Protocol": "HTTP", "Port": "8080", "VpcId": "vpc-1", "TargetType": "ip",
                "HealthCheckIntervalSeconds": "5",
                "HealthCheckTimeoutSeconds": "2", "HealthyThresholdCount": "2", "UnhealthyThresholdCount": "2",
            });
            let made = elb(&account, "CreateTargetGroup", input);
            let arn = made["TargetGroups"][0]["TargetGroupArn"].as_str().unwrap().to_owned();
            let delay = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]);
            elb(&account, "ModifyTargetGroupAttributes", json!({"TargetGroupArn": arn, "Attributes": delay}));
            arn
        };
        let (blue, green) = (group("api-blue"), group("api-green"));
        let web = json!({"Name": "web", "Subnets": ["subnet-1", "subnet-2"]});
        let balancer =
            elb(&account, "CreateLoadBalancer", web)["LoadBalancers"][0]["LoadBalancerArn"].clone();
        let weighted = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": [
            {"TargetGroupArn": blue, "Weight": "1"}, {"TargetGroupArn": green, "Weight": "0"},
        ]}}]);
        let rule = |port: &str| {
            let nowhere = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
            let input = json!({
                "LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": nowhere,
            });
            let listener = elb(&account, "CreateListener", input)["Listeners"][0]["ListenerArn"].clone();
            let input = json!({
                "ListenerArn": listener, "Priority": "1", "Actions": weighted,
                "Conditions": [{"Field": "path-pattern", "Values": ["*"]}],
            });
            elb(&account, "CreateRule", input)["Rules"][0]["RuleArn"].as_str().unwrap().to_owned()
        };
        let (production, test) = (rule("80"), rule("8080"));
        account.register("api", "api:1").await;
        account.register("api", image).await;
        Self { account, blue, green, production, test }
    }

    /// Creates the service with `api:1` and waits until it is there.
    async fn create(&self, configuration: Value) {
        let mut input = creation("api", "api:1", 2);
        input["deploymentConfiguration"] = configuration;
        input["loadBalancers"] = json!([{
            "targetGroupArn": self.blue, "containerName": "app", "containerPort": 8080,
            "advancedConfiguration": {
                "alternateTargetGroupArn": self.green, "productionListenerRule": self.production,
                "testListenerRule": self.test, "roleArn": "arn:aws:iam::123456789012:role/shift",
            },
        }]);
        self.account.ecs("CreateService", input).await;
        self.account.until_completed("api").await;
    }

    async fn deploy(&self, definition: &str) {
        self.account.update("api", json!({"taskDefinition": definition})).await;
    }

    /// The newest service deployment.
    async fn newest(&self) -> Value {
        self.account.service_deployments("api").await.remove(0)
    }

    /// Weights of a rule for (blue, green), as DescribeRules shows them.
    fn weights(&self, rule: &str) -> (i64, i64) {
        let rules = elb(&self.account, "DescribeRules", json!({"RuleArns": [rule]}));
        let groups = rules["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"].clone();
        let of = |arn: &str| {
            let mut all = groups.as_array().unwrap().iter();
            all.find(|group| group["TargetGroupArn"] == arn).unwrap()["Weight"].as_i64().unwrap()
        };
        (of(&self.blue), of(&self.green))
    }

    /// Looks every second until the deployment is over: each new stage, with the second in which it began,
    /// green's share of the traffic, and how many tasks of green and of blue run.
    async fn follow(&self) -> (Vec<String>, Value) {
        let mut told: Vec<String> = Vec::new();
        for second in 0..7_200 {
            let now = self.newest().await;
            let status = now["status"].as_str().unwrap();
            if matches!(status, "SUCCESSFUL" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED" | "STOPPED") {
                return (told, now);
            }
            let count = |revision: &Value| revision["runningTaskCount"].as_u64().unwrap_or(0);
            let line = format!(
                "{} {} % test, {} % production, {}+{}",
                now["lifecycleStage"].as_str().unwrap(),
                now["targetServiceRevision"]["requestedTestTrafficWeight"],
                now["targetServiceRevision"]["requestedProductionTrafficWeight"],
                count(&now["targetServiceRevision"]),
                count(&now["sourceServiceRevisions"][0]),
            );
            if told.last().is_none_or(|last| last.split_once("s ").unwrap().1 != line) {
                told.push(format!("{second:4}s {line}"));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("not over: {told:#?}");
    }

    /// Looks every second until a hook waits.
    async fn until_paused(&self) -> Value {
        for _ in 0..3_600 {
            let now = self.newest().await;
            let hooks = now["lifecycleHookDetails"].as_array().cloned().unwrap_or_default();
            if hooks.iter().any(|hook| hook["status"] == "AWAITING_ACTION") {
                return now;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("nothing waits");
    }
}

fn blue_green(more: Value) -> Value {
    let mut configuration = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 2});
    for (member, value) in more.as_object().unwrap() {
        configuration[member] = value.clone();
    }
    configuration
}

fn pause(stage: &str, timeout: Value) -> Value {
    let hook = json!({"targetType": "PAUSE", "lifecycleStages": [stage], "timeoutConfiguration": timeout});
    blue_green(json!({"lifecycleHooks": [hook]}))
}

/// The seconds between the first line of one stage and that of another.
fn seconds_between(told: &[String], from: &str, to: &str) -> u32 {
    let at = |stage: &str| {
        let line = told.iter().find(|line| line.split_whitespace().nth(1) == Some(stage));
        let line = line.unwrap_or_else(|| panic!("no {stage} in {told:#?}"));
        line.split_once('s').unwrap().0.trim().parse::<u32>().unwrap()
    };
    at(to) - at(from)
}

fn stages(told: &[String]) -> Vec<&str> {
    let mut stages: Vec<&str> = told.iter().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    stages.dedup();
    stages
}

fn productions(told: &[String]) -> Vec<f64> {
    let mut shares: Vec<f64> =
        told.iter().map(|line| line.split_whitespace().nth(5).unwrap().parse().unwrap()).collect();
    shares.dedup();
    shares
}

#[tokio::test(start_paused = true)]
async fn blue_green_goes_through_its_stages_and_keeps_blue_until_it_has_baked() {
    let scene = Scene::new("api:2").await;
    scene.create(blue_green(json!({}))).await;
    assert_eq!(scene.weights(&scene.production), (100, 0));
    scene.deploy("api:2").await;
    let (told, ended) = scene.follow().await;
    assert_eq!(ended["status"], "SUCCESSFUL");
    assert_eq!(
        stages(&told),
        [
            "RECONCILE_SERVICE",
            "PRE_SCALE_UP",
            "SCALE_UP",
            "POST_SCALE_UP",
            "TEST_TRAFFIC_SHIFT",
            "POST_TEST_TRAFFIC_SHIFT",
            "PRE_PRODUCTION_TRAFFIC_SHIFT",
            "PRODUCTION_TRAFFIC_SHIFT",
            "POST_PRODUCTION_TRAFFIC_SHIFT",
            "BAKE_TIME",
            "CLEAN_UP",
        ],
        "{told:#?}"
    );
    assert_eq!(seconds_between(&told, "BAKE_TIME", "CLEAN_UP"), 120);
    let baking = told.iter().find(|line| line.contains("BAKE_TIME")).unwrap();
    assert!(baking.ends_with("100.0 % test, 100.0 % production, 2+2"), "{baking}");
    assert_eq!(scene.weights(&scene.production), (0, 100));
    assert_eq!(scene.weights(&scene.test), (0, 100));
    let service = scene.account.until_completed("api").await;
    assert_eq!(
        (&service["runningCount"], &service["deployments"][0]["runningCount"]),
        (&json!(2), &json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn each_deployment_takes_the_other_target_group_and_its_revision_says_which() {
    let scene = Scene::new("api:2").await;
    scene.create(blue_green(json!({}))).await;
    for (definition, weights, group) in [
        ("api:2", (0, 100), &scene.green),
        ("api:1", (100, 0), &scene.blue),
        ("api:2", (0, 100), &scene.green),
    ] {
        scene.deploy(definition).await;
        let (_, ended) = scene.follow().await;
        assert_eq!(scene.weights(&scene.production), weights);
        let arn = ended["targetServiceRevision"]["arn"].clone();
        let input = json!({"serviceRevisionArns": [arn]});
        let revision =
            scene.account.ecs("DescribeServiceRevisions", input).await["serviceRevisions"][0].clone();
        let resolved = &revision["resolvedConfiguration"]["loadBalancers"][0];
        assert_eq!(resolved["targetGroupArn"], group.as_str());
        assert_eq!(revision["loadBalancers"][0]["targetGroupArn"], scene.blue.as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_gets_its_percent_and_then_the_rest() {
    let scene = Scene::new("api:2").await;
    scene
        .create(json!({
            "strategy": "CANARY", "bakeTimeInMinutes": 1,
            "canaryConfiguration": {"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 3},
        }))
        .await;
    scene.deploy("api:2").await;
    let mut share = 0.0;
    while share == 0.0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let newest = scene.newest().await;
        share = newest["targetServiceRevision"]["requestedProductionTrafficWeight"].as_f64().unwrap();
        let blue = &newest["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"];
        assert_eq!(blue.as_f64().unwrap(), 100.0 - share);
    }
    assert_eq!(scene.weights(&scene.production), (875, 125));
    let (told, ended) = scene.follow().await;
    assert_eq!((ended["status"].as_str().unwrap(), productions(&told)), ("SUCCESSFUL", vec![12.5, 100.0]));
    // From the first step, which was seen a second late, to the second: three minutes, and what the rules
    // take to be in force.
    assert_eq!(seconds_between(&told, "PRODUCTION_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT"), 184);
}

#[tokio::test(start_paused = true)]
async fn linear_shifts_in_equal_steps() {
    let scene = Scene::new("api:2").await;
    let linear = json!({"stepPercent": 40, "stepBakeTimeInMinutes": 1});
    scene.create(json!({"strategy": "LINEAR", "linearConfiguration": linear})).await;
    scene.deploy("api:2").await;
    let (told, ended) = scene.follow().await;
    assert_eq!(ended["status"], "SUCCESSFUL");
    assert_eq!(productions(&told), [0.0, 40.0, 80.0, 100.0]);
    assert_eq!(stages(&told).iter().filter(|stage| **stage == "PRODUCTION_TRAFFIC_SHIFT").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_pause_waits_until_somebody_lets_the_deployment_go_on() {
    let scene = Scene::new("api:2").await;
    scene.create(blue_green(json!({}))).await;
    let configuration = pause("POST_TEST_TRAFFIC_SHIFT", json!({"timeoutInMinutes": 60}));
    let change = json!({"taskDefinition": "api:2", "deploymentConfiguration": configuration});
    scene.account.update("api", change).await;
    let paused = scene.until_paused().await;
    let hook = paused["lifecycleHookDetails"][0].clone();
    assert_eq!(paused["lifecycleStage"], "POST_TEST_TRAFFIC_SHIFT");
    assert_eq!((&hook["targetType"], &hook["timeoutAction"]), (&json!("PAUSE"), &json!("ROLLBACK")));
    tokio::time::sleep(Duration::from_secs(1_800)).await;
    assert_eq!(scene.newest().await["lifecycleStage"], "POST_TEST_TRAFFIC_SHIFT");
    assert_eq!((scene.weights(&scene.test), scene.weights(&scene.production)), ((0, 100), (100, 0)));

    let arn = paused["serviceDeploymentArn"].clone();
    let wrong = json!({"serviceDeploymentArn": arn, "hookId": "another"});
    assert_eq!(
        scene.account.refused("ContinueServiceDeployment", wrong).await.0,
        "InvalidParameterException"
    );
    let input = json!({"serviceDeploymentArn": arn, "hookId": hook["hookId"]});
    scene.account.ecs("ContinueServiceDeployment", input.clone()).await;
    assert_eq!(
        scene.account.refused("ContinueServiceDeployment", input).await.0,
        "InvalidParameterException"
    );
    let (_, ended) = scene.follow().await;
    assert_eq!(
        (&ended["status"], &ended["lifecycleHookDetails"][0]["status"]),
        (&json!("SUCCESSFUL"), &json!("SUCCEEDED"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_nobody_answers_ends_as_it_was_told_to() {
    for (action, status) in [("ROLLBACK", "ROLLBACK_SUCCESSFUL"), ("CONTINUE", "SUCCESSFUL")] {
        let scene = Scene::new("api:2").await;
        scene.create(blue_green(json!({}))).await;
        let configuration = pause("POST_SCALE_UP", json!({"timeoutInMinutes": 5, "action": action}));
        let change = json!({"taskDefinition": "api:2", "deploymentConfiguration": configuration});
        scene.account.update("api", change).await;
        let (_, ended) = scene.follow().await;
        assert_eq!(
            (&ended["status"], &ended["lifecycleHookDetails"][0]["status"]),
            (&json!(status), &json!("TIMED_OUT"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_can_be_answered_by_going_back() {
    let scene = Scene::new("api:2").await;
    scene.create(blue_green(json!({}))).await;
    let change = json!({
        "taskDefinition": "api:2", "deploymentConfiguration": pause("POST_TEST_TRAFFIC_SHIFT", json!({})),
    });
    scene.account.update("api", change).await;
    let paused = scene.until_paused().await;
    let input = json!({
        "serviceDeploymentArn": paused["serviceDeploymentArn"], "action": "ROLLBACK",
        "hookId": paused["lifecycleHookDetails"][0]["hookId"],
    });
    scene.account.ecs("ContinueServiceDeployment", input).await;
    assert_eq!(scene.newest().await["status"], "ROLLBACK_REQUESTED");
    let (_, ended) = scene.follow().await;
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!((scene.weights(&scene.test), scene.weights(&scene.production)), ((100, 0), (100, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_function_is_asked_again_and_its_refusal_takes_the_deployment_back() {
    let scene = Scene::new("api:2").await;
    scene.create(blue_green(json!({}))).await;
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:smoke";
    scene.account.simulator.with_world(|world| {
        let answers = VecDeque::from([HookAnswer::InProgress, HookAnswer::InProgress, HookAnswer::Failed]);
        world.ecs.functions.insert(function.to_owned(), answers);
    });
    let hook = json!({"hookTargetArn": function, "roleArn": "arn:role", "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"]});
    let configuration = blue_green(json!({"lifecycleHooks": [hook]}));
    scene
        .account
        .update("api", json!({"taskDefinition": "api:2", "deploymentConfiguration": configuration}))
        .await;
    let (told, ended) = scene.follow().await;
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(ended["lifecycleHookDetails"][0]["status"], "FAILED");
    assert!(ended["rollback"]["reason"].as_str().unwrap().contains("PRODUCTION_TRAFFIC_SHIFT"));
    // Asked again twice, every thirty seconds, and then back within two steps.
    assert_eq!(seconds_between(&told, "PRODUCTION_TRAFFIC_SHIFT", "CLEAN_UP"), 62);
    assert_eq!(scene.weights(&scene.production), (100, 0));
    assert_eq!(
        scene.account.service("api").await["taskDefinition"].as_str().unwrap().rsplit('/').next(),
        Some("api:1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_stopped_while_it_bakes_gives_blue_its_traffic_back() {
    let scene = Scene::new("api:2").await;
    scene.create(blue_green(json!({}))).await;
    scene.deploy("api:2").await;
    scene.account.until("api", |_| {}, |_| scene.weights(&scene.production) == (0, 100)).await;
    let arn = scene.newest().await["serviceDeploymentArn"].clone();
    scene.account.ecs("StopServiceDeployment", json!({"serviceDeploymentArn": arn})).await;
    let mut least = u64::MAX;
    scene
        .account
        .until(
            "api",
            |service| least = least.min(service["runningCount"].as_u64().unwrap()),
            |service| account::is_completed(service) && scene.weights(&scene.production) == (100, 0),
        )
        .await;
    assert_eq!(least, 2);
    assert_eq!(scene.newest().await["status"], "ROLLBACK_SUCCESSFUL");
}

#[tokio::test(start_paused = true)]
async fn green_that_does_not_come_up_never_has_traffic() {
    let scene = Scene::new("api:crash").await;
    scene.create(blue_green(json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}}))).await;
    scene.deploy("api:2").await;
    let (told, ended) = scene.follow().await;
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(ended["deploymentCircuitBreaker"]["status"], "TRIGGERED");
    assert_eq!(productions(&told), [0.0]);
    assert!(told.iter().all(|line| line.ends_with("+2")), "{told:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_during_the_bake_time_takes_the_deployment_back() {
    let scene = Scene::new("api:2").await;
    let alarm = json!({
        "AlarmName": "errors", "Namespace": "app", "MetricName": "errors", "Statistic": "Sum",
        "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "TreatMissingData": "ignore",
        "ComparisonOperator": "GreaterThanThreshold",
    });
    let set = |operation: &str, input: Value| {
        scene.account.simulator.with_world(|world| {
            simulator::cloudwatch::call(world, &Scripted::new(), operation, &input).unwrap()
        })
    };
    set("PutMetricAlarm", alarm);
    let alarms = json!({"alarmNames": ["errors"], "enable": true, "rollback": true});
    scene.create(blue_green(json!({"alarms": alarms}))).await;
    scene.deploy("api:2").await;
    scene.account.until("api", |_| {}, |_| scene.weights(&scene.production) == (0, 100)).await;
    set("SetAlarmState", json!({"AlarmName": "errors", "StateValue": "ALARM", "StateReason": "test"}));
    let (_, ended) = scene.follow().await;
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(ended["alarms"]["triggeredAlarmNames"], json!(["errors"]));
    assert_eq!(scene.weights(&scene.production), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_newer_deployment_reconciles_before_it_scales_up() {
    let scene = Scene::new("api:2").await;
    let third = scene.account.register("api", "api:3").await;
    scene.create(blue_green(json!({}))).await;
    scene.deploy("api:2").await;
    scene.account.until("api", |_| {}, |_| scene.weights(&scene.production) == (0, 100)).await;
    scene.deploy(&third).await;
    let (told, ended) = scene.follow().await;
    assert_eq!((ended["status"].as_str(), productions(&told)), (Some("SUCCESSFUL"), vec![0.0, 100.0]));
    assert!(seconds_between(&told, "RECONCILE_SERVICE", "PRE_SCALE_UP") > 5, "{told:#?}");
    assert_eq!(scene.weights(&scene.production), (0, 100));
    assert_eq!(scene.account.tasks("api").await.len(), 6);
}
