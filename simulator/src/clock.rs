//! The one clock. It rides on tokio's, so that a test's paused time is the simulator's time too.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// A moment, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u64);

impl Time {
    /// The wire form of a timestamp: seconds since the epoch, with a fraction.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Such as `2026-11-21T12:00:00.250Z`; the end of the year 9999 for anything later.
    pub fn iso(self) -> String {
        let moment = i64::try_from(self.0).ok().and_then(|it| jiff::Timestamp::from_millisecond(it).ok());
        format!("{:.3}", moment.unwrap_or(jiff::Timestamp::MAX))
    }

    /// How long ago `earlier` was; zero if it is not in the past.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, rhs: Duration) -> Time {
        Time(self.0.saturating_add(rhs.as_millis() as u64))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.seconds())
    }
}

/// Turns tokio's time into the account's time, `speed` times as fast.
#[derive(Clone, Debug)]
pub struct Clock {
    epoch: Time,
    started: tokio::time::Instant,
    speed: f64,
}

impl Clock {
    /// A clock that shows `epoch` now and runs `speed` times as fast as tokio's.
    ///
    /// Must be made inside a tokio runtime; under a paused one it is virtual.
    pub fn starting_at(epoch: Time, speed: f64) -> Self {
        Self { epoch, started: tokio::time::Instant::now(), speed }
    }

    pub fn now(&self) -> Time {
        let elapsed = self.started.elapsed().mul_f64(self.speed);
        self.epoch + elapsed
    }

    /// How long to sleep on tokio's clock for `duration` of the account's time to pass.
    pub fn real(&self, duration: Duration) -> Duration {
        duration.div_f64(self.speed)
    }
}
