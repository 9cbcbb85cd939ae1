//! One pass over one service: judge the rollout that is under way, plan, execute, say when to look again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::hooks::{Running, SOON, ServiceRevision};
use crate::aws::Writer;
use crate::execute::{self, Execution, Work};
use crate::journal::{Event, Journal, Kind, Level};
use crate::ledger::{self, Ledger};
use crate::model::{
    Again, Applied, AppliedSpec, Desired, DesiredService, EcsService, Failure, Gate, LastGood, LiveService,
    Meanings, Quarantine, Rollout, RolloutKind, ServiceKey, ServiceRecord, Timestamp, Workload,
};
use crate::plan::{
    self, Action, Cause, Decision, Difference, Held, HookRevision, PlannedHook, RevisionSource, ServicePlan,
    Wave,
};
use crate::report;
use crate::rollout;

/// How long until a rollout is judged again. ECS moves in steps of several seconds.
pub(super) const WATCH_EVERY: Duration = Duration::from_secs(5);

/// How long until it is looked again what became of a call without an answer, while that holds a change.
pub(super) const WATCH_UNANSWERED_EVERY: Duration = Duration::from_secs(15);

/// How a service at rest stands to Git.
pub(super) const AS_WANTED: &str = "as Git wants it";
pub(super) const AS_WANTED_BUT_FOR_DRIFT: &str = "as Git wants it, but for drift that it says to ignore";

/// What a pass needs besides what it looks at.
pub struct Engine {
    pub writer: Writer,
    pub ledger: Arc<Ledger>,
    pub journal: Arc<Journal>,
    /// Name of this installation: the value of our ownership tag.
    pub installation: String,
    /// The clock, handed in by `main.rs`.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// When to look at the service again.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// It is as Git wants it; look again at the next resync.
    Settled,
    /// A rollout goes on; judge it again soon.
    Watch(Duration),
    /// Wanted, but not now. Looked at again at the next resync; the sentence says why.
    Held(String),
    /// Comes after another service; woken when that one settles.
    Waits(ServiceKey),
    /// It left Git, and there is no such service any more.
    Gone,
    /// It could not be done now and should be tried again.
    Retry { at_least: Duration, why: String },
    /// The ledger can't be written: nothing may be changed any more.
    Stop(String),
}

impl Engine {
    /// Looks at one service once.
    ///
    /// `waiting_for` holds the dependencies that are not settled yet.
    pub async fn pass(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
        waiting_for: &BTreeMap<ServiceKey, Wave>,
    ) -> Next {
        self.pass_or_fail(desired, service, live, waiting_for).await.unwrap_or_else(stop)
    }

    async fn pass_or_fail(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
        waiting_for: &BTreeMap<ServiceKey, Wave>,
    ) -> Result<Next, ledger::Error> {
        let record = self.record_as(&service.key, Workload::Service).await?;
        // What a scheduled task left under this name is nothing that could be settled here.
        if record.workload.is_service() {
            self.come_back(&service.key).await?;
            self.heed(desired, service, live).await?;
            if let Some(next) = Box::pin(self.settle(desired, service, live)).await? {
                return Ok(next);
            }
        }
        Box::pin(self.plan_and_execute(desired, service, live, waiting_for)).await
    }

    async fn plan_and_execute(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
        waiting_for: &BTreeMap<ServiceKey, Wave>,
    ) -> Result<Next, ledger::Error> {
        let record = self.ledger.record(&service.key).unwrap_or_default();
        let now = (self.now)();
        self.tell_override(service, live, now);
        let mut plan = plan::plan_service(
            service,
            live,
            Some(&record),
            &desired.environment,
            &self.installation,
            &desired.revision,
            now,
        );
        if let Some((first, wave)) = waiting_for.first_key_value() {
            plan.wait_for(first, *wave);
        }
        match &plan.decision {
            Decision::Unchanged => self.unchanged(desired, service, live, &record, &plan).await,
            Decision::Held { reason, .. } => Ok(self.held(&plan, desired, &record, reason)),
            Decision::Change { differences, .. } => {
                self.tell_tolerated(&plan);
                let told = self.told_change(&plan, desired, differences);
                if let Some(first) = plan.hooks.before.first() {
                    return self.start_before(desired, service, live, &plan, first, told).await;
                }
                if let Some(replacement) = &plan.replaces {
                    return self.replace(desired, &plan, replacement).await;
                }
                if live.service.present().is_none() {
                    self.forget_the_old_one(&service.key, &record).await?;
                }
                // With hooks before it, it was told when the first of them began.
                if service.rollout.before.is_empty() {
                    self.journal.moved_on(&service.key);
                    self.journal.tell(told);
                } else {
                    self.journal.tell_unless_known(told);
                }
                self.note_what_goes(service, live, &record).await?;
                let back_to = rollout::last_good(live, Some(&record), &service.rollout);
                let work = Work {
                    plan: &plan,
                    task_definition_digest: &service.task_definition_digest,
                    prune: service.sync.prune,
                    spec: Some(&AppliedSpec::of(service)),
                    looked_up: &desired.environment.looked_up(),
                    service: live.service.present(),
                    cluster: &desired.environment.cluster,
                    revision: &desired.revision.id,
                    kind: RolloutKind::Deploy,
                    values: &live.known_values(),
                    back_to: back_to.as_ref(),
                };
                self.execute(&work).await
            }
        }
    }

    /// Says what was changed behind Git's back and stays, while the rest goes through.
    fn tell_tolerated(&self, plan: &ServicePlan) {
        if let Some(sentence) = report::tolerated_sentence(plan) {
            let event = Event::new((self.now)(), Kind::Drift, sentence);
            self.journal.tell_once(event.of(&plan.service).digest(&plan.digest));
        }
    }

    /// Says which secrets have versions that the service's tasks were not started with, and are left so.
    fn tell_new_versions(&self, service: &DesiredService, plan: &ServicePlan) {
        if let Some(sentence) = report::new_versions_sentence(plan) {
            let event = Event::new((self.now)(), Kind::Drift, sentence);
            self.journal.tell_once(event.of(&plan.service).digest(&service.digest));
        }
    }

    /// A hook comes first: the plan is made anew when it is done.
    async fn start_before(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
        plan: &ServicePlan,
        planned: &PlannedHook,
        told: Event,
    ) -> Result<Next, ledger::Error> {
        let Some(hook) = service.rollout.hook(&planned.digest) else { return Ok(Next::Watch(SOON)) };
        let open = self.ledger.record(&service.key).and_then(|record| record.hook);
        if open.is_none_or(|open| open.digest != hook.digest || open.spec != service.digest) {
            self.journal.moved_on(&service.key);
        }
        self.journal.tell_once(told);
        let registration = plan.steps().iter().find_map(|step| match &step.action {
            Action::RegisterTaskDefinition { body, .. } => Some(body),
            _ => None,
        });
        let revision = match &planned.runs {
            HookRevision::OfTheService(RevisionSource::Existing(arn)) => ServiceRevision::Known(arn.clone()),
            HookRevision::OfTheService(RevisionSource::Registered) => {
                registration.map_or(ServiceRevision::NotNeeded, ServiceRevision::ToRegister)
            }
            HookRevision::Own => ServiceRevision::NotNeeded,
        };
        Box::pin(self.start_hook(Running { desired, service, live }, hook, revision)).await
    }

    /// Nothing differs. That is not yet health: a digest whose first deployment failed, with nothing
    /// to go back to, is live and quarantined at once.
    async fn unchanged(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
        record: &ServiceRecord,
        plan: &ServicePlan,
    ) -> Result<Next, ledger::Error> {
        let Some(ecs) = live.service.present() else { return Ok(Next::Settled) };
        let task_definition = ecs.task_definition();
        // What somebody else put there and Git ignores is neither a deployment of ours nor good for going
        // back to; while the service runs what was applied, only its settings are theirs.
        let ignoring = plan.ignores_drift();
        let known = || record.applied.as_ref().map(|it| it.task_definition.clone());
        let before = || known().or_else(|| ecs.tagged_revision()).unwrap_or_else(|| task_definition.clone());
        let applied_revision = if ignoring { before() } else { task_definition.clone() };
        let theirs = applied_revision != task_definition;
        let completed = ecs.primary().is_some_and(|it| it.rollout_state() == Some("COMPLETED"));
        let adoptable = super::settle::adoptable(desired, service, live, record, (self.now)());
        if let Some(rollout) = adoptable.filter(|_| !ignoring) {
            let event =
                Event::new((self.now)(), Kind::Progress, "watches a deployment that it did not see start");
            self.journal.tell(
                event.of(&service.key).digest(&rollout.digest).deployment(rollout.deployment.as_deref()),
            );
            let now = (self.now)();
            self.ledger
                .update(&service.key, |record| {
                    record.conclude_intent(&service.digest, now);
                    record.rollout = Some(rollout);
                })
                .await?;
            return Ok(Next::Watch(WATCH_EVERY));
        }
        // A deployment that completed may have failed the gates or hooks after it.
        let now = (self.now)();
        let rejects = |it: &Quarantine| {
            // Hooks are what is tried again of one that failed them; the others take a new deployment.
            let awaited = || it.failure.gate != Gate::Hook && plan::may_be_under_way(record, now);
            !completed || it.failure.gate.judges_what_completed() && (!it.is_released(now) || awaited())
        };
        if let Some(quarantine) =
            record.quarantine.as_ref().filter(|it| it.digest == service.digest && rejects(it))
        {
            if quarantine.is_released(now) && plan::may_be_under_way(record, now) {
                return Ok(Next::Watch(WATCH_EVERY));
            }
            let sentence = report::held_sentence(
                Workload::Service,
                &service.key,
                &Held::Quarantined(Box::new(quarantine.clone())),
            );
            let event = Event::new((self.now)(), Kind::Held, sentence.clone());
            self.journal.tell_once(event.of(&service.key).digest(&service.digest));
            return Ok(Next::Held(sentence));
        }
        let (known_good, known_applied) = (record.last_good.as_ref(), record.applied.as_ref());
        let good =
            !theirs && completed && known_good.is_none_or(|good| good.task_definition != task_definition);
        let untested = service.rollout.after.iter().any(|hook| !record.hook_is_done(&hook.digest));
        // What ran before anything was known of it was judged by somebody else.
        let ungated = !service.rollout.gates.is_empty() && known_good.is_some();
        if good && (untested || ungated) && !record.knows_no_end() {
            return self.test_what_runs(desired, service, live, ecs, record).await;
        }
        let spec = AppliedSpec::of(service);
        let applied = known_applied.is_none_or(|applied| {
            applied.digest != service.digest
                || applied.prune != service.sync.prune
                || applied.spec.as_ref() != Some(&spec)
        });
        // Git's spec may have changed without a deployment since then: that is what worked last.
        let good_now = completed
            && known_good.is_some_and(|good| {
                good.task_definition == task_definition
                    && (good.spec.as_ref() != Some(&spec) || good.digest != service.digest)
            });
        let scaling = execute::still_there(record.scaling.as_ref(), service, live);
        let values = plan::values_at_rest(live, record, now).filter(|_| completed);
        let left_over = record.intent.is_some()
            || record.quarantine.is_some()
            || record.hook.is_some()
            || record.leaving.is_some()
            || record.sync.is_some();
        let meanings = plan::meanings(service, live, Some(record));
        let meant = meanings
            .iter()
            .any(|(name, is)| record.meanings.images.get(name).is_none_or(|known| known.is != *is));
        let mut assumed = Vec::new();
        if meant || left_over || good || good_now || applied || scaling != record.scaling || values.is_some()
        {
            let at = (self.now)();
            self.ledger
                .update(&service.key, |record| {
                    record.conclude_intent(&service.digest, at);
                    record.quarantine = None;
                    record.hook = None;
                    record.leaving = None;
                    record.deleted = None;
                    record.sync = None;
                    record.scaling = scaling;
                    if let Some(values) = values {
                        record.meanings.values = values;
                    }
                    Meanings::note(&mut record.meanings.images, &meanings, at);
                    let applied = Applied {
                        digest: service.digest.clone(),
                        task_definition_digest: service.task_definition_digest.clone(),
                        task_definition: applied_revision.clone(),
                        revision: desired.revision.id.clone(),
                        at,
                        prune: service.sync.prune,
                        spec: Some(spec.clone()),
                        looked_up: desired.environment.looked_up(),
                        // The revision that was applied stays what it is.
                        kept_drift: record
                            .applied
                            .as_ref()
                            .filter(|before| before.task_definition == applied_revision)
                            .map(|before| before.kept_drift.clone())
                            .unwrap_or_default(),
                    };
                    record.applied = Some(applied.since(record.applied.as_ref()));
                    if good || good_now {
                        record.note_good(LastGood::of(
                            ecs,
                            &live.service_revision,
                            service.digest.clone(),
                            Some(spec),
                            at,
                        ));
                    }
                    if good {
                        assumed = record.assume_hooks(service.rollout.hooks(), at);
                    }
                })
                .await?;
        }
        if !assumed.is_empty() {
            let sentence = format!(
                "takes {} for done: it runs what Git wants, and nothing is known of how that came about",
                assumed.join(" and ")
            );
            let event = Event::new((self.now)(), Kind::Hook, sentence);
            self.journal.tell(event.of(&service.key).digest(&service.digest));
        }
        self.tell_new_versions(service, plan);
        let as_wanted = if ignoring { AS_WANTED_BUT_FOR_DRIFT } else { AS_WANTED };
        let sentence = format!("runs {task_definition}, {}, {as_wanted}", running(ecs));
        let event = Event::new((self.now)(), Kind::Settled, sentence);
        self.journal.tell_unless_known(event.of(&service.key).digest(&service.digest));
        Ok(Next::Settled)
    }

    /// Says what is about to be changed, and whether Git asks for it or somebody's hand did it.
    pub(super) fn told_change(
        &self,
        plan: &ServicePlan,
        desired: &Desired,
        differences: &[Difference],
    ) -> Event {
        let drifted =
            differences.iter().all(|it| matches!(it.cause, Cause::BehindOurBack | Cause::NewVersion(_)));
        let kind = if drifted { Kind::Drift } else { Kind::Plan };
        Event::new((self.now)(), kind, report::change_sentence(plan))
            .of(&plan.service)
            .digest(&plan.digest)
            .revision(&desired.revision.id)
    }

    /// A deployment of what Git wants has completed, and nobody watched it: before it counts as good, the
    /// hooks after it are run.
    async fn test_what_runs(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
        ecs: &EcsService,
        record: &ServiceRecord,
    ) -> Result<Next, ledger::Error> {
        let rollout = Rollout {
            kind: RolloutKind::Deploy,
            digest: service.digest.clone(),
            task_definition: ecs.task_definition(),
            deployment: ecs.primary().map(|primary| primary.id().to_owned()),
            started_at: (self.now)(),
            revision: desired.revision.id.clone(),
            back_to: rollout::last_good(live, Some(record), &service.rollout),
            changes: Vec::new(),
            watched: crate::model::Watched::default(),
            course: None,
            values: plan::values_started_with(live, record, ecs.primary().and_then(|it| it.created_at())),
        };
        self.ledger.update(&service.key, |record| record.rollout = Some(rollout)).await?;
        Ok(Next::Watch(SOON))
    }

    pub(super) fn held(
        &self,
        plan: &ServicePlan,
        desired: &Desired,
        record: &ServiceRecord,
        reason: &Held,
    ) -> Next {
        let sentence = report::held_sentence(plan.workload, &plan.service, reason);
        let mut event = Event::new((self.now)(), Kind::Held, sentence.clone());
        if matches!(reason, Held::WaitsFor { wave: Wave::GoesOn, .. }) {
            // Its turn comes; that is no trouble.
            event.level = Level::Info;
        }
        self.journal.tell_once(event.of(&plan.service).digest(&plan.digest).revision(&desired.revision.id));
        if record.rollout.is_some() {
            // Whatever holds the change, a rollout under way goes on being judged.
            return Next::Watch(WATCH_EVERY);
        }
        match reason {
            Held::RolloutInFlight { .. }
            | Held::ScaleIn { .. }
            | Held::Draining
            | Held::HookRunning { .. } => Next::Watch(WATCH_EVERY),
            Held::Unanswered { .. } => Next::Watch(WATCH_UNANSWERED_EVERY),
            Held::WaitsFor { service, .. } => Next::Waits(service.clone()),
            // Told, and left as Git's author wants it: nobody has to wait for that.
            Held::DriftTolerated => Next::Settled,
            Held::Unreadable { .. } => Next::Retry { at_least: WATCH_EVERY, why: sentence },
            Held::Quarantined(_)
            | Held::Suspended { .. }
            | Held::OutsideWindow { .. }
            | Held::NotOwned { .. }
            | Held::GroupNotOwned { .. }
            | Held::GroupSuspended { .. }
            | Held::KindChanged { .. }
            | Held::NeedsReplacement { .. }
            | Held::RefusedByEcs { .. }
            | Held::SecretsMissing { .. }
            | Held::Image { .. }
            | Held::AlarmsMissing { .. }
            | Held::NotPruned(_) => Next::Held(sentence),
        }
    }

    pub(super) async fn execute(&self, work: &Work<'_>) -> Result<Next, ledger::Error> {
        let key = &work.plan.service;
        match Box::pin(execute::execute(work, &self.writer, &self.ledger, &self.journal, self.now.as_ref()))
            .await?
        {
            Execution::Done { .. } => Ok(Next::Watch(WATCH_EVERY)),
            Execution::Retry { after, message } => Ok(Next::Retry { at_least: after, why: message }),
            Execution::Rejected { message, outside } => {
                let why = format!("AWS refuses it: {message}");
                let again = self.refuse(work, &why, outside).await?;
                let until = match &again {
                    Some(again) => format!("asked again at {}", again.at.minute_seen_from((self.now)())),
                    None => "held until Git changes it".to_owned(),
                };
                let event = Event::new((self.now)(), Kind::Failed, format!("{why}; {until}"));
                self.journal.tell_once(event.of(key).digest(&work.plan.digest).revision(work.revision));
                // A step before may have started a deployment: that one goes on being judged.
                match self.ledger.record(key).is_some_and(|record| record.rollout.is_some()) {
                    true => Ok(Next::Watch(WATCH_EVERY)),
                    false => Ok(Next::Held(why)),
                }
            }
        }
    }

    /// AWS refused the input itself: asking again is pointless until Git asks for something else; or until
    /// what it names is there, where that lies outside Git.
    async fn refuse(
        &self,
        work: &Work<'_>,
        why: &str,
        outside: bool,
    ) -> Result<Option<Again>, ledger::Error> {
        let at = (self.now)();
        let before = self.ledger.record(&work.plan.service).and_then(|record| record.quarantine);
        let again = outside.then(|| rollout::ask_again(before.as_ref(), &work.plan.digest, at));
        let kept = again.clone();
        self.ledger
            .update(&work.plan.service, |record| {
                record.intent = None;
                record.quarantine = Some(Quarantine {
                    digest: work.plan.digest.clone(),
                    task_definition: None,
                    deployment: None,
                    revision: work.revision.to_owned(),
                    failure: Failure::new(at, Gate::RefusedByAws, why),
                    again: kept,
                    by: None,
                    values: BTreeMap::new(),
                });
            })
            .await?;
        Ok(again)
    }
}

/// `2 of 2 running`
pub(super) fn running(service: &EcsService) -> String {
    format!("{} of {} running", service.running_count(), service.desired_count())
}

/// What an error of the ledger means for a pass, which it ended like a crash in between would have.
pub(super) fn stop(error: ledger::Error) -> Next {
    match error.passes() {
        true => Next::Retry { at_least: WATCH_EVERY, why: error.to_string() },
        false => Next::Stop(error.to_string()),
    }
}
