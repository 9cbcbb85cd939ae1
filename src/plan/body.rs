//! What the calls carry.

use serde_json::{Map, json};

use super::equality::is_blank;
use super::{Consequence, Difference, RevisionSource};
use crate::model::{
    DesiredService, Digest, Environment, Json, Revision, Scaling, Segment, ServiceKey, cluster_name, tag,
};
use crate::shape::rules::{Absent, Clear, Node, Tree, tree};

/// RegisterTaskDefinition: the definition with our tags beside those of Git.
pub(super) fn register(
    task_definition: &Json,
    digest: &Digest,
    key: &ServiceKey,
    installation: &str,
    revision: &str,
    cluster: &str,
) -> Json {
    let mut body = task_definition.clone();
    let ours = [
        (tag::MANAGED_BY, installation),
        (tag::ID, key.name()),
        (tag::DIGEST, digest.as_str()),
        (tag::CLUSTER, cluster_name(cluster)),
        (tag::REVISION, revision),
    ];
    body["tags"] = tag_list(&user_tags(task_definition), &ours);
    body
}

/// CreateService, with the revision and its tag where they are known already.
pub(super) fn create(
    desired: &DesiredService,
    source: &RevisionSource,
    environment: &Environment,
    installation: &str,
    revision: &Revision,
) -> Json {
    let mut body = desired.service.clone();
    let name = desired.key.name();
    body["cluster"] = environment.cluster.as_str().into();
    body["serviceName"] = name.into();
    // An unanswered CreateService may be sent again: with the same token ECS answers with the service
    // that exists. At most 36 characters.
    let token = Digest::of(&json!([environment.cluster, name, desired.digest]));
    body["clientToken"] = token.as_str().chars().take(32).collect::<String>().into();
    if let Some(count) = first_count(&desired.service, desired.scaling.as_ref()) {
        body["desiredCount"] = count.into();
    } else if let Some(members) = body.as_object_mut() {
        members.remove("desiredCount");
    }
    let mut ours = vec![
        (tag::MANAGED_BY, installation),
        (tag::ID, name),
        (tag::DIGEST, desired.digest.as_str()),
        (tag::REVISION, revision.id.as_str()),
    ];
    if let RevisionSource::Existing(arn) = source {
        body["taskDefinition"] = arn.0.as_str().into();
        ours.push((tag::TASK_DEFINITION, arn.family_and_revision()));
    }
    body["tags"] = tag_list(&user_tags(&desired.service), &ours);
    body
}

/// How many tasks a new service starts with. ECS wants a number for REPLICA, and sets it itself for
/// DAEMON.
pub(super) fn first_count(service: &Json, scaling: Option<&Scaling>) -> Option<i64> {
    if service["schedulingStrategy"] == "DAEMON" {
        return None;
    }
    let asked = service["desiredCount"].as_i64();
    Some(match scaling {
        Some(scaling) => {
            let low = scaling.min_capacity;
            asked.unwrap_or(low).clamp(low, scaling.max_capacity.max(low))
        }
        None => asked.unwrap_or(1),
    })
}

/// UpdateService: only what differs, in the wholes that ECS takes.
///
/// `desired` is the service tree with ignored fields as the live side has them.
pub(super) fn update(
    key: &ServiceKey,
    environment: &Environment,
    desired: &Json,
    live: &Json,
    differences: &[&Difference],
    source: Option<&RevisionSource>,
) -> Json {
    let known = tree(Tree::Service);
    let mut body = Map::new();
    for difference in differences {
        let Some(Segment::Field(name)) = difference.path.0.get(1) else { continue };
        if body.contains_key(name) {
            continue;
        }
        let below: Vec<&Difference> = differences
            .iter()
            .filter(|other| other.path.0.get(1) == difference.path.0.get(1))
            .copied()
            .collect();
        if let Some(value) = member(name, known.members.get(name.as_str()), desired, live, &below) {
            body.insert(name.clone(), value);
        }
    }
    planted!("count-sent-with-every-update" => body.insert("desiredCount".to_owned(), desired["desiredCount"].clone()));
    let deploys = source.is_some() || differences.iter().any(|one| one.consequence.deploys());
    // AWS's pages are of two minds whether leaving these out keeps them, so they are always said.
    let said: &[&str] = &["healthCheckGracePeriodSeconds", "enableECSManagedTags", "propagateTags"];
    let said_with_deployment: &[&str] = &["platformVersion", "volumeConfigurations"];
    for name in said.iter().chain(said_with_deployment.iter().filter(|_| deploys)) {
        if let Some(value) = desired.get(*name).filter(|value| !value.is_null()) {
            body.entry(*name).or_insert_with(|| value.clone());
        }
    }
    if differences.iter().any(|one| one.consequence == Consequence::ForcesDeployment) {
        body.insert("forceNewDeployment".to_owned(), true.into());
    }
    if let Some(RevisionSource::Existing(arn)) = source {
        body.insert("taskDefinition".to_owned(), arn.0.as_str().into());
    }
    // Every ECS call without a cluster means the cluster `default`.
    body.insert("cluster".to_owned(), environment.cluster.as_str().into());
    body.insert("service".to_owned(), key.name().into());
    Json::Object(body)
}

/// One member of an UpdateService body.
fn member(
    name: &str,
    node: Option<&Node>,
    desired: &Json,
    live: &Json,
    differences: &[&Difference],
) -> Option<Json> {
    let wanted = desired.get(name).filter(|value| !value.is_null());
    let clear = node.and_then(|node| node.rule).map_or(Clear::Cannot, |rule| rule.clear);
    match (wanted, clear) {
        (None, Clear::Send(text)) => serde_json::from_str(text).ok(),
        (None, Clear::Cannot) => None,
        (Some(wanted), Clear::SendDefault) if wanted.is_object() => {
            Some(parts(name, Some(wanted), live, differences))
        }
        (None, Clear::SendDefault | Clear::LeaveOut) => match differences {
            [only] if only.path.0.len() == 2 => only.desired.clone(),
            _ => Some(parts(name, None, live, differences)),
        },
        (Some(wanted), _) => Some(with_theirs(wanted, live.get(name), node)),
    }
}

/// An object whose parts ECS keeps when they are left out: those that Git mentions and those that
/// differ, each complete.
fn parts(name: &str, desired: Option<&Json>, live: &Json, differences: &[&Difference]) -> Json {
    let mut object = Map::new();
    let differing = differences.iter().filter_map(|difference| match difference.path.0.get(2) {
        Some(Segment::Field(part)) => Some(part),
        _ => None,
    });
    let mentioned = desired.and_then(Json::as_object).into_iter().flat_map(Map::keys);
    for part in mentioned.chain(differing) {
        let wanted = desired.and_then(|desired| desired.get(part));
        let value = wanted.unwrap_or(&live[name][part]).clone();
        object.insert(part.clone(), value);
    }
    let mut whole = Json::Object(object);
    for difference in differences {
        let path = difference.path.0.get(2..).unwrap_or_default();
        // What Git says is in place already; a default is known only to the difference.
        if desired.is_none_or(|desired| at(desired, path).is_none()) {
            set(&mut whole, &live[name], path, difference.desired.clone().unwrap_or(Json::Null));
        }
    }
    whole
}

fn overlay(base: &mut Json, over: &Json) {
    match (base, over) {
        (Json::Object(base), Json::Object(over)) => {
            for (name, value) in over {
                overlay(base.entry(name).or_insert(Json::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

fn at<'a>(tree: &'a Json, path: &[Segment]) -> Option<&'a Json> {
    path.iter().try_fold(tree, |tree, segment| match segment {
        Segment::Field(name) => tree.get(name),
        Segment::Key(_) | Segment::Index(_) => None,
    })
}

/// Puts a value into a tree. An object around it that is not there yet comes from the live side, whole: ECS
/// requires members in it that do not differ.
fn set(tree: &mut Json, live: &Json, path: &[Segment], value: Json) {
    let (mut place, mut there) = (tree, live);
    for segment in path {
        let Segment::Field(name) = segment else { return };
        if !place.is_object() {
            *place = if there.is_object() { there.clone() } else { json!({}) };
        }
        (place, there) = (&mut place[name.as_str()], &there[name.as_str()]);
    }
    *place = value;
}

/// An object that ECS takes whole, with the members in it that are not ours as they are.
fn with_theirs(desired: &Json, live: Option<&Json>, node: Option<&Node>) -> Json {
    let (Json::Object(members), Some(Json::Object(theirs)), Some(node)) = (desired, live, node) else {
        return desired.clone();
    };
    let mut whole = members.clone();
    for (name, value) in theirs {
        let child = node.members.get(name.as_str());
        match whole.get(name) {
            Some(ours) => {
                let merged = with_theirs(ours, Some(value), child);
                whole.insert(name.clone(), merged);
            }
            None if child.and_then(|child| child.rule).is_some_and(|rule| rule.absent == Absent::NotOurs)
                && !is_blank(value) =>
            {
                whole.insert(name.clone(), value.clone());
            }
            None => {}
        }
    }
    Json::Object(whole)
}

/// The identity that every call of Application Auto Scaling names.
fn scaled(environment: &Environment, key: &ServiceKey) -> Json {
    // Names, not ARNs.
    let cluster = environment.cluster.rsplit('/').next().unwrap_or_default();
    json!({
        "ServiceNamespace": "ecs",
        "ResourceId": format!("service/{cluster}/{key}"),
        "ScalableDimension": "ecs:service:DesiredCount",
    })
}

/// RegisterScalableTarget. `tree` is the scaling tree of the manifest.
pub(super) fn scalable_target(environment: &Environment, key: &ServiceKey, tree: &Json) -> Json {
    let mut body = scaled(environment, key);
    body["MinCapacity"] = tree["minCapacity"].clone();
    body["MaxCapacity"] = tree["maxCapacity"].clone();
    if let Some(state) = tree.get("suspendedState").filter(|state| !state.is_null()) {
        body["SuspendedState"] = state.clone();
        // One that is left out stays as it is.
        for name in ["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"] {
            if body["SuspendedState"][name].is_null() {
                body["SuspendedState"][name] = false.into();
            }
        }
    }
    body
}

/// PutScalingPolicy or PutScheduledAction: written whole, under the name it carries.
pub(super) fn scaling_element(environment: &Environment, key: &ServiceKey, element: &Json) -> Json {
    let mut body = element.clone();
    overlay(&mut body, &scaled(environment, key));
    body
}

/// The tags that Git asks for, without any that AWS or we reserve.
pub(super) fn user_tags(tree: &Json) -> Vec<(String, String)> {
    tree["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some((entry["key"].as_str()?, entry["value"].as_str().unwrap_or_default())))
        .filter(|(key, _)| !key.starts_with("reconciler/") && !key.to_ascii_lowercase().starts_with("aws:"))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

pub(super) fn tag_list(user: &[(String, String)], ours: &[(&str, &str)]) -> Json {
    let user = user.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    user.chain(ours.iter().copied()).map(|(key, value)| json!({"key": key, "value": value})).collect()
}
