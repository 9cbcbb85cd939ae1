//! What becomes of a rollout: watched until it is judged, then recorded as good, or taken back.
//!
//! What a step waits for is boxed: a pass is many futures deep, and on the stack each would hold the next one whole.

use std::time::Duration;

use super::hooks::{Running, SOON, ServiceRevision};
use super::pass::{Engine, Next, WATCH_EVERY, WATCH_UNANSWERED_EVERY, running};
use crate::execute::{self, Execution, Work};
use crate::journal::{Event, Kind};
use crate::ledger;
use crate::model::{
    AppliedSpec, Course, Desired, DesiredService, EcsService, Failure, Gate, HookStage, LastGood,
    LiveService, OnFailure, Ownership, Part, Quarantine, REVISION_ONLY, Rollout, RolloutKind, ServiceRecord,
    Timestamp, Workload,
};
use crate::plan::{self, Action, Decision, Extent, Hooks, ServicePlan, Step, WayBack, with_settings};
use crate::report::{self, Aftermath};
use crate::rollout::{self, GatesVerdict, RollBack, Verdict};

/// How long until a deployment that waits for a person is looked at again.
const PAUSED_EVERY: Duration = Duration::from_secs(15);

/// What a rollout is judged with.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub desired: &'a Desired,
    pub service: &'a DesiredService,
    pub live: &'a LiveService,
    pub rollout: &'a Rollout,
}

/// Whether the hooks after a deployment that has completed are done.
enum Tested {
    Passed,
    NotYet(Next),
    /// Git asks for something else by now: nobody knows how this one would have been tested.
    MovedOn,
}

impl Engine {
    /// Goes on with the hook and the rollout under way, if there are any. `None`: nothing stands against
    /// planning.
    pub(super) async fn settle(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
    ) -> Result<Option<Next>, ledger::Error> {
        let record = self.ledger.record(&service.key).unwrap_or_default();
        let back_to = rollout::last_good(live, Some(&record), &service.rollout);
        // First, what became of a call that a crash cut off.
        let recovered =
            execute::recover(service, live, back_to.as_ref(), &self.ledger, &self.journal, (self.now)())
                .await?;
        if let Some(next) = self.go_back_by_hand(desired, service, live).await? {
            return Ok(Some(next));
        }
        let rollout = recovered.or(record.rollout);
        let stage = record.hook.as_ref().map(|open| open.stage);
        let hook = self.follow_hook(Running { desired, service, live }).await?;
        match rollout {
            // A hook after a deployment is followed instead of it, one before the next beside it.
            Some(rollout) if hook.is_none() || stage == Some(HookStage::Before) => {
                let judged = Box::pin(self.judge(Case { desired, service, live, rollout: &rollout })).await?;
                Ok(judged.or(hook))
            }
            Some(_) | None => Ok(hook),
        }
    }

    async fn judge(&self, case: Case<'_>) -> Result<Option<Next>, ledger::Error> {
        let course = self.note_stage(case).await?;
        let rollout = &Rollout { course, ..case.rollout.clone() };
        let case = Case { rollout, ..case };
        let Case { service, live, .. } = case;
        let verdict = rollout::judge(rollout, &service.rollout, live, (self.now)());
        let under_way =
            matches!(verdict, Verdict::Progressing { .. } | Verdict::Failing { .. } | Verdict::Completed);
        if let Some(failure) = self.rejected(case).filter(|_| under_way) {
            return Box::pin(self.failed(case, failure)).await.map(Some);
        }
        if under_way && has_gates(case) {
            self.tell_old_alarms(case);
            let fired = rollout::alarm_that_fails(rollout, &service.rollout, live, (self.now)());
            if let Some(failure) = fired {
                return Box::pin(self.failed(case, failure)).await.map(Some);
            }
        }
        match verdict {
            Verdict::Progressing { sentence } | Verdict::Unknown { sentence } => {
                self.journal.tell_once(self.event(case, Kind::Progress, sentence));
                Ok(watch_on(service, rollout))
            }
            Verdict::Paused { sentence } => {
                self.journal.tell_once(self.event(case, Kind::Held, sentence));
                Ok(watch_on(service, rollout).map(|_| Next::Watch(PAUSED_EVERY)))
            }
            Verdict::Failing { sentence } => {
                self.journal.tell_once(self.event(case, Kind::Failing, sentence));
                Ok(watch_on(service, rollout))
            }
            Verdict::Completed if has_gates(case) => {
                let rollout = self.watched(case).await?;
                Box::pin(self.pass_gates(Case { rollout: &rollout, ..case })).await
            }
            Verdict::Completed => Box::pin(self.passed_gates(case)).await,
            Verdict::Superseded { sentence } => {
                self.journal.tell(self.event(case, Kind::Drift, sentence));
                self.ledger.update(&service.key, |record| record.rollout = None).await?;
                Ok(None)
            }
            Verdict::RolledBackByEcs(failure) | Verdict::Failed(failure) => {
                Box::pin(self.failed(case, *failure)).await.map(Some)
            }
        }
    }

    /// Why this deployment was found to be no good before: what a gate has said of it stands, whatever it would
    /// say now.
    fn rejected(&self, case: Case<'_>) -> Option<Failure> {
        let Case { service, rollout, .. } = case;
        let quarantine = self.ledger.record(&service.key)?.quarantine?;
        let same = quarantine.digest == rollout.digest
            && quarantine.deployment.is_some()
            && quarantine.deployment == rollout.deployment;
        let stands =
            same && rollout.kind == RolloutKind::Deploy && quarantine.failure.gate.judges_what_completed();
        stands.then_some(quarantine.failure)
    }

    /// The rollout with what its gates remember after this look, on disk where that is new.
    async fn watched(&self, case: Case<'_>) -> Result<Rollout, ledger::Error> {
        let Case { service, live, rollout, .. } = case;
        let watched = rollout::watch(rollout, &service.rollout, live, (self.now)());
        let rollout = Rollout { watched, ..rollout.clone() };
        if rollout != *case.rollout {
            self.ledger.update(&service.key, |record| record.rollout = Some(rollout.clone())).await?;
        }
        Ok(rollout)
    }

    async fn pass_gates(&self, case: Case<'_>) -> Result<Option<Next>, ledger::Error> {
        let Case { service, live, rollout, .. } = case;
        match rollout::judge_gates(rollout, &service.rollout, live, (self.now)()) {
            GatesVerdict::Passed => self.passed_gates(case).await,
            GatesVerdict::Waiting { sentence, next_look } => {
                self.journal.tell_once(self.event(case, Kind::Progress, sentence));
                Ok(Some(Next::Watch(next_look.clamp(SOON, WATCH_EVERY))))
            }
            GatesVerdict::Failed(failure) => Box::pin(self.failed(case, *failure)).await.map(Some),
        }
    }

    fn tell_old_alarms(&self, case: Case<'_>) {
        let names = rollout::alarms_before(case.rollout, &case.service.rollout, case.live);
        if !names.is_empty() {
            let sentence = format!(
                "{} was in ALARM before this deployment began, and does not count against it",
                names.join(", ")
            );
            self.journal.tell_once(self.event(case, Kind::Failing, sentence));
        }
    }

    /// ECS has completed it, and its gates let it pass: its hooks are left.
    async fn passed_gates(&self, case: Case<'_>) -> Result<Option<Next>, ledger::Error> {
        let Case { service, .. } = case;
        match Box::pin(self.test(case)).await? {
            Tested::Passed => self.completed(case).await,
            Tested::NotYet(next) => Ok(Some(next)),
            Tested::MovedOn => {
                self.ledger.update(&service.key, |record| record.rollout = None).await?;
                Ok(None)
            }
        }
    }

    /// Writes down how far ECS has taken a deployment that shifts traffic, when it has moved on.
    async fn note_stage(&self, case: Case<'_>) -> Result<Option<Course>, ledger::Error> {
        let Case { service, live, rollout, .. } = case;
        let Some(staged) = rollout::under_way(rollout, live) else { return Ok(rollout.course.clone()) };
        let before = rollout.course.clone().unwrap_or_default();
        let after = before.after(staged, (self.now)());
        if before != after {
            if before.pausing_since.is_some() && after.pausing_since.is_none() {
                self.journal.is_over(&service.key, Kind::Held);
            }
            let noted = after.clone();
            self.ledger
                .update(&service.key, |record| {
                    if let Some(rollout) = &mut record.rollout {
                        rollout.course = Some(noted);
                    }
                })
                .await?;
        }
        Ok(Some(after))
    }

    /// Runs the hooks after a deployment, one after the other.
    async fn test(&self, case: Case<'_>) -> Result<Tested, ledger::Error> {
        let Case { desired, service, live, rollout } = case;
        if rollout.kind == RolloutKind::RollBack {
            return Ok(Tested::Passed);
        }
        planted!("untested-is-good" => return Ok(Tested::Passed));
        let after = &service.rollout.after;
        if rollout.digest != service.digest && service.rollout.judges_what_completed() {
            return Ok(Tested::MovedOn);
        }
        let record = self.ledger.record(&service.key).unwrap_or_default();
        let Some(hook) = after.iter().find(|hook| !record.hook_is_done(&hook.digest)) else {
            return Ok(Tested::Passed);
        };
        if let Some(why) = hands_off(live, &self.installation, (self.now)()) {
            let sentence = format!("{} does not run now: {why}", hook.name);
            self.journal.tell_once(self.event(case, Kind::Held, sentence.clone()));
            return Ok(Tested::NotYet(Next::Held(sentence)));
        }
        let revision = ServiceRevision::Known(rollout.task_definition.clone());
        Box::pin(self.start_hook(Running { desired, service, live }, hook, revision))
            .await
            .map(Tested::NotYet)
    }

    async fn completed(&self, case: Case<'_>) -> Result<Option<Next>, ledger::Error> {
        let Case { service, live, rollout, .. } = case;
        let now = (self.now)();
        if rollout.kind == RolloutKind::RollBack
            && let Some(next) = self.put_rest_back(case).await?
        {
            return Ok(Some(next));
        }
        self.journal.moved_on(&service.key);
        self.ledger
            .update(&service.key, |record| {
                record.rollout = None;
                if rollout.kind == RolloutKind::Deploy || planted!("roll-back-counts-as-success") {
                    // A refusal of a later step stands, whatever became of the deployment; so does that of
                    // what Git asks for by now.
                    record.quarantine =
                        record.quarantine.take().filter(|it| match it.digest == rollout.digest {
                            true => it.failure.gate == Gate::RefusedByAws,
                            false => it.digest == service.digest,
                        });
                    if rollout.digest == service.digest {
                        // Those before it came before it, whoever remembers.
                        record.assume_hooks(service.rollout.hooks(), now);
                    }
                    if let Some(ecs) = live.service.present() {
                        let applied = record.applied.as_ref().filter(|it| it.digest == rollout.digest);
                        let spec = match rollout.digest == service.digest {
                            true => Some(AppliedSpec::of(service)),
                            false => applied.and_then(|applied| applied.spec.clone()),
                        };
                        let revision = &live.service_revision;
                        record.note_good(LastGood::of(ecs, revision, rollout.digest.clone(), spec, now));
                    }
                }
            })
            .await?;
        let took = now.since(rollout.started_at).as_secs();
        let (kind, again) = match rollout.kind {
            RolloutKind::Deploy => (Kind::Settled, ""),
            RolloutKind::RollBack => (Kind::Rollback, " again"),
        };
        let count = live.service.present().map(|ecs| format!(", {}", running(ecs))).unwrap_or_default();
        let sentence = format!("runs {}{again}{count}, after {took} s", rollout.task_definition);
        self.journal.tell_once(self.event(case, kind, sentence));
        // Who takes something back by hand knows why.
        let record = self.ledger.record(&service.key).unwrap_or_default();
        let by_hand = record.quarantine.is_some_and(|it| it.by.is_some());
        if let (RolloutKind::RollBack, false, Some(ecs)) = (rollout.kind, by_hand, live.service.present()) {
            let aftermath = Aftermath::RunsAgain {
                task_definition: rollout.task_definition.clone(),
                healthy: ecs.running_count(),
                desired: ecs.desired_count(),
            };
            self.report(case.desired, service, &aftermath);
        }
        Ok(None)
    }

    /// What of the service's settings and of its scaling came with the commit that was taken back, and is
    /// none of a deployment's. `None`: nothing is left to be done, or AWS refuses it.
    async fn put_rest_back(&self, case: Case<'_>) -> Result<Option<Next>, ledger::Error> {
        let Case { service, live, rollout, .. } = case;
        let foreign = live.service.present().is_none_or(|ecs| match ecs.ownership(&self.installation) {
            Ownership::Foreign { .. } => true,
            Ownership::Ours | Ownership::Unclaimed => false,
        });
        let record = self.ledger.record(&service.key).unwrap_or_default();
        let steps = self.way_back(case, &record).rest(&rollout.task_definition);
        if foreign || steps.is_empty() {
            return Ok(None);
        }
        Ok(match Box::pin(self.go_back(case, steps)).await? {
            Next::Watch(_) | Next::Held(_) => None,
            next => Some(next),
        })
    }

    /// How a service is brought back to what it was when a revision was good.
    pub(super) fn way_back<'a>(&'a self, case: Case<'a>, record: &'a ServiceRecord) -> WayBack<'a> {
        WayBack {
            desired: case.service,
            live: case.live,
            record,
            environment: &case.desired.environment,
            installation: &self.installation,
            revision: &case.desired.revision,
            now: (self.now)(),
        }
    }

    /// With all that came with the commit, where the ledger remembers what it was before.
    fn whole(&self, case: Case<'_>, record: &ServiceRecord, back: RollBack) -> RollBack {
        let Some(to) = &case.rollout.back_to else { return back };
        let known = record.good(to).is_some_and(|good| good.spec.is_some());
        let same_revision = *to == case.rollout.task_definition;
        match &back {
            RollBack::Update { .. } if known => {}
            RollBack::Nowhere { .. } if known && same_revision => {}
            RollBack::Update { .. } | RollBack::Nowhere { .. } | RollBack::ByEcs | RollBack::Stop { .. } => {
                return back;
            }
        }
        let settings = match &back {
            RollBack::Update { steps } => steps.clone(),
            RollBack::Nowhere { .. } | RollBack::ByEcs | RollBack::Stop { .. } => Vec::new(),
        };
        let steps = with_settings(self.way_back(case, record).steps(to), settings);
        let deploys =
            |step: &Step| matches!(step.action, Action::UpdateService { starts_deployment: true, .. });
        if steps.iter().any(deploys) { RollBack::Update { steps } } else { back }
    }

    /// Notes what a roll-back will have to put back, where a commit replaces what nobody noted before.
    pub(super) async fn note_what_goes(
        &self,
        service: &DesiredService,
        live: &LiveService,
        record: &ServiceRecord,
    ) -> Result<(), ledger::Error> {
        let (Some(ecs), Some(revision)) = (live.service.present(), live.service_revision.present()) else {
            return Ok(());
        };
        let concerns = |name: &str| service.service.get(name).is_some() || revision.get(name).is_some();
        let unknown = record.last_good.as_ref().is_some_and(|good| good.lacks_revision_of(ecs));
        if !unknown || !REVISION_ONLY.iter().any(|name| concerns(name)) {
            return Ok(());
        }
        let note = |record: &mut ServiceRecord| {
            if let Some(good) = &mut record.last_good {
                good.note_revision(revision);
            }
        };
        self.ledger.update(&service.key, note).await
    }

    /// Quarantines the digest and goes back, or follows ECS going back.
    pub(super) async fn failed(&self, case: Case<'_>, failure: Failure) -> Result<Next, ledger::Error> {
        let Case { service, live, rollout, .. } = case;
        let key = &service.key;
        if rollout.kind == RolloutKind::RollBack {
            return self.roll_back_failed(case, &failure).await;
        }
        let before = self.ledger.record(key).unwrap_or_default();
        let told = before.quarantine.as_ref().is_some_and(|it| it.deployment == rollout.deployment);
        if !told {
            self.journal.moved_on(key);
            let sentence = report::failure_sentence(rollout, &failure);
            self.journal.tell(self.event(case, Kind::Failed, sentence));
            let again = rollout::again(before.quarantine.as_ref(), &rollout.digest, &failure, (self.now)());
            // The failed rollout stays in the ledger until the way back has begun: after a crash in
            // between it is judged as failed once more, which leads to the same way back.
            self.ledger
                .update(key, |record| {
                    record.quarantine = Some(Quarantine {
                        digest: rollout.digest.clone(),
                        task_definition: Some(rollout.task_definition.clone()),
                        deployment: rollout.deployment.clone(),
                        revision: rollout.revision.clone(),
                        failure,
                        again,
                        by: None,
                    });
                    record.sync = None;
                })
                .await?;
        }
        if let Some(why) = hands_off(live, &self.installation, (self.now)()) {
            let sentence = format!("not taken back now: {why}");
            self.journal.tell_once(self.event(case, Kind::Held, sentence.clone()));
            return Ok(Next::Held(sentence));
        }
        // While ECS is still at it, it may be stopped, and then ECS goes back to all that was before. Whether it
        // can be is read only once there is a reason to.
        if !told && live.deployments == Part::Absent && is_at_work(case) {
            return Ok(Next::Watch(SOON));
        }
        let back = match rollout::roll_back(rollout, live, &before) {
            RollBack::ByEcs => RollBack::ByEcs,
            _ if service.rollout.on_failure == OnFailure::Hold => {
                RollBack::Nowhere { why: "`rollout.onFailure` is hold".to_owned() }
            }
            back => self.whole(case, &before, back),
        };
        match back {
            RollBack::Nowhere { why } => self.stay(case, &why).await,
            RollBack::ByEcs => self.follow(case).await,
            RollBack::Update { steps } => Box::pin(self.go_back(case, steps)).await,
            RollBack::Stop { arn } => {
                let step = Step { action: Action::StopServiceDeployment { arn }, because: Vec::new() };
                match Box::pin(self.go_back(case, vec![step])).await? {
                    // Refused, for example because it ended in between: there is another way.
                    Next::Held(_) => match live.service.present() {
                        Some(ecs) => {
                            let back = rollout::by_update(rollout, ecs, &live.service_revision, &before);
                            match self.whole(case, &before, back) {
                                RollBack::Update { steps } => Box::pin(self.go_back(case, steps)).await,
                                RollBack::Nowhere { why } => self.stay(case, &why).await,
                                RollBack::ByEcs | RollBack::Stop { .. } => Ok(Next::Watch(WATCH_EVERY)),
                            }
                        }
                        None => Ok(Next::Watch(WATCH_EVERY)),
                    },
                    next => Ok(next),
                }
            }
        }
    }

    /// The way back failed as well: a person has to look. The quarantine stays; what Git asks for next
    /// may replace the deployment.
    async fn roll_back_failed(&self, case: Case<'_>, failure: &Failure) -> Result<Next, ledger::Error> {
        let sentence = report::failure_sentence(case.rollout, failure);
        self.journal.tell(self.event(case, Kind::Failed, sentence));
        self.ledger
            .update(&case.service.key, |record| {
                record.rollout = None;
                if let Some(quarantine) = &mut record.quarantine {
                    quarantine.deployment.clone_from(&case.rollout.deployment);
                }
            })
            .await?;
        let why = format!("the way back failed too, {}", failure.likely_cause);
        self.report(case.desired, case.service, &Aftermath::Stays { why });
        Ok(Next::Held(format!("the roll-back failed too: {}", failure.likely_cause)))
    }

    /// Nothing to go back to, or not wanted: what runs is left as evidence.
    async fn stay(&self, case: Case<'_>, why: &str) -> Result<Next, ledger::Error> {
        let key = &case.service.key;
        self.ledger.update(key, |record| record.rollout = None).await?;
        self.journal.tell(self.event(case, Kind::Rollback, format!("{key}: not taken back: {why}")));
        self.report(case.desired, case.service, &Aftermath::Stays { why: why.to_owned() });
        Ok(Next::Held(why.to_owned()))
    }

    /// Tells all that is known of the failure that the service is held for, now that it is at rest.
    pub(super) fn report(&self, desired: &Desired, service: &DesiredService, aftermath: &Aftermath) {
        let Some(quarantine) = self.ledger.record(&service.key).and_then(|record| record.quarantine) else {
            return;
        };
        let commit = match quarantine.revision == desired.revision.id {
            true => desired.revision.to_string(),
            false => quarantine.revision.chars().take(7).collect(),
        };
        let text = report::failure_text(&service.key, &commit, &quarantine, aftermath);
        let event = Event::new((self.now)(), Kind::Report, text).of(&service.key).digest(&quarantine.digest);
        let event = event.revision(&quarantine.revision).deployment(quarantine.deployment.as_deref());
        self.journal.tell_once(event);
    }

    /// ECS goes back by itself; that is watched like a roll-back of ours.
    async fn follow(&self, case: Case<'_>) -> Result<Next, ledger::Error> {
        let Case { service, live, rollout, .. } = case;
        let to = rollout.back_to.clone().or_else(|| live.service.present().map(EcsService::task_definition));
        let Some(to) = to else { return Ok(Next::Watch(WATCH_EVERY)) };
        let sentence = format!("{} -> {to}, the last that completed; ECS does it by itself", service.key);
        self.journal.tell(self.event(case, Kind::Rollback, sentence));
        let watch = Rollout {
            kind: RolloutKind::RollBack,
            task_definition: to,
            deployment: None,
            started_at: (self.now)(),
            back_to: None,
            changes: Vec::new(),
            watched: crate::model::Watched::default(),
            course: None,
            ..rollout.clone()
        };
        self.ledger.update(&service.key, |record| record.rollout = Some(watch)).await?;
        Ok(Next::Watch(WATCH_EVERY))
    }

    /// Makes the calls of a roll-back. [`Next::Held`]: AWS refuses them.
    pub(super) async fn go_back(&self, case: Case<'_>, steps: Vec<Step>) -> Result<Next, ledger::Error> {
        let Case { desired, service, live, rollout } = case;
        let (record, ecs) = (self.ledger.record(&service.key), live.service.present());
        let (kind, now) = (RolloutKind::RollBack, (self.now)());
        if let Some(held) = plan::held_by_unanswered(record.as_ref(), &steps, ecs, kind, now) {
            let sentence = format!("not taken back yet: {}", report::held_sentence(&held));
            self.journal.tell_once(self.event(case, Kind::Held, sentence));
            return Ok(Next::Watch(WATCH_UNANSWERED_EVERY));
        }
        let plan = ServicePlan {
            service: service.key.clone(),
            workload: Workload::Service,
            digest: rollout.digest.clone(),
            decision: Decision::Change { differences: Vec::new(), steps },
            quiet: Vec::new(),
            hooks: Hooks::default(),
            extent: Extent::Whole,
            left_git: None,
            replaces: None,
            kept_drift: Vec::new(),
            images: Default::default(),
        };
        let work = Work {
            plan: &plan,
            task_definition_digest: &service.task_definition_digest,
            prune: service.sync.prune,
            spec: None,
            looked_up: &[],
            service: live.service.present(),
            cluster: &desired.environment.cluster,
            revision: &rollout.revision,
            kind: RolloutKind::RollBack,
            back_to: rollout.back_to.as_ref(),
        };
        match Box::pin(execute::execute(&work, &self.writer, &self.ledger, &self.journal, self.now.as_ref()))
            .await?
        {
            Execution::Done { .. } => Ok(Next::Watch(WATCH_EVERY)),
            Execution::Retry { after, message } => Ok(Next::Retry { at_least: after, why: message }),
            Execution::Rejected { message, .. } => {
                let why = format!("AWS refuses the way back: {message}");
                self.journal.tell_once(self.event(case, Kind::Failed, why.clone()));
                Ok(Next::Held(why))
            }
        }
    }

    fn event(&self, case: Case<'_>, kind: Kind, sentence: String) -> Event {
        Event::new((self.now)(), kind, sentence)
            .of(&case.service.key)
            .digest(&case.rollout.digest)
            .revision(&case.rollout.revision)
            .deployment(case.rollout.deployment.as_deref())
    }
}

fn is_at_work(case: Case<'_>) -> bool {
    let primary = case.live.service.present().and_then(EcsService::primary);
    primary.is_some_and(|it| {
        it.rollout_state() == Some("IN_PROGRESS") && Some(it.id()) == case.rollout.deployment.as_deref()
    })
}

/// Whether gates have a say: only those that Git asked for with this very content.
fn has_gates(case: Case<'_>) -> bool {
    let Case { service, rollout, .. } = case;
    rollout.kind == RolloutKind::Deploy
        && rollout.digest == service.digest
        && !service.rollout.gates.is_empty()
}

/// Goes on watching, unless Git asks for something else by now: a fix must not wait.
fn watch_on(service: &DesiredService, rollout: &Rollout) -> Option<Next> {
    let wants_another = rollout.kind == RolloutKind::Deploy && rollout.digest != service.digest;
    (!wants_another).then_some(Next::Watch(WATCH_EVERY))
}

/// Why even a failed rollout is left alone: a person is looking at it, or it is no longer ours.
pub(super) fn hands_off(live: &LiveService, installation: &str, now: Timestamp) -> Option<String> {
    planted!("rolls-back-what-is-suspended" => return None);
    let service = live.service.present()?;
    if let Ownership::Foreign { owner } = service.ownership(installation) {
        return Some(format!("it belongs to {owner}"));
    }
    service.suspended(now).map(|request| report::suspended_sentence(&request))
}

/// A deployment of what Git wants that nobody watches: somebody forced it by hand.
pub(super) fn adoptable(
    desired: &Desired,
    service: &DesiredService,
    live: &LiveService,
    record: &ServiceRecord,
    now: Timestamp,
) -> Option<Rollout> {
    let primary = live.service.present()?.primary()?;
    let is_news = primary.rollout_state() == Some("IN_PROGRESS");
    let rejected = record.is_quarantined(&service.digest, now);
    // Some emulators never move the state of a deployment, whatever was judged of it.
    let judged = record.last_good.as_ref().is_some_and(|it| it.deployment.as_deref() == Some(primary.id()));
    (is_news && !rejected && !judged).then(|| Rollout {
        kind: RolloutKind::Deploy,
        digest: service.digest.clone(),
        task_definition: primary.task_definition(),
        deployment: Some(primary.id().to_owned()),
        started_at: now,
        revision: desired.revision.id.clone(),
        back_to: rollout::last_good(live, Some(record), &service.rollout),
        changes: Vec::new(),
        watched: crate::model::Watched::default(),
        course: None,
    })
}
