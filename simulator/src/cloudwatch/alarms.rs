//! Metric alarms: those that clients put and those of target tracking, judged at the end of each minute.
//!
//! Of their actions only scaling policies act. See "Using Amazon CloudWatch alarms": M of the newest N
//! data points breach; where points are missing, up to three older ones are looked at in their place.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::metrics::{Metric, Statistic};
use super::queries::Queries;
use super::{CloudWatch, invalid, missing};
use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{decimal, list, number, page, text, texts, without_nulls};
use crate::wire::cbor;
use crate::world::World;

const ALARMS_MAX: usize = 5_000;

pub(crate) struct Alarm {
    /// As put, defaults filled in.
    configuration: Map<String, Value>,
    queries: Queries,
    rule: Rule,
    state: State,
    reason: String,
    /// The newest data point.
    value: Option<f64>,
    since: Time,
    configured: Time,
}

#[derive(Clone, Debug)]
struct Rule {
    /// Seconds of CloudWatch's time.
    period: u64,
    points: usize,
    breaching: usize,
    threshold: f64,
    comparison: Comparison,
    missing: Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Unknown,
    Ignore,
    Breaching,
    NotBreaching,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ok,
    Alarm,
    InsufficientData,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Ok => "OK",
            State::Alarm => "ALARM",
            State::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

impl Comparison {
    const ALL: [(&str, Comparison, &str); 4] = [
        ("GreaterThanThreshold", Comparison::Greater, "greater than"),
        ("GreaterThanOrEqualToThreshold", Comparison::GreaterOrEqual, "greater than or equal to"),
        ("LessThanThreshold", Comparison::Less, "less than"),
        ("LessThanOrEqualToThreshold", Comparison::LessOrEqual, "less than or equal to"),
    ];

    fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::Greater => value > threshold,
            Comparison::GreaterOrEqual => value >= threshold,
            Comparison::Less => value < threshold,
            Comparison::LessOrEqual => value <= threshold,
        }
    }

    fn words(self) -> &'static str {
        Self::ALL.iter().find(|(_, one, _)| *one == self).map_or("", |(.., words)| words)
    }
}

impl Alarm {
    /// Reads the members of PutMetricAlarm.
    pub(crate) fn parse(input: &Value, now: Time) -> Result<Self, ApiError> {
        let queries = match list(input, "Metrics") {
            [] => {
                let statistic = text(input, "Statistic").ok_or_else(|| missing("Statistic"))?;
                let period = number(input, "Period").ok_or_else(|| missing("Period"))?;
                let metric = Metric::parse(input)?;
                Queries::of(metric, Statistic::parse(statistic)?, period.max(1).unsigned_abs())
            }
            metrics => Queries::parse(metrics)?,
        };
        let period = match queries.returned().collect::<Vec<_>>().as_slice() {
            [only] => only.period,
            _ => return Err(invalid("Exactly one element of the metrics list should return data.")),
        };
        let points = number(input, "EvaluationPeriods").ok_or_else(|| missing("EvaluationPeriods"))?;
        let breaching = number(input, "DatapointsToAlarm").unwrap_or(points);
        if points < 1 || !(1..=points).contains(&breaching) {
            return Err(invalid("EvaluationPeriods and DatapointsToAlarm must be at least 1."));
        }
        let comparison =
            text(input, "ComparisonOperator").ok_or_else(|| missing("ComparisonOperator"))?.to_owned();
        let rule = Rule {
            period,
            points: usize::try_from(points).unwrap_or(1),
            breaching: usize::try_from(breaching).unwrap_or(1),
            threshold: input.get("Threshold").and_then(decimal).ok_or_else(|| missing("Threshold"))?,
            comparison: Comparison::ALL
                .iter()
                .find(|(name, ..)| *name == comparison)
                .map(|(_, comparison, _)| *comparison)
                .ok_or_else(|| invalid(format!("The comparison {comparison} is not played.")))?,
            missing: match text(input, "TreatMissingData").unwrap_or("missing") {
                "missing" => Missing::Unknown,
                "ignore" => Missing::Ignore,
                "breaching" => Missing::Breaching,
                "notBreaching" => Missing::NotBreaching,
                other => return Err(invalid(format!("TreatMissingData cannot be {other}."))),
            },
        };
        let mut configuration = input.as_object().cloned().unwrap_or_default();
        configuration.remove("Tags");
        // A query carries numbers and truth values as text.
        configuration.insert("Threshold".to_owned(), json!(rule.threshold));
        configuration.insert("EvaluationPeriods".to_owned(), json!(points));
        let enabled = crate::input::flag(input, "ActionsEnabled").unwrap_or(true);
        configuration.insert("ActionsEnabled".to_owned(), json!(enabled));
        for member in ["Period", "DatapointsToAlarm"] {
            if let Some(value) = number(input, member) {
                configuration.insert(member.to_owned(), json!(value));
            }
        }
        for actions in ["OKActions", "AlarmActions", "InsufficientDataActions"] {
            configuration.entry(actions).or_insert_with(|| json!([]));
        }
        Ok(Self {
            configuration,
            queries,
            rule,
            state: State::InsufficientData,
            reason: "Unchecked: Initial alarm creation".to_owned(),
            value: None,
            since: now,
            configured: now,
        })
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// The newest data point, as far as it is known.
    pub(crate) fn value(&self) -> Option<f64> {
        self.value
    }

    pub(crate) fn threshold(&self) -> f64 {
        self.rule.threshold
    }

    pub(super) fn acts_on(&self, action: &str) -> bool {
        let listed = self.configuration.get("AlarmActions").and_then(Value::as_array);
        let enabled = self.configuration.get("ActionsEnabled") != Some(&json!(false));
        enabled && listed.is_some_and(|listed| listed.contains(&json!(action)))
    }

    /// Keeps the state and history of the alarm that this one replaces.
    pub(crate) fn succeeding(mut self, former: Option<&Alarm>) -> Self {
        if let Some(former) = former {
            self.state = former.state;
            self.reason.clone_from(&former.reason);
            self.value = former.value;
            self.since = former.since;
        }
        self
    }

    /// The state that the newest data points mean, and why; `None` to stay in the present one.
    fn judged(&self, points: &[Option<f64>]) -> Option<(State, String)> {
        let rule = &self.rule;
        let newest = &points[..rule.points.min(points.len())];
        let present: Vec<f64> = match rule.missing {
            Missing::Unknown | Missing::Ignore => {
                points.iter().copied().flatten().take(rule.points).collect()
            }
            Missing::Breaching | Missing::NotBreaching => newest.iter().copied().flatten().collect(),
        };
        let absent = newest.len() - newest.iter().flatten().count();
        let holds = |value: &&f64| rule.comparison.holds(**value, rule.threshold);
        let mut breaching = present.iter().filter(holds).count();
        let mut quiet = present.len() - breaching;
        match rule.missing {
            Missing::Unknown if present.is_empty() => {
                let reason = "Insufficient Data: no data points were received.".to_owned();
                return Some((State::InsufficientData, reason));
            }
            Missing::Unknown | Missing::Ignore => {}
            Missing::Breaching => breaching += absent,
            Missing::NotBreaching => quiet += absent,
        }
        let state = if breaching >= rule.breaching {
            State::Alarm
        } else if quiet > 0 {
            State::Ok
        } else {
            return None;
        };
        let not = if state == State::Alarm { "were" } else { "were not all" };
        let values: Vec<String> = present.iter().map(f64::to_string).collect();
        let (values, words) = (values.join(", "), rule.comparison.words());
        let (count, threshold) = (present.len(), rule.threshold);
        let reason = format!(
            "Threshold Crossed: {count} datapoints [{values}] {not} {words} the threshold ({threshold})."
        );
        Some((state, reason))
    }

    fn describe(&self, name: &str, arn: &str) -> Value {
        let mut body = self.configuration.clone();
        for (member, value) in [
            ("AlarmName", json!(name)),
            ("AlarmArn", json!(arn)),
            ("StateValue", json!(self.state.name())),
            ("StateReason", json!(self.reason)),
            ("StateUpdatedTimestamp", cbor::moment(self.since)),
            ("StateTransitionedTimestamp", cbor::moment(self.since)),
            ("AlarmConfigurationUpdatedTimestamp", cbor::moment(self.configured)),
        ] {
            body.insert(member.to_owned(), value);
        }
        Value::Object(body)
    }
}

/// Judges all alarms at the end of a minute.
pub(super) fn judge(world: &mut World) {
    const OLDER: usize = 3;
    let now = world.cloudwatch.minute;
    let pace = world.pace.clone();
    let CloudWatch { metrics, alarms, .. } = &mut world.cloudwatch;
    for alarm in alarms.values_mut() {
        let period = pace.scaled(alarm.rule.period).max(Duration::from_secs(1));
        let id = match alarm.queries.returned().next() {
            Some(query) => query.id.clone(),
            None => continue,
        };
        let mut points = Vec::new();
        let mut end = now;
        for _ in 0..alarm.rule.points + OLDER {
            let start = Time(end.0.saturating_sub(period.as_millis() as u64));
            points.push(alarm.queries.value(metrics, &id, start, end));
            end = start;
        }
        alarm.value = points.iter().copied().flatten().next();
        if let Some((state, reason)) = alarm.judged(&points) {
            if state != alarm.state {
                alarm.since = now;
            }
            alarm.state = state;
            alarm.reason = reason;
        }
    }
}

pub(super) fn put(world: &mut World, input: &Value) -> Answer {
    let name = named(input)?.to_owned();
    let alarm = Alarm::parse(input, world.now)?;
    let alarms = &mut world.cloudwatch.alarms;
    if !alarms.contains_key(&name) && alarms.len() >= ALARMS_MAX {
        return Err(ApiError::new("LimitExceededFault", "The maximum number of alarms has been reached."));
    }
    let alarm = alarm.succeeding(alarms.get(&name));
    alarms.insert(name, alarm);
    Ok(json!({}))
}

fn named(input: &Value) -> Result<&str, ApiError> {
    text(input, "AlarmName").filter(|name| !name.is_empty()).ok_or_else(|| missing("AlarmName"))
}

pub(super) fn describe(world: &World, input: &Value) -> Answer {
    const PAGE: i64 = 100;
    let names = texts(input, "AlarmNames");
    let limit = number(input, "MaxRecords").unwrap_or(50);
    if !(1..=PAGE).contains(&limit) {
        return Err(invalid("MaxRecords must be between 1 and 100."));
    }
    let (region, account) = (&world.region, &world.account);
    let found = world
        .cloudwatch
        .alarms
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()))
        .filter(|(name, _)| text(input, "AlarmNamePrefix").is_none_or(|prefix| name.starts_with(prefix)))
        .filter(|(_, alarm)| text(input, "StateValue").is_none_or(|state| alarm.state.name() == state))
        .map(|(name, alarm)| {
            let arn = format!("arn:aws:cloudwatch:{region}:{account}:alarm:{name}");
            (name, alarm.describe(name, &arn))
        });
    let page = page(found, limit.unsigned_abs() as usize, text(input, "NextToken"))
        .ok_or_else(|| ApiError::new("InvalidNextToken", "The next token is invalid."))?;
    Ok(without_nulls(json!({"MetricAlarms": page.entries, "CompositeAlarms": [], "NextToken": page.next})))
}

pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let names = texts(input, "AlarmNames");
    if names.iter().any(|name| !world.cloudwatch.alarms.contains_key(*name)) {
        return Err(ApiError::new("ResourceNotFound", "One or more of the alarms do not exist."));
    }
    for name in names {
        world.cloudwatch.alarms.remove(name);
    }
    Ok(json!({}))
}

pub(super) fn set_state(world: &mut World, input: &Value) -> Answer {
    let now = world.now;
    let state = match text(input, "StateValue") {
        Some("OK") => State::Ok,
        Some("ALARM") => State::Alarm,
        Some("INSUFFICIENT_DATA") => State::InsufficientData,
        Some(_) | None => return Err(invalid("StateValue must be OK, ALARM or INSUFFICIENT_DATA.")),
    };
    let reason = text(input, "StateReason").ok_or_else(|| missing("StateReason"))?.to_owned();
    let alarm = world
        .cloudwatch
        .alarms
        .get_mut(named(input)?)
        .ok_or_else(|| ApiError::new("ResourceNotFound", "The alarm does not exist."))?;
    (alarm.state, alarm.reason, alarm.since) = (state, reason, now);
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn judged(more: Value, points: &[Option<f64>]) -> Option<State> {
        let mut input = json!({
            "AlarmName": "a", "Namespace": "N", "MetricName": "M", "Statistic": "Average", "Period": 60,
            "EvaluationPeriods": 3, "Threshold": 10.0, "ComparisonOperator": "GreaterThanThreshold",
        });
        for (member, value) in more.as_object().unwrap() {
            input[member] = value.clone();
        }
        Alarm::parse(&input, Time(0)).unwrap().judged(points).map(|(state, _)| state)
    }

    #[test]
    fn as_many_of_the_newest_points_must_breach_as_it_says() {
        let (high, low) = (Some(11.0), Some(10.0));
        let check =
            |points: &[Option<f64>], expect| assert_eq!(judged(json!({}), points), expect, "{points:?}");
        check(&[high, high, high, low], Some(State::Alarm));
        check(&[high, low, high, high], Some(State::Ok));
        check(&[None, None, None, None], Some(State::InsufficientData));
        // An older point stands in for one that is missing; too few of them change nothing.
        check(&[high, None, high, high], Some(State::Alarm));
        check(&[high, high, None, None], None);
        check(&[low, None, None, None], Some(State::Ok));
        let two_of_three = judged(json!({"DatapointsToAlarm": 2}), &[high, low, high]);
        assert_eq!(two_of_three, Some(State::Alarm));
    }

    #[test]
    fn missing_points_count_as_they_are_told_to() {
        let points = [None, Some(11.0), None, None];
        let check = |treated: &str, expect| {
            assert_eq!(judged(json!({"TreatMissingData": treated}), &points), expect, "{treated}");
        };
        check("breaching", Some(State::Alarm));
        check("notBreaching", Some(State::Ok));
        check("missing", None);
        check("ignore", None);
        assert_eq!(judged(json!({"TreatMissingData": "ignore"}), &[None, None, None]), None);
    }
}
