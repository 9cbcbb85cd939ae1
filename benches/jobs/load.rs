//! An open load: requests leave when they are due, whether or not earlier ones were answered, and a
//! latency counts from when its request was due. A server that stalls can't slow its own measurement down.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, sleep_until};

const CONNECTIONS: u64 = 64;
const STEP: Duration = Duration::from_secs(5);
const P99_MAX: Duration = Duration::from_millis(50);
const FIRST_RATE: u64 = 100;
const RATE_MAX: u64 = 50_000;
/// The answer is known to this share.
const PRECISION: f64 = 0.1;

#[derive(Clone, Copy, Debug)]
pub enum What {
    /// `POST /submit-job`: a job, its history and its message in one transaction.
    Submit,
    /// `GET /jobs/{id}` of one job.
    Read,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::Submit => "POST /submit-job",
            What::Read => "GET /jobs/{id}",
        })
    }
}

/// The highest rate at which the 99th percentile stayed below the bound.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub rate: u64,
    pub p50: Duration,
    pub p99: Duration,
}

type Http = Client<HttpConnector, Full<Bytes>>;

/// Doubles the rate until it is not held any more, then halves the gap.
pub async fn highest_rate(address: SocketAddr, what: What) -> anyhow::Result<Held> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Http = Client::builder(TokioExecutor::new()).build(connector);
    let job = submit(&client, address).await?;
    let target = match what {
        What::Submit => format!("http://{address}/submit-job"),
        What::Read => format!("http://{address}/jobs/{job}"),
    };
    let (mut held, mut rate, mut too_much): (Option<Held>, u64, Option<u64>) = (None, FIRST_RATE, None);
    while rate <= RATE_MAX {
        eprintln!("bench: {what} at {rate} a second for {} s", STEP.as_secs());
        match at(&client, &target, what, rate).await? {
            Some(step) => held = Some(step),
            None => too_much = Some(rate),
        }
        let floor = held.map_or(0, |held| held.rate);
        rate = match too_much {
            None => floor * 2,
            Some(ceiling) if (ceiling - floor) as f64 <= floor as f64 * PRECISION => break,
            Some(ceiling) => u64::midpoint(floor, ceiling),
        };
        ensure!(rate > 1, "{what}: not even one request a second is held");
    }
    held.context("no rate was held")
}

/// One step. `None`: the rate was not held.
async fn at(client: &Http, target: &str, what: What, rate: u64) -> anyhow::Result<Option<Held>> {
    let total = rate * STEP.as_secs();
    let next = Arc::new(AtomicU64::new(0));
    let begin = Instant::now() + Duration::from_millis(20);
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (client, target, next) = (client.clone(), target.to_owned(), next.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= total {
                        return anyhow::Ok(latencies);
                    }
                    let due = begin + Duration::from_secs_f64(number as f64 / rate as f64);
                    sleep_until(due).await;
                    send(&client, &target, what).await?;
                    latencies.push(due.elapsed());
                    // Far behind: the step is lost, and its backlog need not be waited for.
                    if due.elapsed() > P99_MAX * 20 {
                        next.store(total, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    let mut latencies = Vec::with_capacity(usize::try_from(total)?);
    for sender in senders {
        latencies.extend(sender.await??);
    }
    latencies.sort_unstable();
    let complete = latencies.len() as u64 >= total;
    let (p50, p99) = (percentile(&latencies, 50), percentile(&latencies, 99));
    Ok((complete && p99 < P99_MAX).then_some(Held { rate, p50, p99 }))
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(sorted.len() * percent / 100).or(sorted.last()).copied().unwrap_or_default()
}

async fn send(client: &Http, target: &str, what: What) -> anyhow::Result<Bytes> {
    let request = match what {
        What::Submit => Request::post(target)
            .header("content-type", "application/json")
            .body(Full::from(r#"{"kind": "sleep", "payload": {"milliseconds": 5}}"#))?,
        What::Read => Request::get(target).body(Full::default())?,
    };
    let response = client.request(request).await?;
    ensure!(response.status().is_success(), "{what} was answered with {}", response.status());
    Ok(response.into_body().collect().await?.to_bytes())
}

async fn submit(client: &Http, address: SocketAddr) -> anyhow::Result<String> {
    let answer = send(client, &format!("http://{address}/submit-job"), What::Submit).await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer)?;
    Ok(answer["id"].as_str().context("no id in the answer")?.to_owned())
}
