//! Which old revisions of a task definition are deregistered, and what keeps one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{
    EcsService, LiveTaskDefinition, ServiceKey, ServiceRecord, TaskDefinitionArn, Timestamp, Workload,
    cluster_name, tag,
};

/// Revisions that are younger stay, however many there are: people go back to what ran yesterday.
pub const ROLL_BACK_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// The revision after whose arrival old ones are due: what completed a deployment last, or what a schedule
/// starts. `None`: nothing is due. No call is needed to see that.
///
/// Numbers of a family only ever grow, so one that is no higher than the number of revisions to keep has no
/// surplus before it.
pub fn due(record: &ServiceRecord, keep: u32) -> Option<&TaskDefinitionArn> {
    let newest = match record.workload {
        Workload::Service => record.last_good.as_ref().map(|good| &good.task_definition),
        Workload::ScheduledTask => record.applied.as_ref().map(|applied| &applied.task_definition),
    };
    let newest = newest.filter(|newest| newest.number().is_some_and(|number| number > u64::from(keep)))?;
    // Something is under way: what it needs is not known yet.
    let restless = record.intent.is_some()
        || record.rollout.is_some()
        || record.hook.is_some()
        || record.going_back.is_some()
        || record.leaving.is_some();
    (!restless && record.cleared.as_ref() != Some(newest)).then_some(newest)
}

/// Every revision that the ledger connects with anything, whichever service it is of.
pub fn known_to_the_ledger(records: &BTreeMap<ServiceKey, ServiceRecord>) -> BTreeSet<TaskDefinitionArn> {
    let mut all = BTreeSet::new();
    for record in records.values() {
        let rollout = record.rollout.iter();
        let intents = record.intent.iter().chain(&record.unanswered);
        let good = record.last_good.iter().chain(&record.earlier);
        all.extend(record.applied.iter().map(|it| it.task_definition.clone()));
        all.extend(record.registered.iter().map(|it| it.task_definition.clone()));
        all.extend(rollout.clone().map(|it| it.task_definition.clone()));
        all.extend(rollout.filter_map(|it| it.back_to.clone()));
        all.extend(record.quarantine.iter().filter_map(|it| it.task_definition.clone()));
        all.extend(good.map(|it| it.task_definition.clone()));
        all.extend(record.hook.iter().filter_map(|it| it.task_definition.clone()));
        all.extend(record.going_back.iter().map(|it| it.to.clone()));
        // It may come back as it was.
        all.extend(record.deleted.iter().filter_map(|it| it.task_definition.clone()));
        all.extend(intents.filter_map(|it| it.task_definition.clone()));
    }
    all
}

/// Every revision that a service runs in any of its deployments.
pub fn run_by(service: &EcsService) -> impl Iterator<Item = TaskDefinitionArn> + '_ {
    let deployments = service.deployments().map(|deployment| deployment.task_definition());
    std::iter::once(service.task_definition()).chain(service.tagged_revision()).chain(deployments)
}

/// Of a family's ACTIVE revisions, those beyond the newest `keep` that nothing uses, the oldest first.
pub fn surplus(
    active: &[TaskDefinitionArn],
    keep: u32,
    in_use: &BTreeSet<TaskDefinitionArn>,
) -> Vec<TaskDefinitionArn> {
    let mut all: Vec<&TaskDefinitionArn> = active.iter().filter(|it| it.number().is_some()).collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.number()));
    // A list whose pages overlap names some twice: they must not push others out of the newest.
    all.dedup();
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    let old = all.into_iter().skip(keep).filter(|it| !in_use.contains(*it));
    old.rev().cloned().collect()
}

/// Whose revisions may go.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    pub installation: &'a str,
    pub key: &'a ServiceKey,
    pub cluster: &'a str,
}

/// Whether a revision is ours, registered for this service in this cluster, and old enough. One that
/// another environment may use carries that one's cluster, one of an earlier version of this program none.
pub fn may_go(revision: &LiveTaskDefinition, whose: Whose<'_>, now: Timestamp) -> bool {
    let tagged = |name: &str| revision.tags.get(name).map(String::as_str);
    let ours = tagged(tag::MANAGED_BY) == Some(whose.installation)
        && tagged(tag::ID) == Some(whose.key.name())
        && tagged(tag::CLUSTER) == Some(cluster_name(whose.cluster));
    let registered = revision.body["registeredAt"].as_f64().map(Timestamp::from_seconds);
    ours && revision.is_active() && registered.is_some_and(|at| now >= at.plus(ROLL_BACK_WINDOW))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Digest, Json, LastGood};

    const NOW: Timestamp = Timestamp(1_795_262_400_000);

    fn arn(number: u64) -> TaskDefinitionArn {
        TaskDefinitionArn(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:{number}"))
    }

    fn good(number: u64) -> LastGood {
        LastGood {
            digest: Digest::from_tag("x"),
            task_definition: arn(number),
            deployment: None,
            settings: Json::Null,
            spec: None,
            completed_at: NOW,
        }
    }

    #[test]
    fn nothing_is_due_until_a_revision_beyond_the_kept_number_has_completed() {
        let at = |number| ServiceRecord { last_good: Some(good(number)), ..ServiceRecord::default() };
        assert_eq!(due(&ServiceRecord::default(), 10), None);
        assert_eq!(due(&at(10), 10), None);
        assert_eq!(due(&at(11), 10), Some(&arn(11)));
        let done = ServiceRecord { cleared: Some(arn(11)), ..at(11) };
        assert_eq!(due(&done, 10), None);
        let next = ServiceRecord { cleared: Some(arn(11)), ..at(12) };
        assert_eq!(due(&next, 10), Some(&arn(12)));
    }

    #[test]
    fn the_newest_are_kept_and_so_is_whatever_is_in_use() {
        let active: Vec<_> = (1..=6).rev().map(arn).collect();
        let in_use = BTreeSet::from([arn(2)]);
        assert_eq!(surplus(&active, 3, &in_use), [arn(1), arn(3)]);
        assert_eq!(surplus(&active, 6, &in_use), []);
        assert_eq!(surplus(&active, 1_000_000, &in_use), []);
        let twice = [active.clone(), active].concat();
        assert_eq!(surplus(&twice, 3, &in_use), [arn(1), arn(3)]);
    }

    #[test]
    fn one_that_is_young_foreign_or_of_another_cluster_stays() {
        let key = ServiceKey::new("web");
        let whose = Whose { installation: "reconciler", key: &key, cluster: "jobs" };
        let revision = |tags: &[(&str, &str)], age: Duration, status: &str| {
            let registered = NOW.0 as f64 / 1000.0 - age.as_secs_f64();
            LiveTaskDefinition {
                arn: arn(1),
                tags: tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
                body: json!({"status": status, "registeredAt": registered}),
            }
        };
        let ours = [(tag::MANAGED_BY, "reconciler"), (tag::ID, "web"), (tag::CLUSTER, "jobs")];
        assert!(may_go(&revision(&ours, ROLL_BACK_WINDOW, "ACTIVE"), whose, NOW));
        let young = ROLL_BACK_WINDOW - Duration::from_secs(1);
        assert!(!may_go(&revision(&ours, young, "ACTIVE"), whose, NOW));
        assert!(!may_go(&revision(&ours, ROLL_BACK_WINDOW, "INACTIVE"), whose, NOW));
        for (place, value) in [(0, "other"), (1, "api"), (2, "staging")] {
            let mut foreign = ours;
            foreign[place].1 = value;
            assert!(!may_go(&revision(&foreign, ROLL_BACK_WINDOW, "ACTIVE"), whose, NOW), "{foreign:?}");
            let missing: Vec<_> = ours.iter().copied().filter(|(name, _)| *name != ours[place].0).collect();
            assert!(!may_go(&revision(&missing, ROLL_BACK_WINDOW, "ACTIVE"), whose, NOW), "{missing:?}");
        }
        let unknown = LiveTaskDefinition { body: json!({"status": "ACTIVE"}), ..revision(&ours, young, "") };
        assert!(!may_go(&unknown, whose, NOW));
    }

    #[test]
    fn what_the_ledger_connects_with_any_service_is_in_use() {
        let record = ServiceRecord {
            last_good: Some(good(9)),
            earlier: vec![good(3), good(2)],
            ..ServiceRecord::default()
        };
        let records = BTreeMap::from([(ServiceKey::new("other"), record)]);
        assert_eq!(known_to_the_ledger(&records), BTreeSet::from([arn(2), arn(3), arn(9)]));
    }
}
