//! The rules by which a service gets its conditions.

use super::{Condition, ConditionKind, ServiceStatus, Truth};
use crate::model::{EcsService, LiveService, OpenHook, Part, Quarantine, RolloutKind, ServiceRecord};
use crate::plan::{Cause, Decision, Difference, Held, Kept, ServicePlan};
use crate::report::held::HeldText;
use crate::report::paint::{count, plain};
use crate::report::requests::quarantine_headline;
use crate::report::sentence;
use crate::report::steps::what_plan_does;

/// Drifted fields that a sentence names.
const FIELDS_NAMED_MAX: usize = 3;

pub(super) fn service_status(
    planned: &ServicePlan,
    live: Option<&LiveService>,
    record: &ServiceRecord,
) -> ServiceStatus {
    let facts = Facts::of(planned, live, record);
    let healthy = facts.healthy();
    let conditions = [
        Some(facts.ready(&healthy)),
        Some(healthy),
        Some(facts.drifted()),
        facts.reconciling(),
        facts.stalled(),
        facts.rolled_back(),
        facts.suspended(),
    ];
    let primary = facts.ecs.and_then(EcsService::primary);
    ServiceStatus {
        service: planned.service.clone(),
        workload: planned.workload,
        conditions: conditions.into_iter().flatten().collect(),
        running: facts.ecs.map(|ecs| primary.map_or(ecs.running_count(), |primary| primary.running_count())),
        desired: facts.ecs.map(EcsService::desired_count),
        task_definition: facts.ecs.map(EcsService::task_definition),
        schedule: None,
        digest: Some(planned.digest.clone()),
        quarantine: facts.quarantine.cloned(),
        last_good: record.last_good.clone(),
        hook: facts.hook().cloned(),
        overriding: None,
        left_git: None,
    }
}

/// What the rules look at.
pub(super) struct Facts<'a> {
    planned: &'a ServicePlan,
    decision: &'a Decision,
    live: Option<&'a LiveService>,
    pub(super) ecs: Option<&'a EcsService>,
    record: &'a ServiceRecord,
    /// Of the digest that Git wants now; an older one no longer matters.
    quarantine: Option<&'a Quarantine>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(
        planned: &'a ServicePlan,
        live: Option<&'a LiveService>,
        record: &'a ServiceRecord,
    ) -> Self {
        let held = match &planned.decision {
            Decision::Held { reason: Held::Quarantined(quarantine), .. } => Some(&**quarantine),
            Decision::Unchanged | Decision::Change { .. } | Decision::Held { .. } => None,
        };
        let recorded = record.quarantine.as_ref().filter(|quarantine| quarantine.digest == planned.digest);
        Self {
            planned,
            decision: &planned.decision,
            live,
            ecs: live.and_then(|live| live.service.present()),
            record,
            quarantine: held.or(recorded),
        }
    }

    /// The hook of which there may be a task.
    fn hook(&self) -> Option<&'a OpenHook> {
        self.record.hook.as_ref().filter(|open| open.asked_at.is_some())
    }

    pub(super) fn held(&self) -> Option<&'a Held> {
        held(self.decision)
    }

    /// What Git asks for is what runs, and was found to be no good: there was nothing to go back to, or nobody
    /// wants that.
    fn rejected(&self) -> Option<&'a Quarantine> {
        let runs_it = matches!(self.decision, Decision::Unchanged) && self.record.rollout.is_none();
        let primary = self.ecs?.primary();
        let completed = primary.is_some_and(|primary| primary.rollout_state() == Some("COMPLETED"));
        self.quarantine.filter(|it| runs_it && (!completed || it.failure.gate.judges_what_completed()))
    }

    /// Why the live side is not known, if it is not.
    fn unreadable(&self) -> Option<String> {
        match self.live.map(|live| &live.service) {
            None => Some("it was not read".to_owned()),
            Some(Part::Unreadable(why)) => Some(plain(why)),
            Some(Part::Present(_) | Part::Absent) => None,
        }
    }

    /// A deployment, ours or not, that has not ended.
    fn rolling_out(&self) -> bool {
        let state = self
            .ecs
            .and_then(EcsService::primary)
            .and_then(|primary| primary.rollout_state().map(|state| state == "IN_PROGRESS"));
        self.record.rollout.is_some() || state == Some(true)
    }

    pub(super) fn healthy(&self) -> Condition {
        let kind = ConditionKind::Healthy;
        if let Some(why) = self.unreadable() {
            return condition(kind, Truth::Unknown, "Unreadable", why);
        }
        let Some(ecs) = self.ecs else {
            return condition(kind, Truth::False, "NotCreated", "the service does not exist yet");
        };
        let (running, desired) = (ecs.running_count(), ecs.desired_count());
        let tasks = format!("{running} of {} running", count(usize::try_from(desired).unwrap_or(0), "task"));
        if running < desired {
            return condition(kind, Truth::False, "TasksMissing", tasks);
        }
        // Green's targets say nothing about what has the traffic.
        let counted = self.live.filter(|live| !matches!(live.staged, Part::Present(_)));
        let Some((healthy, all)) = counted.and_then(|live| live.target_health) else {
            return condition(kind, Truth::True, "TasksRunning", tasks);
        };
        let message = format!("{tasks}, {healthy} of {} healthy", count(all, "target"));
        // While tasks are being replaced some targets are always new or draining.
        let enough = if self.rolling_out() { usize::try_from(desired).unwrap_or(0) } else { all };
        let (truth, reason) = if healthy < enough || all == 0 && desired > 0 {
            (Truth::False, "TargetsUnhealthy")
        } else {
            (Truth::True, "TargetsHealthy")
        };
        condition(kind, truth, reason, message)
    }

    fn ready(&self, healthy: &Condition) -> Condition {
        let kind = ConditionKind::Ready;
        match self.decision {
            Decision::Held { reason: Held::DriftTolerated, .. } => {}
            Decision::Held { reason, .. } => {
                let text = HeldText::of(self.planned.workload, &self.planned.service, reason);
                let unknown = matches!(reason, Held::Unreadable { .. });
                let truth = if unknown { Truth::Unknown } else { Truth::False };
                return condition(kind, truth, text.reason, text.headline);
            }
            Decision::Change { steps, .. } => {
                return condition(kind, Truth::False, "Differs", what_plan_does(self.planned, steps));
            }
            Decision::Unchanged => {}
        }
        if let Some(quarantine) = self.rejected() {
            return condition(kind, Truth::False, "Quarantined", quarantine_headline(quarantine));
        }
        if self.rolling_out() {
            return condition(kind, Truth::False, "RollingOut", "its deployment has not completed");
        }
        match healthy.truth {
            Truth::True => condition(kind, Truth::True, "Settled", "it runs what Git wants"),
            truth @ (Truth::False | Truth::Unknown) => {
                condition(kind, truth, healthy.reason, healthy.message.clone())
            }
        }
    }

    fn drifted(&self) -> Condition {
        drifted(self.planned, self.unreadable())
    }

    fn reconciling(&self) -> Option<Condition> {
        if let Some(open) = self.hook() {
            let message = format!("runs {}", open.title());
            return Some(condition(ConditionKind::Reconciling, Truth::True, "HookRunning", message));
        }
        let (reason, message) = match (&self.record.rollout, self.decision) {
            (Some(rollout), _) => match rollout.kind {
                RolloutKind::Deploy => ("RollingOut", format!("rolling out {}", rollout.task_definition)),
                RolloutKind::RollBack => {
                    ("RollingBack", format!("going back to {}", rollout.task_definition))
                }
            },
            (None, Decision::Change { steps, .. }) => ("Differs", what_plan_does(self.planned, steps)),
            (None, Decision::Held { reason, .. }) => match reason {
                Held::RolloutInFlight { .. }
                | Held::ScaleIn { .. }
                | Held::HookRunning { .. }
                | Held::Draining
                | Held::Unanswered { .. }
                | Held::OutsideWindow { .. }
                | Held::WaitsFor { .. } => {
                    let text = HeldText::of(self.planned.workload, &self.planned.service, reason);
                    (text.reason, text.headline)
                }
                Held::Unreadable { .. }
                | Held::Quarantined(_)
                | Held::Suspended { .. }
                | Held::NotOwned { .. }
                | Held::GroupNotOwned { .. }
                | Held::KindChanged { .. }
                | Held::GroupSuspended { .. }
                | Held::DriftTolerated
                | Held::NeedsReplacement { .. }
                | Held::RefusedByEcs { .. }
                | Held::SecretsMissing { .. }
                | Held::Image { .. }
                | Held::AlarmsMissing { .. }
                | Held::NotPruned(_) => return None,
            },
            // ECS goes on trying for ever; nobody here does.
            (None, Decision::Unchanged) if self.rejected().is_some() => return None,
            (None, Decision::Unchanged) if self.rolling_out() => {
                ("RollingOut", "its deployment has not completed".to_owned())
            }
            (None, Decision::Unchanged) => return None,
        };
        Some(condition(ConditionKind::Reconciling, Truth::True, reason, message))
    }

    fn stalled(&self) -> Option<Condition> {
        if let Some(quarantine) = self.rejected() {
            let held = Held::Quarantined(Box::new(quarantine.clone()));
            return Some(waiting_for_a_person(ConditionKind::Stalled, self.planned, &held));
        }
        let held = self.held()?;
        let stalls = match held {
            Held::Unreadable { .. }
            | Held::NotOwned { .. }
            | Held::GroupNotOwned { .. }
            | Held::KindChanged { .. }
            | Held::NeedsReplacement { .. }
            | Held::RefusedByEcs { .. }
            | Held::SecretsMissing { .. }
            | Held::Image { .. }
            | Held::AlarmsMissing { .. }
            | Held::NotPruned(_) => true,
            Held::Quarantined(_) => !self.runs_another_revision(),
            Held::RolloutInFlight { .. }
            | Held::ScaleIn { .. }
            | Held::HookRunning { .. }
            | Held::Suspended { .. }
            | Held::OutsideWindow { .. }
            | Held::GroupSuspended { .. }
            | Held::Draining
            | Held::DriftTolerated
            | Held::Unanswered { .. }
            | Held::WaitsFor { .. } => false,
        };
        stalls.then(|| waiting_for_a_person(ConditionKind::Stalled, self.planned, held))
    }

    fn rolled_back(&self) -> Option<Condition> {
        let quarantine = self.quarantine.filter(|_| self.runs_another_revision())?;
        let (digest, failure) = (quarantine.digest.short(), &quarantine.failure);
        let (at, cause) = (failure.at.minute(), plain(&failure.likely_cause));
        let (reason, message) = match &quarantine.by {
            Some(by) => ("ByPerson", format!("{digest} was taken back by {} on {at}: {cause}", plain(by))),
            None => ("RolloutFailed", format!("{digest} failed on {at}: {cause}")),
        };
        let again = quarantine.again.as_ref().map(|_| format!("; {}", quarantine_headline(quarantine)));
        let message = format!("{message}{}", again.unwrap_or_default());
        Some(condition(ConditionKind::RolledBack, Truth::True, reason, message))
    }

    /// Whether the way back from the quarantined revision has been taken.
    fn runs_another_revision(&self) -> bool {
        match (self.quarantine, self.ecs) {
            (Some(quarantine), Some(ecs)) => {
                quarantine.task_definition.as_ref().is_some_and(|failed| ecs.task_definition() != *failed)
            }
            (Some(_), None) | (None, _) => false,
        }
    }

    pub(super) fn suspended(&self) -> Option<Condition> {
        let held = self.held().filter(|held| matches!(held, Held::Suspended { .. }))?;
        Some(waiting_for_a_person(ConditionKind::Suspended, self.planned, held))
    }
}

fn differences(decision: &Decision) -> &[Difference] {
    match decision {
        Decision::Unchanged => &[],
        Decision::Change { differences, .. } | Decision::Held { differences, .. } => differences,
    }
}

fn held(decision: &Decision) -> Option<&Held> {
    match decision {
        Decision::Held { reason, .. } => Some(reason),
        Decision::Unchanged | Decision::Change { .. } => None,
    }
}

/// Whether something was changed behind our back; `unreadable`: why the live side is not known.
pub(super) fn drifted(planned: &ServicePlan, unreadable: Option<String>) -> Condition {
    let kind = ConditionKind::Drifted;
    if let Some(why) = unreadable {
        return condition(kind, Truth::Unknown, "Unreadable", why);
    }
    let drifted = || {
        differences(&planned.decision).iter().filter(|difference| difference.cause == Cause::BehindOurBack)
    };
    let number = drifted().count();
    let rotated = rotated(planned);
    if number == 0 && !rotated.is_empty() {
        return condition(kind, Truth::True, "NewVersion", sentence::new_versions(&rotated));
    }
    let moved: Vec<&str> = planned
        .quiet
        .iter()
        .filter(|quiet| quiet.kept == Kept::Moved)
        .map(|quiet| quiet.rule.as_str())
        .collect();
    if number == 0 && !moved.is_empty() {
        return condition(kind, Truth::True, "Moved", plain(&moved.join("; ")));
    }
    if number == 0 && planned.ignores_drift() {
        let message = "what was changed behind our back is ignored, as `sync.drift` says";
        return condition(kind, Truth::False, "DriftIgnored", message);
    }
    if number == 0 {
        return condition(kind, Truth::False, "AsApplied", "nothing was changed behind our back");
    }
    let mut fields: Vec<String> =
        drifted().take(FIELDS_NAMED_MAX).map(|difference| difference.path.to_string()).collect();
    if number > FIELDS_NAMED_MAX {
        fields.push(format!("{} more", number - FIELDS_NAMED_MAX));
    }
    let mut message = format!("changed behind our back: {}", fields.join(", "));
    if !rotated.is_empty() {
        message = format!("{message}; {}", sentence::new_versions(&rotated));
    }
    condition(kind, Truth::True, "ChangedBehindOurBack", message)
}

/// Secrets and parameters with a version that the tasks were not started with, as people know them.
fn rotated(planned: &ServicePlan) -> Vec<&str> {
    let rolled = differences(&planned.decision).iter().filter_map(|one| match &one.cause {
        Cause::NewVersion(title) => Some(title.as_str()),
        _ => None,
    });
    rolled.chain(sentence::reported(planned)).collect()
}

/// What a person has to do for something that has no deployments, if anything.
pub(super) fn stalled_or_suspended(planned: &ServicePlan) -> Option<Condition> {
    let reason = held(&planned.decision)?;
    match reason {
        Held::Suspended { .. } | Held::GroupSuspended { .. } => {
            Some(waiting_for_a_person(ConditionKind::Suspended, planned, reason))
        }
        Held::Unreadable { .. }
        | Held::NotOwned { .. }
        | Held::GroupNotOwned { .. }
        | Held::KindChanged { .. }
        | Held::NeedsReplacement { .. }
        | Held::RefusedByEcs { .. }
        | Held::SecretsMissing { .. }
        | Held::Image { .. }
        | Held::AlarmsMissing { .. }
        | Held::NotPruned(_)
        | Held::Quarantined(_) => Some(waiting_for_a_person(ConditionKind::Stalled, planned, reason)),
        Held::RolloutInFlight { .. }
        | Held::ScaleIn { .. }
        | Held::HookRunning { .. }
        | Held::Draining
        | Held::OutsideWindow { .. }
        | Held::DriftTolerated
        | Held::Unanswered { .. }
        | Held::WaitsFor { .. } => None,
    }
}

fn waiting_for_a_person(kind: ConditionKind, planned: &ServicePlan, held: &Held) -> Condition {
    let text = HeldText::of(planned.workload, &planned.service, held);
    let parts = std::iter::once(&text.headline).chain(&text.details).chain([&text.way_out]);
    let message = parts.map(String::as_str).collect::<Vec<_>>().join("; ");
    condition(kind, Truth::True, text.reason, message)
}

pub(super) fn condition(
    kind: ConditionKind,
    truth: Truth,
    reason: &'static str,
    message: impl Into<String>,
) -> Condition {
    Condition { kind, truth, reason, message: message.into() }
}
