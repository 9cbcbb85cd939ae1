//! What becomes of a rollout: watched until it is judged, and then recorded as good.
//!
//! What a step waits for is boxed: a pass is many futures deep, and on the stack each would hold the next one whole.

use std::time::Duration;

use super::hooks::{Running, SOON, ServiceRevision};
use super::pass::{Engine, Next, WATCH_EVERY, running};
use super::taking_back::hands_off;
use crate::execute;
use crate::journal::{Event, Kind};
use crate::ledger;
use crate::model::{
    AppliedSpec, Course, Desired, DesiredService, Failure, Gate, HookStage, LastGood, LiveService, Rollout,
    RolloutKind, ServiceRecord, Timestamp,
};
use crate::plan;
use crate::report::Aftermath;
use crate::rollout::{self, GatesVerdict, Verdict};

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
        planted!("suspension-ends-the-watching" => if let Some(why) = hands_off(live, &self.installation, (self.now)()) { return Ok(Some(Next::Held(why))); });
        let verdict = rollout::judge(rollout, &service.rollout, live, (self.now)());
        // Also while a person is waited for: nobody has to answer for what an alarm has refused.
        let under_way = matches!(
            verdict,
            Verdict::Progressing { .. }
                | Verdict::Failing { .. }
                | Verdict::Paused { .. }
                | Verdict::Completed
        );
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
            Verdict::Paused { .. } if planted!("a-pause-is-an-end") => {
                Box::pin(self.passed_gates(case)).await
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
        planted!("a-gate-may-change-its-mind" => return None);
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
                record.note_values(rollout, now);
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

    pub(super) fn event(&self, case: Case<'_>, kind: Kind, sentence: String) -> Event {
        Event::new((self.now)(), kind, sentence)
            .of(&case.service.key)
            .digest(&case.rollout.digest)
            .revision(&case.rollout.revision)
            .deployment(case.rollout.deployment.as_deref())
    }
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
        values: plan::values_started_with(live, record, primary.created_at()),
    })
}
