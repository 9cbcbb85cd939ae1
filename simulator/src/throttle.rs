//! AWS's token buckets: how many calls of which kind an account may make per second.
//!
//! See "Request throttling for the Amazon ECS API" and "Request throttling for the Elastic Load
//! Balancing API".

use std::collections::HashMap;

use crate::clock::Time;
use crate::error::ApiError;

/// The buckets of an account, full at first.
#[derive(Default)]
pub(crate) struct Throttle {
    buckets: HashMap<&'static str, Level>,
}

struct Level {
    tokens: f64,
    at: Time,
}

/// One kind of call: calls share the bucket of their kind.
struct Bucket {
    name: &'static str,
    burst: f64,
    refill_per_second: f64,
}

const fn bucket(name: &'static str, burst: u32, refill_per_second: u32) -> Bucket {
    Bucket { name, burst: burst as f64, refill_per_second: refill_per_second as f64 }
}

impl Throttle {
    /// Takes a token for the call, or refuses it.
    pub(crate) fn take(&mut self, service: &str, operation: &str, now: Time) -> Result<(), ApiError> {
        let bucket = match service {
            "ecs" => ecs_bucket(operation),
            "elb" if operation.starts_with("Describe") => Some(bucket("elb read", 40, 10)),
            _ => None,
        };
        let Some(bucket) = bucket else {
            return Ok(());
        };
        let level = self.buckets.entry(bucket.name).or_insert(Level { tokens: bucket.burst, at: now });
        let refilled = now.since(level.at).as_secs_f64() * bucket.refill_per_second;
        level.tokens = (level.tokens + refilled).min(bucket.burst);
        level.at = now;
        if level.tokens < 1.0 {
            return Err(exceeded());
        }
        level.tokens -= 1.0;
        Ok(())
    }
}

/// What AWS answers to one call too many.
pub(crate) fn exceeded() -> ApiError {
    ApiError::new("ThrottlingException", "Rate exceeded")
}

/// `None` for calls whose limits AWS does not publish.
fn ecs_bucket(operation: &str) -> Option<Bucket> {
    Some(match operation {
        "CreateService" | "UpdateService" | "DeleteService" => bucket("service modify", 50, 5),
        "DescribeServices" | "ListServices" => bucket("service read", 100, 20),
        "DescribeServiceDeployments" | "ListServiceDeployments" => bucket("service deployment", 50, 20),
        "DescribeServiceRevisions" => bucket("service revision", 50, 20),
        "RegisterTaskDefinition" | "DeregisterTaskDefinition" => bucket("task definition modify", 20, 1),
        "DescribeTaskDefinition" | "ListTaskDefinitions" | "ListTaskDefinitionFamilies" => {
            bucket("task definition read", 50, 20)
        }
        "DeleteTaskDefinitions" => bucket("task definition delete", 5, 1),
        "RunTask" | "StopTask" => bucket("cluster resource modify", 100, 40),
        "DescribeTasks" | "ListTasks" => bucket("cluster resource read", 100, 20),
        "CreateCluster" | "DeleteCluster" | "PutClusterCapacityProviders" => bucket("cluster modify", 20, 1),
        "DescribeClusters" | "ListClusters" => bucket("cluster read", 50, 20),
        "DescribeCapacityProviders" => bucket("capacity provider read", 50, 20),
        "UpdateTaskProtection" | "GetTaskProtection" => bucket("task protection", 200, 80),
        "TagResource" | "UntagResource" => bucket("tag modify", 20, 10),
        "ListTagsForResource" => bucket("tag read", 50, 20),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const START: Time = Time(1_000_000);

    fn taken(throttle: &mut Throttle, operation: &str, now: Time) -> usize {
        (0..1_000).take_while(|_| throttle.take("ecs", operation, now).is_ok()).count()
    }

    #[test]
    fn registering_has_a_burst_of_twenty_and_then_one_a_second() {
        let mut throttle = Throttle::default();
        assert_eq!(taken(&mut throttle, "RegisterTaskDefinition", START), 20);
        let error = throttle.take("ecs", "RegisterTaskDefinition", START).unwrap_err();
        assert_eq!((error.code.as_str(), error.status), ("ThrottlingException", 400));
        assert_eq!(taken(&mut throttle, "RegisterTaskDefinition", Time(1_003_500)), 3);
    }

    #[test]
    fn calls_of_one_kind_share_a_bucket_and_others_do_not() {
        let mut throttle = Throttle::default();
        assert_eq!(taken(&mut throttle, "DescribeServices", START), 100);
        assert_eq!(taken(&mut throttle, "ListServices", START), 0);
        assert_eq!(taken(&mut throttle, "UpdateService", START), 50);
    }

    #[test]
    fn an_idle_bucket_fills_no_higher_than_its_burst() {
        let mut throttle = Throttle::default();
        taken(&mut throttle, "CreateService", START);
        let next_day = Time(START.0 + 86_400_000);
        assert_eq!(taken(&mut throttle, "CreateService", next_day), 50);
    }
}
