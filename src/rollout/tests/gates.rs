//! Each gate alone: what it lets pass, what it waits for, what it refuses, and what it remembers.

use std::time::Duration;

use serde_json::{Value, json};

use super::{START, at, live, ours, rollout, service_deployment, set, stopped};
use crate::model::{
    AlarmState, AlarmsGate, GatePolicy, HttpAnswer, HttpCheck, HttpGate, LiveAlarm, LiveService, LiveTarget,
    Part, Rollout, RolloutPolicy, RunningTask, Timestamp,
};
use crate::rollout::{GatesVerdict, alarm_that_fails, alarms_before, judge_gates, watch};

/// When ECS completed it.
const DONE: i64 = START + 100;

fn policy(gates: Vec<GatePolicy>) -> RolloutPolicy {
    RolloutPolicy { timeout: seconds(600), gates, ..RolloutPolicy::default() }
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn completed() -> LiveService {
    let mut live = live(json!([ours("COMPLETED", 3)]));
    let mut done = service_deployment(2, "SUCCESSFUL", START);
    done.finished_at = Some(at(DONE));
    live.deployments = Part::Present(vec![done]);
    live
}

/// A deployment that is looked at again and again, with what its gates remember.
struct Watch {
    rollout: Rollout,
    policy: RolloutPolicy,
    /// Changes of what is remembered.
    writes: usize,
}

impl Watch {
    fn of(gates: Vec<GatePolicy>) -> Self {
        Self { rollout: rollout(), policy: policy(gates), writes: 0 }
    }

    /// One look: `pass`, `wait: …` or `fail: …`.
    fn look(&mut self, live: &LiveService, second: i64) -> String {
        // Somebody looks all the time.
        self.rollout.watched.looked_at = Some(at(second - 5));
        let watched = watch(&self.rollout, &self.policy, live, at(second));
        if watched != self.rollout.watched {
            self.writes += 1;
            self.rollout.watched = watched;
        }
        match judge_gates(&self.rollout, &self.policy, live, at(second)) {
            GatesVerdict::Passed => "pass".to_owned(),
            GatesVerdict::Waiting { sentence, .. } => {
                format!("wait: {}", sentence.strip_prefix("worker:42 is up; ").unwrap())
            }
            GatesVerdict::Failed(failure) => format!("fail: {}", failure.figures.unwrap()),
        }
    }
}

fn task(number: u8, health: &str, started: i64) -> RunningTask {
    RunningTask {
        started_by: "ecs-svc/2".to_owned(),
        started_at: Some(at(started)),
        health: health.to_owned(),
        addresses: vec![format!("10.0.0.{number}")],
    }
}

fn with_targets(states: &[(&str, &str)]) -> LiveService {
    let mut live = completed();
    let target = |(address, state): &(&str, &str)| LiveTarget {
        target_group: "group".to_owned(),
        target: format!("{address}:8080"),
        state: (*state).to_owned(),
        reason: String::new(),
        description: String::new(),
    };
    live.gates.targets = Some(Part::Present(states.iter().map(target).collect()));
    live.gates.tasks = Some(Part::Present((1..=2).map(|number| task(number, "UNKNOWN", START)).collect()));
    live
}

fn target_health() -> Vec<GatePolicy> {
    vec![GatePolicy::TargetHealth { minimum_healthy_time: seconds(30) }]
}

const HEALTHY: [(&str, &str); 2] = [("10.0.0.1", "healthy"), ("10.0.0.2", "healthy")];
const BROKEN: [(&str, &str); 2] = [("10.0.0.1", "healthy"), ("10.0.0.2", "unhealthy")];

#[test]
fn targets_have_to_be_healthy_for_so_long_by_ecs_clock() {
    let mut watch = Watch::of(target_health());
    let healthy = with_targets(&HEALTHY);
    assert_eq!(
        watch.look(&healthy, DONE + 10),
        "wait: all targets are healthy, and have to stay so until 00:18:50"
    );
    assert_eq!(watch.look(&healthy, DONE + 30), "pass");
    assert_eq!(watch.writes, 1, "nothing but when it completed");
}

#[test]
fn a_break_begins_the_healthy_time_anew() {
    let mut watch = Watch::of(target_health());
    assert!(watch.look(&with_targets(&HEALTHY), DONE + 20).starts_with("wait"));
    assert_eq!(watch.look(&with_targets(&BROKEN), DONE + 25), "wait: 1 of 2 targets are healthy");
    assert_eq!(watch.look(&with_targets(&BROKEN), DONE + 30), "wait: 1 of 2 targets are healthy");
    assert!(watch.look(&with_targets(&HEALTHY), DONE + 35).starts_with("wait: all targets"));
    assert!(watch.look(&with_targets(&HEALTHY), DONE + 64).starts_with("wait: all targets"));
    assert_eq!(watch.look(&with_targets(&HEALTHY), DONE + 65), "pass");
    assert_eq!(watch.writes, 3);
}

#[test]
fn a_break_that_nobody_looked_at_is_known_from_ecs_events() {
    let mut watch = Watch::of(target_health());
    watch.look(&with_targets(&HEALTHY), DONE + 5);
    let mut healthy = with_targets(&HEALTHY);
    let group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/1";
    let message = format!(
        "(service worker) (task 1) (port 8080) is unhealthy in (target-group {group}) due to (reason Request timed out)"
    );
    set(&mut healthy, "/events", json!([{"createdAt": (DONE + 90) as f64, "message": message}]));
    assert!(watch.look(&healthy, DONE + 100).starts_with("wait: all targets"));
    assert_eq!(watch.look(&healthy, DONE + 120), "pass");
}

#[test]
fn targets_that_never_become_healthy_fail_the_deployment() {
    let mut watch = Watch::of(target_health());
    let broken = with_targets(&BROKEN);
    assert_eq!(watch.look(&broken, DONE + 629), "wait: 1 of 2 targets are healthy");
    assert_eq!(
        watch.look(&broken, DONE + 630),
        "fail: 1 of 2 targets are healthy, 10 m after the deployment completed"
    );
}

#[test]
fn only_targets_of_our_own_deployment_count() {
    let mut watch = Watch::of(target_health());
    let draining = [HEALTHY[0], HEALTHY[1], ("10.0.0.9", "unhealthy"), ("10.0.0.8", "draining")];
    assert_eq!(watch.look(&with_targets(&draining), DONE + 60), "pass");
    assert_eq!(watch.look(&with_targets(&HEALTHY[..1]), DONE + 65), "wait: 1 of 2 targets are healthy");
    // Without addresses of their own, tasks can't be told apart.
    let mut on_instances = with_targets(&[("i-1", "healthy"), ("i-2", "unhealthy"), ("i-3", "draining")]);
    let Some(Part::Present(tasks)) = &mut on_instances.gates.tasks else { panic!() };
    tasks.iter_mut().for_each(|task| task.addresses.clear());
    assert_eq!(watch.look(&on_instances, DONE + 70), "wait: 1 of 2 targets are healthy");
}

#[test]
fn what_cannot_be_read_is_not_healthy() {
    let mut watch = Watch::of(target_health());
    let mut live = with_targets(&HEALTHY);
    live.gates.targets = Some(Part::Unreadable("access denied".to_owned()));
    assert_eq!(watch.look(&live, DONE + 60), "wait: target health can't be read: access denied");
    assert!(watch.look(&live, DONE + 700).starts_with("fail: target health can't be read"));
}

fn with_tasks(tasks: Vec<RunningTask>) -> LiveService {
    let mut live = completed();
    live.gates.tasks = Some(Part::Present(tasks));
    live
}

#[test]
fn containers_have_to_be_healthy_by_their_own_checks() {
    let gate = || vec![GatePolicy::ContainerHealth { minimum_healthy_time: seconds(30) }];
    let healthy = || vec![task(1, "HEALTHY", START), task(2, "HEALTHY", START), task(3, "HEALTHY", START)];
    let mut watch = Watch::of(gate());
    assert!(watch.look(&with_tasks(healthy()), DONE + 29).starts_with("wait: all tasks are healthy"));
    assert_eq!(watch.look(&with_tasks(healthy()), DONE + 30), "pass");
    let one_less = vec![task(1, "HEALTHY", START), task(2, "HEALTHY", START)];
    assert_eq!(watch.look(&with_tasks(one_less), DONE + 35), "wait: 2 of 3 tasks are HEALTHY");
    let mut sick = healthy();
    sick[1].health = "UNHEALTHY".to_owned();
    sick[2].health = "UNKNOWN".to_owned();
    assert_eq!(
        watch.look(&with_tasks(sick), DONE + 40),
        "wait: 1 of 3 tasks are HEALTHY, 1 UNHEALTHY, 1 UNKNOWN"
    );
    // One that took another's place while nobody looked is as young as it is.
    let mut watch = Watch::of(gate());
    let mut replaced = healthy();
    replaced[0] = task(4, "HEALTHY", DONE + 80);
    assert!(watch.look(&with_tasks(replaced.clone()), DONE + 100).starts_with("wait"));
    assert_eq!(watch.look(&with_tasks(replaced), DONE + 110), "pass");
    // Those of an older deployment say nothing.
    let mut old = healthy();
    old.push(RunningTask { started_by: "ecs-svc/1".to_owned(), ..task(9, "UNHEALTHY", 0) });
    assert_eq!(watch.look(&with_tasks(old), DONE + 200), "pass");
}

fn alarm(state: AlarmState, since: i64) -> Part<LiveAlarm> {
    Part::Present(LiveAlarm {
        state,
        reason: "Threshold Crossed: 2 datapoints.".to_owned(),
        since: at(since),
    })
}

fn with_alarm(alarm: Part<LiveAlarm>) -> LiveService {
    let mut live = completed();
    live.gates.alarms.insert("api-5xx".to_owned(), alarm);
    live
}

fn alarms(strict: bool) -> Vec<GatePolicy> {
    vec![GatePolicy::Alarms(AlarmsGate { names: vec!["api-5xx".to_owned()], strict })]
}

#[test]
fn an_alarm_speaks_against_a_deployment_only_if_it_went_off_during_it() {
    let look = |strict, part| Watch::of(alarms(strict)).look(&with_alarm(part), DONE + 5);
    assert_eq!(look(false, alarm(AlarmState::Ok, 0)), "pass");
    assert_eq!(look(true, alarm(AlarmState::InsufficientData, START + 5)), "pass");
    assert_eq!(
        look(false, alarm(AlarmState::Alarm, START + 40)),
        "fail: alarm api-5xx is in ALARM, 40 s after the deployment began: Threshold Crossed: 2 datapoints"
    );
    assert_eq!(look(false, alarm(AlarmState::Alarm, START - 600)), "pass");
    assert_eq!(
        look(true, alarm(AlarmState::Alarm, START - 600)),
        "fail: alarm api-5xx is in ALARM, since 1970-01-01 00:06, before the deployment began: Threshold Crossed: 2 datapoints"
    );
    assert_eq!(look(false, Part::Absent), "wait: alarm api-5xx does not exist");
    assert_eq!(
        look(false, Part::Unreadable("throttled".to_owned())),
        "wait: alarm api-5xx can't be read: throttled"
    );
    let mut late = Watch::of(alarms(false));
    late.look(&with_alarm(Part::Absent), DONE + 1);
    assert!(
        late.look(&with_alarm(Part::Absent), DONE + 600).starts_with("fail: alarm api-5xx does not exist")
    );
}

#[test]
fn an_alarm_stops_a_deployment_that_is_still_under_way_and_an_old_one_is_told() {
    let mut under_way = live(json!([ours("IN_PROGRESS", 1)]));
    let mut fails = |part| {
        under_way.gates.alarms.insert("api-5xx".to_owned(), part);
        let failure = alarm_that_fails(&rollout(), &policy(alarms(false)), &under_way, at(START + 50));
        (failure.map(|it| it.likely_cause), alarms_before(&rollout(), &policy(alarms(false)), &under_way))
    };
    assert_eq!(fails(alarm(AlarmState::Ok, 0)), (None, vec![]));
    assert_eq!(fails(Part::Absent), (None, vec![]));
    assert_eq!(fails(alarm(AlarmState::Alarm, START - 1)), (None, vec!["api-5xx".to_owned()]));
    let (cause, old) = fails(alarm(AlarmState::Alarm, START + 10));
    assert!(cause.unwrap().starts_with("alarm api-5xx is in ALARM, 10 s after") && old.is_empty());
}

fn http() -> HttpGate {
    HttpGate {
        url: "https://api.example.com/health".to_owned(),
        status: 200,
        body_contains: Some("ok".to_owned()),
        max_latency: Duration::from_millis(500),
        every: seconds(10),
        lasts: seconds(60),
        failures: 3,
    }
}

fn with_check(second: i64, took: u64, answer: Result<(u16, &str), &str>) -> LiveService {
    let mut live = completed();
    let answer = answer.map(|(status, body)| HttpAnswer { status, body: body.to_owned() });
    let check = HttpCheck {
        at: at(second),
        took: Duration::from_millis(took),
        answer: answer.map_err(str::to_owned),
    };
    live.gates.checks.insert(0, check);
    live
}

fn fine(second: i64) -> LiveService {
    with_check(second, 20, Ok((200, "all ok")))
}

#[test]
fn a_url_has_to_answer_as_it_should_until_the_end() {
    let mut watch = Watch::of(vec![GatePolicy::Http(http())]);
    assert_eq!(
        watch.look(&completed(), DONE + 1),
        "wait: GET https://api.example.com/health was not asked yet"
    );
    assert_eq!(
        watch.look(&fine(DONE + 5), DONE + 5),
        "wait: GET https://api.example.com/health answers, checked until 00:19:20"
    );
    assert_eq!(watch.look(&fine(DONE + 60), DONE + 60), "pass");
    assert_eq!(watch.writes, 1);
}

#[test]
fn an_answer_of_before_completion_says_nothing() {
    let mut watch = Watch::of(vec![GatePolicy::Http(http())]);
    let early = "wait: GET https://api.example.com/health was not asked yet";
    assert_eq!(watch.look(&fine(DONE - 5), DONE + 60), early);
    assert_eq!(watch.look(&fine(DONE + 65), DONE + 65), "pass");
}

#[test]
fn so_many_failures_in_a_row_are_a_failure_and_one_success_forgets_them() {
    let mut watch = Watch::of(vec![GatePolicy::Http(http())]);
    let down = |second| with_check(second, 20, Ok((503, "")));
    let first = "wait: GET https://api.example.com/health: status 503, and 200 is wanted, 1 of 3 failures";
    assert_eq!(watch.look(&down(DONE + 5), DONE + 5), first);
    // The same check, seen twice.
    assert_eq!(watch.look(&down(DONE + 5), DONE + 10), first);
    assert!(watch.look(&down(DONE + 15), DONE + 15).ends_with("2 of 3 failures"));
    assert!(
        watch
            .look(&fine(DONE + 25), DONE + 25)
            .starts_with("wait: GET https://api.example.com/health answers")
    );
    for second in [35, 45] {
        assert!(watch.look(&down(DONE + second), DONE + second).starts_with("wait"));
    }
    // A restart in between forgets nothing: it is all in the ledger.
    let known = serde_json::to_string(&watch.rollout).unwrap();
    watch.rollout = serde_json::from_str(&known).unwrap();
    assert_eq!(
        watch.look(&down(DONE + 55), DONE + 55),
        "fail: GET https://api.example.com/health: status 503, and 200 is wanted; 3 checks failed one after the other"
    );
}

#[test]
fn status_body_latency_and_silence_are_each_told() {
    let why = |took, answer| {
        let live = with_check(DONE + 5, took, answer);
        Watch::of(vec![GatePolicy::Http(http())]).look(&live, DONE + 5)
    };
    let begins = |said: String, expected: &str| {
        let expected = format!("wait: GET https://api.example.com/health: {expected}, 1 of 3 failures");
        assert_eq!(said, expected);
    };
    begins(why(20, Ok((302, "ok"))), "status 302, and 200 is wanted");
    begins(why(20, Ok((200, "starting"))), "the body does not contain \"ok\"");
    begins(why(750, Ok((200, "ok"))), "it took 750 ms, and 500 ms are allowed");
    begins(
        why(20, Err("refused: 169.254.169.254 is link-local, where metadata and credentials are")),
        "refused: 169.254.169.254 is link-local, where metadata and credentials are",
    );
}

#[test]
fn a_failure_at_the_end_is_not_passed_over() {
    let mut watch = Watch::of(vec![GatePolicy::Http(http())]);
    watch.look(&fine(DONE + 5), DONE + 5);
    let down = with_check(DONE + 58, 20, Err("connection refused"));
    assert!(watch.look(&down, DONE + 60).ends_with("connection refused, 1 of 3 failures"));
    assert_eq!(watch.look(&fine(DONE + 68), DONE + 68), "pass");
}

fn bakes() -> Vec<GatePolicy> {
    vec![GatePolicy::BakeTime(seconds(300))]
}

fn with_stopped(wanted: i64, times: &[i64], reason: &str) -> LiveService {
    let mut live = completed();
    set(&mut live, "/desiredCount", Value::from(wanted));
    live.stopped_tasks = times
        .iter()
        .map(|second| crate::model::StoppedTask { stopped_at: at(*second), ..stopped(Some(1), "", reason) })
        .collect();
    live
}

#[test]
fn a_deployment_bakes_until_its_time_is_over() {
    let mut watch = Watch::of(bakes());
    assert_eq!(watch.look(&completed(), DONE + 5), "wait: bakes until 00:23:20");
    assert_eq!(watch.look(&completed(), DONE + 299), "wait: bakes until 00:23:20");
    assert_eq!(watch.look(&completed(), DONE + 300), "pass");
}

#[test]
fn a_task_that_stops_while_it_bakes_fails_it_unless_it_is_one_of_many() {
    const EXITED: &str = "Essential container in task exited";
    let look = |wanted, times: &[i64], reason| {
        Watch::of(bakes()).look(&with_stopped(wanted, times, reason), DONE + 60)
    };
    assert_eq!(look(3, &[DONE + 20], EXITED), "fail: 1 task stopped: exit 1 within 5 m of bake time");
    assert!(look(10, &[DONE + 20], EXITED).starts_with("fail"));
    assert!(look(11, &[DONE + 20], EXITED).starts_with("wait"));
    assert!(look(11, &[DONE + 20, DONE + 30], EXITED).starts_with("fail"));
    // Before it completed, ECS judged.
    assert!(look(3, &[DONE - 1], EXITED).starts_with("wait"));
    assert!(look(3, &[DONE + 20], "Host EC2 (instance i-1) terminated.").starts_with("wait"));
    assert!(
        look(3, &[DONE + 20], "Scaling activity initiated by (deployment ecs-svc/2)").starts_with("wait")
    );
}

#[test]
fn bake_time_keeps_the_other_gates_judging() {
    let gates = vec![GatePolicy::Http(http()), GatePolicy::BakeTime(seconds(300))];
    let mut watch = Watch::of(gates);
    assert_eq!(
        watch.look(&fine(DONE + 100), DONE + 100),
        "wait: GET https://api.example.com/health answers, checked until 00:23:20; bakes until 00:23:20"
    );
    assert_eq!(watch.look(&fine(DONE + 300), DONE + 300), "pass");
    let gates = vec![alarms(false).remove(0), GatePolicy::BakeTime(seconds(300))];
    let fired = with_alarm(alarm(AlarmState::Alarm, DONE + 200));
    assert!(Watch::of(gates).look(&fired, DONE + 201).starts_with("fail: alarm api-5xx is in ALARM, 300 s"));
}

#[test]
fn completion_is_told_by_ecs_and_kept() {
    let mut watch = Watch::of(bakes());
    watch.look(&completed(), DONE + 200);
    assert_eq!(watch.rollout.watched.completed_at, Some(at(DONE)));
    let mut forgetful = completed();
    forgetful.deployments = Part::Absent;
    watch.look(&forgetful, DONE + 205);
    assert_eq!(watch.rollout.watched.completed_at, Some(at(DONE)));
    // Not told: the first look that saw it.
    let mut unsure = Watch::of(bakes());
    unsure.look(&forgetful, DONE + 210);
    assert_eq!(unsure.rollout.watched.completed_at, Some(Timestamp((DONE + 210) * 1000)));
}

#[test]
fn time_that_nobody_watched_does_not_count_and_a_short_restart_does_not_matter() {
    let gates = vec![GatePolicy::Http(http()), GatePolicy::BakeTime(seconds(300))];
    let policy = policy(gates);
    let mut rollout = rollout();
    let mut look = |second: i64| {
        let live = fine(DONE + second);
        rollout.watched = watch(&rollout, &policy, &live, at(DONE + second));
        match judge_gates(&rollout, &policy, &live, at(DONE + second)) {
            GatesVerdict::Passed => "pass".to_owned(),
            GatesVerdict::Waiting { sentence, .. } => sentence.rsplit_once(' ').unwrap().1.to_owned(),
            GatesVerdict::Failed(failure) => panic!("{failure:?}"),
        }
    };
    let undisturbed = Timestamp(at(DONE).0 + 300_000).time_of_day();
    assert!([5, 30, 55, 80].into_iter().all(|second| look(second) == undisturbed));
    assert_eq!(look(120), undisturbed, "a restart of half a minute");
    // Away from 120 to 420: the end would have come at 300.
    let put_off = Timestamp(at(DONE).0 + 600_000).time_of_day();
    assert_eq!(look(420), put_off);
    for second in (430..590).step_by(10) {
        assert_eq!(look(second), put_off);
    }
    assert_eq!(look(600), "pass");
}

#[test]
fn a_deployment_that_completed_while_nobody_looked_bakes_from_the_first_look_on() {
    let mut rollout = rollout();
    let policy = policy(bakes());
    rollout.watched = watch(&rollout, &policy, &completed(), at(DONE + 900));
    let verdict = judge_gates(&rollout, &policy, &completed(), at(DONE + 900));
    let GatesVerdict::Waiting { sentence, .. } = verdict else { panic!("{verdict:?}") };
    let end = at(DONE + 900 + 300).time_of_day();
    assert!(sentence.ends_with(&format!("bakes until {end}")), "{sentence}");
}
