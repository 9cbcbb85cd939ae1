//! Plan -> calls: in order, with the intent written before and the outcome after. Decides nothing.

mod delete;
mod hook;
mod old_revisions;
mod recover;
mod scaling;
mod step;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::aws::{self, Answer, ErrorKind, Writer};
use crate::journal::{Event, Journal, Kind};
use crate::ledger::{self, Ledger};
use crate::model::{
    Applied, AppliedSpec, Digest, EcsService, Intent, IntentKind, Meanings, RegisteredRevision, Rollout,
    RolloutKind, ServiceKey, ServiceRecord, TaskDefinitionArn, Timestamp,
};
use crate::plan::{Action, Decision, Extent, ServicePlan, Step};

pub use delete::{Deletion, delete};
pub use hook::{Asked, HookCalls, Registered};
pub use old_revisions::{Deregistered, Deregistration, deregister};
pub use recover::recover;
pub use scaling::still_there;
use step::{Call, Outcome};

/// The wall clock, handed down from `main`.
pub type Clock = dyn Fn() -> Timestamp + Send + Sync;

/// The plan of one service or scheduled task, and what its steps refer to.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    pub plan: &'a ServicePlan,
    /// Of the task definition that Git wants.
    pub task_definition_digest: &'a Digest,
    /// `sync.prune` of the service that is applied.
    pub prune: Option<bool>,
    /// What Git says of it besides its task definition.
    pub spec: Option<&'a AppliedSpec>,
    /// The values from elsewhere that are in it.
    pub looked_up: &'a [String],
    /// As it was observed; `None` where it does not exist, and for a scheduled task.
    pub service: Option<&'a EcsService>,
    pub cluster: &'a str,
    /// The Git commit, in full.
    pub revision: &'a str,
    pub kind: RolloutKind,
    /// Versions of secrets and parameters, as they were read before.
    pub values: &'a BTreeMap<String, String>,
    /// The revision to go back to, should this deployment fail. For a roll-back: the one it goes to.
    pub back_to: Option<&'a TaskDefinitionArn>,
}

/// How the steps went.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one is made for a whole plan, and taken apart at once")]
pub enum Execution {
    /// All of them.
    Done {
        /// The deployment that was started, to be judged.
        started: Option<Rollout>,
    },
    /// Not all, for a reason that may pass. The service is to be observed again first.
    Retry { after: Duration, message: String },
    /// AWS refuses what Git asks for; it will do so until Git asks for something else. Holding the
    /// digest, and telling of it, is the caller's.
    Rejected {
        message: String,
        /// What is wrong lies outside Git, so that it may be mended without a commit.
        outside: bool,
    },
}

/// Carries the plan out, up to the first step that fails. A plan that changes nothing removes the
/// intent that a crash left behind.
///
/// An error of the ledger is not an outcome: without the ledger nothing may be done any more.
pub async fn execute(
    work: &Work<'_>,
    writer: &Writer,
    ledger: &Ledger,
    journal: &Journal,
    clock: &Clock,
) -> Result<Execution, ledger::Error> {
    let mut run = Run { work, writer, ledger, journal, clock, outcome: Outcome::of(work), intended: None };
    let record = ledger.record(&work.plan.service);
    run.outcome.by_hand = record.is_some_and(|record| record.going_back.is_some());
    let steps = match &work.plan.decision {
        Decision::Change { steps, .. } => steps,
        Decision::Unchanged => return run.nothing_left().await,
        Decision::Held { .. } => return Ok(Execution::Done { started: None }),
    };
    for step in steps {
        match run.take(step).await {
            Ok(()) => (),
            Err(Stop::Call(error)) => return run.stopped(&error).await,
            Err(Stop::Ledger(error)) => return Err(error),
            Err(Stop::Plan(message)) => return Ok(Execution::Rejected { message, outside: false }),
        }
    }
    run.finish().await?;
    Ok(Execution::Done { started: run.outcome.started })
}

/// Why the steps end early.
enum Stop {
    Call(aws::Error),
    Ledger(ledger::Error),
    /// The plan refers to something that is not there.
    Plan(String),
}

impl From<aws::Error> for Stop {
    fn from(error: aws::Error) -> Self {
        Stop::Call(error)
    }
}

impl From<ledger::Error> for Stop {
    fn from(error: ledger::Error) -> Self {
        Stop::Ledger(error)
    }
}

struct Run<'a> {
    work: &'a Work<'a>,
    writer: &'a Writer,
    ledger: &'a Ledger,
    journal: &'a Journal,
    clock: &'a Clock,
    outcome: Outcome,
    /// The intent that is on disk for this run.
    intended: Option<IntentKind>,
}

impl Run<'_> {
    async fn take(&mut self, step: &Step) -> Result<(), Stop> {
        let call = self.outcome.call(self.work, &step.action).map_err(Stop::Plan)?;
        let turn = self.writer.turn(call.category()).await;
        if !planted!("intent-after-the-call") {
            self.intend(&step.action, &call).await?;
        }
        let permit = match self.ledger.permit(turn) {
            Ok(permit) => permit,
            Err(error) => {
                // The call was certainly not made. Without a lease this can't be written down; then the intent
                // stays, and costs a look.
                let _ = self.ledger.update(self.service(), |record| record.intent = None).await;
                return Err(error.into());
            }
        };
        let answer = match call.send(self.writer, permit).await {
            // What is not there need not go: what was read of a service's policies may be minutes old.
            Err(error) if error.kind == ErrorKind::NotFound && deletes(&step.action) => {
                Answer { body: serde_json::json!({}), request_id: error.request_id }
            }
            answer => answer?,
        };
        planted!("intent-after-the-call" => self.intend(&step.action, &call).await?);
        let told = self.outcome.learn(self.work, &step.action, &answer, (self.clock)());
        if told.starts_deployment {
            self.record_rollout().await?;
            planted!("applied-before-the-last-step" => self.finish().await?);
        }
        self.journal.moved_on(self.service());
        // Tags follow whatever was done, and are worth a line only where they are all there was to do.
        if told.kind != Kind::Tag || self.planned().len() == 1 {
            self.journal.tell(
                self.event(told.kind, told.sentence)
                    .deployment(told.deployment.as_deref())
                    .request(answer.request_id.as_deref()),
            );
        }
        Ok(())
    }

    fn planned(&self) -> &[Step] {
        match &self.work.plan.decision {
            Decision::Change { steps, .. } => steps,
            Decision::Unchanged | Decision::Held { .. } => &[],
        }
    }

    /// On disk before the call: whoever comes after a crash knows that it may have been made.
    async fn intend(&mut self, action: &Action, call: &Call) -> Result<(), ledger::Error> {
        let kind = match self.work.kind {
            RolloutKind::RollBack => IntentKind::RollBack,
            RolloutKind::Deploy => intent_kind(action),
        };
        planted!("no-intent-before-a-registration" => if kind == IntentKind::Register { return Ok(()); });
        let (content, body) = match (action, call) {
            (Action::RegisterTaskDefinition { digest, .. }, _) => (Some(digest.clone()), None),
            (_, Call::UpdateService(body)) => (None, Some(body.clone())),
            _ => (None, None),
        };
        // Calls of one kind in a row are looked up alike: one intent covers them, where none may come late.
        if self.intended == Some(kind) && content.is_none() && body.is_none() {
            return Ok(());
        }
        let intent = Intent {
            revision: self.work.revision.to_owned(),
            task_definition: call.task_definition().or_else(|| match self.work.kind {
                RolloutKind::RollBack => self.work.back_to.cloned(),
                RolloutKind::Deploy => self.outcome.task_definition.clone(),
            }),
            before: self.outcome.primary.clone(),
            content,
            body,
            changes: match kind {
                IntentKind::Create | IntentKind::Update => step::changes(self.work),
                _ => Vec::new(),
            },
            values: match kind {
                IntentKind::Create | IntentKind::Update | IntentKind::RollBack => {
                    step::values(self.work, action)
                }
                IntentKind::Register | IntentKind::Scale | IntentKind::Tag | IntentKind::Delete => {
                    BTreeMap::new()
                }
            },
            ..Intent::of(kind, &self.work.plan.digest, (self.clock)())
        };
        let at = intent.at;
        let left_over = self.intended.is_none();
        let registered = self.outcome.registered.clone().map(|task_definition| RegisteredRevision {
            task_definition_digest: self.work.task_definition_digest.clone(),
            task_definition,
        });
        self.ledger
            .update(self.service(), |record| {
                if left_over && !record.intent.as_ref().is_some_and(|before| self.has_had_its_effect(before))
                {
                    record.set_intent_aside(intent.at);
                }
                record.intent = Some(intent);
                if registered.is_some() {
                    record.registered = registered;
                }
                // Before the first task starts: what a tag means then is what it goes on to mean.
                if !matches!(kind, IntentKind::Scale | IntentKind::RollBack | IntentKind::Delete)
                    && self.work.plan.extent == Extent::Whole
                {
                    Meanings::note(&mut record.meanings.images, &self.work.plan.images, at);
                }
                if matches!(kind, IntentKind::Scale | IntentKind::RollBack) {
                    scaling::claim(record, self.planned());
                }
            })
            .await?;
        self.intended = Some(kind);
        Ok(())
    }

    /// Whether the plan shows that a call of an earlier run did what it should: it is for the same spec, and has
    /// no such step any more.
    fn has_had_its_effect(&self, before: &Intent) -> bool {
        let again = |step: &Step| match &step.action {
            Action::RegisterTaskDefinition { .. } => before.content.is_some(),
            Action::UpdateService { .. } => before.body.is_some(),
            _ => false,
        };
        self.work.kind == RolloutKind::Deploy
            && self.work.plan.extent == Extent::Whole
            && before.digest == self.work.plan.digest
            && !self.planned().iter().any(again)
    }

    /// The deployment runs from here on, whatever becomes of the steps that are left.
    async fn record_rollout(&self) -> Result<(), ledger::Error> {
        self.ledger.update(self.service(), |record| record.rollout.clone_from(&self.outcome.started)).await
    }

    /// All is as Git wants it, so an intent that is left over has had its effect, or needs none.
    async fn nothing_left(&self) -> Result<Execution, ledger::Error> {
        let left_over = self.ledger.record(self.service()).is_some_and(|record| record.intent.is_some());
        if left_over {
            let (digest, now) = (&self.work.plan.digest, (self.clock)());
            self.ledger.update(self.service(), |record| record.conclude_intent(digest, now)).await?;
        }
        Ok(Execution::Done { started: None })
    }

    async fn finish(&self) -> Result<(), ledger::Error> {
        let (applied, now) = (self.applied(), (self.clock)());
        self.ledger
            .update(self.service(), |record| {
                record.intent = None;
                record.forget_what_is_too_late(now);
                scaling::let_go(record, self.planned());
                if let Some(applied) = applied {
                    record.registered = None;
                    record.applied = Some(applied.since(record.applied.as_ref()));
                    record.leaving = None;
                    record.deleted = None;
                }
            })
            .await
    }

    /// What is in force now; `None` for a roll-back, which applies nothing that Git asks for, and for a
    /// part of what it asks for.
    fn applied(&self) -> Option<Applied> {
        match (self.work.kind, self.work.plan.extent) {
            (RolloutKind::RollBack, _) | (RolloutKind::Deploy, Extent::Override) => None,
            (RolloutKind::Deploy, Extent::Whole) => Some(Applied {
                digest: self.work.plan.digest.clone(),
                task_definition_digest: self.work.task_definition_digest.clone(),
                task_definition: self.outcome.task_definition.clone()?,
                revision: self.work.revision.to_owned(),
                at: (self.clock)(),
                prune: self.work.prune,
                spec: self.work.spec.cloned(),
                looked_up: self.work.looked_up.to_vec(),
                kept_drift: self.work.plan.kept_drift.clone(),
            }),
        }
    }

    async fn stopped(&self, error: &aws::Error) -> Result<Execution, ledger::Error> {
        let message = error.to_string();
        if !error.is_ambiguous() || planted!("silence-is-a-no") {
            // The call certainly did nothing, so nothing has to be looked up.
            self.ledger.update(self.service(), |record| record.intent = None).await?;
        } else if error.kind == ErrorKind::Unanswered {
            let unheard = |record: &mut ServiceRecord| {
                if let Some(intent) = record.intent.as_mut().filter(|intent| intent.body.is_some()) {
                    intent.no_answer = true;
                }
            };
            self.ledger.update(self.service(), unheard).await?;
        }
        // A roll-back has to know at once: there may be another way.
        let hopeless = self.work.kind == RolloutKind::RollBack
            && (error.kind == ErrorKind::AccessDenied || message.contains("is inactive"));
        let Some(after) = retry_after(error.kind).filter(|_| !hopeless) else {
            return Ok(Execution::Rejected { message, outside: error.lies_outside() });
        };
        let event = self.event(Kind::Retry, message.clone()).request(error.request_id.as_deref());
        self.journal.tell_once(event);
        Ok(Execution::Retry { after, message })
    }

    fn event(&self, kind: Kind, sentence: String) -> Event {
        Event::new((self.clock)(), kind, sentence)
            .of(self.service())
            .digest(&self.work.plan.digest)
            .revision(self.work.revision)
    }

    fn service(&self) -> &ServiceKey {
        &self.work.plan.service
    }
}

/// Whether a call takes away what may be gone already, and nothing else.
fn deletes(action: &Action) -> bool {
    match action {
        Action::DeleteScalingPolicy { .. }
        | Action::DeleteScheduledAction { .. }
        | Action::DeregisterScalableTarget => true,
        Action::RegisterTaskDefinition { .. }
        | Action::CreateService { .. }
        | Action::UpdateService { .. }
        | Action::TagService { .. }
        | Action::UntagService { .. }
        | Action::DeleteService
        | Action::RegisterScalableTarget { .. }
        | Action::PutScalingPolicy { .. }
        | Action::PutScheduledAction { .. }
        | Action::CreateScheduleGroup { .. }
        | Action::CreateSchedule { .. }
        | Action::UpdateSchedule { .. }
        | Action::DeleteSchedule { .. }
        | Action::StopServiceDeployment { .. } => false,
    }
}

fn intent_kind(action: &Action) -> IntentKind {
    match action {
        Action::RegisterTaskDefinition { .. } => IntentKind::Register,
        // The next look tells what became of a schedule: a name is there once or not at all.
        Action::CreateService { .. } | Action::CreateScheduleGroup { .. } | Action::CreateSchedule { .. } => {
            IntentKind::Create
        }
        Action::UpdateService { .. }
        | Action::UpdateSchedule { .. }
        | Action::StopServiceDeployment { .. } => IntentKind::Update,
        Action::TagService { .. } | Action::UntagService { .. } => IntentKind::Tag,
        Action::DeleteService | Action::DeleteSchedule { .. } => IntentKind::Delete,
        Action::RegisterScalableTarget { .. }
        | Action::PutScalingPolicy { .. }
        | Action::DeleteScalingPolicy { .. }
        | Action::PutScheduledAction { .. }
        | Action::DeleteScheduledAction { .. }
        | Action::DeregisterScalableTarget => IntentKind::Scale,
    }
}

/// When to look again; `None`: not before Git changes.
pub fn retry_after(kind: ErrorKind) -> Option<Duration> {
    let seconds = match kind {
        ErrorKind::Rejected => return None,
        ErrorKind::Throttled | ErrorKind::Unreachable | ErrorKind::Server | ErrorKind::Conflict => 5,
        // Longer than the call itself may still be under way.
        ErrorKind::Unanswered => 10,
        // The service or the cluster went away under us: the next look tells.
        ErrorKind::NotFound => 10,
        // A person has to change a policy or a role; Git need not change for that.
        ErrorKind::Credentials | ErrorKind::AccessDenied => 60,
    };
    Some(Duration::from_secs(seconds))
}
