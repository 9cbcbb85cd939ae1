//! Clusters.

use serde_json::{Map, Value, json};

use super::input::{self, client, cluster_name, includes, invalid};
use super::state::{Cluster, Ecs, Phase, ServiceStatus};
use super::{arn, capacity, pages, tags};
use crate::error::{Answer, ApiError};
use crate::world::World;

pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    let name = input::text(input, "clusterName")?.unwrap_or("default").to_owned();
    if !input::is_name(&name) {
        return Err(invalid("Identifier contains invalid characters."));
    }
    let tags = tags::given(input)?;
    // Creating a cluster that is there answers the one that is there.
    let exists = world.ecs.clusters.get(&name).is_some_and(|cluster| cluster.active);
    if !exists {
        let mut settings = input::members(input);
        settings.remove("tags");
        settings.remove("clusterName");
        fill(&mut settings);
        let providers = input::texts(input, "capacityProviders")?;
        let strategy = input::list(input, "defaultCapacityProviderStrategy")?;
        capacity::check_cluster(world, &providers, strategy)?;
        let cluster = Cluster { active: true, settings };
        let arn = arn::cluster(world, &name);
        world.ecs.clusters.insert(name.clone(), cluster);
        world.ecs.tags.insert(arn, tags);
    }
    Ok(json!({ "cluster": shown(world, &name, true) }))
}

fn fill(settings: &mut Map<String, Value>) {
    let disabled = json!([{"name": "containerInsights", "value": "disabled"}]);
    settings.entry("settings").or_insert(disabled);
    settings.entry("capacityProviders").or_insert(json!([]));
    settings.entry("defaultCapacityProviderStrategy").or_insert(json!([]));
}

pub(super) fn describe(world: &mut World, input: &Value) -> Answer {
    const PER_CALL_MAX: usize = 100;
    let mut references = input::texts(input, "clusters")?;
    if references.is_empty() {
        references.push("default");
    }
    if references.len() > PER_CALL_MAX {
        return Err(invalid("Clusters cannot have more than 100 elements."));
    }
    let with_tags = includes(input, "TAGS")?;
    let mut clusters = Vec::new();
    let mut failures = Vec::new();
    for reference in references {
        let name = arn::last(reference);
        if world.ecs.clusters.contains_key(name) {
            clusters.push(shown(world, name, with_tags));
        } else {
            failures.push(json!({"arn": arn::cluster(world, name), "reason": "MISSING"}));
        }
    }
    Ok(json!({"clusters": clusters, "failures": failures}))
}

pub(super) fn list(world: &mut World, input: &Value) -> Answer {
    const PAGE: usize = 100;
    let arns = world
        .ecs
        .clusters
        .iter()
        .filter(|(_, cluster)| cluster.active)
        .map(|(name, _)| arn::cluster(world, name))
        .collect();
    pages::page(&mut world.ecs.ids, input, "clusterArns", arns, PAGE)
}

pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let name = existing(world, input)?;
    let has_services =
        world.ecs.services.values().any(|service| service.key.cluster == name && is_active(service.status));
    if has_services {
        return Err(ApiError::new(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        ));
    }
    let has_tasks = world.ecs.tasks.values().any(|task| task.cluster == name && task.phase != Phase::Stopped);
    if has_tasks {
        return Err(ApiError::new(
            "ClusterContainsTasksException",
            "The Cluster cannot be deleted while Tasks are active.",
        ));
    }
    if let Some(cluster) = world.ecs.clusters.get_mut(&name) {
        cluster.active = false;
    }
    Ok(json!({ "cluster": shown(world, &name, false) }))
}

fn is_active(status: ServiceStatus) -> bool {
    match status {
        ServiceStatus::Active | ServiceStatus::Draining => true,
        ServiceStatus::Inactive { .. } => false,
    }
}

pub(super) fn has_insights(ecs: &Ecs, cluster: &str) -> bool {
    let settings = ecs.clusters.get(cluster).and_then(|cluster| cluster.settings.get("settings")?.as_array());
    settings.into_iter().flatten().any(|setting| {
        setting["name"] == "containerInsights"
            && (setting["value"] == "enabled" || setting["value"] == "enhanced")
    })
}

/// The name of the ACTIVE cluster that a request is for.
pub(super) fn existing(world: &World, input: &Value) -> Result<String, ApiError> {
    let name = cluster_name(input)?;
    match world.ecs.clusters.get(name) {
        Some(cluster) if cluster.active => Ok(name.to_owned()),
        Some(_) => Err(ApiError::new("ClusterNotFoundException", "The referenced cluster was inactive.")),
        None if name.is_empty() => Err(client("Cluster name is empty.")),
        None => Err(ApiError::new("ClusterNotFoundException", "Cluster not found.")),
    }
}

pub(super) fn shown(world: &World, name: &str, with_tags: bool) -> Value {
    let arn = arn::cluster(world, name);
    let Some(cluster) = world.ecs.clusters.get(name) else {
        return json!({});
    };
    let mut body = cluster.settings.clone();
    let in_cluster = world.ecs.tasks.values().filter(|task| task.cluster == name);
    let running = in_cluster.clone().filter(|task| task.phase == Phase::Running).count();
    let pending = in_cluster
        .filter(|task| {
            matches!(task.phase, Phase::Provisioning { .. } | Phase::Pending | Phase::Activating { .. })
        })
        .count();
    let services = world
        .ecs
        .services
        .values()
        .filter(|service| service.key.cluster == name && is_active(service.status))
        .count();
    let status = if cluster.active { "ACTIVE" } else { "INACTIVE" };
    for (member, value) in [
        ("clusterName", json!(name)),
        ("status", json!(status)),
        ("registeredContainerInstancesCount", json!(0)),
        ("runningTasksCount", json!(running)),
        ("pendingTasksCount", json!(pending)),
        ("activeServicesCount", json!(services)),
        ("statistics", json!([])),
    ] {
        body.insert(member.to_owned(), value);
    }
    let tags = world.ecs.tags.get(&arn).filter(|_| with_tags);
    body.insert("tags".to_owned(), tags.map_or_else(|| json!([]), tags::shown));
    body.insert("clusterArn".to_owned(), arn.into());
    Value::Object(body)
}
