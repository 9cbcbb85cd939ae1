//! When changes may go out: windows by the clocks on somebody's wall.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The longest that a window may last.
pub const WINDOW_MAX: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// A time that comes again and again, or on certain dates, in which changes go out, or don't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub kind: WindowKind,
    pub days: WindowDays,
    /// Hour and minute at which it begins, by the clocks of `time_zone`.
    pub from: (u8, u8),
    pub duration: Duration,
    /// An IANA name, such as `Europe/Paris`.
    pub time_zone: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// Changes go out in it. Where there is one of these, they go out at no other time.
    Allow,
    /// No change goes out in it, whatever allows it.
    Deny,
}

/// On which days a window begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowDays {
    EveryDay,
    /// From Monday, 1, to Sunday, 7.
    OfTheWeek(Vec<u8>),
    Dates(Vec<Date>),
}

impl Window {
    /// The clocks that it goes by. `None`: there is no such time zone.
    pub fn zone(&self) -> Option<TimeZone> {
        TimeZone::get(&self.time_zone).ok()
    }
}
