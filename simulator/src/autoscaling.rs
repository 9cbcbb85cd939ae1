//! To be written.

use serde_json::Value;

use crate::error::{Answer, ApiError};
use crate::runtime::Runtime;
use crate::world::World;

#[derive(Default)]
pub struct Autoscaling {}

/// Answers one operation.
pub fn call(_world: &mut World, _runtime: &dyn Runtime, operation: &str, _input: &Value) -> Answer {
    Err(ApiError::new("UnknownOperationException", format!("{operation} is not there")))
}
