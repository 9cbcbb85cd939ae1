//! AWS's cron expressions: minutes, hours, day of month, month, day of week, year.

use std::collections::BTreeSet;

use time::{Date, Time as LocalTime, Weekday};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/// The first is 1.
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const YEARS: (i32, i32) = (1970, 2199);

#[derive(Clone, Debug)]
pub(crate) struct Cron {
    minutes: BTreeSet<u8>,
    hours: BTreeSet<u8>,
    months: BTreeSet<u8>,
    years: BTreeSet<i32>,
    /// One of these is a `?`, which holds for every day.
    of_month: Vec<OfMonth>,
    of_week: Vec<OfWeek>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OfMonth {
    Any,
    Day(u8),
    Last,
    /// The weekday nearest to this day, in the same month.
    Near(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OfWeek {
    Any,
    /// From Sunday, which is 1.
    Day(u8),
    /// The last such day of the month.
    Last(u8),
    /// The first, second and so on of the month.
    Numbered(u8, u8),
}

impl Cron {
    /// Reads the six fields between the parentheses.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, of_month, months, of_week, years] = fields.as_slice() else {
            return None;
        };
        // Exactly one of the two kinds of days is left open with a question mark.
        if (*of_month == "?") == (*of_week == "?") {
            return None;
        }
        let small = |field, low, high, names| -> Option<BTreeSet<u8>> {
            let numbers = numbers(field, low, high, names)?;
            numbers.into_iter().map(|number| u8::try_from(number).ok()).collect()
        };
        Some(Self {
            minutes: small(minutes, 0, 59, &[])?,
            hours: small(hours, 0, 23, &[])?,
            months: small(months, 1, 12, &MONTHS)?,
            years: numbers(years, YEARS.0, YEARS.1, &[])?,
            of_month: parse_of_month(of_month)?,
            of_week: parse_of_week(of_week)?,
        })
    }

    /// No day from this one on can match.
    pub(super) fn is_over(&self, day: Date) -> bool {
        self.years.last().is_none_or(|last| *last < day.year())
    }

    /// The times of a day, in order.
    pub(super) fn times(&self, day: Date) -> impl Iterator<Item = LocalTime> {
        let hours: &BTreeSet<u8> = &self.hours;
        let matches = self.matches(day);
        hours
            .iter()
            .filter(move |_| matches)
            .flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)))
            .filter_map(|(hour, minute)| LocalTime::from_hms(hour, minute, 0).ok())
    }

    fn matches(&self, day: Date) -> bool {
        self.years.contains(&day.year())
            && self.months.contains(&u8::from(day.month()))
            && self.of_month.iter().any(|one| one.holds(day))
            && self.of_week.iter().any(|one| one.holds(day))
    }
}

impl OfMonth {
    fn holds(self, day: Date) -> bool {
        let length = day.month().length(day.year());
        match self {
            Self::Any => true,
            Self::Day(number) => day.day() == number,
            Self::Last => day.day() == length,
            Self::Near(number) => {
                let Ok(wanted) = Date::from_calendar_date(day.year(), day.month(), number.min(length)) else {
                    return false;
                };
                day == nearest_weekday(wanted, length)
            }
        }
    }
}

fn nearest_weekday(wanted: Date, length: u8) -> Date {
    let moved = match wanted.weekday() {
        Weekday::Saturday if wanted.day() == 1 => wanted.day() + 2,
        Weekday::Saturday => wanted.day() - 1,
        Weekday::Sunday if wanted.day() == length => wanted.day() - 2,
        Weekday::Sunday => wanted.day() + 1,
        _ => wanted.day(),
    };
    wanted.replace_day(moved).unwrap_or(wanted)
}

impl OfWeek {
    fn holds(self, day: Date) -> bool {
        let weekday = day.weekday().number_days_from_sunday() + 1;
        match self {
            Self::Any => true,
            Self::Day(number) => weekday == number,
            Self::Last(number) => weekday == number && day.day() + 7 > day.month().length(day.year()),
            Self::Numbered(number, nth) => weekday == number && (day.day() - 1) / 7 + 1 == nth,
        }
    }
}

fn parse_of_month(field: &str) -> Option<Vec<OfMonth>> {
    match field {
        "?" => return Some(vec![OfMonth::Any]),
        "L" => return Some(vec![OfMonth::Last]),
        _ => {}
    }
    if let Some(number) = field.strip_suffix('W') {
        let number = number.parse().ok().filter(|number| (1..=31).contains(number))?;
        return Some(vec![OfMonth::Near(number)]);
    }
    let numbers = numbers(field, 1, 31, &[])?;
    numbers.into_iter().map(|number| Some(OfMonth::Day(u8::try_from(number).ok()?))).collect()
}

fn parse_of_week(field: &str) -> Option<Vec<OfWeek>> {
    match field {
        "?" => return Some(vec![OfWeek::Any]),
        "L" => return Some(vec![OfWeek::Day(7)]),
        _ => {}
    }
    let day = |text: &str| u8::try_from(number(text, 1, 7, &DAYS)?).ok();
    if let Some(number) = field.strip_suffix('L') {
        return Some(vec![OfWeek::Last(day(number)?)]);
    }
    if let Some((number, nth)) = field.split_once('#') {
        let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth))?;
        return Some(vec![OfWeek::Numbered(day(number)?, nth)]);
    }
    let numbers = numbers(field, 1, 7, &DAYS)?;
    numbers.into_iter().map(|number| Some(OfWeek::Day(u8::try_from(number).ok()?))).collect()
}

/// Reads lists of numbers, ranges and steps: `1,5-9,0/15,*`.
fn numbers(field: &str, low: i32, high: i32, names: &[&str]) -> Option<BTreeSet<i32>> {
    let mut all = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<usize>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((first, last)) => (number(first, low, high, names)?, number(last, low, high, names)?),
            None => {
                let first = number(range, low, high, names)?;
                (first, if step.is_some() { high } else { first })
            }
        };
        if first > last {
            return None;
        }
        all.extend((first..=last).step_by(step.unwrap_or(1)));
    }
    Some(all)
}

/// A number within its bounds, or a name, of which the first stands for 1.
fn number(text: &str, low: i32, high: i32, names: &[&str]) -> Option<i32> {
    let upper = text.to_ascii_uppercase();
    if let Some(index) = names.iter().position(|name| *name == upper) {
        return i32::try_from(index + 1).ok();
    }
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok())??;
    (low..=high).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use time::Month;

    use super::*;

    #[test]
    fn lists_ranges_and_steps_may_be_mixed() {
        let check = |field: &str, expected: &[i32]| {
            let found: Vec<i32> = numbers(field, 0, 59, &[]).unwrap().into_iter().collect();
            assert_eq!(found, expected, "{field}");
        };
        check("5", &[5]);
        check("1,3-5", &[1, 3, 4, 5]);
        check("50/4", &[50, 54, 58]);
        check("*/20", &[0, 20, 40]);
        check("10-20/5", &[10, 15, 20]);
        assert_eq!(numbers("FEB-APR", 1, 12, &MONTHS).unwrap().len(), 3);
        assert_eq!(Month::February.length(2028), 29);
    }

    #[test]
    fn the_nearest_weekday_stays_in_its_month() {
        let day = |year, month, day| Date::from_calendar_date(year, month, day).unwrap();
        // A Saturday, a Sunday, and both at the ends of a month.
        assert_eq!(nearest_weekday(day(2026, Month::November, 21), 30), day(2026, Month::November, 20));
        assert_eq!(nearest_weekday(day(2026, Month::November, 22), 30), day(2026, Month::November, 23));
        assert_eq!(nearest_weekday(day(2026, Month::August, 1), 31), day(2026, Month::August, 3));
        assert_eq!(nearest_weekday(day(2026, Month::May, 31), 31), day(2026, Month::May, 29));
    }
}
