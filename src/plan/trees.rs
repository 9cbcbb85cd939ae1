//! AWS's answers in the shape of the requests that they answer, so that both sides compare.

use serde_json::{Map, json};

use crate::model::{EcsService, Json, LiveScaling, Scaling};
use crate::shape::rules::{Owner, Tree, tree};

/// A service in the shape of CreateService input.
///
/// `revision` is what only the service revision shows, where that was read.
pub(super) fn live_service(service: &EcsService, revision: Option<&Json>, desired: &Json) -> Json {
    let known = tree(Tree::Service);
    let is_output = |name: &str| {
        known.members.get(name).and_then(|node| node.rule).is_some_and(|rule| rule.owner == Owner::AwsOnly)
    };
    let mut members: Map<String, Json> = service
        .0
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| !is_output(name) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(role) = service.0.get("roleArn") {
        members.insert("role".to_owned(), role.clone());
    }
    // DescribeServices shows these only inside the PRIMARY deployment.
    if let Some(primary) = service.primary() {
        for name in ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"] {
            if let Some(value) = primary.0.get(name) {
                members.insert(name.to_owned(), value.clone());
            }
        }
    }
    members.extend(revision.and_then(Json::as_object).cloned().into_iter().flatten());
    // S3 Files volumes are listed here although no service asked for them.
    if let Some(Json::Array(volumes)) = members.get_mut("volumeConfigurations") {
        volumes.retain(|volume| volume["managedEBSVolume"].is_object());
    }
    // While a strategy is used ECS leaves the launch type out; dropping the strategy brings back the
    // one that the service was created with.
    let by_strategy = members.get("capacityProviderStrategy").and_then(Json::as_array);
    if by_strategy.is_some_and(|strategy| !strategy.is_empty())
        && let Some(launch_type) = desired.get("launchType")
    {
        members.entry("launchType").or_insert_with(|| launch_type.clone());
    }
    Json::Object(members)
}

/// What Git says about scaling, as a manifest spells it.
pub(super) fn desired_scaling(scaling: &Scaling) -> Json {
    let mut tree = json!({
        "minCapacity": scaling.min_capacity,
        "maxCapacity": scaling.max_capacity,
        "policies": named(&scaling.policies, "PolicyName"),
        "scheduledActions": named(&scaling.scheduled_actions, "ScheduledActionName"),
    });
    if let Some(state) = &scaling.suspended_state {
        tree["suspendedState"] = state.clone();
    }
    tree
}

/// What Application Auto Scaling holds, spelled likewise.
pub(super) fn live_scaling(scaling: &LiveScaling) -> Json {
    json!({
        "minCapacity": scaling.target["MinCapacity"],
        "maxCapacity": scaling.target["MaxCapacity"],
        "suspendedState": scaling.target["SuspendedState"],
        "policies": named(&scaling.policies, "PolicyName"),
        "scheduledActions": named(&scaling.scheduled_actions, "ScheduledActionName"),
    })
}

/// Elements by name as a list, each with its name inside.
fn named(elements: &std::collections::BTreeMap<String, Json>, key: &str) -> Vec<Json> {
    elements
        .iter()
        .map(|(name, element)| {
            let mut element = element.clone();
            element[key] = name.as_str().into();
            element
        })
        .collect()
}
