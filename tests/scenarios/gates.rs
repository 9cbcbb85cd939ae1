//! What `rollout.gates` let pass and what they refuse, and what people read of it.

use std::time::Duration;

use reconciler::controller::{Next, Wish};
use reconciler::model::{Failure, Gate, ServiceKey};
use reconciler::report::plan_json;
use serde_json::{Value, json};
use simulator::error::ApiError;
use simulator::faults::Fault;
use simulator::runtime::scripted::{Exit, Script};
use tokio_util::sync::CancellationToken;

use super::story::{all_gates, behind, gated};
use crate::world::web::Page;
use crate::world::{Memory, World, mutating, service_with};

fn key() -> ServiceKey {
    ServiceKey::new("api")
}

async fn settles(world: &mut World, manifest: String) -> Wish {
    let wish = world.commit(&[manifest]);
    assert_eq!(world.settle(&wish).await[&key()], Next::Settled, "{}", world.told());
    world.take_calls();
    wish
}

/// Applies what has to fail, with `meanwhile` going on beside it.
async fn fails(world: &mut World, manifest: String, meanwhile: impl AsyncFnOnce(&World)) -> Failure {
    let wish = world.commit(&[manifest]);
    let (standing, ()) = tokio::join!(world.settle(&wish), meanwhile(world));
    assert!(matches!(&standing[&key()], Next::Held(_)), "{}", world.told());
    let quarantine = world.record("api").quarantine.unwrap();
    assert_eq!(quarantine.digest, wish.services[&key()].digest);
    quarantine.failure
}

async fn nothing(_: &World) {}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_good_when_all_gates_let_it_pass() {
    let mut world = World::new().await;
    world.alarm("api-5xx", "OK");
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    world.web.take_asked();
    let wish = world.commit(&[gated("app:2", &all_gates("api.example"))]);
    let operator = world.operator().await;
    let look_in_between = async {
        tokio::time::sleep(seconds(60)).await;
        (world.runs("api").await, world.record("api").last_good.unwrap().task_definition.to_string())
    };
    let (_, between) = tokio::join!(world.settle_with(&operator, &wish), look_in_between);
    assert_eq!(between, ("api:2".to_owned(), "api:1".to_owned()), "completed, and not yet good");
    assert_eq!(world.record("api").last_good.unwrap().task_definition.to_string(), "api:2");
    insta::assert_snapshot!(world.told_since("app:2"), @r#"
    08:00:27  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:27  register   api:2
    08:00:27  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:32  progress   api 0 of 2 new tasks healthy
    08:00:37  progress   api 2 of 2 new tasks healthy
    08:00:47  progress   api:2 is up; all tasks are healthy, and have to stay so until 08:01:04; GET http://api.example/health answers, checked until 08:01:44; bakes until 08:01:44
    08:01:04  progress   api:2 is up; GET http://api.example/health answers, checked until 08:01:44; bakes until 08:01:44
    08:01:44  settled    api runs api:2, 2 of 2 running, after 77 s
    "#);
    // One check every ten seconds, and no more than one call a look for all alarms.
    assert_eq!(world.web.take_asked().len(), 6);
    let calls = world.take_calls();
    let times = |operation: &str| calls.iter().filter(|call| *call == operation).count();
    assert!((1..=times("DescribeServices")).contains(&times("DescribeAlarms")), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_url_that_answers_badly_takes_the_deployment_back() {
    let mut world = World::new().await;
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    world.web.set("api.example", Page::of(503, "starting"));
    let manifest = gated("app:2", "{http: {url: 'https://api.example/health'}}");
    let failure = fails(&mut world, manifest, nothing).await;
    assert_eq!((failure.gate, failure.transient), (Gate::Http, false));
    assert_eq!(world.runs("api").await, "api:1");
    insta::assert_snapshot!(world.told_since("app:2"), @r#"
    08:00:27  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:27  register   api:2
    08:00:27  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:32  progress   api 0 of 2 new tasks healthy
    08:00:37  progress   api 2 of 2 new tasks healthy
    08:00:47  progress   api:2 is up; GET https://api.example/health: status 503, and 200 is wanted, 1 of 3 failures
    08:00:57  progress   api:2 is up; GET https://api.example/health: status 503, and 200 is wanted, 2 of 3 failures
    08:01:08  failed     api:2 did not pass: GET https://api.example/health: status 503, and 200 is wanted; 3 checks failed one after the other (gate: HTTP check)
    08:01:08  rollback   api -> api:1, the last that completed · deployment ecs-svc/8571…
    08:01:13  progress   api 0 of 2 new tasks healthy
    08:01:18  progress   api 2 of 2 new tasks healthy
    08:01:28  rollback   api runs api:1 again, 2 of 2 running, after 20 s
    08:01:28  report     api did not pass the gate `http` with main@4c1f9e2. It runs api:1 again, 2 of 2 healthy.

                likely cause   GET https://api.example/health: status 503, and 200 is wanted; 3 checks failed one after the other
                what changed   image "app:1" -> "app:2"
                gate           HTTP check, 2027-01-15 08:01
                next           commit a change to service-0.yaml, or `reconciler retry api`
    08:01:28  held       api@5a38… until Git changes it; failed on 2027-01-15 08:01: GET https://api.example/health: status 503, and 200 is wanted; 3 checks failed one after the other
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_url_that_recovers_in_time_is_forgiven() {
    let mut world = World::new().await;
    world.web.set("api.example", Page::of(503, "starting"));
    let wish = world.commit(&[gated("app:1", "{http: {url: 'https://api.example/health'}}")]);
    let recovers = async {
        tokio::time::sleep(seconds(35)).await;
        world.web.set("api.example", Page::of(200, "ok"));
    };
    let (standing, ()) = tokio::join!(world.settle(&wish), recovers);
    assert_eq!(standing[&key()], Next::Settled, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_slow_url_delays_no_other_service_and_fails_for_its_latency() {
    let mut world = World::new().await;
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    world.web.set("slow.example", Page { takes: seconds(8), ..Page::of(200, "ok") });
    let gate = "{http: {url: 'https://slow.example/', maxLatency: 5s, for: 30s}}";
    let failure = fails(&mut world, gated("app:2", gate), nothing).await;
    assert!(failure.likely_cause.contains("no answer within 5100 ms"), "{}", failure.likely_cause);
}

#[tokio::test(start_paused = true)]
async fn this_machine_is_never_asked_whatever_a_manifest_says() {
    let mut world = World::new().await;
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    world.web.take_asked();
    let gate = "{http: {url: 'http://127.0.0.1:8080/admin', failures: 1}}";
    let failure = fails(&mut world, gated("app:2", gate), nothing).await;
    assert!(failure.likely_cause.contains("refused: 127.0.0.1 is this machine's own address"));
    assert!(world.web.take_asked().is_empty());
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_goes_off_while_it_bakes_takes_the_deployment_back() {
    let mut world = World::new().await;
    world.alarm("api-5xx", "OK");
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    let gates = "{alarms: {names: [api-5xx]}}, {bakeTime: 5m}";
    let failure = fails(&mut world, gated("app:2", gates), async |world: &World| {
        tokio::time::sleep(seconds(120)).await;
        world.alarm("api-5xx", "ALARM");
    })
    .await;
    assert_eq!(failure.gate, Gate::Alarms);
    assert_eq!(world.runs("api").await, "api:1");
    assert_eq!(world.record("api").last_good.unwrap().task_definition.to_string(), "api:1");
    insta::assert_snapshot!(world.told_since("app:2"), @r#"
    08:00:27  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:27  register   api:2
    08:00:27  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:32  progress   api 0 of 2 new tasks healthy
    08:00:37  progress   api 2 of 2 new tasks healthy
    08:00:47  progress   api:2 is up; bakes until 08:05:44
    08:02:32  failed     api:2 did not pass: alarm api-5xx is in ALARM, 120 s after the deployment began: Threshold Crossed: 1 datapoint [12.0] was greater than the threshold (5.0) (gate: alarms)
    08:02:32  rollback   api -> api:1, the last that completed · deployment ecs-svc/8571…
    08:02:37  progress   api 0 of 2 new tasks healthy
    08:02:42  progress   api 2 of 2 new tasks healthy
    08:02:52  rollback   api runs api:1 again, 2 of 2 running, after 20 s
    08:02:52  report     api did not pass the gate `alarms` with main@4c1f9e2. It runs api:1 again, 2 of 2 healthy.

                likely cause   alarm api-5xx is in ALARM, 120 s after the deployment began: Threshold Crossed: 1 datapoint [12.0] was greater than the threshold (5.0)
                what changed   image "app:1" -> "app:2"
                gate           alarms, 2027-01-15 08:02
                next           commit a change to service-0.yaml, or `reconciler retry api`
    08:02:52  held       api@d6a3… until Git changes it; failed on 2027-01-15 08:02: alarm api-5xx is in ALARM, 120 s after the deployment began: Threshold Crossed: 1 datapoint [12.0] was greater than the threshold (5.0)
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_a_gate_has_refused_stays_refused_although_it_would_pass_by_now() {
    let mut world = World::new().await;
    world.alarm("api-5xx", "OK");
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    let bad = world.commit(&[gated("app:2", "{alarms: {names: [api-5xx]}}, {bakeTime: 5m}")]);
    let operator = world.operator().await;
    world.run_for(&operator, &bad, seconds(60)).await;
    // Nothing may be changed when the alarm goes off, so the way back has to wait.
    world.tag("api", "reconciler/suspended", "incident 4711").await;
    world.alarm("api-5xx", "ALARM");
    world.run_for(&operator, &bad, seconds(60)).await;
    world.alarm("api-5xx", "OK");
    world.run_for(&operator, &bad, seconds(600)).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
    world.untag("api", "reconciler/suspended").await;
    world.run_for(&operator, &bad, seconds(120)).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    assert_eq!(world.record("api").quarantine.unwrap().failure.gate, Gate::Alarms);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_stops_a_deployment_that_ecs_has_not_finished() {
    let mut world = World::new().await;
    world.alarm("api-5xx", "OK");
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    let gates = "{alarms: {names: [api-5xx]}}";
    let failure = fails(&mut world, gated("app:slow", gates), async |world: &World| {
        tokio::time::sleep(seconds(20)).await;
        world.alarm("api-5xx", "ALARM");
    })
    .await;
    assert_eq!(failure.gate, Gate::Alarms);
    assert!(mutating(&world.take_calls()).contains(&"StopServiceDeployment".to_owned()));
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_was_red_before_is_told_and_does_not_count() {
    let mut world = World::new().await;
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    world.alarm("api-5xx", "ALARM");
    tokio::time::sleep(seconds(30)).await;
    let gates = "{alarms: {names: [api-5xx]}}, {bakeTime: 1m}";
    settles(&mut world, gated("app:2", gates)).await;
    insta::assert_snapshot!(world.told_since("app:2"), @r#"
    08:00:57  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:57  register   api:2
    08:00:57  update     api -> api:2 · deployment ecs-svc/2561…
    08:01:02  failing    api api-5xx was in ALARM before this deployment began, and does not count against it
    08:01:02  progress   api 0 of 2 new tasks healthy
    08:01:07  progress   api 2 of 2 new tasks healthy
    08:01:17  progress   api:2 is up; bakes until 08:02:14
    08:02:14  settled    api runs api:2, 2 of 2 running, after 77 s
    "#);
    let strict =
        fails(&mut world, gated("app:3", "{alarms: {names: [api-5xx], strict: true}}"), nothing).await;
    assert_eq!(strict.gate, Gate::Alarms);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deployed_while_an_alarm_of_its_gates_does_not_exist() {
    let mut world = World::new().await;
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    let wish = world.commit(&[gated("app:2", "{alarms: {names: [api-5xx, api-latency]}}")]);
    world.alarm("api-latency", "OK");
    let standing = world.settle(&wish).await;
    let Next::Held(why) = &standing[&key()] else { panic!("{}", world.told()) };
    assert!(why.starts_with("its gate `alarms` names what is not in CloudWatch: api-5xx; to go on"), "{why}");
    assert!(mutating(&world.take_calls()).is_empty());
    world.alarm("api-5xx", "OK");
    assert_eq!(world.settle(&wish).await[&key()], Next::Settled, "{}", world.told());
    assert_eq!(world.runs("api").await, "api:2");
}

#[tokio::test(start_paused = true)]
async fn a_plan_tells_the_gates_and_holds_what_none_could_judge() {
    let mut world = World::new().await;
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    let all = all_gates("api.example").replace("[api-5xx]", "[api-5xx, api-latency], strict: true");
    let wish = world.commit(&[gated("app:2", &all)]);
    world.alarm("api-latency", "OK");
    let says = |text: &str, lines: &[&str]| {
        for line in lines {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
    };
    let missing = "its gate `alarms` names what is not in CloudWatch: api-5xx";
    let way_out = "to go on: create the alarm, or name another in `rollout.gates`";
    let held = format!("held: {missing}\n");
    says(&world.plan_text(&wish, Memory::Ledger).await, &[&held, way_out, "1 held.\n"]);
    says(&world.status(&wish).await, &["1 service: 1 stalled", missing, way_out]);
    let held = plan_json(&world.plan(&wish, Memory::Ledger).await)["held"][0].clone();
    assert_eq!((&held["service"], &held["reason"]), (&"api".into(), &"AlarmsMissing".into()), "{held:#}");

    world.alarm("api-5xx", "OK");
    let judged_by = "\n    judged by: alarms api-5xx and api-latency, also if red before, containers healthy for \
                     20 s, GET http://api.example/health answers 200 for 30 s, 60 s of bake time\n";
    says(&world.plan_text(&wish, Memory::Ledger).await, &[judged_by]);
    let plan = plan_json(&world.plan(&wish, Memory::Ledger).await);
    assert_eq!(plan["steps"][0]["gates"], Value::Null, "a registration is judged by nobody");
    let gates = plan["steps"][1]["gates"].as_array().unwrap();
    assert_eq!(gates.len(), 4);
    let message = "alarms api-5xx and api-latency, also if red before";
    assert_eq!(gates[0], json!({"gate": "alarms", "message": message}));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_for_its_alarms_is_not_deployed() {
    let mut world = World::new().await;
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    world.alarm("api-5xx", "OK");
    let wish = world.commit(&[gated("app:2", "{alarms: {names: [api-5xx]}}")]);
    world.simulator.set_fault(Box::new(|call| match call.operation.as_str() {
        "DescribeAlarms" => Fault::RefuseBefore(ApiError::new("AccessDenied", "not allowed")),
        _ => Fault::None,
    }));
    let operator = world.operator().await;
    world.run_for(&operator, &wish, seconds(300)).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    assert!(world.told().contains("can't read alarm api-5xx of its gates"), "{}", world.told());
    world.simulator.clear_fault();
    world.settle_with(&operator, &wish).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn targets_that_fall_ill_after_completion_take_the_deployment_back() {
    let mut world = World::new().await;
    let group = world.target_group("api");
    let manifest = |image: &str| {
        let gates = "  rollout:\n    timeout: 10m\n    gates: [{targetHealth: {minimumHealthyTime: 7m}}]\n";
        behind(&group, &service_with("api", image, gates))
    };
    settles(&mut world, manifest("app:1")).await;
    // Its load balancer drains the old targets for five minutes before ECS calls it completed.
    let ill = Script { unhealthy_after: Some(seconds(360)), ..Script::default() };
    world.runtime.set_script("app:2", ill);
    let failure = fails(&mut world, manifest("app:2"), nothing).await;
    assert_eq!(failure.gate, Gate::TargetHealth);
    assert_eq!(world.runs("api").await, "api:1");
    insta::assert_snapshot!(world.told_since("app:2"), @r#"
    08:07:17  plan       api: new revision (app image "app:1" -> "app:2")
    08:07:17  register   api:2
    08:07:17  update     api -> api:2 · deployment ecs-svc/8313…
    08:07:22  progress   api 0 of 2 new tasks healthy
    08:07:27  progress   api 2 of 2 new tasks running, 2 of 4 targets healthy
    08:07:32  progress   api 2 of 2 new tasks healthy
    08:12:32  progress   api:2 is up; all targets are healthy, and have to stay so until 08:19:32
    08:13:32  progress   api:2 is up; no target of the deployment is there
    08:13:37  progress   api:2 is up; 0 of 2 targets are healthy
    08:13:52  progress   api:2 is up; all targets are healthy, and have to stay so until 08:20:52
    08:19:52  progress   api:2 is up; no target of the deployment is there
    08:19:57  progress   api:2 is up; 0 of 2 targets are healthy
    08:20:07  progress   api:2 is up; all targets are healthy, and have to stay so until 08:27:07
    08:26:07  progress   api:2 is up; 0 of 2 targets are healthy
    08:26:12  progress   api:2 is up; no target of the deployment is there
    08:26:17  progress   api:2 is up; 0 of 2 targets are healthy
    08:26:27  progress   api:2 is up; all targets are healthy, and have to stay so until 08:33:27
    08:32:27  failed     api:2 did not pass: GET health check answers 503 (target group api); this commit changed image "app:1" -> "app:2" (gate: target health)
    08:32:27  rollback   api -> api:1, the last that completed · deployment ecs-svc/4061…
    08:32:32  progress   api 0 of 2 new tasks healthy
    08:32:37  progress   api 2 of 2 new tasks running, 0 of 2 targets healthy
    08:32:42  progress   api 2 of 2 new tasks healthy
    08:37:32  rollback   api runs api:1 again, 2 of 2 running, after 305 s
    08:37:32  report     api did not pass the gate `targetHealth` with main@4c1f9e2. It runs api:1 again, 2 of 2 healthy.

                likely cause   GET health check answers 503 (target group api); this commit changed image "app:1" -> "app:2"
                what changed   image "app:1" -> "app:2"
                what we saw    8 tasks stopped in 13 m: Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/123b3fd00519798b)
                what we saw    8 targets unhealthy: Health checks failed with these codes: [503] (Target.ResponseCodeMismatch)
                ECS says       (service api) (task c952c5620043c71453de1bc5766f3a57) (port 8080) is unhealthy in (target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/123b3fd00519798b) due to (reason Health checks failed with these codes: [503]).
                gate           target health, no target of the deployment is there, 19 m after the deployment completed, 2027-01-15 08:32
                next           commit a change to service-0.yaml, or `reconciler retry api`
    08:37:32  held       api@d044… until Git changes it; failed on 2027-01-15 08:32: GET health check answers 503 (target group api); this commit changed image "app:1" -> "app:2"
    "#);
}

#[tokio::test(start_paused = true)]
async fn containers_that_fall_ill_after_completion_take_the_deployment_back() {
    let mut world = World::new().await;
    let gate = "{containerHealth: {minimumHealthyTime: 1m}}";
    settles(&mut world, gated("app:1", gate)).await;
    let ill = Script { unhealthy_after: Some(seconds(40)), ..Script::default() };
    world.runtime.set_script("app:2", ill);
    let failure = fails(&mut world, gated("app:2", gate), nothing).await;
    assert_eq!(failure.gate, Gate::ContainerHealth);
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_stops_while_it_bakes_takes_the_deployment_back() {
    let mut world = World::new().await;
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    let leak = Exit {
        after: seconds(90),
        code: 137,
        reason: Some("OutOfMemoryError: Container killed due to memory usage".to_owned()),
        last_line: "cache holds 400 MiB".to_owned(),
    };
    world.runtime.set_script("app:2", Script { exits: Some(leak), ..Script::default() });
    let failure = fails(&mut world, gated("app:2", "{bakeTime: 5m}"), nothing).await;
    assert_eq!(failure.gate, Gate::BakeTime);
    assert_eq!(world.runs("api").await, "api:1");
    insta::assert_snapshot!(world.told_since("app:2"), @r#"
    08:00:27  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:27  register   api:2
    08:00:27  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:32  progress   api 0 of 2 new tasks healthy
    08:00:37  progress   api 2 of 2 new tasks healthy
    08:00:47  progress   api:2 is up; bakes until 08:05:44
    08:02:07  failed     api:2 did not pass: containers are killed for memory (exit 137): raise the memory of app; this commit changed image "app:1" -> "app:2" (gate: bake time)
    08:02:07  rollback   api -> api:1, the last that completed · deployment ecs-svc/8959…
    08:02:12  progress   api 0 of 2 new tasks healthy
    08:02:17  progress   api 2 of 2 new tasks healthy
    08:02:27  rollback   api runs api:1 again, 2 of 2 running, after 20 s
    08:02:27  report     api did not pass the gate `bakeTime` with main@4c1f9e2. It runs api:1 again, 2 of 2 healthy.

                likely cause   containers are killed for memory (exit 137): raise the memory of app; this commit changed image "app:1" -> "app:2"
                what changed   image "app:1" -> "app:2"
                what we saw    2 tasks stopped: app exited 137, "OutOfMemoryError: Container killed due to memory usage"
                gate           bake time, 2 tasks stopped: exit 137, OutOfMemoryError within 5 m of bake time, 2027-01-15 08:02
                next           commit a change to service-0.yaml, or `reconciler retry api`
    08:02:27  held       api@6fb0… until Git changes it; failed on 2027-01-15 08:02: containers are killed for memory (exit 137): raise the memory of app; this commit changed image "app:1" -> "app:2"
    "#);
    let again = world.commit(&[gated("app:2", "{bakeTime: 5m}")]);
    insta::assert_snapshot!(world.status(&again).await, @r#"
    test   main@4c1f9e3, seen 0 s ago · 1 service: 1 rolled back

      RolledBack   api           runs :1 (2/2), wants 6fb0… (failed 2027-01-15 08:02)
                                 likely cause containers are killed for memory (exit 137): raise the memory of app; this commit changed image "app:1" -> "app:2"
                                 what changed image "app:1" -> "app:2"
                                 what we saw  2 tasks stopped: app exited 137, "OutOfMemoryError: Container killed due to memory usage"
                                 gate         bake time, 2 tasks stopped: exit 137, OutOfMemoryError within 5 m of bake time, 2027-01-15 08:02
                                 next         commit a change to service-0.yaml, or `reconciler retry api`
    "#);
}

#[tokio::test(start_paused = true)]
async fn with_on_failure_hold_what_a_gate_refused_stays_as_evidence() {
    let mut world = World::new().await;
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    world.web.set("api.example", Page::of(500, ""));
    let manifest = gated("app:2", "{http: {url: 'https://api.example/'}}");
    let manifest = manifest.replace("timeout: 5m", "timeout: 5m\n    onFailure: hold");
    fails(&mut world, manifest.clone(), nothing).await;
    assert_eq!(world.runs("api").await, "api:2");
    // Looked at again, it is held as before: ECS has completed it, and that makes it no better.
    world.web.set("api.example", Page::of(200, "ok"));
    world.take_calls();
    let wish = world.commit(&[manifest]);
    assert!(matches!(&world.settle(&wish).await[&key()], Next::Held(_)), "{}", world.told());
    assert!(mutating(&world.take_calls()).is_empty());
    assert_eq!(world.record("api").last_good.unwrap().task_definition.to_string(), "api:1");
}

#[tokio::test(start_paused = true)]
async fn a_restart_moves_the_end_of_bake_time_by_no_more_than_a_pass() {
    let good_after = async |restart: bool| {
        let mut world = World::new().await;
        let wish = world.commit(&[gated("app:1", "{bakeTime: 2m}, {containerHealth: {}}")]);
        if restart {
            let operator = world.operator().await;
            let work = operator.settle(wish.clone(), CancellationToken::new());
            assert!(tokio::time::timeout(seconds(75), work).await.is_err());
            drop(operator);
            tokio::time::sleep(seconds(20)).await;
        }
        world.settle(&wish).await;
        world.record("api").last_good.unwrap().completed_at
    };
    let (undisturbed, restarted) = (good_after(false).await, good_after(true).await);
    let apart = undisturbed.since(restarted).max(restarted.since(undisturbed));
    assert!(apart <= seconds(5), "{undisturbed} {restarted}");
}

#[tokio::test(start_paused = true)]
async fn time_in_which_no_operator_ran_is_no_bake_time() {
    let mut world = World::new().await;
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    let wish = world.commit(&[gated("app:2", "{http: {url: 'http://api.example/'}}, {bakeTime: 2m}")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, seconds(60)).await;
    assert!(world.told().contains("bakes until 08:02:"), "{}", world.told());
    drop(operator);
    tokio::time::sleep(seconds(600)).await;
    let operator = world.operator().await;
    world.run_for(&operator, &wish, seconds(20)).await;
    assert_eq!(world.record("api").last_good.unwrap().task_definition.to_string(), "api:1");
    assert!(world.told().contains("bakes until 08:12:"), "{}", world.told());
    // What it missed may happen again, and is seen this time.
    world.web.set("api.example", Page::of(500, ""));
    world.settle_with(&operator, &wish).await;
    assert_eq!(world.record("api").quarantine.unwrap().failure.gate, Gate::Http, "{}", world.told());
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn what_runs_although_a_gate_refused_it_is_stalled_and_not_ready() {
    let mut world = World::new().await;
    settles(&mut world, gated("app:1", "{bakeTime: 10s}")).await;
    world.web.set("api.example", Page::of(500, ""));
    let manifest = gated("app:2", "{http: {url: 'https://api.example/'}}");
    let manifest = manifest.replace("timeout: 5m", "timeout: 5m\n    onFailure: hold");
    fails(&mut world, manifest.clone(), nothing).await;
    let wish = world.commit(&[manifest]);
    insta::assert_snapshot!(world.status(&wish).await, @r#"
    test   main@4c1f9e3, seen 0 s ago · 1 service: 1 stalled

      Stalled      api           runs :2 (2/2); quarantined; digest b6d7… failed on 2027-01-15 08:01 (GET https://api.example/: status 500, and 200 is wanted; 3 checks failed one after the other); to try again: commit a change, or `reconciler retry api`
                                 likely cause GET https://api.example/: status 500, and 200 is wanted; 3 checks failed one after the other
                                 what changed image "app:1" -> "app:2"
                                 gate         HTTP check, 2027-01-15 08:01
                                 next         commit a change to service-0.yaml, or `reconciler retry api`
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_fix_does_not_wait_for_gates_that_still_judge() {
    let mut world = World::new().await;
    let slow = world.commit(&[gated("app:1", "{bakeTime: 1h}")]);
    let fix = world.commit(&[gated("app:2", "{bakeTime: 10s}")]);
    let operator = world.operator().await;
    world.run_through(&operator, &[(slow, seconds(60)), (fix, seconds(60))]).await;
    assert_eq!(
        world.record("api").last_good.unwrap().task_definition.to_string(),
        "api:2",
        "{}",
        world.told()
    );
}
