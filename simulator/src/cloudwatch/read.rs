//! GetMetricData, GetMetricStatistics and ListMetrics.

use std::time::Duration;

use serde_json::{Value, json};

use super::metrics::{Metric, Statistic};
use super::queries::Queries;
use super::{invalid, missing};
use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{list as entries, moment, number, page, text, texts, without_nulls};
use crate::wire::cbor;
use crate::world::World;

pub(super) fn metric_data(world: &World, input: &Value) -> Answer {
    const POINTS_MAX: u64 = 100_800;
    let queries = Queries::parse(entries(input, "MetricDataQueries"))?;
    let (start, end) = span(input)?;
    let oldest_first = text(input, "ScanBy") == Some("TimestampAscending");
    let mut results = Vec::new();
    for query in queries.returned() {
        let period = Duration::from_secs(query.period);
        if end.since(start).as_secs() / query.period > POINTS_MAX {
            return Err(invalid("A query can have at most 100800 data points: choose a longer period."));
        }
        let mut points: Vec<(Time, f64)> = periods(start, end, period)
            .filter_map(|at| {
                let value = queries.value(&world.cloudwatch.metrics, &query.id, at, at + period)?;
                Some((at, value))
            })
            .collect();
        if !oldest_first {
            points.reverse();
        }
        results.push(json!({
            "Id": query.id,
            "Label": query.label,
            "Timestamps": points.iter().map(|(at, _)| cbor::moment(*at)).collect::<Vec<_>>(),
            "Values": points.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            "StatusCode": "Complete",
        }));
    }
    Ok(json!({"MetricDataResults": results, "Messages": []}))
}

pub(super) fn metric_statistics(world: &World, input: &Value) -> Answer {
    const POINTS_MAX: u64 = 1_440;
    let metric = Metric::parse(input)?;
    let names = texts(input, "Statistics");
    if names.is_empty() {
        return Err(missing("Statistics"));
    }
    let mut statistics = Vec::new();
    for name in names {
        statistics.push((name, Statistic::parse(name)?));
    }
    let seconds = number(input, "Period").ok_or_else(|| missing("Period"))?;
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
    let seconds = seconds.ok_or_else(|| invalid("Period must be at least 1."))?;
    let (start, end) = span(input)?;
    if end.since(start).as_secs() / seconds > POINTS_MAX {
        return Err(ApiError::new(
            "InvalidParameterCombinationException",
            "You have requested more than 1440 data points, which exceeds the limit.",
        ));
    }
    let period = Duration::from_secs(seconds);
    let points: Vec<Value> = periods(start, end, period)
        .filter_map(|at| {
            let values = world.cloudwatch.metrics.between(&metric, at, at + period)?;
            let mut point = json!({"Timestamp": cbor::moment(at), "Unit": "None"});
            for (name, statistic) in &statistics {
                point[*name] = json!(values.get(*statistic));
            }
            Some(point)
        })
        .collect();
    Ok(json!({"Label": metric.name, "Datapoints": points}))
}

fn span(input: &Value) -> Result<(Time, Time), ApiError> {
    let at = |name: &str| {
        let given = input.get(name).ok_or_else(|| missing(name))?;
        moment(given).ok_or_else(|| invalid(format!("The parameter {name} must be a timestamp.")))
    };
    let (start, end) = (at("StartTime")?, at("EndTime")?);
    match start < end {
        true => Ok((start, end)),
        false => Err(invalid("The parameter StartTime must be less than the parameter EndTime.")),
    }
}

/// The beginnings of the periods in a span: whole multiples of the period.
fn periods(start: Time, end: Time, period: Duration) -> impl Iterator<Item = Time> {
    let length = period.as_millis().max(1) as u64;
    let first = start.0 / length * length;
    (0..).map(move |index| Time(first + index * length)).take_while(move |at| *at < end)
}

pub(super) fn list(world: &World, input: &Value) -> Answer {
    const PAGE: usize = 500;
    let wanted = |metric: &&Metric| {
        let is = |member: &str, found: &str| text(input, member).is_none_or(|wanted| wanted == found);
        is("Namespace", &metric.namespace)
            && is("MetricName", &metric.name)
            && entries(input, "Dimensions").iter().all(|dimension| {
                let value = text(dimension, "Name").and_then(|name| metric.dimensions.get(name));
                value.is_some_and(|value| text(dimension, "Value").is_none_or(|wanted| wanted == value))
            })
    };
    let found = world.cloudwatch.metrics.all().filter(wanted);
    let keyed = found.map(|metric| (format!("{metric:?}"), metric.describe()));
    let mut keyed: Vec<(String, Value)> = keyed.collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    let page = page(keyed, PAGE, text(input, "NextToken"))
        .ok_or_else(|| invalid("Request parameter NextToken is invalid."))?;
    Ok(without_nulls(json!({"Metrics": page.entries, "NextToken": page.next})))
}
