//! Renews a claim at a steady pace for as long as some work takes.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

/// Works, and calls `renew` every so often meanwhile; first after one period, not at once.
pub async fn while_renewing<T, Renewal: Future<Output = ()>>(
    every: Duration,
    renew: impl Fn() -> Renewal,
    work: impl Future<Output = T>,
) -> T {
    let renewing = async {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            renew().await;
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        never = renewing => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::time::sleep;

    async fn renewals(work: Duration) -> u32 {
        let renewals = Cell::new(0);
        let renew = || async { renewals.set(renewals.get() + 1) };
        while_renewing(Duration::from_secs(10), renew, sleep(work)).await;
        renewals.get()
    }

    #[tokio::test(start_paused = true)]
    async fn short_work_is_not_renewed_and_long_work_steadily() {
        assert_eq!(renewals(Duration::from_secs(9)).await, 0);
        assert_eq!(renewals(Duration::from_secs(35)).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_hangs_does_not_hold_up_the_work() {
        let work = async {
            sleep(Duration::from_secs(25)).await;
            "done"
        };
        let hang = std::future::pending;
        assert_eq!(while_renewing(Duration::from_secs(10), hang, work).await, "done");
    }
}
