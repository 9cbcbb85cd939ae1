//! The verdict on a rollout, from what AWS shows at that moment.

use serde_json::json;

use super::{START, arn, at, deployment, live, old, ours, policy, rollout, service_deployment, set, stopped};
use crate::model::{LiveService, Part, Rollout, RolloutKind};
use crate::rollout::{Verdict, judge};

fn told(rollout: &Rollout, live: &LiveService, seconds_after: i64) -> String {
    match judge(rollout, &policy(), live, at(START + seconds_after)) {
        Verdict::Progressing { sentence } => format!("progressing: {sentence}"),
        Verdict::Failing { sentence } => format!("failing: {sentence}"),
        Verdict::Paused { sentence } => format!("paused: {sentence}"),
        Verdict::Completed => "completed".to_owned(),
        Verdict::RolledBackByEcs(failure) => format!("rolled back by ECS, {}", failure.gate),
        Verdict::Failed(failure) => format!("failed, {}", failure.gate),
        Verdict::Superseded { sentence } => format!("superseded: {sentence}"),
        Verdict::Unknown { sentence } => format!("unknown: {sentence}"),
    }
}

fn check(live: &LiveService, expected: &str) {
    assert_eq!(told(&rollout(), live, 60), expected);
}

#[test]
fn a_rollout_under_way_says_how_far_it_is() {
    check(
        &live(json!([ours("IN_PROGRESS", 1), old("ACTIVE", "COMPLETED")])),
        "progressing: 1 of 3 new tasks healthy",
    );
}

#[test]
fn right_after_the_call_the_deployment_wants_0_tasks_and_is_not_done() {
    let mut live = live(json!([ours("IN_PROGRESS", 0), old("ACTIVE", "COMPLETED")]));
    set(&mut live, "/deployments/0/desiredCount", 0.into());
    check(&live, "progressing: 0 of 3 new tasks healthy");
}

#[test]
fn running_tasks_behind_unhealthy_targets_are_told_apart() {
    let mut live = live(json!([ours("IN_PROGRESS", 3), old("ACTIVE", "COMPLETED")]));
    live.target_health = Some((3, 6));
    check(&live, "progressing: 3 of 3 new tasks running, 3 of 6 targets healthy");
}

#[test]
fn a_rollout_completes_when_our_deployment_does() {
    check(&live(json!([ours("COMPLETED", 3)])), "completed");
}

#[test]
fn an_older_deployment_that_completed_is_not_our_success() {
    check(
        &live(json!([old("PRIMARY", "COMPLETED"), deployment(2, 42, "ACTIVE", "FAILED", 0, START)])),
        "rolled back by ECS, ECS circuit breaker",
    );
}

#[test]
fn the_old_deployment_back_in_place_without_a_trace_is_a_roll_back() {
    check(&live(json!([old("PRIMARY", "COMPLETED")])), "rolled back by ECS, ECS circuit breaker");
}

#[test]
fn before_our_deployment_shows_nothing_is_concluded() {
    let mut rollout = rollout();
    rollout.deployment = None;
    let live = live(json!([old("PRIMARY", "COMPLETED")]));
    assert_eq!(told(&rollout, &live, 5), "unknown: our deployment does not show yet");
    assert_eq!(told(&rollout, &live, 600), "failed, deadline");
}

#[test]
fn a_look_that_is_older_than_our_deployment_condemns_nothing() {
    let before = live(json!([old("PRIMARY", "COMPLETED")]));
    assert_eq!(told(&rollout(), &before, 5), "unknown: our deployment does not show yet");
    // Nor does one that is older than the commit before it was replaced.
    let mut next = rollout();
    next.back_to = Some(arn(40));
    assert_eq!(told(&next, &before, 5), "unknown: our deployment does not show yet");
    assert_eq!(told(&next, &before, 60), "superseded: worker:41 was deployed instead");
}

#[test]
fn without_an_id_ours_is_the_one_with_our_revision_that_was_made_since() {
    let mut rollout = rollout();
    rollout.deployment = None;
    assert_eq!(
        told(&rollout, &live(json!([deployment(2, 42, "PRIMARY", "COMPLETED", 3, START - 4)])), 5),
        "completed"
    );
    let earlier = live(json!([deployment(9, 42, "PRIMARY", "COMPLETED", 3, START - 60)]));
    assert_eq!(told(&rollout, &earlier, 5), "unknown: our deployment does not show yet");
    assert_eq!(told(&rollout, &earlier, 61), "completed");
}

#[test]
fn the_service_deployments_view_remembers_a_roll_back() {
    // ECS has a state of its own for what a person asks for, as long as it lasts.
    for (status, gate) in [
        ("ROLLBACK_REQUESTED", "by hand"),
        ("ROLLBACK_IN_PROGRESS", "ECS circuit breaker"),
        ("ROLLBACK_SUCCESSFUL", "ECS circuit breaker"),
    ] {
        let mut live = live(json!([old("PRIMARY", "COMPLETED")]));
        live.deployments = Part::Present(vec![service_deployment(2, status, START)]);
        check(&live, &format!("rolled back by ECS, {gate}"));
        let mut nameless = rollout();
        nameless.deployment = None;
        assert_eq!(told(&nameless, &live, 60), format!("rolled back by ECS, {gate}"));
    }
}

#[test]
fn a_roll_back_that_failed_is_ours_to_mend() {
    let mut live = live(json!([ours("FAILED", 0)]));
    live.deployments = Part::Present(vec![service_deployment(2, "ROLLBACK_FAILED", START)]);
    check(&live, "failed, ECS circuit breaker");
}

#[test]
fn an_earlier_roll_back_is_old_news() {
    let mut live = live(json!([ours("IN_PROGRESS", 2)]));
    live.deployments = Part::Present(vec![
        service_deployment(2, "IN_PROGRESS", START),
        service_deployment(1, "ROLLBACK_SUCCESSFUL", START - 500),
    ]);
    check(&live, "progressing: 2 of 3 new tasks healthy");
}

#[test]
fn the_circuit_breaker_goes_back_only_if_it_may_and_can() {
    let mut live = live(json!([ours("FAILED", 0), old("ACTIVE", "COMPLETED")]));
    check(&live, "rolled back by ECS, ECS circuit breaker");
    let mut first = rollout();
    first.back_to = None;
    assert_eq!(told(&first, &live, 60), "failed, ECS circuit breaker");
    set(&mut live, "/deploymentConfiguration/deploymentCircuitBreaker/rollback", false.into());
    check(&live, "failed, ECS circuit breaker");
}

#[test]
fn stopped_by_its_own_failure_or_by_a_newer_deployment() {
    let mut own = live(json!([ours("FAILED", 0)]));
    own.deployments = Part::Present(vec![service_deployment(2, "STOPPED", START)]);
    check(&own, "failed, ECS circuit breaker");
    let mut newer = live(json!([deployment(3, 43, "PRIMARY", "IN_PROGRESS", 0, START + 30)]));
    newer.deployments = Part::Present(vec![
        service_deployment(3, "IN_PROGRESS", START + 30),
        service_deployment(2, "STOPPED", START),
    ]);
    check(&newer, "superseded: worker:43 was deployed instead");
}

#[test]
fn somebody_elses_deployment_supersedes_ours() {
    check(
        &live(json!([
            deployment(3, 43, "PRIMARY", "IN_PROGRESS", 0, START + 30),
            deployment(2, 42, "ACTIVE", "IN_PROGRESS", 1, START)
        ])),
        "superseded: worker:43 was deployed instead",
    );
    check(
        &live(json!([deployment(3, 43, "PRIMARY", "COMPLETED", 3, START + 30)])),
        "superseded: worker:43 was deployed instead",
    );
}

#[test]
fn a_service_that_goes_away_takes_its_rollout_along() {
    let mut draining = live(json!([ours("IN_PROGRESS", 1)]));
    set(&mut draining, "/status", "DRAINING".into());
    check(&draining, "superseded: the service is being deleted");
    assert_eq!(told(&rollout(), &LiveService::absent(), 5), "unknown: AWS does not show the service yet");
    assert_eq!(told(&rollout(), &LiveService::absent(), 90), "superseded: the service is gone");
}

#[test]
fn what_could_not_be_read_is_not_judged() {
    let mut unreadable = LiveService::absent();
    unreadable.service = Part::Unreadable("throttled".to_owned());
    assert_eq!(told(&rollout(), &unreadable, 5000), "unknown: the service could not be read: throttled");
}

#[test]
fn tasks_that_stop_make_a_rollout_fail_before_the_judge_speaks() {
    let mut live = live(json!([ours("IN_PROGRESS", 0), old("ACTIVE", "COMPLETED")]));
    let task = stopped(
        Some(137),
        "OutOfMemoryError: Container killed due to memory usage",
        "Essential container in task exited",
    );
    live.stopped_tasks = vec![task.clone(), task.clone(), task];
    check(&live, "failing: 3 tasks stopped: exit 137, OutOfMemoryError");
}

#[test]
fn tasks_of_other_deployments_and_ordinary_replacements_are_no_failure() {
    let mut live = live(json!([ours("IN_PROGRESS", 1), old("ACTIVE", "COMPLETED")]));
    let mut of_the_old = stopped(Some(1), "", "Essential container in task exited");
    of_the_old.started_by = "ecs-svc/1".to_owned();
    let replaced = stopped(Some(0), "", "Scaling activity initiated by (deployment ecs-svc/2)");
    live.stopped_tasks = vec![of_the_old, replaced];
    check(&live, "progressing: 1 of 3 new tasks healthy");
}

#[test]
fn failed_tasks_count_though_none_is_shown() {
    let mut live = live(json!([ours("IN_PROGRESS", 0)]));
    set(&mut live, "/deployments/0/failedTasks", 2.into());
    check(&live, "failing: 2 tasks failed to start");
}

#[test]
fn the_deadline_counts_on_ecs_own_clock() {
    let live = live(json!([
        deployment(2, 42, "PRIMARY", "IN_PROGRESS", 1, START + 100),
        old("ACTIVE", "COMPLETED")
    ]));
    assert_eq!(told(&rollout(), &live, 699), "progressing: 1 of 3 new tasks healthy");
    assert_eq!(told(&rollout(), &live, 700), "failed, deadline");
}

#[test]
fn without_a_rollout_state_counts_and_targets_must_do() {
    let mut live = live(json!([ours("", 3)]));
    check(&live, "completed");
    live.target_health = Some((2, 3));
    check(&live, "progressing: 3 of 3 new tasks running, 2 of 3 targets healthy");
    live.target_health = None;
    set(&mut live, "/runningCount", 2.into());
    check(&live, "progressing: 3 of 3 new tasks healthy");
}

#[test]
fn a_state_that_never_moves_is_judged_by_its_tasks_at_the_deadline() {
    let mut live = live(json!([ours("IN_PROGRESS", 3)]));
    check(&live, "progressing: 3 of 3 new tasks healthy");
    assert_eq!(told(&rollout(), &live, 600), "completed");
    live.stopped_tasks = vec![stopped(Some(1), "", "Essential container in task exited")];
    assert_eq!(told(&rollout(), &live, 600), "failed, deadline");
}

#[test]
fn a_roll_back_is_judged_by_the_old_deployment_that_ecs_revives() {
    let mut back = rollout();
    back.kind = RolloutKind::RollBack;
    back.task_definition = arn(41);
    back.deployment = None;
    back.back_to = None;
    let reviving =
        live(json!([old("PRIMARY", "IN_PROGRESS"), deployment(2, 42, "ACTIVE", "FAILED", 0, START)]));
    assert_eq!(told(&back, &reviving, 60), "progressing: 3 of 3 new tasks healthy");
    assert_eq!(told(&back, &live(json!([old("PRIMARY", "COMPLETED")])), 60), "completed");
    assert_eq!(told(&back, &reviving, 600), "failed, deadline");
}
