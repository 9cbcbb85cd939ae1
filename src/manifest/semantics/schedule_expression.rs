//! What EventBridge Scheduler takes as a moment, a rate, a cron expression and a time zone.
//!
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>

use crate::manifest::suggest::nearest;

/// A title and a label.
type Fault = (String, String);

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// First halves of IANA's names; a name without a second half stands in [`SINGLE_ZONES`].
const AREAS: [&str; 15] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Brazil",
    "Canada",
    "Chile",
    "Etc",
    "Europe",
    "Indian",
    "Mexico",
    "Pacific",
];
const SINGLE_ZONES: [&str; 14] = [
    "CET", "CST6CDT", "EET", "EST", "EST5EDT", "GMT", "HST", "Japan", "MET", "MST", "MST7MDT", "PST8PDT",
    "UTC", "WET",
];

/// What is wrong with a `ScheduleExpression`, if anything is.
pub fn fault_of_expression(text: &str) -> Option<Fault> {
    let inside = |kind: &str| text.strip_prefix(kind)?.strip_suffix(')');
    if let Some(fields) = inside("cron(") {
        cron(fields)
    } else if let Some(rate) = inside("rate(") {
        fault_of_rate(text, rate)
    } else if let Some(at) = inside("at(") {
        let fits = time::PrimitiveDateTime::parse(at, AT).is_ok();
        (!fits).then(|| {
            let label = "such as at(2026-11-21T08:00:00), in the schedule's own time zone";
            (format!("`{text}` is not a moment"), label.to_owned())
        })
    } else {
        let label = "rate(5 minutes), cron(0 8 * * ? *) or at(2026-11-21T08:00:00)";
        Some((format!("`{text}` is not a schedule expression"), label.to_owned()))
    }
}

const AT: &[time::format_description::BorrowedFormatItem<'_>] =
    time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

fn fault_of_rate(text: &str, rate: &str) -> Option<Fault> {
    const UNITS: [&str; 6] = ["minute", "minutes", "hour", "hours", "day", "days"];
    let (value, unit) = rate.split_once(' ').unwrap_or((rate, ""));
    let title = || format!("`{text}` is not a rate");
    if !value.bytes().all(|it| it.is_ascii_digit()) || value.parse::<u32>().map_or(true, |it| it == 0) {
        return Some((title(), "begins with a whole number above 0, such as rate(5 minutes)".to_owned()));
    }
    if !UNITS.contains(&unit) {
        let label = match nearest(unit, UNITS) {
            Some(unit) => format!("did you mean `{unit}`?"),
            None => "its unit is minutes, hours or days".to_owned(),
        };
        return Some((title(), label));
    }
    None
}

/// One field of a cron expression.
struct Field {
    name: &'static str,
    from: u16,
    to: u16,
    words: &'static [&'static str],
}

const fn field(name: &'static str, from: u16, to: u16) -> Field {
    Field { name, from, to, words: &[] }
}

const FIELDS: [Field; 6] = [
    field("minutes", 0, 59),
    field("hours", 0, 23),
    field("day of month", 1, 31),
    Field { name: "month", from: 1, to: 12, words: &MONTHS },
    Field { name: "day of week", from: 1, to: 7, words: &DAYS },
    field("year", 1970, 2199),
];
const DAY_OF_MONTH: usize = 2;
const DAY_OF_WEEK: usize = 4;

fn cron(text: &str) -> Option<Fault> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        let title = format!("a cron expression of AWS has six fields, and `{text}` has {}", parts.len());
        return Some((title, "minutes hours day-of-month month day-of-week year".to_owned()));
    }
    for (place, (field, part)) in FIELDS.iter().zip(&parts).enumerate() {
        if let Some(fault) = part.split(',').find_map(|item| fault_of_item(place, field, item, part)) {
            return Some(fault);
        }
    }
    let asked = [DAY_OF_MONTH, DAY_OF_WEEK].map(|place| parts[place] != "?");
    match asked {
        [true, true] => Some((
            "a cron expression names both a day of month and a day of week".to_owned(),
            "write `?` for one of them".to_owned(),
        )),
        [false, false] => Some((
            "a cron expression names neither a day of month nor a day of week".to_owned(),
            "write `*` for one of them".to_owned(),
        )),
        [true, false] | [false, true] => None,
    }
}

/// An item of a list: a value, a range, a step, or one of the special forms of days.
fn fault_of_item(place: usize, field: &Field, item: &str, part: &str) -> Option<Fault> {
    let days = place == DAY_OF_MONTH || place == DAY_OF_WEEK;
    if item == "*" || (item == "?" && days && part == "?") || is_special_day(place, field, item) {
        return None;
    }
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    let range_fits = range == "*"
        || match range.split_once('-') {
            Some((from, to)) => {
                // FRI-MON goes round the end of the week.
                let (from, to) = (value(field, from), value(field, to));
                from.is_some() && to.is_some() && (place == DAY_OF_WEEK || from <= to)
            }
            None => value(field, range).is_some(),
        };
    let step_fits =
        step.is_none_or(|step| step.parse::<u16>().is_ok_and(|step| step > 0 && step <= field.to));
    (!range_fits || !step_fits).then(|| {
        let words = match field.words {
            [first, .., last] => format!(", or {first} to {last}"),
            _ => String::new(),
        };
        let title = format!("`{item}` is not a value for the {} of a cron expression", field.name);
        (title, format!("from {} to {}{words}", field.from, field.to))
    })
}

/// `L`, `15W` and `LW` of a month; `L`, `6L` and `2#1` of a week.
fn is_special_day(place: usize, field: &Field, item: &str) -> bool {
    match place {
        DAY_OF_MONTH => {
            item == "L"
                || item == "LW"
                || item.strip_suffix('W').is_some_and(|day| value(field, day).is_some())
        }
        DAY_OF_WEEK => {
            item.strip_suffix('L').is_some_and(|day| day.is_empty() || value(field, day).is_some())
                || item.split_once('#').is_some_and(|(day, number)| {
                    value(field, day).is_some() && ["1", "2", "3", "4", "5"].contains(&number)
                })
        }
        _ => false,
    }
}

fn value(field: &Field, text: &str) -> Option<u16> {
    let word = field.words.iter().position(|word| word.eq_ignore_ascii_case(text));
    let number = || text.parse().ok().filter(|_| text.bytes().all(|it| it.is_ascii_digit()));
    let from_word = word.and_then(|place| u16::try_from(place + 1).ok());
    from_word.or_else(number).filter(|value| (field.from..=field.to).contains(value))
}

/// What is wrong with a `ScheduleExpressionTimezone`, if its shape says so: which places exist is for
/// AWS to say.
pub fn fault_of_time_zone(text: &str) -> Option<Fault> {
    let shaped = |part: &str| {
        part.starts_with(|it: char| it.is_ascii_alphabetic())
            && part.chars().all(|it| it.is_ascii_alphanumeric() || "_-+".contains(it))
    };
    let known = match text.split_once('/') {
        Some((area, place)) => AREAS.contains(&area) && place.split('/').all(shaped),
        None => SINGLE_ZONES.contains(&text),
    };
    if known {
        return None;
    }
    let meant = match text.split_once('/') {
        Some((area, place)) => nearest(area, AREAS).map(|area| format!("{area}/{place}")),
        None => nearest(text, SINGLE_ZONES).map(str::to_owned),
    };
    let label = match meant {
        Some(meant) if meant != text => format!("did you mean `{meant}`?"),
        Some(_) | None => "a name of the IANA time zone database, such as Europe/Dublin, or UTC".to_owned(),
    };
    Some((format!("no time zone is called `{text}`"), label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_those_of_eventbridge_scheduler() {
        let good = [
            "rate(1 minute)",
            "rate(5 minutes)",
            "rate(36 hours)",
            "at(2026-11-21T08:00:00)",
            "cron(0 6 * * ? *)",
            "cron(15,45 8-18/2 ? * MON-FRI 2026-2030)",
            "cron(0 10 L * ? *)",
            "cron(0 10 15W * ? *)",
            "cron(0 10 LW * ? *)",
            "cron(0 10 ? JAN,JUL 2#1 *)",
            "cron(0 10 ? * 6L *)",
            "cron(0 10 ? * FRI-MON *)",
            "cron(*/15 * * * ? *)",
        ];
        for text in good {
            assert_eq!(fault_of_expression(text), None, "{text}");
        }
        let bad = [
            "0 6 * * ? *",
            "every day",
            "rate(0 minutes)",
            "rate(+5 minutes)",
            "rate(5 weeks)",
            "rate(5)",
            "at(2026-13-01T08:00:00)",
            "at(2026-11-21 08:00)",
            "cron(0 6 * * *)",
            "cron(0 6 * * * *)",
            "cron(0 6 ? * ? *)",
            "cron(60 6 * * ? *)",
            "cron(0 24 * * ? *)",
            "cron(0 6 32 * ? *)",
            "cron(0 6 ? * 8 *)",
            "cron(0 6 ? * 2#6 *)",
            "cron(0 6 ? FOO MON *)",
            "cron(30-10 6 * * ? *)",
            "cron(*/0 6 * * ? *)",
            "cron(? 6 * * ? *)",
            "cron(0 6 1,? * ? *)",
        ];
        for text in bad {
            assert!(fault_of_expression(text).is_some(), "{text}");
        }
    }

    #[test]
    fn time_zones_have_the_shape_of_iana_names() {
        for zone in ["UTC", "Europe/Dublin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "CET"] {
            assert_eq!(fault_of_time_zone(zone), None, "{zone}");
        }
        let label = |zone| fault_of_time_zone(zone).map(|(_, label)| label);
        assert_eq!(label("Europ/Dublin").as_deref(), Some("did you mean `Europe/Dublin`?"));
        assert!(label("+02:00").is_some() && label("Dublin").is_some() && label("Europe/").is_some());
    }
}
