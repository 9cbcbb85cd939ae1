//! Elastic Load Balancing v2: application load balancers, their rules, and the health of targets.

mod balancers;
mod groups;
mod health;
mod route;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::clock::Time;
use crate::error::{Answer, ApiError};

use crate::runtime::Runtime;
use crate::world::World;

use self::balancers::{Listener, LoadBalancer};
use self::groups::TargetGroup;
use self::health::Health;
pub use self::route::Route;

/// The long-lived parts by ARN.
#[derive(Default)]
pub struct Elb {
    groups: BTreeMap<String, TargetGroup>,
    balancers: BTreeMap<String, LoadBalancer>,
    listeners: BTreeMap<String, Listener>,
    /// Nothing happens in any target group before this.
    due: Time,
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    match operation {
        "CreateTargetGroup" => groups::create(world, input),
        "DescribeTargetGroups" => groups::describe(world, input),
        "ModifyTargetGroup" => groups::modify(world, input),
        "DeleteTargetGroup" => groups::delete(world, input),
        "ModifyTargetGroupAttributes" => groups::modify_attributes(world, input),
        "DescribeTargetGroupAttributes" => groups::describe_attributes(world, input),
        "RegisterTargets" => groups::register_targets(world, input),
        "DeregisterTargets" => groups::deregister_targets(world, input),
        "DescribeTargetHealth" => groups::describe_health(world, input),
        "CreateLoadBalancer" => balancers::create(world, input),
        "DescribeLoadBalancers" => balancers::describe(world, input),
        "DeleteLoadBalancer" => balancers::delete(world, input),
        "CreateListener" => balancers::create_listener(world, input),
        "DescribeListeners" => balancers::describe_listeners(world, input),
        "ModifyListener" => balancers::modify_listener(world, input),
        "DeleteListener" => balancers::delete_listener(world, input),
        "CreateRule" => balancers::create_rule(world, input),
        "DescribeRules" => balancers::describe_rules(world, input),
        "ModifyRule" => balancers::modify_rule(world, input),
        "DeleteRule" => balancers::delete_rule(world, input),
        _ => Err(ApiError::new(
            "InvalidAction",
            format!("Could not find operation {operation} for version 2015-12-01"),
        )),
    }
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
    pub fn has_target_group(&self, arn: &str) -> bool {
        self.groups.contains_key(arn)
    }

    /// Whether a listener or a rule forwards to the target group. ECS refuses to create a service
    /// for one that has no load balancer, and such a group's targets are never checked.
    pub fn is_attached(&self, target_group: &str) -> bool {
        self.groups.get(target_group).is_some_and(|group| group.in_use)
    }

    pub fn register(&mut self, target_group: &str, target: Target, now: Time) {
        if let Some(group) = self.groups.get_mut(target_group) {
            group.register(target, now);
            self.due = Time::default();
        }
    }

    /// Begins to drain; the target is gone after the deregistration delay.
    pub fn deregister(&mut self, target_group: &str, target: &Target, now: Time) {
        if let Some(group) = self.groups.get_mut(target_group) {
            group.deregister(target, now);
            self.due = Time::default();
        }
    }

    /// `None` once the target is not registered (any more).
    pub fn state(&self, target_group: &str, target: &Target) -> Option<TargetState> {
        Some(self.health(target_group, target)?.state)
    }

    /// Why a target is unhealthy: ELB's reason code and sentence.
    pub fn unhealthy_reason(&self, target_group: &str, target: &Target) -> Option<(String, String)> {
        let health = self.health(target_group, target)?;
        if health.state == TargetState::Unhealthy { health.reason() } else { None }
    }

    /// Runs the health checks that are due and ends drains whose delay is over.
    pub fn advance(&mut self, runtime: &dyn Runtime, now: Time) {
        if now < self.due {
            return;
        }
        let mut due = now + Duration::from_secs(3600);
        for group in self.groups.values_mut() {
            due = due.min(group.advance(runtime, now));
        }
        self.due = due;
    }

    /// The requests of each target group that gets traffic since the last call, under the name that
    /// CloudWatch knows it by, and how many targets there are for them.
    pub(crate) fn take_requests(&mut self) -> Vec<(String, u64, usize)> {
        let attached = self.groups.iter_mut().filter(|(_, group)| group.in_use);
        attached
            .map(|(arn, group)| {
                let (requests, healthy) = group.take_requests();
                let name = arn.find("targetgroup/").map_or(arn.as_str(), |at| &arn[at..]);
                (name.to_owned(), requests, healthy)
            })
            .collect()
    }

    fn health(&self, target_group: &str, target: &Target) -> Option<&Health> {
        self.groups.get(target_group)?.targets.get(target)
    }

    /// Looks again which target groups get traffic; called after every change of an action.
    fn refresh_use(&mut self, now: Time) {
        let listeners = &self.listeners;
        for (arn, group) in &mut self.groups {
            let balancers = listeners
                .values()
                .filter(|listener| listener.forwards_to(arn))
                .map(|listener| listener.load_balancer.clone())
                .collect();
            group.attach(balancers, now);
        }
        self.due = Time::default();
    }

    fn group_mut(&mut self, input: &Value) -> Result<&mut TargetGroup, ApiError> {
        let arn = required(input, "TargetGroupArn")?;
        self.groups.get_mut(arn).ok_or_else(group_not_found)
    }
}

fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    crate::input::text(input, member)
        .ok_or_else(|| invalid(format!("A value for '{member}' must be specified")))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

fn group_not_found() -> ApiError {
    ApiError::new("TargetGroupNotFound", "One or more target groups not found")
}

#[cfg(test)]
mod tests;
