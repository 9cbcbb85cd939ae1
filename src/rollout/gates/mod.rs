//! What `rollout.gates` says of a rollout: each gate a pure function of what was read, what it remembers, and
//! the time.
//!
//! ECS's own judgement comes first; when it has completed a deployment, all gates have to let it pass at one
//! and the same look. Their times run by AWS's clocks and from the ledger, so a restart takes none of them back;
//! what nobody watched is added to them.

mod alarms;
mod bake_time;
mod container_health;
mod http;
mod target_health;

use std::time::Duration;

use super::diagnose::diagnose_gate;
use super::find::{not_before, our_service_deployment, ours};
use crate::model::{
    Failure, Gate, GateNote, GatePolicy, LiveService, Rollout, RolloutPolicy, ServiceDeploymentStatus,
    Timestamp, Watched,
};

/// How often it is written down that somebody looks.
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// A look that comes so long after that was preceded by nobody: the operator was away, or did not get through.
const UNWATCHED_AFTER: Duration = Duration::from_secs(60);

/// What one gate says.
#[derive(Clone, Debug, PartialEq)]
enum Opinion {
    Pass,
    /// Not yet; the sentence says what for. With `until`, it may pass then, and not sooner.
    Wait {
        sentence: String,
        until: Option<Timestamp>,
    },
    /// With what it measured.
    Fail {
        figures: String,
    },
}

/// What all gates of a rollout say together, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub enum GatesVerdict {
    Passed,
    /// The sentence says what for. It changes only when something else is to be said.
    Waiting {
        sentence: String,
        next_look: Duration,
    },
    Failed(Box<Failure>),
}

/// A deployment that ECS completed, as its gates see it.
#[derive(Clone, Copy)]
struct Case<'a> {
    rollout: &'a Rollout,
    policy: &'a RolloutPolicy,
    live: &'a LiveService,
    now: Timestamp,
    completed_at: Timestamp,
}

impl Case<'_> {
    /// When our deployment began, by ECS's clock. One that we adopted may be old: it counts from then on.
    fn began(&self) -> Timestamp {
        began(self.rollout, self.live)
    }

    /// From when on times count that nobody but a looker remembers: completion, put off by what nobody watched.
    fn counted_from(&self) -> Timestamp {
        self.completed_at.plus(self.rollout.watched.unwatched)
    }

    fn note(&self, place: usize) -> Option<&GateNote> {
        self.rollout.watched.notes.get(&place)
    }

    /// How long the longest of its times lasts, from completion on.
    fn judging(&self) -> Duration {
        let times = self.policy.gates.iter().map(|gate| match gate {
            GatePolicy::TargetHealth { minimum_healthy_time }
            | GatePolicy::ContainerHealth { minimum_healthy_time } => *minimum_healthy_time,
            GatePolicy::Http(http) => http.lasts,
            GatePolicy::BakeTime(bakes) => *bakes,
            GatePolicy::Alarms(_) => Duration::ZERO,
        });
        times.max().unwrap_or_default()
    }

    fn bake_time(&self) -> Duration {
        planted!("nobody-judges-while-it-bakes" => return Duration::ZERO);
        let bakes = self.policy.gates.iter().map(|gate| match gate {
            GatePolicy::BakeTime(bakes) => *bakes,
            _ => Duration::ZERO,
        });
        bakes.max().unwrap_or_default()
    }

    /// A gate that does not pass by then has failed: as long after its times as a deployment may take.
    fn deadline(&self) -> Timestamp {
        self.counted_from().plus(self.judging()).plus(self.policy.timeout)
    }

    /// What can't be known, or is not so, is waited for until the deadline.
    fn wait_or_fail(&self, sentence: String) -> Opinion {
        match self.now >= self.deadline() {
            true => {
                let waited = spoken(self.now.since(self.completed_at));
                Opinion::Fail { figures: format!("{sentence}, {waited} after the deployment completed") }
            }
            false => Opinion::Wait { sentence, until: None },
        }
    }

    fn opinion(&self, place: usize, gate: &GatePolicy) -> Opinion {
        match gate {
            GatePolicy::TargetHealth { minimum_healthy_time } => {
                target_health::judge(self, place, *minimum_healthy_time)
            }
            GatePolicy::ContainerHealth { minimum_healthy_time } => {
                container_health::judge(self, place, *minimum_healthy_time)
            }
            GatePolicy::Alarms(alarms) => alarms::judge(self, alarms),
            GatePolicy::Http(http) => http::judge(self, place, http),
            GatePolicy::BakeTime(bakes) => bake_time::judge(self, *bakes),
        }
    }
}

/// What is to be remembered after this look; equal to what is known while nothing has changed.
pub fn watch(rollout: &Rollout, policy: &RolloutPolicy, live: &LiveService, now: Timestamp) -> Watched {
    let mut watched = rollout.watched.clone();
    planted!("bake-time-begins-anew-at-each-look" => watched.completed_at = Some(now));
    let completed_at = *watched.completed_at.get_or_insert_with(|| completed_at(rollout, live, now));
    let nobody_looked_for = now.since(watched.looked_at.unwrap_or(completed_at));
    if nobody_looked_for >= UNWATCHED_AFTER {
        watched.unwatched += nobody_looked_for;
    }
    if nobody_looked_for >= NOTE_EVERY {
        watched.looked_at = Some(now);
    }
    let case = Case { rollout, policy, live, now, completed_at };
    for (place, gate) in policy.gates.iter().enumerate() {
        let note = match gate {
            GatePolicy::TargetHealth { .. } => target_health::remember(&case, place),
            GatePolicy::ContainerHealth { .. } => container_health::remember(&case, place),
            GatePolicy::Http(_) => http::remember(&case, place, gate),
            GatePolicy::Alarms(_) | GatePolicy::BakeTime(_) => None,
        };
        match note {
            Some(note) => watched.notes.insert(place, note),
            None => watched.notes.remove(&place),
        };
    }
    watched
}

/// What the gates say of a deployment that ECS has completed; after [`watch`].
pub fn judge_gates(
    rollout: &Rollout,
    policy: &RolloutPolicy,
    live: &LiveService,
    now: Timestamp,
) -> GatesVerdict {
    let completed_at = rollout.watched.completed_at.unwrap_or(now);
    let case = Case { rollout, policy, live, now, completed_at };
    let mut waits = Vec::new();
    let mut next = Duration::MAX;
    for (place, gate) in policy.gates.iter().enumerate() {
        match case.opinion(place, gate) {
            Opinion::Pass => {}
            Opinion::Wait { sentence, until } => {
                next = next.min(until.map_or(Duration::MAX, |until| until.since(now)));
                waits.push(sentence);
            }
            Opinion::Fail { figures } => {
                let failure = diagnose_gate(live, rollout, gate.gate(), figures, now);
                return GatesVerdict::Failed(Box::new(failure));
            }
        }
    }
    match waits.is_empty() {
        true => GatesVerdict::Passed,
        false => {
            let sentence = format!("{} is up; {}", rollout.task_definition, waits.join("; "));
            GatesVerdict::Waiting { sentence, next_look: next }
        }
    }
}

/// Alarms of the gates that were in ALARM before the deployment began, and count for nothing.
pub fn alarms_before(rollout: &Rollout, policy: &RolloutPolicy, live: &LiveService) -> Vec<String> {
    let began = began(rollout, live);
    let gates = policy.gates.iter().filter_map(|gate| match gate {
        GatePolicy::Alarms(alarms) => Some(alarms),
        _ => None,
    });
    gates.flat_map(|alarms| alarms::old_news(alarms, live, began)).map(str::to_owned).collect()
}

/// An alarm speaks against a deployment also while ECS is still at it.
pub fn alarm_that_fails(
    rollout: &Rollout,
    policy: &RolloutPolicy,
    live: &LiveService,
    now: Timestamp,
) -> Option<Failure> {
    planted!("alarms-are-looked-at-afterwards" => return None);
    let began = began(rollout, live);
    policy.gates.iter().find_map(|gate| match gate {
        GatePolicy::Alarms(alarms) => {
            let figures = alarms::fired(alarms, live, began)?;
            Some(diagnose_gate(live, rollout, Gate::Alarms, figures, now))
        }
        GatePolicy::TargetHealth { .. }
        | GatePolicy::ContainerHealth { .. }
        | GatePolicy::Http(_)
        | GatePolicy::BakeTime(_) => None,
    })
}

fn began(rollout: &Rollout, live: &LiveService) -> Timestamp {
    let service = live.service.present();
    let created = service.and_then(|service| ours(rollout, service)?.created_at());
    created.map_or(rollout.started_at, |at| at.max(not_before(rollout)))
}

/// By ECS's clock where it tells.
fn completed_at(rollout: &Rollout, live: &LiveService, now: Timestamp) -> Timestamp {
    let finished = live.service.present().and_then(|service| {
        let ours = our_service_deployment(rollout, service, live)?;
        ours.finished_at.filter(|_| ours.status == ServiceDeploymentStatus::Successful)
    });
    finished.map_or(now, |at| at.min(now))
}

/// Whether all is healthy, as one look shows it.
enum Health {
    Whole,
    Broken(String),
    Unknown(String),
}

/// Notes only turns: from healthy to not, and back.
fn remember_health(
    note: Option<&GateNote>,
    health: &Health,
    broke_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<GateNote> {
    let known = note.cloned();
    let was_whole = match note {
        Some(GateNote::Health { whole, .. }) => *whole,
        Some(GateNote::Failing { .. }) | None => true,
    };
    match health {
        Health::Unknown(_) => known,
        Health::Broken(_) if was_whole => Some(GateNote::Health { whole: false, since: now }),
        Health::Whole if !was_whole && planted!("a-break-is-forgotten") => None,
        Health::Whole if !was_whole => Some(GateNote::Health { whole: true, since: now }),
        // Nobody looked, and ECS tells that it was broken in between.
        Health::Whole => match broke_at {
            Some(at) => Some(GateNote::Health { whole: true, since: at }),
            None => known,
        },
        Health::Broken(_) => known,
    }
}

fn judge_health(case: &Case<'_>, health: Health, since: Timestamp, minimum: Duration, what: &str) -> Opinion {
    match health {
        Health::Whole if case.now.since(since) >= minimum || planted!("healthy-for-a-moment-will-do") => {
            Opinion::Pass
        }
        Health::Unknown(_) if planted!("unknown-is-healthy") => Opinion::Pass,
        Health::Whole => Opinion::Wait {
            sentence: format!(
                "{what} healthy, and have to stay so until {}",
                since.plus(minimum).time_of_day()
            ),
            until: Some(since.plus(minimum)),
        },
        Health::Broken(sentence) | Health::Unknown(sentence) => case.wait_or_fail(sentence),
    }
}

/// Since when a gate's things are healthy without a break.
fn healthy_since(case: &Case<'_>, place: usize) -> Timestamp {
    match case.note(place) {
        Some(GateNote::Health { since, .. }) => *since,
        Some(GateNote::Failing { .. }) | None => case.completed_at,
    }
}

/// `90 s`, `10 m`, `2 h`: as every window says it.
fn spoken(time: Duration) -> String {
    match (time.as_secs(), time.subsec_millis()) {
        (0, milliseconds) if milliseconds > 0 => format!("{milliseconds} ms"),
        (seconds @ 0..120, _) => format!("{seconds} s"),
        (seconds @ 120..7200, _) => format!("{} m", seconds / 60),
        (seconds, _) => format!("{} h", seconds / 3600),
    }
}
