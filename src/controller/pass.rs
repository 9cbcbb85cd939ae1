//! One pass over one service: judge the rollout that is under way, plan, execute, say when to look again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::aws::Writer;
use crate::execute::{self, Execution, Work};
use crate::journal::{Event, Journal, Kind};
use crate::ledger::{self, Ledger};
use crate::model::{
    Desired, DesiredService, EcsService, Failure, Gate, LastGood, LiveService, OnFailure, Quarantine,
    Rollout, RolloutKind, ServiceKey, ServiceRecord, TaskDefinitionArn, Timestamp,
};
use crate::plan::{self, Action, Cause, Decision, Held, ServicePlan, Step};
use crate::report;
use crate::rollout::{self, RollBack, Verdict};

/// How long until a rollout is judged again. ECS moves in steps of several seconds.
const WATCH_EVERY: Duration = Duration::from_secs(5);

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
        let judged = match self.rollout_under_way(desired, service, live) {
            Ok(Some(rollout)) => self.judge(desired, service, live, &rollout).await,
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        match judged {
            Ok(Some(next)) => next,
            Ok(None) => self.plan_and_execute(desired, service, live, waiting_for).await.unwrap_or_else(stop),
            Err(error) => stop(error),
        }
    }

    /// What the ledger watches, after a look at what became of a call that a crash cut off.
    fn rollout_under_way(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
    ) -> Result<Option<Rollout>, ledger::Error> {
        let record = self.ledger.record(&service.key).unwrap_or_default();
        let back_to = rollout::last_good(live, Some(&record));
        let recovered = execute::recover(
            service,
            live,
            &desired.revision.id,
            back_to.as_ref(),
            &self.ledger,
            &self.journal,
            (self.now)(),
        )?;
        Ok(recovered.or(record.rollout))
    }

    /// Judges the rollout under way. `None`: nothing stands against planning.
    async fn judge(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
        rollout: &Rollout,
    ) -> Result<Option<Next>, ledger::Error> {
        let key = &service.key;
        let tell = |kind, sentence: String| {
            Event::new((self.now)(), kind, sentence)
                .of(key)
                .digest(&rollout.digest)
                .revision(&rollout.revision)
                .deployment(rollout.deployment.as_deref())
        };
        match rollout::judge(rollout, &service.rollout, live, (self.now)()) {
            Verdict::Progressing { sentence } => {
                self.journal.tell_once(tell(Kind::Progress, sentence));
                Ok(self.watch_on(service, rollout))
            }
            Verdict::Failing { sentence } => {
                self.journal.tell_once(tell(Kind::Failing, sentence));
                Ok(self.watch_on(service, rollout))
            }
            Verdict::Unknown { sentence } => {
                self.journal.tell_once(tell(Kind::Progress, sentence));
                Ok(self.watch_on(service, rollout))
            }
            Verdict::Completed => {
                self.completed(rollout, key, live)?;
                Ok(None)
            }
            Verdict::Superseded { sentence } => {
                self.journal.tell(tell(Kind::Drift, sentence));
                self.ledger.update(key, |record| record.rollout = None)?;
                Ok(None)
            }
            Verdict::RolledBackByEcs(failure) => {
                self.failed(desired, service, live, rollout, *failure, true).await.map(Some)
            }
            Verdict::Failed(failure) => {
                self.failed(desired, service, live, rollout, *failure, false).await.map(Some)
            }
        }
    }

    /// Goes on watching, unless Git asks for something else by now: a fix must not wait.
    fn watch_on(&self, service: &DesiredService, rollout: &Rollout) -> Option<Next> {
        let wants_another = rollout.kind == RolloutKind::Deploy && rollout.digest != service.digest;
        (!wants_another).then_some(Next::Watch(WATCH_EVERY))
    }

    fn completed(
        &self,
        rollout: &Rollout,
        key: &ServiceKey,
        live: &LiveService,
    ) -> Result<(), ledger::Error> {
        let now = (self.now)();
        self.journal.moved_on(key);
        self.ledger.update(key, |record| {
            record.rollout = None;
            if rollout.kind == RolloutKind::Deploy {
                record.quarantine = None;
                record.last_good = Some(LastGood {
                    digest: rollout.digest.clone(),
                    task_definition: rollout.task_definition.clone(),
                    completed_at: now,
                });
            }
        })?;
        let took = now.since(rollout.started_at).as_secs();
        let (kind, again) = match rollout.kind {
            RolloutKind::Deploy => (Kind::Settled, ""),
            RolloutKind::RollBack => (Kind::Rollback, " again"),
        };
        let count = live.service.present().map(|ecs| format!(", {}", running(ecs))).unwrap_or_default();
        let sentence = format!("runs {}{again}{count}, after {took} s", rollout.task_definition);
        self.journal.tell_once(
            Event::new(now, kind, sentence)
                .of(key)
                .digest(&rollout.digest)
                .revision(&rollout.revision)
                .deployment(rollout.deployment.as_deref()),
        );
        Ok(())
    }

    /// Quarantines the digest and goes back, or follows ECS going back.
    async fn failed(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
        rollout: &Rollout,
        failure: Failure,
        by_ecs: bool,
    ) -> Result<Next, ledger::Error> {
        let key = &service.key;
        self.journal.moved_on(key);
        self.journal.tell(
            Event::new((self.now)(), Kind::Failed, report::failure_sentence(rollout, &failure))
                .of(key)
                .digest(&rollout.digest)
                .revision(&rollout.revision)
                .deployment(rollout.deployment.as_deref()),
        );
        if rollout.kind == RolloutKind::RollBack {
            // The way back failed as well: a person has to look. The quarantine stays.
            self.ledger.update(key, |record| record.rollout = None)?;
            return Ok(Next::Held(format!("the roll-back failed too: {}", failure.likely_cause)));
        }
        let quarantine = Quarantine {
            digest: rollout.digest.clone(),
            task_definition: rollout.task_definition.clone(),
            revision: rollout.revision.clone(),
            failure,
        };
        // The failed rollout stays in the ledger until the way back has begun: after a crash in
        // between it is judged as failed once more, which leads to the same way back.
        self.ledger.update(key, |record| record.quarantine = Some(quarantine))?;
        let tell = |sentence: String| {
            let event = Event::new((self.now)(), Kind::Rollback, sentence);
            self.journal.tell(event.of(key).digest(&rollout.digest).revision(&rollout.revision));
        };
        let back = match service.rollout.on_failure {
            OnFailure::Hold if !by_ecs => RollBack::Nowhere { why: "`rollout.onFailure` is hold".to_owned() },
            OnFailure::Hold | OnFailure::Rollback => rollout::roll_back(rollout, live),
        };
        match back {
            RollBack::Nowhere { why } => {
                self.ledger.update(key, |record| record.rollout = None)?;
                tell(format!("{key}: not taken back: {why}"));
                Ok(Next::Held(why))
            }
            RollBack::ByEcs => {
                let to = rollout
                    .back_to
                    .clone()
                    .or_else(|| live.service.present().map(EcsService::task_definition));
                let Some(to) = to else { return Ok(Next::Watch(WATCH_EVERY)) };
                tell(format!("{key} -> {to}, the last that completed; ECS does it by itself"));
                let watch = Rollout {
                    kind: RolloutKind::RollBack,
                    task_definition: to,
                    deployment: None,
                    started_at: (self.now)(),
                    back_to: None,
                    ..rollout.clone()
                };
                self.ledger.update(key, |record| record.rollout = Some(watch))?;
                Ok(Next::Watch(WATCH_EVERY))
            }
            RollBack::Stop { arn } => {
                let action = Action::StopServiceDeployment { arn };
                let steps = vec![Step { action, because: Vec::new() }];
                self.go_back(desired, service, live, rollout, steps).await
            }
            RollBack::Update { steps } => self.go_back(desired, service, live, rollout, steps).await,
        }
    }

    async fn go_back(
        &self,
        desired: &Desired,
        service: &DesiredService,
        live: &LiveService,
        rollout: &Rollout,
        steps: Vec<Step>,
    ) -> Result<Next, ledger::Error> {
        let plan = ServicePlan {
            service: service.key.clone(),
            digest: rollout.digest.clone(),
            decision: Decision::Change { differences: Vec::new(), steps },
            quiet: Vec::new(),
        };
        let work = Work {
            plan: &plan,
            desired: service,
            live,
            cluster: &desired.environment.cluster,
            revision: &rollout.revision,
            kind: RolloutKind::RollBack,
            back_to: rollout.back_to.as_ref(),
        };
        self.execute(&work).await
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
        let key = &service.key;
        match &plan.decision {
            Decision::Unchanged => self.unchanged(desired, service, live, &record),
            Decision::Held { reason, .. } => Ok(self.held(service, desired, reason)),
            Decision::Change { differences, .. } => {
                self.journal.moved_on(key);
                let kind = if differences.iter().all(|it| it.cause == Cause::BehindOurBack) {
                    Kind::Drift
                } else {
                    Kind::Plan
                };
                self.journal.tell(
                    Event::new((self.now)(), kind, report::change_sentence(&plan))
                        .of(key)
                        .digest(&service.digest)
                        .revision(&desired.revision.id),
                );
                let back_to = rollout::last_good(live, Some(&record));
                let work = Work {
                    plan: &plan,
                    desired: service,
                    live,
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
        if let Some(rollout) = adoptable(desired, service, live, record, (self.now)()) {
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
        let known = record.last_good.as_ref().is_some_and(|good| good.task_definition == task_definition);
        if record.intent.is_some() || record.quarantine.is_some() || (completed && !known) {
            let at = (self.now)();
            self.ledger.update(&service.key, |record| {
                record.intent = None;
                record.quarantine = None;
                if completed && !known {
                    record.last_good = Some(LastGood {
                        digest: service.digest.clone(),
                        task_definition: task_definition.clone(),
                        completed_at: at,
                    });
                }
            })?;
        }
        let sentence = format!("runs {task_definition}, {}, as Git wants it", running(ecs));
        let event = Event::new((self.now)(), Kind::Settled, sentence);
        self.journal.tell_unless_known(event.of(&service.key).digest(&service.digest));
        Ok(Next::Settled)
    }

    fn held(&self, service: &DesiredService, desired: &Desired, reason: &Held) -> Next {
        let sentence = report::held_sentence(reason);
        self.journal.tell_once(
            Event::new((self.now)(), Kind::Held, sentence.clone())
                .of(&service.key)
                .digest(&service.digest)
                .revision(&desired.revision.id),
        );
        match reason {
            Held::RolloutInFlight { .. } | Held::Draining | Held::WaitsFor { .. } => Next::Watch(WATCH_EVERY),
            Held::Unreadable { .. } => Next::Retry { at_least: WATCH_EVERY, why: sentence },
            Held::Quarantined(_)
            | Held::Suspended { .. }
            | Held::NotOwned { .. }
            | Held::DriftTolerated
            | Held::NeedsReplacement { .. } => Next::Held(sentence),
        }
    }

    async fn execute(&self, work: &Work<'_>) -> Result<Next, ledger::Error> {
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
                Ok(Next::Held(why))
            }
        }
    }

    /// AWS refused the input itself: asking again is pointless until Git asks for something else.
    fn refuse(&self, work: &Work<'_>, why: &str) -> Result<(), ledger::Error> {
        let at = (self.now)();
        let live = work.live.service.present().map(EcsService::task_definition);
        self.ledger.update(&work.plan.service, |record| {
            record.intent = None;
            record.quarantine = Some(Quarantine {
                digest: work.plan.digest.clone(),
                task_definition: live.unwrap_or_else(|| TaskDefinitionArn(String::new())),
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
fn running(service: &EcsService) -> String {
    format!("{} of {} running", service.running_count(), service.desired_count())
}

/// A deployment of what Git wants that nobody watches: somebody forced it by hand.
fn adoptable(
    desired: &Desired,
    service: &DesiredService,
    live: &LiveService,
    record: &ServiceRecord,
    now: Timestamp,
) -> Option<Rollout> {
    let primary = live.service.present()?.primary()?;
    let rejected = record.quarantine.as_ref().is_some_and(|it| it.digest == service.digest);
    (primary.rollout_state() == Some("IN_PROGRESS") && !rejected).then(|| Rollout {
        kind: RolloutKind::Deploy,
        digest: service.digest.clone(),
        task_definition: primary.task_definition(),
        deployment: Some(primary.id().to_owned()),
        started_at: primary.created_at().unwrap_or(now),
        revision: desired.revision.id.clone(),
        back_to: rollout::last_good(live, Some(record)),
    })
}

fn stop(error: ledger::Error) -> Next {
    Next::Stop(error.to_string())
}
