//! Capacity providers as clients make, change and see them, and which of them a cluster has.

use serde_json::{Value, json};

use super::{FARGATE, Provider, arn, is_fargate, strategy};
use crate::ecs::input::{self, client, includes, invalid};
use crate::ecs::state::Phase;
use crate::ecs::{arn as arns, clusters, pages, tags};
use crate::error::{Answer, ApiError};
use crate::world::World;

const NOT_FOUND: &str =
    "The specified capacity provider was not found. Specify a valid capacity provider and try again.";

pub(in crate::ecs) fn create(world: &mut World, input: &Value) -> Answer {
    let name = input::required_text(input, "name")?.to_owned();
    let lower = name.to_ascii_lowercase();
    let reserved = ["aws", "ecs", "fargate"].iter().any(|prefix| lower.starts_with(prefix));
    if !input::is_name(&name) || reserved {
        return Err(client(
            "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with \"aws\", \"ecs\", or \"fargate\". Specify a valid name and try again.",
        ));
    }
    if input.get("managedInstancesProvider").is_some() {
        let message = "Managed instances are not played by the simulator.";
        return Err(ApiError::new("UnsupportedFeatureException", message));
    }
    let given = input
        .get("autoScalingGroupProvider")
        .ok_or_else(|| client("An Auto Scaling group must be specified for the capacity provider."))?;
    input::required_text(given, "autoScalingGroupArn")?;
    if world.ecs.providers.contains_key(&name) {
        return Err(client(
            "The specified capacity provider already exists. To change the configuration of an existing capacity provider, update the capacity provider.",
        ));
    }
    let tags = tags::given(input)?;
    let settings = complete(given.clone())?;
    let arn = arn(world, &name);
    world.ecs.providers.insert(name.clone(), Provider { settings, update_status: "CREATE_COMPLETE" });
    world.ecs.tags.insert(arn, tags);
    Ok(json!({"capacityProvider": shown(world, &name, true)}))
}

/// Fills in what ECS fills in.
fn complete(mut settings: Value) -> Result<Value, ApiError> {
    let default = |value: &mut Value, member: &str, default: Value| {
        if value.get(member).is_none() {
            value[member] = default;
        }
    };
    default(&mut settings, "managedScaling", json!({}));
    let scaling = &mut settings["managedScaling"];
    default(scaling, "status", json!("DISABLED"));
    if scaling["status"] == "ENABLED" {
        default(scaling, "targetCapacity", json!(100));
        default(scaling, "minimumScalingStepSize", json!(1));
        default(scaling, "maximumScalingStepSize", json!(10_000));
        default(scaling, "instanceWarmupPeriod", json!(300));
        let target = input::integer(scaling, "targetCapacity")?.unwrap_or(0);
        if !(1..=100).contains(&target) {
            return Err(client("The target capacity must be between 1 and 100."));
        }
    }
    let scaled = scaling["status"] == "ENABLED";
    default(&mut settings, "managedTerminationProtection", json!("DISABLED"));
    default(&mut settings, "managedDraining", json!("ENABLED"));
    if settings["managedTerminationProtection"] == "ENABLED" && !scaled {
        return Err(client("Managed termination protection needs managed scaling, which is not enabled."));
    }
    Ok(settings)
}

pub(in crate::ecs) fn update(world: &mut World, input: &Value) -> Answer {
    let name = existing(world, input::required_text(input, "name")?)?;
    let change = input::members(&input["autoScalingGroupProvider"]);
    let mut settings = world.ecs.providers.get(&name).map_or(Value::Null, |it| it.settings.clone());
    for (member, value) in change {
        match (settings.get_mut(&member), value) {
            (Some(Value::Object(kept)), Value::Object(sent)) => kept.extend(sent),
            (_, value) => settings[member] = value,
        }
    }
    let settings = complete(settings)?;
    let provider = Provider { settings, update_status: "UPDATE_COMPLETE" };
    world.ecs.providers.insert(name.clone(), provider);
    Ok(json!({"capacityProvider": shown(world, &name, false)}))
}

pub(in crate::ecs) fn delete(world: &mut World, input: &Value) -> Answer {
    let name = existing(world, input::required_text(input, "capacityProvider")?)?;
    let cluster = world.ecs.clusters.iter().find(|(_, cluster)| {
        cluster.active
            && cluster.settings["capacityProviders"].as_array().is_some_and(|all| all.contains(&json!(name)))
    });
    if let Some((cluster, _)) = cluster {
        return Err(client(format!(
            "The capacity provider cannot be deleted because it is associated with cluster: {cluster}. Remove the capacity provider from the cluster and try again."
        )));
    }
    let mut answer = shown(world, &name, false);
    answer["status"] = json!("INACTIVE");
    answer["updateStatus"] = json!("DELETE_COMPLETE");
    world.ecs.providers.remove(&name);
    let arn = arn(world, &name);
    world.ecs.tags.remove(&arn);
    Ok(json!({ "capacityProvider": answer }))
}

/// The name of one of the account's own providers, which may be given as an ARN.
fn existing(world: &World, reference: &str) -> Result<String, ApiError> {
    let name = arns::last(reference);
    if is_fargate(name) {
        return Err(client("The specified capacity provider is reserved and cannot be changed or deleted."));
    }
    match world.ecs.providers.contains_key(name) {
        true => Ok(name.to_owned()),
        false => Err(client(NOT_FOUND)),
    }
}

pub(in crate::ecs) fn describe(world: &mut World, input: &Value) -> Answer {
    const PAGE: usize = 10;
    const PER_CALL_MAX: usize = 100;
    let wanted = input::texts(input, "capacityProviders")?;
    if wanted.len() > PER_CALL_MAX {
        return Err(invalid("Capacity providers cannot have more than 100 elements."));
    }
    let with_tags = includes(input, "TAGS")?;
    let associated = match input.get("cluster") {
        Some(_) => Some(clusters::existing(world, input)?),
        None => None,
    };
    let in_cluster = |name: &str| {
        associated.as_ref().is_none_or(|cluster| strategy::associated(world, cluster).contains(&name))
    };
    let all = FARGATE.iter().copied().chain(world.ecs.providers.keys().map(String::as_str));
    let known: Vec<&str> = all.filter(|name| in_cluster(name)).collect();
    let failures: Vec<Value> = wanted
        .iter()
        .filter(|name| !known.contains(&arns::last(name)))
        .map(|name| json!({"arn": arn(world, arns::last(name)), "reason": "MISSING"}))
        .collect();
    let found: Vec<String> = known
        .into_iter()
        .filter(|name| wanted.is_empty() || wanted.iter().any(|w| arns::last(w) == *name))
        .map(str::to_owned)
        .collect();
    let mut page = pages::page(&mut world.ecs.ids, input, "capacityProviders", found, PAGE)?;
    if let Some(Value::Array(names)) = page.get_mut("capacityProviders") {
        for name in names {
            *name = shown(world, name.as_str().unwrap_or_default(), with_tags);
        }
    }
    page["failures"] = json!(failures);
    Ok(page)
}

fn shown(world: &World, name: &str, with_tags: bool) -> Value {
    let arn = arn(world, name);
    let tags = world.ecs.tags.get(&arn).filter(|_| with_tags);
    let mut body = json!({
        "capacityProviderArn": arn, "name": name, "status": "ACTIVE",
        "tags": tags.map_or_else(|| json!([]), tags::shown),
    });
    match world.ecs.providers.get(name) {
        Some(provider) => {
            body["type"] = json!("EC2_AUTOSCALING");
            body["autoScalingGroupProvider"] = provider.settings.clone();
            body["updateStatus"] = json!(provider.update_status);
        }
        None => body["type"] = json!(name),
    }
    body
}

/// PutClusterCapacityProviders.
pub(in crate::ecs) fn put_cluster_providers(world: &mut World, input: &Value) -> Answer {
    let name = clusters::existing(world, input)?;
    let providers = input::texts(input, "capacityProviders")?;
    let default = input::list(input, "defaultCapacityProviderStrategy")?;
    strategy::check_cluster(world, &providers, default)?;
    let in_use = |provider: &str| {
        world.ecs.tasks.values().any(|task| {
            task.cluster == name && task.capacity == provider && task.provider && task.phase != Phase::Stopped
        })
    };
    let dropped = strategy::associated(world, &name).into_iter().filter(|one| !providers.contains(one));
    if dropped.into_iter().any(in_use) {
        let message = "The specified capacity provider is in use and cannot be removed.";
        return Err(ApiError::new("ResourceInUseException", message));
    }
    let providers = json!(providers);
    if let Some(cluster) = world.ecs.clusters.get_mut(&name) {
        let settings = &mut cluster.settings;
        settings.insert("capacityProviders".to_owned(), providers);
        settings.insert("defaultCapacityProviderStrategy".to_owned(), json!(default));
    }
    Ok(json!({ "cluster": clusters::shown(world, &name, false) }))
}

pub(super) fn is_known(world: &World, name: &str) -> bool {
    is_fargate(name) || world.ecs.providers.contains_key(name)
}

pub(super) fn not_found() -> ApiError {
    invalid(NOT_FOUND)
}
