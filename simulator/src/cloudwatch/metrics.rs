//! The values of metrics, second by second, bounded.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{invalid, missing};
use crate::clock::Time;
use crate::error::ApiError;
use crate::input::{list, text};

/// Values of further metrics are dropped.
const METRICS_MAX: usize = 10_000;
/// Older seconds of a metric are dropped; more than a day of values that come every few seconds.
const SECONDS_MAX: usize = 20_000;
const DIMENSIONS_MAX: usize = 30;

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
}

/// Some values of a metric, taken together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    pub count: f64,
    pub sum: f64,
    pub minimum: f64,
    pub maximum: f64,
}

/// Which of its statistics is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statistic {
    Average,
    Sum,
    Minimum,
    Maximum,
    SampleCount,
}

/// All metrics with their values.
#[derive(Default)]
pub struct Metrics {
    series: BTreeMap<Metric, BTreeMap<u64, Statistics>>,
}

impl Metric {
    pub fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Self {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions: dimensions.collect() }
    }

    /// Reads `Namespace`, `MetricName` and `Dimensions`.
    pub(super) fn parse(input: &Value) -> Result<Self, ApiError> {
        let required = |member: &str| {
            text(input, member)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .ok_or_else(|| missing(member))
        };
        Ok(Self {
            namespace: required("Namespace")?,
            name: required("MetricName")?,
            dimensions: dimensions(list(input, "Dimensions"))?,
        })
    }

    pub(super) fn describe(&self) -> Value {
        let dimensions: Vec<Value> =
            self.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        json!({"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions})
    }
}

pub(super) fn dimensions(list: &[Value]) -> Result<BTreeMap<String, String>, ApiError> {
    if list.len() > DIMENSIONS_MAX {
        return Err(invalid("A metric can have at most 30 dimensions."));
    }
    list.iter()
        .map(|dimension| match (text(dimension, "Name"), text(dimension, "Value")) {
            (Some(name), Some(value)) => Ok((name.to_owned(), value.to_owned())),
            _ => Err(missing("Dimensions.Value")),
        })
        .collect()
}

impl Statistics {
    /// A single value.
    pub fn of(value: f64) -> Self {
        Self::many(value, 1.0)
    }

    /// The same value `count` times.
    pub fn many(value: f64, count: f64) -> Self {
        Self { count, sum: value * count, minimum: value, maximum: value }
    }

    fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            minimum: self.minimum.min(other.minimum),
            maximum: self.maximum.max(other.maximum),
        }
    }

    pub(super) fn get(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Average => self.sum / self.count,
            Statistic::Sum => self.sum,
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
            Statistic::SampleCount => self.count,
        }
    }
}

impl Statistic {
    pub(super) fn parse(name: &str) -> Result<Self, ApiError> {
        Ok(match name {
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            "SampleCount" => Self::SampleCount,
            other => return Err(invalid(format!("The statistic {other} is not played by the simulator."))),
        })
    }
}

impl Metrics {
    /// Adds values; too many metrics or seconds drop the newest metric or the oldest second.
    pub fn put(&mut self, metric: Metric, at: Time, statistics: Statistics) {
        if statistics.count <= 0.0 || !(statistics.sum.is_finite() && statistics.count.is_finite()) {
            return;
        }
        if self.series.len() >= METRICS_MAX && !self.series.contains_key(&metric) {
            tracing::warn!(name = metric.name, "too many metrics: the values of a new one are dropped");
            return;
        }
        let seconds = self.series.entry(metric).or_default();
        let second = at.0 / 1000;
        let sum = seconds.get(&second).map_or(statistics, |known| known.and(statistics));
        seconds.insert(second, sum);
        if seconds.len() > SECONDS_MAX {
            seconds.pop_first();
        }
    }

    /// All values from `from` on and before `to`.
    pub fn between(&self, metric: &Metric, from: Time, to: Time) -> Option<Statistics> {
        let (first, end) = (from.0.div_ceil(1000), to.0.div_ceil(1000));
        let values = self.series.get(metric)?.range(first..end.max(first)).map(|(_, values)| *values);
        values.reduce(Statistics::and)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Metric> {
        self.series.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_span_are_taken_together() {
        let mut metrics = Metrics::default();
        let metric = Metric::new("Jobs", "Backlog", &[("Queue", "jobs")]);
        for (second, value) in [(59, 1.0), (60, 4.0), (60, 6.0), (119, 2.0), (120, 9.0)] {
            metrics.put(metric.clone(), Time(second * 1000), Statistics::of(value));
        }
        let minute = metrics.between(&metric, Time(60_000), Time(120_000));
        assert_eq!(minute, Some(Statistics { count: 3.0, sum: 12.0, minimum: 2.0, maximum: 6.0 }));
        assert_eq!(minute.map(|values| values.get(Statistic::Average)), Some(4.0));
        assert_eq!(metrics.between(&metric, Time(121_000), Time(180_000)), None);
        assert_eq!(metrics.between(&Metric::new("Jobs", "Backlog", &[]), Time(0), Time(180_000)), None);
    }

    #[test]
    fn the_oldest_seconds_are_dropped() {
        let mut metrics = Metrics::default();
        let metric = Metric::new("Jobs", "Backlog", &[]);
        for second in 0..=SECONDS_MAX as u64 {
            metrics.put(metric.clone(), Time(second * 1000), Statistics::of(1.0));
        }
        assert_eq!(metrics.between(&metric, Time(0), Time(1_000)), None);
        assert!(metrics.between(&metric, Time(1_000), Time(2_000)).is_some());
    }
}
