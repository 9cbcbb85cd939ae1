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
    policy("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Dimensions", Set)
        .or_empty(),
    policy("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Unit", Exact).or_empty(),
    policy(
        "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics",
        KeyedBy(&["Id"]),
    )
    .or_empty(),
    policy("TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics[]", Members),
    policy(
        "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics[].ReturnData",
        Exact,
    )
    .flag(true),
    policy(
        "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics[].MetricStat",
        Members,
    ),
    policy(
        "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics[].MetricStat.Metric",
        Members,
    ),
    policy(
        "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics[].MetricStat.Metric.Dimensions",
        Set,
    )
    .or_empty(),
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
