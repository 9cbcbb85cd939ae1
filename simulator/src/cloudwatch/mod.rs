//! CloudWatch metrics and alarms: what is put, what other services put themselves, and what container
//! output carries in the Embedded Metric Format.
//!
//! Values are kept second by second as their count, sum, minimum and maximum, so that there are no
//! percentiles. A metric with two units is one metric here.

mod alarms;
mod builtin;
mod embedded;
mod math;
mod metrics;
mod put;
mod queries;
mod read;

use std::collections::BTreeMap;

use serde_json::Value;

pub use builtin::{Load, Utilization};
pub use metrics::{Metric, Metrics, Statistics};

pub(crate) use alarms::{Alarm, State};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::runtime::Runtime;
use crate::world::World;

#[derive(Default)]
pub struct CloudWatch {
    pub metrics: Metrics,
    /// How busy the tasks of a service are, by cluster and service; a little busy without an entry.
    pub utilization: BTreeMap<(String, String), Utilization>,
    alarms: BTreeMap<String, Alarm>,
    /// The end of the last minute that was told and judged.
    minute: Time,
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    match operation {
        "PutMetricData" => put::metric_data(world, input),
        "GetMetricData" => read::metric_data(world, input),
        "GetMetricStatistics" => read::metric_statistics(world, input),
        "ListMetrics" => read::list(world, input),
        "PutMetricAlarm" => alarms::put(world, input),
        "DescribeAlarms" => alarms::describe(world, input),
        "DeleteAlarms" => alarms::delete(world, input),
        "SetAlarmState" => alarms::set_state(world, input),
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not there"))),
    }
}

/// At the end of each minute, puts the metrics of other services and judges all alarms. Says whether a
/// minute has ended.
pub(crate) fn advance(world: &mut World) -> bool {
    let Some(ended) = ended_minute(world) else {
        return false;
    };
    builtin::publish(world, ended);
    alarms::judge(world);
    true
}

/// The beginning of the minute that ends now, if one does.
fn ended_minute(world: &mut World) -> Option<Time> {
    let minute = world.pace.minute.as_millis().max(1) as u64;
    let end = Time(world.now.0 / minute * minute);
    let last = std::mem::replace(&mut world.cloudwatch.minute, end);
    // The first look only learns what time it is.
    (last != Time::default() && last < end).then(|| Time(end.0 - minute))
}

/// The seam to CloudWatch Logs and to Application Auto Scaling.
impl CloudWatch {
    /// Takes what a line of output carries in the Embedded Metric Format, if it does.
    pub(crate) fn take_line(&mut self, line: &str, at: Time) {
        for (metric, at, statistics) in embedded::samples(line, at) {
            self.metrics.put(metric, at, statistics);
        }
    }

    pub(crate) fn put_alarm(&mut self, name: &str, alarm: Alarm) {
        self.alarms.insert(name.to_owned(), alarm);
    }

    pub(crate) fn delete_alarm(&mut self, name: &str) {
        self.alarms.remove(name);
    }

    pub(crate) fn alarm(&self, name: &str) -> Option<&Alarm> {
        self.alarms.get(name)
    }

    /// The alarms whose action is this scaling policy, by name.
    pub(crate) fn alarms_of<'a>(
        &'a self,
        policy: &'a str,
    ) -> impl Iterator<Item = (&'a String, &'a Alarm)> + 'a {
        self.alarms.iter().filter(move |(_, alarm)| alarm.acts_on(policy))
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValueException", message)
}

fn missing(name: &str) -> ApiError {
    ApiError::new("MissingRequiredParameterException", format!("The parameter {name} is required."))
}

#[cfg(test)]
mod tests;
