//! Tells CloudWatch how much work waits for each worker, so that the service can scale on it.
//!
//! One line of CloudWatch's embedded metric format on standard output: CloudWatch Logs makes metrics of it, and the
//! worker needs neither a call nor a permission.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::time::Duration;

use jobs::timestamp::Timestamp;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

const NAMESPACE: &str = "JobSystem";

/// What is measured: messages that wait, and workers that are alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    pub queue_depth: u64,
    /// On their way into the queue: work as much as those that have arrived.
    pub owed_messages: u64,
    pub live_workers: u64,
}

/// Measures and writes, every so often, for as long as it is polled. What can't be measured is not written: an alarm
/// that misses a value waits, and one that gets a wrong one acts.
pub async fn report<E: std::fmt::Display>(
    service: &str,
    every: Duration,
    measure: impl AsyncFn() -> Result<Backlog, E>,
    write: impl Fn(String),
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut warned = false;
    loop {
        ticks.tick().await;
        match measure().await {
            Ok(backlog) => {
                warned = false;
                write(line(service, backlog, Timestamp::now()));
            }
            Err(error) => {
                if !std::mem::replace(&mut warned, true) {
                    warn!(%error, "the backlog can't be measured");
                }
            }
        }
    }
}

fn line(service: &str, backlog: Backlog, now: Timestamp) -> String {
    let Backlog { queue_depth, owed_messages, live_workers } = backlog;
    let waiting = queue_depth + owed_messages;
    let metrics = ["BacklogPerTask", "QueueDepth", "OwedMessages", "LiveWorkers"];
    let metric = |name: &str| json!({"Name": name, "Unit": "Count"});
    json!({
        "_aws": {
            "Timestamp": now.milliseconds(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["Service"]],
                "Metrics": metrics.map(metric),
            }],
        },
        "Service": service,
        "BacklogPerTask": waiting as f64 / live_workers.max(1) as f64,
        "QueueDepth": queue_depth,
        "OwedMessages": owed_messages,
        "LiveWorkers": live_workers,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::Value;
    use std::cell::{Cell, RefCell};
    use tokio::time::timeout;

    #[test]
    fn a_line_is_what_cloudwatch_makes_metrics_of() {
        let backlog = Backlog { queue_depth: 20, owed_messages: 5, live_workers: 2 };
        let line = line("job-worker", backlog, Timestamp::from_milliseconds(1_763_710_200_250));
        assert!(!line.contains('\n'));
        assert_eq!(
            serde_json::from_str::<Value>(&line).unwrap(),
            json!({
                "_aws": {
                    "Timestamp": 1_763_710_200_250_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "JobSystem",
                        "Dimensions": [["Service"]],
                        "Metrics": [
                            {"Name": "BacklogPerTask", "Unit": "Count"},
                            {"Name": "QueueDepth", "Unit": "Count"},
                            {"Name": "OwedMessages", "Unit": "Count"},
                            {"Name": "LiveWorkers", "Unit": "Count"},
                        ],
                    }],
                },
                "Service": "job-worker",
                "BacklogPerTask": 12.5,
                "QueueDepth": 20,
                "OwedMessages": 5,
                "LiveWorkers": 2,
            })
        );
    }

    #[test]
    fn without_a_live_worker_the_backlog_is_that_of_one() {
        let backlog = Backlog { queue_depth: 4, owed_messages: 3, live_workers: 0 };
        let line: Value = serde_json::from_str(&line("w", backlog, Timestamp::now())).unwrap();
        assert_eq!((&line["BacklogPerTask"], &line["LiveWorkers"]), (&json!(7.0), &json!(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_written_every_so_often_and_not_when_it_is_not_known() {
        let asked = Cell::new(0);
        let lines = RefCell::new(Vec::new());
        let measure = async || {
            asked.set(asked.get() + 1);
            match asked.get() {
                2 | 3 => Err("away"),
                _ => Ok(Backlog { queue_depth: asked.get(), owed_messages: 0, live_workers: 1 }),
            }
        };
        let every = Duration::from_secs(30);
        let reporting = report("w", every, measure, |line| lines.borrow_mut().push(line));
        timeout(Duration::from_secs(100), reporting).await.unwrap_err();
        let depths: Vec<Value> = lines
            .take()
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["QueueDepth"].clone())
            .collect();
        assert_eq!(depths, [1, 4]);
    }
}
