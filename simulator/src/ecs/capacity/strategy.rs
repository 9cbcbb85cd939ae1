//! Capacity provider strategies: what ECS refuses, which provider the next task goes to, and what
//! happens where there is no room.

use serde_json::{Map, Value};

use super::{is_fargate, providers};
use crate::ecs::input::{self, invalid};
use crate::ecs::scheduler::{self, life};
use crate::ecs::state::{Phase, Stop, StopCode};
use crate::error::ApiError;
use crate::runtime::Runtime;
use crate::world::World;

/// Where a task is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Place {
    Here(Capacity),
    /// The provider scales: the task waits in PROVISIONING for the instance to come.
    Waits(Capacity),
    /// No task is made; ECS's sentence for a service event, and its reason for RunTask.
    Nowhere {
        event: &'static str,
        reason: &'static str,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ecs) struct Capacity {
    /// A provider's name, or a launch type.
    pub(in crate::ecs) name: String,
    pub(in crate::ecs) is_provider: bool,
    pub(in crate::ecs) launch_type: &'static str,
}

pub(in crate::ecs) const NO_INSTANCE: &str = "was unable to place a task because no container instance \
    met all of its requirements. For more information, see the Troubleshooting section of the Amazon ECS \
    Developer Guide.";
const NO_FARGATE: &str = "was unable to place a task. Reason: Capacity is unavailable at this time. \
    Please try again later or in a different availability zone. For more information, see the \
    Troubleshooting section of the Amazon ECS Developer Guide.";

/// Checks the strategy of a service or of RunTask, if there is one.
pub(in crate::ecs) fn check(
    world: &World,
    cluster: &str,
    settings: &Map<String, Value>,
) -> Result<(), ApiError> {
    match settings.get("capacityProviderStrategy") {
        None => Ok(()),
        Some(Value::Array(items)) => check_items(items, &associated(world, cluster)),
        Some(_) => Err(invalid("capacityProviderStrategy must be a list.")),
    }
}

/// Checks what a cluster is to have: known providers, and a default strategy of them.
pub(in crate::ecs) fn check_cluster(
    world: &World,
    providers: &[&str],
    default: &[Value],
) -> Result<(), ApiError> {
    const PROVIDERS_MAX: usize = 20;
    if providers.len() > PROVIDERS_MAX {
        return Err(invalid("A cluster can have at most 20 capacity providers."));
    }
    if providers.iter().any(|name| !providers::is_known(world, name)) {
        return Err(providers::not_found());
    }
    check_items(default, providers)
}

fn check_items(items: &[Value], associated: &[&str]) -> Result<(), ApiError> {
    const ITEMS_MAX: usize = 20;
    const BASE_MAX: i64 = 100_000;
    const WEIGHT_MAX: i64 = 1_000;
    if items.len() > ITEMS_MAX {
        return Err(invalid("A capacity provider strategy can have at most 20 capacity providers."));
    }
    let mut names = Vec::new();
    let (mut bases, mut weights) = (0, 0);
    for item in items {
        let name = input::required_text(item, "capacityProvider")?;
        if !associated.contains(&name) {
            return Err(invalid(
                "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.",
            ));
        }
        if names.contains(&name) {
            return Err(invalid("A capacity provider can be in a capacity provider strategy only once."));
        }
        names.push(name);
        let base = input::integer(item, "base")?.unwrap_or(0);
        let weight = input::integer(item, "weight")?.unwrap_or(0);
        if !(0..=BASE_MAX).contains(&base) || !(0..=WEIGHT_MAX).contains(&weight) {
            return Err(invalid("base must be between 0 and 100000, and weight between 0 and 1000."));
        }
        bases += usize::from(base > 0);
        weights += weight;
    }
    let fargate = names.iter().filter(|name| is_fargate(name)).count();
    if fargate > 0 && fargate < names.len() {
        return Err(invalid(
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate providers. Specify one or the other and try again.",
        ));
    }
    if bases > 1 {
        return Err(invalid("Only one capacity provider in a capacity provider strategy can have a base."));
    }
    if names.len() > 1 && weights == 0 {
        return Err(invalid(
            "At least one capacity provider in a capacity provider strategy must have a weight greater than 0.",
        ));
    }
    Ok(())
}

pub(super) fn associated<'a>(world: &'a World, cluster: &str) -> Vec<&'a str> {
    let cluster = world.ecs.clusters.get(cluster);
    let names = cluster.and_then(|cluster| cluster.settings.get("capacityProviders")?.as_array());
    names.map_or(&[][..], Vec::as_slice).iter().filter_map(Value::as_str).collect()
}

/// Finds the place of one more task, beside those that are counted by the name of their capacity.
pub(in crate::ecs) fn place(
    world: &World,
    content: &Map<String, Value>,
    count: impl Fn(&str) -> usize,
) -> Place {
    let strategy = content.get("capacityProviderStrategy").and_then(Value::as_array);
    let capacity = match strategy.and_then(|items| next(items, count)) {
        Some(name) => Capacity {
            launch_type: if is_fargate(name) { "FARGATE" } else { "EC2" },
            name: name.to_owned(),
            is_provider: true,
        },
        None => {
            let launch_type = match content.get("launchType").and_then(Value::as_str) {
                Some("FARGATE") => "FARGATE",
                Some("EXTERNAL") => "EXTERNAL",
                Some(_) | None => "EC2",
            };
            Capacity { name: launch_type.to_owned(), is_provider: false, launch_type }
        }
    };
    let scales = world
        .ecs
        .providers
        .get(&capacity.name)
        .is_some_and(|provider| provider.settings["managedScaling"]["status"] == "ENABLED");
    if has_room(world, &capacity.name) {
        Place::Here(capacity)
    } else if capacity.is_provider && scales {
        Place::Waits(capacity)
    } else if capacity.launch_type == "FARGATE" {
        Place::Nowhere { event: NO_FARGATE, reason: "RESOURCE:FARGATE" }
    } else {
        Place::Nowhere { event: NO_INSTANCE, reason: "RESOURCE:MEMORY" }
    }
}

/// The provider whose base is not reached, or else the one that has the least for its weight; of
/// equals the first.
fn next(items: &[Value], count: impl Fn(&str) -> usize) -> Option<&str> {
    struct Item<'a> {
        name: &'a str,
        missing: bool,
        beyond: u64,
        weight: u64,
    }
    let alone = items.len() == 1;
    let items: Vec<Item<'_>> = items
        .iter()
        .filter_map(|item| {
            let name = item["capacityProvider"].as_str()?;
            let base = item["base"].as_u64().unwrap_or(0);
            let weight = item["weight"].as_u64().unwrap_or(0);
            let here = count(name) as u64;
            let weight = if alone { weight.max(1) } else { weight };
            Some(Item { name, missing: here < base, beyond: here.saturating_sub(base), weight })
        })
        .collect();
    if let Some(base) = items.iter().find(|item| item.missing) {
        return Some(base.name);
    }
    let mut chosen: Option<&Item<'_>> = None;
    for item in items.iter().filter(|item| item.weight > 0) {
        // Compares shares without a division.
        if chosen.is_none_or(|best| item.beyond * best.weight < best.beyond * item.weight) {
            chosen = Some(item);
        }
    }
    chosen.map(|item| item.name)
}

/// Whether a task may go to this capacity at this moment.
pub(in crate::ecs) fn has_room(world: &World, capacity: &str) -> bool {
    world.ecs.capacity.get(capacity).is_none_or(|most| {
        let placed = world.ecs.tasks.values().filter(|task| {
            let here = !task.waits_for_capacity && task.phase != Phase::Stopped;
            task.capacity == capacity && here
        });
        placed.count() < *most
    })
}

/// Takes a provider's capacity away, as Spot does: all its tasks in the cluster are stopped, also those
/// that are protected from scale-in. Gives their ARNs.
pub(in crate::ecs) fn reclaim(
    world: &mut World,
    runtime: &dyn Runtime,
    cluster: &str,
    provider: &str,
) -> Vec<String> {
    let hit: Vec<String> = world
        .ecs
        .tasks
        .values()
        .filter(|task| task.cluster == cluster && task.capacity == provider && !task.is_stopping())
        .map(|task| task.arn.clone())
        .collect();
    for arn in &hit {
        scheduler::with_task(world, arn, |world, task| {
            let stop = if is_fargate(provider) {
                let reason = "Your Spot Task was interrupted.".to_owned();
                Stop { code: StopCode::SpotInterruption, reason }
            } else {
                let reason = format!("Host EC2 (instance {}) terminated.", task.instance());
                Stop { code: StopCode::TerminationNotice, reason }
            };
            life::stop(world, runtime, task, stop);
        });
    }
    let now = world.now;
    for service in world.ecs.services.values_mut().filter(|service| service.key.cluster == cluster) {
        service.next_look = now;
    }
    hit
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn spread(items: &Value, tasks: usize) -> BTreeMap<String, usize> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..tasks {
            let name = next(items.as_array().unwrap(), |name| counts.get(name).copied().unwrap_or(0));
            *counts.entry(name.unwrap().to_owned()).or_default() += 1;
        }
        counts
    }

    #[test]
    fn the_base_comes_first_and_weights_share_the_rest() {
        let items = json!([
            {"capacityProvider": "on-demand", "base": 2, "weight": 1},
            {"capacityProvider": "spot", "weight": 3},
        ]);
        let check = |tasks, on_demand, spot| {
            let counts = spread(&items, tasks);
            let of = |name| counts.get(name).copied().unwrap_or(0);
            assert_eq!((of("on-demand"), of("spot")), (on_demand, spot), "{tasks}");
        };
        check(1, 1, 0);
        check(2, 2, 0);
        check(4, 3, 1);
        check(6, 3, 3);
        check(10, 4, 6);
    }

    #[test]
    fn a_weight_of_nothing_takes_no_more_than_its_base() {
        let items = json!([
            {"capacityProvider": "on-demand", "base": 1},
            {"capacityProvider": "spot", "weight": 1},
        ]);
        assert_eq!(spread(&items, 5)["on-demand"], 1);
        let alone = json!([{"capacityProvider": "spot"}]);
        assert_eq!(spread(&alone, 3)["spot"], 3);
    }
}
