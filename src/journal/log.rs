//! The journal itself: a bounded ring, a sink for each new event, and silence about repetition.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::{Event, Kind};
use crate::model::ServiceKey;

/// Events that are kept in memory.
const EVENTS_MAX: usize = 1_000;

type Sink = Box<dyn Fn(&Event) + Send + Sync>;

/// Takes events from everywhere and hands each to one sink, in order.
pub struct Journal {
    state: Mutex<State>,
    sink: Sink,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    /// The last standing reason per service, so that it is told once and not at every pass.
    standing: BTreeMap<(Option<ServiceKey>, Kind), String>,
}

impl Journal {
    /// A journal whose new events go to `sink` at once.
    pub fn new(sink: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self { state: Mutex::default(), sink: Box::new(sink) }
    }

    /// Tells something that happened.
    pub fn tell(&self, event: Event) {
        self.keep(event);
    }

    /// Tells something that stays true, such as why nothing is done: only when the sentence differs
    /// from the last one of this service and kind.
    pub fn tell_once(&self, event: Event) {
        let subject = (event.service.clone(), event.event);
        {
            let mut state = self.lock();
            if state.standing.get(&subject) == Some(&event.reason) && !planted!("tells-it-at-each-pass") {
                return;
            }
            state.standing.insert(subject, event.reason.clone());
        }
        self.keep(event);
    }

    /// Tells that a state was reached, unless one of this kind stands already, in whatever words.
    pub fn tell_unless_known(&self, event: Event) {
        let subject = (event.service.clone(), event.event);
        if !self.lock().standing.contains_key(&subject) {
            self.tell_once(event);
        }
    }

    /// Forgets what was standing for a service, because something happened to it. An administrator's
    /// override goes on standing, whatever we do.
    pub fn moved_on(&self, service: &ServiceKey) {
        self.lock()
            .standing
            .retain(|(key, kind), _| key.as_ref() != Some(service) || *kind == Kind::Override);
    }

    /// Forgets what was standing of one kind, because it stands no more.
    pub fn is_over(&self, service: &ServiceKey, kind: Kind) {
        self.lock().standing.remove(&(Some(service.clone()), kind));
    }

    /// The events kept, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.lock().events.iter().cloned().collect()
    }

    fn keep(&self, event: Event) {
        (self.sink)(&event);
        let mut state = self.lock();
        if state.events.len() == EVENTS_MAX {
            state.events.pop_front();
        }
        state.events.push_back(event);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn held(reason: &str) -> Event {
        Event::new(Timestamp(0), Kind::Held, reason).of(&ServiceKey::new("api"))
    }

    #[test]
    fn a_standing_reason_is_told_once_until_it_changes() {
        let journal = Journal::new(|_| ());
        journal.tell_once(held("quarantined"));
        journal.tell_once(held("quarantined"));
        journal.tell_once(held("suspended"));
        assert_eq!(journal.events().len(), 2);
        journal.moved_on(&ServiceKey::new("api"));
        journal.tell_once(held("suspended"));
        assert_eq!(journal.events().len(), 3);
    }

    #[test]
    fn a_state_that_was_told_is_not_told_again_in_other_words() {
        let journal = Journal::new(|_| ());
        journal.tell_once(held("quarantined"));
        journal.tell_unless_known(held("still quarantined"));
        assert_eq!(journal.events().len(), 1);
    }

    #[test]
    fn the_oldest_events_are_dropped_at_the_bound() {
        let journal = Journal::new(|_| ());
        for number in 0..EVENTS_MAX + 5 {
            journal.tell(held(&number.to_string()));
        }
        let events = journal.events();
        assert_eq!(events.len(), EVENTS_MAX);
        assert_eq!(events[0].reason, "5");
    }
}
