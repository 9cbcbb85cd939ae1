//! One pass over one scheduled task: plan, execute, and be done. A schedule has no rollout to watch.

use std::collections::BTreeSet;

use super::pass::{Engine, Next, stop};
use crate::execute::Work;
use crate::journal::{Event, Kind};
use crate::ledger;
use crate::model::{
    Applied, Desired, DesiredScheduledTask, LiveScheduledTask, RolloutKind, Schedule, ServiceKey,
    ServiceRecord, TaskDefinitionArn,
};
use crate::plan::{Decision, plan_scheduled_task};

impl Engine {
    /// Looks at one scheduled task once.
    ///
    /// `waiting_for` holds the dependencies that are not settled yet.
    pub async fn pass_scheduled_task(
        &self,
        desired: &Desired,
        task: &DesiredScheduledTask,
        live: &LiveScheduledTask,
        waiting_for: &BTreeSet<ServiceKey>,
    ) -> Next {
        self.plan_and_schedule(desired, task, live, waiting_for).await.unwrap_or_else(stop)
    }

    async fn plan_and_schedule(
        &self,
        desired: &Desired,
        task: &DesiredScheduledTask,
        live: &LiveScheduledTask,
        waiting_for: &BTreeSet<ServiceKey>,
    ) -> Result<Next, ledger::Error> {
        let key = &task.key;
        let record = self.record_of_task(key)?;
        let mut plan = plan_scheduled_task(
            task,
            live,
            Some(&record),
            &desired.environment,
            &self.installation,
            &desired.revision,
        );
        if let Some(first) = waiting_for.first() {
            plan.wait_for(first);
        }
        let differences = match &plan.decision {
            Decision::Unchanged => return self.scheduled(desired, task, live, &record),
            Decision::Held { reason, .. } => return Ok(self.held(&plan, desired, &record, reason)),
            Decision::Change { differences, .. } => differences,
        };
        self.tell_change(&plan, desired, differences);
        let work = Work {
            plan: &plan,
            task_definition_digest: &task.task_definition_digest,
            service: None,
            cluster: &desired.environment.cluster,
            revision: &desired.revision.id,
            kind: RolloutKind::Deploy,
            back_to: None,
        };
        match self.execute(&work).await? {
            // What a service would be watched for does not come: the next run is the schedule's.
            Next::Watch(_) => {
                self.ledger.update(key, |record| record.quarantine = None)?;
                let runs = self.ledger.record(key).and_then(|record| record.applied);
                self.tell_scheduled(task, runs.map(|applied| applied.task_definition), None);
                Ok(Next::Settled)
            }
            next => Ok(next),
        }
    }

    /// The record, without what a service of the same name left behind: it can't be there as well.
    fn record_of_task(&self, key: &ServiceKey) -> Result<ServiceRecord, ledger::Error> {
        let mut record = self.ledger.record(key).unwrap_or_default();
        if record.rollout.is_some() || record.last_good.is_some() {
            record = ServiceRecord { rollout: None, last_good: None, ..record };
            self.ledger.update(key, |stored| stored.clone_from(&record))?;
        }
        Ok(record)
    }

    /// Nothing differs: the ledger learns so, and what was held is no longer.
    fn scheduled(
        &self,
        desired: &Desired,
        task: &DesiredScheduledTask,
        live: &LiveScheduledTask,
        record: &ServiceRecord,
    ) -> Result<Next, ledger::Error> {
        let Some(schedule) = live.schedule.present() else { return Ok(Next::Settled) };
        let Some(runs) = schedule.task_definition() else { return Ok(Next::Settled) };
        let applied = record.applied.as_ref().is_none_or(|applied| applied.digest != task.digest);
        if record.intent.is_some() || record.quarantine.is_some() || applied {
            let at = (self.now)();
            self.ledger.update(&task.key, |record| {
                record.intent = None;
                record.quarantine = None;
                record.applied = Some(Applied {
                    digest: task.digest.clone(),
                    task_definition_digest: task.task_definition_digest.clone(),
                    task_definition: runs.clone(),
                    revision: desired.revision.id.clone(),
                    at,
                });
            })?;
        }
        self.tell_scheduled(task, Some(runs), Some(schedule));
        Ok(Next::Settled)
    }

    fn tell_scheduled(
        &self,
        task: &DesiredScheduledTask,
        runs: Option<TaskDefinitionArn>,
        live: Option<&Schedule>,
    ) {
        let runs = runs.as_ref().map(ToString::to_string).unwrap_or_default();
        let enabled = live.map_or(task.schedule["State"] != "DISABLED", Schedule::is_enabled);
        let when = match enabled {
            true => task.expression(),
            false => "no time: its schedule is disabled".to_owned(),
        };
        let sentence = format!("runs {runs} at {when}, as Git wants it");
        let event = Event::new((self.now)(), Kind::Settled, sentence);
        self.journal.tell_unless_known(event.of(&task.key).digest(&task.digest));
    }
}
