//! What `rollout.gates` judge by. Costs nothing while no rollout asks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::parallel::{in_parallel, read};
use super::{Observer, Want};
use crate::aws::{ALARMS_MAX, TASKS_MAX, Web};
use crate::model::{
    AlarmState, EcsService, GatePolicy, HttpCheck, HttpGate, Json, LiveAlarm, LiveService, Part, Rollout,
    RolloutKind, RunningTask, ServiceKey, Timestamp,
};

/// For so long a look waits for a URL; a slower answer is seen by the next one, and delays nobody else.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Passes come no more exactly than this.
const SLACK: Duration = Duration::from_millis(500);

/// Alarms by name, as they were read for all services together.
pub(super) type Alarms = BTreeMap<String, Part<LiveAlarm>>;

/// The newest check of each URL, and which are being asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks(Arc<Mutex<BTreeMap<(ServiceKey, usize), Asked>>>);

#[derive(Clone, Debug)]
struct Asked {
    /// The deployment that it was asked for.
    deployment: Option<String>,
    at: Timestamp,
    /// `None`: no answer yet.
    check: Option<HttpCheck>,
}

impl Checks {
    pub(super) fn forget(&self, service: &ServiceKey) {
        self.lock().retain(|(key, _), _| key != service);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(ServiceKey, usize), Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether gates have the word: ECS has completed the deployment, and it is still what Git asks for.
pub(super) fn is_gated(want: &Want<'_>, service: &EcsService, rollout: &Rollout) -> bool {
    let Some(id) = rollout.deployment.as_deref() else { return false };
    let ours = service.deployments().find(|deployment| deployment.id() == id);
    rollout.kind == RolloutKind::Deploy
        && rollout.digest == want.desired.digest
        && !want.desired.rollout.gates.is_empty()
        && ours.is_some_and(|it| it.status() == "PRIMARY" && it.rollout_state() != Some("IN_PROGRESS"))
}

/// Whether a gate has said no to this very deployment.
pub(super) fn is_rejected(want: &Want<'_>, rollout: &Rollout) -> bool {
    let quarantine = want.record.and_then(|record| record.quarantine.as_ref());
    quarantine.is_some_and(|it| it.deployment.is_some() && it.deployment == rollout.deployment)
}

/// Whether stopped tasks have to be looked at in bake time: where none is missing and ECS started none, none
/// has stopped. At its end they are looked at in any case.
pub(super) fn tasks_came_and_went(
    want: &Want<'_>,
    service: &EcsService,
    rollout: &Rollout,
    now: Timestamp,
) -> bool {
    let bakes = want.desired.rollout.gates.iter().find_map(|gate| match gate {
        GatePolicy::BakeTime(bakes) => Some(*bakes),
        _ => None,
    });
    let Some(bakes) = bakes else { return false };
    let Some(completed_at) = rollout.watched.completed_at else { return true };
    let started = service.0["events"].as_array().into_iter().flatten().any(|event| {
        let at = event["createdAt"].as_f64().map(Timestamp::from_seconds);
        at.is_none_or(|at| at >= completed_at)
            && event["message"].as_str().is_some_and(|text| text.contains("has started"))
    });
    started || service.running_count() < service.desired_count() || now >= completed_at.plus(bakes)
}

/// The alarms that a service's gates name, as far as they were read.
pub(super) fn of_service(want: &Want<'_>, alarms: &Alarms) -> Alarms {
    let named = names(want).filter_map(|name| Some((name.to_owned(), alarms.get(name)?.clone())));
    named.collect()
}

fn names<'a>(want: &Want<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    want.desired
        .rollout
        .gates
        .iter()
        .flat_map(|gate| match gate {
            GatePolicy::Alarms(alarms) => alarms.names.as_slice(),
            GatePolicy::TargetHealth { .. }
            | GatePolicy::ContainerHealth { .. }
            | GatePolicy::Http(_)
            | GatePolicy::BakeTime(_) => &[],
        })
        .map(String::as_str)
}

impl Observer {
    /// Reads the alarms of all services whose rollout is under way or about to begin, a hundred a call.
    pub(super) async fn alarms(
        &self,
        wants: &[Want<'_>],
        services: &BTreeMap<ServiceKey, Part<EcsService>>,
        now: Timestamp,
    ) -> Alarms {
        let of_interest = wants.iter().filter(|want| is_of_interest(want, services.get(want.key()), now));
        let names: BTreeSet<&str> = of_interest.flat_map(names).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let reads = names.chunks(ALARMS_MAX).map(|names| read(self.some_alarms(names))).collect();
        in_parallel(reads).await.into_iter().flatten().collect()
    }

    async fn some_alarms(&self, names: &[&str]) -> Alarms {
        let all = |part: Part<LiveAlarm>| -> Alarms {
            names.iter().map(|name| ((*name).to_owned(), part.clone())).collect()
        };
        match self.reader.describe_alarms(names).await {
            Err(error) => all(Part::Unreadable(error.to_string())),
            Ok(described) => {
                let mut alarms = all(Part::Absent);
                for described in &described {
                    if let Some(alarm) = alarms.get_mut(described["AlarmName"].as_str().unwrap_or_default()) {
                        *alarm = live_alarm(described);
                    }
                }
                alarms
            }
        }
    }

    /// Reads what the gates of a completed deployment judge by, into `live`.
    pub(super) async fn for_gates(
        &self,
        want: &Want<'_>,
        rollout: &Rollout,
        now: Timestamp,
        live: &mut LiveService,
    ) {
        let gates = &want.desired.rollout.gates;
        let by_task = |gate: &GatePolicy| {
            matches!(gate, GatePolicy::TargetHealth { .. } | GatePolicy::ContainerHealth { .. })
        };
        let tasks = async {
            match gates.iter().any(by_task) {
                true => Some(self.running_tasks(want).await),
                false => None,
            }
        };
        let urls = gates.iter().enumerate().filter_map(|(place, gate)| match gate {
            GatePolicy::Http(gate) => Some((place, gate)),
            _ => None,
        });
        let asked = urls.map(|(place, gate)| {
            read(async move { (place, self.check(want, rollout, place, gate, now).await) })
        });
        let asked = asked.collect();
        let (tasks, checks) = tokio::join!(tasks, in_parallel(asked));
        live.gates.tasks = tasks;
        live.gates.checks = checks.into_iter().filter_map(|(place, check)| Some((place, check?))).collect();
    }

    async fn running_tasks(&self, want: &Want<'_>) -> Part<Vec<RunningTask>> {
        let arns = match self.reader.list_running_tasks(&self.cluster, want.key().name()).await {
            Ok(arns) => arns,
            Err(error) => return Part::Unreadable(error.to_string()),
        };
        let mut tasks = Vec::new();
        for arns in arns.chunks(TASKS_MAX) {
            match self.reader.describe_tasks(&self.cluster, arns).await {
                Ok(described) => tasks.extend(described.iter().map(running_task)),
                Err(error) => return Part::Unreadable(error.to_string()),
            }
        }
        Part::Present(tasks)
    }

    /// The newest check of a URL, made now if one is due.
    async fn check(
        &self,
        want: &Want<'_>,
        rollout: &Rollout,
        place: usize,
        gate: &HttpGate,
        now: Timestamp,
    ) -> Option<HttpCheck> {
        let Some(web) = &self.web else { return None };
        let key = (want.key().clone(), place);
        {
            let mut checks = self.checks.lock();
            let known = checks.get(&key).filter(|asked| asked.deployment == rollout.deployment);
            if let Some(asked) = known.filter(|asked| now.since(asked.at) + SLACK < gate.every) {
                return asked.check.clone();
            }
            let check = known.and_then(|asked| asked.check.clone());
            let asked = Asked { deployment: rollout.deployment.clone(), at: now, check };
            checks.insert(key.clone(), asked);
        }
        let asking = ask(web.clone(), self.checks.clone(), key.clone(), gate.clone(), now);
        // On a task of its own: it goes on when this look does not wait for it any more.
        let _ = tokio::time::timeout(WAIT_MAX, tokio::spawn(asking)).await;
        self.checks.lock().get(&key).and_then(|asked| asked.check.clone())
    }
}

async fn ask(web: Web, checks: Checks, key: (ServiceKey, usize), gate: HttpGate, at: Timestamp) {
    let (took, answer) = web.get(&gate.url, gate.max_latency).await;
    if let Some(asked) = checks.lock().get_mut(&key).filter(|asked| asked.at == at) {
        asked.check = Some(HttpCheck { at, took, answer });
    }
}

/// A rollout of what Git asks for is under way, or what runs is something else and may soon be replaced.
fn is_of_interest(want: &Want<'_>, service: Option<&Part<EcsService>>, now: Timestamp) -> bool {
    let digest = &want.desired.digest;
    if let Some(rollout) = want.record.and_then(|record| record.rollout.as_ref()) {
        return rollout.kind == RolloutKind::Deploy && rollout.digest == *digest;
    }
    let quarantine = want.record.and_then(|record| record.quarantine.as_ref());
    if let Some(rejected) = quarantine.filter(|quarantine| quarantine.digest == *digest) {
        return rejected.is_released(now);
    }
    match service {
        Some(Part::Present(service)) => service.digest().as_ref() != Some(digest),
        Some(Part::Absent) => true,
        Some(Part::Unreadable(_)) | None => false,
    }
}

fn live_alarm(described: &Json) -> Part<LiveAlarm> {
    let text = |member: &str| described[member].as_str().unwrap_or_default();
    let state = match text("StateValue") {
        "OK" => AlarmState::Ok,
        "ALARM" => AlarmState::Alarm,
        "INSUFFICIENT_DATA" => AlarmState::InsufficientData,
        other => return Part::Unreadable(format!("it is in a state `{other}`")),
    };
    // When it went into this state; the other one also moves when only the reason changes.
    let since = [text("StateTransitionedTimestamp"), text("StateUpdatedTimestamp")]
        .into_iter()
        .find_map(Timestamp::parse);
    match since {
        Some(since) => Part::Present(LiveAlarm { state, reason: text("StateReason").to_owned(), since }),
        None => Part::Unreadable("AWS does not say since when it is in its state".to_owned()),
    }
}

fn running_task(task: &Json) -> RunningTask {
    let text = |member: &str| task[member].as_str().unwrap_or_default().to_owned();
    let details = |attachment: &Json| attachment["details"].as_array().cloned().unwrap_or_default();
    let attachments = task["attachments"].as_array().into_iter().flatten();
    let addresses = attachments
        .flat_map(details)
        .filter(|detail| matches!(detail["name"].as_str(), Some("privateIPv4Address" | "ipv6Address")))
        .filter_map(|detail| detail["value"].as_str().map(str::to_owned));
    RunningTask {
        started_by: text("startedBy"),
        started_at: task["startedAt"].as_f64().map(Timestamp::from_seconds),
        health: text("healthStatus"),
        addresses: addresses.collect(),
    }
}
