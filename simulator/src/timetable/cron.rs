//! AWS's cron expressions: six fields, with `L`, `W` and `#`.
//!
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::expression::moment;
use crate::clock::Time;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

pub(crate) struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
    days: Days,
}

enum Days {
    OfMonth(Vec<DayOfMonth>),
    OfWeek(Vec<DayOfWeek>),
}

enum DayOfMonth {
    Day(i16),
    /// `L`
    Last,
    /// `LW`
    LastWeekday,
    /// `15W`: the weekday nearest to the 15th, within the month.
    NearestWeekday(i16),
}

/// Days count from Sunday, 1.
enum DayOfWeek {
    Day(i16),
    /// `6L`
    Last(i16),
    /// `2#1`
    Nth(i16, i16),
}

/// The values that a field may have.
struct Field {
    least: i16,
    most: i16,
    words: &'static [&'static str],
}

const MINUTES: Field = Field { least: 0, most: 59, words: &[] };
const HOURS: Field = Field { least: 0, most: 23, words: &[] };
const DAYS_OF_MONTH: Field = Field { least: 1, most: 31, words: &[] };
const MONTHS_OF_YEAR: Field = Field { least: 1, most: 12, words: &MONTHS };
const DAYS_OF_WEEK: Field = Field { least: 1, most: 7, words: &DAYS };
const YEARS: Field = Field { least: 1970, most: 2199, words: &[] };

impl Cron {
    /// Reads what stands between the parentheses.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days_of_month, months, days_of_week, years] = fields.as_slice() else {
            return None;
        };
        let days = match (*days_of_month, *days_of_week) {
            ("?", "?") => return None,
            ("?", week) => Days::OfWeek(days_of_week_of(week)?),
            (month, "?") => Days::OfMonth(days_of_month_of(month)?),
            _ => return None,
        };
        Some(Self {
            minutes: values(minutes, &MINUTES)?,
            hours: values(hours, &HOURS)?,
            months: values(months, &MONTHS_OF_YEAR)?,
            years: values(years, &YEARS)?,
            days,
        })
    }

    /// The first moment after `after`, by the zone's clocks.
    pub(super) fn next(&self, zone: &TimeZone, after: Time) -> Option<Time> {
        let from = i64::try_from(after.0).ok().and_then(|it| Timestamp::from_millisecond(it).ok())?;
        let today = from.to_zoned(zone.clone()).date();
        for year in self.years.range(today.year()..) {
            for month in &self.months {
                let first = Date::new(*year, i8::try_from(*month).ok()?, 1).ok()?;
                if first.last_of_month() < today {
                    continue;
                }
                for date in
                    first.series(jiff::Span::new().days(1)).take(usize::try_from(first.days_in_month()).ok()?)
                {
                    if date >= today
                        && self.falls_on(date)
                        && let Some(at) = self.moments(date, zone).find(|at| *at > after)
                    {
                        return Some(at);
                    }
                }
            }
        }
        None
    }

    fn moments<'a>(&'a self, date: Date, zone: &'a TimeZone) -> impl Iterator<Item = Time> + 'a {
        let times =
            self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        times.filter_map(move |(hour, minute)| {
            moment(date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0), zone)
        })
    }

    fn falls_on(&self, date: Date) -> bool {
        match &self.days {
            Days::OfMonth(days) => days.iter().any(|day| day.falls_on(date)),
            Days::OfWeek(days) => days.iter().any(|day| day.falls_on(date)),
        }
    }
}

fn day_of_week(date: Date) -> i16 {
    i16::from(date.weekday().to_sunday_one_offset())
}

fn is_weekday(date: Date) -> bool {
    (2..=6).contains(&day_of_week(date))
}

impl DayOfMonth {
    fn falls_on(&self, date: Date) -> bool {
        let last = i16::from(date.days_in_month());
        match self {
            DayOfMonth::Day(day) => i16::from(date.day()) == *day,
            DayOfMonth::Last => i16::from(date.day()) == last,
            DayOfMonth::LastWeekday => nearest_weekday(date, last) == Some(date),
            DayOfMonth::NearestWeekday(day) => nearest_weekday(date, *day) == Some(date),
        }
    }
}

/// The weekday nearest to a day of `date`'s month; `None` where the month has no such day.
fn nearest_weekday(date: Date, day: i16) -> Option<Date> {
    let of_month = |day: i16| Date::new(date.year(), date.month(), i8::try_from(day).ok()?).ok();
    let middle = of_month(day)?;
    // Saturday goes back to Friday and Sunday on to Monday, unless that is another month.
    [0, -1, 1, -2, 2]
        .into_iter()
        .filter_map(|off| of_month(day + off))
        .find(|near| is_weekday(*near))
        .or(Some(middle))
}

impl DayOfWeek {
    fn falls_on(&self, date: Date) -> bool {
        let (day, today) = (i16::from(date.day()), day_of_week(date));
        match self {
            DayOfWeek::Day(wanted) => today == *wanted,
            DayOfWeek::Last(wanted) => today == *wanted && day + 7 > i16::from(date.days_in_month()),
            DayOfWeek::Nth(wanted, number) => today == *wanted && (day - 1) / 7 + 1 == *number,
        }
    }
}

fn days_of_month_of(text: &str) -> Option<Vec<DayOfMonth>> {
    let mut days = Vec::new();
    for item in text.split(',') {
        match item {
            "L" => days.push(DayOfMonth::Last),
            "LW" => days.push(DayOfMonth::LastWeekday),
            _ => match item.strip_suffix('W') {
                Some(day) => days.push(DayOfMonth::NearestWeekday(value(day, &DAYS_OF_MONTH)?)),
                None => days.extend(item_values(item, &DAYS_OF_MONTH)?.into_iter().map(DayOfMonth::Day)),
            },
        }
    }
    Some(days)
}

fn days_of_week_of(text: &str) -> Option<Vec<DayOfWeek>> {
    let mut days = Vec::new();
    for item in text.split(',') {
        if item == "L" {
            days.push(DayOfWeek::Day(DAYS_OF_WEEK.most));
        } else if let Some(day) = item.strip_suffix('L') {
            days.push(DayOfWeek::Last(value(day, &DAYS_OF_WEEK)?));
        } else if let Some((day, number)) = item.split_once('#') {
            let number = number.parse().ok().filter(|number| (1..=5).contains(number))?;
            days.push(DayOfWeek::Nth(value(day, &DAYS_OF_WEEK)?, number));
        } else {
            days.extend(item_values(item, &DAYS_OF_WEEK)?.into_iter().map(DayOfWeek::Day));
        }
    }
    Some(days)
}

fn values(text: &str, field: &Field) -> Option<BTreeSet<i16>> {
    let mut all = BTreeSet::new();
    for item in text.split(',') {
        all.extend(item_values(item, field)?);
    }
    Some(all)
}

/// `*`, `5`, `5-10`, `*/15`, `5/15` and `5-50/15`. A range of days may go round the end of the week.
fn item_values(item: &str, field: &Field) -> Option<Vec<i16>> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step.parse::<i16>().ok().filter(|step| *step > 0)?)),
        None => (item, None),
    };
    let (from, to) = match range.split_once('-') {
        _ if range == "*" => (field.least, field.most),
        Some((from, to)) => (value(from, field)?, value(to, field)?),
        // `5/15` goes on to the end.
        None if step.is_some() => (value(range, field)?, field.most),
        None => {
            let only = value(range, field)?;
            (only, only)
        }
    };
    let step = usize::try_from(step.unwrap_or(1)).ok()?;
    if from <= to {
        return Some((from..=to).step_by(step).collect());
    }
    let round = field.words.len() == DAYS.len();
    round.then(|| (from..=field.most).chain(field.least..=to).step_by(step).collect())
}

fn value(text: &str, field: &Field) -> Option<i16> {
    let word = field.words.iter().position(|word| word.eq_ignore_ascii_case(text));
    let number = || text.parse().ok().filter(|_| text.bytes().all(|it| it.is_ascii_digit()));
    let from_word = word.and_then(|place| i16::try_from(place + 1).ok());
    from_word.or_else(number).filter(|value| (field.least..=field.most).contains(value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The first moments of an expression after a time, all by the clocks of the zone.
    fn moments(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        let cron = Cron::parse(expression).unwrap_or_else(|| panic!("{expression}"));
        let after: jiff::civil::DateTime = after.parse().unwrap();
        let mut at = moment(after, &zone).unwrap();
        let mut found = Vec::new();
        for _ in 0..count {
            at = cron.next(&zone, at).unwrap();
            let zoned = Timestamp::from_millisecond(at.0 as i64).unwrap().to_zoned(zone.clone());
            found.push(zoned.strftime("%a %Y-%m-%d %H:%M").to_string());
        }
        found
    }

    #[test]
    fn plain_fields_ranges_and_steps_are_walked_in_order() {
        assert_eq!(
            moments("0 6 * * ? *", "UTC", "2026-12-31T06:00:00", 2),
            ["Fri 2027-01-01 06:00", "Sat 2027-01-02 06:00"]
        );
        assert_eq!(
            moments("10/25 8-9 ? * MON-FRI *", "UTC", "2026-11-20T09:30:00", 3),
            ["Fri 2026-11-20 09:35", "Mon 2026-11-23 08:10", "Mon 2026-11-23 08:35"]
        );
        assert_eq!(
            moments("0 0 29 FEB ? *", "UTC", "2026-01-01T00:00:00", 2),
            ["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00"]
        );
        assert_eq!(
            moments("0 12 1 1 ? 2031,2040", "UTC", "2026-01-01T00:00:00", 2),
            ["Wed 2031-01-01 12:00", "Sun 2040-01-01 12:00"]
        );
    }

    #[test]
    fn last_days_nearest_weekdays_and_nth_weekdays_are_aws_s() {
        assert_eq!(
            moments("0 0 L * ? *", "UTC", "2027-01-15T00:00:00", 2),
            ["Sun 2027-01-31 00:00", "Sun 2027-02-28 00:00"]
        );
        // 31 January 2027 is a Sunday.
        assert_eq!(moments("0 0 LW * ? *", "UTC", "2027-01-15T00:00:00", 1), ["Fri 2027-01-29 00:00"]);
        // 15 May 2027 is a Saturday, 1 August 2027 a Sunday; 1 May 2027 a Saturday, whose Friday is in April.
        assert_eq!(moments("0 0 15W MAY ? *", "UTC", "2027-05-01T00:00:00", 1), ["Fri 2027-05-14 00:00"]);
        assert_eq!(moments("0 0 1W AUG ? *", "UTC", "2027-05-01T00:00:00", 1), ["Mon 2027-08-02 00:00"]);
        assert_eq!(moments("0 0 1W MAY ? *", "UTC", "2027-04-01T00:00:00", 1), ["Mon 2027-05-03 00:00"]);
        assert_eq!(
            moments("0 0 ? * 2#1 *", "UTC", "2027-01-15T00:00:00", 2),
            ["Mon 2027-02-01 00:00", "Mon 2027-03-01 00:00"]
        );
        assert_eq!(moments("0 0 ? * 6L *", "UTC", "2027-01-15T00:00:00", 1), ["Fri 2027-01-29 00:00"]);
        assert_eq!(moments("0 0 ? * L *", "UTC", "2027-01-15T00:00:00", 1), ["Sat 2027-01-16 00:00"]);
        assert_eq!(
            moments("0 0 ? * SAT-MON *", "UTC", "2027-01-15T00:00:00", 3),
            ["Sat 2027-01-16 00:00", "Sun 2027-01-17 00:00", "Mon 2027-01-18 00:00"]
        );
    }

    #[test]
    fn an_hour_that_does_not_come_is_skipped_and_one_that_comes_twice_counts_once() {
        // Dublin's clocks go forward over 01:30 on 28 March 2027, and back over it on 31 October 2027.
        assert_eq!(
            moments("30 1 * * ? *", "Europe/Dublin", "2027-03-27T00:00:00", 2),
            ["Sat 2027-03-27 01:30", "Mon 2027-03-29 01:30"]
        );
        assert_eq!(
            moments("30 1 * * ? *", "Europe/Dublin", "2027-10-30T02:00:00", 2),
            ["Sun 2027-10-31 01:30", "Mon 2027-11-01 01:30"]
        );
    }

    #[test]
    fn what_aws_does_not_take_is_not_taken() {
        for text in
            ["0 6 * * *", "0 6 * * * *", "0 6 ? * ? *", "60 6 * * ? *", "0 6 ? * 2#6 *", "? 6 * * ? *"]
        {
            assert!(Cron::parse(text).is_none(), "{text}");
        }
    }
}
