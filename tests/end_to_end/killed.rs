//! The real binary under SIGKILL, at any moment of rollouts with real processes: each rollout comes to its
//! end once, and nobody behind the load balancer notices.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::account::Account;
use super::operator::{Operator, reconciler, with_credentials};
use super::repository::{API, Repository};
use super::traffic::Traffic;
use super::wait_until;

/// `make kills` asks for more.
const KILLS: usize = 10;
/// Of those, so many fall into one rollout.
const KILLS_PER_ROLLOUT: usize = 10;
/// A process lives at most so long, from before its first call to after its last one.
const LIFE_MAX_MILLISECONDS: u64 = 1_500;

#[test]
fn killed_again_and_again_during_rollouts_it_converges_and_no_request_fails() {
    let kills = number("KILLS").unwrap_or(KILLS as u64) as usize;
    let mut random =
        number("SEED").unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
    println!("seed {random}");
    // The account's own operator has nothing to do: it is another process that is killed.
    let mut nothing = Repository::empty();
    let mut repository = Repository::of_the_job_system();
    nothing.write("manifests/environments/local.yaml", repository.text("manifests/environments/local.yaml"));
    nothing.commit("Nothing yet");
    let account = Account::start(&nothing);
    let home = tempfile::tempdir().unwrap();
    let path = repository.path().to_owned();
    let run = || {
        let mut command = reconciler(home.path());
        with_credentials(&mut command)
            .args(["run", "--environment", "local", "--poll", "200ms", "--resync", "1s"])
            .args(["--endpoint-url", &account.aws.endpoint, "--repository"])
            .arg(&path);
        Operator::start(&mut command)
    };

    repository.commit("Deploy the job system");
    let first = run();
    converges(&account, "28000", 1, &first);
    drop(first);
    let traffic = Traffic::start(&account.balancer);

    let rollouts = kills.div_ceil(KILLS_PER_ROLLOUT);
    for rollout in 1..=rollouts {
        let (before, after) = ((28_001 - rollout).to_string(), (28_000 - rollout).to_string());
        repository.edit(API, &format!("TIMEOUT_MS: {before}"), &format!("TIMEOUT_MS: {after}"));
        repository.commit("Change how long a shutdown may take");
        for _ in 0..KILLS_PER_ROLLOUT.min(kills - (rollout - 1) * KILLS_PER_ROLLOUT) {
            let mut operator = run();
            // The moment of the kill is what is random here; nothing is waited for.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(Duration::from_millis((random >> 33) % LIFE_MAX_MILLISECONDS));
            operator.kill();
        }
        let operator = run();
        converges(&account, &after, rollout + 1, &operator);
    }
    let report = traffic.finish();
    assert!(report.requests > 100, "too little traffic to prove anything: {}", report.requests);
    assert!(
        report.failures.is_empty(),
        "{} of {} requests failed:\n{}",
        report.failures.len(),
        report.requests,
        report.failures.join("\n")
    );
    println!("kills: {kills} in {rollouts} rollouts, {} requests, 0 failed", report.requests);
}

/// Waits until the newest content is deployed and the one before is gone, then looks at how it came about.
fn converges(account: &Account, timeout: &str, deployments: usize, operator: &Operator) {
    wait_until(&format!("the shutdown time-out is {timeout}"), || {
        let live = account.aws.service("job-api");
        let all = live["deployments"].as_array().cloned().unwrap_or_default();
        let done = all.len() == 1 && all[0]["rolloutState"] == "COMPLETED";
        done && live["runningCount"] == live["desiredCount"] && timeout_of(account, &live) == timeout
    });
    operator.wait_for_event(0, "it is told to be settled", |event| {
        event["event"] == "settled" && event["service"] == "job-api"
    });
    assert_eq!(account.aws.attempts("job-api"), (deployments, deployments), "{}", operator.told());
}

/// What the live service's containers are told.
fn timeout_of(account: &Account, live: &Value) -> String {
    let input = json!({"taskDefinition": live["taskDefinition"]});
    let found = account.aws.ecs("DescribeTaskDefinition", input);
    let environment = found["taskDefinition"]["containerDefinitions"][0]["environment"].clone();
    let variables = environment.as_array().cloned().unwrap_or_default();
    let variable = variables.iter().find(|variable| variable["name"] == "SHUTDOWN_TIMEOUT_MS");
    variable.and_then(|variable| variable["value"].as_str()).unwrap_or_default().to_owned()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
