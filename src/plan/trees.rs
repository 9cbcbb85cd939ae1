//! AWS's answers in the shape of the requests that they answer, so that both sides compare.

use serde_json::{Map, json};

use super::{Kept, Quiet, body};
use crate::model::{EcsService, FieldPath, Json, LiveScaling, Scaling};
use crate::shape::rules::{self, Owner, Rule, Tree, tree};

/// What DescribeServices answers with that nobody can ask for.
pub(super) fn outputs(service: &EcsService) -> Option<Quiet> {
    let known = tree(Tree::Service);
    let answered = service.0.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let outputs: Vec<(&str, &Rule)> = answered
        .filter_map(|(name, _)| Some((name.as_str(), known.members.get(name.as_str())?.rule?)))
        .filter(|(name, rule)| rule.owner == Owner::AwsOnly && *name != "tags")
        .collect();
    let (_, first) = outputs.first()?;
    let names: Vec<&str> = outputs.iter().map(|(name, _)| *name).collect();
    Some(Quiet {
        path: FieldPath::root().field("service"),
        live: None,
        desired: None,
        rule: rules::outputs(&names),
        source: Some(first.source()),
        kept: Kept::ByRule,
    })
}

/// Tags that are neither Git's nor ours: AWS's own, and those that somebody else keeps there.
///
/// `told` are those of which more is said.
pub(super) fn foreign_tags(service: &EcsService, desired: &Json, told: &[Quiet]) -> Option<Quiet> {
    let ours = body::user_tags(desired);
    let tags = FieldPath::root().field("service").field("tags");
    let live = service.0["tags"].as_array().into_iter().flatten().filter_map(|entry| entry["key"].as_str());
    let mut foreign: Vec<&str> = live
        .filter(|key| !key.starts_with("reconciler/") && !ours.iter().any(|(own, _)| own == key))
        .filter(|key| !told.iter().any(|quiet| quiet.path == tags.field(*key)))
        .collect();
    foreign.sort_unstable();
    (!foreign.is_empty()).then(|| Quiet {
        path: tags,
        live: None,
        desired: None,
        rule: format!("Git does not mention {}, so they are not ours", foreign.join(", ")),
        source: tree(Tree::Service).members.get("tags").and_then(|node| node.rule).map(Rule::source),
        kept: Kept::ByRule,
    })
}

/// A service in the shape of CreateService input, for somebody who does not know what Git says.
pub fn service_as_input(service: &EcsService, revision: Option<&Json>) -> Json {
    live_service(service, revision, &Json::Null)
}

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
    for name in ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"] {
        let shown = match service.primary() {
            Some(primary) => primary.0.get(name),
            // Not shown is not absent.
            None => desired.get(name),
        };
        if let Some(value) = shown {
            members.insert(name.to_owned(), value.clone());
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
pub fn live_scaling(scaling: &LiveScaling) -> Json {
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
