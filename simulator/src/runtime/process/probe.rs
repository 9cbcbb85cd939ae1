//! Asks processes over HTTP whether they are well, in the background.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::runtime::{Probe, ProbeAnswer};

/// The probes on their way, and answers nobody has taken yet.
#[derive(Default)]
pub(super) struct Probes {
    answers: Mutex<BTreeMap<Key, ProbeAnswer>>,
}

type Key = (String, String, u16, String);

impl Probes {
    /// Takes the answer that has arrived, or sends a probe if none is on its way.
    pub(super) fn ask(
        self: &Arc<Self>,
        probe: &Probe,
        address: SocketAddr,
        timeout: Duration,
        handle: &Handle,
    ) -> ProbeAnswer {
        let key: Key = (probe.task.clone(), probe.container.clone(), probe.port, probe.path.clone());
        let mut answers = self.answers();
        match answers.get(&key) {
            Some(ProbeAnswer::Pending) => ProbeAnswer::Pending,
            Some(ProbeAnswer::Passed | ProbeAnswer::Failed { .. }) => {
                answers.remove(&key).unwrap_or(ProbeAnswer::Pending)
            }
            None => {
                answers.insert(key.clone(), ProbeAnswer::Pending);
                let (probes, probe) = (self.clone(), probe.clone());
                handle.spawn(async move {
                    let answer = send(&probe, address, timeout).await;
                    // Absent if the task was forgotten meanwhile.
                    if let Some(slot) = probes.answers().get_mut(&key) {
                        *slot = answer;
                    }
                });
                ProbeAnswer::Pending
            }
        }
    }

    pub(super) fn forget(&self, task: &str) {
        self.answers().retain(|key, _| key.0 != task);
    }

    fn answers(&self) -> MutexGuard<'_, BTreeMap<Key, ProbeAnswer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn failed(reason: &str, description: String) -> ProbeAnswer {
    ProbeAnswer::Failed { reason: reason.to_owned(), description }
}

async fn send(probe: &Probe, address: SocketAddr, timeout: Duration) -> ProbeAnswer {
    match tokio::time::timeout(timeout, get(address, &probe.path)).await {
        Err(_) => failed("Target.Timeout", "Request timed out".into()),
        Ok(Err(_)) => failed("Target.FailedHealthChecks", "Health checks failed".into()),
        Ok(Ok(status)) if matches(&probe.matcher, status.as_u16()) => ProbeAnswer::Passed,
        Ok(Ok(status)) => failed(
            "Target.ResponseCodeMismatch",
            format!("Health checks failed with these codes: [{}]", status.as_u16()),
        ),
    }
}

async fn get(address: SocketAddr, path: &str) -> anyhow::Result<StatusCode> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header("host", address.to_string())
        .header("user-agent", "ELB-HealthChecker/2.0")
        .header("connection", "close")
        .body(Empty::<Bytes>::new())?;
    let response = async { anyhow::Ok(sender.send_request(request).await?.status()) };
    let mut response = std::pin::pin!(response);
    let mut connection = std::pin::pin!(connection);
    // The connection ends with its only response, or in an error that the response reports better.
    tokio::select! {
        biased;
        status = &mut response => status,
        _ = &mut connection => response.await,
    }
}

/// Whether a status is among the codes of a matcher such as `200`, `200-299` or `200,301`.
fn matches(matcher: &str, status: u16) -> bool {
    matcher.split(',').any(|part| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        match (low.trim().parse::<u16>(), high.trim().parse::<u16>()) {
            (Ok(low), Ok(high)) => (low..=high).contains(&status),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_is_a_code_a_list_or_a_range() {
        let check = |matcher, status, expect| {
            assert_eq!(matches(matcher, status), expect, "{matcher} {status}");
        };
        check("200", 200, true);
        check("200", 201, false);
        check("200,301", 301, true);
        check("200-299", 299, true);
        check("200-299,404", 404, true);
        check("200-299", 300, false);
        check("", 200, false);
    }
}
