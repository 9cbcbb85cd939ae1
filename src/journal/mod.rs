//! The bounded stream of events that logs, status and notifications are all folded from.

mod event;
mod log;

pub use event::{Event, Kind, Level};
pub use log::Journal;
