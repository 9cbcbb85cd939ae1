//! What people read: the journal on a terminal, the plan and the status, word by word.

use serde_json::json;
use std::collections::BTreeMap;

use reconciler::controller::Wish;
use reconciler::report::Colour;
use reconciler::report::status::{Show, StatusTextOptions, fold, status_text};

use crate::world::{Memory, World, scheduled, service};

async fn settled(image: &str) -> (World, Wish) {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", image)]);
    world.settle(&wish).await;
    (world, wish)
}

/// The journal since the line that mentions `from`.
pub(super) fn since(world: &World, from: &str) -> String {
    let told = world.told();
    let start = told.find(from).unwrap_or_else(|| panic!("no {from:?} in\n{told}"));
    let start = told[..start].rfind('\n').map_or(0, |place| place + 1);
    told[start..].to_owned()
}

pub(super) async fn plan(world: &World, wish: &Wish) -> String {
    world.plan_text(wish, Memory::Ledger).await
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_reads_like_this() {
    let (world, _) = settled("app:1").await;
    insta::assert_snapshot!(world.told(), @r#"
    08:00:00  plan       api: new service (2 tasks of app:1)
    08:00:00  register   api:1
    08:00:00  create     api -> api:1 · deployment ecs-svc/1294…
    08:00:05  progress   api 0 of 2 new tasks healthy
    08:00:10  progress   api 2 of 2 new tasks healthy
    08:00:20  settled    api runs api:1, 2 of 2 running, after 20 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_update_reads_like_this() {
    let (mut world, _) = settled("app:1").await;
    let changed = service("api", "app:2").replace("LOG_LEVEL: info", "LOG_LEVEL: debug, BATCH: '20'");
    let wish = world.commit(&[changed]);
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 5 calls

    ~ api           new revision, starts a deployment
        taskDefinition.containerDefinitions[app]
          environment.BATCH      (absent) -> "20"    service-0.yaml:13 · changed between 4c1f9e1 and 4c1f9e2
          environment.LOG_LEVEL  "info" -> "debug"   service-0.yaml:13
          image                  "app:1" -> "app:2"  service-0.yaml:12
        will: register api, update service, tag service, watch for up to 15 m
        on failure: back to the last revision that completed

    1 to change.
    "#);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:20  plan       api: new revision (app +BATCH "20", app LOG_LEVEL "info" -> "debug", app image "app:1" -> "app:2")
    08:00:20  register   api:2
    08:00:20  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:25  progress   api 0 of 2 new tasks healthy
    08:00:30  progress   api 2 of 2 new tasks healthy
    08:00:40  settled    api runs api:2, 2 of 2 running, after 20 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_reads_like_this() {
    let (mut world, _) = settled("app:1").await;
    let wish = world.commit(&[service("api", "app:crash")]);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:20  plan       api: new revision (app image "app:1" -> "app:crash")
    08:00:20  register   api:2
    08:00:20  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:25  progress   api 0 of 2 new tasks healthy
    08:00:30  failing    api 2 tasks stopped: exit 1
    08:00:40  failed     api:2 did not come up: container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash" (gate: ECS circuit breaker)
    08:00:40  rollback   api -> api:1, the last that completed; ECS does it by itself
    08:00:45  rollback   api runs api:1 again, 2 of 2 running, after 5 s
    08:00:45  report     api did not come up with main@4c1f9e2. It runs api:1 again, 2 of 2 healthy.

                likely cause   container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash"
                what changed   image "app:1" -> "app:crash"
                what we saw    4 tasks stopped in 11 s: app exited 1
                ECS says       (service api) (deployment ecs-svc/2561866513979060390) deployment failed: tasks failed to start.
                gate           ECS circuit breaker, 2027-01-15 08:00
                next           commit a change to service-0.yaml, or `reconciler retry api`
    08:00:45  held       api@1401… until Git changes it; failed on 2027-01-15 08:00: container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash"
    "#);
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 3 calls

    ! api           held: quarantined
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:crash"  service-0.yaml:12 · asked for in 4c1f9e2
        digest 1401… failed on 2027-01-15 08:00 (container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash")
        to try again: commit a change, or `reconciler retry api`

    1 held.
    "#);
    insta::assert_snapshot!(status(&world, &wish).await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 rolled back

      RolledBack   api           runs :1 (2/2), wants 1401… (failed 2027-01-15 08:00)
                                 likely cause container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash"
                                 what changed image "app:1" -> "app:crash"
                                 what we saw  4 tasks stopped in 11 s: app exited 1
                                 ECS says     (service api) (deployment ecs-svc/2561866513979060390) deployment failed: tasks failed to start.
                                 gate         ECS circuit breaker, 2027-01-15 08:00
                                 next         commit a change to service-0.yaml, or `reconciler retry api`
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_by_deadline_reads_like_this() {
    let mut world = World::new().await;
    let good = world.commit(&[super::story::without_breaker("api", "app:1", "1m")]);
    world.settle(&good).await;
    let bad = world.commit(&[super::story::without_breaker("api", "registry.invalid/app:2", "1m")]);
    world.settle(&bad).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:20  plan       api: new revision (app image "app:1" -> "registry.invalid/app:2")
    08:00:20  register   api:2
    08:00:20  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:25  progress   api 0 of 2 new tasks healthy
    08:00:30  failing    api 2 tasks stopped: CannotPullContainerError
    08:00:40  failing    api 4 tasks stopped: CannotPullContainerError
    08:00:50  failing    api 6 tasks stopped: CannotPullContainerError
    08:01:00  failing    api 8 tasks stopped: CannotPullContainerError
    08:01:15  failing    api 10 tasks stopped: CannotPullContainerError
    08:01:20  failed     api:2 did not come up: image registry.invalid/app:2 can't be pulled: not found; this commit changed image "app:1" -> "registry.invalid/app:2" (gate: deadline)
    08:01:20  rollback   api -> api:1, the last that completed; the deployment is stopped
    08:01:25  rollback   api runs api:1 again, 2 of 2 running, after 5 s
    08:01:25  report     api did not come up with main@4c1f9e2. It runs api:1 again, 2 of 2 healthy.

                likely cause   image registry.invalid/app:2 can't be pulled: not found; this commit changed image "app:1" -> "registry.invalid/app:2"
                what changed   image "app:1" -> "registry.invalid/app:2"
                what we saw    10 tasks stopped in 45 s: CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref registry.invalid/app:2: registry.invalid/app:2: not found
                ECS says       (service api) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.
                gate           deadline, 0 of 2 new tasks up after 1 m, 2027-01-15 08:01
                next           commit a change to service-0.yaml, or `reconciler retry api`
    08:01:25  held       api@0e10… until Git changes it; failed on 2027-01-15 08:01: image registry.invalid/app:2 can't be pulled: not found; this commit changed image "app:1" -> "registry.invalid/app:2"
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_drift_reads_like_this() {
    let (world, wish) = settled("app:1").await;
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "desiredCount": 5})).await;
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e1 "Change 1" · read 0 s ago, 2 calls

    ~ api           in place, no deployment
        service.desiredCount  5 -> 2  service-0.yaml:15 · changed behind our back: Git says 2 since 4c1f9e1 or before
        will: update service

    1 to change.
    "#);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "drift"), @r#"
    08:00:20  drift      api: changed behind our back, set back in place (desiredCount 5 -> 2)
    08:00:20  update     api in place: desiredCount set, no deployment
    08:00:25  settled    api runs api:1, 2 of 2 running, as Git wants it
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_task_reads_like_this() {
    let mut world = World::new().await;
    let six = scheduled("nightly-email", "mail:1", "cron(0 6 * * ? *)");
    let wish = world.commit(&[six.clone(), scheduled("report", "report:1", "rate(1 day)")]);
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e1 "Change 1" · read 0 s ago, 3 calls

    + nightly-email  new schedule, cron(0 6 * * ? *) Europe/Dublin
        taskDefinition.cpu                          "256"                service-0.yaml:6
        taskDefinition.family                       "nightly-email"      service-0.yaml:3
        taskDefinition.memory                       "512"                service-0.yaml:7
        taskDefinition.networkMode                  "awsvpc"             service-0.yaml:8
        taskDefinition.requiresCompatibilities      ["FARGATE"]          service-0.yaml:9
        taskDefinition.containerDefinitions[app]
          environment.LOG_LEVEL                     "info"               service-0.yaml:13
          image                                     "mail:1"             service-0.yaml:12
        schedule.FlexibleTimeWindow.Mode            "OFF"                service-0.yaml:17
        schedule.ScheduleExpression                 "cron(0 6 * * ? *)"  service-0.yaml:15
        schedule.ScheduleExpressionTimezone         "Europe/Dublin"      service-0.yaml:16
        schedule.Target.EcsParameters.LaunchType    "FARGATE"            service-0.yaml:21
        schedule.Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration.SecurityGroups  ["sg-1"]             service-0.yaml:23
        schedule.Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration.Subnets  ["subnet-1"]         service-0.yaml:23
        schedule.Target.RoleArn                     "arn:aws:iam::123456789012:role/scheduler"  service-0.yaml:19
        will: register nightly-email, create schedule group reconciler-test-jobs, create schedule
    + report         new schedule, rate(1 day)
        taskDefinition.cpu                          "256"            service-1.yaml:6
        taskDefinition.family                       "report"         service-1.yaml:3
        taskDefinition.memory                       "512"            service-1.yaml:7
        taskDefinition.networkMode                  "awsvpc"         service-1.yaml:8
        taskDefinition.requiresCompatibilities      ["FARGATE"]      service-1.yaml:9
        taskDefinition.containerDefinitions[app]
          environment.LOG_LEVEL                     "info"           service-1.yaml:13
          image                                     "report:1"       service-1.yaml:12
        schedule.FlexibleTimeWindow.Mode            "OFF"            service-1.yaml:17
        schedule.ScheduleExpression                 "rate(1 day)"    service-1.yaml:15
        schedule.ScheduleExpressionTimezone         "Europe/Dublin"  service-1.yaml:16
        schedule.Target.EcsParameters.LaunchType    "FARGATE"        service-1.yaml:21
        schedule.Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration.SecurityGroups  ["sg-1"]         service-1.yaml:23
        schedule.Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration.Subnets  ["subnet-1"]     service-1.yaml:23
        schedule.Target.RoleArn                     "arn:aws:iam::123456789012:role/scheduler"  service-1.yaml:19
        will: register report, create schedule group reconciler-test-jobs, create schedule

    2 to create.
    "#);
    world.settle(&wish).await;
    insta::assert_snapshot!(world.told(), @r#"
    08:00:00  plan       nightly-email: new schedule (cron(0 6 * * ? *) Europe/Dublin of mail:1)
    08:00:00  register   nightly-email:1
    08:00:00  create     nightly-email: schedule group reconciler-test-jobs, as there is none yet
    08:00:00  create     nightly-email -> nightly-email:1 at cron(0 6 * * ? *) Europe/Dublin
    08:00:00  settled    nightly-email runs nightly-email:1 at cron(0 6 * * ? *) Europe/Dublin, as Git wants it
    08:00:00  plan       report: new schedule (rate(1 day) of report:1)
    08:00:00  register   report:1
    08:00:00  create     report: schedule group reconciler-test-jobs, as there is none yet
    08:00:00  create     report -> report:1 at rate(1 day)
    08:00:00  settled    report runs report:1 at rate(1 day), as Git wants it
    "#);
    let later = six.replace("cron(0 6", "cron(30 7").replace("mail:1", "mail:2");
    let wish = world.commit(&[later]);
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 6 calls

    ~ nightly-email  new revision, from the next run on
        taskDefinition.containerDefinitions[app]
          image                        "mail:1" -> "mail:2"  service-0.yaml:12 · asked for in 4c1f9e2
        schedule.ScheduleExpression    "cron(0 6 * * ? *)" -> "cron(30 7 * * ? *)"  service-0.yaml:15
        will: register nightly-email, update schedule
    = report         left in place: its schedule goes on running, and Git no longer has it

    1 to change, 1 left in place.
    "#);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:00  plan       nightly-email: new revision from the next run on (app image "mail:1" -> "mail:2", ScheduleExpression "cron(0 6 * * ? *)" -> "cron(30 7 * * ? *)")
    08:00:00  register   nightly-email:2
    08:00:00  update     nightly-email -> nightly-email:2 at cron(30 7 * * ? *) Europe/Dublin
    08:00:00  settled    nightly-email runs nightly-email:2 at cron(30 7 * * ? *) Europe/Dublin, as Git wants it
    "#);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let mut by_hand = world.schedule("nightly-email").await;
    by_hand["State"] = "DISABLED".into();
    world.scheduler("PUT", "/schedules/nightly-email", by_hand).await;
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 5 calls

    ~ nightly-email  schedule changed, cron(30 7 * * ? *) Europe/Dublin
        schedule.State  "DISABLED" -> "ENABLED"  service-0.yaml:14 · changed behind our back: Git says "ENABLED"
        will: update schedule
    = report         left in place: its schedule goes on running, and Git no longer has it

    1 to change, 1 left in place.
    "#);
    insta::assert_snapshot!(status_of(&world, &wish, "nightly-email").await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 1 scheduled task: 1 reconciling

      Reconciling  nightly-email  runs :2 at cron(30 7 * * ? *) Europe/Dublin, disabled; schedule changed, cron(30 7 * * ? *) Europe/Dublin
      LeftInPlace  report         its schedule goes on running, and Git no longer has it
    "#);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "drift"), @r#"
    08:00:01  drift      nightly-email: changed behind our back, set back in place (State "DISABLED" -> "ENABLED")
    08:00:01  update     nightly-email -> nightly-email:2 at cron(30 7 * * ? *) Europe/Dublin
    08:00:01  settled    nightly-email runs nightly-email:2 at cron(30 7 * * ? *) Europe/Dublin, as Git wants it
    "#);
    insta::assert_snapshot!(status_of(&world, &wish, "nightly-email").await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 1 scheduled task: 1 ready

      Ready        nightly-email  runs :2 at cron(30 7 * * ? *) Europe/Dublin
      LeftInPlace  report         its schedule goes on running, and Git no longer has it
    "#);
}

pub(super) async fn status(world: &World, wish: &Wish) -> String {
    status_of(world, wish, "api").await
}

async fn status_of(world: &World, wish: &Wish, name: &str) -> String {
    let plan = world.plan(wish, Memory::Ledger).await;
    let records = BTreeMap::from([(reconciler::model::ServiceKey::new(name), world.record(name))]);
    let live = world.look(wish, &records).await;
    let status = fold(wish, &live, &records, &plan, world.now(), world.now());
    status_text(&status, &StatusTextOptions { colour: Colour::Plain, show: Show::Attention })
}
