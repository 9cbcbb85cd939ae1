//! The way back of a rollout that failed: its digest is held, and what ran before runs again with all its settings.
//!
//! What a step waits for is boxed: a pass is many futures deep, and on the stack each would hold the next one whole.

use std::collections::BTreeMap;

use super::hooks::SOON;
use super::pass::{Engine, Next, WATCH_EVERY, WATCH_UNANSWERED_EVERY};
use super::settle::Case;
use crate::execute::{self, Execution, Work};
use crate::journal::{Event, Kind};
use crate::ledger;
use crate::model::{
    Desired, DesiredService, EcsService, Failure, IntentKind, LiveService, OnFailure, Ownership, Part,
    Quarantine, REVISION_ONLY, Rollout, RolloutKind, ServiceRecord, Timestamp, Workload,
};
use crate::plan::{self, Action, Decision, ServicePlan, Step, WayBack, with_settings};
use crate::report::{self, Aftermath};
use crate::rollout::{self, RollBack};

impl Engine {
    /// What of the service's settings and of its scaling came with the commit that was taken back, and is
    /// none of a deployment's. `None`: nothing is left to be done, or AWS refuses it.
    pub(super) async fn put_rest_back(&self, case: Case<'_>) -> Result<Option<Next>, ledger::Error> {
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
            // Nothing of it is new but what its secrets mean.
            let was_good = before.last_good.as_ref().is_some_and(|good| good.digest == rollout.digest);
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
                        values: if was_good { rollout.values.clone() } else { BTreeMap::new() },
                    });
                    record.sync = None;
                    // A kill may have cut off its tags: they say nothing that is still to be looked up.
                    record.intent.take_if(|intent| intent.kind == IntentKind::Tag);
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
            // Its tasks run already, or are started like theirs.
            values: BTreeMap::new(),
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
        planted!("window-holds-a-roll-back" => if plan::gateway(service.sync.windows(&desired.environment), now) != plan::Gateway::Open { return Ok(Next::Held("it is outside its window".to_owned())); });
        if let Some(held) = plan::held_by_unanswered(record.as_ref(), &steps, ecs, kind, now) {
            let sentence = format!(
                "not taken back yet: {}",
                report::held_sentence(Workload::Service, &service.key, &held)
            );
            self.journal.tell_once(self.event(case, Kind::Held, sentence));
            return Ok(Next::Watch(WATCH_UNANSWERED_EVERY));
        }
        let decision = Decision::Change { differences: Vec::new(), steps };
        let plan = ServicePlan::of(service.key.clone(), rollout.digest.clone(), decision);
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
            values: &live.known_values(),
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
}

fn is_at_work(case: Case<'_>) -> bool {
    let primary = case.live.service.present().and_then(EcsService::primary);
    primary.is_some_and(|it| {
        it.rollout_state() == Some("IN_PROGRESS") && Some(it.id()) == case.rollout.deployment.as_deref()
    })
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
