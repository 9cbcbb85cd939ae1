//! Whether a failed rollout may go better without a change in Git, and when it is tried again.

use std::time::Duration;

use super::hook::{is_infrastructure, is_unplaceable};
use crate::model::{Again, Digest, Failure, Gate, Quarantine, StoppedTask, Timestamp};

/// Tries after the first, before such a digest is held like any other.
const TRIES_MAX: u32 = 5;
/// Before the first of them; doubles with each. Capacity that is missing comes back within minutes or
/// hours, and each try costs the service a roll-back.
const TRY_AGAIN: Duration = Duration::from_secs(2 * 60);
/// The same where AWS refuses a call for something outside Git: asking costs nothing but the call.
const ASK_AGAIN: Duration = Duration::from_secs(60);
const ASK_AGAIN_MAX: Duration = Duration::from_secs(60 * 60);

/// Whether nothing but the infrastructure failed: capacity, addresses, Spot, hosts, throttling.
pub fn may_pass(failure: &Failure) -> bool {
    match failure.gate {
        Gate::EcsCircuitBreaker | Gate::Deadline => {}
        Gate::EcsAlarms
        | Gate::LifecycleHook
        | Gate::StoppedByHand
        | Gate::Superseded
        | Gate::RefusedByAws
        | Gate::Hook
        | Gate::Person => return false,
    }
    match failure.stopped_tasks.as_slice() {
        [] => failure.events.iter().any(|event| is_want_of_room(event)),
        stopped => stopped.iter().all(is_no_fault_of_the_task),
    }
}

/// ECS's service events where it can't place a task at all.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>
fn is_want_of_room(event: &str) -> bool {
    event.contains("unable to place a task") && !is_unplaceable(event)
}

fn is_no_fault_of_the_task(task: &StoppedTask) -> bool {
    match task.stop_code.as_str() {
        "SpotInterruption" | "TerminationNotice" | "InfrastructureHealth" => true,
        "TaskFailedToStart" => {
            let reasons = task.containers.iter().filter_map(|container| container.reason.as_deref());
            std::iter::once(task.stopped_reason.as_str()).chain(reasons).any(is_infrastructure)
        }
        _ => false,
    }
}

/// When a rollout that failed is tried again by itself, if it is.
pub fn again(
    before: Option<&Quarantine>,
    digest: &Digest,
    failure: &Failure,
    now: Timestamp,
) -> Option<Again> {
    let attempt = tries(before, digest) + 1;
    let due = may_pass(failure) && attempt <= TRIES_MAX;
    due.then(|| Again { at: now.plus(doubled(TRY_AGAIN, attempt)), attempt, of: Some(TRIES_MAX), by: None })
}

/// When a call is made again that AWS refuses for something outside Git.
pub fn ask_again(before: Option<&Quarantine>, digest: &Digest, now: Timestamp) -> Again {
    let attempt = tries(before, digest) + 1;
    Again { at: now.plus(doubled(ASK_AGAIN, attempt).min(ASK_AGAIN_MAX)), attempt, of: None, by: None }
}

/// Tries of this digest that came by themselves: those that a person asks for don't count.
fn tries(before: Option<&Quarantine>, digest: &Digest) -> u32 {
    before.filter(|it| it.digest == *digest).and_then(|it| it.again.as_ref()).map_or(0, |it| it.attempt)
}

fn doubled(first: Duration, attempt: u32) -> Duration {
    first.saturating_mul(1 << attempt.saturating_sub(1).min(16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StoppedContainer;

    fn failure(gate: Gate, stopped: &[(&str, &str)], events: &[&str]) -> Failure {
        let task = |(code, reason): &(&str, &str)| StoppedTask {
            task: "arn".to_owned(),
            started_by: "ecs-svc/1".to_owned(),
            stop_code: (*code).to_owned(),
            stopped_reason: (*reason).to_owned(),
            containers: vec![StoppedContainer {
                name: "app".to_owned(),
                exit_code: None,
                reason: None,
                last_line: None,
            }],
            stopped_at: Timestamp(0),
        };
        Failure {
            at: Timestamp(0),
            gate,
            likely_cause: String::new(),
            stopped_tasks: stopped.iter().map(task).collect(),
            unhealthy_targets: Vec::new(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            hook: None,
        }
    }

    #[test]
    fn what_the_infrastructure_did_may_pass_and_what_the_content_did_does_not() {
        let breaker = |stopped: &[(&str, &str)]| may_pass(&failure(Gate::EcsCircuitBreaker, stopped, &[]));
        let capacity = ("TaskFailedToStart", "Capacity is unavailable at this time. Please try again later");
        let addresses =
            ("TaskFailedToStart", "Unexpected EC2 error while attempting to Create Network Interface");
        let spot = ("SpotInterruption", "Your Spot Task was interrupted.");
        let crash = ("EssentialContainerExited", "Essential container in task exited");
        let pull = ("TaskFailedToStart", "CannotPullContainerError: pull image manifest has been retried");
        assert!(breaker(&[capacity]) && breaker(&[addresses, spot]));
        assert!(!breaker(&[crash]) && !breaker(&[pull]) && !breaker(&[capacity, crash]));
        assert!(!may_pass(&failure(Gate::Hook, &[capacity], &[])));
        assert!(!may_pass(&failure(Gate::Deadline, &[], &[])));
        let unplaced =
            "(service api) was unable to place a task. Reason: Capacity is unavailable at this time.";
        assert!(may_pass(&failure(Gate::Deadline, &[], &[unplaced])));
        let constraint = "(service api) was unable to place a task because of a placement constraint";
        assert!(!may_pass(&failure(Gate::Deadline, &[], &[constraint])));
    }

    #[test]
    fn tries_come_ever_later_and_end() {
        let digest = Digest::from_tag("a");
        let capacity =
            failure(Gate::Deadline, &[("TaskFailedToStart", "Capacity is unavailable at this time")], &[]);
        let mut quarantine = Quarantine {
            digest: digest.clone(),
            task_definition: None,
            deployment: None,
            revision: String::new(),
            failure: capacity.clone(),
            again: None,
            by: None,
        };
        let mut minutes = Vec::new();
        while let Some(next) = again(Some(&quarantine), &digest, &capacity, Timestamp(0)) {
            minutes.push(next.at.0 / 60_000);
            quarantine.again = Some(next);
        }
        assert_eq!(minutes, [2, 4, 8, 16, 32]);
        // Another digest begins anew.
        assert!(again(Some(&quarantine), &Digest::from_tag("b"), &capacity, Timestamp(0)).is_some());
        quarantine.again = None;
        let mut minutes = Vec::new();
        for _ in 0..9 {
            let next = ask_again(Some(&quarantine), &digest, Timestamp(0));
            minutes.push(next.at.0 / 60_000);
            quarantine.again = Some(next);
        }
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
