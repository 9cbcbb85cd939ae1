//! The pulse of the system: how long the queue is and how many workers live, over the last minutes.

use std::collections::VecDeque;
use std::time::Duration;

use jobs::queue::QueueDepth;
use jobs::timestamp::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::json;

/// As far back as the chart shows.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// A pulse every two seconds for as long as they are kept, and some to spare.
const PULSES_MAX: usize = 400;

/// What was seen at one moment; `None` is what could not be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    pub at: Timestamp,
    pub queue: Option<QueueDepth>,
    pub workers: Option<u64>,
}

impl Serialize for Pulse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({
            "at": self.at,
            "visible": self.queue.map(|queue| queue.visible),
            "in_flight": self.queue.map(|queue| queue.in_flight),
            "workers": self.workers,
        })
        .serialize(serializer)
    }
}

/// The pulses of the last ten minutes, oldest first.
#[derive(Default)]
pub struct History(VecDeque<Pulse>);

impl History {
    pub fn push(&mut self, pulse: Pulse) {
        let first = pulse.at.minus(KEPT);
        self.0.push_back(pulse);
        while self.0.len() > PULSES_MAX || self.0.front().is_some_and(|oldest| oldest.at < first) {
            self.0.pop_front();
        }
    }

    pub fn pulses(&self) -> Vec<Pulse> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(second: i64) -> Pulse {
        Pulse { at: Timestamp::from_milliseconds(second * 1000), queue: None, workers: Some(2) }
    }

    #[test]
    fn ten_minutes_are_kept_and_no_more() {
        let mut history = History::default();
        (0..1000).step_by(5).for_each(|second| history.push(pulse(second)));
        let kept = history.pulses();
        assert_eq!((kept.first().copied(), kept.last().copied()), (Some(pulse(395)), Some(pulse(995))));
    }

    #[test]
    fn pulses_that_come_too_often_push_out_the_oldest() {
        let mut history = History::default();
        (0..1000).for_each(|_| history.push(pulse(7)));
        assert_eq!(history.pulses().len(), PULSES_MAX);
    }

    #[test]
    fn what_could_not_be_seen_is_null() {
        assert_eq!(
            json!(pulse(7)),
            json!({"at": "1970-01-01T00:00:07Z", "visible": null, "in_flight": null, "workers": 2})
        );
    }
}
