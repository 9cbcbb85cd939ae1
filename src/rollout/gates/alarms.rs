//! `alarms`: none of them goes into ALARM from the start of our deployment to the end of its judging.

use super::{Case, Opinion};
use crate::model::{AlarmState, AlarmsGate, LiveAlarm, LiveService, Part, Timestamp};

pub(super) fn judge(case: &Case<'_>, gate: &AlarmsGate) -> Opinion {
    if let Some(figures) = fired(gate, case.live, case.began()) {
        return Opinion::Fail { figures };
    }
    for name in &gate.names {
        match case.live.gates.alarms.get(name) {
            Some(Part::Present(_)) => {}
            Some(Part::Absent) => return case.wait_or_fail(format!("alarm {name} does not exist")),
            Some(Part::Unreadable(why)) => {
                return case.wait_or_fail(format!("alarm {name} can't be read: {why}"));
            }
            None => return case.wait_or_fail(format!("alarm {name} was not read")),
        }
    }
    Opinion::Pass
}

/// What speaks against the deployment, if an alarm does. One that was in ALARM before it is old news, unless the
/// gate is strict; INSUFFICIENT_DATA says nothing.
pub(super) fn fired(gate: &AlarmsGate, live: &LiveService, began: Timestamp) -> Option<String> {
    let red = red(gate, live).filter(|(_, alarm)| {
        let strict = gate.strict && !planted!("old-alarm-never-counts");
        strict || alarm.since >= began || planted!("old-alarm-counts")
    });
    let told = red.map(|(name, alarm)| {
        let when = match alarm.since >= began {
            true => format!("{} s after the deployment began", alarm.since.since(began).as_secs()),
            false => format!("since {}, before the deployment began", alarm.since.minute()),
        };
        let reason = crate::rollout::cause::quote(alarm.reason.trim_end_matches('.'));
        format!("alarm {name} is in ALARM, {when}: {reason}")
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// Alarms that were in ALARM before the deployment began, and are still.
pub(in crate::rollout) fn old_news<'a>(
    gate: &'a AlarmsGate,
    live: &'a LiveService,
    began: Timestamp,
) -> impl Iterator<Item = &'a str> {
    let strict = gate.strict;
    red(gate, live).filter(move |(_, alarm)| !strict && alarm.since < began).map(|(name, _)| name)
}

fn red<'a>(gate: &'a AlarmsGate, live: &'a LiveService) -> impl Iterator<Item = (&'a str, &'a LiveAlarm)> {
    let present = gate.names.iter().filter_map(|name| match live.gates.alarms.get(name) {
        Some(Part::Present(alarm)) => Some((name.as_str(), alarm)),
        Some(Part::Absent | Part::Unreadable(_)) | None => None,
    });
    present.filter(|(_, alarm)| alarm.state == AlarmState::Alarm)
}
