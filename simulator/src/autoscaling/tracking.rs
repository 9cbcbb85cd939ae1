//! Target tracking: the metric that a policy follows, its alarms, and how many tasks it wants.
//!
//! See "How target tracking scaling works". AWS does not publish by how much it scales in, only that it
//! does so more gradually than out: here by a tenth of the tasks, and at least by one.

use serde_json::{Map, Value, json};

use super::policies::TRACKING;
use crate::clock::Time;
use crate::cloudwatch::Alarm;

/// Scaling in waits until the metric is this much below the target.
const LOW_SHARE: f64 = 0.9;
const HIGH_POINTS: u32 = 3;
const LOW_POINTS: u32 = 15;

/// Which end of its target a policy's alarm watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    High,
    Low,
}

impl End {
    pub(super) const BOTH: [End; 2] = [End::High, End::Low];

    pub(super) fn name(self) -> &'static str {
        match self {
            End::High => "AlarmHigh",
            End::Low => "AlarmLow",
        }
    }
}

/// The alarm of one end, as AWS makes it; `None` for a metric that has no values here.
pub(super) fn alarm(id: &str, policy: &Map<String, Value>, name: &str, end: End, now: Time) -> Option<Alarm> {
    let configuration = policy.get(TRACKING)?;
    let target = configuration["TargetValue"].as_f64()?;
    let arn = policy.get("PolicyARN")?;
    let (comparison, threshold, points) = match end {
        End::High => ("GreaterThanThreshold", target, HIGH_POINTS),
        End::Low => ("LessThanThreshold", target * LOW_SHARE, LOW_POINTS),
    };
    let mut input = json!({
        "AlarmName": name,
        "AlarmDescription": format!(
            "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {}.", arn.as_str().unwrap_or_default()
        ),
        "AlarmActions": [arn], "EvaluationPeriods": points,
        "ComparisonOperator": comparison, "Threshold": threshold,
    });
    for (member, value) in metric(id, configuration)? {
        input[member] = value;
    }
    match Alarm::parse(&input, now) {
        Ok(alarm) => Some(alarm),
        Err(error) => {
            tracing::warn!(policy = %arn, error = error.message, "a policy's metric is not played");
            None
        }
    }
}

/// The members of PutMetricAlarm that name the metric.
fn metric(id: &str, configuration: &Value) -> Option<Vec<(&'static str, Value)>> {
    let plain = |namespace: &str, name: &str, dimensions: Value, statistic: &str| {
        vec![
            ("Namespace", json!(namespace)),
            ("MetricName", json!(name)),
            ("Dimensions", dimensions),
            ("Statistic", json!(statistic)),
            ("Period", json!(60)),
        ]
    };
    if let Some(predefined) = configuration.get("PredefinedMetricSpecification") {
        let (_, rest) = id.split_once('/')?;
        let (cluster, service) = rest.split_once('/')?;
        let of_service =
            json!([{"Name": "ClusterName", "Value": cluster}, {"Name": "ServiceName", "Value": service}]);
        return match predefined["PredefinedMetricType"].as_str()? {
            "ECSServiceAverageCPUUtilization" => {
                Some(plain("AWS/ECS", "CPUUtilization", of_service, "Average"))
            }
            "ECSServiceAverageMemoryUtilization" => {
                Some(plain("AWS/ECS", "MemoryUtilization", of_service, "Average"))
            }
            "ALBRequestCountPerTarget" => {
                let label = predefined["ResourceLabel"].as_str()?;
                let group = &label[label.find("targetgroup/")?..];
                let dimensions = json!([{"Name": "TargetGroup", "Value": group}]);
                Some(plain("AWS/ApplicationELB", "RequestCountPerTarget", dimensions, "Sum"))
            }
            _ => None,
        };
    }
    let customized = configuration.get("CustomizedMetricSpecification")?;
    if let Some(metrics) = customized.get("Metrics") {
        return Some(vec![("Metrics", metrics.clone())]);
    }
    Some(plain(
        customized["Namespace"].as_str()?,
        customized["MetricName"].as_str()?,
        customized.get("Dimensions").cloned().unwrap_or_else(|| json!([])),
        customized["Statistic"].as_str()?,
    ))
}

/// How many tasks bring `value` down to `target`, when there are `tasks` now.
pub(super) fn scaled_out(tasks: u32, value: f64, target: f64) -> u32 {
    // Without tasks there is nothing that could grow in proportion.
    let wanted = (f64::from(tasks.max(1)) * value / target).ceil();
    wanted.clamp(0.0, f64::from(u32::MAX)) as u32
}

/// How many tasks are left after one cautious step down from `tasks`; never so few that `value` would rise
/// above `target`.
pub(super) fn scaled_in(tasks: u32, value: f64, target: f64) -> u32 {
    let step = (tasks / 10).max(1);
    let enough = (f64::from(tasks) * value / target).ceil().clamp(0.0, f64::from(u32::MAX)) as u32;
    tasks.saturating_sub(step).max(enough).min(tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_out_is_in_proportion_and_rounded_up() {
        for (tasks, value, target, expected) in [
            (2, 75.0, 50.0, 3),
            (4, 51.0, 50.0, 5),
            (1, 90.0, 20.0, 5),
            (0, 30.0, 20.0, 2),
            (3, 1e12, 1e-9, u32::MAX),
        ] {
            assert_eq!(scaled_out(tasks, value, target), expected, "{tasks} {value} {target}");
        }
    }

    #[test]
    fn scaling_in_is_cautious_and_never_brings_the_metric_above_its_target() {
        for (tasks, value, target, expected) in [
            (10, 0.0, 20.0, 9),
            (40, 0.0, 20.0, 36),
            (1, 0.0, 20.0, 0),
            (10, 17.9, 20.0, 9),
            (3, 15.0, 20.0, 3),
        ] {
            assert_eq!(scaled_in(tasks, value, target), expected, "{tasks} {value} {target}");
        }
    }
}
