//! Inside a service: policies, scheduled actions and targets that Git no longer mentions.

use std::time::Duration;

use reconciler::controller::{Next, Wish};
use reconciler::model::ServiceKey;
use serde_json::json;
use simulator::error::ApiError;
use simulator::faults::Fault;

use super::story::scaled;
use crate::world::{Memory, World, mutating, service, service_with};

const NONE: [&str; 0] = [];
const PRUNE: &str = "  sync: {prune: true}\n";

async fn settled(manifest: String) -> (World, Wish) {
    let mut world = World::new().await;
    let wish = world.commit(&[manifest]);
    settle(&world, &wish).await;
    (world, wish)
}

async fn settle(world: &World, wish: &Wish) -> Vec<String> {
    assert_eq!(world.settle(wish).await[&ServiceKey::new("api")], Next::Settled, "{}", world.told());
    mutating(&world.take_calls())
}

/// The scaled service with pruning on.
fn pruned() -> String {
    scaled("api", "app:1") + PRUNE
}

/// The same without its policy and its scheduled action.
fn bare(more: &str) -> String {
    service_with("api", "app:1", &format!("  scaling: {{minCapacity: 2, maxCapacity: 6}}\n{more}"))
}

async fn names(world: &World, operation: &str, list: &str, member: &str) -> Vec<String> {
    let answer = world.scaling(operation, "api", json!({})).await;
    let elements = answer[list].as_array().cloned().unwrap_or_default();
    elements.iter().map(|it| it[member].as_str().unwrap().to_owned()).collect()
}

async fn policies(world: &World) -> Vec<String> {
    names(world, "DescribeScalingPolicies", "ScalingPolicies", "PolicyName").await
}

async fn actions(world: &World) -> Vec<String> {
    names(world, "DescribeScheduledActions", "ScheduledActions", "ScheduledActionName").await
}

async fn put_by_hand(world: &World, name: &str) {
    let metric = match name {
        "cpu" => "ECSServiceAverageCPUUtilization",
        _ => "ECSServiceAverageMemoryUtilization",
    };
    let policy = json!({
        "PolicyName": name, "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 90,
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
        },
    });
    world.scaling("PutScalingPolicy", "api", policy).await;
    world.take_calls();
}

#[tokio::test(start_paused = true)]
async fn policies_and_scheduled_actions_that_left_git_are_deleted_and_those_of_others_are_not() {
    let (mut world, _) = settled(pruned()).await;
    put_by_hand(&world, "memory").await;
    let wish = world.commit(&[bare(PRUNE)]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 6 calls

    ~ api           deletes scaling that is not in Git, in place, no deployment
        scaling.policies[cpu]            deleted  no longer in Git
        scaling.scheduledActions[night]  deleted  no longer in Git
        will: delete scaling policy cpu, delete scheduled action night, tag service
        scaling.policies[memory]  left in place: this installation did not put it

    1 to change.
    "#);
    assert_eq!(settle(&world, &wish).await, ["DeleteScalingPolicy", "DeleteScheduledAction", "TagResource"]);
    assert_eq!(policies(&world).await, ["memory"]);
    assert_eq!(actions(&world).await, NONE);
    assert_eq!(settle(&world, &wish).await, NONE);
    // Of the same name again, it is somebody else's.
    put_by_hand(&world, "cpu").await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(settle(&world, &wish).await, NONE);
    assert_eq!(policies(&world).await, ["cpu", "memory"]);
}

#[tokio::test(start_paused = true)]
async fn with_pruning_off_what_left_git_stays_and_is_reported() {
    let (mut world, _) = settled(scaled("api", "app:1")).await;
    let wish = world.commit(&[bare("")]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 6 calls

    ~ api           in place, no deployment
        service.tags.reconciler/digest  notes the new digest; nothing of AWS's changes
        will: tag service
        scaling.policies[cpu]  left in place: prune is off
        scaling.scheduledActions[night]  left in place: prune is off

    1 to change.
    "#);
    assert_eq!(settle(&world, &wish).await, ["TagResource"]);
    assert_eq!(policies(&world).await, ["cpu"]);
    assert!(
        world
            .plan_text(&wish, Memory::Ledger)
            .await
            .contains("scaling.policies[cpu]  left in place: prune is off")
    );

    // Turned on later, it goes: nobody else's change is corrected here.
    let wish = world.commit(&[bare(PRUNE)]);
    assert_eq!(settle(&world, &wish).await, ["DeleteScalingPolicy", "DeleteScheduledAction"]);
    assert!(!world.told().contains("behind our back"), "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn the_environments_word_holds_where_a_service_says_nothing() {
    let mut world = World::new().await;
    world.environment = "sync: {prune: true}".to_owned();
    let wish = world.commit(&[scaled("api", "app:1")]);
    settle(&world, &wish).await;
    let off = world.commit(&[bare("  sync: {prune: false}\n")]);
    assert_eq!(settle(&world, &off).await, ["TagResource"]);
    let on = world.commit(&[bare("")]);
    assert_eq!(settle(&world, &on).await, ["DeleteScalingPolicy", "DeleteScheduledAction"]);
}

#[tokio::test(start_paused = true)]
async fn without_the_ledger_nothing_is_known_to_be_ours_and_nothing_goes() {
    let (mut world, _) = settled(pruned()).await;
    world.lose_ledger();
    let wish = world.commit(&[bare(PRUNE)]);
    assert_eq!(settle(&world, &wish).await, ["TagResource"]);
    assert_eq!(policies(&world).await, ["cpu"]);
}

#[tokio::test(start_paused = true)]
async fn scaling_that_left_git_as_a_whole_is_deregistered_and_the_count_is_gits_again() {
    let (mut world, _) = settled(pruned()).await;
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "desiredCount": 5})).await;
    world.take_calls();
    let wish = world.commit(&[service("api", "app:1") + PRUNE]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 6 calls

    ~ api           deletes scaling that is not in Git, in place, no deployment
        service.desiredCount  5 -> 2   service-0.yaml:15 · scaling is no longer in Git
        scaling               deleted  no longer in Git
        will: update service, deregister scalable target, tag service

    1 to change.
    "#);
    let calls = settle(&world, &wish).await;
    assert_eq!(calls, ["UpdateService", "DeregisterScalableTarget", "TagResource"]);
    assert_eq!(world.bounds("api").await, None);
    assert_eq!(world.service("api").await["desiredCount"], 2);
    assert_eq!(settle(&world, &wish).await, NONE);
    assert_eq!(world.record("api").scaling, None);
}

#[tokio::test(start_paused = true)]
async fn scaling_that_left_git_stays_while_pruning_is_off_and_keeps_its_count() {
    let (mut world, _) = settled(scaled("api", "app:1")).await;
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "desiredCount": 5})).await;
    world.take_calls();
    let wish = world.commit(&[service("api", "app:1")]);
    assert_eq!(settle(&world, &wish).await, ["TagResource"], "{}", world.told());
    assert_eq!(world.bounds("api").await, Some((2, 6)));
    assert_eq!(world.service("api").await["desiredCount"], 5);
    assert!(world.plan_text(&wish, Memory::Ledger).await.contains("scaling  left in place: prune is off"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_carries_somebody_elses_policy_is_not_deregistered() {
    let (mut world, _) = settled(pruned()).await;
    put_by_hand(&world, "memory").await;
    let wish = world.commit(&[service("api", "app:1") + PRUNE]);
    let text = world.plan_text(&wish, Memory::Ledger).await;
    assert!(text.contains("it carries the policy `memory`, which this installation did not put"), "{text}");
    assert_eq!(settle(&world, &wish).await, ["DeleteScalingPolicy", "DeleteScheduledAction", "TagResource"]);
    assert_eq!(policies(&world).await, ["memory"]);
    assert_eq!(world.bounds("api").await, Some((2, 6)));
}

#[tokio::test(start_paused = true)]
async fn without_a_ledger_whose_scaling_it_is_is_not_known_and_that_is_what_is_said() {
    let (mut world, _) = settled(pruned()).await;
    let wish = world.commit(&[bare(PRUNE)]);
    let text = world.plan_text(&wish, Memory::Nothing).await;
    assert!(text.contains("left in place: whether this installation put it is not known here"), "{text}");
    let wish = world.commit(&[service("api", "app:1") + PRUNE]);
    let text = world.plan_text(&wish, Memory::Nothing).await;
    let said = "left in place: whether this installation registered the scalable target is not known here";
    assert!(text.contains(said), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_somebody_else_registered_stays() {
    let (mut world, _) = settled(service("api", "app:1") + PRUNE).await;
    world.scaling("RegisterScalableTarget", "api", json!({"MinCapacity": 2, "MaxCapacity": 9})).await;
    world.take_calls();
    let wish = world.commit(&[service("api", "app:2") + PRUNE]);
    let text = world.plan_text(&wish, Memory::Ledger).await;
    assert!(text.contains("left in place: this installation did not register the scalable target"), "{text}");
    settle(&world, &wish).await;
    assert_eq!(world.bounds("api").await, Some((2, 9)));
}

#[tokio::test(start_paused = true)]
async fn a_target_under_an_override_is_deregistered_when_that_has_ended() {
    let (mut world, _) = settled(pruned()).await;
    world.tag("api", "reconciler/scaling-override", "min=3 max=8 until=2027-01-15T09:00:00Z").await;
    world.scaling("RegisterScalableTarget", "api", json!({"MinCapacity": 3, "MaxCapacity": 8})).await;
    let wish = world.commit(&[service("api", "app:1") + PRUNE]);
    let operator = world.operator().await;
    world.run_for(&operator, &wish, Duration::from_secs(600)).await;
    assert_eq!(world.bounds("api").await, Some((3, 8)), "{}", world.told());
    world.run_for(&operator, &wish, Duration::from_secs(3600)).await;
    assert_eq!(world.bounds("api").await, None, "{}", world.told());
    assert_eq!(world.service("api").await["desiredCount"], 2);
    assert!(!world.service("api").await["tags"].to_string().contains("scaling-override"));
}

/// Everything about scaling leaves Git, with the operator killed at its `at`-th call.
async fn killed(at: usize, fault: Fault) -> World {
    let (mut world, _) = settled(pruned()).await;
    let wish = world.commit(&[service("api", "app:1") + PRUNE]);
    let operator = world.operator().await;
    world.kill_at(operator, &wish, at, fault).await;
    settle_slowly(&world, &wish).await;
    world
}

async fn settle_slowly(world: &World, wish: &Wish) {
    assert_eq!(world.settle(wish).await[&ServiceKey::new("api")], Next::Settled, "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_of_a_prune_inside_a_service_it_converges() {
    let undisturbed = killed(usize::MAX, Fault::None).await;
    let calls = undisturbed.take_calls();
    assert!(calls.len() >= 5, "{calls:?}");
    for (at, call) in calls.iter().enumerate() {
        for fault in [Fault::NeverApply, Fault::NeverAnswer] {
            let world = killed(at, fault.clone()).await;
            assert_eq!(world.bounds("api").await, None, "{fault:?} {call}: {}", world.told());
            assert_eq!(world.service("api").await["desiredCount"], 2, "{fault:?} {call}");
            assert_eq!(world.record("api").scaling, None, "{fault:?} {call}");
            assert!(!world.told().contains("behind our back"), "{fault:?} {call}: {}", world.told());
        }
    }
}

const PRUNE_FOREIGN: &str = "  sync: {prune: true, pruneForeignScaling: true}\n";

#[tokio::test(start_paused = true)]
async fn scaling_that_others_put_goes_where_the_manifest_says_so() {
    let (mut world, _) = settled(pruned()).await;
    put_by_hand(&world, "memory").await;
    let evening = json!({"ScheduledActionName": "evening", "Schedule": "cron(0 18 * * ? *)",
                         "ScalableTargetAction": {"MaxCapacity": 3}});
    world.scaling("PutScheduledAction", "api", evening).await;
    world.take_calls();
    let wish = world.commit(&[scaled("api", "app:1") + PRUNE_FOREIGN]);
    insta::assert_snapshot!(world.plan_text(&wish, Memory::Ledger).await, @r#"
    test (eu-west-1, cluster jobs)   main@4c1f9e2 "Change 2" · read 0 s ago, 4 calls

    ~ api           deletes scaling that is not in Git, scaling only, no deployment
        scaling.policies[memory]           deleted  put by others, and `sync.pruneForeignScaling` is on
        scaling.scheduledActions[evening]  deleted  put by others, and `sync.pruneForeignScaling` is on
        will: delete scaling policy memory, delete scheduled action evening

    1 to change.
    "#);
    assert_eq!(world.plan(&wish, Memory::Ledger).await.services[0].steps().len(), 2);
    // Whose they are is told by the ledger alone.
    let text = world.plan_text(&wish, Memory::Nothing).await;
    assert!(
        text.contains("scaling.policies[memory]  left in place: whether this installation put it"),
        "{text}"
    );
    assert_eq!(
        settle(&world, &wish).await,
        ["DeleteScalingPolicy", "DeleteScheduledAction"],
        "{}",
        world.told()
    );
    assert_eq!(
        (policies(&world).await, actions(&world).await),
        (vec!["cpu".to_owned()], vec!["night".to_owned()])
    );
    assert_eq!(settle(&world, &wish).await, NONE);
}

#[tokio::test(start_paused = true)]
async fn scaling_that_others_put_stays_while_pruning_is_off_or_the_service_is_not_ours_by_both_tags() {
    let (mut world, _) = settled(scaled("api", "app:1")).await;
    put_by_hand(&world, "memory").await;
    let off = world.commit(&[scaled("api", "app:1") + "  sync: {pruneForeignScaling: true}\n"]);
    assert_eq!(settle(&world, &off).await, NONE);
    let text = world.plan_text(&off, Memory::Ledger).await;
    assert!(text.contains("this installation did not put it, and prune is off"), "{text}");

    world.untag("api", "reconciler/id").await;
    world.take_calls();
    let wish = world.commit(&[scaled("api", "app:1") + PRUNE_FOREIGN]);
    let text = world.plan_text(&wish, Memory::Ledger).await;
    assert!(
        text.contains("the service does not carry both owner tags") && !text.contains("delete scaling"),
        "{text}"
    );
    // The tag comes back first; with it the service is ours again.
    assert_eq!(settle(&world, &wish).await, ["TagResource", "DeleteScalingPolicy"], "{}", world.told());
}

#[tokio::test(start_paused = true)]
async fn scaling_of_others_is_not_deleted_while_the_list_of_it_cannot_be_read() {
    let (mut world, _) = settled(pruned()).await;
    put_by_hand(&world, "memory").await;
    let wish = world.commit(&[scaled("api", "app:1") + PRUNE_FOREIGN]);
    for unread in ["DescribeScalingPolicies", "DescribeScheduledActions"] {
        world.simulator.set_fault(Box::new(move |site| match site.operation == unread {
            true => Fault::RefuseBefore(ApiError::new("AccessDeniedException", "not authorized")),
            false => Fault::None,
        }));
        let text = world.plan_text(&wish, Memory::Ledger).await;
        assert!(text.contains("held: can't read scaling"), "{unread}: {text}");
        world.simulator.clear_fault();
    }
    assert_eq!(policies(&world).await, ["cpu", "memory"]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_carries_somebody_elses_policy_goes_where_the_manifest_says_so() {
    let (mut world, _) = settled(pruned()).await;
    put_by_hand(&world, "memory").await;
    let wish = world.commit(&[service("api", "app:1") + PRUNE_FOREIGN]);
    assert_eq!(settle(&world, &wish).await, ["DeregisterScalableTarget", "TagResource"], "{}", world.told());
    assert_eq!(world.bounds("api").await, None);
}
