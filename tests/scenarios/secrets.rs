//! Secrets and parameters that have another version than the tasks were started with.

use std::time::Duration;

use reconciler::controller::{Next, Standing, Wish};
use reconciler::model::ServiceKey;
use serde_json::{Value, json};
use simulator::error::ApiError;
use simulator::faults::Fault;
use simulator::runtime::scripted::{Exit, Script};

use crate::world::canary::planted;
use crate::world::{Memory, World, compact, mutating, service};

const MINUTE: Duration = Duration::from_secs(60);
const NONE: [&str; 0] = [];

fn key(name: &str) -> ServiceKey {
    ServiceKey::new(name)
}

/// A service that is given these variables: `NAME: where from`.
fn with_secrets(name: &str, secrets: &str, sync: &str) -> String {
    let role = "    executionRoleArn: arn:aws:iam::123456789012:role/job-execution\n    cpu: 256";
    let secrets = format!("        secrets: {{{secrets}}}\n        environment:");
    let manifest =
        service(name, "app:1").replace("    cpu: 256", role).replace("        environment:", &secrets);
    format!("{manifest}  sync: {{{sync}}}\n")
}

fn database(arn: &str, sync: &str) -> String {
    with_secrets("api", &format!("DATABASE_URL: '{arn}'"), sync)
}

/// Another version of a secret, as whoever rotates it would put it.
fn rotate(world: &World, name: &str, value: &str) {
    let value = value.replace("one", &planted("one")).replace("two", &planted("two"));
    let input = json!({"SecretId": name, "SecretString": value});
    world.set_up(|account, runtime| simulator::secrets::call(account, runtime, "PutSecretValue", &input));
}

fn describe(world: &World, name: &str) -> Value {
    let input = json!({"SecretId": name});
    world.set_up(|account, runtime| simulator::secrets::call(account, runtime, "DescribeSecret", &input))
}

fn parameter(world: &World, value: &str) {
    let value = planted(value);
    let input = json!({"Name": "/jobs/key", "Value": value, "Type": "SecureString", "Overwrite": true});
    world.set_up(|account, runtime| simulator::ssm::call(account, runtime, "PutParameter", &input));
}

/// A world in which `api` runs with version one of the secret `jobs/db`.
async fn running(sync: &str) -> (World, String) {
    let mut world = World::new().await;
    let arn = world.secret("jobs/db");
    let wish = world.commit(&[database(&arn, sync)]);
    let standing = world.settle(&wish).await;
    assert_eq!(standing[&key("api")], Next::Settled, "{}", world.told());
    tokio::time::sleep(MINUTE).await;
    world.take_calls();
    (world, arn)
}

async fn settled(world: &World, wish: &Wish) -> Standing {
    let standing = world.settle(wish).await;
    assert_eq!(standing[&key("api")], Next::Settled, "{}", world.told());
    standing
}

#[tokio::test(start_paused = true)]
async fn a_rotated_secret_is_rolled_out_by_one_deployment_of_the_same_revision() {
    let (mut world, arn) = running("secrets: roll").await;
    rotate(&world, "jobs/db", "two");
    tokio::time::sleep(MINUTE).await;
    let wish = world.commit(&[database(&arn, "secrets: roll")]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 2 calls

    ~ api           starts a deployment
        taskDefinition.containerDefinitions[app]
          secrets.DATABASE_URL  "version c849918f…" -> "version dd4a7f53…"  service-0.yaml:14 · secret jobs/db has a new version since its tasks were started · with forceNewDeployment
        will: update service, watch for up to 15 m
        on failure: back to the last revision that completed

    1 to change.
    "#);
    insta::assert_snapshot!(world.status(&wish).await, @"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 reconciling

      Reconciling  api           runs :1 (2/2); starts a deployment
    ");
    world.take_calls();
    settled(&world, &wish).await;
    insta::assert_snapshot!(world.told_since("new version"), @"
    08:02:20  drift      api: secret jobs/db has a new version since its tasks were started: new deployment of the same revision
    08:02:20  update     api -> api:1 · deployment ecs-svc/2561…
    08:02:25  progress   api 0 of 2 new tasks healthy
    08:02:30  progress   api 2 of 2 new tasks healthy
    08:02:40  settled    api runs api:1, 2 of 2 running, after 20 s
    ");
    let calls = world.take_calls();
    assert_eq!(mutating(&calls), ["UpdateService"], "{calls:?}");
    insta::assert_snapshot!(compact(&calls).join("\n"), @"
    DescribeServices
    DescribeSecret
    UpdateService
    DescribeServices x4
    ");
    assert_eq!(world.revisions("api").await, ["api:1"]);
    // And it stays.
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 30 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    assert_eq!(world.plan(&wish, Memory::Ledger).await.differing().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_secret_is_reported_and_left_to_people_where_nothing_else_is_said() {
    let (mut world, arn) = running("").await;
    rotate(&world, "jobs/db", "two");
    tokio::time::sleep(MINUTE).await;
    let wish = world.commit(&[database(&arn, "")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 30 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    insta::assert_snapshot!(world.told_since("new version"), @"08:02:20  drift      api: secret jobs/db has a new version since its tasks were started; `sync.secrets` says to report it. To start tasks with it: `reconciler sync api`");
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 2 calls

    = api           nothing to do
        taskDefinition.containerDefinitions[app].secrets.DATABASE_URL  "version c849918f…" -> "version dd4a7f53…": secret jobs/db has a new version since its tasks were started, and `sync.secrets` says to report it

    Nothing to do, 1 unchanged.
    "#);
    insta::assert_snapshot!(world.status(&wish).await, @"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 drifted

      Drifted      api           runs :1 (2/2); secret jobs/db has a new version since its tasks were started
    ");
    // A person asks for it.
    world.tag("api", "reconciler/sync", "by=ada the old password ends today").await;
    world.take_calls();
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["UntagResource", "UpdateService"], "{}", world.told());
    world.run_for(&operator, &wish, 30 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    assert!(world.status(&wish).await.contains("1 ready"), "{}", world.status(&wish).await);
}

#[tokio::test(start_paused = true)]
async fn several_that_moved_are_one_deployment() {
    let mut world = World::new().await;
    let (one, other) = (world.secret("jobs/db"), world.secret_with("jobs/mail", "one"));
    parameter(&world, "one");
    let secrets = format!("DB: '{one}:url::', DB_USER: '{one}:user::', MAIL: '{other}', KEY: /jobs/key");
    let manifest = with_secrets("api", &secrets, "secrets: roll");
    let wish = world.commit(&[manifest]);
    rotate(&world, "jobs/db", r#"{"url": "x", "user": "y"}"#);
    settled(&world, &wish).await;
    tokio::time::sleep(MINUTE).await;
    rotate(&world, "jobs/db", r#"{"url": "z", "user": "y"}"#);
    rotate(&world, "jobs/mail", "two");
    parameter(&world, "two");
    tokio::time::sleep(MINUTE).await;
    world.take_calls();
    settled(&world, &wish).await;
    let calls = world.take_calls();
    assert_eq!(mutating(&calls), ["UpdateService"], "{}", world.told());
    assert_eq!(calls.iter().filter(|call| *call == "DescribeParameters").count(), 1, "{calls:?}");
    let told = world.told_since("new versions");
    assert!(told.contains("parameter /jobs/key and secret jobs/db and secret jobs/mail"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_moves_during_the_rollout_is_rolled_out_after_it() {
    let (mut world, arn) = running("secrets: roll").await;
    let next = database(&arn, "secrets: roll").replace("app:1", "app:2");
    let wish = world.commit(&[next]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(8)).await;
    assert!(world.record("api").rollout.is_some(), "{}", world.told());
    rotate(&world, "jobs/db", "two");
    world.take_calls();
    world.run_for(&operator, &wish, Duration::from_secs(4)).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "a deployment under way goes on");
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["UpdateService"], "{}", world.told());
    assert!(world.told().contains("secret jobs/db has a new version"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_starts_anyway_brings_the_new_version_along() {
    let (mut world, arn) = running("secrets: roll").await;
    rotate(&world, "jobs/db", "two");
    tokio::time::sleep(MINUTE).await;
    let wish = world.commit(&[database(&arn, "secrets: roll").replace("app:1", "app:2")]);
    settled(&world, &wish).await;
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    let made = ["RegisterTaskDefinition", "UpdateService", "TagResource"];
    assert_eq!(mutating(&world.take_calls()), made, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_restarted_by_hand_has_the_new_version() {
    let (mut world, arn) = running("secrets: roll").await;
    let wish = world.commit(&[database(&arn, "secrets: roll")]);
    rotate(&world, "jobs/db", "two");
    tokio::time::sleep(MINUTE).await;
    let forced = json!({"cluster": "jobs", "service": "api", "forceNewDeployment": true});
    world.ecs("UpdateService", forced).await;
    tokio::time::sleep(5 * MINUTE).await;
    world.take_calls();
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    // The ledger knows it by then: a change of a description is not taken for another version.
    let renamed = json!({"SecretId": "jobs/db", "Description": "the database"});
    world.set_up(|account, runtime| simulator::secrets::call(account, runtime, "UpdateSecret", &renamed));
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_adopted_is_not_rolled_for_what_nobody_saw() {
    let (mut world, arn) = running("secrets: roll").await;
    rotate(&world, "jobs/db", "two");
    world.lose_ledger();
    tokio::time::sleep(MINUTE).await;
    let wish = world.commit(&[database(&arn, "secrets: roll")]);
    settled(&world, &wish).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    // From now on it is watched.
    rotate(&world, "jobs/db", "three");
    tokio::time::sleep(MINUTE).await;
    settled(&world, &wish).await;
    assert_eq!(mutating(&world.take_calls()), ["UpdateService"], "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_behind_is_never_taken_for_a_new_version() {
    let mut world = World::new().await;
    let arns = ["a", "b", "c"].map(|name| world.secret_with(name, "one"));
    tokio::time::sleep(10 * MINUTE).await;
    world.simulator.with_world(|account| account.secrets.lag_behind(5 * MINUTE));
    ["a", "b", "c"].iter().for_each(|name| rotate(&world, name, "two"));
    let secrets: Vec<String> =
        arns.iter().enumerate().map(|(place, arn)| format!("S{place}: '{arn}'")).collect();
    let wish = world.commit(&[with_secrets("api", &secrets.join(", "), "secrets: roll")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 30 * MINUTE).await;
    let calls = world.take_calls();
    assert_eq!(mutating(&calls), ["RegisterTaskDefinition", "CreateService"], "{}", world.told());
    assert!(calls.contains(&"ListSecrets".to_owned()), "{calls:?}");
    // One that moves is seen when the list has it, five minutes later and a look.
    rotate(&world, "b", "three");
    world.run_for(&operator, &wish, 7 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["UpdateService"], "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_pinned_version_costs_no_call_and_is_never_drift() {
    let mut world = World::new().await;
    let arn = world.secret("jobs/db");
    parameter(&world, "one");
    let versions = describe(&world, "jobs/db")["VersionIdsToStages"].clone();
    let id = versions.as_object().unwrap().keys().next().unwrap().clone();
    let secrets = format!("DB: '{arn}:::{id}', KEY: '/jobs/key:1'");
    let wish = world.commit(&[with_secrets("api", &secrets, "secrets: roll")]);
    settled(&world, &wish).await;
    rotate(&world, "jobs/db", "two");
    parameter(&world, "two");
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    let calls = world.take_calls();
    assert_eq!(mutating(&calls), ["RegisterTaskDefinition", "CreateService"], "{}", world.told());
    let looked = calls.iter().filter(|call| call.contains("Secret") || call.contains("Parameters")).count();
    assert_eq!(looked, 0, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_may_not_be_looked_at_is_unknown_and_neither_missing_nor_drift() {
    let mut world = World::new().await;
    let arn = world.secret("jobs/db");
    let denied =
        ApiError::new("AccessDeniedException", "not authorized to perform: secretsmanager:DescribeSecret");
    world.simulator.set_fault(Box::new(move |site| match site.service.as_str() {
        "secretsmanager" => Fault::RefuseBefore(denied.clone()),
        _ => Fault::None,
    }));
    let wish = world.commit(&[database(&arn, "secrets: roll")]);
    settled(&world, &wish).await;
    rotate(&world, "jobs/db", "two");
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    let made = mutating(&world.take_calls());
    assert_eq!(made, ["RegisterTaskDefinition", "CreateService"], "{}", world.told());
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e1 "Change 1" · read 0 s ago, 2 calls

    = api           nothing to do
        taskDefinition.containerDefinitions[app].secrets.DATABASE_URL  whether secret jobs/db is there, and which version it has, is not known: needs secretsmanager:DescribeSecret

    Nothing to do, 1 unchanged.
    "#);
    // Once it may be looked at, it is watched from then on.
    world.simulator.clear_fault();
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    rotate(&world, "jobs/db", "three");
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["UpdateService"], "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_deployment_whose_secret_is_missing_does_not_begin() {
    let mut world = World::new().await;
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:jobs/db";
    let secrets = format!("DB: '{arn}:url::', KEY: /jobs/key");
    let wish = world.commit(&[with_secrets("api", &secrets, "")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e1 "Change 1" · read 0 s ago, 4 calls

    ! api           held: no task of it could start: parameter /jobs/key is not there (service-0.yaml:14), secret jobs/db is not there (service-0.yaml:14)
        taskDefinition.cpu                        "256"         service-0.yaml:7
        taskDefinition.executionRoleArn           "arn:aws:iam::123456789012:role/job-execution"  service-0.yaml:6
        taskDefinition.family                     "api"         service-0.yaml:3
        taskDefinition.memory                     "512"         service-0.yaml:8
        taskDefinition.networkMode                "awsvpc"      service-0.yaml:9
        taskDefinition.requiresCompatibilities    ["FARGATE"]   service-0.yaml:10
        taskDefinition.containerDefinitions[app]
          environment.LOG_LEVEL                   "info"        service-0.yaml:15
          image                                   "app:1"       service-0.yaml:13
          secrets.DB                              "arn:aws:secretsmanager:eu-west-1:123456789012:…  service-0.yaml:14
          secrets.KEY                             "/jobs/key"   service-0.yaml:14
        service.deploymentConfiguration.deploymentCircuitBreaker.enable  true          service-0.yaml:22
        service.deploymentConfiguration.deploymentCircuitBreaker.rollback  true          service-0.yaml:22
        service.desiredCount                      2             service-0.yaml:17
        service.launchType                        "FARGATE"     service-0.yaml:18
        service.networkConfiguration.awsvpcConfiguration.securityGroups  ["sg-1"]      service-0.yaml:20
        service.networkConfiguration.awsvpcConfiguration.subnets  ["subnet-1"]  service-0.yaml:20
        it goes on by itself when that is mended in AWS; or name another in Git

    1 held.
    "#);
    insta::assert_snapshot!(world.status(&wish).await, @"
    test   main@4c1f9e1, seen 0 s ago · 1 service: 1 stalled

      Stalled      api           no task of it could start: parameter /jobs/key is not there (service-0.yaml:14), secret jobs/db is not there (service-0.yaml:14); it goes on by itself when that is mended in AWS; or name another in Git
    ");
    // It goes on by itself.
    parameter(&world, "one");
    world.secret_with("jobs/db", r#"{"url": "x"}"#);
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    // One that is marked for deletion is named, and what runs is left alone.
    let input = json!({"SecretId": "jobs/db"});
    world.set_up(|account, runtime| simulator::secrets::call(account, runtime, "DeleteSecret", &input));
    let next = world.commit(&[with_secrets("api", &secrets, "").replace("app:1", "app:2")]);
    world.take_calls();
    world.run_for(&operator, &next, 5 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    assert!(world.told().contains("secret jobs/db is marked for deletion"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_roll_waits_for_its_window_and_while_the_service_is_suspended() {
    let (mut world, arn) = running("secrets: roll").await;
    world.environment =
        "sync: {windows: [{kind: allow, from: '09:00', duration: 8h, timeZone: UTC}]}".to_owned();
    rotate(&world, "jobs/db", "two");
    let wish = world.commit(&[database(&arn, "secrets: roll")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 20 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    world.tag("api", "reconciler/suspended", "until=2027-01-15T10:00:00Z by=ada incident").await;
    world.take_calls();
    world.run_for(&operator, &wish, 60 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    world.run_for(&operator, &wish, 60 * MINUTE).await;
    let made = mutating(&world.take_calls());
    assert!(made.contains(&"UpdateService".to_owned()), "{made:?} {}", world.told());
}

#[tokio::test(start_paused = true)]
async fn services_roll_one_after_the_other_where_one_depends_on_the_other() {
    let mut world = World::new().await;
    let arn = world.secret("jobs/db");
    let roll = |name: &str| with_secrets(name, &format!("DB: '{arn}'"), "secrets: roll");
    let wish = world.commit(&[format!("{}  dependsOn: [worker]\n", roll("api")), roll("worker")]);
    settled(&world, &wish).await;
    tokio::time::sleep(MINUTE).await;
    rotate(&world, "jobs/db", "two");
    tokio::time::sleep(MINUTE).await;
    world.simulator.keep_inputs();
    world.take_calls();
    settled(&world, &wish).await;
    let updates = world.simulator.take_calls().into_iter().filter(|call| call.operation == "UpdateService");
    let rolled: Vec<Value> = updates.map(|call| call.input.unwrap()["service"].clone()).collect();
    assert_eq!(rolled, ["worker", "api"], "{}", world.told());
}

/// Containers of this image that are started from now on end at once.
fn break_new_tasks(world: &World) {
    let exits = Exit {
        after: Duration::from_secs(1),
        code: 1,
        reason: None,
        last_line: "password authentication failed".to_owned(),
    };
    world.runtime.set_script("app:1", Script { exits: Some(exits), ..Script::default() });
}

#[tokio::test(start_paused = true)]
async fn a_roll_that_fails_is_taken_back_once_held_and_tried_again_with_the_next_version() {
    let (mut world, arn) = running("secrets: roll").await;
    rotate(&world, "jobs/db", "wrong");
    break_new_tasks(&world);
    let wish = world.commit(&[database(&arn, "secrets: roll")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 120 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["UpdateService"], "{}", world.told());
    insta::assert_snapshot!(world.told_since("new version"), @r#"
    08:01:20  drift      api: secret jobs/db has a new version since its tasks were started: new deployment of the same revision
    08:01:20  update     api -> api:1 · deployment ecs-svc/2561…
    08:01:25  progress   api 0 of 2 new tasks healthy
    08:01:30  failing    api 2 tasks stopped: exit 1
    08:01:40  failed     api:1 did not come up: container app exited 1 soon after start; new since the deployment before: the version of secret jobs/db (gate: ECS circuit breaker)
    08:01:40  rollback   api -> api:1, the last that completed; ECS does it by itself
    08:01:45  rollback   api runs api:1 again, 2 of 2 running, after 5 s
    08:01:45  report     api did not come up with main@4c1f9e2. It runs api:1 again, 2 of 2 healthy.

                likely cause   container app exited 1 soon after start; new since the deployment before: the version of secret jobs/db
                what changed   secret jobs/db "version c849918f…" -> "version 1b58b3be…"
                what we saw    4 tasks stopped in 11 s: app exited 1
                ECS says       (service api) (deployment ecs-svc/2561866513979060390) deployment failed: tasks failed to start.
                gate           ECS circuit breaker, 2027-01-15 08:01
                secrets        going back does not bring an older version back: tasks that start from now on get the new one
                next           put the secret right: its next version is rolled out; or `reconciler retry api`
    08:01:45  held       api@9ea9… until the secret has another version, or Git changes it; failed on 2027-01-15 08:01: container app exited 1 soon after start; new since the deployment before: the version of secret jobs/db
    "#);
    insta::assert_snapshot!(world.status(&wish).await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 stalled

      Stalled      api           runs :1 (2/2); quarantined; digest 9ea9… failed on 2027-01-15 08:01 (container app exited 1 soon after start; new since the deployment before: the version of secret jobs/db); to try again: put the secret right, commit a change, or `reconciler retry api`
                                 likely cause container app exited 1 soon after start; new since the deployment before: the version of secret jobs/db
                                 what changed secret jobs/db "version c849918f…" -> "version 1b58b3be…"
                                 what we saw  4 tasks stopped in 11 s: app exited 1
                                 ECS says     (service api) (deployment ecs-svc/2561866513979060390) deployment failed: tasks failed to start.
                                 gate         ECS circuit breaker, 2027-01-15 08:01
                                 secrets      going back does not bring an older version back: tasks that start from now on get the new one
                                 next         put the secret right: its next version is rolled out; or `reconciler retry api`
    "#);
    assert_eq!(world.service("api").await["runningCount"], 2);
    // Any restart later as well.
    drop(operator);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 30 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    // The secret is put right.
    world.runtime.set_script("app:1", Script::default());
    rotate(&world, "jobs/db", "three");
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["UpdateService"], "{}", world.told());
    assert!(world.record("api").quarantine.is_none(), "{}", world.told());
    assert!(world.status(&wish).await.contains("1 ready"), "{}", world.status(&wish).await);
}

#[tokio::test(start_paused = true)]
async fn an_old_version_that_is_current_again_ends_the_hold() {
    let (mut world, arn) = running("secrets: roll").await;
    let versions = describe(&world, "jobs/db")["VersionIdsToStages"].clone();
    let first = versions.as_object().unwrap().keys().next().unwrap().clone();
    rotate(&world, "jobs/db", "wrong");
    break_new_tasks(&world);
    let wish = world.commit(&[database(&arn, "secrets: roll")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 60 * MINUTE).await;
    assert!(world.record("api").quarantine.is_some(), "{}", world.told());
    let versions = describe(&world, "jobs/db")["VersionIdsToStages"].clone();
    let second = versions.as_object().unwrap().keys().find(|id| **id != first).unwrap().clone();
    let back = json!({
        "SecretId": "jobs/db", "VersionStage": "AWSCURRENT", "MoveToVersionId": first, "RemoveFromVersionId": second,
    });
    world.set_up(|account, runtime| {
        simulator::secrets::call(account, runtime, "UpdateSecretVersionStage", &back)
    });
    world.take_calls();
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    assert!(world.record("api").quarantine.is_none(), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_roll_whose_answer_was_lost_is_not_made_twice() {
    let (mut world, arn) = running("secrets: roll").await;
    rotate(&world, "jobs/db", "two");
    let wish = world.commit(&[database(&arn, "secrets: roll")]);
    tokio::time::sleep(MINUTE).await;
    let mut struck = false;
    world.simulator.set_fault(Box::new(move |site| {
        match site.operation == "UpdateService" && !std::mem::replace(&mut struck, true) {
            true => Fault::NeverAnswer,
            false => Fault::None,
        }
    }));
    world.take_calls();
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 30 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["UpdateService"], "{}", world.told());
    assert!(world.status(&wish).await.contains("1 ready"), "{}", world.status(&wish).await);
}

#[tokio::test(start_paused = true)]
async fn drift_that_may_stay_does_so_when_a_secret_is_rolled() {
    let (mut world, arn) = running("secrets: roll, drift: warn").await;
    let other = json!({"cluster": "jobs", "service": "api", "desiredCount": 3});
    world.ecs("UpdateService", other).await;
    rotate(&world, "jobs/db", "two");
    tokio::time::sleep(MINUTE).await;
    let wish = world.commit(&[database(&arn, "secrets: roll, drift: warn")]);
    world.take_calls();
    let operator = world.operator().await;
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["UpdateService"], "{}", world.told());
    assert_eq!(world.service("api").await["desiredCount"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_services_with_a_secret_each_are_looked_after_in_batches() {
    const SIZE: usize = 100;
    let mut world = World::new().await;
    let manifests: Vec<String> = (0..SIZE)
        .map(|number| {
            let arn = world.secret_with(&format!("s{number}/db"), "one");
            with_secrets(&format!("s{number}"), &format!("DB: '{arn}'"), "secrets: roll")
        })
        .collect();
    let wish = world.commit(&manifests);
    world.settle(&wish).await;
    tokio::time::sleep(MINUTE).await;
    world.take_calls();
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(29)).await;
    let calls = world.take_calls();
    // DescribeServices in tens, and ListSecrets in tens.
    assert_eq!(mutating(&calls), NONE);
    assert!(calls.len() <= 10 + SIZE / 10 + SIZE / 10, "{} calls: {:?}", calls.len(), compact(&calls));
    // While nothing changes, the look of a minute ago serves.
    world.run_for(&operator, &wish, Duration::from_secs(29)).await;
    let lists = world.take_calls().into_iter().filter(|call| call == "ListSecrets").count();
    assert!(lists <= SIZE / 10, "{lists}");
}
