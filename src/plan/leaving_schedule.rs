//! Scheduled tasks that left Git: what stands in the way of deleting a schedule.

use super::difference::{Rules, differences};
use super::leaving::pruned_by;
use super::{Decision, Ending, Gateway, Held, LeftGit, PruneGuard, ServicePlan, Share, Step, Wave, gateway};
use crate::model::{
    Desired, Digest, LiveScheduledTask, Ownership, Part, Schedule, ScheduleGroup, ServiceKey, ServiceRecord,
    Timestamp, Workload,
};
use crate::plan::Action;

/// What the end of a schedule is decided by; pruning is on for it.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleDeparture<'a> {
    pub key: &'a ServiceKey,
    pub record: &'a ServiceRecord,
    pub live: &'a LiveScheduledTask,
    /// What Git asks for instead.
    pub desired: &'a Desired,
    pub installation: &'a str,
    /// The name that the environment had when the ledger was opened.
    pub environment: &'a str,
    pub share: Share,
    /// What Git asks for and is not settled yet: deletions begin last.
    pub waits_for: Option<&'a ServiceKey>,
    pub now: Timestamp,
}

impl ScheduleDeparture<'_> {
    /// Plans the end of one schedule that left Git. Tasks that it has started go on to their own end.
    pub fn plan(self) -> Ending {
        let unreadable = |what: &str, why: &str| {
            self.held(Held::Unreadable { what: what.to_owned(), why: why.to_owned() })
        };
        // Another name is another group, in which nothing of ours is.
        let now = &self.desired.environment.name;
        if now != self.environment {
            let before = self.environment.to_owned();
            let guard = PruneGuard::EnvironmentRenamed { before, now: now.clone() };
            return self.held(Held::NotPruned(guard));
        }
        let (group, schedule) = match (&self.live.group, &self.live.schedule) {
            (_, Part::Absent) => return Ending::Gone,
            (Part::Unreadable(why), _) => return unreadable("schedule group", why),
            (_, Part::Unreadable(why)) => return unreadable("schedule", why),
            (Part::Absent, Part::Present(_)) => return unreadable("schedule group", "it was not found"),
            (Part::Present(group), Part::Present(schedule)) => (group, schedule),
        };
        match self.guard(group, schedule) {
            Some(reason) => self.held(reason),
            None => {
                let action = Action::DeleteSchedule { group: group.name.clone() };
                let steps = vec![Step { action, because: Vec::new() }];
                let now = steps.clone();
                let decision = Decision::Change { differences: Vec::new(), steps };
                Ending::Planned { plan: Box::new(self.service_plan(decision)), now }
            }
        }
    }

    /// First match wins, as for services.
    fn guard(self, group: &ScheduleGroup, schedule: &Schedule) -> Option<Held> {
        if let Ownership::Foreign { owner } = group.ownership(self.installation) {
            return Some(Held::GroupNotOwned { group: group.name.clone(), owner });
        }
        if let Some(text) = group.suspended() {
            return Some(Held::GroupSuspended { group: group.name.clone(), text: text.to_owned() });
        }
        let (desired, begun) = (self.desired, self.has_begun());
        let nothing_left = desired.keys().next().is_none().then_some(PruneGuard::NothingLeft);
        let guard = nothing_left
            .or_else(|| {
                let by = desired.keys().find(|other| desired.depends_on(other).contains(self.key))?;
                Some(PruneGuard::DependedOn { by: by.clone() })
            })
            .or_else(|| Some(PruneGuard::NotAsPut { what: self.not_as_put(schedule)? }))
            .or_else(|| {
                (self.share.going > self.share.allowed && !begun).then_some(PruneGuard::TooMany(self.share))
            })
            .or_else(|| match gateway(&desired.environment.sync.windows, self.now) {
                Gateway::Closed { opens } if !begun => Some(PruneGuard::OutsideWindow { opens }),
                Gateway::Closed { .. } | Gateway::Open => None,
            });
        let waits = || {
            let service = self.waits_for.filter(|_| !begun)?.clone();
            Some(Held::WaitsFor { service, wave: Wave::GoesOn })
        };
        guard.map(Held::NotPruned).or_else(waits)
    }

    /// A schedule carries no tags, so nothing but its content says that it is the one that we put: what
    /// somebody has changed since may be somebody's.
    fn not_as_put(self, schedule: &Schedule) -> Option<String> {
        let applied = self.record.applied.as_ref()?;
        let Some(put) = applied.spec.as_ref().and_then(|spec| spec.read()) else {
            return Some("what was put is not known here".to_owned());
        };
        if schedule.task_definition().as_ref() != Some(&applied.task_definition) {
            let starts = schedule.task_definition();
            let starts = starts.map_or("no revision".to_owned(), |revision| revision.to_string());
            return Some(format!("it starts {starts}, not {}", applied.task_definition));
        }
        let mut wanted = put.service;
        wanted["Target"]["Arn"] = self.desired.environment.cluster.as_str().into();
        let (found, _) = differences(&wanted, &schedule.0, &Rules::schedule());
        found.first().map(|difference| format!("{} differs", difference.path))
    }

    fn has_begun(self) -> bool {
        self.record.leaving.as_ref().is_some_and(|leaving| leaving.began_at.is_some())
    }

    fn held(self, reason: Held) -> Ending {
        let decision = Decision::Held { reason, differences: Vec::new() };
        Ending::Planned { plan: Box::new(self.service_plan(decision)), now: Vec::new() }
    }

    fn service_plan(self, decision: Decision) -> ServicePlan {
        let applied = self.record.applied.as_ref().map(|applied| applied.digest.clone());
        let noticed = self.record.leaving.as_ref().map(|leaving| leaving.revision.clone());
        let digest = applied.unwrap_or_else(|| Digest::from_tag(""));
        ServicePlan {
            workload: Workload::ScheduledTask,
            left_git: Some(LeftGit {
                revision: noticed.unwrap_or_else(|| self.desired.revision.id.clone()),
                share: self.share,
                prune: pruned_by(self.record, &self.desired.environment),
                tasks: 0,
                begun: self.has_begun(),
                draining: false,
            }),
            ..ServicePlan::of(self.key.clone(), digest, decision)
        }
    }
}
