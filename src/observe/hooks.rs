//! What has become of a hook's task, and whether its task definition is there. Costs nothing while no
//! hook is under way.

use std::time::Duration;

use super::evidence::{log_of, stopped_task};
use super::redact::redact;
use super::{Observer, Want};
use crate::aws::Error;
use crate::model::{
    HookDefinition, HookTask, Json, LiveHook, LiveService, OpenHook, Part, TaskDefinitionArn, Timestamp,
};
use crate::rollout;

/// For so long DescribeTasks may not know a task that RunTask has just named.
const SETTLE: Duration = Duration::from_secs(60);
/// Lines of a failed container that are kept.
const LAST_WORDS_MAX: usize = 20;

impl Observer {
    /// Reads what it takes to go on with the hook under way.
    pub(super) async fn hook(&self, want: &Want<'_>, now: Timestamp) -> LiveHook {
        let mut live = LiveService::absent().hook;
        let Some(open) = want.record.and_then(|record| record.hook.as_ref()) else { return live };
        let Some(asked_at) = open.asked_at else {
            live.revision = self.hook_revision(want, open).await;
            return live;
        };
        live.task = match &open.task {
            None => self.listed(want, open).await,
            Some(task) => match self.described(open, task).await {
                Ok(None) if now.since(asked_at) >= SETTLE => self.listed(want, open).await,
                described => part(described),
            },
        };
        live
    }

    /// The revision that carries the digest of a hook's own definition; `None` where it has none, or it
    /// is known already.
    async fn hook_revision(&self, want: &Want<'_>, open: &OpenHook) -> Option<Part<TaskDefinitionArn>> {
        let hook = want.desired.rollout.hook(&open.digest).filter(|_| open.task_definition.is_none())?;
        let HookDefinition::Own { task_definition, digest } = &hook.definition else { return None };
        let family = task_definition["family"].as_str().unwrap_or_default();
        let going = want.record.map(|record| record.deregistering.as_slice()).unwrap_or_default();
        Some(part(self.registered(family, digest, going).await))
    }

    /// The task of this run as ListTasks finds it: what RunTask started before its answer was lost.
    async fn listed(&self, want: &Want<'_>, open: &OpenHook) -> Part<HookTask> {
        let started_by = open.started_by(&self.cluster, want.key());
        match self.reader.list_tasks_started_by(&self.cluster, &started_by).await {
            Err(error) => Part::Unreadable(error.to_string()),
            Ok(tasks) => match tasks.first() {
                Some(task) => part(self.described(open, task).await),
                None => Part::Absent,
            },
        }
    }

    async fn described(&self, open: &OpenHook, arn: &str) -> Result<Option<HookTask>, Error> {
        let tasks = self.reader.describe_tasks(&self.cluster, &[arn.to_owned()]).await?;
        let Some(task) = tasks.iter().find(|task| task["taskArn"] == arn) else { return Ok(None) };
        let mut task = hook_task(arn, task);
        self.last_words_of(open, &mut task).await;
        Ok(Some(task))
    }

    /// Reads the log of the container that made the task fail, if one did.
    async fn last_words_of(&self, open: &OpenHook, task: &mut HookTask) {
        let Some(stopped) = &mut task.stopped else { return };
        let Some(name) = rollout::blamed(&open.judged_by, stopped)
            .filter(|container| container.exit_code.is_some())
            .map(|container| container.name.clone())
        else {
            return;
        };
        let Some(arn) = &open.task_definition else { return };
        let Ok(revision) = self.revision(arn).await else { return };
        let Some((group, prefix)) = log_of(&revision, &name) else { return };
        let id = task.arn.rsplit('/').next().unwrap_or_default();
        let stream = format!("{prefix}/{name}/{id}");
        let lines = self.reader.last_log_lines(group, &stream, LAST_WORDS_MAX).await.unwrap_or_default();
        task.last_words = lines.iter().map(|line| redact(line)).collect();
        planted!("words-of-a-hook-unmasked" => task.last_words = lines);
        for container in stopped.containers.iter_mut().filter(|container| container.name == name) {
            container.last_lines = task.last_words.last().cloned().into_iter().collect();
        }
    }
}

fn part<T>(read: Result<Option<T>, Error>) -> Part<T> {
    match read {
        Ok(Some(value)) => Part::Present(value),
        Ok(None) => Part::Absent,
        Err(error) => Part::Unreadable(error.to_string()),
    }
}

fn hook_task(arn: &str, task: &Json) -> HookTask {
    let time = |member: &str| task[member].as_f64().map(Timestamp::from_seconds);
    HookTask {
        arn: arn.to_owned(),
        stopping: task["desiredStatus"] == "STOPPED",
        created_at: time("createdAt"),
        started_at: time("startedAt"),
        stopped: (task["lastStatus"] == "STOPPED").then(|| stopped_task(task)),
        last_words: Vec::new(),
    }
}
