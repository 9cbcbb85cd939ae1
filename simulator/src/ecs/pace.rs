//! How long ECS takes for what it does itself; every made-up delay of the scheduler is here.

use std::time::Duration;

/// Delays of the scheduler. What a container itself takes is the runtime's business.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// How often the scheduler looks.
    pub step: Duration,
    /// A network interface is attached, capacity is found.
    pub provisioning: Duration,
    /// Targets are registered.
    pub activating: Duration,
    /// The network interface is detached.
    pub deprovisioning: Duration,
    /// How long a task must run before it counts as one that came up. Without such a wait, a
    /// container that dies a second after its start would complete a deployment.
    pub settling: Duration,
    /// Between a task that failed to start and the next try.
    pub retry: Duration,
    /// ECS backs off from a task that keeps failing, up to this.
    pub retry_max: Duration,
    /// A listener's new weights take effect.
    pub shifting: Duration,
    /// How long a minute is to CloudWatch and Application Auto Scaling: to built-in metrics, to the
    /// periods of alarms, to cooldowns, and to the bake times of deployments. Whole seconds.
    pub minute: Duration,
}

impl Pace {
    /// About as slow as Fargate.
    pub fn realistic() -> Self {
        Self {
            step: Duration::from_secs(1),
            provisioning: Duration::from_secs(2),
            activating: Duration::from_secs(1),
            deprovisioning: Duration::from_secs(2),
            settling: Duration::from_secs(10),
            retry: Duration::from_secs(5),
            retry_max: Duration::from_secs(15 * 60),
            shifting: Duration::from_secs(5),
            minute: Duration::from_secs(60),
        }
    }

    /// As fast as the containers allow, for a person who watches real processes.
    pub fn immediate() -> Self {
        Self {
            step: Duration::from_millis(100),
            provisioning: Duration::ZERO,
            activating: Duration::ZERO,
            deprovisioning: Duration::ZERO,
            settling: Duration::from_secs(2),
            retry: Duration::from_millis(500),
            retry_max: Duration::from_secs(60),
            shifting: Duration::ZERO,
            // A queue that fills has its workers after 6 s, and an empty one loses them after 30 s.
            minute: Duration::from_secs(2),
        }
    }

    /// How long `seconds` of CloudWatch's and of scaling's time take.
    pub fn scaled(&self, seconds: u64) -> Duration {
        Duration::from_millis(seconds * self.minute.as_millis() as u64 / 60)
    }

    /// How long to wait after the `rounds`-th round of tries in a row that failed.
    pub(super) fn retry_after(&self, rounds: u32) -> Duration {
        const AT_FULL_SPEED: u32 = 3;
        let doublings = rounds.saturating_sub(AT_FULL_SPEED).min(16);
        self.retry.saturating_mul(1 << doublings).min(self.retry_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_slow_down_to_fifteen_minutes() {
        let pace = Pace::realistic();
        assert_eq!(pace.retry_after(1), Duration::from_secs(5));
        assert_eq!(pace.retry_after(3), Duration::from_secs(5));
        assert_eq!(pace.retry_after(5), Duration::from_secs(20));
        assert_eq!(pace.retry_after(100), Duration::from_secs(900));
    }
}
