//! To be written.

use serde_json::Value;

use crate::error::{Answer, ApiError};
use crate::runtime::Runtime;
use crate::world::World;

#[derive(Default)]
pub struct Secrets {}

/// Answers one operation.
pub fn call(_world: &mut World, _runtime: &dyn Runtime, operation: &str, _input: &Value) -> Answer {
    Err(ApiError::new("UnknownOperationException", format!("{operation} is not there")))
}

/// The seam to ECS, which injects secrets when it starts a task.
impl Secrets {
    /// Reads what a container's `valueFrom` names: an ARN or name, optionally followed by
    /// `:json-key:version-stage:version-id`. An error carries AWS's sentence for the stopped reason.
    pub fn resolve(&self, _value_from: &str) -> Result<String, String> {
        Err("ResourceNotFoundException: Secrets Manager can't find the specified secret.".to_owned())
    }
}
