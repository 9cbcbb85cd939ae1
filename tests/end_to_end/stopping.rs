//! It ends when it is told to, goes on after a crash, and is the only one who acts.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use simulator::faults::Fault;

use super::account::Account;
use super::operator::{Operator, STOPS_WITHIN, finish};
use super::repository::Repository;
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
    let release = repository.release("job-api", "1.1.0").commit("Release 1.1.0");
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

/// An endpoint that takes connections and never answers.
fn silence() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

#[test]
fn a_verb_that_only_looks_ends_at_once_when_it_is_told_to() {
    let served = Served::start();
    let (repository, _) = repository_of("1");
    let mut installation = Installation::new(&repository, &served);
    for verb in ["plan", "status", "apply"] {
        let (listener, endpoint) = silence();
        installation.endpoint = endpoint;
        let mut operator = Operator::start(&mut installation.verb(verb));
        // It asks who it is, and would do so for 30 s.
        let _connection = listener.accept().unwrap();
        let asked = Instant::now();
        operator.terminate();
        assert_eq!(operator.wait_for_end().code(), Some(1), "{}", operator.told());
        assert!(asked.elapsed() < Duration::from_secs(5), "{verb} took {:?}", asked.elapsed());
        assert!(operator.told().ends_with("error: stopped\n"), "{}", operator.told());
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let served = Served::start();
    let (repository, _) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    // The loop's own first call, which gets time to end.
    served.simulator.set_fault(Box::new(|site| match site.operation.as_str() {
        "DescribeServices" => Fault::NeverAnswer,
        _ => Fault::None,
    }));
    let mut operator = Operator::start(&mut installation.verb("apply"));
    served.wait_for_count("DescribeServices", 1);
    let asked = Instant::now();
    assert_eq!(operator.terminate_until_it_ends().code(), Some(128 + 15), "{}", operator.told());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[test]
fn apply_gives_up_after_its_time_and_says_what_is_not_at_rest() {
    let served = Served::start();
    let (mut repository, _) = repository_of("1");
    repository.edit("manifests/web.yaml", "app:1", "app:unhealthy-slow").commit("Never healthy");
    let installation = Installation::new(&repository, &served);
    let finished = finish(installation.verb("apply").args(["--timeout", "4s"]));
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let told = "error: not at rest after 4 s (`--timeout`): 0 settled, 0 held, 1 still under way\n  web: ";
    assert!(finished.stderr.contains(told), "{finished:?}");
}

#[test]
fn a_reader_of_its_journal_that_goes_away_does_not_end_the_work() {
    let served = Served::start();
    let (repository, _) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    let mut command = installation.verb("apply");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(served.aws().service("web")["runningCount"], 2);
}
