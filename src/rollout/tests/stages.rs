//! Deployments that ECS takes through stages.

use std::time::Duration;

use serde_json::{Value, json};

use super::{START, at, live, old, ours, policy, rollout};
use crate::model::{Course, Failure, LiveService, Part, Rollout, ServiceRecord, StagedDeployment};
use crate::rollout::{RollBack, Verdict, judge, roll_back};

/// Our deployment, IN_PROGRESS in this stage, with more members.
fn staged(stage: &str, more: Value) -> LiveService {
    let mut body = json!({
        "serviceDeploymentArn": "arn:aws:ecs:eu-west-1:123456789012:service-deployment/jobs/worker/d2",
        "status": "IN_PROGRESS", "lifecycleStage": stage, "createdAt": START as f64,
        "targetServiceRevision": {
            "arn": "arn:aws:ecs:eu-west-1:123456789012:service-revision/jobs/worker/2",
            "requestedTaskCount": 3, "runningTaskCount": 3, "requestedProductionTrafficWeight": 0.0,
        },
        "deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 10},
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let mut live = live(json!([ours("IN_PROGRESS", 3), old("ACTIVE", "COMPLETED")]));
    live.staged = Part::Present(StagedDeployment::from_wire(&body));
    live
}

fn hook(kind: &str, status: &str) -> Value {
    json!({
        "hookId": "h", "targetType": kind, "status": status, "expiresAt": (START + 86_400) as f64,
        "targetArn": (kind == "AWS_LAMBDA").then_some("arn:aws:lambda:eu-west-1:123456789012:function:smoke"),
    })
}

fn paused() -> LiveService {
    staged("POST_SCALE_UP", json!({"lifecycleHookDetails": [hook("PAUSE", "AWAITING_ACTION")]}))
}

fn progress(live: &LiveService, course: Option<Course>) -> String {
    let rollout = Rollout { course, ..rollout() };
    match judge(&rollout, &policy(), live, at(START + 60)) {
        Verdict::Progressing { sentence } | Verdict::Paused { sentence } => sentence,
        other => panic!("{other:?}"),
    }
}

fn failure(live: &LiveService) -> Box<Failure> {
    match judge(&rollout(), &policy(), live, at(START + 60)) {
        Verdict::RolledBackByEcs(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn share(production: f64) -> Value {
    json!({
        "arn": "arn:aws:ecs:eu-west-1:123456789012:service-revision/jobs/worker/2", "requestedTaskCount": 3,
        "runningTaskCount": 3, "requestedProductionTrafficWeight": production,
    })
}

#[test]
fn a_stage_says_green_its_traffic_and_until_when_it_bakes() {
    let mut live = staged("BAKE_TIME", json!({"targetServiceRevision": share(100.0)}));
    live.target_health = Some((2, 3));
    let course = Course { stage: "BAKE_TIME".to_owned(), since: at(START), ..Course::default() };
    assert_eq!(
        progress(&live, Some(course)),
        "green 2 of 3 healthy · 100 % of production traffic · bakes until 00:26"
    );
}

#[test]
fn a_step_says_when_the_next_one_comes() {
    let live = staged(
        "PRODUCTION_TRAFFIC_SHIFT",
        json!({
            "targetServiceRevision": share(12.5),
            "deploymentConfiguration": {"strategy": "CANARY", "canaryConfiguration": {"canaryBakeTimeInMinutes": 3}},
        }),
    );
    let course =
        Course { stage: "PRODUCTION_TRAFFIC_SHIFT".to_owned(), since: at(START), ..Course::default() };
    assert_eq!(
        progress(&live, Some(course)),
        "green 3 of 3 running · 12.5 % of production traffic · next step at 00:19"
    );
    assert_eq!(progress(&live, None), "green 3 of 3 running · 12.5 % of production traffic");
}

#[test]
fn a_pause_says_who_must_do_what_until_when_and_what_happens_otherwise() {
    assert_eq!(
        progress(&paused(), None),
        "waits for a person at POST_SCALE_UP (green 3 of 3 running · 0 % of production traffic): \
         `reconciler continue worker`, or `reconciler abort worker` to go back; unanswered, ECS takes it back \
         at 1970-01-02 00:16"
    );
}

#[test]
fn neither_a_pause_nor_the_bake_time_uses_up_the_time_for_a_rollout() {
    let judged = |live: &LiveService, course: Option<Course>, seconds: i64| {
        let rollout = Rollout { course, ..rollout() };
        matches!(judge(&rollout, &policy(), live, at(START + seconds)), Verdict::Failed(_))
    };
    // Ten minutes are given; ten more are ECS's own, once there is something to bake.
    let starting = staged("SCALE_UP", json!({}));
    assert!(!judged(&starting, None, 599));
    assert!(judged(&starting, None, 600));
    let baking = staged("BAKE_TIME", json!({"targetServiceRevision": share(100.0)}));
    assert!(!judged(&baking, None, 1_199));
    assert!(judged(&baking, None, 1_200));
    assert!(!judged(&paused(), None, 80_000));
    let waited = Course { paused: Duration::from_secs(3_600), ..Course::default() };
    assert!(!judged(&baking, Some(waited.clone()), 4_799));
    assert!(judged(&baking, Some(waited), 4_800));
}

#[test]
fn the_judge_of_ecs_that_went_back_is_named() {
    let gone_back = |more: Value| {
        let mut live = staged("CLEAN_UP", more);
        if let Part::Present(staged) = &mut live.staged {
            staged.status = crate::model::ServiceDeploymentStatus::RollbackInProgress;
        }
        let failure = failure(&live);
        format!("{} (gate: {})", failure.likely_cause, failure.gate)
    };
    let of_hook = |kind: &str, status: &str| gone_back(json!({"lifecycleHookDetails": [hook(kind, status)]}));
    assert_eq!(of_hook("AWS_LAMBDA", "FAILED"), "lifecycle hook smoke failed (gate: lifecycle hook)");
    assert_eq!(
        of_hook("PAUSE", "TIMED_OUT"),
        "nobody answered the pause until 1970-01-02 00:16 (gate: lifecycle hook)"
    );
    assert_eq!(of_hook("PAUSE", "FAILED"), "stopped by hand (gate: by hand)");
    assert_eq!(
        gone_back(json!({"alarms": {"triggeredAlarmNames": ["errors"]}})),
        "CloudWatch alarm errors is in ALARM (gate: ECS alarms)"
    );
    assert_eq!(
        gone_back(json!({"rollback": {"reason": "Service deployment was stopped by a user."}})),
        "stopped by hand (gate: by hand)"
    );
    assert!(
        gone_back(json!({"deploymentCircuitBreaker": {"status": "TRIGGERED"}})).contains("circuit breaker")
    );
}

#[test]
fn what_ecs_takes_back_already_is_not_taken_back_once_more() {
    let mut live = staged("BAKE_TIME", json!({}));
    if let Part::Present(staged) = &mut live.staged {
        staged.status = crate::model::ServiceDeploymentStatus::RollbackRequested;
    }
    let back = roll_back(&rollout(), &live, &ServiceRecord::default());
    assert!(matches!(back, RollBack::ByEcs), "{back:?}");
}

#[test]
fn a_stage_that_could_not_be_read_is_no_reason_to_go_back() {
    let mut live = staged("BAKE_TIME", json!({}));
    live.staged = Part::Unreadable("access denied".to_owned());
    let verdict = judge(&rollout(), &policy(), &live, at(START + 100_000));
    assert!(matches!(verdict, Verdict::Unknown { .. }), "{verdict:?}");
}
