//! To be written.

use serde_json::Value;

use crate::error::{Answer, ApiError};
use crate::runtime::Runtime;
use crate::world::World;

#[derive(Default)]
pub struct Ecs {}

/// Answers one operation.
pub fn call(_world: &mut World, _runtime: &dyn Runtime, operation: &str, _input: &Value) -> Answer {
    Err(ApiError::new("UnknownOperationException", format!("{operation} is not there")))
}

/// Moves deployments and tasks on to `world.now`.
pub fn advance(_world: &mut World, _runtime: &dyn Runtime) {}

/// The seam to Application Auto Scaling.
impl Ecs {
    /// Whether an ACTIVE service of this name exists in the cluster.
    pub fn has_service(&self, _cluster: &str, _name: &str) -> bool {
        true
    }
    /// Pulls the desired count into the bounds, as somebody else's UpdateService would.
    pub fn clamp_desired(&mut self, _cluster: &str, _name: &str, _min: u32, _max: u32) {}
}
