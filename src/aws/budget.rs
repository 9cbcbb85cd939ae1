//! Keeps the operator's own calls below AWS's token buckets.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Which of AWS's buckets a call draws from ("Request throttling for the Amazon ECS API").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    ServiceModify,
    ServiceRead,
    ServiceDeployment,
    TaskDefinitionModify,
    TaskDefinitionRead,
    /// RunTask and StopTask.
    ClusterResourceModify,
    /// DescribeTasks and ListTasks.
    ClusterResourceRead,
    TagModify,
    /// Not published for StopServiceDeployment; taken to be small.
    DeploymentStop,
    /// No rates are published for Application Auto Scaling.
    Scaling,
    /// ELB: all `Describe*` share one bucket.
    LoadBalancerRead,
    /// EventBridge Scheduler: each of its calls has a quota of its own, the smallest of 10 a second.
    Schedules,
    /// EC2's `Describe*`, without those of instances.
    Network,
    /// Secrets Manager's DescribeSecret: 40 a second and account.
    Secrets,
    /// ECR's rates are in the hundreds a second where they are published; those of DescribeImages are not.
    Images,
    /// No rates are published for IAM.
    Roles,
    Other,
}

impl Category {
    const COUNT: usize = Category::Other as usize + 1;

    /// AWS's `(burst, refill per second)`.
    fn published(self) -> (f64, f64) {
        match self {
            Category::ServiceModify => (50.0, 5.0),
            Category::ServiceRead => (100.0, 20.0),
            Category::ServiceDeployment | Category::TaskDefinitionRead => (50.0, 20.0),
            Category::TaskDefinitionModify => (20.0, 1.0),
            Category::ClusterResourceModify => (100.0, 40.0),
            Category::ClusterResourceRead => (100.0, 20.0),
            Category::TagModify => (20.0, 10.0),
            Category::DeploymentStop => (10.0, 2.0),
            Category::Scaling | Category::LoadBalancerRead => (40.0, 10.0),
            Category::Network | Category::Images => (100.0, 20.0),
            Category::Secrets => (40.0, 40.0),
            Category::Schedules | Category::Roles | Category::Other => (20.0, 10.0),
        }
    }
}

/// How much of AWS's buckets this process may use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Budget {
    /// AWS's buckets are per account and region: the scheduler, consoles and pipelines draw from
    /// them too, so half is left to them.
    #[default]
    Half,
    /// For a simulator of one's own.
    Unlimited,
}

/// One token bucket for each category.
#[derive(Debug)]
pub(super) struct Buckets {
    budget: Budget,
    buckets: [Mutex<Bucket>; Category::COUNT],
}

#[derive(Debug, Default)]
struct Bucket {
    /// Tokens at `at`; below zero while callers wait their turn.
    tokens: f64,
    at: Option<Instant>,
}

impl Buckets {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, buckets: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Waits until the call may be made. Callers are served in the order in which they came.
    pub(super) async fn wait(&self, category: Category) {
        match self.budget {
            Budget::Half => {
                let wait = self.take(category);
                // Even a sleep of nothing takes a tick of the timer.
                if !wait.is_zero() && !planted!("api-budget-ignored") {
                    tokio::time::sleep(wait).await;
                }
            }
            Budget::Unlimited => (),
        }
    }

    /// Takes a token, in advance if need be; says how long it takes until it is really there.
    fn take(&self, category: Category) -> Duration {
        let (burst, refill) = category.published();
        let (burst, refill) = (burst / 2.0, refill / 2.0);
        let mut bucket = self.buckets[category as usize].lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let refilled = match bucket.at {
            None => burst,
            Some(at) => bucket.tokens + now.duration_since(at).as_secs_f64() * refill,
        };
        bucket.tokens = refilled.min(burst) - 1.0;
        bucket.at = Some(now);
        Duration::from_secs_f64((-bucket.tokens).max(0.0) / refill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_then_the_refill_paces() {
        let buckets = Buckets::new(Budget::Half);
        let start = Instant::now();
        for _ in 0..10 {
            buckets.wait(Category::TaskDefinitionModify).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..3 {
            buckets.wait(Category::TaskDefinitionModify).await;
        }
        // Half of one a second.
        assert_eq!(start.elapsed().as_secs(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_callers_share_one_bucket() {
        let buckets = std::sync::Arc::new(Buckets::new(Budget::Half));
        let start = Instant::now();
        let callers: Vec<_> = (0..25)
            .map(|_| {
                let buckets = buckets.clone();
                tokio::spawn(async move { buckets.wait(Category::TagModify).await })
            })
            .collect();
        for caller in callers {
            assert!(caller.await.is_ok());
        }
        // Ten at once, fifteen at five a second.
        assert_eq!(start.elapsed().as_secs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unlimited_budget_never_waits() {
        let buckets = Buckets::new(Budget::Unlimited);
        let start = Instant::now();
        for _ in 0..1_000 {
            buckets.wait(Category::ServiceModify).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
