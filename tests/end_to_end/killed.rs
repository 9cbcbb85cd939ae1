//! The real binary under SIGKILL, at any moment of rollouts with real processes: each rollout comes to its
//! end once, and nobody behind the load balancer notices.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::account::Account;
use super::operator::{Operator, reconciler, with_credentials};
use super::repository::{API, Repository};
use super::traffic::Traffic;
use super::{PATIENCE, wait_within};

/// `make kills` asks for more.
const KILLS: usize = 10;
/// Of those, so many fall into one rollout.
const KILLS_PER_ROLLOUT: usize = 10;
/// A process is killed after so many lines of its journal, from before its first call to after its last one:
/// a time alone would end each life at its beginning on a machine that is busy.
const LINES_MAX: u64 = 10;
/// When no more is told for so long.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// And so long after the line, so that it falls between two calls or into one.
const AFTER_MAX_MILLISECONDS: u64 = 60;

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

    let mut left = [("intent", 0), ("hook", 0), ("rollout", 0)];
    let rollouts = kills.div_ceil(KILLS_PER_ROLLOUT);
    for rollout in 1..=rollouts {
        let (before, after) = ((28_001 - rollout).to_string(), (28_000 - rollout).to_string());
        repository.edit(API, &format!("TIMEOUT_MS: {before}"), &format!("TIMEOUT_MS: {after}"));
        repository.commit("Change how long a shutdown may take");
        for _ in 0..KILLS_PER_ROLLOUT.min(kills - (rollout - 1) * KILLS_PER_ROLLOUT) {
            let mut operator = run();
            // The moment of the kill is what is random here; nothing is waited for.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            operator.wait_for_lines((random >> 33) % LINES_MAX, SILENCE_MAX);
            std::thread::sleep(Duration::from_millis((random >> 40) % AFTER_MAX_MILLISECONDS));
            operator.kill();
            for (what, times) in &mut left {
                *times += usize::from(was_open(home.path(), what));
            }
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
    let [intents, hooks, watched] = left.map(|(_, times)| times);
    println!(
        "kills: {kills} in {rollouts} rollouts, {intents} with a call open, {hooks} with a hook, {watched} with a \
         deployment; {} requests, 0 failed",
        report.requests
    );
    assert!(intents + hooks + watched > kills / 10, "hardly any kill came while there was something to lose");
}

/// Whether the one that was killed left something of this kind unfinished in its ledger.
fn was_open(home: &Path, what: &str) -> bool {
    let ledger = std::fs::read_to_string(home.join("state/local.ledger.json")).unwrap_or_default();
    let newest = ledger.lines().rfind(|line| line.contains("\"service\":\"job-api\""));
    let change: Value = newest.and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    !change["record"][what].is_null()
}

/// Waits until the newest content is deployed and the one before is gone, then looks at how it came about.
fn converges(account: &Account, timeout: &str, deployments: usize, operator: &Operator) {
    // A kill between an intent and its call may leave a call that has to be waited for.
    let patience = PATIENCE + reconciler::model::UNANSWERED_FOR;
    wait_within(patience, &format!("the shutdown time-out is {timeout}"), || {
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
