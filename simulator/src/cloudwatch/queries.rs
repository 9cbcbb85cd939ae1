//! A set of metric queries that refer to each other by id, and their values in a span of time.

use serde_json::Value;

use super::invalid;
use super::math::Expression;
use super::metrics::{Metric, Metrics, Statistic};
use crate::clock::Time;
use crate::error::ApiError;
use crate::input::{flag, number, text};

/// AWS allows 500 in GetMetricData, and far fewer in alarms and policies.
const QUERIES_MAX: usize = 500;
/// An expression may refer to expressions that refer to others, but not for ever.
const DEPTH_MAX: usize = 10;

#[derive(Clone, Debug, Default)]
pub(crate) struct Queries(Vec<Query>);

#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) period: u64,
    pub(super) returned: bool,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Metric(Metric, Statistic),
    Math(Expression),
    /// A part of metric math that is not played: it never has a value.
    Unknown,
}

impl Queries {
    /// The queries of GetMetricData, of an alarm, or of a target tracking policy.
    pub(crate) fn parse(list: &[Value]) -> Result<Self, ApiError> {
        const PERIOD: i64 = 60;
        if list.len() > QUERIES_MAX {
            return Err(invalid("There can be at most 500 metric queries."));
        }
        let mut queries: Vec<Query> = Vec::new();
        for query in list {
            let id = text(query, "Id").ok_or_else(|| invalid("A metric query needs an Id."))?;
            if queries.iter().any(|known| known.id == id) {
                return Err(invalid(format!("The Id {id} is used more than once.")));
            }
            let (source, label, period) = match (query.get("MetricStat"), text(query, "Expression")) {
                (Some(stat), None) => {
                    let metric = Metric::parse(stat.get("Metric").unwrap_or(&Value::Null))?;
                    let statistic = Statistic::parse(text(stat, "Stat").unwrap_or_default())?;
                    let label = metric.name.clone();
                    (Source::Metric(metric, statistic), label, number(stat, "Period"))
                }
                (None, Some(expression)) => {
                    let source = Expression::parse(expression).map_or_else(
                        || {
                            tracing::warn!(expression, "metric math that is not played has no values");
                            Source::Unknown
                        },
                        Source::Math,
                    );
                    (source, id.to_owned(), number(query, "Period"))
                }
                _ => return Err(invalid("A metric query needs either a MetricStat or an Expression.")),
            };
            let period = period.unwrap_or(PERIOD);
            if period < 1 {
                return Err(invalid("Period must be at least 1."));
            }
            queries.push(Query {
                id: id.to_owned(),
                label: text(query, "Label").map_or(label, str::to_owned),
                period: period.unsigned_abs(),
                returned: flag(query, "ReturnData").unwrap_or(true),
                source,
            });
        }
        Ok(Self(queries))
    }

    /// A single metric.
    pub(super) fn of(metric: Metric, statistic: Statistic, period: u64) -> Self {
        let label = metric.name.clone();
        Self(vec![Query {
            id: "m1".to_owned(),
            label,
            period,
            returned: true,
            source: Source::Metric(metric, statistic),
        }])
    }

    pub(super) fn returned(&self) -> impl Iterator<Item = &Query> {
        self.0.iter().filter(|query| query.returned)
    }

    /// The value of a query from `from` on and before `to`.
    pub(super) fn value(&self, metrics: &Metrics, id: &str, from: Time, to: Time) -> Option<f64> {
        self.deep_value(metrics, id, from, to, 0)
    }

    fn deep_value(&self, metrics: &Metrics, id: &str, from: Time, to: Time, depth: usize) -> Option<f64> {
        if depth > DEPTH_MAX {
            return None;
        }
        match &self.0.iter().find(|query| query.id == id)?.source {
            Source::Metric(metric, statistic) => Some(metrics.between(metric, from, to)?.get(*statistic)),
            Source::Math(expression) => {
                expression.value(&|id| self.deep_value(metrics, id, from, to, depth + 1))
            }
            Source::Unknown => None,
        }
    }
}
