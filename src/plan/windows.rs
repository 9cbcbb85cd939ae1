//! Deployment windows: whether one is open, and when the next one opens.

use jiff::civil::Date;
use jiff::{Span, Zoned};

use crate::model::{Timestamp, Window, WindowDays, WindowKind};

/// How far ahead the next opening is looked for. Dates that are named are looked at however far they are.
const DAYS_AHEAD: i64 = 40;

/// When changes may go out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    pub at: Timestamp,
    /// `Monday 08:00 Europe/Paris`, by the clocks of the window that decides it.
    pub told: String,
}

/// Whether changes may go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gateway {
    Open,
    /// `None`: not within the next weeks.
    Closed {
        opens: Option<Opening>,
    },
}

/// Looks at the clock. No windows at all: always open.
pub fn gateway(windows: &[Window], now: Timestamp) -> Gateway {
    if windows.is_empty() {
        return Gateway::Open;
    }
    let spans: Vec<Occurrence<'_>> = windows.iter().flat_map(|window| occurrences(window, now)).collect();
    let gated = windows.iter().any(|window| window.kind == WindowKind::Allow);
    if is_open(&spans, gated, now) {
        return Gateway::Open;
    }
    let mut edges: Vec<(Timestamp, &Window)> = spans
        .iter()
        .map(|span| match span.window.kind {
            WindowKind::Allow => (span.begins, span.window),
            WindowKind::Deny => (span.ends, span.window),
        })
        .filter(|(at, _)| *at > now)
        .collect();
    edges.sort_by_key(|(at, _)| *at);
    let opens = edges.into_iter().find(|(at, _)| is_open(&spans, gated, *at));
    Gateway::Closed { opens: opens.map(|(at, window)| Opening { at, told: told(at, window, now) }) }
}

fn is_open(spans: &[Occurrence<'_>], gated: bool, at: Timestamp) -> bool {
    let within = |kind| spans.iter().any(|it| it.window.kind == kind && it.begins <= at && at < it.ends);
    !within(WindowKind::Deny) && (!gated || within(WindowKind::Allow))
}

struct Occurrence<'a> {
    window: &'a Window,
    begins: Timestamp,
    ends: Timestamp,
}

/// Those that may hold now, and those to come.
fn occurrences(window: &Window, now: Timestamp) -> Vec<Occurrence<'_>> {
    let Some(today) = wall(now, window).map(|now| now.date()) else { return Vec::new() };
    let dates: Vec<Date> = match &window.days {
        WindowDays::EveryDay => days_around(today, window).collect(),
        WindowDays::OfTheWeek(days) => days_around(today, window)
            .filter(|date| {
                days.iter().any(|day| i8::try_from(*day) == Ok(date.weekday().to_monday_one_offset()))
            })
            .collect(),
        WindowDays::Dates(dates) => dates.clone(),
    };
    dates.into_iter().filter_map(|date| occurrence(window, date)).collect()
}

fn days_around(today: Date, window: &Window) -> impl Iterator<Item = Date> {
    let back = i64::try_from(window.duration.as_secs() / 86_400).unwrap_or(0) + 1;
    (-back..=DAYS_AHEAD).filter_map(move |days| today.checked_add(Span::new().try_days(days).ok()?).ok())
}

/// Where the clocks are put forward over its beginning, it begins that much later; where they are put
/// back over it, it begins the first time.
fn occurrence(window: &Window, date: Date) -> Option<Occurrence<'_>> {
    let (hour, minute) = window.from;
    let from = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
    let zone = if planted!("windows-by-utc") { jiff::tz::TimeZone::UTC } else { window.zone()? };
    let begins = zone.to_ambiguous_timestamp(from).compatible().ok()?;
    let begins = Timestamp(begins.as_millisecond());
    Some(Occurrence { window, begins, ends: begins.plus(window.duration) })
}

fn wall(at: Timestamp, window: &Window) -> Option<Zoned> {
    Some(jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(window.zone()?))
}

/// `08:00` of today, `Monday 08:00` within a week, `2027-01-04 08:00` after that.
fn told(at: Timestamp, window: &Window, now: Timestamp) -> String {
    let (Some(at), Some(now)) = (wall(at, window), wall(now, window)) else { return String::new() };
    let days = now.date().until(at.date()).map_or(0, |span| span.get_days());
    let format = match days {
        0 => "%H:%M",
        1..=6 => "%A %H:%M",
        _ => "%Y-%m-%d %H:%M",
    };
    format!("{} {}", at.strftime(format), window.time_zone)
}
