//! What people read of hooks, word by word, and what they cost of AWS's budget.

use std::time::Duration;

use super::story::{hook, hook_of_the_service, with_hooks};
use super::transcripts::{plan, since, status};
use crate::world::{World, compact};

const NONE: &[String] = &[];

async fn settled(manifest: String) -> World {
    let mut world = World::new().await;
    let wish = world.commit(&[manifest]);
    world.settle(&wish).await;
    world.take_calls();
    world
}

fn hooked(image: &str) -> String {
    let repository = "registry.example/jobs/migrate-once:1";
    with_hooks(image, &[hook("migrate", repository, "")], &[hook_of_the_service("smoke", "once")])
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_with_hooks_reads_like_this() {
    let world = settled(hooked("app:1")).await;
    insta::assert_snapshot!(world.told(), @r#"
    08:00:00  plan       api: new service (2 tasks of app:1)
    08:00:00  register   api api-migrate:1
    08:00:00  hook       api migrate started
    08:00:15  hook       api migrate succeeded in 5 s
    08:00:16  register   api:1
    08:00:16  create     api -> api:1 · deployment ecs-svc/1487…
    08:00:21  progress   api 0 of 2 new tasks healthy
    08:00:26  progress   api 2 of 2 new tasks healthy
    08:00:36  hook       api smoke started
    08:00:51  hook       api smoke succeeded in 5 s
    08:00:51  settled    api runs api:1, 2 of 2 running, after 35 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_update_with_hooks_reads_like_this() {
    let mut world = settled(hooked("app:1")).await;
    let wish = world.commit(&[hooked("app:2")]);
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 5 calls

    ~ api           new revision, starts a deployment
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:2"  service-0.yaml:12 · changed between 4c1f9e1 and 4c1f9e2
        will: run migrate (migrate-once:1), register api, update service, tag service, watch for up to 15 m, run smoke (app:2)
        on failure: back to the last revision that completed

    1 to change.
    "#);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:51  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:52  hook       api migrate started
    08:01:07  hook       api migrate succeeded in 5 s
    08:01:07  register   api:2
    08:01:07  update     api -> api:2 · deployment ecs-svc/2564…
    08:01:12  progress   api 0 of 2 new tasks healthy
    08:01:17  progress   api 2 of 2 new tasks healthy
    08:01:27  hook       api smoke started
    08:01:42  hook       api smoke succeeded in 5 s
    08:01:43  settled    api runs api:2, 2 of 2 running, after 35 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn while_a_hook_runs_plan_and_status_say_so() {
    let mut world = settled(with_hooks("app:1", NONE, NONE)).await;
    let wish = world.commit(&[hooked("app:2")]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(6)).await;
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 2 calls

    ! api           held: runs migrate (1 of 1)
        it is planned again when that has ended

    1 held.
    "#);
    insta::assert_snapshot!(status(&world, &wish).await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 reconciling

      Reconciling  api           runs :1 (2/2); runs migrate (1 of 1)
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_reads_like_this() {
    let mut world = settled(with_hooks("app:1", NONE, NONE)).await;
    let twice = hook("migrate", "migrate-crash:1", "        attempts: 2\n");
    let wish = world.commit(&[with_hooks("app:2", &[twice], NONE)]);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:20  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:20  register   api api-migrate:1
    08:00:20  hook       api migrate started
    08:00:30  hook       api migrate failed, try 1 of 2: container migrate exited 1; its last words: "fatal: cannot start: configuration is not valid"; tried again in 5 s
    08:00:35  hook       api migrate started, try 2 of 2
    08:00:45  failed     api: hook migrate: container migrate exited 1; its last words: "fatal: cannot start: configuration is not valid" (gate: hook); nothing was deployed
    08:00:45  report     api was not deployed with main@4c1f9e2, because migrate failed. It runs api:1 as before, 2 of 2 healthy.

                likely cause   hook migrate: container migrate exited 1; its last words: "fatal: cannot start: configuration is not valid"
                what we saw    1 task stopped: migrate exited 1
                last words     migrate  starting migrate-crash:1
                last words     migrate  fatal: cannot start: configuration is not valid
                gate           hook, 2027-01-15 08:00
                next           commit a change of api, or `reconciler retry api`
    08:00:46  held       api@b3d1… until Git changes it; failed on 2027-01-15 08:00: hook migrate: container migrate exited 1; its last words: "fatal: cannot start: configuration is not valid"
    "#);
    insta::assert_snapshot!(plan(&world, &wish).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 5 calls

    ! api           held: quarantined
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:2"  service-0.yaml:12 · changed between 4c1f9e1 and 4c1f9e2
        digest b3d1… failed on 2027-01-15 08:00 (hook migrate: container migrate exited 1; its last words: "fatal: cannot start: configuration is not valid")
        to try again: commit a change, or `reconciler retry api`

    1 held.
    "#);
    insta::assert_snapshot!(status(&world, &wish).await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 stalled

      Stalled      api           runs :1 (2/2); quarantined; digest b3d1… failed on 2027-01-15 08:00 (hook migrate: container migrate exited 1; its last words: "fatal: cannot start: configuration is not valid"); to try again: commit a change, or `reconciler retry api`
                                 likely cause hook migrate: container migrate exited 1; its last words: "fatal: cannot start: configuration is not valid"
                                 what we saw  1 task stopped: migrate exited 1
                                 last words   migrate  starting migrate-crash:1
                                 last words   migrate  fatal: cannot start: configuration is not valid
                                 gate         hook, 2027-01-15 08:00
                                 next         commit a change of api, or `reconciler retry api`
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_smoke_test_that_fails_reads_like_this() {
    let mut world = settled(with_hooks("app:1", NONE, NONE)).await;
    let wish = world.commit(&[with_hooks("app:2", NONE, &[hook("smoke", "smoke-crash:1", "")])]);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:20  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:20  register   api:2
    08:00:20  update     api -> api:2 · deployment ecs-svc/2561…
    08:00:25  progress   api 0 of 2 new tasks healthy
    08:00:30  progress   api 2 of 2 new tasks healthy
    08:00:40  register   api api-smoke:1
    08:00:40  hook       api smoke started
    08:00:50  failed     api:2: hook smoke: container smoke exited 1; its last words: "fatal: cannot start: configuration is not valid" (gate: hook)
    08:00:50  rollback   api -> api:1, the last that completed · deployment ecs-svc/5178…
    08:00:55  progress   api 0 of 2 new tasks healthy
    08:01:00  progress   api 2 of 2 new tasks healthy
    08:01:10  rollback   api runs api:1 again, 2 of 2 running, after 20 s
    08:01:10  report     api did not pass smoke with main@4c1f9e2. It runs api:1 again, 2 of 2 healthy.

                likely cause   hook smoke: container smoke exited 1; its last words: "fatal: cannot start: configuration is not valid"
                what we saw    1 task stopped: smoke exited 1
                last words     smoke  starting smoke-crash:1
                last words     smoke  fatal: cannot start: configuration is not valid
                gate           hook, 2027-01-15 08:00
                next           commit a change of api, or `reconciler retry api`
    08:01:10  held       api@725c… until Git changes it; failed on 2027-01-15 08:00: hook smoke: container smoke exited 1; its last words: "fatal: cannot start: configuration is not valid"
    "#);
    insta::assert_snapshot!(status(&world, &wish).await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 rolled back

      RolledBack   api           runs :1 (2/2), wants 725c… (failed 2027-01-15 08:00)
                                 likely cause hook smoke: container smoke exited 1; its last words: "fatal: cannot start: configuration is not valid"
                                 what we saw  1 task stopped: smoke exited 1
                                 last words   smoke  starting smoke-crash:1
                                 last words   smoke  fatal: cannot start: configuration is not valid
                                 gate         hook, 2027-01-15 08:00
                                 next         commit a change of api, or `reconciler retry api`
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_waits_for_room_and_does_not_end_reads_like_this() {
    let mut world = settled(with_hooks("app:1", NONE, NONE)).await;
    world.simulator.with_world(|account| {
        account.ecs.no_room.extend(["RESOURCE:MEMORY".to_owned(), "RESOURCE:MEMORY".to_owned()]);
    });
    let endless = hook("migrate", "endless:1", "        timeout: 1m\n");
    let wish = world.commit(&[with_hooks("app:2", &[endless], NONE)]);
    world.settle(&wish).await;
    insta::assert_snapshot!(since(&world, "new revision"), @r#"
    08:00:20  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:20  register   api api-migrate:1
    08:00:20  hook       api migrate could not run: no room for its task: RESOURCE:MEMORY; tried again in 5 s
    08:00:25  hook       api migrate could not run: no room for its task: RESOURCE:MEMORY; tried again in 10 s
    08:00:35  hook       api migrate started
    08:01:35  hook       api migrate has not ended after 60 s; its task is stopped
    08:01:40  failed     api: hook migrate: it did not end within 60 s and was stopped (gate: hook); nothing was deployed
    08:01:40  report     api was not deployed with main@4c1f9e2, because migrate failed. It runs api:1 as before, 2 of 2 healthy.

                likely cause   hook migrate: it did not end within 60 s and was stopped
                what we saw    1 task stopped: reconciler: not ended after 60 s
                gate           hook, 2027-01-15 08:01
                next           commit a change of api, or `reconciler retry api`
    08:01:41  held       api@e925… until Git changes it; failed on 2027-01-15 08:01: hook migrate: it did not end within 60 s and was stopped
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_with_hooks_makes_these_calls() {
    let mut world = World::new().await;
    let wish = world.commit(&[hooked("app:1")]);
    world.settle(&wish).await;
    insta::assert_snapshot!(compact(&world.take_calls()).join("\n"), @r#"
    DescribeServices
    ListTaskDefinitions
    DescribeServices
    ListTaskDefinitions x2
    RegisterTaskDefinition
    RunTask
    DescribeServices
    DescribeTasks
    DescribeServices
    DescribeTasks
    DescribeServices
    DescribeTasks
    DescribeServices
    ListTaskDefinitions
    RegisterTaskDefinition
    CreateService
    DescribeServices x4
    RunTask
    DescribeServices
    DescribeTasks
    DescribeServices
    DescribeTasks
    DescribeServices
    DescribeTasks
    DescribeServices
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_update_with_hooks_makes_these_calls() {
    let mut world = settled(hooked("app:1")).await;
    let wish = world.commit(&[hooked("app:2")]);
    world.settle(&wish).await;
    insta::assert_snapshot!(compact(&world.take_calls()).join("\n"), @r#"
    DescribeServices
    DescribeScalableTargets
    DescribeTaskDefinition
    ListTaskDefinitions
    DescribeServiceRevisions
    DescribeServices
    DescribeScalableTargets
    ListTaskDefinitions
    DescribeTaskDefinition
    ListTaskDefinitions
    RunTask
    DescribeServices
    DescribeTasks
    DescribeServices
    DescribeTasks
    DescribeServices
    DescribeTasks
    DescribeServices
    DescribeScalableTargets
    ListTaskDefinitions
    RegisterTaskDefinition
    UpdateService
    TagResource
    DescribeServices x4
    RunTask
    DescribeServices
    DescribeTasks
    DescribeServices
    DescribeTasks
    DescribeServices
    DescribeTasks
    DescribeServices
    "#);
}
