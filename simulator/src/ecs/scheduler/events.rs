//! Service events, in ECS's wording.

use std::collections::BTreeMap;

use crate::ecs::state::{Event, Service};
use crate::world::World;

pub(super) const BLOCKED: &str = "was unable to stop or start tasks during a deployment because of \
    the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value \
    and try again.";

const IMPAIRED: &str = "is unable to consistently start tasks successfully. For more information, \
    see the Troubleshooting section of the Amazon ECS Developer Guide.";

/// Adds `(service NAME) text`. ECS keeps the newest hundred.
pub(super) fn add(world: &mut World, service: &mut Service, text: &str) {
    const EVENTS_MAX: usize = 100;
    let event = Event {
        id: format!("00000000-0000-4000-9000-{:012x}", world.ecs.ids.serial()),
        at: world.now,
        message: message(service, text),
    };
    service.events.push_front(event);
    service.events.truncate(EVENTS_MAX);
}

/// Does not repeat the same sentence at every step.
pub(super) fn add_unless_newest(world: &mut World, service: &mut Service, text: &str) {
    let message = message(service, text);
    let repeated = service.events.front().is_some_and(|event| event.message == message);
    if !repeated {
        add(world, service, text);
    }
}

fn message(service: &Service, text: &str) -> String {
    format!("(service {}) {text}", service.key.name)
}

pub(super) fn impaired(world: &mut World, service: &mut Service) {
    add_unless_newest(world, service, IMPAIRED);
}

/// Tasks of a deployment would go, but are protected from scale-in.
pub(super) fn protected(world: &mut World, service: &mut Service, revision: u64) {
    let text = format!(
        "was unable to reach steady state because task set (ecs-svc/{revision}) was unable to scale in. \
         Reason: The number of protected tasks are more than the desired count of tasks"
    );
    add_unless_newest(world, service, &text);
}

pub(super) fn started(world: &mut World, service: &mut Service, ids: &[String]) {
    if !ids.is_empty() {
        let text = format!("has started {} tasks: {}.", ids.len(), named(ids));
        add(world, service, &text);
    }
}

/// `verb` is `registered` or `deregistered`; one entry per target.
pub(super) fn targets(world: &mut World, service: &mut Service, verb: &str, target_groups: &[String]) {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for target_group in target_groups {
        *counts.entry(target_group).or_default() += 1;
    }
    for (target_group, count) in counts {
        let text = format!("{verb} {count} targets in (target-group {target_group})");
        add(world, service, &text);
    }
}

pub(super) fn stopped(world: &mut World, service: &mut Service, ids: &[String], draining: usize) {
    if draining > 0 {
        let text = format!("has begun draining connections on {draining} tasks.");
        add(world, service, &text);
    }
    if !ids.is_empty() {
        let text = format!("has stopped {} running tasks: {}.", ids.len(), named(ids));
        add(world, service, &text);
    }
}

fn named(ids: &[String]) -> String {
    let tasks: Vec<String> = ids.iter().map(|id| format!("(task {id})")).collect();
    tasks.join(" ")
}
