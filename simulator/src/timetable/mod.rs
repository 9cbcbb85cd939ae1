//! When schedules fire, of EventBridge Scheduler and of Application Auto Scaling: `at(...)`, `rate(...)`
//! and `cron(...)` in a time zone, between two dates.

mod cron;
mod expression;

pub(crate) use expression::{Expression, Timing};
