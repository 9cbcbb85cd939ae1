//! What a deployment that ECS takes through stages is doing, whom it waits for, and how long it may take.

use std::time::Duration;

use crate::model::{
    Course, Gate, LifecycleHook, LifecycleHookStatus, LiveService, Rollout, RolloutPolicy,
    ServiceDeploymentStatus, StagedDeployment, Timestamp,
};

/// A deployment that goes on only when a person says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Pause<'a> {
    pub staged: &'a StagedDeployment,
    /// When ECS decides by itself, and how. The earliest, of several.
    pub expires_at: Option<Timestamp>,
    pub continues: bool,
}

impl<'a> Pause<'a> {
    /// What a deployment waits for, if it does.
    pub fn of(staged: &'a StagedDeployment) -> Option<Self> {
        let first = staged.pauses().min_by_key(|hook| hook.expires_at.unwrap_or(Timestamp(i64::MAX)))?;
        Some(Self { staged, expires_at: first.expires_at, continues: first.continues })
    }

    /// Who must do what, until when, and what happens otherwise.
    pub fn sentence(&self, service: &str, healthy: Option<(usize, usize)>, now: Timestamp) -> String {
        let state = state_text(self.staged, healthy);
        let otherwise = match (self.expires_at, self.continues) {
            (Some(at), true) => format!("; unanswered, it goes on at {}", at.minute_seen_from(now)),
            (Some(at), false) => format!("; unanswered, ECS takes it back at {}", at.minute_seen_from(now)),
            (None, _) => String::new(),
        };
        format!(
            "waits for a person at {} ({state}): `reconciler continue {service}`, or `reconciler abort \
             {service}` to go back{otherwise}",
            self.staged.stage
        )
    }
}

/// The deployment of this rollout, where it is one with stages and was read.
pub(super) fn ours<'a>(rollout: &Rollout, live: &'a LiveService) -> Option<&'a StagedDeployment> {
    let staged = live.staged.present()?;
    let ours = match &rollout.deployment {
        Some(id) => staged.is_of(id),
        None => staged.created_at >= super::find::not_before(rollout),
    };
    ours.then_some(staged)
}

/// The deployment of this rollout, while it has stages before it.
pub fn under_way<'a>(rollout: &Rollout, live: &'a LiveService) -> Option<&'a StagedDeployment> {
    ours(rollout, live).filter(|staged| {
        matches!(staged.status, ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress)
    })
}

/// How far a deployment is: `green 3 of 3 healthy · 10 % of production traffic · bakes until 14:32`.
///
/// `healthy` are green's targets, where it has any.
pub fn stage_sentence(
    staged: &StagedDeployment,
    healthy: Option<(usize, usize)>,
    course: Option<&Course>,
    now: Timestamp,
) -> String {
    let mut parts = state(staged, healthy);
    parts.extend(doing(staged, course, now));
    parts.join(" · ")
}

/// The same without what goes on: `green 3 of 3 healthy · 10 % of production traffic`.
pub(super) fn state_text(staged: &StagedDeployment, healthy: Option<(usize, usize)>) -> String {
    state(staged, healthy).join(" · ")
}

fn state(staged: &StagedDeployment, healthy: Option<(usize, usize)>) -> Vec<String> {
    let green = &staged.green;
    let (up, how) = match healthy {
        // Targets are registered before their tasks count as running.
        Some((healthy, _)) => (i64::try_from(healthy).unwrap_or(i64::MAX).min(green.running), "healthy"),
        // Without targets, or where nobody asked for their health.
        None => (green.running, "running"),
    };
    let mut parts = vec![match green.requested {
        0 => "green not started yet".to_owned(),
        all => format!("green {} of {all} {how}", up.min(all)),
    }];
    match (green.production, green.test) {
        (Some(production), test) if production > 0.0 || test.is_none_or(|test| test == 0.0) => {
            parts.push(format!("{production} % of production traffic"));
        }
        (Some(_), Some(test)) => parts.push(format!("{test} % of test traffic, none of production")),
        (Some(_) | None, _) => {}
    }
    parts
}

/// What goes on in the present stage, where that is not plain from the numbers.
pub(super) fn doing(staged: &StagedDeployment, course: Option<&Course>, now: Timestamp) -> Option<String> {
    let running = staged
        .hooks
        .iter()
        .find(|hook| hook.function.is_some() && hook.status == LifecycleHookStatus::InProgress);
    if let Some(hook) = running {
        return Some(format!("lifecycle hook {} runs at {}", hook.name(), staged.stage));
    }
    let configuration = &staged.configuration;
    let until = |minutes: u64| {
        let since = course.filter(|course| course.stage == staged.stage)?.since;
        Some(since.plus(Duration::from_secs(60 * minutes)).minute_seen_from(now))
    };
    let full = staged.green.production.is_some_and(|percent| percent >= 100.0);
    match staged.stage.as_str() {
        "RECONCILE_SERVICE" => Some("ECS clears away what was superseded".to_owned()),
        "BAKE_TIME" => {
            let minutes = configuration["bakeTimeInMinutes"].as_u64().unwrap_or(0);
            let until = until(minutes).filter(|_| minutes > 0)?;
            Some(format!("bakes until {until}"))
        }
        "PRODUCTION_TRAFFIC_SHIFT" if !full => {
            let minutes = match configuration["strategy"].as_str()? {
                "CANARY" => configuration["canaryConfiguration"]["canaryBakeTimeInMinutes"].as_u64(),
                "LINEAR" => configuration["linearConfiguration"]["stepBakeTimeInMinutes"].as_u64(),
                _ => None,
            };
            Some(format!("next step at {}", until(minutes?)?))
        }
        "CLEAN_UP" => Some("blue is stopped".to_owned()),
        _ => None,
    }
}

/// When the rollout has taken too long, as ECS's own waits and those for people are not counted. `None`:
/// the clock stands still, because a person is waited for.
pub fn deadline(
    rollout: &Rollout,
    policy: &RolloutPolicy,
    start: Timestamp,
    staged: Option<&StagedDeployment>,
    now: Timestamp,
) -> Option<Timestamp> {
    let Some(staged) = staged else { return Some(start.plus(policy.timeout)) };
    if staged.pauses().next().is_some() && !planted!("a-person-has-a-deadline") {
        return None;
    }
    let paused = rollout.course.as_ref().map_or(Duration::ZERO, |course| course.paused_until(now));
    // Before the first step there is nothing to bake, and green that does not come up is not waited for.
    let shifting =
        !planted!("baking-is-too-slow") && staged.green.production.is_some_and(|percent| percent > 0.0);
    let baking = if shifting { staged.baking() } else { Duration::ZERO };
    Some(start.plus(policy.timeout + baking + paused))
}

/// Who took the deployment back, and why, where ECS says so.
pub(super) fn blamed(staged: &StagedDeployment, now: Timestamp) -> (Gate, String) {
    if let Some((gate, cause)) = staged.hooks.iter().rev().find_map(|hook| of_hook(hook, now)) {
        return (gate, cause);
    }
    if !staged.alarms_triggered.is_empty() {
        let (alarms, verb) = match staged.alarms_triggered.as_slice() {
            [one] => (format!("alarm {one}"), "is"),
            many => (format!("alarms {}", many.join(" and ")), "are"),
        };
        return (Gate::EcsAlarms, format!("CloudWatch {alarms} {verb} in ALARM"));
    }
    let reason = staged.rollback_reason.as_deref().unwrap_or(&staged.status_reason);
    match staged.breaker_tripped {
        false if asked_for(&staged.status, reason) => (Gate::StoppedByHand, STOPPED_BY_HAND.to_owned()),
        _ => (Gate::EcsCircuitBreaker, reason.trim_end_matches('.').to_owned()),
    }
}

pub(super) const STOPPED_BY_HAND: &str = "stopped by hand";

/// Whether a person asked for the roll-back: ECS has a state of its own for that, which does not last.
pub(super) fn asked_for(status: &ServiceDeploymentStatus, reason: &str) -> bool {
    *status == ServiceDeploymentStatus::RollbackRequested || reason.to_lowercase().contains(" user")
}

fn of_hook(hook: &LifecycleHook, now: Timestamp) -> Option<(Gate, String)> {
    let cause = match (&hook.status, &hook.function) {
        (LifecycleHookStatus::TimedOut, _) if hook.continues => return None,
        (LifecycleHookStatus::TimedOut, None) => match hook.expires_at {
            Some(at) => format!("nobody answered the pause until {}", at.minute_seen_from(now)),
            None => "nobody answered the pause".to_owned(),
        },
        (LifecycleHookStatus::TimedOut, Some(_)) => {
            format!("lifecycle hook {} did not answer in time", hook.name())
        }
        (LifecycleHookStatus::Failed, None) => {
            return Some((Gate::StoppedByHand, STOPPED_BY_HAND.to_owned()));
        }
        (LifecycleHookStatus::Failed, Some(_)) => format!("lifecycle hook {} failed", hook.name()),
        (
            LifecycleHookStatus::AwaitingAction
            | LifecycleHookStatus::InProgress
            | LifecycleHookStatus::Succeeded
            | LifecycleHookStatus::Other(_),
            _,
        ) => return None,
    };
    Some((Gate::LifecycleHook, cause))
}
