//! `http`: a URL answers as it should, for so long after completion.

use super::{Case, Opinion, spoken};
use crate::model::{GateNote, GatePolicy, HttpCheck, HttpGate};

pub(super) fn judge(case: &Case<'_>, place: usize, gate: &HttpGate) -> Opinion {
    if let Some(GateNote::Failing { times, why, .. }) = case.note(place) {
        if *times >= gate.failures {
            let figures = format!("GET {}: {why}; {times} checks failed one after the other", gate.url);
            return Opinion::Fail { figures };
        }
        let sentence = format!("GET {}: {why}, {times} of {} failures", gate.url, gate.failures);
        return case.wait_or_fail(sentence);
    }
    let newest = case
        .live
        .gates
        .checks
        .get(&place)
        .filter(|check| check.at >= case.completed_at || planted!("yesterdays-answer-counts"));
    if newest.is_none_or(|check| wrong_with(check, gate).is_some()) {
        return case.wait_or_fail(format!("GET {} was not asked yet", gate.url));
    }
    let end = case.counted_from().plus(gate.lasts.max(case.bake_time()));
    match case.now >= end {
        true => Opinion::Pass,
        false => Opinion::Wait {
            sentence: format!("GET {} answers, checked until {}", gate.url, end.time_of_day()),
            until: Some(end),
        },
    }
}

/// Counts each check once. A check that went well (`None`) forgets those before it.
pub(super) fn remember(case: &Case<'_>, place: usize, gate: &GatePolicy) -> Option<GateNote> {
    let known = case.note(place).cloned();
    let (GatePolicy::Http(gate), Some(check)) = (gate, case.live.gates.checks.get(&place)) else {
        return known;
    };
    if check.at < case.completed_at {
        return known;
    }
    let why = wrong_with(check, gate)?;
    let times = match &known {
        Some(GateNote::Failing { last, .. })
            if check.at <= *last && !planted!("one-failure-counts-at-each-look") =>
        {
            return known;
        }
        Some(GateNote::Failing { times, .. }) => times.saturating_add(1),
        Some(GateNote::Health { .. }) | None => 1,
    };
    Some(GateNote::Failing { times, last: check.at, why })
}

/// Why a check failed, if it did.
fn wrong_with(check: &HttpCheck, gate: &HttpGate) -> Option<String> {
    let answer = match &check.answer {
        Ok(answer) => answer,
        Err(why) => return Some(why.clone()),
    };
    if answer.status != gate.status {
        return Some(format!("status {}, and {} is wanted", answer.status, gate.status));
    }
    if let Some(text) = gate.body_contains.as_ref().filter(|text| !answer.body.contains(text.as_str())) {
        return Some(format!("the body does not contain {text:?}"));
    }
    (check.took > gate.max_latency)
        .then(|| format!("it took {}, and {} are allowed", spoken_exactly(check), spoken(gate.max_latency)))
}

fn spoken_exactly(check: &HttpCheck) -> String {
    format!("{} ms", check.took.as_millis())
}
