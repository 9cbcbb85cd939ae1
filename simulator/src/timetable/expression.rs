//! Reads schedule expressions, and finds the next moment of one.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::cron::Cron;
use crate::clock::Time;

pub(crate) enum Expression {
    /// Once, at this time of the zone's clocks.
    At(DateTime),
    Rate(Duration),
    Cron(Box<Cron>),
}

pub(crate) struct Timing {
    pub(crate) expression: Expression,
    pub(crate) zone: TimeZone,
    pub(crate) start: Option<Time>,
    pub(crate) end: Option<Time>,
    /// What a rate counts from: its first invocation is then.
    pub(crate) origin: Time,
}

impl Expression {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let inside = |kind: &str| text.strip_prefix(kind)?.strip_suffix(')');
        if let Some(at) = inside("at(") {
            let shape: String = at.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
            let fits = shape == "0000-00-00T00:00:00";
            fits.then(|| at.parse().ok()).flatten().map(Expression::At)
        } else if let Some(rate) = inside("rate(") {
            let (value, unit) = rate.split_once(' ')?;
            let seconds = match unit {
                "minute" | "minutes" => 60,
                "hour" | "hours" => 3_600,
                "day" | "days" => 86_400,
                _ => return None,
            };
            let value: u32 = value.parse().ok().filter(|value| *value > 0)?;
            Some(Expression::Rate(Duration::from_secs(u64::from(value) * seconds)))
        } else {
            Cron::parse(inside("cron(")?).map(|cron| Expression::Cron(Box::new(cron)))
        }
    }
}

impl Timing {
    /// The first moment after `last` at which it fires. A rate's origin counts although it is not after.
    pub(crate) fn next(&self, last: Option<Time>, now: Time) -> Option<Time> {
        let after = last.unwrap_or(Time(now.0.saturating_sub(1)));
        // Strictly after: one millisecond before the start, the start itself may still come.
        let after = match self.start {
            Some(start) => after.max(Time(start.0.saturating_sub(1))),
            None => after,
        };
        let next = match &self.expression {
            Expression::At(at) => moment(*at, &self.zone).filter(|at| *at > after),
            Expression::Rate(every) => Some(self.rate(*every, after)),
            Expression::Cron(cron) => cron.next(&self.zone, after),
        };
        next.filter(|next| self.end.is_none_or(|end| *next < end))
    }

    fn rate(&self, every: Duration, after: Time) -> Time {
        if after < self.origin {
            return self.origin;
        }
        let every = std::cmp::max(1, every.as_millis() as u64);
        Time(self.origin.0 + ((after.0 - self.origin.0) / every + 1) * every)
    }
}

/// A time of the clocks on the wall as a moment. Where the clocks are put forward over it, it does not
/// come; where they are put back over it, it comes once, the first time.
pub(super) fn moment(at: DateTime, zone: &TimeZone) -> Option<Time> {
    let ambiguous = zone.to_ambiguous_timestamp(at);
    match ambiguous.offset() {
        jiff::tz::AmbiguousOffset::Gap { .. } => None,
        jiff::tz::AmbiguousOffset::Unambiguous { .. } | jiff::tz::AmbiguousOffset::Fold { .. } => {
            ambiguous.earlier().ok().and_then(time)
        }
    }
}

fn time(timestamp: Timestamp) -> Option<Time> {
    u64::try_from(timestamp.as_millisecond()).ok().map(Time)
}
