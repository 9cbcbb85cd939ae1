//! One-off tasks before and after a deployment.

use std::time::Duration;

use reconciler::controller::Next;
use reconciler::model::{Gate, HookStage, ServiceKey};

use super::story::{hook, hook_of_the_service, with_hooks};
use crate::world::{World, compact, mutating};

fn key() -> ServiceKey {
    ServiceKey::new("api")
}

async fn world_with(manifest: String) -> World {
    let mut world = World::new().await;
    let wish = world.commit(&[manifest]);
    assert_eq!(world.settle(&wish).await[&key()], Next::Settled, "{}", world.told());
    world.take_calls();
    world
}

#[tokio::test(start_paused = true)]
async fn a_hook_before_a_first_deployment_runs_before_the_service_is_created() {
    let mut world = World::new().await;
    let wish = world.commit(&[with_hooks("app:1", &[hook("migrate", "migrate-once:1", "")], &[])]);
    assert_eq!(world.settle(&wish).await[&key()], Next::Settled, "{}", world.told());
    insta::assert_snapshot!(world.told(), @r#"
    08:00:00  plan       api: new service (2 tasks of app:1)
    08:00:00  register   api api-migrate:1
    08:00:00  hook       api migrate started
    08:00:15  hook       api migrate succeeded in 5 s
    08:00:16  register   api:1
    08:00:16  create     api -> api:1 · deployment ecs-svc/1487…
    08:00:21  progress   api 0 of 2 new tasks healthy
    08:00:26  progress   api 2 of 2 new tasks healthy
    08:00:36  settled    api runs api:1, 2 of 2 running, after 20 s
    "#);
    insta::assert_debug_snapshot!(compact(&world.take_calls()), @r#"
    [
        "DescribeServices",
        "ListTaskDefinitions",
        "DescribeServices",
        "ListTaskDefinitions x2",
        "RegisterTaskDefinition",
        "RunTask",
        "DescribeServices",
        "DescribeTasks",
        "DescribeServices",
        "DescribeTasks",
        "DescribeServices",
        "DescribeTasks",
        "DescribeServices",
        "ListTaskDefinitions",
        "RegisterTaskDefinition",
        "CreateService",
        "DescribeServices x4",
    ]
    "#);
    assert_eq!(world.hook_tasks("api").await, ["migrate exit 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_done_once_for_its_content() {
    let migrated =
        |image: &str, more: &str| with_hooks(image, &[hook("migrate", "migrate-once:1", more)], &[]);
    let mut world = world_with(migrated("app:1", "")).await;
    let update = world.commit(&[migrated("app:2", "")]);
    assert_eq!(world.settle(&update).await[&key()], Next::Settled, "{}", world.told());
    assert_eq!(world.hook_tasks("api").await.len(), 2, "{}", world.told());
    insta::assert_debug_snapshot!(mutating(&world.take_calls()), @r#"
    [
        "RunTask",
        "RegisterTaskDefinition",
        "UpdateService",
        "TagResource",
    ]
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_failed_hook_before_a_deployment_changes_nothing_and_is_held() {
    let mut world = world_with(with_hooks("app:1", &[], &[])).await;
    let bad = world.commit(&[with_hooks("app:2", &[hook("migrate", "migrate-crash:1", "")], &[])]);
    let standing = world.settle(&bad).await;
    assert!(matches!(&standing[&key()], Next::Held(_)), "{}", world.told());
    insta::assert_snapshot!(world.told(), @r#"
    08:00:00  plan       api: new service (2 tasks of app:1)
    08:00:00  register   api:1
    08:00:00  create     api -> api:1 · deployment ecs-svc/1294…
    08:00:05  progress   api 0 of 2 new tasks healthy
    08:00:10  progress   api 2 of 2 new tasks healthy
    08:00:20  settled    api runs api:1, 2 of 2 running, after 20 s
    08:00:20  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:20  register   api api-migrate:1
    08:00:20  hook       api migrate started
    08:00:30  failed     api: hook migrate: container migrate exited 1; its last words: "fatal: cannot start: configuration is not valid" (gate: hook); nothing was deployed
    08:00:31  held       api@e681… until Git changes it; failed on 2027-01-15 08:00: hook migrate: container migrate exited 1; its last words: "fatal: cannot start: configuration is not valid"
    "#);
    let failure = world.record("api").quarantine.unwrap().failure;
    assert_eq!(failure.gate, Gate::Hook);
    assert_eq!(failure.hook.as_ref().unwrap().stage, HookStage::Before);
    insta::assert_debug_snapshot!(failure, @r#"
    Failure {
        at: Timestamp(
            1800000030500,
        ),
        gate: Hook,
        likely_cause: "hook migrate: container migrate exited 1; its last words: \"fatal: cannot start: configuration is not valid\"",
        stopped_tasks: [
            StoppedTask {
                task: "arn:aws:ecs:eu-west-1:123456789012:task/jobs/f3b8488c368cb0a6cca24deb0ffc6f6c",
                started_by: "reconciler-5b98cd2d75db2ecc6680ff2e",
                stop_code: "EssentialContainerExited",
                stopped_reason: "Essential container in task exited",
                containers: [
                    StoppedContainer {
                        name: "migrate",
                        exit_code: Some(
                            1,
                        ),
                        reason: None,
                        last_line: Some(
                            "fatal: cannot start: configuration is not valid",
                        ),
                    },
                ],
                stopped_at: Timestamp(
                    1800000029000,
                ),
            },
        ],
        unhealthy_targets: [],
        events: [],
        hook: Some(
            FailedHook {
                name: "migrate",
                stage: Before,
                last_words: [
                    "starting migrate-crash:1",
                    "fatal: cannot start: configuration is not valid",
                ],
            },
        ),
    }
    "#);
    assert_eq!(world.runs("api").await, "api:1");
    let _ = (HookStage::After, Duration::ZERO, hook_of_the_service("a", "b"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_smoke_test_takes_the_service_back() {
    let mut world = world_with(with_hooks("app:1", &[], &[hook("smoke", "smoke-once:1", "")])).await;
    insta::assert_snapshot!(world.told(), @r#"
    08:00:00  plan       api: new service (2 tasks of app:1)
    08:00:00  register   api:1
    08:00:00  create     api -> api:1 · deployment ecs-svc/1294…
    08:00:05  progress   api 0 of 2 new tasks healthy
    08:00:10  progress   api 2 of 2 new tasks healthy
    08:00:20  register   api api-smoke:1
    08:00:20  hook       api smoke started
    08:00:35  hook       api smoke succeeded in 5 s
    08:00:36  settled    api runs api:1, 2 of 2 running, after 36 s
    "#);
    let bad = world.commit(&[with_hooks("app:2", &[], &[hook("smoke", "smoke-crash:1", "")])]);
    let standing = world.settle(&bad).await;
    assert!(matches!(&standing[&key()], Next::Held(_)), "{}", world.told());
    insta::assert_snapshot!(world.told(), @r#"
    08:00:00  plan       api: new service (2 tasks of app:1)
    08:00:00  register   api:1
    08:00:00  create     api -> api:1 · deployment ecs-svc/1294…
    08:00:05  progress   api 0 of 2 new tasks healthy
    08:00:10  progress   api 2 of 2 new tasks healthy
    08:00:20  register   api api-smoke:1
    08:00:20  hook       api smoke started
    08:00:35  hook       api smoke succeeded in 5 s
    08:00:36  settled    api runs api:1, 2 of 2 running, after 36 s
    08:00:36  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:36  register   api:2
    08:00:36  update     api -> api:2 · deployment ecs-svc/7038…
    08:00:41  progress   api 0 of 2 new tasks healthy
    08:00:46  progress   api 2 of 2 new tasks healthy
    08:00:56  register   api api-smoke:2
    08:00:56  hook       api smoke started
    08:01:06  failed     api:2: hook smoke: container smoke exited 1; its last words: "fatal: cannot start: configuration is not valid" (gate: hook)
    08:01:06  rollback   api -> api:1, the last that completed · deployment ecs-svc/7073…
    08:01:11  progress   api 0 of 2 new tasks healthy
    08:01:16  progress   api 2 of 2 new tasks healthy
    08:01:26  rollback   api runs api:1 again, 2 of 2 running, after 20 s
    08:01:26  held       api@207c… until Git changes it; failed on 2027-01-15 08:01: hook smoke: container smoke exited 1; its last words: "fatal: cannot start: configuration is not valid"
    "#);
    assert_eq!(world.runs("api").await, "api:1");
}
