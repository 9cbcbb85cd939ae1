//! Many services: what does not change must cost next to nothing.
#![allow(clippy::unwrap_used)]

mod account;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use account::{Account, creation};
use serde_json::json;
use simulator::clock::Time;
use simulator::runtime::scripted::Scripted;
use simulator::runtime::{ContainerState, Probe, ProbeAnswer, Runtime, TaskLaunch};

/// Counts how often the scheduler looks at a task.
#[derive(Default)]
struct Counted {
    inner: Scripted,
    looks: Arc<AtomicUsize>,
}

impl Runtime for Counted {
    fn start(&self, launch: &TaskLaunch) {
        self.inner.start(launch);
    }
    fn observe(&self, task: &str, now: Time) -> Vec<ContainerState> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.inner.observe(task, now)
    }
    fn next_change(&self, task: &str, now: Time) -> Time {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.inner.next_change(task, now)
    }
    fn stop(&self, task: &str, now: Time) {
        self.inner.stop(task, now);
    }
    fn forget(&self, task: &str) {
        self.inner.forget(task);
    }
    fn probe(&self, probe: &Probe, now: Time) -> ProbeAnswer {
        self.inner.probe(probe, now)
    }
    fn address(&self, task: &str, container: &str, port: u16) -> Option<SocketAddr> {
        self.inner.address(task, container, port)
    }
    fn output(&self, task: &str, container: &str, limit: usize) -> Vec<(Time, String)> {
        self.inner.output(task, container, limit)
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_settled_services_are_not_looked_at() {
    const SERVICES: usize = 1_000;
    let counted = Counted::default();
    let looks = counted.looks.clone();
    let account = Account::new(counted).await;
    account.register("api", "api:1").await;
    for n in 0..SERVICES {
        let input = creation(&format!("api-{n:04}"), "api", 1 + n as u32 % 3);
        account.ecs("CreateService", input).await;
    }
    account.until_completed("api-0999").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    account.simulator.advance();
    assert!(looks.swap(0, Ordering::Relaxed) > SERVICES);

    tokio::time::sleep(Duration::from_secs(600)).await;
    for first in (0..SERVICES).step_by(10) {
        let names: Vec<String> = (first..first + 10).map(|n| format!("api-{n:04}")).collect();
        let input = json!({"cluster": "jobs", "services": names});
        let answer = account.ecs("DescribeServices", input).await;
        for service in answer["services"].as_array().unwrap() {
            assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
        }
    }
    assert_eq!(looks.load(Ordering::Relaxed), 0);
}
