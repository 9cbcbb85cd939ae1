//! Scalable targets for fifty services a call; policies and scheduled actions only now and then.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use super::parallel::{in_parallel, read};
use super::{Departing, Observer, Want};
use crate::aws::{Error, Pages, SCALABLE_TARGETS_MAX, resource_id};
use crate::model::{Digest, EcsService, Json, LiveScaling, Part, ServiceKey, Timestamp};

/// How often what was read of a service's policies serves before they are read again.
const USES_MAX: u32 = 10;
/// From this many services on, reading the region's policies page by page may be cheaper than two
/// calls for each service.
const SWEEP_MIN: usize = 8;

/// Policies and scheduled actions as they were read last.
#[derive(Debug, Default)]
pub(super) struct ScalingMemory {
    rules: Mutex<BTreeMap<ServiceKey, Remembered>>,
    /// For so many services the region's lists were longer than would have been cheaper.
    too_few: AtomicUsize,
}

#[derive(Clone, Debug)]
struct Remembered {
    read_under: ReadUnder,
    rules: Rules,
    uses: u32,
}

/// What held when the rules were read. They are read again as soon as any of it changes, so that our
/// own writes show at once.
#[derive(Clone, Debug, PartialEq)]
struct ReadUnder {
    applied_digest: Option<Digest>,
    applied_at: Option<Timestamp>,
}

/// `ScalingPolicies[]` and `ScheduledActions[]` of one service, by name.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rules {
    policies: BTreeMap<String, Json>,
    scheduled_actions: BTreeMap<String, Json>,
}

/// A service whose scaling is of interest, as it is wanted and as it is.
type Asked<'a> = (&'a Want<'a>, &'a EcsService);

type RulesRead = BTreeMap<ServiceKey, Result<Rules, String>>;

impl Observer {
    /// Forgets what is remembered of a service's scaling, so that the next look reads it.
    pub fn forget(&self, service: &ServiceKey) {
        self.scaling.rules.lock().unwrap_or_else(PoisonError::into_inner).remove(service);
    }

    pub(super) async fn scaling(
        &self,
        wants: &[Want<'_>],
        services: &BTreeMap<ServiceKey, Part<EcsService>>,
    ) -> BTreeMap<ServiceKey, Part<LiveScaling>> {
        let live = wants.iter().filter(|want| !want.waits_for_hook()).filter_map(|want| {
            let service = services.get(want.key())?.present()?;
            (service.status() == "ACTIVE").then_some((want, service))
        });
        let asked: Vec<Asked<'_>> = live.filter(|(want, service)| concerns_scaling(want, service)).collect();
        let targets = self.targets(&keys_of(&asked)).await;
        let with_rules: Vec<Asked<'_>> = asked
            .iter()
            .filter(|(want, _)| want.desired.scaling.is_some() || has_put(want))
            // A scalable target that is not there has no policies either.
            .filter(|(want, _)| targets.get(want.key()).is_some_and(|part| part.present().is_some()))
            .copied()
            .collect();
        let rules = self.rules(&with_rules).await;
        with_rules_of(targets, rules)
    }

    /// The scalable targets of services that left Git and are still there. What is on them goes along.
    pub(super) async fn targets_left(
        &self,
        departing: &[Departing<'_>],
        services: &BTreeMap<ServiceKey, Part<EcsService>>,
    ) -> BTreeMap<ServiceKey, Part<LiveScaling>> {
        let is_active = |key: &ServiceKey| {
            let service = services.get(key).and_then(Part::present);
            service.is_some_and(|service| service.status() == "ACTIVE")
        };
        let may_go = departing.iter().filter(|it| it.may_go && is_active(it.key));
        let keys: Vec<&ServiceKey> = may_go.map(|it| it.key).collect();
        let scaling = |target| LiveScaling { target, ..LiveScaling::default() };
        self.targets(&keys)
            .await
            .into_iter()
            .map(|(key, target)| match target {
                Part::Present(target) => (key, Part::Present(scaling(target))),
                Part::Absent => (key, Part::Absent),
                Part::Unreadable(why) => (key, Part::Unreadable(why)),
            })
            .collect()
    }

    /// All scaling there is of these services, whether anybody wants it or not.
    pub(super) async fn scaling_of(&self, keys: &[&ServiceKey]) -> BTreeMap<ServiceKey, Part<LiveScaling>> {
        let targets = self.targets(keys).await;
        // A scalable target that is not there has no policies either.
        let is_there = |key: &&&ServiceKey| targets.get(**key).is_some_and(|part| part.present().is_some());
        let with_target: Vec<&ServiceKey> = keys.iter().filter(is_there).copied().collect();
        let rules = self.read_all(&with_target).await;
        with_rules_of(targets, rules)
    }

    async fn targets(&self, keys: &[&ServiceKey]) -> BTreeMap<ServiceKey, Part<Json>> {
        let batches = keys.chunks(SCALABLE_TARGETS_MAX).map(|batch| read(self.target_batch(batch))).collect();
        in_parallel(batches).await.into_iter().flatten().collect()
    }

    async fn target_batch(&self, keys: &[&ServiceKey]) -> Vec<(ServiceKey, Part<Json>)> {
        let names: Vec<&str> = keys.iter().map(|key| key.name()).collect();
        let read = self.reader.describe_scalable_targets(&self.cluster, &names).await;
        let part = |key: &ServiceKey| match &read {
            Err(_) if planted!("failed-list-is-empty") => Part::Absent,
            Err(error) => Part::Unreadable(error.to_string()),
            Ok(pages) => match of_service(&pages.items, &self.cluster, key).next() {
                Some(target) => Part::Present(target.clone()),
                None if pages.complete || planted!("partial-list-is-complete") => Part::Absent,
                None => Part::Unreadable("the list of scalable targets did not end".to_owned()),
            },
        };
        keys.iter().map(|key| ((*key).clone(), part(key))).collect()
    }

    /// Policies and scheduled actions: remembered, or read within the pass's allowance.
    async fn rules(&self, asked: &[Asked<'_>]) -> RulesRead {
        let (mut known, unread, stale) = self.remembered(asked);
        let mut read = self.read_unread(&unread).await;
        read.extend(self.read_one_by_one(&keys_of(&stale)).await);
        let mut memory = self.scaling.rules.lock().unwrap_or_else(PoisonError::into_inner);
        for (want, service) in unread.into_iter().chain(stale) {
            let key = want.key();
            let Some(rules) = read.remove(key) else { continue };
            match &rules {
                Ok(rules) => {
                    let read_under = ReadUnder::of(want, service);
                    memory.insert(key.clone(), Remembered { read_under, rules: rules.clone(), uses: 0 });
                }
                Err(_) => drop(memory.remove(key)),
            }
            known.insert(key.clone(), rules);
        }
        known
    }

    /// Splits into what memory still answers, what has to be read now, and what is read again because
    /// it is its turn.
    fn remembered<'a>(&self, asked: &[Asked<'a>]) -> (RulesRead, Vec<Asked<'a>>, Vec<Asked<'a>>) {
        let mut memory = self.scaling.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = RulesRead::new();
        let mut unread = Vec::new();
        let mut stale = Vec::new();
        for (want, service) in asked.iter().copied() {
            let unsettled = want.record.is_some_and(|record| record.intent.is_some());
            match memory.get_mut(want.key()) {
                Some(there) if there.read_under == ReadUnder::of(want, service) && !unsettled => {
                    there.uses += 1;
                    known.insert(want.key().clone(), Ok(there.rules.clone()));
                    if there.uses > USES_MAX {
                        stale.push((there.uses, want, service));
                    }
                }
                Some(_) | None => unread.push((want, service)),
            }
        }
        // Two calls each: a pass that changes nothing stays within N/50 + 4 calls here.
        let allowance = (asked.len() / SCALABLE_TARGETS_MAX + 4) / 2;
        stale.sort_by_key(|(uses, want, _)| (Reverse(*uses), want.key()));
        let stale = stale.into_iter().take(allowance).map(|(_, want, service)| (want, service)).collect();
        (known, unread, stale)
    }

    async fn read_unread(&self, unread: &[Asked<'_>]) -> RulesRead {
        self.read_all(&keys_of(unread)).await
    }

    async fn read_all(&self, keys: &[&ServiceKey]) -> RulesRead {
        // While a fleet is deployed, its services come to rest a few at a time, and the region fills with the
        // policies of the others: trying it in vain each time would cost half as much again.
        let is_enough = keys.len() >= SWEEP_MIN && keys.len() > self.scaling.too_few.load(Relaxed);
        if is_enough && let Some(swept) = self.sweep(keys).await {
            return swept;
        }
        self.read_one_by_one(keys).await
    }

    async fn read_one_by_one(&self, keys: &[&ServiceKey]) -> RulesRead {
        let reads = keys.iter().map(|key| read(self.rules_of(key))).collect();
        in_parallel(reads).await.into_iter().collect()
    }

    async fn rules_of(&self, key: &ServiceKey) -> (ServiceKey, Result<Rules, String>) {
        let (policies, actions) = tokio::join!(
            self.reader.describe_scaling_policies(&self.cluster, key.name()),
            self.reader.describe_scheduled_actions(&self.cluster, key.name()),
        );
        (key.clone(), self.joined(key, policies, actions))
    }

    /// All policies of the region, as long as that is cheaper than asking service by service.
    async fn sweep(&self, keys: &[&ServiceKey]) -> Option<RulesRead> {
        let (policies, actions) = tokio::join!(
            self.reader.sweep_scaling_policies(keys.len()),
            self.reader.sweep_scheduled_actions(keys.len()),
        );
        let (Ok(policies), Ok(actions)) = (policies, actions) else { return None };
        let complete = policies.complete && actions.complete;
        if !complete {
            self.scaling.too_few.fetch_max(keys.len(), Relaxed);
        }
        complete.then(|| {
            let rules = |key| Rules::of(&self.cluster, key, &policies, &actions);
            keys.iter().map(|key| ((*key).clone(), Ok(rules(key)))).collect()
        })
    }

    fn joined(
        &self,
        key: &ServiceKey,
        policies: Result<Pages, Error>,
        actions: Result<Pages, Error>,
    ) -> Result<Rules, String> {
        let policies = policies.map_err(|error| error.to_string())?;
        let actions = actions.map_err(|error| error.to_string())?;
        if policies.complete && actions.complete {
            Ok(Rules::of(&self.cluster, key, &policies, &actions))
        } else {
            Err("the list of scaling policies did not end".to_owned())
        }
    }
}

impl ReadUnder {
    fn of(want: &Want<'_>, service: &EcsService) -> Self {
        Self { applied_digest: service.digest(), applied_at: want.applied().map(|applied| applied.at) }
    }
}

impl Rules {
    fn of(cluster: &str, service: &ServiceKey, policies: &Pages, actions: &Pages) -> Self {
        Self {
            policies: by_name(of_service(&policies.items, cluster, service), "PolicyName"),
            scheduled_actions: by_name(of_service(&actions.items, cluster, service), "ScheduledActionName"),
        }
    }
}

/// Targets with what is on them, as far as that was read.
fn with_rules_of(
    targets: BTreeMap<ServiceKey, Part<Json>>,
    mut rules: RulesRead,
) -> BTreeMap<ServiceKey, Part<LiveScaling>> {
    targets
        .into_iter()
        .map(|(key, target)| {
            let scaling = match (target, rules.remove(&key)) {
                (Part::Present(_), Some(Err(why))) => Part::Unreadable(why),
                (Part::Present(target), Some(Ok(rules))) => Part::Present(LiveScaling {
                    target,
                    policies: rules.policies,
                    scheduled_actions: rules.scheduled_actions,
                }),
                (Part::Present(target), None) => {
                    Part::Present(LiveScaling { target, ..LiveScaling::default() })
                }
                (Part::Absent, _) => Part::Absent,
                (Part::Unreadable(why), _) => Part::Unreadable(why),
            };
            (key, scaling)
        })
        .collect()
}

/// Whether a scalable target matters: Git asks for one; Git's count differs from the live one, which is
/// ours to set only where no target is; Git stops asking for what it asked for before; or something on it
/// is ours.
fn concerns_scaling(want: &Want<'_>, service: &EcsService) -> bool {
    let count = want.desired.service["desiredCount"].as_i64();
    want.desired.scaling.is_some()
        || count.is_some_and(|count| count != service.desired_count())
        || service.digest().is_some_and(|digest| digest != want.desired.digest)
        || has_put(want)
}

fn has_put(want: &Want<'_>) -> bool {
    want.record.is_some_and(|record| record.scaling.is_some())
}

fn keys_of<'a>(asked: &[Asked<'a>]) -> Vec<&'a ServiceKey> {
    asked.iter().map(|(want, _)| want.key()).collect()
}

fn of_service<'a>(items: &'a [Json], cluster: &str, service: &ServiceKey) -> impl Iterator<Item = &'a Json> {
    let id = resource_id(cluster, service.name());
    items.iter().filter(move |item| {
        item["ResourceId"] == id.as_str()
            && item["ScalableDimension"].as_str().is_none_or(|it| it == "ecs:service:DesiredCount")
    })
}

fn by_name<'a>(items: impl Iterator<Item = &'a Json>, member: &str) -> BTreeMap<String, Json> {
    items.filter_map(|item| Some((item[member].as_str()?.to_owned(), item.clone()))).collect()
}
