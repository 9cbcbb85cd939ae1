//! The deployment circuit breaker: counts tasks that did not come up, and trips.

use serde_json::Value;

use super::events;
use super::story::{self, Failing};
use crate::ecs::state::{Breaker, Rollout, Service};
use crate::world::World;

/// The service's breaker as configured, its threshold for the present desired count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Configured {
    pub(super) enabled: bool,
    pub(super) rollback: bool,
    resets: bool,
    pub(super) threshold: u32,
}

pub(super) fn configured(configuration: &Value, desired: u32) -> Configured {
    let breaker = &configuration["deploymentCircuitBreaker"];
    let flag = |name: &str, default: bool| breaker[name].as_bool().unwrap_or(default);
    Configured {
        enabled: flag("enable", false),
        rollback: flag("rollback", false),
        resets: flag("resetOnHealthyTask", true),
        threshold: threshold(&breaker["thresholdConfiguration"], desired),
    }
}

fn threshold(configuration: &Value, desired: u32) -> u32 {
    const BOUNDS: (u32, u32) = (3, 200);
    let value = configuration["value"].as_u64().unwrap_or(50);
    let share = (u64::from(desired) * value).div_ceil(100) as u32;
    match configuration["type"].as_str().unwrap_or("BOUNDED_PERCENT") {
        "COUNT" => value as u32,
        "UNBOUNDED_PERCENT" => share,
        _ => share.clamp(BOUNDS.0, BOUNDS.1),
    }
    .max(1)
}

/// Notes a task that did not come up, and puts off the next try.
pub(super) fn count_failure(world: &mut World, service: &mut Service, revision: u64) {
    const IMPAIRED_FROM: u32 = 3;
    let now = world.now;
    let mut failures = 0;
    for deployment in &mut service.deployments {
        if deployment.revision == revision {
            deployment.failed_tasks += 1;
            deployment.updated_at = now;
            if deployment.retry_at <= now {
                deployment.failed_rounds += 1;
                deployment.retry_at = now + world.pace.retry_after(deployment.failed_rounds);
            }
            failures = deployment.failed_tasks;
        }
    }
    if failures >= IMPAIRED_FROM {
        events::impaired(world, service);
    }
}

/// A task came up.
pub(super) fn reset(service: &mut Service, revision: u64) {
    let configured = configured(&service.settings["deploymentConfiguration"], service.desired);
    for deployment in &mut service.deployments {
        if deployment.revision == revision {
            deployment.failed_rounds = 0;
            if configured.resets {
                deployment.failed_tasks = 0;
            }
        }
    }
}

/// Trips the breaker if it is time to.
pub(super) fn judge(world: &mut World, service: &mut Service) {
    let configured = configured(&service.settings["deploymentConfiguration"], service.desired);
    let Some(primary) = service.deployments.first() else {
        return;
    };
    let in_progress = primary.rollout == Rollout::InProgress;
    let failures = primary.failed_tasks;
    let trips = in_progress && configured.enabled && failures >= configured.threshold;
    if let Some(latest) = service.history.last_mut()
        && in_progress
        && !latest.status.is_final()
    {
        latest.breaker = Breaker {
            status: match (configured.enabled, trips || latest.rollback.is_some()) {
                (false, _) => "DISABLED",
                (true, true) => "TRIGGERED",
                (true, false) => "MONITORING",
            },
            failures: std::cmp::max(failures, latest.breaker.failures),
            threshold: configured.threshold,
        };
    }
    if trips {
        story::fail(world, service, &Failing::tripped(configured.rollback));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_threshold_is_half_the_desired_count_within_bounds() {
        let bounded = json!({"type": "BOUNDED_PERCENT", "value": 50});
        for (desired, expected) in [(1, 3), (25, 13), (400, 200), (1000, 200)] {
            assert_eq!(threshold(&bounded, desired), expected);
            assert_eq!(threshold(&Value::Null, desired), expected);
        }
        assert_eq!(threshold(&json!({"type": "COUNT", "value": 2}), 100), 2);
        assert_eq!(threshold(&json!({"type": "UNBOUNDED_PERCENT", "value": 50}), 1000), 500);
    }
}
