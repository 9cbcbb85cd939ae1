//! One pass over a service that left Git: left in place, held, or one step nearer to its end.

use super::pass::{Engine, Next, WATCH_EVERY, WATCH_UNANSWERED_EVERY, stop};
use crate::execute::{self, Deletion, Execution};
use crate::journal::{Event, Kind};
use crate::ledger;
use crate::model::{Deleted, Desired, Leaving, LiveScheduledTask, LiveService, ServiceKey, ServiceRecord};
use crate::plan::{Decision, Departure, Ending, Held, ScheduleDeparture, ServicePlan, Share, Step};
use crate::report;

/// What a deletion is weighed by besides the service itself.
#[derive(Clone, Debug)]
pub(super) struct Circumstances {
    /// The name that the environment had when the ledger was opened.
    pub(super) environment: String,
    pub(super) share: Share,
    /// A service that Git asks for and that is not settled yet: deletions come last.
    pub(super) unsettled: Option<ServiceKey>,
}

impl Engine {
    /// Looks once at a service that Git no longer mentions.
    pub(super) async fn leave(
        &self,
        desired: &Desired,
        key: &ServiceKey,
        live: &LiveService,
        around: &Circumstances,
    ) -> Next {
        self.leave_or_fail(desired, key, live, around).await.unwrap_or_else(stop)
    }

    /// Looks once at a scheduled task that Git no longer mentions, and that is to go.
    pub(super) async fn leave_schedule(
        &self,
        desired: &Desired,
        key: &ServiceKey,
        live: &LiveScheduledTask,
        around: &Circumstances,
    ) -> Next {
        self.leave_schedule_or_fail(desired, key, live, around).await.unwrap_or_else(stop)
    }

    async fn leave_schedule_or_fail(
        &self,
        desired: &Desired,
        key: &ServiceKey,
        live: &LiveScheduledTask,
        around: &Circumstances,
    ) -> Result<Next, ledger::Error> {
        let record = self.notice(desired, key).await?;
        let departure = ScheduleDeparture {
            key,
            record: &record,
            live,
            desired,
            installation: &self.installation,
            environment: &around.environment,
            share: around.share,
            waits_for: around.unsettled.as_ref(),
            now: (self.now)(),
        };
        match departure.plan() {
            Ending::Gone => self.close(key, &record).await,
            Ending::Planned { plan, now } => self.end(desired, &plan, &now).await,
        }
    }

    /// Takes back that a service left Git, now that it is back. A deletion that has begun is forgotten
    /// only when all of the service is as Git wants it again.
    pub(super) async fn come_back(&self, key: &ServiceKey) -> Result<(), ledger::Error> {
        let Some(leaving) = self.ledger.record(key).and_then(|record| record.leaving) else { return Ok(()) };
        if leaving.began_at.is_none() {
            return self.ledger.update(key, |record| record.leaving = None).await;
        }
        if leaving.replaces {
            // It never left: the plan says how it goes on.
            return Ok(());
        }
        let sentence = "is back in Git: its deletion is stopped, and what is gone of it is made again";
        self.journal.tell_once(Event::new((self.now)(), Kind::Delete, sentence).of(key));
        Ok(())
    }

    async fn leave_or_fail(
        &self,
        desired: &Desired,
        key: &ServiceKey,
        live: &LiveService,
        around: &Circumstances,
    ) -> Result<Next, ledger::Error> {
        let record = self.notice(desired, key).await?;
        let departure = Departure {
            key,
            record: &record,
            live,
            desired,
            installation: &self.installation,
            environment: &around.environment,
            share: around.share,
            waits_for: around.unsettled.as_ref(),
            now: (self.now)(),
        };
        match departure.plan() {
            Ending::Gone => self.close(key, &record).await,
            Ending::Planned { plan, now } => self.end(desired, &plan, &now).await,
        }
    }

    /// Writes down since when Git does without it, once.
    async fn notice(&self, desired: &Desired, key: &ServiceKey) -> Result<ServiceRecord, ledger::Error> {
        let now = (self.now)();
        self.ledger
            .update(key, |record| {
                record.leaving.get_or_insert_with(|| Leaving {
                    revision: desired.revision.id.clone(),
                    noticed_at: now,
                    began_at: None,
                    replaces: false,
                });
            })
            .await?;
        Ok(self.ledger.record(key).unwrap_or_default())
    }

    async fn end(&self, desired: &Desired, plan: &ServicePlan, now: &[Step]) -> Result<Next, ledger::Error> {
        let key = &plan.service;
        let left = plan.left_git.as_ref();
        let revision = left.map_or(desired.revision.id.as_str(), |left| left.revision.as_str());
        let tell = |kind, sentence: String| {
            let event = Event::new((self.now)(), kind, sentence).of(key);
            self.journal.tell_once(event.revision(revision));
        };
        match &plan.decision {
            Decision::Unchanged => {
                tell(Kind::Held, report::leaving_sentence(plan));
                Ok(Next::Settled)
            }
            Decision::Held { reason, .. } => {
                let sentence = report::leaving_sentence(plan);
                tell(Kind::Held, sentence.clone());
                Ok(match reason {
                    Held::WaitsFor { service, .. } => Next::Waits(service.clone()),
                    Held::Unreadable { .. } => Next::Retry { at_least: WATCH_EVERY, why: sentence },
                    Held::Unanswered { .. } => Next::Watch(WATCH_UNANSWERED_EVERY),
                    _ => Next::Held(sentence),
                })
            }
            Decision::Change { .. } if now.is_empty() => {
                tell(Kind::Progress, report::leaving_sentence(plan));
                Ok(Next::Watch(WATCH_EVERY))
            }
            Decision::Change { .. } => {
                tell(Kind::Plan, report::leaving_sentence(plan));
                let work = Deletion {
                    service: key,
                    digest: &plan.digest,
                    cluster: &desired.environment.cluster,
                    revision,
                    replaces: false,
                    steps: now,
                };
                let (writer, ledger, journal) = (&self.writer, &self.ledger, &self.journal);
                match execute::delete(&work, writer, ledger, journal, self.now.as_ref()).await? {
                    Execution::Done { .. } => Ok(Next::Watch(WATCH_EVERY)),
                    Execution::Retry { after, message } => Ok(Next::Retry { at_least: after, why: message }),
                    Execution::Rejected { message, .. } => {
                        let why = format!("AWS refuses to delete it: {message}; delete it by hand");
                        tell(Kind::Failed, why.clone());
                        Ok(Next::Held(why))
                    }
                }
            }
        }
    }

    /// The service is gone: of its row only that it was there is kept.
    async fn close(&self, key: &ServiceKey, record: &ServiceRecord) -> Result<Next, ledger::Error> {
        let now = (self.now)();
        let Some(leaving) = &record.leaving else { return Ok(Next::Gone) };
        let task_definition = record
            .applied
            .as_ref()
            .map(|applied| &applied.task_definition)
            .or(record.last_good.as_ref().map(|good| &good.task_definition));
        let deleted = Deleted {
            at: now,
            revision: leaving.revision.clone(),
            task_definition: task_definition.cloned(),
        };
        self.ledger
            .update(key, |record| {
                *record = ServiceRecord {
                    deleted: Some(deleted),
                    // A migration that ran once did so for what it changed, not for the service: should that
                    // come back, it is not run again.
                    hook: record.hook.take(),
                    hooks: std::mem::take(&mut record.hooks),
                    // A revision that comes late is one of its content all the same.
                    unanswered: std::mem::take(&mut record.unanswered),
                    ..ServiceRecord::default()
                };
            })
            .await?;
        let sentence = match leaving.began_at {
            Some(began) => format!("is gone, {} s after its deletion began", now.since(began).as_secs()),
            None => "is gone: somebody deleted it, and Git does not ask for it any more".to_owned(),
        };
        self.journal.moved_on(key);
        self.journal.is_over(key, Kind::Override);
        self.journal.tell(Event::new(now, Kind::Settled, sentence).of(key).revision(&leaving.revision));
        Ok(Next::Gone)
    }
}
