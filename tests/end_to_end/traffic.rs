//! Requests that never cease: clients of the load balancer, each on a connection that it keeps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

/// Clients that read. One more submits jobs, which a load balancer may not quietly send twice.
const READERS: usize = 3;
/// Between two requests of a client: enough of them, and a processor left for what is tested.
const PACE: Duration = Duration::from_millis(20);
/// Slower than this is a failure, too.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

pub struct Traffic {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Report>>,
}

/// What the clients saw.
#[derive(Debug, Default)]
pub struct Report {
    pub requests: usize,
    pub failures: Vec<String>,
    /// The versions that answered.
    pub versions: BTreeSet<String>,
    /// The jobs that were accepted.
    pub jobs: Vec<String>,
}

impl Traffic {
    pub fn start(balancer: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |act: fn(&ureq::Agent, &str, &mut Report) -> Result<(), ureq::Error>| {
            let (stop, balancer) = (stop.clone(), balancer.to_owned());
            std::thread::spawn(move || request_until(&stop, &balancer, act))
        };
        let mut clients: Vec<_> = (0..READERS).map(|_| client(read_version)).collect();
        clients.push(client(submit_job));
        Self { stop, clients }
    }

    /// Ends the requests, each after its answer.
    pub fn finish(mut self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        let mut whole = Report::default();
        for client in self.clients.drain(..) {
            let report = client.join().unwrap();
            whole.requests += report.requests;
            whole.failures.extend(report.failures);
            whole.versions.extend(report.versions);
            whole.jobs.extend(report.jobs);
        }
        whole
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn request_until(
    stop: &AtomicBool,
    balancer: &str,
    act: fn(&ureq::Agent, &str, &mut Report) -> Result<(), ureq::Error>,
) -> Report {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(ANSWERS_WITHIN)).build().into();
    let mut report = Report::default();
    while !stop.load(Ordering::Relaxed) {
        report.requests += 1;
        if let Err(error) = act(&agent, balancer, &mut report) {
            report.failures.push(format!("request {}: {error}", report.requests));
        }
        std::thread::sleep(PACE);
    }
    report
}

fn read_version(agent: &ureq::Agent, balancer: &str, report: &mut Report) -> Result<(), ureq::Error> {
    let text = agent.get(format!("{balancer}/version")).call()?.body_mut().read_to_string()?;
    report.versions.insert(member(&text, "version"));
    Ok(())
}

fn submit_job(agent: &ureq::Agent, balancer: &str, report: &mut Report) -> Result<(), ureq::Error> {
    let text = agent
        .post(format!("{balancer}/submit-job"))
        .header("Content-Type", "application/json")
        .send(r#"{"kind": "sleep", "payload": {"milliseconds": 1}}"#)?
        .body_mut()
        .read_to_string()?;
    report.jobs.push(member(&text, "id"));
    Ok(())
}

fn member(text: &str, name: &str) -> String {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    answer[name].as_str().unwrap_or(text).to_owned()
}
