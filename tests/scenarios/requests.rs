//! What people ask for by tags: suspended for a while, tried again, taken back by hand, done now.

use std::time::Duration;

use reconciler::controller::{Controller, Next, Wish};
use reconciler::model::{Gate, ServiceKey};
use serde_json::json;

use crate::world::{Memory, World, mutating, service, service_with};

const MINUTE: Duration = Duration::from_secs(60);
const NONE: [&str; 0] = [];

fn key() -> ServiceKey {
    ServiceKey::new("api")
}

/// An api that runs `app:1`, and the operator that brought it there.
async fn settled() -> (World, Controller, Wish) {
    let mut world = World::new().await;
    let wish = world.commit(&[service("api", "app:1")]);
    let operator = world.operator().await;
    world.settle_with(&operator, &wish).await;
    world.take_calls();
    (world, operator, wish)
}

async fn tags(world: &World) -> String {
    world.service("api").await["tags"].to_string()
}

#[tokio::test(start_paused = true)]
async fn a_suspension_holds_what_git_asks_for_and_ends_by_itself() {
    let (mut world, operator, _) = settled().await;
    world.tag("api", "reconciler/suspended", "until=2027-01-15T09:00:00Z by=ada incident 4711").await;
    world.take_calls();
    let wish = world.commit(&[service("api", "app:2")]);
    world.run_for(&operator, &wish, 30 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 5 calls

    ! api           held: suspended until 2027-01-15 09:00 by ada, "incident 4711"
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:2"  service-0.yaml:12 · changed between 4c1f9e1 and 4c1f9e2
        to go on: `reconciler resume api`, or remove the tag `reconciler/suspended` from the service

    1 held.
    "#);
    insta::assert_snapshot!(world.status(&wish).await, @r#"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 suspended

      Suspended    api           runs :1 (2/2); suspended until 2027-01-15 09:00 by ada, "incident 4711"; to go on: `reconciler resume api`, or remove the tag `reconciler/suspended` from the service
    "#);

    world.run_for(&operator, &wish, 31 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:2");
    assert!(!tags(&world).await.contains("suspended"));
    insta::assert_snapshot!(world.told_since("held"), @r#"
    08:00:20  held       api@7340… suspended until 2027-01-15 09:00 by ada, "incident 4711"; to go on: `reconciler resume api`, or remove the tag `reconciler/suspended` from the service
    09:00:00  request    api its suspension has ended by itself
    09:00:00  tag        api no longer carries reconciler/suspended
    09:00:00  plan       api: new revision (app image "app:1" -> "app:2")
    09:00:00  register   api:2
    09:00:00  update     api -> api:2 · deployment ecs-svc/2561…
    09:00:05  progress   api 0 of 2 new tasks healthy
    09:00:10  progress   api 2 of 2 new tasks healthy
    09:00:20  settled    api runs api:2, 2 of 2 running, after 20 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_suspension_without_an_end_holds_until_its_tag_is_gone() {
    let (mut world, operator, _) = settled().await;
    world.tag("api", "reconciler/suspended", "incident 4711").await;
    let wish = world.commit(&[service("api", "app:2")]);
    world.run_for(&operator, &wish, 120 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:1");
    world.untag("api", "reconciler/suspended").await;
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:2");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_service_without_a_change_is_told_by_status() {
    let (world, _operator, wish) = settled().await;
    world.tag("api", "reconciler/suspended", "by=ada incident 4711").await;
    insta::assert_snapshot!(world.status(&wish).await, @r#"
    test   main@4c1f9e1, seen 0 s ago · 1 service: 1 suspended

      Suspended    api           runs :1 (2/2); suspended by ada, "incident 4711"; no change waits
    "#);
}

/// Held: its image is not there.
async fn held() -> (World, Controller, Wish, String) {
    let (mut world, operator, _) = settled().await;
    let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:2";
    let bad = world.commit(&[service("api", image)]);
    world.settle_with(&operator, &bad).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    assert!(world.record("api").quarantine.is_some(), "{}", world.told());
    world.take_calls();
    (world, operator, bad, image.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_retry_lifts_the_quarantine_once() {
    let (world, operator, bad, image) = held().await;
    world.tag("api", "reconciler/retry", "at=2027-01-15T09:00:00Z by=ada the registry was down").await;
    world.take_calls();
    world.run_for(&operator, &bad, 60 * MINUTE).await;
    // It failed again: one more way back, and held again, whatever the tag said.
    let record = world.record("api");
    assert!(record.quarantine.as_ref().unwrap().again.is_none());
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    assert_eq!(mutating(&world.take_calls())[..2], ["UntagResource", "UpdateService"]);
    assert_eq!(world.revisions("api").await, ["api:1", "api:2"]);

    // The image is there now, and somebody asks again.
    world.push(&image);
    world.tag("api", "reconciler/retry", "at=2027-01-15T10:00:00Z by=bob").await;
    world.run_for(&operator, &bad, 10 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:2");
    assert!(world.record("api").quarantine.is_none(), "{}", world.told());
    insta::assert_snapshot!(world.told_since("ada asks"), @r#"
    08:00:35  request    api ada asks to try 3896… again: the registry was down
    08:00:35  tag        api no longer carries reconciler/retry
    08:00:35  plan       api: new deployment (app image "app:1" -> "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a…)
    08:00:35  update     api -> api:2 · deployment ecs-svc/8617…
    08:00:40  failing    api 2 tasks stopped: CannotPullContainerError
    08:00:45  failed     api:2 did not come up: image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:2 can't be pulled: not found; this commit changed image "app:1" -> "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a… (gate: ECS circuit breaker)
    08:00:45  rollback   api -> api:1, the last that completed; ECS does it by itself
    08:00:50  rollback   api runs api:1 again, 2 of 2 running, after 5 s
    08:00:50  report     api did not come up with main@4c1f9e2. It runs api:1 again, 2 of 2 healthy.

                likely cause   image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:2 can't be pulled: not found; this commit changed image "app:1" -> "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a…
                what changed   image "app:1" -> "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a…
                what we saw    4 tasks stopped in 5 s: CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:2: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:2: not found
                ECS says       (service api) (deployment ecs-svc/8617890157137703680) deployment failed: tasks failed to start.
                gate           ECS circuit breaker, 4 failed tasks, 2027-01-15 08:00
                next           commit a change to service-0.yaml, or `reconciler retry api`
    08:00:50  held       api@3896… until Git changes it; failed on 2027-01-15 08:00: image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:2 can't be pulled: not found; this commit changed image "app:1" -> "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a…
    09:00:35  request    api bob asks to try 3896… again
    09:00:35  tag        api no longer carries reconciler/retry
    09:00:35  plan       api: new deployment (app image "app:1" -> "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a…)
    09:00:35  update     api -> api:2 · deployment ecs-svc/2351…
    09:00:40  progress   api 0 of 2 new tasks healthy
    09:00:45  progress   api 2 of 2 new tasks healthy
    09:00:55  settled    api runs api:2, 2 of 2 running, after 20 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn who_asked_for_another_try_is_noted_with_it() {
    let (world, operator, bad, _) = held().await;
    world.tag("api", "reconciler/retry", "by=ada the registry was down").await;
    world.run_for(&operator, &bad, Duration::from_secs(1)).await;
    let again = world.record("api").quarantine.unwrap().again.unwrap();
    assert_eq!(again.by.as_deref(), Some("ada"));
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_what_is_not_held_changes_nothing_and_is_told() {
    let (world, operator, wish) = settled().await;
    world.tag("api", "reconciler/retry", "by=ada").await;
    world.run_for(&operator, &wish, 5 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:1");
    assert!(!tags(&world).await.contains("reconciler/retry"));
    insta::assert_snapshot!(world.told_since("ada asks"), @"
    08:00:20  request    api ada asks to try again, and nothing is held: not heeded
    08:00:20  tag        api no longer carries reconciler/retry
    08:00:20  settled    api runs api:1, 2 of 2 running, as Git wants it
    ");
}

#[tokio::test(start_paused = true)]
async fn a_retry_for_another_digest_is_not_heeded() {
    let (world, operator, bad, _) = held().await;
    world.tag("api", "reconciler/retry", "digest=0123456789 by=ada").await;
    world.take_calls();
    world.run_for(&operator, &bad, 5 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["UntagResource"]);
    insta::assert_snapshot!(world.told_since("ada asks"), @r#"
    08:00:35  request    api ada asks to try 0123… again, and Git asks for 3896…: not heeded
    08:00:35  tag        api no longer carries reconciler/retry
    08:00:35  held       api@3896… until Git changes it; failed on 2027-01-15 08:00: image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:2 can't be pulled: not found; this commit changed image "app:1" -> "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a…
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_tag_can_not_be_taken_off_is_heeded_once() {
    let (world, operator, bad, _) = held().await;
    world.tag("api", "reconciler/retry", "by=ada").await;
    world.take_calls();
    world.simulator.set_fault(Box::new(|call| match call.operation.as_str() {
        "UntagResource" => simulator::faults::Fault::RefuseBefore(simulator::error::ApiError::new(
            "AccessDeniedException",
            "not allowed",
        )),
        _ => simulator::faults::Fault::None,
    }));
    world.run_for(&operator, &bad, 60 * MINUTE).await;
    world.simulator.clear_fault();
    let calls = world.take_calls();
    let updates = mutating(&calls).into_iter().filter(|call| call.as_str() == "UpdateService").count();
    assert_eq!(updates, 1, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_that_failed_is_deployed_again_by_a_retry() {
    let mut world = World::new().await;
    let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1";
    let wish = world.commit(&[service("api", image)]);
    let operator = world.operator().await;
    world.settle_with(&operator, &wish).await;
    assert!(world.record("api").quarantine.is_some(), "{}", world.told());
    world.push(image);
    world.tag("api", "reconciler/retry", "by=ada").await;
    world.take_calls();
    world.run_for(&operator, &wish, 15 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["UntagResource", "UpdateService"], "{}", world.told());
    assert!(world.record("api").quarantine.is_none(), "{}", world.told());
    insta::assert_snapshot!(world.told_since("ada asks"), @"
    08:00:10  request    api ada asks to try 0896… again
    08:00:10  tag        api no longer carries reconciler/retry
    08:00:10  plan       api: another deployment of what failed
    08:00:10  update     api -> api:1 · deployment ecs-svc/6064…
    08:00:15  progress   api 0 of 2 new tasks healthy
    08:00:20  progress   api 2 of 2 new tasks healthy
    08:00:30  settled    api runs api:1, 2 of 2 running, after 20 s
    ");
}

const SCALED: &str = "  scaling: {minCapacity: 2, maxCapacity: 4}\n";
const SCALED_MORE: &str = "  scaling:
    minCapacity: 3
    maxCapacity: 9
    policies:
      - PolicyName: cpu
        PolicyType: TargetTrackingScaling
        TargetTrackingScalingPolicyConfiguration:
          TargetValue: 60
          PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
";

#[tokio::test(start_paused = true)]
async fn a_roll_back_by_hand_goes_back_once_and_holds_what_git_asks_for_until_git_changes() {
    let (mut world, operator, _) = settled().await;
    let second = world.commit(&[service("api", "app:2")]);
    world.settle_with(&operator, &second).await;
    assert_eq!(world.runs("api").await, "api:2");
    world.tag("api", "reconciler/roll-back", "to=api:1 by=ada checkout is broken").await;
    world.take_calls();
    world.run_for(&operator, &second, 30 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    assert_eq!(mutating(&world.take_calls()), ["UntagResource", "UpdateService"]);
    let quarantine = world.record("api").quarantine.unwrap();
    assert_eq!((quarantine.failure.gate, quarantine.by.as_deref()), (Gate::Person, Some("ada")));
    insta::assert_snapshot!(world.plan_text(&second, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 3 calls

    ! api           held: taken back by ada
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:2"  service-0.yaml:12 · asked for in 4c1f9e2
        digest 7340… was taken back on 2027-01-15 08:00 (checkout is broken)
        to try again: commit a change, or `reconciler retry api`

    1 held.
    "#);
    insta::assert_snapshot!(world.status(&second).await, @"
    test   main@4c1f9e2, seen 0 s ago · 1 service: 1 rolled back

      RolledBack   api           runs :1 (2/2), wants 7340… (taken back by ada 2027-01-15 08:00)
                                 reason       checkout is broken
                                 by           ada, 2027-01-15 08:00
                                 next         commit a change of api, or `reconciler retry api`
    ");

    // What the next commit fails with leads to where the person went, not to what was taken back.
    let bad = world.commit(&[service("api", "app:crash")]);
    world.settle_with(&operator, &bad).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    let fixed = world.commit(&[service("api", "app:4")]);
    assert_eq!(world.settle_with(&operator, &fixed).await[&key()], Next::Settled, "{}", world.told());
    assert_eq!(world.runs("api").await, "api:4");
    insta::assert_snapshot!(world.told_since("ada asks"), @r#"
    08:00:40  request    api ada asks to go back to api:1: checkout is broken
    08:00:40  tag        api no longer carries reconciler/roll-back
    08:00:40  rollback   api -> api:1, as a person asks · deployment ecs-svc/8571…
    08:00:45  progress   api 0 of 2 new tasks healthy
    08:00:50  progress   api 2 of 2 new tasks healthy
    08:01:00  rollback   api runs api:1 again, 2 of 2 running, after 20 s
    08:01:00  held       api@7340… taken back by ada on 2027-01-15 08:00, until Git changes it: checkout is broken
    08:30:40  plan       api: new revision (app image "app:1" -> "app:crash")
    08:30:40  register   api:3
    08:30:40  update     api -> api:3 · deployment ecs-svc/2172…
    08:30:45  progress   api 0 of 2 new tasks healthy
    08:30:50  failing    api 2 tasks stopped: exit 1
    08:31:00  failed     api:3 did not come up: container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash" (gate: ECS circuit breaker)
    08:31:00  rollback   api -> api:1, the last that completed; ECS does it by itself
    08:31:05  rollback   api runs api:1 again, 2 of 2 running, after 5 s
    08:31:05  report     api did not come up with main@4c1f9e3. It runs api:1 again, 2 of 2 healthy.

                likely cause   container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash"
                what changed   image "app:1" -> "app:crash"
                what we saw    4 tasks stopped in 11 s: app exited 1
                ECS says       (service api) (deployment ecs-svc/2172820739197057138) deployment failed: tasks failed to start.
                gate           ECS circuit breaker, 2027-01-15 08:31
                next           commit a change to service-0.yaml, or `reconciler retry api`
    08:31:05  held       api@1401… until Git changes it; failed on 2027-01-15 08:31: container app exited 1 soon after start; this commit changed image "app:1" -> "app:crash"
    08:31:05  plan       api: new revision (app image "app:1" -> "app:4")
    08:31:05  register   api:4
    08:31:05  update     api -> api:4 · deployment ecs-svc/5504…
    08:31:10  progress   api 0 of 2 new tasks healthy
    08:31:15  progress   api 2 of 2 new tasks healthy
    08:31:25  settled    api runs api:4, 2 of 2 running, after 20 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_by_hand_stops_a_deployment_in_flight_and_a_retry_takes_it_up_again() {
    let (mut world, operator, _) = settled().await;
    let slow = world.commit(&[service("api", "app:slow")]);
    world.run_for(&operator, &slow, Duration::from_secs(10)).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
    world.tag("api", "reconciler/roll-back", "to=api:1 by=ada wrong hour").await;
    world.take_calls();
    world.run_for(&operator, &slow, 10 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), ["UntagResource", "StopServiceDeployment"], "{}", world.told());
    assert_eq!(world.runs("api").await, "api:1");

    world.tag("api", "reconciler/retry", "by=ada").await;
    world.run_for(&operator, &slow, 30 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
    assert!(world.record("api").quarantine.is_none(), "{}", world.told());
    insta::assert_snapshot!(world.told_since("ada asks to go"), @r#"
    08:00:30  request    api ada asks to go back to api:1: wrong hour
    08:00:30  tag        api no longer carries reconciler/roll-back
    08:00:30  rollback   api -> api:1, as a person asks; the deployment is stopped
    08:00:35  rollback   api runs api:1 again, 2 of 2 running, after 5 s
    08:00:35  held       api@f523… taken back by ada on 2027-01-15 08:00, until Git changes it: wrong hour
    08:10:30  request    api ada asks to try f523… again
    08:10:30  tag        api no longer carries reconciler/retry
    08:10:30  plan       api: new deployment (app image "app:1" -> "app:slow")
    08:10:30  update     api -> api:2 · deployment ecs-svc/8781…
    08:10:35  progress   api 0 of 2 new tasks healthy
    08:12:05  progress   api 2 of 2 new tasks healthy
    08:12:15  settled    api runs api:2, 2 of 2 running, after 105 s
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_to_another_family_or_to_what_runs_is_not_heeded() {
    let (world, operator, wish) = settled().await;
    for to in ["to=worker:1 ", "to=api:1 ", ""] {
        world.tag("api", "reconciler/roll-back", &format!("{to}by=ada why")).await;
        world.run_for(&operator, &wish, 5 * MINUTE).await;
    }
    assert!(world.record("api").quarantine.is_none());
    insta::assert_snapshot!(world.told_since("that ada asks"), @"
    08:00:20  request    api the roll-back that ada asks for is not heeded: `worker:1` is no revision of `api`
    08:00:20  tag        api no longer carries reconciler/roll-back
    08:00:20  settled    api runs api:1, 2 of 2 running, as Git wants it
    08:05:20  request    api the roll-back that ada asks for is not heeded: it runs api:1 already
    08:05:20  tag        api no longer carries reconciler/roll-back
    08:05:20  settled    api runs api:1, 2 of 2 running, as Git wants it
    08:10:20  request    api the roll-back that ada asks for is not heeded: it names no revision; write `to=api:NUMBER`
    08:10:20  tag        api no longer carries reconciler/roll-back
    08:10:20  settled    api runs api:1, 2 of 2 running, as Git wants it
    ");
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_by_hand_never_leads_to_a_revision_that_is_deregistered() {
    let (mut world, operator, _) = settled().await;
    let second = world.commit(&[service("api", "app:2")]);
    world.settle_with(&operator, &second).await;
    world.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "api:1"})).await;
    world.tag("api", "reconciler/roll-back", "to=api:1 by=ada why").await;
    world.run_for(&operator, &second, 10 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
    insta::assert_snapshot!(world.told_since("ada asks"), @"
    08:00:40  request    api ada asks to go back to api:1: why
    08:00:40  tag        api no longer carries reconciler/roll-back
    08:00:40  failed     api: AWS refuses the way back: can't update service `api` in eu-west-1: ecs:UpdateService answered ClientException: TaskDefinition is inactive
    08:01:10  settled    api runs api:2, 2 of 2 running, as Git wants it
    ");
}

#[tokio::test(start_paused = true)]
async fn scaling_and_settings_that_came_with_a_bad_commit_go_back_with_it() {
    for image in ["app:crash", "app:2"] {
        let mut world = World::new().await;
        let good = world.commit(&[service_with("api", "app:1", SCALED)]);
        let operator = world.operator().await;
        world.settle_with(&operator, &good).await;
        let percent = "    deploymentConfiguration:\n      minimumHealthyPercent: 50\n";
        let bad = service_with("api", image, SCALED_MORE)
            .replace("    deploymentConfiguration:\n", percent)
            .replace("sg-1", "sg-2");
        let bad = world.commit(&[bad]);
        world.settle_with(&operator, &bad).await;
        if image == "app:2" {
            assert_eq!(world.bounds("api").await, Some((3, 9)));
            world.tag("api", "reconciler/roll-back", "to=api:1 by=ada why").await;
            world.run_for(&operator, &bad, 30 * MINUTE).await;
        }
        assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
        let live = world.service("api").await;
        assert_eq!(world.bounds("api").await, Some((2, 4)), "{}", world.told());
        assert_eq!(live["deploymentConfiguration"]["minimumHealthyPercent"], 100, "{}", world.told());
        let groups = &live["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"];
        assert_eq!(*groups, json!(["sg-1"]), "{}", world.told());
        // None of that was anybody's hand.
        let fix = world.commit(&[service_with("api", "app:3", SCALED)]);
        assert_eq!(world.settle_with(&operator, &fix).await[&key()], Next::Settled, "{}", world.told());
        assert!(!world.told().contains("behind our back"), "{}", world.told());
        assert_eq!(world.bounds("api").await, Some((2, 4)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_changed_in_place_since_the_last_deployment_is_where_a_roll_back_leads() {
    let mut world = World::new().await;
    let operator = world.operator().await;
    for (image, scaling) in [("app:1", SCALED), ("app:1", SCALED_MORE), ("app:crash", SCALED)] {
        let wish = world.commit(&[service_with("api", image, scaling)]);
        world.settle_with(&operator, &wish).await;
    }
    assert_eq!(world.runs("api").await, "api:1");
    assert_eq!(world.bounds("api").await, Some((3, 9)), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_of_a_suspended_service_waits_for_the_end_of_that() {
    let (mut world, operator, _) = settled().await;
    let second = world.commit(&[service("api", "app:2")]);
    world.settle_with(&operator, &second).await;
    world.tag("api", "reconciler/suspended", "by=ada hands off").await;
    world.tag("api", "reconciler/roll-back", "to=api:1 by=bob why").await;
    world.take_calls();
    world.run_for(&operator, &second, 30 * MINUTE).await;
    assert_eq!(mutating(&world.take_calls()), NONE, "{}", world.told());
    world.untag("api", "reconciler/suspended").await;
    world.run_for(&operator, &second, 10 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_for_something_outside_git_is_asked_again_until_it_is_there() {
    let (mut world, operator, _) = settled().await;
    let wish = world.commit(&[service("api", "app:2")]);
    world.simulator.set_fault(Box::new(|call| match call.operation.as_str() {
        "UpdateService" => simulator::faults::Fault::RefuseBefore(simulator::error::ApiError::new(
            "InvalidParameterException",
            "The target group tg-api does not exist.",
        )),
        _ => simulator::faults::Fault::None,
    }));
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 5 calls

    ! api           held: asked again at 2027-01-15 08:15, until AWS takes it
        taskDefinition.containerDefinitions[app]
          image  "app:1" -> "app:2"  service-0.yaml:12 · asked for in 4c1f9e2
        digest 7340… failed on 2027-01-15 08:07 (AWS refuses it: can't update service `api` in eu-west-1: ecs:UpdateService answered InvalidParameterException: The target group tg-api does not exist)
        to try now: `reconciler retry api`, or commit a change

    1 held.
    "#);
    world.simulator.clear_fault();
    world.run_for(&operator, &wish, 10 * MINUTE).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
    assert!(world.record("api").quarantine.is_none());
    insta::assert_snapshot!(world.told_since("app:2"), @r#"
    08:00:20  plan       api: new revision (app image "app:1" -> "app:2")
    08:00:20  register   api:2
    08:00:20  failed     api: AWS refuses it: can't update service `api` in eu-west-1: ecs:UpdateService answered InvalidParameterException: The target group tg-api does not exist; asked again at 08:01
    08:00:50  held       api@7340… asked again at 2027-01-15 08:01, until AWS takes it; failed on 2027-01-15 08:00: AWS refuses it: can't update service `api` in eu-west-1: ecs:UpdateService answered InvalidParameterException: The target group tg-api does not exist
    08:01:20  plan       api: new deployment (app image "app:1" -> "app:2")
    08:01:20  failed     api: AWS refuses it: can't update service `api` in eu-west-1: ecs:UpdateService answered InvalidParameterException: The target group tg-api does not exist; asked again at 08:03
    08:01:50  held       api@7340… asked again at 2027-01-15 08:03, until AWS takes it; failed on 2027-01-15 08:01: AWS refuses it: can't update service `api` in eu-west-1: ecs:UpdateService answered InvalidParameterException: The target group tg-api does not exist
    08:03:20  plan       api: new deployment (app image "app:1" -> "app:2")
    08:03:20  failed     api: AWS refuses it: can't update service `api` in eu-west-1: ecs:UpdateService answered InvalidParameterException: The target group tg-api does not exist; asked again at 08:07
    08:03:50  held       api@7340… asked again at 2027-01-15 08:07, until AWS takes it; failed on 2027-01-15 08:03: AWS refuses it: can't update service `api` in eu-west-1: ecs:UpdateService answered InvalidParameterException: The target group tg-api does not exist
    08:07:20  plan       api: new deployment (app image "app:1" -> "app:2")
    08:07:20  failed     api: AWS refuses it: can't update service `api` in eu-west-1: ecs:UpdateService answered InvalidParameterException: The target group tg-api does not exist; asked again at 08:15
    08:07:50  held       api@7340… asked again at 2027-01-15 08:15, until AWS takes it; failed on 2027-01-15 08:07: AWS refuses it: can't update service `api` in eu-west-1: ecs:UpdateService answered InvalidParameterException: The target group tg-api does not exist
    08:15:20  plan       api: new deployment (app image "app:1" -> "app:2")
    08:15:20  update     api -> api:2 · deployment ecs-svc/2561…
    08:15:25  progress   api 0 of 2 new tasks healthy
    08:15:30  progress   api 2 of 2 new tasks healthy
    08:15:40  settled    api runs api:2, 2 of 2 running, after 20 s
    "#);
}
