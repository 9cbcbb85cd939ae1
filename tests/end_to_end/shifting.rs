//! A canary under traffic: real weights, a person who lets it go on, and nobody who notices.

use super::account::{Account, surrogate_for_this_build};
use super::repository::Repository;
use super::traffic::Traffic;
use super::wait_until;

/// How many of so many requests the new version answered.
fn answered_by(account: &Account, version: &str, requests: usize) -> usize {
    (0..requests).filter(|_| account.get("/version")["version"] == version).count()
}

fn has_hook_waiting(account: &Account) -> bool {
    let stalled = account.verb("status", &["-o", "json"]).json();
    let conditions = stalled["services"][0]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().any(|one| one["reason"] == "Paused")
}

#[test]
fn a_canary_has_its_share_of_the_traffic_until_a_person_lets_it_have_the_rest() {
    let mut repository = Repository::of_the_job_system();
    let first = repository.commit("Deploy the job system");
    let stands_in = surrogate_for_this_build();
    let paired = stands_in
        .replace("{name: job-api, port: 8080,", "{name: job-api, alternate: job-api-two, port: 8080,");
    assert_ne!(paired, stands_in);
    let account = Account::start_with(&repository, &paired);
    account.wait_until_settled("job-api", &first);
    let nothing = account.verb("continue", &["job-api"]);
    assert_eq!(nothing.code, Some(1));
    assert!(
        nothing.stderr.contains("job-api has no deployment under way: the last one ended"),
        "{nothing:?}"
    );

    let groups = account.aws.elb("Action=DescribeTargetGroups&Names.member.1=job-api-two", "TargetGroupArn");
    let listeners = account.aws.elb("Action=DescribeListeners", "ListenerArn");
    let rules = account.aws.elb(&format!("Action=DescribeRules&ListenerArn={}", listeners[0]), "RuleArn");
    repository.edit(
        "manifests/job-api.yaml",
        "containerName: api, containerPort: 8080}]",
        &format!(
            "containerName: api, containerPort: 8080, advancedConfiguration: {{alternateTargetGroupArn: '{}', \
             productionListenerRule: '{}', roleArn: 'arn:aws:iam::123456789012:role/shift'}}}}]",
            groups[0], rules[0]
        ),
    );
    repository.edit(
        "manifests/job-api.yaml",
        "      deploymentCircuitBreaker: {enable: true, rollback: true}\n",
        "      strategy: CANARY
      canaryConfiguration: {canaryPercent: 25, canaryBakeTimeInMinutes: 1}
      lifecycleHooks: [{targetType: PAUSE, lifecycleStages: [PRE_PRODUCTION_TRAFFIC_SHIFT]}]\n",
    );
    let traffic = Traffic::start(&account.balancer);
    let canary = repository.release("job-api", "1.1.0").commit("Release 1.1.0 as a canary");

    // It waits before the first step, and once more before the second one.
    wait_until("the canary waits for its first step", || has_hook_waiting(&account));
    assert_eq!(answered_by(&account, "1.1.0", 20), 0);
    let told = account.verb("continue", &["job-api"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.starts_with("job-api goes on at PRE_PRODUCTION_TRAFFIC_SHIFT ("), "{told:?}");
    wait_until("the canary has traffic", || answered_by(&account, "1.1.0", 20) > 0);
    wait_until("the canary waits for its second step", || has_hook_waiting(&account));
    // Of the requests of all clients together it is every fourth.
    let share = answered_by(&account, "1.1.0", 400);
    assert!((60..=140).contains(&share), "{share} of 400");
    let told = account.verb("continue", &["job-api", "-o", "json"]).json();
    assert_eq!(
        (&told["action"], &told["stage"]),
        (&"continue".into(), &"PRE_PRODUCTION_TRAFFIC_SHIFT".into())
    );
    account.wait_until_settled("job-api", &canary);

    assert_eq!(answered_by(&account, "1.1.0", 20), 20);
    let report = traffic.finish();
    assert!(report.requests > 100, "too little traffic to prove anything: {}", report.requests);
    assert!(report.failures.is_empty(), "{:?}", report.failures);
}
