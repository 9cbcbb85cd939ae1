//! To be written.

use serde_json::Value;

use crate::error::{Answer, ApiError};
use crate::runtime::Runtime;
use crate::world::World;

#[derive(Default)]
pub struct Ecr {}

/// Answers one operation.
pub fn call(_world: &mut World, _runtime: &dyn Runtime, operation: &str, _input: &Value) -> Answer {
    Err(ApiError::new("UnknownOperationException", format!("{operation} is not there")))
}

/// The seam to ECS, which pins an image tag to a digest when a deployment starts.
impl Ecr {
    /// The digest behind an image reference in this account's registry: `None` for a reference to
    /// another registry, `Some(None)` where repository or tag does not exist.
    pub fn digest(&self, _image: &str) -> Option<Option<String>> {
        None
    }
}
