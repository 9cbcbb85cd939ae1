//! No job is lost while the worker that does it is replaced.

use std::time::Instant;

use serde_json::{Value, json};

use super::PATIENCE;
use super::account::Account;
use super::repository::{Repository, WORKER};

fn submit(account: &Account, milliseconds: u64) -> String {
    let body = json!({"kind": "sleep", "payload": {"milliseconds": milliseconds}}).to_string();
    let text = ureq::post(format!("{}/submit-job", account.balancer))
        .header("Content-Type", "application/json")
        .send(body)
        .and_then(|mut answer| answer.body_mut().read_to_string())
        .unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer["id"].as_str().unwrap().to_owned()
}

fn wait_for_job(account: &Account, id: &str, status: &str) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let job = account.get(&format!("/jobs/{id}"));
        if job["status"] == status {
            return job;
        }
        assert_ne!(job["status"], "FAILED", "{job}");
        assert!(Instant::now() < deadline, "job {id} is not {status}: {job}\n{}", account.operator.told());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_job_is_completed_once_while_its_worker_is_replaced() {
    let mut repository = Repository::of_the_job_system();
    let first = repository.commit("Deploy the job system");
    let account = Account::with_healthy_services(&repository, &first);

    // Long enough that the old worker is told to stop in the middle of it.
    let long = submit(&account, 12_000);
    wait_for_job(&account, &long, "RUNNING");
    let queued: Vec<String> = (0..10).map(|_| submit(&account, 20)).collect();
    let release = repository.edit(WORKER, "job-worker:1.0.0", "job-worker:1.1.0").commit("Release 1.1.0");
    account.operator.wait_for_event(0, "the new worker rolls out", |event| {
        event["event"] == "update" && event["revision"] == release.as_str()
    });
    assert_eq!(account.get(&format!("/jobs/{long}"))["status"], "RUNNING");

    for id in &queued {
        assert_eq!(wait_for_job(&account, id, "COMPLETED")["attempts"], 1);
    }
    let done = wait_for_job(&account, &long, "COMPLETED");
    assert_eq!(done["attempts"], 1, "the worker that began it ended it: {done}");
    account.wait_until_settled("job-worker", &release);
    assert!(account.aws.service("job-worker")["taskDefinition"].as_str().unwrap().ends_with("job-worker:2"));
}
