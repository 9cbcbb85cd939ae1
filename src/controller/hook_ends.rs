//! What the end of a hook's task means: done, tried again, or no deployment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::hooks::{Running, SOON};
use super::pass::{Engine, Next, WATCH_EVERY};
use super::settle::Case;
use crate::journal::{Kind, Level};
use crate::ledger;
use crate::model::{Failure, HookOutcome, HookStage, HookTask, OpenHook, Quarantine, RolloutKind};
use crate::report::{self, Aftermath};
use crate::rollout::{self, Verdict};

const BACK_OFF_MIN: Duration = Duration::from_secs(5);
const BACK_OFF_MAX: Duration = Duration::from_secs(2 * 60);

impl Engine {
    pub(super) async fn hook_succeeded(
        &self,
        running: Running<'_>,
        open: &OpenHook,
        task: &HookTask,
    ) -> Result<Next, ledger::Error> {
        let now = (self.now)();
        self.ledger
            .update(&running.service.key, |record| record.end_hook(HookOutcome::Succeeded, now))
            .await?;
        let took = task.stopped.as_ref().zip(task.started_at.or(task.created_at));
        let took =
            took.map(|(stopped, start)| format!(" in {}", report::span(stopped.stopped_at.since(start))));
        let sentence = format!("{} succeeded{}", open.name, took.unwrap_or_default());
        self.journal.tell(self.hook_event(running, open, Kind::Hook, sentence));
        self.moved_on(running, open);
        Ok(Next::Watch(SOON))
    }

    /// Whether Git still asks for the hook.
    pub(super) fn may_try_again(&self, running: Running<'_>, open: &OpenHook) -> bool {
        running.service.rollout.hook(&open.digest).is_some()
    }

    pub(super) async fn try_again(
        &self,
        running: Running<'_>,
        open: &OpenHook,
        failure: &Failure,
    ) -> Result<Next, ledger::Error> {
        let wait = back_off(open.failures + 1);
        let sentence = format!(
            "{} failed, try {} of {}: {}; tried again in {}",
            open.name,
            open.failures + 1,
            open.attempts,
            failure.likely_cause.trim_start_matches(&format!("hook {}: ", open.name)),
            report::span(wait)
        );
        let now = (self.now)();
        self.update_hook(running.service, |open| {
            open.failures += 1;
            open.since = now.plus(wait);
            open.again(now.plus(wait));
        })
        .await?;
        Ok(self.tried_again(running, open, sentence, wait))
    }

    fn tried_again(&self, running: Running<'_>, open: &OpenHook, sentence: String, wait: Duration) -> Next {
        let mut event = self.hook_event(running, open, Kind::Hook, sentence);
        event.level = Level::Warn;
        self.journal.tell(event);
        Next::Watch(wait)
    }

    /// What was no fault of the hook's costs no try, until `timeout` has passed since this try began. One
    /// that is interrupted for the first time is tried again at least once: AWS may have been away until now.
    pub(super) async fn interrupted(
        &self,
        running: Running<'_>,
        open: &OpenHook,
        why: &str,
    ) -> Result<Next, ledger::Error> {
        let now = (self.now)();
        if !self.may_try_again(running, open) {
            self.ledger
                .update(&running.service.key, |record| record.end_hook(HookOutcome::Failed, now))
                .await?;
            self.moved_on(running, open);
            return Ok(Next::Watch(SOON));
        }
        if open.interruptions > 0 && now.since(open.since) >= open.timeout() {
            let tried = report::span(now.since(open.since));
            let cause = format!("it could not run for {tried}: {why}");
            return self.hook_failed(running, open, rollout::hook_failure(open, &cause, None, now)).await;
        }
        let wait = back_off(open.interruptions + 1);
        let sentence = format!("{} could not run: {why}; tried again in {}", open.name, report::span(wait));
        self.update_hook(running.service, |open| {
            open.interruptions += 1;
            open.again(now.plus(wait));
        })
        .await?;
        Ok(self.tried_again(running, open, sentence, wait))
    }

    /// Before a deployment: nothing is deployed, and the spec is held. After it: the way of a deployment
    /// that failed.
    pub(super) async fn hook_failed(
        &self,
        running: Running<'_>,
        open: &OpenHook,
        failure: Failure,
    ) -> Result<Next, ledger::Error> {
        let Running { desired, service, live } = running;
        let record = self.ledger.record(&service.key).unwrap_or_default();
        let now = (self.now)();
        let cause = failure.likely_cause.clone();
        let tested = record.rollout.filter(|rollout| rollout.kind == RolloutKind::Deploy);
        match (open.stage, tested) {
            (HookStage::After, Some(rollout)) => {
                match rollout::judge(&rollout, &service.rollout, live, now) {
                    Verdict::Completed => {}
                    // Not to be told apart now from a deployment that took its place.
                    Verdict::Unknown { .. } => return Ok(Next::Watch(WATCH_EVERY)),
                    // It is gone: what to do about that is decided without the hook.
                    Verdict::Superseded { .. }
                    | Verdict::Progressing { .. }
                    | Verdict::Paused { .. }
                    | Verdict::Failing { .. }
                    | Verdict::RolledBackByEcs(_)
                    | Verdict::Failed(_) => {
                        self.ledger
                            .update(&service.key, |record| record.end_hook(HookOutcome::Failed, now))
                            .await?;
                        return Ok(Next::Watch(SOON));
                    }
                }
                let sentence = format!("{}: {cause} (gate: {})", rollout.task_definition, failure.gate);
                // In one write with the end of the hook: a crash must not lead to another run.
                self.ledger
                    .update(&service.key, |record| {
                        record.end_hook(HookOutcome::Failed, now);
                        record.quarantine = Some(Quarantine {
                            digest: rollout.digest.clone(),
                            task_definition: Some(rollout.task_definition.clone()),
                            deployment: rollout.deployment.clone(),
                            revision: rollout.revision.clone(),
                            failure: failure.clone(),
                            again: None,
                            by: None,
                            values: BTreeMap::new(),
                        });
                    })
                    .await?;
                self.journal.moved_on(&service.key);
                self.journal.tell(self.hook_event(running, open, Kind::Failed, sentence));
                let case = Case { desired, service, live, rollout: &rollout };
                return Box::pin(self.failed(case, failure)).await;
            }
            (HookStage::Before, _) if service.rollout.hook(&open.digest).is_some() => {
                let sentence = format!("{cause} (gate: {}); nothing was deployed", failure.gate);
                self.ledger
                    .update(&service.key, |record| {
                        record.end_hook(HookOutcome::Failed, now);
                        record.quarantine = Some(Quarantine {
                            digest: service.digest.clone(),
                            task_definition: None,
                            deployment: None,
                            revision: desired.revision.id.clone(),
                            failure,
                            again: None,
                            by: None,
                            values: BTreeMap::new(),
                        });
                    })
                    .await?;
                self.journal.moved_on(&service.key);
                self.journal.tell(self.hook_event(running, open, Kind::Failed, sentence));
                let aftermath = match live.service.present() {
                    Some(ecs) => Aftermath::Untouched {
                        task_definition: ecs.task_definition(),
                        healthy: ecs.running_count(),
                        desired: ecs.desired_count(),
                    },
                    None => Aftermath::Stays { why: "the service was not created".to_owned() },
                };
                self.report(desired, service, &aftermath);
            }
            (HookStage::Before | HookStage::After, _) => {
                self.ledger.update(&service.key, |record| record.end_hook(HookOutcome::Failed, now)).await?;
                let mut event = self.hook_event(running, open, Kind::Hook, cause);
                event.level = Level::Warn;
                self.journal.tell(event);
                self.moved_on(running, open);
            }
        }
        Ok(Next::Watch(SOON))
    }

    /// It ran, or did not: nobody can tell any more, and it must not run twice.
    pub(super) async fn unknown_end(
        &self,
        running: Running<'_>,
        open: &OpenHook,
    ) -> Result<Next, ledger::Error> {
        let cause = "ECS no longer shows its task, so it is not known how it ended";
        self.hook_failed(running, open, rollout::hook_failure(open, cause, None, (self.now)())).await
    }
}

/// Doubles from time to time.
fn back_off(times: u32) -> Duration {
    BACK_OFF_MIN.saturating_mul(1 << times.saturating_sub(1).min(8)).min(BACK_OFF_MAX)
}
