//! A moment, without a clock: only `main.rs` may ask what time it is.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From AWS's wire form: seconds since the epoch with a fraction.
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1000.0).round() as i64)
    }

    /// From RFC 3339, such as `2026-11-21T12:00:00Z`. Years before 1970 or after 9999 are no moment here.
    pub fn parse(text: &str) -> Option<Self> {
        let at = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok().filter(|at| *at >= 0).map(Self)
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    fn date_time(self) -> Option<time::OffsetDateTime> {
        time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).ok()
    }

    /// `21:03:10`, for a terminal line.
    pub fn time_of_day(self) -> String {
        let format = time::macros::format_description!("[hour]:[minute]:[second]");
        self.date_time().and_then(|at| at.format(format).ok()).unwrap_or_else(|| self.0.to_string())
    }

    /// `2026-11-21T12:00:00Z`, for a tag: shorter than with milliseconds.
    pub fn second(self) -> String {
        let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        self.date_time().and_then(|at| at.format(format).ok()).unwrap_or_else(|| self.to_string())
    }

    /// `21:04` where `now` is on the same day (UTC), `2026-11-20 21:04` otherwise.
    pub fn minute_seen_from(self, now: Timestamp) -> String {
        let (minute, today) = (self.minute(), now.minute());
        match (minute.split_once(' '), today.split_once(' ')) {
            (Some((day, time)), Some((today, _))) if day == today => time.to_owned(),
            _ => minute,
        }
    }

    /// `2026-11-20 21:04`, for a report.
    pub fn minute(self) -> String {
        let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]");
        self.date_time().and_then(|at| at.format(format).ok()).unwrap_or_else(|| self.0.to_string())
    }
}

/// RFC 3339 in UTC, with milliseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = time::macros::format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        match self.date_time().and_then(|at| at.format(format).ok()) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{}ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_prints_as_rfc_3339() {
        let at = Timestamp::from_seconds(1_763_672_640.25);
        assert_eq!(at.to_string(), "2025-11-20T21:04:00.250Z");
        assert_eq!(at.minute(), "2025-11-20 21:04");
        assert_eq!(at.time_of_day(), "21:04:00");
    }

    #[test]
    fn a_moment_is_read_as_it_is_printed() {
        let at = Timestamp(1_763_672_640_250);
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        assert_eq!(Timestamp::parse("2025-11-20T22:04:00.25+01:00"), Some(at));
        for text in ["2025-11-20", "21:04", "", "1763672640", "1969-12-31T23:59:59Z"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_of_today_needs_no_date() {
        let at = Timestamp(1_763_672_640_250);
        assert_eq!(at.minute_seen_from(Timestamp(at.0 - 3_600_000)), "21:04");
        assert_eq!(at.minute_seen_from(Timestamp(at.0 + 86_400_000)), "2025-11-20 21:04");
    }

    #[test]
    fn time_before_the_earlier_moment_counts_as_none() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
        assert_eq!(Timestamp(9).since(Timestamp(5)), Duration::from_millis(4));
    }
}
