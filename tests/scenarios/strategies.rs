//! BLUE_GREEN, LINEAR and CANARY: ECS shifts the traffic, and the operator follows.

use std::collections::VecDeque;
use std::time::Duration;

use reconciler::controller::{Controller, Wish};
use serde_json::{Value, json};
use simulator::ecs::HookAnswer;

use super::pair::Pair;
use super::transcripts::{plan, since};
use crate::world::{World, service};

/// `ix` runs `app:1`, and the next commit wants something else.
async fn next(configuration: &str, image: &str) -> (World, Pair, Wish) {
    let mut world = World::new().await;
    let pair = Pair::of(&world);
    // Hooks would be called for the first deployment, too.
    let quiet: String = configuration.split_inclusive('\n').filter(|line| !line.contains("Hooks")).collect();
    let first = world.commit(&[pair.manifest("ix", "app:1", &quiet)]);
    world.settle(&first).await;
    world.simulator.take_calls();
    let wish = world.commit(&[pair.manifest("ix", image, configuration)]);
    (world, pair, wish)
}

const BLUE_GREEN: &str = "strategy: BLUE_GREEN\nbakeTimeInMinutes: 5";

const PAUSED: &str = "strategy: BLUE_GREEN
    bakeTimeInMinutes: 1
    lifecycleHooks: [{targetType: PAUSE, lifecycleStages: [POST_SCALE_UP], timeoutConfiguration: {timeoutInMinutes: 30}}]";

/// The service deployment that is the newest.
async fn newest(world: &World) -> Value {
    let listed = world.ecs("ListServiceDeployments", json!({"cluster": "jobs", "service": "ix"})).await;
    let arn = listed["serviceDeployments"][0]["serviceDeploymentArn"].clone();
    let described = world.ecs("DescribeServiceDeployments", json!({"serviceDeploymentArns": [arn]})).await;
    described["serviceDeployments"][0].clone()
}

/// Lets an operator work until a hook waits and was told of; gives the deployment.
async fn until_paused(world: &World, operator: &Controller, wish: &Wish) -> Value {
    for _ in 0..20 {
        world.run_for(operator, wish, Duration::from_secs(15)).await;
        let deployment = newest(world).await;
        if deployment["lifecycleHookDetails"][0]["status"] == "AWAITING_ACTION" {
            world.run_for(operator, wish, Duration::from_secs(15)).await;
            return deployment;
        }
    }
    panic!("nothing waits:\n{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn blue_green_is_followed_stage_by_stage_and_its_bake_time_is_not_counted() {
    let (world, pair, wish) = next(BLUE_GREEN, "app:2").await;
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:35  plan       ix: new revision (app image "app:1" -> "app:2")
    08:00:35  register   ix:2
    08:00:35  update     ix -> ix:2 · deployment ecs-svc/8313…
    08:00:40  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:00:50  progress   ix green 2 of 2 healthy · 0 % of production traffic
    08:00:55  progress   ix green 2 of 2 healthy · 100 % of test traffic, none of production
    08:01:05  progress   ix green 2 of 2 healthy · 100 % of production traffic
    08:01:10  progress   ix green 2 of 2 healthy · 100 % of production traffic · bakes until 08:06
    08:06:10  progress   ix green 2 of 2 healthy · 100 % of production traffic · blue is stopped
    08:06:15  settled    ix runs ix:2, 2 of 2 running, after 340 s
    "#);
    assert_eq!(pair.weights(&world), (0, 100));
    let quiet = plan(&world, &wish).await;
    assert!(quiet.contains("Nothing to do"), "{quiet}");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_with_stages_costs_one_call_more_a_look_and_a_rolling_one_none() {
    let (world, _, wish) = next("strategy: BLUE_GREEN\nbakeTimeInMinutes: 1", "app:2").await;
    world.settle(&wish).await;
    let calls = world.take_calls();
    let number = |call: &str| calls.iter().filter(|it| *it == call).count();
    // The first look finds the difference; each one after it asks for the stage as well.
    assert_eq!(number("DescribeServiceDeployments"), number("DescribeServices") - 1);
    // Which target group is green's is asked once, and how it ended at the end.
    assert_eq!((number("DescribeServiceRevisions"), number("ListServiceDeployments")), (2, 1));

    let mut rolling = World::new().await;
    let wish = rolling.commit(&[service("api", "app:1")]);
    rolling.settle(&wish).await;
    assert!(!rolling.take_calls().iter().any(|call| call == "DescribeServiceDeployments"));
}

#[tokio::test(start_paused = true)]
async fn green_that_is_never_healthy_is_taken_back_at_the_deadline_and_had_no_traffic() {
    let (world, pair, wish) = next(BLUE_GREEN, "registry.invalid/app:2").await;
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:35  plan       ix: new revision (app image "app:1" -> "registry.invalid/app:2")
    08:00:35  register   ix:2
    08:00:35  update     ix -> ix:2 · deployment ecs-svc/8313…
    08:00:40  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:00:45  failing    ix 2 tasks stopped: CannotPullContainerError
    08:00:55  failing    ix 4 tasks stopped: CannotPullContainerError
    08:01:05  failing    ix 6 tasks stopped: CannotPullContainerError
    08:01:15  failing    ix 8 tasks stopped: CannotPullContainerError
    08:01:30  failing    ix 10 tasks stopped: CannotPullContainerError
    08:02:35  failed     ix:2 did not come up: image registry.invalid/app:2 can't be pulled: not found; this commit changed image "app:1" -> "registry.invalid/app:2" (gate: deadline)
    08:02:35  rollback   ix -> ix:1, the last that completed; the deployment is stopped
    08:02:40  rollback   ix runs ix:1 again, 2 of 2 running, after 5 s
    08:02:40  report     ix did not come up with main@4c1f9e2. It runs ix:1 again, 2 of 2 healthy.

                likely cause   image registry.invalid/app:2 can't be pulled: not found; this commit changed image "app:1" -> "registry.invalid/app:2"
                what changed   image "app:1" -> "registry.invalid/app:2"
                what we saw    10 tasks stopped in 60 s: CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref registry.invalid/app:2: registry.invalid/app:2: not found
                ECS says       (service ix) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.
                gate           deadline, 0 of 2 new tasks up after 2 m, 2027-01-15 08:02
                next           commit a change to service-0.yaml, or `reconciler retry ix`
    08:02:40  held       ix@8e26… until Git changes it; failed on 2027-01-15 08:02: image registry.invalid/app:2 can't be pulled: not found; this commit changed image "app:1" -> "registry.invalid/app:2"
    "#);
    assert_eq!((pair.weights(&world), world.runs("ix").await), ((100, 0), "ix:1".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_canary_is_followed_through_its_steps() {
    let canary = "strategy: CANARY
        canaryConfiguration: {canaryPercent: 12.5, canaryBakeTimeInMinutes: 3}
        bakeTimeInMinutes: 1";
    let (world, _, wish) = next(canary, "app:2").await;
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:35  plan       ix: new revision (app image "app:1" -> "app:2")
    08:00:35  register   ix:2
    08:00:35  update     ix -> ix:2 · deployment ecs-svc/8313…
    08:00:40  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:00:50  progress   ix green 2 of 2 healthy · 0 % of production traffic
    08:00:55  progress   ix green 2 of 2 healthy · 100 % of test traffic, none of production
    08:01:05  progress   ix green 2 of 2 healthy · 12.5 % of production traffic · next step at 08:04
    08:04:10  progress   ix green 2 of 2 healthy · 100 % of production traffic
    08:04:15  progress   ix green 2 of 2 healthy · 100 % of production traffic · bakes until 08:05
    08:05:15  progress   ix green 2 of 2 healthy · 100 % of production traffic · blue is stopped
    08:05:25  settled    ix runs ix:2, 2 of 2 running, after 290 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_during_the_canary_quarantines_the_digest_and_names_the_alarm() {
    let canary = "strategy: CANARY
        canaryConfiguration: {canaryPercent: 10, canaryBakeTimeInMinutes: 5}
        alarms: {alarmNames: [ix-errors], enable: true, rollback: true}";
    let (world, pair, wish) = next(canary, "app:2").await;
    let set = |operation: &str, input: Value| {
        world.set_up(|account, runtime| simulator::cloudwatch::call(account, runtime, operation, &input))
    };
    let alarm = json!({
        "AlarmName": "ix-errors", "Namespace": "app", "MetricName": "errors", "Statistic": "Sum",
        "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "TreatMissingData": "ignore",
        "ComparisonOperator": "GreaterThanThreshold",
    });
    set("PutMetricAlarm", alarm);
    let operator = world.operator().await;
    while pair.weights(&world) != (90, 10) {
        world.run_for(&operator, &wish, Duration::from_secs(5)).await;
    }
    world.run_for(&operator, &wish, Duration::from_secs(10)).await;
    set("SetAlarmState", json!({"AlarmName": "ix-errors", "StateValue": "ALARM", "StateReason": "test"}));
    world.settle_with(&operator, &wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:35  plan       ix: new revision (app image "app:1" -> "app:2")
    08:00:35  register   ix:2
    08:00:35  update     ix -> ix:2 · deployment ecs-svc/8313…
    08:00:40  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:00:50  progress   ix green 2 of 2 healthy · 0 % of production traffic
    08:00:55  progress   ix green 2 of 2 healthy · 100 % of test traffic, none of production
    08:01:05  progress   ix green 2 of 2 healthy · 10 % of production traffic · next step at 08:06
    08:01:20  failed     ix:2 did not go through: CloudWatch alarm ix-errors is in ALARM (gate: ECS alarms)
    08:01:20  rollback   ix -> ix:1, the last that completed; ECS does it by itself
    08:01:25  rollback   ix runs ix:1 again, 2 of 2 running, after 5 s
    08:01:25  report     ix set off an alarm of its deployment with main@4c1f9e2. It runs ix:1 again, 2 of 2 healthy.

                likely cause   CloudWatch alarm ix-errors is in ALARM
                what changed   image "app:1" -> "app:2"
                ECS says       (service ix) (deployment ecs-svc/8313543279846440201) deployment failed: alarm detected.
                gate           ECS alarms, 2027-01-15 08:01
                next           commit a change to service-0.yaml, or `reconciler retry ix`
    08:01:25  held       ix@1ffd… until Git changes it; failed on 2027-01-15 08:01: CloudWatch alarm ix-errors is in ALARM
    "#);
    assert_eq!(pair.weights(&world), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn linear_is_followed_through_its_steps() {
    let linear = "strategy: LINEAR\nlinearConfiguration: {stepPercent: 40, stepBakeTimeInMinutes: 1}";
    let (world, _, wish) = next(linear, "app:2").await;
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:35  plan       ix: new revision (app image "app:1" -> "app:2")
    08:00:35  register   ix:2
    08:00:35  update     ix -> ix:2 · deployment ecs-svc/8313…
    08:00:40  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:00:50  progress   ix green 2 of 2 healthy · 0 % of production traffic
    08:00:55  progress   ix green 2 of 2 healthy · 100 % of test traffic, none of production
    08:01:05  progress   ix green 2 of 2 healthy · 40 % of production traffic · next step at 08:02
    08:02:10  progress   ix green 2 of 2 healthy · 80 % of production traffic · next step at 08:03
    08:03:15  progress   ix green 2 of 2 healthy · 100 % of production traffic
    08:03:20  progress   ix green 2 of 2 healthy · 100 % of production traffic · blue is stopped
    08:03:30  settled    ix runs ix:2, 2 of 2 running, after 175 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_says_no_half_way_is_named_as_the_cause() {
    let linear = "strategy: LINEAR
        linearConfiguration: {stepPercent: 50, stepBakeTimeInMinutes: 1}
        lifecycleHooks: [{hookTargetArn: 'arn:aws:lambda:eu-west-1:123456789012:function:smoke', \
        roleArn: 'arn:aws:iam::123456789012:role/hooks', lifecycleStages: [PRE_PRODUCTION_TRAFFIC_SHIFT]}]";
    let (world, pair, wish) = next(linear, "app:2").await;
    world.simulator.with_world(|account| {
        let answers = [HookAnswer::InProgress, HookAnswer::Succeeded, HookAnswer::Failed];
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:smoke";
        account.ecs.functions.insert(function.to_owned(), VecDeque::from(answers));
    });
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:35  plan       ix: new revision (app image "app:1" -> "app:2", deploymentConfiguration.lifecycleHooks (absent) -> [{hookTargetArn: "arn:aws:lambda:eu-west-1:1234…)
    08:00:35  register   ix:2
    08:00:35  update     ix -> ix:2 · deployment ecs-svc/8313…
    08:00:40  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:00:50  progress   ix green 2 of 2 healthy · 0 % of production traffic
    08:00:55  progress   ix green 2 of 2 healthy · 100 % of test traffic, none of production
    08:01:05  progress   ix green 2 of 2 healthy · 100 % of test traffic, none of production · lifecycle hook smoke runs at PRE_PRODUCTION_TRAFFIC_SHIFT
    08:01:35  progress   ix green 2 of 2 healthy · 50 % of production traffic · next step at 08:02
    08:02:40  failed     ix:2 did not go through: lifecycle hook smoke failed (gate: lifecycle hook)
    08:02:40  rollback   ix -> ix:1, the last that completed; ECS does it by itself
    08:02:45  progress   ix 2 of 2 new tasks healthy
    08:02:50  update     ix in place: deploymentConfiguration set, no deployment
    08:02:50  rollback   ix runs ix:1 again, 2 of 2 running, after 10 s
    08:02:50  report     ix did not get past a lifecycle hook with main@4c1f9e2. It runs ix:1 again, 2 of 2 healthy.

                likely cause   lifecycle hook smoke failed
                what changed   image "app:1" -> "app:2", lifecycleHooks (absent) -> [{hookTargetArn: "arn:aws:lambda:eu-west-1:1234…
                ECS says       (service ix) (deployment ecs-svc/8313543279846440201) deployment failed: lifecycle hook failed.
                gate           lifecycle hook, 2027-01-15 08:02
                next           commit a change to service-0.yaml, or `reconciler retry ix`
    08:02:50  held       ix@bc57… until Git changes it; failed on 2027-01-15 08:02: lifecycle hook smoke failed
    "#);
    assert_eq!(pair.weights(&world), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_told_once_and_its_time_is_not_counted() {
    let (world, pair, wish) = next(PAUSED, "app:2").await;
    let operator = world.operator().await;
    let paused = until_paused(&world, &operator, &wish).await;
    insta::assert_snapshot!(world.status(&wish).await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 stalled

      Stalled      ix            runs :2 (2/2); waits for a person at POST_SCALE_UP (green 2 of 2 healthy · 0 % of production traffic): `reconciler continue ix`, or `reconciler abort ix` to go back; unanswered, ECS takes it back at 08:30
    "#);
    world.run_for(&operator, &wish, Duration::from_secs(900)).await;
    assert_eq!(pair.weights(&world), (100, 0));
    let input = json!({
        "serviceDeploymentArn": paused["serviceDeploymentArn"],
        "hookId": paused["lifecycleHookDetails"][0]["hookId"],
    });
    world.ecs("ContinueServiceDeployment", input).await;
    // Another process: what was waited for is in the ledger.
    drop(operator);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:35  plan       ix: new revision (app image "app:1" -> "app:2", deploymentConfiguration.lifecycleHooks (absent) -> [{lifecycleStages: ["POST_SCALE_UP"], targetTyp…)
    08:00:35  register   ix:2
    08:00:35  update     ix -> ix:2 · deployment ecs-svc/8313…
    08:00:40  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:00:50  progress   ix green 2 of 2 healthy · 0 % of production traffic
    08:00:55  held       ix@3e9b… waits for a person at POST_SCALE_UP (green 2 of 2 healthy · 0 % of production traffic): `reconciler continue ix`, or `reconciler abort ix` to go back; unanswered, ECS takes it back at 08:30
    08:16:25  progress   ix green 2 of 2 healthy · 100 % of test traffic, none of production
    08:16:30  progress   ix green 2 of 2 healthy · 100 % of production traffic
    08:16:35  progress   ix green 2 of 2 healthy · 100 % of production traffic · bakes until 08:17
    08:17:35  progress   ix green 2 of 2 healthy · 100 % of production traffic · blue is stopped
    08:17:45  settled    ix runs ix:2, 2 of 2 running, after 1030 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_aborted_deployment_is_quarantined_as_stopped_by_hand() {
    let (world, _, wish) = next(PAUSED, "app:2").await;
    let operator = world.operator().await;
    let paused = until_paused(&world, &operator, &wish).await;
    let input = json!({"serviceDeploymentArn": paused["serviceDeploymentArn"], "stopType": "ROLLBACK"});
    world.ecs("StopServiceDeployment", input).await;
    world.settle_with(&operator, &wish).await;
    insta::assert_snapshot!(world.told_since("waits for a person"), @r#"
    08:00:55  held       ix@3e9b… waits for a person at POST_SCALE_UP (green 2 of 2 healthy · 0 % of production traffic): `reconciler continue ix`, or `reconciler abort ix` to go back; unanswered, ECS takes it back at 08:30
    08:01:20  failed     ix:2 did not go through: stopped by hand (gate: by hand)
    08:01:20  rollback   ix -> ix:1, the last that completed; ECS does it by itself
    08:01:25  progress   ix 2 of 2 new tasks healthy
    08:01:30  update     ix in place: deploymentConfiguration set, no deployment
    08:01:30  rollback   ix runs ix:1 again, 2 of 2 running, after 10 s
    08:01:30  report     ix was stopped by hand on its way to main@4c1f9e2. It runs ix:1 again, 2 of 2 healthy.

                likely cause   stopped by hand
                what changed   image "app:1" -> "app:2", lifecycleHooks (absent) -> [{lifecycleStages: ["POST_SCALE_UP"], targetTyp…
                gate           by hand, 2027-01-15 08:01
                next           commit a change to service-0.yaml, or `reconciler retry ix`
    08:01:30  held       ix@3e9b… until Git changes it; failed on 2027-01-15 08:01: stopped by hand
    "#);
    assert_eq!(world.runs("ix").await, "ix:1");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_nobody_answers_is_a_failure_of_its_own() {
    let (world, _, wish) = next(PAUSED, "app:2").await;
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:35  plan       ix: new revision (app image "app:1" -> "app:2", deploymentConfiguration.lifecycleHooks (absent) -> [{lifecycleStages: ["POST_SCALE_UP"], targetTyp…)
    08:00:35  register   ix:2
    08:00:35  update     ix -> ix:2 · deployment ecs-svc/8313…
    08:00:40  progress   ix green 0 of 2 healthy · 0 % of production traffic
    08:00:50  progress   ix green 2 of 2 healthy · 0 % of production traffic
    08:00:55  held       ix@3e9b… waits for a person at POST_SCALE_UP (green 2 of 2 healthy · 0 % of production traffic): `reconciler continue ix`, or `reconciler abort ix` to go back; unanswered, ECS takes it back at 08:30
    08:30:55  failed     ix:2 did not go through: nobody answered the pause until 08:30 (gate: lifecycle hook)
    08:30:55  rollback   ix -> ix:1, the last that completed; ECS does it by itself
    08:31:00  progress   ix 2 of 2 new tasks healthy
    08:31:05  update     ix in place: deploymentConfiguration set, no deployment
    08:31:05  rollback   ix runs ix:1 again, 2 of 2 running, after 10 s
    08:31:05  report     ix did not get past a lifecycle hook with main@4c1f9e2. It runs ix:1 again, 2 of 2 healthy.

                likely cause   nobody answered the pause until 08:30
                what changed   image "app:1" -> "app:2", lifecycleHooks (absent) -> [{lifecycleStages: ["POST_SCALE_UP"], targetTyp…
                ECS says       (service ix) (deployment ecs-svc/8313543279846440201) deployment failed: lifecycle hook failed.
                gate           lifecycle hook, 2027-01-15 08:30
                next           commit a change to service-0.yaml, or `reconciler retry ix`
    08:31:05  held       ix@3e9b… until Git changes it; failed on 2027-01-15 08:30: nobody answered the pause until 08:30
    "#);
    assert_eq!(world.runs("ix").await, "ix:1");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_never_ends_is_too_late_and_nothing_that_did_not_come_up() {
    let hooked = "strategy: BLUE_GREEN
        bakeTimeInMinutes: 0
        lifecycleHooks: [{hookTargetArn: 'arn:aws:lambda:eu-west-1:123456789012:function:smoke', \
        roleArn: 'arn:aws:iam::123456789012:role/hooks', lifecycleStages: [POST_SCALE_UP]}]";
    let (world, pair, wish) = next(hooked, "app:2").await;
    world.simulator.with_world(|account| {
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:smoke";
        let answers = VecDeque::from([HookAnswer::InProgress; 20]);
        account.ecs.functions.insert(function.to_owned(), answers);
    });
    world.settle(&wish).await;
    let told = world.told();
    for line in [
        "ix:2 did not go through: it took too long: lifecycle hook smoke runs at POST_SCALE_UP (gate: deadline)",
        "ix was not deployed in time with main@4c1f9e2. It runs ix:1 again, 2 of 2 healthy.",
        "still at POST_SCALE_UP after 2 m",
    ] {
        assert!(told.contains(line), "no {line:?} in\n{told}");
    }
    assert_eq!((pair.weights(&world), world.runs("ix").await), ((100, 0), "ix:1".to_owned()));
}
