//! Old revisions that may be deregistered. Looked for only after a deployment has completed, and bounded:
//! nobody waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Observer;
use crate::aws::Error;
use crate::model::{
    Desired, FieldPath, Live, LiveTaskDefinition, Schedule, ServiceKey, ServiceRecord, TaskDefinitionArn,
    Timestamp,
};
use crate::plan::{self, Decision, Kept, Plan, Quiet, Whose};

/// Revisions that are read for the first time in one look.
const READ_MAX: usize = 10;
/// Revisions that are proposed by one look.
const PROPOSED_MAX: usize = 3;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Clearing<'a> {
    pub whose: Whose<'a>,
    /// Of the service, and of hooks with definitions of their own.
    pub families: &'a [&'a str],
    pub keep: u32,
    /// What the ledger and the service itself say.
    pub in_use: &'a BTreeSet<TaskDefinitionArn>,
}

/// What one look found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OldRevisions {
    /// May go now, the oldest first.
    pub may_go: Vec<TaskDefinitionArn>,
    /// Whether there is nothing besides these.
    pub complete: bool,
}

impl Observer {
    /// Looks for old revisions. Nothing may go while any of it can't be read.
    pub async fn old_revisions(&self, clearing: Clearing<'_>, now: Timestamp) -> Result<OldRevisions, Error> {
        let mut found = OldRevisions { may_go: Vec::new(), complete: true };
        let mut reads = 0;
        for family in clearing.families {
            let active = self.reader.list_all_task_definitions(family).await?;
            if plan::surplus(&active, clearing.keep, clearing.in_use).is_empty() {
                continue;
            }
            let tasks = self.reader.list_running_tasks_of_family(&self.cluster, family).await?;
            let mut in_use = clearing.in_use.clone();
            for tasks in tasks.chunks(crate::aws::TASKS_MAX) {
                let tasks = self.reader.describe_tasks(&self.cluster, tasks).await?;
                let runs = tasks.iter().filter_map(|task| task["taskDefinitionArn"].as_str());
                in_use.extend(runs.map(|arn| TaskDefinitionArn(arn.to_owned())));
            }
            for arn in plan::surplus(&active, clearing.keep, &in_use) {
                let known = self.known_revision(&arn);
                reads += usize::from(known.is_none());
                if reads > READ_MAX || found.may_go.len() == PROPOSED_MAX {
                    found.complete = false;
                    return Ok(found);
                }
                let revision: Arc<LiveTaskDefinition> = match known {
                    Some(revision) => revision,
                    None => self.revision(&arn).await?,
                };
                if plan::may_go(&revision, clearing.whose, now) {
                    found.may_go.push(arn);
                }
            }
        }
        Ok(found)
    }

    /// Adds to the plan of each service at rest which of its old revisions `run` would deregister. What can't
    /// be read is not guessed at.
    pub async fn tell_old_revisions(
        &self,
        installation: &str,
        (desired, live, records): (&Desired, &Live, &BTreeMap<ServiceKey, ServiceRecord>),
        plan: &mut Plan,
    ) {
        let environment = &desired.environment;
        let keep = environment.sync.keep_revisions;
        let at_rest = plan.services.iter_mut().filter(|it| matches!(it.decision, Decision::Unchanged));
        for service in at_rest {
            let key = &service.service;
            let is_due = records.get(key).is_some_and(|record| plan::due(record, keep).is_some());
            if !is_due || desired.workload(key).is_none() {
                continue;
            }
            let runs = live.services.get(key).and_then(|it| it.service.present()).map(plan::run_by);
            let schedule = live.scheduled_tasks.get(key).and_then(|it| it.schedule.present());
            let mut in_use = plan::known_to_the_ledger(records);
            in_use.extend(runs.into_iter().flatten().chain(schedule.and_then(Schedule::task_definition)));
            let clearing = Clearing {
                whose: Whose { installation, key, cluster: &environment.cluster },
                families: &desired.families(key),
                keep,
                in_use: &in_use,
            };
            let Ok(found) = self.old_revisions(clearing, live.read_at).await else { continue };
            if found.may_go.is_empty() {
                continue;
            }
            let named: Vec<String> = found.may_go.iter().map(ToString::to_string).collect();
            let more = if found.complete { "" } else { "; others follow" };
            service.quiet.push(Quiet {
                path: FieldPath::root().field("taskDefinition"),
                live: Some(named.join(", ").into()),
                desired: None,
                rule: format!("nothing uses them, and {keep} newer ones stay{more}"),
                source: None,
                kept: Kept::Deregistered,
            });
        }
    }
}
