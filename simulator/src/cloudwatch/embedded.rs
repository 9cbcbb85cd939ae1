//! The Embedded Metric Format: metrics that a line of output carries beside what it says.
//!
//! See "Specification: Embedded metric format". A line that does not follow it is a line and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::metrics::{Metric, Statistics};
use crate::clock::Time;

const METRICS_MAX: usize = 100;
const VALUES_MAX: usize = 100;
const DIMENSIONS_MAX: usize = 30;
const PAST: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const FUTURE: Duration = Duration::from_secs(2 * 60 * 60);

/// What a line that came at `now` carries.
pub(super) fn samples(line: &str, now: Time) -> Vec<(Metric, Time, Statistics)> {
    // Most lines are none: they are not even read as JSON.
    if !line.trim_start().starts_with('{') || !line.contains("\"_aws\"") {
        return Vec::new();
    }
    let Ok(Value::Object(root)) = serde_json::from_str(line) else {
        return Vec::new();
    };
    let about = root.get("_aws").unwrap_or(&Value::Null);
    let at = about["Timestamp"].as_u64().map_or(now, Time);
    if now.since(at) > PAST || at.since(now) > FUTURE {
        return Vec::new();
    }
    let directives = about["CloudWatchMetrics"].as_array().map_or(&[][..], Vec::as_slice);
    directives.iter().flat_map(|directive| directed(&root, directive, at)).collect()
}

fn directed(root: &Map<String, Value>, directive: &Value, at: Time) -> Vec<(Metric, Time, Statistics)> {
    let Some(namespace) = directive["Namespace"].as_str() else {
        return Vec::new();
    };
    let sets: Vec<BTreeMap<String, String>> = match directive["Dimensions"].as_array() {
        Some(sets) if !sets.is_empty() => sets.iter().filter_map(|set| dimensions(root, set)).collect(),
        _ => vec![BTreeMap::new()],
    };
    let metrics = directive["Metrics"].as_array().map_or(&[][..], Vec::as_slice);
    let mut samples = Vec::new();
    for name in metrics.iter().take(METRICS_MAX).filter_map(|metric| metric["Name"].as_str()) {
        for value in values(root.get(name)) {
            for dimensions in &sets {
                let metric = Metric {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    dimensions: dimensions.clone(),
                };
                samples.push((metric, at, Statistics::of(value)));
            }
        }
    }
    samples
}

/// The values of a set of dimensions; none if one of them has no text in the line.
fn dimensions(root: &Map<String, Value>, set: &Value) -> Option<BTreeMap<String, String>> {
    let names = set.as_array().filter(|names| names.len() <= DIMENSIONS_MAX)?;
    names
        .iter()
        .map(|name| {
            let name = name.as_str()?;
            Some((name.to_owned(), root.get(name)?.as_str()?.to_owned()))
        })
        .collect()
}

/// A metric's member is a number or a list of numbers.
fn values(member: Option<&Value>) -> Vec<f64> {
    match member {
        Some(Value::Array(values)) => values.iter().take(VALUES_MAX).filter_map(Value::as_f64).collect(),
        Some(value) => value.as_f64().into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_800_000_000_000);

    #[test]
    fn each_set_of_dimensions_is_a_metric_of_its_own() {
        let line = r#"{"_aws":{"Timestamp":1799999999000,"CloudWatchMetrics":[{"Namespace":"Jobs",
            "Dimensions":[["Service"],["Service","Kind"],["Absent"]],
            "Metrics":[{"Name":"Backlog","Unit":"Count"},{"Name":"Seconds","Unit":"Seconds"}]}]},
            "Service":"worker","Kind":"email","Backlog":7,"Seconds":[0.5,1.5],"message":"took a job"}"#;
        let found = samples(line, NOW);
        let one = Metric::new("Jobs", "Backlog", &[("Service", "worker")]);
        let both = Metric::new("Jobs", "Backlog", &[("Service", "worker"), ("Kind", "email")]);
        assert_eq!(found.len(), 6);
        assert_eq!(found[0], (one, Time(1_799_999_999_000), Statistics::of(7.0)));
        assert_eq!(found[1].0, both);
        let seconds: Vec<f64> =
            found.iter().filter(|(metric, ..)| metric.name == "Seconds").map(|(.., it)| it.sum).collect();
        assert_eq!(seconds, [0.5, 0.5, 1.5, 1.5]);
    }

    #[test]
    fn any_other_line_carries_nothing() {
        let old = r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"J","Metrics":[{"Name":"B"}]}]},"B":1}"#;
        let unnamed = r#"{"_aws":{"CloudWatchMetrics":[{"Metrics":[{"Name":"B"}]}]},"B":1}"#;
        let text = r#"{"_aws":{"CloudWatchMetrics":[{"Namespace":"J","Metrics":[{"Name":"B"}]}]},"B":"1"}"#;
        for line in ["", "hello", "{\"_aws\":", r#"{"_aws":7}"#, r#"{"message":"_aws"}"#, old, unnamed, text]
        {
            assert_eq!(samples(line, NOW), [], "{line}");
        }
    }
}
