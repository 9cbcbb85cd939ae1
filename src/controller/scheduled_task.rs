//! One pass over one scheduled task: plan, execute, and be done. A schedule has no rollout to watch.

use std::collections::BTreeMap;

use super::pass::{AS_WANTED, AS_WANTED_BUT_FOR_DRIFT, Engine, Next, stop};
use crate::execute::Work;
use crate::journal::{Event, Kind};
use crate::ledger;
use crate::model::{
    Applied, AppliedSpec, Desired, DesiredScheduledTask, Leaving, LiveScheduledTask, RolloutKind, Schedule,
    ServiceKey, ServiceRecord, TaskDefinitionArn, Workload, schedule_group_name,
};
use crate::plan::{self, Decision, ServicePlan, Wave, plan_scheduled_task};

impl Engine {
    /// Looks at one scheduled task once.
    ///
    /// `waiting_for` holds the dependencies that are not settled yet.
    pub async fn pass_scheduled_task(
        &self,
        desired: &Desired,
        task: &DesiredScheduledTask,
        live: &LiveScheduledTask,
        waiting_for: &BTreeMap<ServiceKey, Wave>,
    ) -> Next {
        self.plan_and_schedule(desired, task, live, waiting_for).await.unwrap_or_else(stop)
    }

    async fn plan_and_schedule(
        &self,
        desired: &Desired,
        task: &DesiredScheduledTask,
        live: &LiveScheduledTask,
        waiting_for: &BTreeMap<ServiceKey, Wave>,
    ) -> Result<Next, ledger::Error> {
        let key = &task.key;
        let record = self.record_as(key, Workload::ScheduledTask).await?;
        // A schedule is there or not: whatever was begun of its end is over now that Git has it again.
        if !record.workload.is_service() && record.leaving.is_some() {
            self.ledger.update(key, |record| record.leaving = None).await?;
        }
        let mut plan = plan_scheduled_task(
            task,
            live,
            Some(&record),
            &desired.environment,
            &self.installation,
            &desired.revision,
            (self.now)(),
        );
        if let Some((first, wave)) = waiting_for.first_key_value() {
            plan.wait_for(first, *wave);
        }
        let differences = match &plan.decision {
            Decision::Unchanged => return self.scheduled(desired, task, live, &record, &plan).await,
            Decision::Held { reason, .. } => return Ok(self.held(&plan, desired, &record, reason)),
            Decision::Change { differences, .. } => differences,
        };
        self.journal.moved_on(key);
        self.journal.tell(self.told_change(&plan, desired, differences));
        let work = Work {
            plan: &plan,
            task_definition_digest: &task.task_definition_digest,
            prune: task.sync.prune,
            spec: Some(&AppliedSpec::of_schedule(task)),
            looked_up: &desired.environment.looked_up(),
            service: None,
            cluster: &desired.environment.cluster,
            revision: &desired.revision.id,
            kind: RolloutKind::Deploy,
            values: &BTreeMap::new(),
            back_to: None,
        };
        match self.execute(&work).await? {
            // What a service would be watched for does not come: the next run is the schedule's.
            Next::Watch(_) => {
                self.ledger.update(key, |record| record.quarantine = None).await?;
                let runs = self.ledger.record(key).and_then(|record| record.applied);
                self.tell_scheduled(task, runs.map(|applied| applied.task_definition), None, AS_WANTED);
                Ok(Next::Settled)
            }
            next => Ok(next),
        }
    }

    /// Says of each schedule that left Git and does not go, once, that it is left in place.
    pub(super) async fn tell_schedules_left(&self, desired: &Desired) -> Result<(), ledger::Error> {
        let group =
            schedule_group_name(&self.installation, &desired.environment.name, &desired.environment.cluster);
        for (key, record) in plan::schedules_left(desired, &self.ledger.records()) {
            if record.leaving.is_some() || plan::is_pruned(record, &desired.environment) {
                continue;
            }
            let (revision, noticed_at) = (desired.revision.id.clone(), (self.now)());
            self.ledger
                .update(key, |record| {
                    record.leaving = Some(Leaving { revision, noticed_at, began_at: None, replaces: false });
                })
                .await?;
            let sentence = format!(
                "left Git in {}; its schedule is left in place and goes on running. To end it: \
                 aws scheduler delete-schedule --group-name {group} --name {key}",
                desired.revision.short()
            );
            let event = Event::new(noticed_at, Kind::Held, sentence).of(key);
            self.journal.tell(event.revision(&desired.revision.id));
        }
        Ok(())
    }

    /// The record of a name. What something of the other kind left behind under it goes when that is gone
    /// itself, except for hooks: none that is done is to be done again.
    pub(super) async fn record_as(
        &self,
        key: &ServiceKey,
        workload: Workload,
    ) -> Result<ServiceRecord, ledger::Error> {
        let record = self.ledger.record(key).unwrap_or_default();
        if record.workload == workload || record.held_by_another_kind(workload).is_some() {
            return Ok(record);
        }
        let fresh = ServiceRecord { workload, hooks: record.hooks, ..ServiceRecord::default() };
        self.ledger.update(key, |record| record.clone_from(&fresh)).await?;
        Ok(fresh)
    }

    /// Nothing differs: the ledger learns so, and what was held is no longer.
    async fn scheduled(
        &self,
        desired: &Desired,
        task: &DesiredScheduledTask,
        live: &LiveScheduledTask,
        record: &ServiceRecord,
        plan: &ServicePlan,
    ) -> Result<Next, ledger::Error> {
        let Some(schedule) = live.schedule.present() else { return Ok(Next::Settled) };
        let Some(runs) = schedule.task_definition() else { return Ok(Next::Settled) };
        let ignoring = plan.ignores_drift();
        // What somebody else put there is not what was applied.
        let spec = AppliedSpec::of_schedule(task);
        let as_applied = |applied: &Applied| {
            applied.digest == task.digest
                && applied.prune == task.sync.prune
                && applied.spec.as_ref() == Some(&spec)
        };
        let applied = !ignoring && !record.applied.as_ref().is_some_and(as_applied);
        if record.intent.is_some() || record.quarantine.is_some() || applied {
            let at = (self.now)();
            self.ledger
                .update(&task.key, |record| {
                    record.conclude_intent(&task.digest, at);
                    record.quarantine = None;
                    if ignoring {
                        return;
                    }
                    record.applied = Some(Applied {
                        digest: task.digest.clone(),
                        task_definition_digest: task.task_definition_digest.clone(),
                        task_definition: runs.clone(),
                        revision: desired.revision.id.clone(),
                        at,
                        prune: task.sync.prune,
                        spec: Some(spec),
                        looked_up: desired.environment.looked_up(),
                        kept_drift: Vec::new(),
                    });
                })
                .await?;
        }
        let as_wanted = if ignoring { AS_WANTED_BUT_FOR_DRIFT } else { AS_WANTED };
        self.tell_scheduled(task, Some(runs), Some(schedule), as_wanted);
        Ok(Next::Settled)
    }

    fn tell_scheduled(
        &self,
        task: &DesiredScheduledTask,
        runs: Option<TaskDefinitionArn>,
        live: Option<&Schedule>,
        as_wanted: &str,
    ) {
        let runs = runs.as_ref().map(ToString::to_string).unwrap_or_default();
        let enabled = live.map_or(task.schedule["State"] != "DISABLED", Schedule::is_enabled);
        let when = match enabled {
            true => task.expression(),
            false => "no time: its schedule is disabled".to_owned(),
        };
        let sentence = format!("runs {runs} at {when}, {as_wanted}");
        let event = Event::new((self.now)(), Kind::Settled, sentence);
        self.journal.tell_unless_known(event.of(&task.key).digest(&task.digest));
    }
}
