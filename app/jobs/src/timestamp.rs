//! A moment, to the millisecond, as it is stored and as it is shown.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since 1970 in UTC; shown and serialised as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The wall clock. Everything below `main` and the request handlers is given a time instead.
    pub fn now() -> Timestamp {
        Timestamp(whole_milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    pub const fn from_milliseconds(milliseconds: i64) -> Timestamp {
        Timestamp(milliseconds)
    }

    pub fn milliseconds(self) -> i64 {
        self.0
    }

    /// The moment this long after, or the last one there is.
    pub fn plus(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(whole_milliseconds(duration)))
    }

    /// The moment this long before, or the first one there is.
    pub fn minus(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(whole_milliseconds(duration)))
    }
}

fn whole_milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok());
        match text {
            Some(text) => formatter.write_str(&text),
            // Outside the years 0 to 9999 there is no RFC 3339; the number is still true.
            None => write!(formatter, "{} ms", self.0),
        }
    }
}

/// Reads RFC 3339, with any offset from UTC.
impl FromStr for Timestamp {
    type Err = time::error::Parse;

    fn from_str(text: &str) -> Result<Timestamp, time::error::Parse> {
        let moment = OffsetDateTime::parse(text, &Rfc3339)?;
        let milliseconds = moment.unix_timestamp_nanos().div_euclid(1_000_000);
        // The years that RFC 3339 can write are far within what milliseconds can count.
        Ok(Timestamp(i64::try_from(milliseconds).unwrap_or_default()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_utc_to_the_millisecond() {
        let moment = Timestamp::from_milliseconds(1_763_710_200_250);
        assert_eq!(moment.to_string(), "2025-11-21T07:30:00.25Z");
    }

    #[test]
    fn a_time_that_was_shown_is_read_as_the_same() {
        let moment = Timestamp::from_milliseconds(1_763_710_200_250);
        assert_eq!(moment.to_string().parse(), Ok(moment));
        assert_eq!("2025-11-21T08:30:00.25+01:00".parse(), Ok(moment));
        assert!("2025-11-21".parse::<Timestamp>().is_err());
    }

    #[test]
    fn a_time_that_has_no_calendar_date_is_shown_as_a_number() {
        let last = Timestamp::from_milliseconds(0).plus(Duration::MAX);
        assert_eq!(last.to_string(), "9223372036854775807 ms");
    }
}
