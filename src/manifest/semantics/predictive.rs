//! Predictive scaling: one specification, of a pair of metrics or of a load and a scaling metric.

use super::{View, elements, tracking};
use crate::manifest::suggest::any_of;
use crate::model::{FieldPath, Json};

const SEE: &str = "see PutScalingPolicy, PredictiveScalingPolicyConfiguration";
const SEE_METRIC: &str = "see PutScalingPolicy, PredictiveScalingMetricSpecification";
/// A query has either an expression or a statistic.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredictiveScalingMetricDataQuery.html>
const SEE_QUERY: &str = "see PutScalingPolicy, PredictiveScalingMetricDataQuery";
const OF_QUERIES: [&str; 3] = [
    "CustomizedCapacityMetricSpecification",
    "CustomizedLoadMetricSpecification",
    "CustomizedScalingMetricSpecification",
];
const PAIR: &str = "PredefinedMetricPairSpecification";
const LOAD: [&str; 2] = ["CustomizedLoadMetricSpecification", "PredefinedLoadMetricSpecification"];
const SCALING: [&str; 2] = ["CustomizedScalingMetricSpecification", "PredefinedScalingMetricSpecification"];
/// Seen: "The supported values are: ECSServiceMemoryUtilization, ALBRequestCount and ECSServiceCPUUtilization".
const PAIRS: [&str; 3] = ["ALBRequestCount", "ECSServiceCPUUtilization", "ECSServiceMemoryUtilization"];

pub fn check(view: &mut View<'_>, path: &FieldPath, settings: &Json) {
    if settings.is_null() || !view.sound(path) {
        return;
    }
    let list = path.field("MetricSpecifications");
    let count = settings["MetricSpecifications"].as_array().map_or(0, Vec::len);
    if count != 1 && settings.get("MetricSpecifications").is_some() {
        let title = format!("a predictive scaling policy has {count} metric specifications");
        view.error_at_key(&list, title, "it takes exactly one", &[SEE]);
    }
    for (path, metric) in elements(settings, path, "MetricSpecifications") {
        of_metric(view, &path, metric);
    }
    buffer(view, path, settings);
}

/// Seen: "A policy must have either one scaling metric and one load metric or one metric pair".
fn of_metric(view: &mut View<'_>, path: &FieldPath, metric: &Json) {
    let count = |fields: [&str; 2]| fields.iter().filter(|field| metric.get(**field).is_some()).count();
    let fits = match metric.get(PAIR).is_some() {
        true => count(LOAD) == 0 && count(SCALING) == 0,
        false => count(LOAD) == 1 && count(SCALING) == 1,
    };
    if !fits {
        let title = "neither a pair of metrics, nor one load metric with one scaling metric";
        let label = format!("set `{PAIR}` alone, or one of each");
        let load = format!("a load metric is {}", any_of(LOAD));
        let scaling = format!("a scaling metric is {}", any_of(SCALING));
        view.error(path, title, label, &[&load, &scaling, SEE_METRIC]);
    }
    for of in OF_QUERIES {
        for (path, query) in elements(&metric[of], &path.field(of), "MetricDataQueries") {
            tracking::source(view, &path, query, SEE_QUERY);
        }
    }
    let (pair, at) = (&metric[PAIR], path.field(PAIR));
    let Some(kind) = pair["PredefinedMetricType"].as_str() else { return };
    if !PAIRS.contains(&kind) {
        let title = format!("an ECS service has no pair of metrics `{kind}`");
        let label = format!("must be {}", any_of(PAIRS));
        view.error(&at.field("PredefinedMetricType"), title, label, &[SEE_METRIC]);
    }
    let label = pair["ResourceLabel"].as_str();
    if let Some(label) = label.filter(|_| kind == "ALBRequestCount") {
        tracking::resource_label(view, &at.field("ResourceLabel"), label, SEE_METRIC);
    }
}

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredictiveScalingPolicyConfiguration.html>
fn buffer(view: &mut View<'_>, path: &FieldPath, settings: &Json) {
    let at = path.field("MaxCapacityBuffer");
    let may_exceed = settings["MaxCapacityBreachBehavior"] == "IncreaseMaxCapacity";
    match (may_exceed, settings.get("MaxCapacityBuffer").is_some()) {
        (true, false) if view.sound(&at) => {
            let title = "IncreaseMaxCapacity has no `MaxCapacityBuffer`";
            let label = "`MaxCapacityBuffer` is required: how many percent above the forecast";
            view.error(&path.field("MaxCapacityBreachBehavior"), title, label, &[SEE]);
        }
        (false, true) => {
            let title = "`MaxCapacityBuffer` is for IncreaseMaxCapacity only";
            let label = "leave it out, or write `MaxCapacityBreachBehavior: IncreaseMaxCapacity`";
            view.error_at_key(&at, title, label, &[SEE]);
        }
        (true, _) | (false, false) => {}
    }
}
