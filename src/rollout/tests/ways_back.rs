//! Where a failed rollout goes back to, and how.

use serde_json::json;

use super::{START, arn, at, deployment, live, old, ours, rollout, service_deployment};
use crate::model::{
    Digest, Failure, Gate, LastGood, LiveService, LiveTaskDefinition, Part, Quarantine, Rollout, RolloutKind,
    RolloutPolicy, ServiceRecord,
};
use crate::plan::{Action, RevisionSource};
use crate::rollout::{RollBack, last_good, roll_back};

fn told(rollout: &Rollout, live: &LiveService) -> String {
    match roll_back(rollout, live, &ServiceRecord::default()) {
        RollBack::ByEcs => "by ECS".to_owned(),
        RollBack::Stop { arn } => format!("stop {}", arn.rsplit('/').next().unwrap()),
        RollBack::Update { steps } => {
            let [step] = steps.as_slice() else { panic!() };
            let Action::UpdateService {
                task_definition: Some(RevisionSource::Existing(arn)),
                body,
                starts_deployment: true,
            } = &step.action
            else {
                panic!("{step:?}")
            };
            assert_eq!(body["taskDefinition"], arn.0);
            assert_eq!(body["service"], "worker");
            format!("update to {arn}")
        }
        RollBack::Nowhere { why } => format!("nowhere: {why}"),
    }
}

fn failed() -> LiveService {
    live(json!([ours("FAILED", 0), old("ACTIVE", "COMPLETED")]))
}

#[test]
fn a_deployment_that_ended_is_replaced_by_the_last_good_revision() {
    assert_eq!(told(&rollout(), &failed()), "update to worker:41");
}

#[test]
fn a_deployment_still_going_on_is_stopped_if_it_came_after_a_success() {
    let mut live = live(json!([ours("IN_PROGRESS", 0), old("ACTIVE", "COMPLETED")]));
    live.deployments = Part::Present(vec![
        service_deployment(2, "IN_PROGRESS", START),
        service_deployment(1, "SUCCESSFUL", 10),
    ]);
    assert_eq!(told(&rollout(), &live), "stop d2");
    // Stopping would go back to what never completed.
    live.deployments = Part::Present(vec![
        service_deployment(2, "IN_PROGRESS", START),
        service_deployment(1, "STOPPED", 10),
    ]);
    assert_eq!(told(&rollout(), &live), "update to worker:41");
}

#[test]
fn where_ecs_goes_back_nothing_is_done() {
    let mut live = failed();
    live.deployments = Part::Present(vec![service_deployment(2, "ROLLBACK_IN_PROGRESS", START)]);
    assert_eq!(told(&rollout(), &live), "by ECS");
    assert_eq!(told(&rollout(), &super::live(json!([old("PRIMARY", "IN_PROGRESS")]))), "by ECS");
}

#[test]
fn there_is_not_always_somewhere_to_go() {
    let mut first = rollout();
    first.back_to = None;
    assert_eq!(told(&first, &failed()), "nowhere: no other revision has completed a deployment");
    first.back_to = Some(arn(42));
    assert_eq!(told(&first, &failed()), "nowhere: no other revision has completed a deployment");
    let mut back = rollout();
    back.kind = RolloutKind::RollBack;
    assert_eq!(told(&back, &failed()), "nowhere: the roll-back itself failed");
    assert_eq!(told(&rollout(), &LiveService::absent()), "nowhere: the service can't be seen");
}

#[test]
fn a_deregistered_revision_is_no_way_back() {
    let mut live = failed();
    live.task_definition = Part::Present(LiveTaskDefinition {
        arn: arn(41),
        body: json!({"status": "INACTIVE"}),
        tags: std::collections::BTreeMap::new(),
    });
    assert_eq!(told(&rollout(), &live), "nowhere: worker:41 is deregistered");
}

fn remembering(good: u64, rejected: Option<u64>) -> ServiceRecord {
    let digest = Digest::from_tag("91aa");
    let failure = Failure::new(at(0), Gate::Deadline, "");
    ServiceRecord {
        last_good: Some(LastGood {
            digest: digest.clone(),
            task_definition: arn(good),
            deployment: None,
            settings: crate::model::Json::Null,
            spec: None,
            completed_at: at(0),
        }),
        quarantine: rejected.map(|number| Quarantine {
            digest,
            task_definition: Some(arn(number)),
            deployment: None,
            revision: String::new(),
            failure,
            again: None,
            by: None,
            values: Default::default(),
        }),
        ..ServiceRecord::default()
    }
}

#[test]
fn the_last_good_revision_is_the_one_that_completed_not_the_one_before() {
    // worker:41 never came up; worker:40 did.
    let live = live(json!([
        deployment(3, 41, "PRIMARY", "FAILED", 0, 500),
        deployment(2, 40, "ACTIVE", "COMPLETED", 3, 10)
    ]));
    assert_eq!(last_good(&live, None, &RolloutPolicy::default()), Some(arn(40)));
    let nothing = super::live(json!([deployment(3, 41, "PRIMARY", "IN_PROGRESS", 0, 500)]));
    assert_eq!(last_good(&nothing, None, &RolloutPolicy::default()), None);
    assert_eq!(last_good(&nothing, Some(&remembering(39, None)), &RolloutPolicy::default()), Some(arn(39)));
}

#[test]
fn the_service_deployments_view_tells_success_where_the_classic_one_says_nothing() {
    let mut live = live(json!([deployment(3, 41, "PRIMARY", "", 3, 500)]));
    live.deployments = Part::Present(vec![service_deployment(3, "SUCCESSFUL", 500)]);
    assert_eq!(last_good(&live, None, &RolloutPolicy::default()), Some(arn(41)));
}

#[test]
fn a_quarantined_revision_is_not_good_unless_it_was_good_with_other_settings() {
    let live = live(json!([ours("COMPLETED", 3)]));
    assert_eq!(last_good(&live, Some(&remembering(41, Some(42))), &RolloutPolicy::default()), Some(arn(41)));
    assert_eq!(last_good(&live, Some(&remembering(42, Some(42))), &RolloutPolicy::default()), Some(arn(42)));
}
