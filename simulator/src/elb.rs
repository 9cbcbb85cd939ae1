//! To be written.

use serde_json::Value;

use crate::error::{Answer, ApiError};
use crate::runtime::Runtime;
use crate::world::World;

#[derive(Default)]
pub struct Elb {}

/// Answers one operation.
pub fn call(_world: &mut World, _runtime: &dyn Runtime, operation: &str, _input: &Value) -> Answer {
    Err(ApiError::new("UnknownOperationException", format!("{operation} is not there")))
}

/// One container port of one task, as a target of type `ip`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub task: String,
    pub container: String,
    /// The address ECS gave the task; what `DescribeTargetHealth` shows as `Target.Id`.
    pub ip: String,
    pub port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    Initial,
    Healthy,
    Unhealthy,
    Draining,
    Unused,
}

/// The seam to ECS: what its scheduler asks of a load balancer.
impl Elb {
    pub fn has_target_group(&self, _arn: &str) -> bool {
        false
    }
    pub fn register(&mut self, _target_group: &str, _target: Target, _now: crate::clock::Time) {}
    /// Begins to drain; the target is gone after the deregistration delay.
    pub fn deregister(&mut self, _target_group: &str, _target: &Target, _now: crate::clock::Time) {}
    /// `None` once the target is not registered (any more).
    pub fn state(&self, _target_group: &str, _target: &Target) -> Option<TargetState> {
        None
    }
    /// Why a target is unhealthy: ELB's reason code and sentence.
    pub fn unhealthy_reason(&self, _target_group: &str, _target: &Target) -> Option<(String, String)> {
        None
    }
    /// Runs the health checks that are due and ends drains whose delay is over.
    pub fn advance(&mut self, _runtime: &dyn Runtime, _now: crate::clock::Time) {}
}
