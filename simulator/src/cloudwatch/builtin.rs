//! The metrics that other services put into CloudWatch themselves, once a minute.
//!
//! See "Available CloudWatch metrics for Amazon SQS", "Amazon ECS CloudWatch metrics", "Amazon ECS
//! Container Insights metrics" (only of clusters that have it enabled) and "CloudWatch metrics for your
//! Application Load Balancer".

use super::metrics::{Metric, Statistics};
use crate::clock::Time;
use crate::world::World;

/// How busy the tasks of a service are, in per cent of what they may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Utilization {
    pub cpu: Load,
    pub memory: Load,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// Of each task, however many there are.
    Each(f64),
    /// Of all tasks together: the more there are, the less is left for each.
    Shared(f64),
}

impl Default for Utilization {
    fn default() -> Self {
        Self { cpu: Load::Each(3.0), memory: Load::Each(20.0) }
    }
}

impl Load {
    fn each(self, tasks: usize) -> f64 {
        match self {
            Load::Each(percent) => percent,
            Load::Shared(percent) => percent / tasks.max(1) as f64,
        }
    }
}

/// Puts the values of the minute that began at `at`.
pub(super) fn publish(world: &mut World, at: Time) {
    let mut samples = Vec::new();
    for queue in world.sqs.depths(world.now) {
        let dimensions = [("QueueName", queue.name.as_str())];
        for (name, value) in [
            ("ApproximateNumberOfMessagesVisible", queue.visible as f64),
            ("ApproximateNumberOfMessagesNotVisible", queue.in_flight as f64),
            ("ApproximateNumberOfMessagesDelayed", queue.delayed as f64),
            ("ApproximateAgeOfOldestMessage", queue.oldest.as_secs() as f64),
        ] {
            samples.push((Metric::new("AWS/SQS", name, &dimensions), value));
        }
    }
    for fleet in world.ecs.fleets() {
        let dimensions = [("ClusterName", fleet.cluster.as_str()), ("ServiceName", fleet.service.as_str())];
        let key = (fleet.cluster.clone(), fleet.service.clone());
        let busy = world.cloudwatch.utilization.get(&key).copied().unwrap_or_default();
        // Tasks that do not run use nothing, and there is no value without tasks.
        if fleet.running > 0 {
            for (name, load) in [("CPUUtilization", busy.cpu), ("MemoryUtilization", busy.memory)] {
                samples.push((Metric::new("AWS/ECS", name, &dimensions), load.each(fleet.running)));
            }
        }
        if fleet.insights {
            for (name, value) in [
                ("RunningTaskCount", fleet.running),
                ("PendingTaskCount", fleet.pending),
                ("DesiredTaskCount", fleet.desired),
            ] {
                samples.push((Metric::new("ECS/ContainerInsights", name, &dimensions), value as f64));
            }
        }
    }
    for (metric, value) in samples {
        world.cloudwatch.metrics.put(metric, at, Statistics::of(value));
    }
    for (group, requests, healthy) in world.elb.take_requests() {
        let dimensions = [("TargetGroup", group.as_str())];
        if healthy > 0 {
            let each = Metric::new("AWS/ApplicationELB", "RequestCountPerTarget", &dimensions);
            let value = requests as f64 / healthy as f64;
            world.cloudwatch.metrics.put(each, at, Statistics::of(value));
        }
    }
}
