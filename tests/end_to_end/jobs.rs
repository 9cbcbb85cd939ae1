//! No job is lost while the worker that does it is replaced.

use serde_json::json;

use super::account::{Account, surrogate_that_scales};
use super::repository::Repository;
use super::wait_until;

#[test]
fn a_job_is_completed_once_while_its_worker_is_replaced() {
    let mut repository = Repository::of_the_job_system();
    let first = repository.commit("Deploy the job system");
    let account = Account::with_healthy_services(&repository, &first);

    // Long enough that the new worker is there in the middle of it.
    let long = account.submit_job(30_000);
    account.wait_for_job(&long, "RUNNING");
    let queued: Vec<String> = (0..10).map(|_| account.submit_job(20)).collect();
    let release = repository.release("job-worker", "1.1.0").commit("Release 1.1.0");
    let workers = |status: &str| {
        let wanted = json!({"cluster": "jobs", "serviceName": "job-worker", "desiredStatus": status});
        account.aws.ecs("ListTasks", wanted)["taskArns"].as_array().unwrap().len()
    };
    wait_until("the new worker is there", || workers("RUNNING") == 2);
    // The old one protects itself while it has the job in hand.
    let stopping = workers("STOPPED");
    assert_eq!(account.get(&format!("/jobs/{long}"))["status"], "RUNNING");
    assert_eq!(stopping, 0);

    for id in &queued {
        assert_eq!(account.wait_for_job(id, "COMPLETED")["attempts"], 1);
    }
    let done = account.wait_for_job(&long, "COMPLETED");
    assert_eq!(done["attempts"], 1, "the worker that began it ended it: {done}");
    account.wait_until_settled("job-worker", &release);
    assert!(account.aws.service("job-worker")["taskDefinition"].as_str().unwrap().ends_with("job-worker:2"));
}

#[test]
fn a_hundred_jobs_bring_workers_and_an_empty_queue_takes_them_away_without_losing_one() {
    let repository = Repository::of_the_job_system();
    let first = repository.commit("Deploy the job system");
    let account = Account::start_with(&repository, &surrogate_that_scales());
    account.wait_until_settled("job-api", &first);
    account.wait_until_settled("job-worker", &first);

    let jobs: Vec<String> = (0..100).map(|_| account.submit_job(2_000)).collect();
    let count = || account.aws.service("job-worker")["desiredCount"].as_u64().unwrap();
    wait_until("there are more workers", || count() > 1);
    for job in &jobs {
        // None was begun twice: whoever was taken away had nothing in hand.
        assert_eq!(account.wait_for_job(job, "COMPLETED")["attempts"], 1);
    }
    wait_until("one worker is left", || count() == 1);
    // None of it was the operator's doing, and none of it drift to it.
    let told = account.operator.events(0);
    let moved = |event: &serde_json::Value| event["event"] == "drift" && event["service"] == "job-worker";
    assert!(!told.iter().any(moved), "{told:?}");
}
