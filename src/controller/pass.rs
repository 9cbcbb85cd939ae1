//! One pass over one service: judge the rollout that is under way, plan, execute, say when to look again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::aws::Writer;
use crate::execute::{self, Execution, Work};
use crate::journal::{Event, Journal, Kind};
use crate::ledger::{self, Ledger};
use crate::model::{
    Applied, Desired, DesiredService, EcsService, Failure, Gate, LastGood, LiveService, Quarantine,
    RolloutKind, ServiceKey, ServiceRecord, Timestamp,
};
use crate::plan::{self, Cause, Decision, Difference, Held, ServicePlan};
use crate::report;
use crate::rollout;

/// How long until a rollout is judged again. ECS moves in steps of several seconds.
pub(super) const WATCH_EVERY: Duration = Duration::from_secs(5);

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
        waiting_for: &BTreeSet<ServiceKey>,
    ) -> Next {
        match self.settle(desired, service, live).await {
            Ok(Some(next)) => next,
            Ok(None) => self.plan_and_execute(desired, service, live, waiting_for).await.unwrap_or_else(stop),
            Err(error) => stop(error),
        }
    }

    async fn plan_and_execute(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
        waiting_for: &BTreeSet<ServiceKey>,
    ) -> Result<Next, ledger::Error> {
        let record = self.ledger.record(&service.key).unwrap_or_default();
        let mut plan = plan::plan_service(
            service,
            live,
            Some(&record),
            &desired.environment,
            &self.installation,
            &desired.revision,
        );
        if let Some(first) = waiting_for.first() {
            plan.wait_for(first);
        }
        match &plan.decision {
            Decision::Unchanged => self.unchanged(desired, service, live, &record),
            Decision::Held { reason, .. } => Ok(self.held(&plan, desired, &record, reason)),
            Decision::Change { differences, .. } => {
                self.tell_change(&plan, desired, differences);
                let back_to = rollout::last_good(live, Some(&record));
                let work = Work {
                    plan: &plan,
                    task_definition_digest: &service.task_definition_digest,
                    service: live.service.present(),
                    cluster: &desired.environment.cluster,
                    revision: &desired.revision.id,
                    kind: RolloutKind::Deploy,
                    back_to: back_to.as_ref(),
                };
                self.execute(&work).await
            }
        }
    }

    /// Nothing differs. That is not yet health: a digest whose first deployment failed, with nothing
    /// to go back to, is live and quarantined at once.
    fn unchanged(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
        record: &ServiceRecord,
    ) -> Result<Next, ledger::Error> {
        let Some(ecs) = live.service.present() else { return Ok(Next::Settled) };
        let completed = ecs.primary().is_some_and(|it| it.rollout_state() == Some("COMPLETED"));
        if let Some(rollout) = super::settle::adoptable(desired, service, live, record, (self.now)()) {
            let event =
                Event::new((self.now)(), Kind::Progress, "watches a deployment that it did not see start");
            self.journal.tell(
                event.of(&service.key).digest(&rollout.digest).deployment(rollout.deployment.as_deref()),
            );
            self.ledger.update(&service.key, |record| {
                record.intent = None;
                record.rollout = Some(rollout);
            })?;
            return Ok(Next::Watch(WATCH_EVERY));
        }
        if let Some(quarantine) =
            record.quarantine.as_ref().filter(|it| it.digest == service.digest && !completed)
        {
            let sentence = report::held_sentence(&Held::Quarantined(Box::new(quarantine.clone())));
            let event = Event::new((self.now)(), Kind::Held, sentence.clone());
            self.journal.tell_once(event.of(&service.key).digest(&service.digest));
            return Ok(Next::Held(sentence));
        }
        let task_definition = ecs.task_definition();
        let (known_good, known_applied) = (record.last_good.as_ref(), record.applied.as_ref());
        let good = completed && known_good.is_none_or(|good| good.task_definition != task_definition);
        let applied = known_applied.is_none_or(|applied| applied.digest != service.digest);
        if record.intent.is_some() || record.quarantine.is_some() || good || applied {
            let at = (self.now)();
            self.ledger.update(&service.key, |record| {
                record.intent = None;
                record.quarantine = None;
                record.applied = Some(Applied {
                    digest: service.digest.clone(),
                    task_definition_digest: service.task_definition_digest.clone(),
                    task_definition: task_definition.clone(),
                    revision: desired.revision.id.clone(),
                    at,
                });
                if good {
                    record.last_good = Some(LastGood::of(ecs, service.digest.clone(), at));
                }
            })?;
        }
        let sentence = format!("runs {task_definition}, {}, as Git wants it", running(ecs));
        let event = Event::new((self.now)(), Kind::Settled, sentence);
        self.journal.tell_unless_known(event.of(&service.key).digest(&service.digest));
        Ok(Next::Settled)
    }

    /// Says what is about to be changed, and whether Git asks for it or somebody's hand does.
    pub(super) fn tell_change(&self, plan: &ServicePlan, desired: &Desired, differences: &[Difference]) {
        self.journal.moved_on(&plan.service);
        let drifted = differences.iter().all(|it| it.cause == Cause::BehindOurBack);
        let kind = if drifted { Kind::Drift } else { Kind::Plan };
        self.journal.tell(
            Event::new((self.now)(), kind, report::change_sentence(plan))
                .of(&plan.service)
                .digest(&plan.digest)
                .revision(&desired.revision.id),
        );
    }

    pub(super) fn held(
        &self,
        plan: &ServicePlan,
        desired: &Desired,
        record: &ServiceRecord,
        reason: &Held,
    ) -> Next {
        let sentence = report::held_sentence(reason);
        self.journal.tell_once(
            Event::new((self.now)(), Kind::Held, sentence.clone())
                .of(&plan.service)
                .digest(&plan.digest)
                .revision(&desired.revision.id),
        );
        if record.rollout.is_some() {
            // Whatever holds the change, a rollout under way goes on being judged.
            return Next::Watch(WATCH_EVERY);
        }
        match reason {
            Held::RolloutInFlight { .. } | Held::Draining => Next::Watch(WATCH_EVERY),
            Held::WaitsFor { service } => Next::Waits(service.clone()),
            // Told, and left as Git's author wants it: nobody has to wait for that.
            Held::DriftTolerated => Next::Settled,
            Held::Unreadable { .. } => Next::Retry { at_least: WATCH_EVERY, why: sentence },
            Held::Quarantined(_)
            | Held::Suspended { .. }
            | Held::NotOwned { .. }
            | Held::GroupNotOwned { .. }
            | Held::NeedsReplacement { .. } => Next::Held(sentence),
        }
    }

    pub(super) async fn execute(&self, work: &Work<'_>) -> Result<Next, ledger::Error> {
        let key = &work.plan.service;
        match execute::execute(work, &self.writer, &self.ledger, &self.journal, self.now.as_ref()).await? {
            Execution::Done { .. } => Ok(Next::Watch(WATCH_EVERY)),
            Execution::Retry { after, message } => Ok(Next::Retry { at_least: after, why: message }),
            Execution::Rejected { message } => {
                let why = format!("AWS refuses it: {message}");
                self.refuse(work, &why)?;
                let event =
                    Event::new((self.now)(), Kind::Failed, format!("{why}; held until Git changes it"));
                self.journal.tell_once(event.of(key).digest(&work.plan.digest).revision(work.revision));
                // A step before may have started a deployment: that one goes on being judged.
                match self.ledger.record(key).is_some_and(|record| record.rollout.is_some()) {
                    true => Ok(Next::Watch(WATCH_EVERY)),
                    false => Ok(Next::Held(why)),
                }
            }
        }
    }

    /// AWS refused the input itself: asking again is pointless until Git asks for something else.
    fn refuse(&self, work: &Work<'_>, why: &str) -> Result<(), ledger::Error> {
        let at = (self.now)();
        self.ledger.update(&work.plan.service, |record| {
            record.intent = None;
            record.quarantine = Some(Quarantine {
                digest: work.plan.digest.clone(),
                task_definition: None,
                deployment: None,
                revision: work.revision.to_owned(),
                failure: Failure {
                    at,
                    gate: Gate::RefusedByAws,
                    likely_cause: why.to_owned(),
                    stopped_tasks: Vec::new(),
                    unhealthy_targets: Vec::new(),
                    events: Vec::new(),
                },
            });
        })
    }
}

/// `2 of 2 running`
pub(super) fn running(service: &EcsService) -> String {
    format!("{} of {} running", service.running_count(), service.desired_count())
}

pub(super) fn stop(error: ledger::Error) -> Next {
    Next::Stop(error.to_string())
}
