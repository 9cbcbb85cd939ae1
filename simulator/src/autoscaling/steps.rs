//! Step scaling: which step a breach falls into, and what it makes of the desired count.

use serde_json::Value;

use crate::input::{decimal, list, number, text};

/// The count after the step for a metric that is `breach` above its alarm's threshold (below it, if
/// negative); `None` between the steps.
pub(super) fn adjusted(configuration: &Value, tasks: u32, breach: f64) -> Option<u32> {
    let step = list(configuration, "StepAdjustments").iter().find(|step| {
        let lower = step.get("MetricIntervalLowerBound").and_then(decimal);
        let upper = step.get("MetricIntervalUpperBound").and_then(decimal);
        // The bound that is nearer to the threshold belongs to the step, the other does not.
        if breach >= 0.0 {
            lower.is_none_or(|lower| lower <= breach) && upper.is_none_or(|upper| breach < upper)
        } else {
            lower.is_none_or(|lower| lower < breach) && upper.is_none_or(|upper| breach <= upper)
        }
    })?;
    let adjustment = number(step, "ScalingAdjustment")?;
    let tasks = i64::from(tasks);
    let count = match text(configuration, "AdjustmentType") {
        Some("ExactCapacity") => adjustment,
        Some("PercentChangeInCapacity") => {
            let least = number(configuration, "MinAdjustmentMagnitude").unwrap_or(1);
            let exact = tasks as f64 * adjustment as f64 / 100.0;
            // Down below one, away from nothing: a change is never none.
            let whole = if exact.abs() < 1.0 { exact.signum() } else { exact.trunc() };
            let magnitude = (whole.abs() as i64).max(least);
            tasks + magnitude * adjustment.signum()
        }
        _ => tasks + adjustment,
    };
    Some(u32::try_from(count.max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_step_that_a_breach_falls_into_counts() {
        let out = json!({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [
            {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 20, "ScalingAdjustment": 1},
            {"MetricIntervalLowerBound": 20, "ScalingAdjustment": 3},
        ]});
        for (breach, expected) in [(0.0, Some(5)), (19.9, Some(5)), (20.0, Some(7)), (-1.0, None)] {
            assert_eq!(adjusted(&out, 4, breach), expected, "{breach}");
        }
        let down = json!({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [
            {"MetricIntervalUpperBound": 0, "MetricIntervalLowerBound": -10, "ScalingAdjustment": -1},
            {"MetricIntervalUpperBound": -10, "ScalingAdjustment": -9},
        ]});
        for (breach, expected) in [(-5.0, Some(3)), (-10.0, Some(0)), (-40.0, Some(0))] {
            assert_eq!(adjusted(&down, 4, breach), expected, "{breach}");
        }
    }

    #[test]
    fn a_percentage_is_rounded_towards_nothing_but_changes_something() {
        let by = |kind: &str, adjustment: i64, least: i64| {
            json!({"AdjustmentType": kind, "MinAdjustmentMagnitude": least,
                   "StepAdjustments": [{"ScalingAdjustment": adjustment}]})
        };
        let percent = "PercentChangeInCapacity";
        for (configuration, expected) in [
            (by(percent, 50, 1), 7),
            (by(percent, 10, 1), 6),
            (by(percent, -25, 1), 4),
            (by(percent, 10, 2), 7),
            (by("ExactCapacity", 2, 1), 2),
        ] {
            assert_eq!(adjusted(&configuration, 5, 0.0), Some(expected), "{configuration}");
        }
    }
}
