//! Capacity providers: where tasks run, and how a strategy spreads them.

mod providers;
mod strategy;

pub(super) use providers::{create, delete, describe, put_cluster_providers, update};
pub(super) use strategy::{Capacity, NO_INSTANCE, Place, check, check_cluster, has_room, place, reclaim};

use serde_json::Value;

use crate::world::World;

/// The ones that every account has.
const FARGATE: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

/// A capacity provider of an Auto Scaling group, whose container instances are always there, unless
/// [`super::Ecs::capacity`] says how many tasks they have room for.
pub(super) struct Provider {
    /// `autoScalingGroupProvider`, defaults filled in.
    settings: Value,
    update_status: &'static str,
}

fn is_fargate(name: &str) -> bool {
    FARGATE.contains(&name)
}

fn arn(world: &World, name: &str) -> String {
    format!("arn:aws:ecs:{}:{}:capacity-provider/{name}", world.region, world.account)
}
