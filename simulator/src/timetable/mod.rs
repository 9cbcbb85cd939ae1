//! When a schedule fires: `at(...)`, `rate(...)` and `cron(...)` expressions, in a time zone.
//!
//! See "Schedule types" of EventBridge Scheduler and "Schedule recurring scaling actions using cron
//! expressions" of Application Auto Scaling. A local time that does not exist, because clocks go forward,
//! is passed over; one that comes twice counts once.

mod cron;
mod zone;

use std::time::Duration;

use time::macros::format_description;
use time::{Date, PrimitiveDateTime};

use crate::clock::Time;
use cron::Cron;
pub(crate) use zone::Zone;

#[derive(Clone, Debug)]
pub(crate) enum Timetable {
    /// Once, at this local time.
    At(PrimitiveDateTime),
    /// Again and again, counted from a beginning.
    Rate(Duration),
    Cron(Box<Cron>),
}

impl Timetable {
    /// `None` for what is no schedule expression.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let inside = |kind: &str| text.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(at) = inside("at") {
            let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
            return PrimitiveDateTime::parse(at, &format).ok().map(Self::At);
        }
        if let Some(rate) = inside("rate") {
            let (value, unit) = rate.split_once(' ')?;
            let value: u64 = value.parse().ok().filter(|value| *value > 0)?;
            let seconds: u64 = match unit {
                "minute" | "minutes" => 60,
                "hour" | "hours" => 60 * 60,
                "day" | "days" => 24 * 60 * 60,
                _ => return None,
            };
            return value.checked_mul(seconds).map(|seconds| Self::Rate(Duration::from_secs(seconds)));
        }
        Cron::parse(inside("cron")?).map(|cron| Self::Cron(Box::new(cron)))
    }

    /// The first moment after `after` at which it fires; a rate counts from `beginning`.
    pub(crate) fn next(&self, after: Time, beginning: Time, zone: &Zone) -> Option<Time> {
        match self {
            Self::At(local) => zone.moment(*local).filter(|at| after < *at),
            Self::Rate(rate) => {
                let rate = rate.as_millis().max(1) as u64;
                let passed = after.0.saturating_sub(beginning.0) / rate;
                Some(Time(beginning.0 + (passed + 1) * rate))
            }
            Self::Cron(cron) => cron_next(cron, after, zone),
        }
    }
}

fn cron_next(cron: &Cron, after: Time, zone: &Zone) -> Option<Time> {
    // February 29th on a given day of the week comes back after at most 40 years.
    const DAYS_MAX: usize = 41 * 366;
    let mut day: Date = zone.local(after)?.date();
    for _ in 0..DAYS_MAX {
        let times = cron.times(day).filter_map(|time| zone.moment(PrimitiveDateTime::new(day, time)));
        if let Some(at) = times.filter(|at| after < *at).min() {
            return Some(at);
        }
        day = day.next_day()?;
        if cron.is_over(day) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Time {
        crate::input::moment(&text.into()).unwrap()
    }

    fn fires(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let timetable = Timetable::parse(expression).unwrap();
        let zone = Zone::named(zone).unwrap();
        let mut after = at(after);
        let mut fires = Vec::new();
        while let Some(next) = timetable.next(after, at("2026-11-21T00:00:00Z"), &zone)
            && fires.len() < count
        {
            fires.push(next.iso().replace(":00.000Z", ""));
            after = next;
        }
        fires
    }

    #[test]
    fn a_cron_expression_fires_in_its_time_zone() {
        let berlin = fires("cron(0 6 * * ? *)", "Europe/Berlin", "2026-10-23T12:00:00Z", 3);
        // Clocks go back on October 25th.
        assert_eq!(berlin, ["2026-10-24T04:00", "2026-10-25T05:00", "2026-10-26T05:00"]);
        let utc = fires("cron(0/20 9 ? * MON-FRI *)", "UTC", "2026-11-20T09:15:00Z", 4);
        assert_eq!(utc, ["2026-11-20T09:20", "2026-11-20T09:40", "2026-11-23T09:00", "2026-11-23T09:20"]);
    }

    #[test]
    fn a_time_that_does_not_exist_is_passed_over_and_one_that_comes_twice_counts_once() {
        let spring = fires("cron(30 2 * * ? *)", "Europe/Berlin", "2027-03-27T00:00:00Z", 2);
        assert_eq!(spring, ["2027-03-27T01:30", "2027-03-29T00:30"]);
        let autumn = fires("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-25T00:30", "2026-10-26T01:30"]);
    }

    #[test]
    fn at_fires_once_and_a_rate_for_ever() {
        let once = fires("at(2026-12-24T18:00:00)", "America/New_York", "2026-11-21T00:00:00Z", 9);
        assert_eq!(once, ["2026-12-24T23:00"]);
        let rate = fires("rate(90 minutes)", "UTC", "2026-11-21T00:00:00Z", 2);
        assert_eq!(rate, ["2026-11-21T01:30", "2026-11-21T03:00"]);
    }

    #[test]
    fn last_days_weekdays_and_numbered_days_are_known() {
        let check = |expression: &str, expected: &[&str]| {
            assert_eq!(
                fires(expression, "UTC", "2026-11-21T00:00:00Z", expected.len()),
                expected,
                "{expression}"
            );
        };
        check("cron(0 8 L * ? *)", &["2026-11-30T08:00", "2026-12-31T08:00"]);
        check("cron(0 8 ? * 6L *)", &["2026-11-27T08:00", "2026-12-25T08:00"]);
        check("cron(0 8 ? * MON#1 *)", &["2026-12-07T08:00", "2027-01-04T08:00"]);
        check("cron(0 8 15W * ? *)", &["2026-12-15T08:00", "2027-01-15T08:00", "2027-02-15T08:00"]);
        check("cron(0 8 1 JAN ? 2028-2029)", &["2028-01-01T08:00", "2029-01-01T08:00"]);
        check("cron(0 0 29 2 ? *)", &["2028-02-29T00:00"]);
    }

    #[test]
    fn what_is_no_schedule_is_not_read() {
        for text in [
            "",
            "at(2026-11-21)",
            "at(2026-13-01T00:00:00)",
            "rate(0 minutes)",
            "rate(5 weeks)",
            "rate(5)",
            "cron(0 8 * * *)",
            "cron(60 8 * * ? *)",
            "cron(0 8 * * * *)",
            "cron(0 8 ? * ? *)",
            "cron(0 24 * * ? *)",
            "cron(0 8 * XYZ ? *)",
            "0 8 * * *",
            "cron(0 8 5-2 * ? *)",
            "cron(*/0 8 * * ? *)",
        ] {
            assert!(Timetable::parse(text).is_none(), "{text}");
        }
        assert!(Zone::named("Europe/Nowhere").is_none());
        assert!(Zone::named("../../etc/passwd").is_none());
    }
}
