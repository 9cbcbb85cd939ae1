//! Target tracking: the one metric that a policy follows.

use std::collections::BTreeMap;

use super::{View, elements};
use crate::manifest::suggest::any_of;
use crate::model::{FieldPath, Json};

const SEE: &str = "see PutScalingPolicy, TargetTrackingScalingPolicyConfiguration";
const SEE_PREDEFINED: &str = "see PutScalingPolicy, PredefinedMetricSpecification";
const SEE_CUSTOM: &str = "see PutScalingPolicy, CustomizedMetricSpecification";
const SEE_QUERY: &str = "see PutScalingPolicy, TargetTrackingMetricDataQuery";
const PER_TARGET: &str = "ALBRequestCountPerTarget";
/// What Application Auto Scaling knows of an ECS service.
const METRICS: [&str; 5] = [
    PER_TARGET,
    "ECSServiceAverageCPUUtilization",
    "ECSServiceAverageCPUUtilizationHighResolution",
    "ECSServiceAverageMemoryUtilization",
    "ECSServiceAverageMemoryUtilizationHighResolution",
];

pub fn check(view: &mut View<'_>, path: &FieldPath, settings: &Json) {
    if settings.is_null() || !view.sound(path) {
        return;
    }
    let (predefined, custom) = ("PredefinedMetricSpecification", "CustomizedMetricSpecification");
    match (settings.get(predefined).is_some(), settings.get(custom).is_some()) {
        (true, true) => {
            let title = format!("`{custom}` stands beside `{predefined}`");
            view.error_at_key(&path.field(custom), title, "leave one of them out", &[SEE]);
        }
        (false, false) => {
            let title = "a target tracking policy follows no metric";
            let label = format!("set `{predefined}` or `{custom}`");
            view.error_at_key(path, title, label, &[SEE]);
        }
        (true, false) | (false, true) => {}
    }
    for field in ["ScaleInCooldown", "ScaleOutCooldown"] {
        if let Some(seconds) = settings[field].as_i64().filter(|seconds| *seconds < 0) {
            let title = format!("`{field}` can't be {seconds}");
            view.error(&path.field(field), title, "at least 0 seconds", &[SEE]);
        }
    }
    self::predefined(view, &path.field(predefined), &settings[predefined]);
    self::custom(view, &path.field(custom), &settings[custom]);
}

/// Seen: "Invalid resource label", and a label for, or none for, the wrong metric.
fn predefined(view: &mut View<'_>, path: &FieldPath, metric: &Json) {
    let Some(kind) = metric["PredefinedMetricType"].as_str() else { return };
    if !METRICS.contains(&kind) {
        let title = format!("an ECS service has no metric {kind}");
        let label = match of_another_service(kind) {
            Some(ours) => format!("it belongs to another AWS service; did you mean `{ours}`?"),
            None => "it belongs to another AWS service".to_owned(),
        };
        let note = format!("an ECS service has {}", any_of(METRICS).replace(" or ", " and "));
        view.error(&path.field("PredefinedMetricType"), title, label, &[&note, SEE_PREDEFINED]);
        return;
    }
    high_resolution(view, path, kind);
    let at = path.field("ResourceLabel");
    match (kind == PER_TARGET, metric["ResourceLabel"].as_str()) {
        (true, None) if view.sound(&at) => {
            let title = format!("{PER_TARGET} has no `ResourceLabel`");
            let label = "it says whose requests: app/LOAD-BALANCER/ID/targetgroup/GROUP/ID";
            view.error(&path.field("PredefinedMetricType"), title, label, &[SEE_PREDEFINED]);
        }
        (true, Some(label)) => resource_label(view, &at, label, SEE_PREDEFINED),
        (false, Some(_)) => {
            let title = format!("`ResourceLabel` is for {PER_TARGET} only");
            view.error_at_key(&at, title, "leave it out", &[SEE_PREDEFINED]);
        }
        (true, _) | (false, None) => {}
    }
}

/// What an ECS service has instead of a metric such as `RDSReaderAverageCPUUtilization`.
fn of_another_service(kind: &str) -> Option<&'static str> {
    let measures =
        |what: &str| METRICS.into_iter().find(|metric| metric.ends_with(what) && kind.ends_with(what));
    measures("AverageCPUUtilization").or_else(|| measures("AverageMemoryUtilization"))
}

/// The ends of the ARNs of a load balancer and of one of the service's own target groups: AWS takes any, and
/// the service would follow the requests of another.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html>
pub fn resource_label(view: &mut View<'_>, at: &FieldPath, label: &str, see: &str) {
    const SHAPE: &str = "the ends of both ARNs: app/LOAD-BALANCER/ID/targetgroup/GROUP/ID";
    if !is_resource_label(label) {
        let title = format!("`{label}` is not the label of a load balancer and a target group");
        return view.error(at, title, SHAPE, &[see]);
    }
    let group = label.find("targetgroup/").map_or(label, |start| &label[start..]);
    let own: Vec<(FieldPath, &str)> = view
        .of_service("loadBalancers")
        .flat_map(|(path, balancer)| {
            let advanced = path.field("advancedConfiguration").field("alternateTargetGroupArn");
            let alternate = balancer["advancedConfiguration"]["alternateTargetGroupArn"].as_str();
            let arn = balancer["targetGroupArn"].as_str();
            [(path.field("targetGroupArn"), arn), (advanced, alternate)]
        })
        .filter_map(|(path, arn)| Some((path, arn?)))
        .collect();
    // What was refused, or stands elsewhere than in Git, may be the one.
    let known = |(path, arn): &(FieldPath, &str)| view.sound(path) && arn.contains(":targetgroup/");
    if own.is_empty() || !view.sound(&view.service_path("loadBalancers")) || !own.iter().all(known) {
        return;
    }
    if !own.iter().any(|(_, arn)| arn.ends_with(&format!(":{group}"))) {
        let title = format!("`{group}` is not a target group of this service");
        let first = own[0].1.rsplit(':').next().unwrap_or_default();
        let label = format!("its requests are those of {first}");
        view.error(at, title, label, &[see]);
        view.beside(&own[0].0, "the service's own");
    }
}

fn is_resource_label(label: &str) -> bool {
    let parts: Vec<&str> = label.split('/').collect();
    matches!(parts.as_slice(), ["app", _, _, "targetgroup", _, _])
        && parts.iter().all(|part| !part.is_empty())
}

/// A metric every 20 seconds has to be asked for first.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html>
fn high_resolution(view: &mut View<'_>, path: &FieldPath, kind: &str) {
    let Some(name) = kind.strip_suffix("HighResolution") else { return };
    let metric = if name.contains("CPU") { "CPUUtilization" } else { "MemoryUtilization" };
    let monitoring = view.service_path("monitoring");
    let asked = |(_, part): (FieldPath, &Json)| {
        part["resolutionSeconds"] == 20
            && part["metricNames"].as_array().is_some_and(|names| names.iter().any(|name| name == metric))
    };
    let given = elements(&view.service()["monitoring"], &monitoring, "metricConfigurations").any(asked);
    // Without `monitoring` it is not ours, and may be there.
    if view.service().get("monitoring").is_some() && !given && view.sound(&monitoring) {
        let title = format!("{kind} needs {metric} every 20 seconds");
        let label = "add it to service.monitoring with `resolutionSeconds: 20`";
        view.error(&path.field("PredefinedMetricType"), title, label, &[SEE_PREDEFINED]);
        view.beside_key(&monitoring, "what is measured");
    }
}

fn custom(view: &mut View<'_>, path: &FieldPath, metric: &Json) {
    if metric.is_null() {
        return;
    }
    let classic = ["MetricName", "Namespace", "Statistic"];
    if metric.get("Metrics").is_none() {
        let missing: Vec<&str> = classic.into_iter().filter(|field| metric.get(*field).is_none()).collect();
        if !missing.is_empty() && view.sound(path) {
            let title = format!("a metric of your own has no `{}`", missing.join("`, `"));
            view.error_at_key(path, title, "required, or `Metrics` instead of all of them", &[SEE_CUSTOM]);
        }
        return;
    }
    let also = ["MetricName", "Namespace", "Dimensions", "Statistic", "Unit"];
    if let Some(field) = also.into_iter().find(|field| metric.get(*field).is_some()) {
        let title = format!("`{field}` stands beside `Metrics`");
        view.error_at_key(&path.field(field), title, "leave one of them out", &[SEE_CUSTOM]);
    }
    queries(view, path, metric);
}

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingMetricDataQuery.html>
fn queries(view: &mut View<'_>, path: &FieldPath, metric: &Json) {
    let mut seen: BTreeMap<&str, FieldPath> = BTreeMap::new();
    let mut returned: Vec<FieldPath> = Vec::new();
    for (path, query) in elements(metric, path, "Metrics") {
        let at = path.field("Id");
        if let Some(id) = query["Id"].as_str() {
            let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            if !id.starts_with(|first: char| first.is_ascii_lowercase()) || !id.chars().all(allowed) {
                let label = "a lower-case letter, then letters, digits and underscores";
                view.error(&at, format!("`{id}` can't be the Id of a metric"), label, &[SEE_QUERY]);
            }
            if let Some(first) = seen.insert(id, at.clone()) {
                view.error(&at, format!("two metrics have the Id `{id}`"), "the second one", &[SEE_QUERY]);
                view.beside(&first, "the first one");
            }
        }
        source(view, &path, query, SEE_QUERY);
        if query["ReturnData"] != false {
            returned.push(path);
        }
    }
    let list = path.field("Metrics");
    match returned.as_slice() {
        [] if view.sound(&list) && metric["Metrics"].as_array().is_some_and(|list| !list.is_empty()) => {
            let title = "no metric is the one that the policy follows";
            let label = "leave `ReturnData: false` out of one of them";
            view.error_at_key(&list, title, label, &[SEE_QUERY]);
        }
        [first, second, ..] => {
            let title = "two metrics are returned, and a policy follows one";
            let label = "write `ReturnData: false`, unless this is the one";
            view.error(second, title, label, &[SEE_QUERY]);
            view.beside(first, "the first one");
        }
        [_] | [] => {}
    }
}

/// A metric is computed from others or read, and not both.
pub fn source(view: &mut View<'_>, path: &FieldPath, query: &Json, see: &str) {
    match (query.get("Expression").is_some(), query.get("MetricStat").is_some()) {
        (true, true) => {
            let title = "`MetricStat` stands beside `Expression`";
            view.error_at_key(&path.field("MetricStat"), title, "leave one of them out", &[see]);
        }
        (false, false) if view.sound(path) => {
            let title = "a metric has neither `Expression` nor `MetricStat`";
            view.error(path, title, "one of them is required", &[see]);
        }
        (true, false) | (false, true) | (false, false) => {}
    }
}
