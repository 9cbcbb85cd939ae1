//! Services that left Git: which they are, what stands in the way of deleting one, and its steps.

use std::collections::BTreeMap;
use std::time::Duration;

use super::replacing::{End, end};
use super::unanswered::held_by_unanswered;
use super::{
    Decision, Gateway, Held, Kept, LeftGit, PruneBy, PruneGuard, Quiet, ServicePlan, Share, Step, Wave,
    gateway,
};
use crate::model::{
    Desired, Digest, EcsService, Environment, FieldPath, LiveService, Part, RolloutKind, ServiceKey,
    ServiceRecord, Timestamp, tag,
};

/// How long tasks may take to stop before people are told. ECS gives containers up to two minutes, and
/// a load balancer five by default; task protection may take hours.
const DRAIN_MAX: Duration = Duration::from_secs(15 * 60);

/// What the end of a service is decided by.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    pub key: &'a ServiceKey,
    pub record: &'a ServiceRecord,
    pub live: &'a LiveService,
    /// What Git asks for instead.
    pub desired: &'a Desired,
    pub installation: &'a str,
    /// The name that the environment had when the ledger was opened.
    pub environment: &'a str,
    pub share: Share,
    /// A service that Git asks for and that is not settled yet: deletions begin last.
    pub waits_for: Option<&'a ServiceKey>,
    pub now: Timestamp,
}

/// What becomes of it in this pass.
#[derive(Clone, Debug)]
pub enum Ending {
    /// There is no such service any more.
    Gone,
    Planned {
        /// All that is left to do, for people.
        plan: Box<ServicePlan>,
        /// What can be done now. Deleting comes when the last task has stopped.
        now: Vec<Step>,
    },
}

/// The services that we deployed and Git no longer mentions.
///
/// They come from the ledger alone: what it does not know is nobody's to delete, whatever its tags say.
pub fn leaving<'a>(
    desired: &'a Desired,
    records: &'a BTreeMap<ServiceKey, ServiceRecord>,
) -> impl Iterator<Item = (&'a ServiceKey, &'a ServiceRecord)> {
    records.iter().filter(|(key, record)| record.is_of_a_service() && desired.workload(key).is_none())
}

/// The scheduled tasks that we put and Git no longer mentions.
pub fn schedules_left<'a>(
    desired: &'a Desired,
    records: &'a BTreeMap<ServiceKey, ServiceRecord>,
) -> impl Iterator<Item = (&'a ServiceKey, &'a ServiceRecord)> {
    records.iter().filter(|(key, record)| record.is_of_a_schedule() && desired.workload(key).is_none())
}

/// Those of them that are to go.
pub fn schedules_leaving<'a>(
    desired: &'a Desired,
    records: &'a BTreeMap<ServiceKey, ServiceRecord>,
) -> impl Iterator<Item = (&'a ServiceKey, &'a ServiceRecord)> {
    schedules_left(desired, records).filter(|(_, record)| is_pruned(record, &desired.environment))
}

/// How many services and scheduled tasks would go at once, and how many may: a share of those that are ours,
/// rounded down, but always one, or nothing could ever leave a small environment.
pub fn share(desired: &Desired, records: &BTreeMap<ServiceKey, ServiceRecord>) -> Share {
    let percent = desired.environment.sync.prune_max_percent;
    let owned =
        records.values().filter(|record| record.is_of_a_service() || record.is_of_a_schedule()).count();
    let services =
        leaving(desired, records).filter(|(_, record)| is_pruned(record, &desired.environment)).count();
    let going = services + schedules_leaving(desired, records).count();
    Share { going, owned, allowed: (owned * usize::from(percent) / 100).max(1), percent }
}

/// Whether pruning is on for a service that left Git; what else stands in its way is another matter.
pub fn is_pruned(record: &ServiceRecord, environment: &Environment) -> bool {
    pruned_by(record, environment).is_some()
}

/// Who wants the service to go. Its own last word weighs more than the environment's; where it was
/// never applied whole, nobody knows what that is.
pub(super) fn pruned_by(record: &ServiceRecord, environment: &Environment) -> Option<PruneBy> {
    match record.applied.as_ref()?.prune {
        Some(true) => Some(PruneBy::Service),
        Some(false) => None,
        None => environment.sync.prune.then_some(PruneBy::Environment),
    }
}

impl Departure<'_> {
    /// Plans the end of one service that left Git.
    pub fn plan(self) -> Ending {
        let service = match (&self.live.service, &self.live.scaling) {
            (Part::Absent, _) => return Ending::Gone,
            (Part::Unreadable(_), _) if planted!("what-cannot-be-read-is-gone") => return Ending::Gone,
            (Part::Unreadable(why), _) => return self.held(unreadable("service", why), None),
            (Part::Present(_), Part::Unreadable(why)) => return self.held(unreadable("scaling", why), None),
            (Part::Present(service), Part::Present(_) | Part::Absent) => service,
        };
        if service.status() == "DRAINING" {
            // Nothing is left to do but to wait, whoever asked ECS for it.
            return self.change(service, Vec::new(), Vec::new());
        }
        if pruned_by(self.record, &self.desired.environment).is_none() {
            return self.left_in_place(service);
        }
        match self.guard(service) {
            Some(reason) => self.held(reason, Some(service)),
            None => self.delete(service),
        }
    }

    /// First match wins.
    fn guard(self, service: &EcsService) -> Option<Held> {
        if let Some(request) = service.suspended(self.now) {
            return Some(Held::Suspended { request: Box::new(request) });
        }
        let desired = self.desired;
        let guard = self
            .foreign_tag(service)
            .or_else(|| desired.services.is_empty().then_some(PruneGuard::NothingLeft))
            .filter(|guard| *guard != PruneGuard::NothingLeft || !planted!("last-service-goes"))
            .or_else(|| self.renamed())
            .or_else(|| {
                let dependent = desired.keys().find(|other| desired.depends_on(other).contains(self.key))?;
                Some(PruneGuard::DependedOn { by: dependent.clone() })
            })
            .or_else(|| {
                planted!("prunes-any-share" => return None);
                let too_many = self.share.going > self.share.allowed && !self.has_begun();
                too_many.then_some(PruneGuard::TooMany(self.share))
            })
            .or_else(|| self.outside_window())
            .or_else(|| self.still_running(service));
        let waits = || {
            let service = self.waits_for.filter(|_| !self.has_begun())?.clone();
            Some(Held::WaitsFor { service, wave: Wave::GoesOn })
        };
        guard.map(Held::NotPruned).or_else(|| self.hook_running()).or_else(waits)
    }

    /// A hook whose task was asked for before the service left has its time to end. Nobody looks at the
    /// task any more, so that time is all there is to go by.
    fn hook_running(self) -> Option<Held> {
        let open = self.record.hook.as_ref().filter(|_| !self.has_begun())?;
        let ends = open.asked_at?.plus(open.timeout());
        (self.now < ends).then(|| Held::HookRunning { hook: open.title() })
    }

    fn foreign_tag(self, service: &EcsService) -> Option<PruneGuard> {
        planted!("prunes-without-our-tags" => return None);
        let wanted = [(tag::MANAGED_BY, self.installation), (tag::ID, self.key.name())];
        let (name, wanted) = wanted.into_iter().find(|(name, wanted)| service.tag(name) != Some(wanted))?;
        let found = service.tag(name).map(str::to_owned);
        Some(PruneGuard::Tag { name, found, wanted: wanted.to_owned() })
    }

    fn renamed(self) -> Option<PruneGuard> {
        let now = &self.desired.environment.name;
        (now != self.environment)
            .then(|| PruneGuard::EnvironmentRenamed { before: self.environment.to_owned(), now: now.clone() })
    }

    /// The service's own windows left Git with it; what has begun goes on.
    fn outside_window(self) -> Option<PruneGuard> {
        match gateway(&self.desired.environment.sync.windows, self.now) {
            Gateway::Closed { opens } if !self.has_begun() => Some(PruneGuard::OutsideWindow { opens }),
            Gateway::Closed { .. } | Gateway::Open => None,
        }
    }

    fn still_running(self, service: &EcsService) -> Option<PruneGuard> {
        let asked_at = self.record.leaving.as_ref()?.began_at?;
        let tasks = service.tasks();
        let late = tasks > 0 && service.desired_count() == 0 && self.now.since(asked_at) > DRAIN_MAX;
        late.then_some(PruneGuard::StillRunning { tasks, asked_at })
    }

    fn has_begun(self) -> bool {
        self.record.leaving.as_ref().is_some_and(|leaving| leaving.began_at.is_some())
    }

    fn delete(self, service: &EcsService) -> Ending {
        let scaled = self.live.scaling.present().is_some();
        let End { all, now } = end(service, scaled, &self.desired.environment.cluster, self.key);
        // An earlier UpdateService that comes late would start its tasks again.
        let late = held_by_unanswered(Some(self.record), &now, Some(service), RolloutKind::Deploy, self.now);
        if let Some(reason) = late {
            return self.held(reason, Some(service));
        }
        self.change(service, all, now)
    }

    fn change(self, service: &EcsService, steps: Vec<Step>, now: Vec<Step>) -> Ending {
        let decision = Decision::Change { differences: Vec::new(), steps };
        Ending::Planned { plan: Box::new(self.service_plan(decision, Vec::new(), Some(service))), now }
    }

    fn held(self, reason: Held, service: Option<&EcsService>) -> Ending {
        let decision = Decision::Held { reason, differences: Vec::new() };
        Ending::Planned { plan: Box::new(self.service_plan(decision, Vec::new(), service)), now: Vec::new() }
    }

    fn left_in_place(self, service: &EcsService) -> Ending {
        let quiet = Quiet {
            path: FieldPath::root().field("service"),
            live: None,
            desired: None,
            rule: match self.record.applied.as_ref() {
                Some(applied) if applied.prune == Some(false) => "its own `sync.prune` was false",
                Some(_) => "prune is off",
                None => "it was never applied whole, so whether it may go is not known",
            }
            .to_owned(),
            source: None,
            kept: Kept::LeftInPlace,
        };
        let plan = self.service_plan(Decision::Unchanged, vec![quiet], Some(service));
        Ending::Planned { plan: Box::new(plan), now: Vec::new() }
    }

    fn service_plan(
        self,
        decision: Decision,
        quiet: Vec<Quiet>,
        service: Option<&EcsService>,
    ) -> ServicePlan {
        let applied = self.record.applied.as_ref().map(|applied| applied.digest.clone());
        let noticed = self.record.leaving.as_ref().map(|leaving| leaving.revision.clone());
        let digest = applied.unwrap_or_else(|| Digest::from_tag(""));
        ServicePlan {
            quiet,
            left_git: Some(LeftGit {
                revision: noticed.unwrap_or_else(|| self.desired.revision.id.clone()),
                share: self.share,
                prune: pruned_by(self.record, &self.desired.environment),
                tasks: service.map_or(0, EcsService::tasks),
                begun: self.has_begun(),
                draining: service.is_some_and(|service| service.status() == "DRAINING"),
            }),
            ..ServicePlan::of(self.key.clone(), digest, decision)
        }
    }
}

fn unreadable(what: &str, why: &str) -> Held {
    Held::Unreadable { what: what.to_owned(), why: why.to_owned() }
}
