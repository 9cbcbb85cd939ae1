//! PutMetricData.

use std::time::Duration;

use serde_json::{Value, json};

use super::metrics::{Metric, Statistics, dimensions};
use super::{invalid, missing};
use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{decimal, list, moment, text};
use crate::world::World;

const DATA_MAX: usize = 1_000;
const VALUES_MAX: usize = 150;
const PAST: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const FUTURE: Duration = Duration::from_secs(2 * 60 * 60);

pub(super) fn metric_data(world: &mut World, input: &Value) -> Answer {
    let namespace = text(input, "Namespace").ok_or_else(|| missing("Namespace"))?;
    if namespace.is_empty() || namespace.starts_with("AWS/") {
        return Err(invalid("The value AWS/ for parameter Namespace is invalid."));
    }
    let data = list(input, "MetricData");
    if data.len() > DATA_MAX {
        return Err(invalid("MetricData can have at most 1000 elements."));
    }
    // Nothing of a call is taken if any of it is refused.
    let mut samples = Vec::new();
    for datum in data {
        let metric = Metric {
            namespace: namespace.to_owned(),
            name: text(datum, "MetricName")
                .ok_or_else(|| missing("MetricData.member.1.MetricName"))?
                .to_owned(),
            dimensions: dimensions(list(datum, "Dimensions"))?,
        };
        let at = timestamp(datum, world.now)?;
        samples.extend(values(datum)?.into_iter().map(|statistics| (metric.clone(), at, statistics)));
    }
    for (metric, at, statistics) in samples {
        world.cloudwatch.metrics.put(metric, at, statistics);
    }
    Ok(json!({}))
}

fn timestamp(datum: &Value, now: Time) -> Result<Time, ApiError> {
    let Some(given) = datum.get("Timestamp") else {
        return Ok(now);
    };
    let at = moment(given).ok_or_else(|| invalid("The parameter Timestamp must be a timestamp."))?;
    if now.since(at) > PAST || at.since(now) > FUTURE {
        return Err(invalid(
            "The parameter Timestamp must specify a time no more than two weeks in the past and no more than two hours in the future.",
        ));
    }
    Ok(at)
}

fn values(datum: &Value) -> Result<Vec<Statistics>, ApiError> {
    let number = |value: Option<&Value>, name: &str| {
        value
            .and_then(decimal)
            .ok_or_else(|| invalid(format!("The parameter {name} must be a number that is not infinite.")))
    };
    if let Some(value) = datum.get("Value") {
        return Ok(vec![Statistics::of(number(Some(value), "Value")?)]);
    }
    if let Some(set) = datum.get("StatisticValues") {
        return Ok(vec![Statistics {
            count: number(set.get("SampleCount"), "SampleCount")?,
            sum: number(set.get("Sum"), "Sum")?,
            minimum: number(set.get("Minimum"), "Minimum")?,
            maximum: number(set.get("Maximum"), "Maximum")?,
        }]);
    }
    let (values, counts) = (list(datum, "Values"), list(datum, "Counts"));
    if values.is_empty() {
        return Err(missing("MetricData.member.1.Value"));
    }
    if values.len() > VALUES_MAX || !(counts.is_empty() || counts.len() == values.len()) {
        return Err(invalid("Values can have at most 150 elements, and Counts must have as many."));
    }
    let mut all = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let count = counts.get(index).map_or(Ok(1.0), |count| number(Some(count), "Counts"))?;
        all.push(Statistics::many(number(Some(value), "Values")?, count));
    }
    Ok(all)
}
