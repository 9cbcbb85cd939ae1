//! A release goes out under traffic; a bad one goes back, is held, and nobody notices.

use serde_json::Value;

use super::account::{Account, surrogate_for_this_build};
use super::repository::{API, Repository};
use super::traffic::{Report, Traffic};

fn unharmed(report: &Report) {
    assert!(report.requests > 100, "too little traffic to prove anything: {}", report.requests);
    assert!(
        report.failures.is_empty(),
        "{} of {} requests failed:\n{}",
        report.failures.len(),
        report.requests,
        report.failures.join("\n")
    );
}

fn versions(report: &Report) -> Vec<&str> {
    report.versions.iter().map(String::as_str).collect()
}

/// One service of `status -o json`, and a condition of it.
fn service<'a>(status: &'a Value, name: &str) -> &'a Value {
    let services = status["services"].as_array().unwrap();
    services.iter().find(|service| service["service"] == name).unwrap()
}

fn condition(service: &Value, kind: &str) -> Option<String> {
    let conditions = service["conditions"].as_array().unwrap();
    let condition = conditions.iter().find(|condition| condition["type"] == kind)?;
    condition["status"].as_str().map(str::to_owned)
}

#[test]
fn a_release_goes_out_without_a_failed_request() {
    let mut repository = Repository::of_the_job_system();
    let first = repository.commit("Deploy the job system");
    let account = Account::with_healthy_services(&repository, &first);
    let traffic = Traffic::start(&account.balancer);

    let release = repository.release("job-api", "1.1.0").commit("Release 1.1.0");
    account.wait_until_settled("job-api", &release);

    assert_eq!(account.get("/version")["version"], "1.1.0");
    let report = traffic.finish();
    unharmed(&report);
    assert_eq!(versions(&report), ["1.0.0", "1.1.0"]);
    assert_eq!(account.aws.attempts("job-api"), (2, 2));
}

/// Commits a bad version under traffic and waits until it is held. Then: nobody noticed, nothing is
/// tried again, and `status` says what and why.
fn a_bad_version(environment: &str) -> (Repository, Account, Value, String) {
    let mut repository = Repository::of_the_job_system();
    let first = repository.commit("Deploy the job system");
    let account = Account::with_healthy_services(&repository, &first);
    let traffic = Traffic::start(&account.balancer);

    let bad = repository
        .edit(API, "LOG_LEVEL: info", &format!("LOG_LEVEL: info\n          {environment}"))
        .commit("Break it");
    let held = account.wait_until_held("job-api", &bad);
    let attempts = account.aws.attempts("job-api");
    account.wait_for_resyncs(3);
    assert_eq!(account.aws.attempts("job-api"), attempts, "{}", account.operator.told());
    assert_eq!(attempts.0, 2, "one revision for each commit");

    let report = traffic.finish();
    unharmed(&report);
    assert_eq!(versions(&report), ["1.0.0"]);

    let status = account.verb("status", &["-o", "json"]);
    assert_eq!((status.code, status.stderr.as_str()), (Some(0), ""));
    let status = status.json();
    let api = service(&status, "job-api").clone();
    assert_eq!(condition(&api, "RolledBack").as_deref(), Some("True"), "{api:#}");
    assert_eq!(condition(&api, "Healthy").as_deref(), Some("True"), "{api:#}");
    assert_eq!(condition(&api, "Ready").as_deref(), Some("False"), "{api:#}");
    assert_eq!(api["quarantine"]["digest"], held["digest"]);
    assert_eq!(api["quarantine"]["revision"], bad.as_str());
    assert_ne!(api["lastGood"]["digest"], held["digest"]);
    assert_eq!(condition(service(&status, "job-worker"), "Ready").as_deref(), Some("True"));

    let plan = account.verb("plan", &["--detailed-exitcode", "-o", "json"]);
    assert_eq!(plan.code, Some(3), "{plan:?}");
    assert_eq!(plan.json()["held"][0]["reason"], "Quarantined");

    let text = account.verb("status", &[]);
    assert_eq!(text.code, Some(0), "{text:?}");
    let rolled_back = text.stdout.lines().find(|line| line.contains("RolledBack")).unwrap_or_default();
    let digest = held["digest"].as_str().unwrap();
    assert!(rolled_back.contains("job-api") && rolled_back.contains(&digest[..4]), "{}", text.stdout);
    (repository, account, api["quarantine"].clone(), text.stdout)
}

fn the_fix_goes_out(repository: &mut Repository, account: &Account, environment: &str) {
    let fix = repository
        .edit(API, &format!("\n          {environment}"), "")
        .release("job-api", "1.1.0")
        .commit("Fix it");
    account.wait_until_settled("job-api", &fix);
    assert_eq!(account.get("/version")["version"], "1.1.0");
    let status = account.verb("status", &["-o", "json"]).json();
    let api = service(&status, "job-api");
    assert_eq!(api["quarantine"], Value::Null);
    assert_eq!(condition(api, "RolledBack"), None, "{api:#}");
}

#[test]
fn a_version_that_crashes_at_start_is_rolled_back_and_held_until_the_fix() {
    let crashes = "FAIL_AT_START: no coffee";
    let (mut repository, account, quarantine, status) = a_bad_version(crashes);
    assert_eq!(quarantine["exitCode"], 1, "{quarantine:#}");
    assert_eq!(quarantine["lastLine"], "no coffee", "{quarantine:#}");
    assert!(status.contains("no coffee") && status.contains("exited 1"), "{status}");
    the_fix_goes_out(&mut repository, &account, crashes);
}

#[test]
fn a_version_whose_health_check_fails_is_rolled_back_and_held_until_the_fix() {
    let unhealthy = "HEALTH: failing";
    let (mut repository, account, quarantine, status) = a_bad_version(unhealthy);
    let cause = quarantine["likelyCause"].as_str().unwrap();
    assert!(cause.contains("health check answers 500 (target group job-api)"), "{quarantine:#}");
    assert!(status.contains("health check answers 500"), "{status}");
    the_fix_goes_out(&mut repository, &account, unhealthy);
}

#[test]
fn a_version_that_starts_and_answers_500_is_refused_by_its_gate_and_nobody_notices() {
    let mut repository = Repository::of_the_job_system();
    let first = repository.commit("Deploy the job system");
    // A load balancer that looks elsewhere finds nothing wrong with it.
    let stands_in = surrogate_for_this_build();
    let looks_elsewhere = stands_in.replace("healthCheckPath: /api/health", "healthCheckPath: /version");
    assert_ne!(looks_elsewhere, stands_in);
    let account = Account::start_with(&repository, &looks_elsewhere);
    account.wait_until_settled("job-api", &first);
    let traffic = Traffic::start(&account.balancer);

    let gates = format!(
        "  rollout:
    gates:
      - targetHealth: {{minimumHealthyTime: 2s}}
      - http: {{url: '{}/api/health', every: 5s, for: 10s, failures: 2}}\n",
        account.balancer
    );
    let unhealthy = "\n          HEALTH: failing";
    let bad = repository
        .edit(API, "  rollout:\n", &gates)
        .edit(API, "LOG_LEVEL: info", &format!("LOG_LEVEL: info{unhealthy}"))
        .commit("Break it, and ask for a gate");
    let plan = account.verb("plan", &[]);
    assert!(plan.stdout.contains("    judged by: targets healthy for 2 s, GET http"), "{}", plan.stdout);
    account.operator.wait_for_event(0, "its gate refuses it", |event| {
        event["event"] == "report" && event["service"] == "job-api" && event["revision"] == bad
    });
    let attempts = account.aws.attempts("job-api");
    account.wait_until_held("job-api", &bad);
    assert_eq!(account.aws.attempts("job-api"), attempts);
    unharmed(&traffic.finish());

    let status = account.verb("status", &[]).stdout;
    for text in
        ["RolledBack", "/api/health: status 500, and 200 is wanted", "HTTP check", "reconciler retry job-api"]
    {
        assert!(status.contains(text), "{text} is missing:\n{status}");
    }
    let fix = repository.edit(API, unhealthy, "").release("job-api", "1.1.0").commit("Fix it");
    account.wait_until_settled("job-api", &fix);
    assert_eq!(account.get("/version")["version"], "1.1.0");
}
