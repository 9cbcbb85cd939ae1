//! An administrator's override of scaling bounds: told once, and looked at again when it ends.

use std::time::Duration;

use super::pass::Engine;
use crate::journal::{Event, Kind};
use crate::model::{DesiredService, LiveService, Overriding, Timestamp};
use crate::report;

impl Engine {
    /// Says once what an override does, or why it does nothing.
    pub(super) fn tell_override(&self, service: &DesiredService, live: &LiveService, now: Timestamp) {
        let overriding = live.service.present().and_then(|it| it.overriding(now));
        let level = match &overriding {
            Some(Overriding::InForce(_)) => None,
            Some(Overriding::NotHonoured { .. }) => Some(crate::journal::Level::Warn),
            // Its end is told with the plan that brings Git's bounds back.
            Some(Overriding::Ended(_)) | None => return self.journal.is_over(&service.key, Kind::Override),
        };
        let Some(sentence) = overriding.and_then(|it| report::override_sentence(&it, service)) else {
            return;
        };
        let mut event = Event::new(now, Kind::Override, sentence).of(&service.key);
        event.level = level.unwrap_or(event.level);
        self.journal.tell_once(event);
    }
}

/// How long until an override that is in force ends, so that it does not have to wait for the next
/// resync. At most seven days, since a longer one is not in force.
pub(super) fn ends_after(live: &LiveService, now: Timestamp) -> Option<Duration> {
    let asked = live.service.present()?.overriding(now)?.in_force()?;
    Some(asked.until.since(now))
}
