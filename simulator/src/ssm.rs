//! To be written.

use serde_json::Value;

use crate::error::{Answer, ApiError};
use crate::runtime::Runtime;
use crate::world::World;

#[derive(Default)]
pub struct Ssm {}

/// Answers one operation.
pub fn call(_world: &mut World, _runtime: &dyn Runtime, operation: &str, _input: &Value) -> Answer {
    Err(ApiError::new("UnknownOperationException", format!("{operation} is not there")))
}

/// The seam to ECS, which injects parameters when it starts a task.
impl Ssm {
    /// Reads the parameter with this name or ARN.
    pub fn resolve(&self, value_from: &str) -> Result<String, String> {
        Err(format!("invalid parameters: {value_from}"))
    }
}
