//! What a whole service's plan says of things that stand beside its trees: tags, and what only AWS writes.

use std::time::Duration;

use serde_json::json;

use super::world::{Account, api, changed_paths, outcome, plan, plan_at, scaled, sign};
use crate::model::{Timestamp, tag};
use crate::plan::{Kept, ServicePlan};

/// `path: rule` of everything that stays as it is.
fn said(plan: &ServicePlan, kept: Kept) -> Vec<String> {
    let of_kind = plan.quiet.iter().filter(|one| one.kept == kept);
    of_kind.map(|one| format!("{}: {}", one.path, one.rule)).collect()
}

#[test]
fn tags_that_git_does_not_mention_are_named_and_left_alone() {
    let mut desired = api();
    desired.service["tags"] = json!([{"key": "team", "value": "jobs"}]);
    sign(&mut desired);
    let mut account = Account::running(&desired);
    account.tag("aws:cloudformation:stack-name", "jobs");
    account.tag("cost", "7");
    let plan = plan(&desired, &account.look(), None);
    assert_eq!(outcome(&plan), "unchanged");
    let expected =
        "service.tags: Git does not mention aws:cloudformation:stack-name, cost, so they are not ours";
    assert!(said(&plan, Kept::ByRule).contains(&expected.to_owned()), "{:#?}", plan.quiet);
}

#[test]
fn a_tag_that_somebody_changed_or_took_away_is_seen() {
    let mut desired = api();
    desired.service["tags"] = json!([{"key": "team", "value": "jobs"}, {"key": "stage", "value": "live"}]);
    sign(&mut desired);
    let mut account = Account::running(&desired);
    account.tag("team", "shop");
    account.untag("stage");
    let plan = plan(&desired, &account.look(), None);
    assert_eq!(changed_paths(&plan), ["service.tags.team", "service.tags.stage"]);
}

#[test]
fn the_order_of_tags_makes_no_difference() {
    let mut desired = api();
    desired.service["tags"] = json!([{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]);
    sign(&mut desired);
    let mut account = Account::running(&desired);
    account.service()["tags"].as_array_mut().unwrap().reverse();
    assert_eq!(outcome(&plan(&desired, &account.look(), None)), "unchanged");
}

#[test]
fn a_new_tag_of_a_task_definition_waits_for_the_next_revision_and_is_told() {
    let mut desired = api();
    let account = Account::running(&desired);
    desired.task_definition["tags"] = json!([{"key": "team", "value": "jobs"}]);
    desired.digest = crate::model::Digest::of(&desired.task_definition);
    let plan = plan(&desired, &account.look(), None);
    assert_eq!(outcome(&plan), "TagResource");
    assert_eq!(
        said(&plan, Kept::LeftInPlace),
        [
            "taskDefinition.tags.team: a revision keeps the tags that it was registered with; the next one gets Git's"
        ]
    );
}

#[test]
fn what_only_aws_writes_is_one_line_and_carries_no_values() {
    let account = Account::running(&api());
    let mut live = account.clone();
    live.untag(tag::DIGEST);
    let plan = plan(&api(), &live.look(), None);
    let outputs: Vec<String> =
        said(&plan, Kept::ByRule).into_iter().filter(|line| line.contains("only AWS writes")).collect();
    assert_eq!(
        outputs,
        [
            "service: only AWS writes clusterArn, deployments, events, serviceArn, serviceName, status, taskDefinition"
        ]
    );
}

#[test]
fn scaled_by_somebody_else_the_count_is_no_difference_whatever_it_is() {
    let mut desired = api();
    desired.service["desiredCount"] = json!(2);
    let desired = scaled(desired);
    let mut account = Account::running(&desired);
    account.service()["desiredCount"] = json!(7);
    let plan = plan(&desired, &account.look(), None);
    assert_eq!(outcome(&plan), "unchanged");
    let expected = "service.desiredCount: Application Auto Scaling owns it while a scalable target exists, and ECS itself for DAEMON";
    assert!(said(&plan, Kept::ByRule).contains(&expected.to_owned()), "{:#?}", plan.quiet);
}

#[test]
fn an_action_that_ran_once_and_is_gone_is_not_put_again() {
    let once = |zone: &str| {
        let mut desired = scaled(api());
        let actions = &mut desired.scaling.as_mut().unwrap().scheduled_actions;
        let action = json!({"ScheduledActionName": "launch", "Schedule": "at(2026-11-21T07:00:00)", "Timezone": zone,
            "ScalableTargetAction": {"MinCapacity": 5}});
        actions.insert("launch".to_owned(), action);
        sign(&mut desired);
        desired
    };
    let moment = Timestamp::parse("2026-11-21T07:00:00Z").unwrap();
    let hours = |hours: u64| moment.plus(Duration::from_secs(hours * 3600));
    for (zone, gone_after, expected) in [
        ("UTC", 1, "unchanged"),
        ("UTC", 0, "PutScheduledAction"),
        // It may be this hour only now, somewhere.
        ("Pacific/Pago_Pago", 11, "PutScheduledAction"),
        ("Pacific/Pago_Pago", 13, "unchanged"),
    ] {
        let desired = once(zone);
        let mut account = Account::running(&desired);
        account.scaling.as_mut().unwrap().scheduled_actions.remove("launch");
        let plan = plan_at(&desired, &account.look(), None, hours(gone_after));
        let calls = outcome(&plan);
        assert_eq!(calls, expected, "{zone} after {gone_after} h");
        let told =
            said(&plan, Kept::Over).iter().any(|line| line.contains("at(2026-11-21T07:00:00), has passed"));
        assert_eq!(told, expected == "unchanged");
    }
}
