//! No job is lost while the worker that does it is replaced.

use serde_json::json;

use super::account::Account;
use super::repository::Repository;
use super::wait_until;

#[test]
fn a_job_is_completed_once_while_its_worker_is_replaced() {
    let mut repository = Repository::of_the_job_system();
    let first = repository.commit("Deploy the job system");
    let account = Account::with_healthy_services(&repository, &first);

    // Long enough that the old worker is told to stop in the middle of it.
    let long = account.submit_job(20_000);
    account.wait_for_job(&long, "RUNNING");
    let queued: Vec<String> = (0..10).map(|_| account.submit_job(20)).collect();
    let release = repository.release("job-worker", "1.1.0").commit("Release 1.1.0");
    let stopping = json!({"cluster": "jobs", "serviceName": "job-worker", "desiredStatus": "STOPPED"});
    wait_until("the old worker is told to stop", || {
        !account.aws.ecs("ListTasks", stopping.clone())["taskArns"].as_array().unwrap().is_empty()
    });
    assert_eq!(account.get(&format!("/jobs/{long}"))["status"], "RUNNING");

    for id in &queued {
        assert_eq!(account.wait_for_job(id, "COMPLETED")["attempts"], 1);
    }
    let done = account.wait_for_job(&long, "COMPLETED");
    assert_eq!(done["attempts"], 1, "the worker that began it ended it: {done}");
    account.wait_until_settled("job-worker", &release);
    assert!(account.aws.service("job-worker")["taskDefinition"].as_str().unwrap().ends_with("job-worker:2"));
}
