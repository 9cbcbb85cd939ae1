//! It ends when it is told to, goes on after a crash, and is the only one who acts.

use std::time::Instant;

use super::account::Account;
use super::operator::{Operator, STOPS_WITHIN, finish};
use super::repository::{API, Repository};
use super::served::{Installation, Served, repository_of, wait_until_settled};

fn stops_cleanly(operator: &mut Operator) {
    let asked = Instant::now();
    operator.terminate();
    let status = operator.wait_for_end();
    let took = asked.elapsed();
    assert_eq!(status.code(), Some(0), "{}", operator.told());
    assert!(took < STOPS_WITHIN, "it took {took:?}\n{}", operator.told());
    let last = operator.events(0).pop().unwrap();
    assert_eq!(last["event"], "stop", "{}", operator.told());
}

#[test]
fn local_ends_within_ten_seconds_of_sigterm_also_during_a_rollout() {
    let mut repository = Repository::of_the_job_system();
    let first = repository.commit("Deploy the job system");
    let mut account = Account::with_healthy_services(&repository, &first);
    // A worker that would finish its job first is no reason to stay, either.
    let job = account.submit_job(120_000);
    account.wait_for_job(&job, "RUNNING");
    let release = repository.edit(API, "job-api:1.0.0", "job-api:1.1.0").commit("Release 1.1.0");
    account.operator.wait_for_event(0, "the rollout begins", |event| {
        event["event"] == "update" && event["revision"] == release.as_str()
    });
    stops_cleanly(&mut account.operator);
}

#[test]
fn run_ends_within_ten_seconds_of_sigterm_and_goes_on_with_the_rollout_later() {
    let served = Served::start();
    let (mut repository, first) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    let mut operator = installation.run();
    wait_until_settled(&operator, &first);
    let second = repository.edit("manifests/web.yaml", "app:1", "app:2").commit("Release 2");
    operator.wait_for_event(0, "the rollout begins", |event| {
        event["event"] == "update" && event["revision"] == second.as_str()
    });
    stops_cleanly(&mut operator);
    wait_until_settled(&installation.run(), &second);
    assert_eq!(served.aws().attempts("web"), (2, 2));
}

#[test]
fn a_killed_run_goes_on_where_it_was_without_a_second_revision() {
    let served = Served::start();
    let (mut repository, first) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    let mut operator = installation.run();
    wait_until_settled(&operator, &first);

    // In the middle of one rollout, then right after the first call of another one.
    let second = repository.edit("manifests/web.yaml", "app:1", "app:2").commit("Release 2");
    operator.wait_for_event(0, "the rollout begins", |event| {
        event["event"] == "update" && event["revision"] == second.as_str()
    });
    operator.kill();
    let mut operator = installation.run();
    wait_until_settled(&operator, &second);
    assert_eq!(served.aws().attempts("web"), (2, 2), "{}", operator.told());

    let third = repository.edit("manifests/web.yaml", "app:2", "app:3").commit("Release 3");
    served.wait_for_count("RegisterTaskDefinition", 3);
    operator.kill();
    let operator = installation.run();
    wait_until_settled(&operator, &third);
    assert_eq!(served.aws().attempts("web"), (3, 3), "{}", operator.told());
    assert_eq!(served.aws().service("web")["deployments"].as_array().unwrap().len(), 1);
}

#[test]
fn apply_refuses_while_run_holds_the_ledger() {
    let served = Served::start();
    let (repository, first) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    let operator = installation.run();
    wait_until_settled(&operator, &first);
    let mutations = served.mutations();

    let refused = finish(&mut installation.verb("apply"));
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.contains(&format!("process {}", operator.pid())), "{}", refused.stderr);
    assert_eq!(refused.stderr.lines().filter(|line| line.starts_with("error:")).count(), 1);
    assert_eq!(served.mutations(), mutations);
    assert_eq!(finish(&mut installation.verb("plan")).code, Some(0), "plan needs no ledger of its own");
}
