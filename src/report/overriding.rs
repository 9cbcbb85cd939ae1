//! An administrator's override of scaling bounds, in words.

use super::paint::plain;
use crate::model::{DesiredService, Overriding, Timestamp, tag};

/// What the journal says of an override; `None` of one that has ended.
pub fn override_sentence(overriding: &Overriding, service: &DesiredService) -> Option<String> {
    match overriding {
        Overriding::InForce(asked) => Some(format!(
            "scaling is overridden to {asked} until {} by an administrator (tag {}){}",
            asked.until.minute(),
            tag::SCALING_OVERRIDE,
            waits(overriding, service)
        )),
        Overriding::NotHonoured { text, why } => Some(format!(
            "the override \"{}\" is not honoured: {}; Git's bounds stand; to override them, write \
             `min=2 max=8 until=2026-11-21T12:00:00Z` into the tag {}",
            plain(text),
            plain(why),
            tag::SCALING_OVERRIDE
        )),
        Overriding::Ended(_) => None,
    }
}

/// `2..8 until 12:00 by an administrator; Git's 1..4 waits`
pub(super) fn in_short(overriding: &Overriding, service: &DesiredService, now: Timestamp) -> String {
    match overriding {
        Overriding::InForce(asked) => {
            let until = asked.until.minute_seen_from(now);
            format!("{asked} until {until} by an administrator{}", waits(overriding, service))
        }
        Overriding::Ended(asked) => format!("{asked} has ended"),
        Overriding::NotHonoured { text, why } => {
            format!("\"{}\" is not honoured: {}", plain(text), plain(why))
        }
    }
}

fn waits(overriding: &Overriding, service: &DesiredService) -> String {
    match (overriding, &service.scaling) {
        (Overriding::InForce(asked), Some(git)) if (git.min_capacity, git.max_capacity) != asked.bounds() => {
            format!("; Git's {}..{} waits", git.min_capacity, git.max_capacity)
        }
        (Overriding::InForce(_) | Overriding::Ended(_) | Overriding::NotHonoured { .. }, _) => String::new(),
    }
}
