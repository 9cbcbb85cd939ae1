//! What people asked for, in words.

use super::paint::plain;
use crate::model::{Again, Quarantine, Request};

/// `suspended until 2026-11-21 23:00 by ada, "incident 4711"`
pub fn suspended_sentence(request: &Request) -> String {
    let until = request.until.map(|until| format!(" until {}", until.minute())).unwrap_or_default();
    let by = request.by.as_ref().map(|by| format!(" by {}", plain(by))).unwrap_or_default();
    let why = match request.reason.as_str() {
        "" => String::new(),
        reason => format!(", \"{}\"", plain(reason)),
    };
    format!("suspended{until}{by}{why}")
}

/// What becomes of a digest that is held: nothing, another try, or what a person wants.
pub(super) fn quarantine_headline(quarantine: &Quarantine) -> String {
    match (&quarantine.again, &quarantine.by) {
        (Some(again), _) => again_headline(again),
        (None, Some(by)) => format!("taken back by {}", plain(by)),
        (None, None) => "quarantined".to_owned(),
    }
}

/// `tried again at 2026-11-21 21:20, 2 of 5`
fn again_headline(again: &Again) -> String {
    let at = again.at.minute();
    match (&again.by, again.of) {
        (Some(by), _) => format!("tried again, as {} asks", plain(by)),
        (None, Some(of)) => format!("tried again at {at}, {} of {of}", again.attempt),
        (None, None) => format!("asked again at {at}, until AWS takes it"),
    }
}

/// `digest 7be1… failed on 2026-11-20 21:04 (container exited 1)`
pub(super) fn quarantine_detail(quarantine: &Quarantine) -> String {
    let (digest, failure) = (quarantine.digest.short(), &quarantine.failure);
    let what = if quarantine.by.is_some() { "was taken back" } else { "failed" };
    format!("digest {digest} {what} on {} ({})", failure.at.minute(), plain(&failure.likely_cause))
}

/// The same on one line.
pub(super) fn quarantine_sentence(quarantine: &Quarantine) -> String {
    let failure = &quarantine.failure;
    let (at, cause) = (failure.at.minute(), plain(&failure.likely_cause));
    match (&quarantine.again, &quarantine.by) {
        (Some(again), _) => format!("{}; failed on {at}: {cause}", again_headline(again)),
        (None, Some(_)) => {
            format!("{} on {at}, until Git changes it: {cause}", quarantine_headline(quarantine))
        }
        (None, None) if !quarantine.values.is_empty() => {
            format!("until the secret has another version, or Git changes it; failed on {at}: {cause}")
        }
        (None, None) => format!("until Git changes it; failed on {at}: {cause}"),
    }
}
