//! Rules for Application Auto Scaling: RegisterScalableTarget, PutScalingPolicy, PutScheduledAction.

use super::Equality::{Exact, Instant, KeyedBy, Members, Number, Ordered, Set, TimeZone};
use super::{Equality, Owner, Rule, Tree};

const fn target(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::ScalableTarget, path, equality, "RegisterScalableTarget")
}

const fn policy(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::ScalingPolicy, path, equality, "PutScalingPolicy")
}

const fn policy_output(path: &'static str) -> Rule {
    policy(path, Exact).owner(Owner::AwsOnly)
}

const fn schedule(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::ScheduledAction, path, equality, "PutScheduledAction")
}

const fn schedule_output(path: &'static str) -> Rule {
    schedule(path, Exact).owner(Owner::AwsOnly)
}

pub(super) const RULES: &[Rule] = &[
    target("minCapacity", Number),
    target("maxCapacity", Number),
    // People suspend scaling by hand in incidents.
    target("suspendedState", Members).not_ours(),
    target("suspendedState.DynamicScalingInSuspended", Exact).flag(false),
    target("suspendedState.DynamicScalingOutSuspended", Exact).flag(false),
    target("suspendedState.ScheduledScalingSuspended", Exact).flag(false),
    // Nothing says who made a policy or a schedule that Git does not mention.
    target("policies", KeyedBy(&["PolicyName"])).not_ours(),
    target("scheduledActions", KeyedBy(&["ScheduledActionName"])).not_ours(),
    policy("", Members).not_ours(),
    policy("PolicyName", Exact),
    policy("PolicyType", Exact).not_ours(),
    policy("TargetTrackingScalingPolicyConfiguration", Members),
    policy("TargetTrackingScalingPolicyConfiguration.TargetValue", Number),
    policy("TargetTrackingScalingPolicyConfiguration.ScaleInCooldown", Number).number(300),
    policy("TargetTrackingScalingPolicyConfiguration.ScaleOutCooldown", Number).number(300),
    policy("TargetTrackingScalingPolicyConfiguration.DisableScaleIn", Exact).flag(false),
    policy("TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification", Members),
    policy(
        "TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification.PredefinedMetricType",
        Exact,
    ),
    policy("TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification.ResourceLabel", Exact)
        .or_empty(),
    policy("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification", Members),
    policy("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.MetricName", Exact),
    policy("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Namespace", Exact),
    policy("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Statistic", Exact),
    policy("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Unit", Exact).or_empty(),
    policy("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Dimensions", Set)
        .or_empty(),
    policy("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Dimensions[]", Members),
    policy("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Dimensions[].Name", Exact),
    policy(
        "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Dimensions[].Value",
        Exact,
    ),
    policy("StepScalingPolicyConfiguration", Members),
    policy("StepScalingPolicyConfiguration.AdjustmentType", Exact),
    policy("StepScalingPolicyConfiguration.Cooldown", Number).number(300),
    policy("StepScalingPolicyConfiguration.MetricAggregationType", Exact).text("Average"),
    policy("StepScalingPolicyConfiguration.MinAdjustmentMagnitude", Number).number(0),
    policy("StepScalingPolicyConfiguration.StepAdjustments", Set).or_empty(),
    policy("StepScalingPolicyConfiguration.StepAdjustments[]", Members),
    policy("StepScalingPolicyConfiguration.StepAdjustments[].MetricIntervalLowerBound", Number),
    policy("StepScalingPolicyConfiguration.StepAdjustments[].MetricIntervalUpperBound", Number),
    policy("StepScalingPolicyConfiguration.StepAdjustments[].ScalingAdjustment", Number),
    policy("PredictiveScalingPolicyConfiguration", Members),
    policy("PredictiveScalingPolicyConfiguration.Mode", Exact).text("ForecastOnly"),
    policy("PredictiveScalingPolicyConfiguration.SchedulingBufferTime", Number).number(300),
    policy("PredictiveScalingPolicyConfiguration.MaxCapacityBreachBehavior", Exact).text("HonorMaxCapacity"),
    policy("PredictiveScalingPolicyConfiguration.MaxCapacityBuffer", Number).number(0),
    policy("PredictiveScalingPolicyConfiguration.MetricSpecifications", Ordered),
    policy("PredictiveScalingPolicyConfiguration.MetricSpecifications[]", Members),
    policy("PredictiveScalingPolicyConfiguration.MetricSpecifications[].TargetValue", Number),
    policy_output("PolicyARN"),
    policy_output("ServiceNamespace"),
    policy_output("ResourceId"),
    policy_output("ScalableDimension"),
    policy_output("CreationTime"),
    // Made, changed and deleted by Application Auto Scaling itself.
    policy_output("Alarms"),
    schedule("", Members).not_ours(),
    schedule("ScheduledActionName", Exact),
    schedule("Schedule", Exact),
    schedule("Timezone", TimeZone).text("UTC"),
    // PutScheduledAction without them erases the old ones.
    schedule("StartTime", Instant),
    schedule("EndTime", Instant),
    schedule("ScalableTargetAction", Members).or_empty(),
    schedule("ScalableTargetAction.MinCapacity", Number),
    schedule("ScalableTargetAction.MaxCapacity", Number),
    schedule_output("ScheduledActionARN"),
    schedule_output("ServiceNamespace"),
    schedule_output("ResourceId"),
    schedule_output("ScalableDimension"),
    schedule_output("CreationTime"),
];

/// A metric that Application Auto Scaling knows by a name.
macro_rules! predefined {
    ($specification:literal) => {
        [
            policy($specification, Members),
            policy(concat!($specification, ".PredefinedMetricType"), Exact),
            policy(concat!($specification, ".ResourceLabel"), Exact).or_empty(),
        ]
    };
}

/// Metrics and expressions over them, told apart by their ids.
macro_rules! queries {
    ($list:literal) => {
        [
            policy($list, KeyedBy(&["Id"])).or_empty(),
            policy(concat!($list, "[]"), Members),
            policy(concat!($list, "[].Id"), Exact),
            policy(concat!($list, "[].Expression"), Exact).or_empty(),
            policy(concat!($list, "[].Label"), Exact).or_empty(),
            policy(concat!($list, "[].ReturnData"), Exact).flag(true),
            policy(concat!($list, "[].MetricStat"), Members),
            policy(concat!($list, "[].MetricStat.Stat"), Exact),
            policy(concat!($list, "[].MetricStat.Unit"), Exact).or_empty(),
            policy(concat!($list, "[].MetricStat.Metric"), Members),
            policy(concat!($list, "[].MetricStat.Metric.MetricName"), Exact).or_empty(),
            policy(concat!($list, "[].MetricStat.Metric.Namespace"), Exact).or_empty(),
            policy(concat!($list, "[].MetricStat.Metric.Dimensions"), Set).or_empty(),
            policy(concat!($list, "[].MetricStat.Metric.Dimensions[]"), Members),
            policy(concat!($list, "[].MetricStat.Metric.Dimensions[].Name"), Exact),
            policy(concat!($list, "[].MetricStat.Metric.Dimensions[].Value"), Exact),
        ]
    };
}

pub(super) const TRACKED: [Rule; 16] =
    queries!("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics");
pub(super) const PREDICTED: [[Rule; 3]; 3] = [
    predefined!(
        "PredictiveScalingPolicyConfiguration.MetricSpecifications[].PredefinedMetricPairSpecification"
    ),
    predefined!(
        "PredictiveScalingPolicyConfiguration.MetricSpecifications[].PredefinedScalingMetricSpecification"
    ),
    predefined!(
        "PredictiveScalingPolicyConfiguration.MetricSpecifications[].PredefinedLoadMetricSpecification"
    ),
];
pub(super) const CUSTOM: [Rule; 3] = [
    policy(
        "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedScalingMetricSpecification",
        Members,
    ),
    policy(
        "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedLoadMetricSpecification",
        Members,
    ),
    policy(
        "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedCapacityMetricSpecification",
        Members,
    ),
];
pub(super) const CUSTOM_QUERIES: [[Rule; 16]; 3] = [
    queries!(
        "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedScalingMetricSpecification.MetricDataQueries"
    ),
    queries!(
        "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedLoadMetricSpecification.MetricDataQueries"
    ),
    queries!(
        "PredictiveScalingPolicyConfiguration.MetricSpecifications[].CustomizedCapacityMetricSpecification.MetricDataQueries"
    ),
];
