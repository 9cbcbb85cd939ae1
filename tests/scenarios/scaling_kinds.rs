//! Each kind of scaling through its life: put, changed and deleted by Git, with the exact calls.

use reconciler::controller::{Next, Wish};
use reconciler::model::ServiceKey;
use serde_json::{Value, json};

use crate::world::{World, mutating, service_with};

const TARGET_TRACKING: &str = "
    policies:
      - PolicyName: backlog
        PolicyType: TargetTrackingScaling
        TargetTrackingScalingPolicyConfiguration:
          TargetValue: 5
          CustomizedMetricSpecification:
            Metrics:
              - {Id: waiting, ReturnData: false, MetricStat: {Stat: Sum, Metric: {Namespace: AWS/SQS, MetricName: ApproximateNumberOfMessagesVisible, Dimensions: [{Name: QueueName, Value: jobs}]}}}
              - {Id: tasks, ReturnData: false, MetricStat: {Stat: Average, Metric: {Namespace: ECS/ContainerInsights, MetricName: RunningTaskCount, Dimensions: [{Name: ClusterName, Value: jobs}, {Name: ServiceName, Value: api}]}}}
              - {Id: perTask, Expression: waiting / tasks}
          ScaleInCooldown: 120
";

const STEP: &str = "
    policies:
      - PolicyName: backlog
        PolicyType: StepScaling
        StepScalingPolicyConfiguration:
          AdjustmentType: ChangeInCapacity
          Cooldown: 60
          StepAdjustments:
            - {MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 20, ScalingAdjustment: 1}
            - {MetricIntervalLowerBound: 20, ScalingAdjustment: 3}
";

const PREDICTIVE: &str = "
    policies:
      - PolicyName: backlog
        PolicyType: PredictiveScaling
        PredictiveScalingPolicyConfiguration:
          Mode: ForecastAndScale
          MetricSpecifications:
            - {TargetValue: 40, PredefinedMetricPairSpecification: {PredefinedMetricType: ECSServiceCPUUtilization}}
";

const SCHEDULED: &str = "
    scheduledActions:
      - ScheduledActionName: morning
        Schedule: cron(0 7 ? * MON-FRI *)
        Timezone: Europe/Dublin
        ScalableTargetAction: {MinCapacity: 4}
";

fn manifest(scaling: &str) -> String {
    service_with(
        "api",
        "app:1",
        &format!("  scaling:\n    minCapacity: 2\n    maxCapacity: 6{scaling}  sync: {{prune: true}}\n"),
    )
}

async fn settle(world: &World, wish: &Wish) -> Vec<String> {
    assert_eq!(world.settle(wish).await[&ServiceKey::new("api")], Next::Settled, "{}", world.told());
    mutating(&world.take_calls())
}

/// What is there after a life's second, and the calls of all of it.
async fn live(scaling: &str, from: &str, to: &str) -> (Value, Vec<Vec<String>>) {
    let mut world = World::new().await;
    let mut calls = Vec::new();
    let put = world.commit(&[manifest(scaling)]);
    calls.push(settle(&world, &put).await.split_off(2));
    assert!(scaling.contains(from), "{scaling}");
    let changed = world.commit(&[manifest(&scaling.replace(from, to))]);
    calls.push(settle(&world, &changed).await);
    assert_eq!(settle(&world, &changed).await, [""; 0], "it reads back as it was put");
    let policies = world.scaling("DescribeScalingPolicies", "api", json!({})).await;
    let actions = world.scaling("DescribeScheduledActions", "api", json!({})).await;
    let there = match policies["ScalingPolicies"][0].clone() {
        Value::Null => actions["ScheduledActions"][0].clone(),
        policy => policy,
    };
    let gone = world.commit(&[manifest("\n")]);
    calls.push(settle(&world, &gone).await);
    for (operation, list) in
        [("DescribeScalingPolicies", "ScalingPolicies"), ("DescribeScheduledActions", "ScheduledActions")]
    {
        assert_eq!(world.scaling(operation, "api", json!({})).await[list], json!([]));
    }
    assert_eq!(settle(&world, &gone).await, [""; 0]);
    // From first to last no task was started or stopped for it.
    assert_eq!(world.service("api").await["desiredCount"], 2);
    assert_eq!(world.revisions("api").await.len(), 1);
    (there, calls)
}

fn of_a_policy() -> Vec<Vec<&'static str>> {
    vec![
        vec!["RegisterScalableTarget", "PutScalingPolicy"],
        vec!["PutScalingPolicy", "TagResource"],
        vec!["DeleteScalingPolicy", "TagResource"],
    ]
}

#[tokio::test(start_paused = true)]
async fn a_target_tracking_policy_with_metric_math_is_put_changed_and_deleted_in_place() {
    let (there, calls) = live(TARGET_TRACKING, "TargetValue: 5", "TargetValue: 8").await;
    assert_eq!(calls, of_a_policy());
    assert_eq!(there["TargetTrackingScalingPolicyConfiguration"]["TargetValue"].as_f64(), Some(8.0));
}

#[tokio::test(start_paused = true)]
async fn a_step_scaling_policy_is_put_changed_and_deleted_in_place() {
    let (there, calls) = live(STEP, "ScalingAdjustment: 3", "ScalingAdjustment: 4").await;
    assert_eq!(calls, of_a_policy());
    let steps = &there["StepScalingPolicyConfiguration"]["StepAdjustments"];
    assert_eq!(steps[1]["ScalingAdjustment"], 4);
}

#[tokio::test(start_paused = true)]
async fn a_predictive_scaling_policy_is_put_changed_and_deleted_in_place() {
    let (there, calls) = live(PREDICTIVE, "ForecastAndScale", "ForecastOnly").await;
    assert_eq!(calls, of_a_policy());
    assert_eq!(there["PredictiveScalingPolicyConfiguration"]["Mode"], "ForecastOnly");
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_action_with_a_time_zone_is_put_changed_and_deleted_in_place() {
    let (there, calls) = live(SCHEDULED, "Europe/Dublin", "America/New_York").await;
    let expected = vec![
        vec!["RegisterScalableTarget", "PutScheduledAction"],
        vec!["PutScheduledAction", "TagResource"],
        vec!["DeleteScheduledAction", "TagResource"],
    ];
    assert_eq!(calls, expected);
    assert_eq!(there["Timezone"], "America/New_York");
}
