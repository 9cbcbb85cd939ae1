//! One-off tasks around a deployment: begun, asked for, followed.
//!
//! A pass never waits for a task: it asks for one, or looks what has become of it, and says when to look
//! again. What was asked for is in the ledger before ECS hears of it, so a restart goes on where it was.

use std::time::Duration;

use super::pass::{Engine, Next, WATCH_EVERY, WATCH_UNANSWERED_EVERY};
use super::taking_back::hands_off;
use crate::aws::{self, ErrorKind};
use crate::execute::{self, Asked, HookCalls, Registered};
use crate::journal::{Event, Kind, Level};
use crate::ledger;
use crate::model::{
    Desired, DesiredService, Hook, HookOutcome, HookTask, Json, LiveService, OpenHook, Part, ServiceRecord,
    TaskDefinitionArn, Timestamp, Workload,
};
use crate::plan;
use crate::report;
use crate::rollout::{self, HookVerdict};

/// The next look, where something is to be done and only has to be seen first.
pub(super) const SOON: Duration = Duration::from_millis(500);
/// For so long a task that was asked for may not show.
const SETTLE: Duration = Duration::from_secs(60);
/// For so long ECS certainly remembers a client token: half of what it says.
const TOKEN_LIFE: Duration = Duration::from_secs(12 * 60 * 60);
/// For so long ECS shows a task that has stopped.
const STOPPED_TASKS_SHOWN: Duration = Duration::from_secs(55 * 60);

/// A hook, and what it is run for.
#[derive(Clone, Copy)]
pub(super) struct Running<'a> {
    pub desired: &'a Desired,
    pub service: &'a DesiredService,
    pub live: &'a LiveService,
}

/// The service's revision, for a hook that runs it.
pub(super) enum ServiceRevision<'a> {
    Known(TaskDefinitionArn),
    /// RegisterTaskDefinition, made before the hook.
    ToRegister(&'a Json),
    /// The hook has a definition of its own.
    NotNeeded,
}

impl Engine {
    /// Goes on with the hook under way. `None`: none is, and nothing stands against planning.
    pub(super) async fn follow_hook(&self, running: Running<'_>) -> Result<Option<Next>, ledger::Error> {
        let Running { service, live, .. } = running;
        let Some(mut open) = self.ledger.record(&service.key).and_then(|record| record.hook) else {
            return Ok(None);
        };
        let wanted = service.rollout.hook(&open.digest);
        if open.asked_at.is_none() {
            if wanted.is_none() {
                self.drop_hook(service, &open).await?;
            }
            return Ok(None);
        }
        wanted.into_iter().for_each(|hook| open.renew(hook));
        let task = match (&live.hook.task, &open.task) {
            (Part::Unreadable(why), _) => {
                self.journal.tell_once(self.hook_event(running, &open, Kind::Retry, why.clone()));
                return Ok(Some(Next::Retry { at_least: WATCH_EVERY, why: why.clone() }));
            }
            (Part::Absent, None) => return self.ask_again(running, &open).await.map(Some),
            (Part::Absent, Some(_)) => return self.missing(running, &open).await.map(Some),
            (Part::Present(task), _) => task,
        };
        if open.seen_at.is_none() || open.task.as_deref() != Some(task.arn.as_str()) {
            let now = (self.now)();
            self.update_hook(service, |open| {
                open.task = Some(task.arn.clone());
                open.seen_at.get_or_insert(now);
            })
            .await?;
        }
        self.judge_hook(running, &open, task).await.map(Some)
    }

    /// Starts a hook that is due, or does the next thing on the way there.
    pub(super) async fn start_hook(
        &self,
        running: Running<'_>,
        hook: &Hook,
        revision: ServiceRevision<'_>,
    ) -> Result<Next, ledger::Error> {
        let Running { desired, service, live } = running;
        let record = self.ledger.record(&service.key).unwrap_or_default();
        let (open, begun) = self.opened(running, &record, hook).await?;
        let now = (self.now)();
        if open.not_before > now {
            return Ok(Next::Watch(open.not_before.since(now)));
        }
        let cluster = &running.desired.environment.cluster;
        let own = plan::register_hook(hook, service, &self.installation, &open.revision, cluster);
        let task_definition = match (&open.task_definition, own, revision) {
            (Some(known), ..) => Ok(known.clone()),
            (None, None, ServiceRevision::Known(known)) => Ok(known),
            // The plan has changed under it.
            (None, None, ServiceRevision::NotNeeded) => return Ok(Next::Watch(SOON)),
            (None, None, ServiceRevision::ToRegister(body)) => {
                self.register_for(running, &open, body).await?
            }
            // Whether it is registered already is looked up first, by the next observation.
            (None, Some(_), _) if begun => return Ok(Next::Watch(SOON)),
            (None, Some(body), _) => match &live.hook.revision {
                None => return Ok(Next::Watch(SOON)),
                Some(Part::Unreadable(why)) => {
                    return Ok(Next::Retry { at_least: WATCH_EVERY, why: why.clone() });
                }
                Some(Part::Present(known)) => Ok(known.clone()),
                Some(Part::Absent) => self.register_for(running, &open, &body).await?,
            },
        };
        let task_definition = match task_definition {
            Ok(task_definition) => task_definition,
            Err(next) => return Ok(next),
        };
        if open.task_definition.as_ref() != Some(&task_definition) {
            self.update_hook(service, |open| open.task_definition = Some(task_definition.clone())).await?;
        }
        let environment = &desired.environment;
        let body = plan::run_task(hook, &open, &task_definition, service, environment, &self.installation);
        self.run(running, &open, &body).await
    }

    /// The open hook for `hook`, made now if need be; and whether it was made now.
    async fn opened(
        &self,
        running: Running<'_>,
        record: &ServiceRecord,
        hook: &Hook,
    ) -> Result<(OpenHook, bool), ledger::Error> {
        let Running { desired, service, .. } = running;
        if let Some(open) = record.hook.as_ref().filter(|open| open.digest == hook.digest) {
            if open.spec == service.digest {
                return Ok((open.clone(), false));
            }
            let mut open = open.clone();
            open.renew(hook);
            open.spec = service.digest.clone();
            open.revision.clone_from(&desired.revision.id);
            let known = open.clone();
            self.ledger.update(&service.key, |record| record.hook = Some(open)).await?;
            return Ok((known, false));
        }
        if let Some(other) = &record.hook {
            self.drop_hook(service, other).await?;
        }
        let run = record.hook_runs(&hook.digest) + 1;
        let open = OpenHook::of(hook, &service.digest, &desired.revision.id, run, (self.now)());
        self.ledger.update(&service.key, |record| record.hook = Some(open.clone())).await?;
        Ok((open, true))
    }

    async fn register_for(
        &self,
        running: Running<'_>,
        open: &OpenHook,
        body: &Json,
    ) -> Result<Result<TaskDefinitionArn, Next>, ledger::Error> {
        let content = plan::content_of(body);
        let record = self.ledger.record(&running.service.key);
        if let Some(held) = plan::registration_held_by_unanswered(record.as_ref(), &content, (self.now)()) {
            let sentence = report::held_sentence(Workload::Service, &running.service.key, &held);
            self.journal.tell_once(self.hook_event(running, open, Kind::Held, sentence));
            return Ok(Err(Next::Watch(WATCH_UNANSWERED_EVERY)));
        }
        match self.calls(running, open).register(&content, body).await? {
            Registered::As { task_definition, request_id } => {
                let event = self.hook_event(running, open, Kind::Register, task_definition.to_string());
                self.journal.tell(event.request(request_id.as_deref()));
                Ok(Ok(task_definition))
            }
            Registered::Refused(error) => self.refused(running, open, &error).await.map(Err),
        }
    }

    async fn run(&self, running: Running<'_>, open: &OpenHook, body: &Json) -> Result<Next, ledger::Error> {
        match self.calls(running, open).run(body).await? {
            Asked::Started { request_id, .. } => {
                let how = match (open.asked_at, open.failures) {
                    (Some(_), _) => "found started".to_owned(),
                    (None, 0) => "started".to_owned(),
                    (None, failures) => format!("started, try {} of {}", failures + 1, open.attempts),
                };
                let event = self.hook_event(running, open, Kind::Hook, format!("{} {how}", open.name));
                self.journal.tell(event.request(request_id.as_deref()));
                Ok(Next::Watch(WATCH_EVERY))
            }
            Asked::NoRoom { reason } if rollout::is_unplaceable(&reason) => {
                let cause = format!("no place for its task: {reason}");
                self.hook_failed(running, open, rollout::hook_failure(open, &cause, None, (self.now)())).await
            }
            Asked::NoRoom { reason } => {
                self.interrupted(running, open, &format!("no room for its task: {reason}")).await
            }
            Asked::Refused(error) if is_taken(open, &error, (self.now)()) => {
                self.unknown_end(running, open).await
            }
            Asked::Refused(error) => self.refused(running, open, &error).await,
        }
    }

    /// AWS does not make a call of the hook: tried again where that may help.
    async fn refused(
        &self,
        running: Running<'_>,
        open: &OpenHook,
        error: &aws::Error,
    ) -> Result<Next, ledger::Error> {
        if error.kind == ErrorKind::Rejected && rollout::is_infrastructure(&error.message) {
            return self.interrupted(running, open, &error.message).await;
        }
        let message = error.to_string();
        let Some(after) = execute::retry_after(error.kind) else {
            let cause = format!("AWS refuses it: {message}");
            let failure = rollout::hook_failure(open, &cause, None, (self.now)());
            return self.hook_failed(running, open, failure).await;
        };
        // Deregistered under us, perhaps: it is looked for, or registered, once more.
        if error.kind == ErrorKind::Conflict {
            self.update_hook(running.service, |open| {
                if open.asked_at.is_none() {
                    open.task_definition = None;
                }
            })
            .await?;
        }
        let event = self.hook_event(running, open, Kind::Retry, message.clone());
        self.journal.tell_once(event.request(error.request_id.as_deref()));
        Ok(Next::Retry { at_least: after, why: message })
    }

    /// RunTask was asked for and not answered, and no task of it shows: asked for once more, ECS starts
    /// none that it has started before.
    async fn ask_again(&self, running: Running<'_>, open: &OpenHook) -> Result<Next, ledger::Error> {
        let Running { desired, service, live } = running;
        let age = (self.now)().since(open.asked_at.unwrap_or_default());
        let hook = service
            .rollout
            .hook(&open.digest)
            .filter(|_| hands_off(live, &self.installation, (self.now)()).is_none());
        let (Some(hook), Some(task_definition)) = (hook, &open.task_definition) else {
            if age < SETTLE {
                return Ok(Next::Watch(WATCH_EVERY));
            }
            self.ledger
                .update(&service.key, |record| record.end_hook(HookOutcome::Failed, (self.now)()))
                .await?;
            return Ok(Next::Watch(SOON));
        };
        if age >= TOKEN_LIFE {
            return self.unknown_end(running, open).await;
        }
        let environment = &desired.environment;
        let body = plan::run_task(hook, open, task_definition, service, environment, &self.installation);
        self.run(running, open, &body).await
    }

    /// RunTask named a task, and neither DescribeTasks nor ListTasks knows it.
    async fn missing(&self, running: Running<'_>, open: &OpenHook) -> Result<Next, ledger::Error> {
        let age = (self.now)().since(open.asked_at.unwrap_or_default());
        let over = match open.seen_at {
            None => age >= STOPPED_TASKS_SHOWN,
            // It was there: what does not show now is old news, until even a late end would be forgotten.
            Some(_) => age >= open.timeout() + STOPPED_TASKS_SHOWN,
        };
        match open.seen_at {
            _ if over => self.unknown_end(running, open).await,
            None if age >= SETTLE => {
                self.interrupted(running, open, "ECS does not know the task that it has named").await
            }
            None | Some(_) => Ok(Next::Watch(WATCH_EVERY)),
        }
    }

    async fn judge_hook(
        &self,
        running: Running<'_>,
        open: &OpenHook,
        task: &HookTask,
    ) -> Result<Next, ledger::Error> {
        match rollout::judge_hook(open, task, (self.now)()) {
            HookVerdict::Running => Ok(Next::Watch(WATCH_EVERY)),
            HookVerdict::Late => self.stop_late(running, open, task).await,
            HookVerdict::Succeeded => self.hook_succeeded(running, open, task).await,
            HookVerdict::Interrupted { why } => self.interrupted(running, open, &why).await,
            HookVerdict::Hopeless(failure) => self.hook_failed(running, open, *failure).await,
            HookVerdict::Failed(failure) => {
                let left = open.attempts.saturating_sub(open.failures + 1);
                let left = if planted!("tries-without-end") { 1 } else { left };
                match left > 0 && self.may_try_again(running, open) {
                    true => self.try_again(running, open, &failure).await,
                    false => self.hook_failed(running, open, *failure).await,
                }
            }
        }
    }

    async fn stop_late(
        &self,
        running: Running<'_>,
        open: &OpenHook,
        task: &HookTask,
    ) -> Result<Next, ledger::Error> {
        let after = report::span(open.timeout());
        let sentence = format!("{} has not ended after {after}; its task is stopped", open.name);
        let mut event = self.hook_event(running, open, Kind::Hook, sentence);
        event.level = Level::Warn;
        self.journal.tell_once(event);
        let reason = format!("reconciler: not ended after {after}");
        let cluster = &running.desired.environment.cluster;
        if let Err(error) = self.calls(running, open).stop(cluster, &task.arn, &reason).await? {
            let message = error.to_string();
            let event = self.hook_event(running, open, Kind::Retry, message.clone());
            self.journal.tell_once(event.request(error.request_id.as_deref()));
            let at_least = execute::retry_after(error.kind).unwrap_or(WATCH_EVERY);
            return Ok(Next::Retry { at_least, why: message });
        }
        Ok(Next::Watch(WATCH_EVERY))
    }

    /// Lets go of a hook that was not asked for. What numbers it used stay used.
    async fn drop_hook(&self, service: &DesiredService, open: &OpenHook) -> Result<(), ledger::Error> {
        let now = (self.now)();
        self.ledger
            .update(&service.key, |record| match open.run > record.hook_runs(&open.digest) + 1 {
                true => record.end_hook(HookOutcome::Failed, now),
                false => record.hook = None,
            })
            .await
    }

    pub(super) async fn update_hook(
        &self,
        service: &DesiredService,
        change: impl FnOnce(&mut OpenHook),
    ) -> Result<(), ledger::Error> {
        self.ledger
            .update(&service.key, |record| {
                if let Some(open) = &mut record.hook {
                    change(open);
                }
            })
            .await
    }

    /// What is wanted now is told afresh, once a hook of something else has ended.
    pub(super) fn moved_on(&self, running: Running<'_>, open: &OpenHook) {
        if open.spec != running.service.digest {
            self.journal.moved_on(&running.service.key);
        }
    }

    pub(super) fn calls<'a>(&'a self, running: Running<'a>, open: &'a OpenHook) -> HookCalls<'a> {
        HookCalls {
            writer: &self.writer,
            ledger: &self.ledger,
            clock: self.now.as_ref(),
            service: &running.service.key,
            spec: &open.spec,
            revision: &open.revision,
        }
    }

    pub(super) fn hook_event(
        &self,
        running: Running<'_>,
        open: &OpenHook,
        kind: Kind,
        sentence: String,
    ) -> Event {
        Event::new((self.now)(), kind, sentence)
            .of(&running.service.key)
            .digest(&open.spec)
            .revision(&open.revision)
    }
}

/// Something else goes by the token of this run, and it has had the time to show.
fn is_taken(open: &OpenHook, error: &aws::Error, now: Timestamp) -> bool {
    let settled = open.asked_at.is_some_and(|at| now.since(at) >= SETTLE);
    settled && error.code.as_deref() == Some("ConflictException")
}
