//! Time zones, by the rule at the end of this machine's zone files (RFC 9636): good for the present and
//! the future, which is when schedules fire.

use std::path::Path;
use std::time::Duration;

use time::{Date, Month, PrimitiveDateTime, UtcOffset, Weekday};

use crate::clock::Time;

const ZONES: &str = "/usr/share/zoneinfo";
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// A time zone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Zone {
    /// East of Greenwich, in seconds.
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Clone, Debug, PartialEq)]
struct Summer {
    offset: i64,
    begins: Change,
    ends: Change,
}

/// A moment in a year at which clocks change.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    day: ChangeDay,
    /// Seconds after midnight, by the clocks that are in force until then.
    seconds: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChangeDay {
    /// Month, week (5 for the last one), and day of the week from Sunday, which is 0.
    Weekday(u8, u8, u8),
    /// Of the year, from 1; February 29th is not counted.
    Julian(u16),
    /// Of the year, from 0; February 29th is counted.
    Ordinal(u16),
}

impl Zone {
    pub(crate) const UTC: Zone = Zone { standard: 0, summer: None };

    /// The zone of this name, such as `Europe/Berlin`, if this machine knows it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if ["UTC", "Etc/UTC", "GMT", "Etc/GMT"].contains(&name) {
            return Some(Self::UTC);
        }
        let is_word = |word: &str| {
            let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '+');
            !word.is_empty() && word.chars().all(fits)
        };
        if !name.split('/').all(is_word) {
            return None;
        }
        let file = std::fs::read(Path::new(ZONES).join(name)).ok()?;
        if !file.starts_with(b"TZif") {
            return None;
        }
        let text = file.strip_suffix(b"\n")?;
        let begin = text.iter().rposition(|byte| *byte == b'\n')? + 1;
        Self::parse(std::str::from_utf8(&text[begin..]).ok()?)
    }

    /// Reads a rule such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    fn parse(rule: &str) -> Option<Self> {
        let mut parts = rule.split(',');
        let names = parts.next()?;
        let names = after_name(names)?;
        let end = names.find(|letter: char| letter.is_ascii_alphabetic() || letter == '<');
        let (offset, summer) = names.split_at(end.unwrap_or(names.len()));
        // The rule counts west of Greenwich.
        let standard = -seconds(offset)?;
        if summer.is_empty() {
            return Some(Self { standard, summer: None });
        }
        let offset = match after_name(summer)? {
            "" => standard + 3600,
            offset => -seconds(offset)?,
        };
        let begins = Change::parse(parts.next()?)?;
        let ends = Change::parse(parts.next()?)?;
        Some(Self { standard, summer: Some(Summer { offset, begins, ends }) })
    }

    /// What clocks show at a moment.
    pub(crate) fn local(&self, at: Time) -> Option<PrimitiveDateTime> {
        let utc = time::OffsetDateTime::from_unix_timestamp(i64::try_from(at.0 / 1000).ok()?).ok()?;
        let offset =
            UtcOffset::from_whole_seconds(i32::try_from(self.offset(utc.unix_timestamp())?).ok()?).ok()?;
        let local = utc.checked_to_offset(offset)?;
        Some(PrimitiveDateTime::new(local.date(), local.time()))
    }

    /// When clocks show this, for the first time; `None` for a time that clocks pass over.
    pub(crate) fn moment(&self, local: PrimitiveDateTime) -> Option<Time> {
        let seconds = local.assume_utc().unix_timestamp();
        let offsets = [Some(self.standard), self.summer.as_ref().map(|summer| summer.offset)];
        let moments = offsets.into_iter().flatten().filter_map(|offset| {
            let moment = seconds - offset;
            (self.offset(moment)? == offset).then_some(moment)
        });
        let first = u64::try_from(moments.min()?).ok()?;
        Some(Time::default() + Duration::from_secs(first))
    }

    /// The offset from UTC at a moment in seconds since the epoch.
    fn offset(&self, moment: i64) -> Option<i64> {
        let Some(summer) = &self.summer else {
            return Some(self.standard);
        };
        let standard = time::OffsetDateTime::from_unix_timestamp(moment + self.standard).ok()?;
        let begins = summer.begins.moment(standard.year())? - self.standard;
        let ends = summer.ends.moment(standard.year())? - summer.offset;
        // South of the equator summer lasts over the turn of the year.
        let in_summer =
            if begins <= ends { (begins..ends).contains(&moment) } else { !(ends..begins).contains(&moment) };
        Some(if in_summer { summer.offset } else { self.standard })
    }
}

impl Change {
    fn parse(text: &str) -> Option<Self> {
        let (day, time) = text.split_once('/').unwrap_or((text, "2"));
        let day = if let Some(weekday) = day.strip_prefix('M') {
            let numbers: Vec<u8> = weekday.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
            match numbers.as_slice() {
                [month @ 1..=12, week @ 1..=5, day @ 0..=6] => ChangeDay::Weekday(*month, *week, *day),
                _ => return None,
            }
        } else if let Some(julian) = day.strip_prefix('J') {
            ChangeDay::Julian(julian.parse().ok()?)
        } else {
            ChangeDay::Ordinal(day.parse().ok()?)
        };
        Some(Self { day, seconds: seconds(time)? })
    }

    /// In seconds since the epoch, by the clocks in force.
    fn moment(&self, year: i32) -> Option<i64> {
        let day = match self.day {
            ChangeDay::Weekday(month, week, day) => {
                let month = Month::try_from(month).ok()?;
                let first = Date::from_calendar_date(year, month, 1).ok()?;
                let from_first = |weekday: Weekday| (day + 7 - weekday.number_days_from_sunday()) % 7;
                let mut number = 1 + from_first(first.weekday()) + (week - 1) * 7;
                if number > month.length(year) {
                    number -= 7;
                }
                Date::from_calendar_date(year, month, number).ok()?
            }
            ChangeDay::Julian(number) => {
                let leap = time::util::is_leap_year(year) && number > 59;
                Date::from_ordinal_date(year, number + u16::from(leap)).ok()?
            }
            ChangeDay::Ordinal(number) => Date::from_ordinal_date(year, number + 1).ok()?,
        };
        let epoch = Date::from_ordinal_date(1970, 1).ok()?;
        Some(i64::from(day.to_julian_day() - epoch.to_julian_day()) * DAY_SECONDS + self.seconds)
    }
}

/// What follows the name of a zone: letters, or anything in `<>`.
fn after_name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        return quoted.split_once('>').map(|(_, rest)| rest);
    }
    let end = text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len());
    (end > 0).then(|| &text[end..])
}

/// Reads `[+-]hh[:mm[:ss]]`.
fn seconds(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut total = 0;
    for (part, unit) in text.split(':').zip([3600, 60, 1]) {
        total += part.parse::<i64>().ok()? * unit;
    }
    Some(sign * total)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn local(rule: &str, seconds: u64) -> String {
        Zone::parse(rule).unwrap().local(Time(seconds * 1000)).unwrap().to_string()
    }

    #[test]
    fn rules_of_both_halves_of_the_world_are_known() {
        let check = |rule: &str, seconds: u64, expected: &str| {
            assert_eq!(local(rule, seconds), expected, "{rule}");
        };
        // 2026-07-01 and 2026-12-01, both at 12:00 UTC.
        let (july, december) = (1_782_907_200, 1_796_126_400);
        check("CET-1CEST,M3.5.0,M10.5.0/3", july, "2026-07-01 14:00:00.0");
        check("CET-1CEST,M3.5.0,M10.5.0/3", december, "2026-12-01 13:00:00.0");
        check("EST5EDT,M3.2.0,M11.1.0", july, "2026-07-01 8:00:00.0");
        check("AEST-10AEDT,M10.1.0,M4.1.0/3", july, "2026-07-01 22:00:00.0");
        check("AEST-10AEDT,M10.1.0,M4.1.0/3", december, "2026-12-01 23:00:00.0");
        check("<+0530>-5:30", july, "2026-07-01 17:30:00.0");
        check("IST-1GMT0,M10.5.0,M3.5.0/1", july, "2026-07-01 13:00:00.0");
        check("IST-1GMT0,M10.5.0,M3.5.0/1", december, "2026-12-01 12:00:00.0");
    }

    #[test]
    fn what_is_no_rule_is_not_read() {
        for rule in ["", "5", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "<+05-5"] {
            assert_eq!(Zone::parse(rule), None, "{rule}");
        }
    }
}
