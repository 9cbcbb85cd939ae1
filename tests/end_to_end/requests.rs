//! People's verbs as processes beside a running operator: suspended, taken back, tried again, done now.

use serde_json::{Value, json};

use super::account::Account;
use super::repository::Repository;

const STANDS_IN: &str = r#"
cluster: jobs
images:
  web: {command: sleep, args: ["600"], tags: ["1", "2"]}
targetGroups: [{name: web, port: 8080}]
"#;

const ENVIRONMENT: &str = "
apiVersion: reconciler/v1
kind: Environment
metadata: {name: local}
spec:
  account: '123456789012'
  region: eu-west-1
  cluster: jobs
  variables: {registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}
";

fn web(version: &str, more: &str) -> String {
    format!(
        "apiVersion: reconciler/v1
kind: Service
metadata: {{name: web}}
spec:
  taskDefinition:
    cpu: 256
    memory: 512
    networkMode: awsvpc
    requiresCompatibilities: [FARGATE]
    containerDefinitions: [{{name: web, image: '${{registry}}/web:{version}'}}]
  service:
    desiredCount: 1
    launchType: FARGATE
    networkConfiguration: {{awsvpcConfiguration: {{subnets: [subnet-0a1b2c3d4e5f60001]}}}}
    deploymentConfiguration: {{deploymentCircuitBreaker: {{enable: true, rollback: true}}}}
{more}"
    )
}

/// An operator that has deployed `web:1`.
fn settled() -> (Account, Repository) {
    let mut repository = Repository::empty();
    repository.write("manifests/environment.yaml", ENVIRONMENT);
    let first = repository.write("manifests/web.yaml", &web("1", "")).commit("Deploy");
    let account = Account::start_with(&repository, STANDS_IN);
    account.wait_until_settled("web", &first);
    (account, repository)
}

fn runs(account: &Account) -> String {
    let arn = account.aws.service("web")["taskDefinition"].as_str().unwrap().to_owned();
    arn.rsplit('/').next().unwrap().to_owned()
}

/// The first condition of this kind.
fn condition(account: &Account, kind: &str) -> Value {
    let status = account.verb("status", &["-o", "json"]).json();
    let conditions = status["services"][0]["conditions"].as_array().unwrap().clone();
    conditions.into_iter().find(|it| it["type"] == kind).unwrap_or_default()
}

#[test]
fn a_suspended_service_waits_until_it_is_resumed() {
    let (account, mut repository) = settled();
    let reason = "incident 4711: \"hands off\"";
    let suspended = account.verb("suspend", &["web", "--reason", reason, "--for", "2h"]);
    assert_eq!(suspended.code, Some(0), "{suspended:?}");
    assert!(suspended.stdout.starts_with("web is suspended until "), "{suspended:?}");
    let second = repository.write("manifests/web.yaml", &web("2", "")).commit("Update");
    let held = account.wait_until_held("web", &second);
    let why = held["reason"].as_str().unwrap();
    assert!(why.contains("incident 4711: hands off"), "{why}");
    assert_eq!(condition(&account, "Suspended")["status"], "True");
    let refused = account.verb("rollback", &["web", "--reason", "why"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("first: reconciler resume web"), "{refused:?}");

    let resumed = account.verb("resume", &["web", "-o", "json"]);
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert_eq!(resumed.json()["tag"], "reconciler/suspended");
    account.wait_until_settled("web", &second);
    assert_eq!(runs(&account), "web:2");
    assert_eq!(account.verb("resume", &["web"]).stderr, "error: `web` is not suspended\n");
}

#[test]
fn a_roll_back_by_hand_holds_what_git_asks_for_until_it_is_tried_again() {
    let (account, mut repository) = settled();
    let nowhere = account.verb("rollback", &["web", "--reason", "why"]);
    assert!(nowhere.stderr.contains("no revision of `web` but web:1 was seen completing"), "{nowhere:?}");
    let nothing = account.verb("retry", &["web"]);
    assert!(nothing.stderr.contains("nothing of `web` is held"), "{nothing:?}");
    let unknown = account.verb("retry", &["wbe"]);
    assert_eq!(unknown.stderr, "error: environment `local` has no service `wbe`\n  it has web\n");
    let second = repository.write("manifests/web.yaml", &web("2", "")).commit("Update");
    account.wait_until_settled("web", &second);

    let back = account.verb("rollback", &["web", "--reason", "checkout is broken", "--wait"]);
    assert_eq!(back.code, Some(0), "{back:?}");
    assert!(
        back.stdout.starts_with("web is to go back from web:2 to web:1, which completed on "),
        "{back:?}"
    );
    assert!(back.stdout.ends_with("the operator has heeded it\n"), "{back:?}");
    let held = account.wait_until_held("web", &second);
    assert!(held["reason"].as_str().unwrap().contains("checkout is broken"), "{held}");
    assert_eq!(runs(&account), "web:1");
    assert_eq!(condition(&account, "RolledBack")["reason"], "ByPerson");

    let mark = account.operator.mark();
    let again = account.verb("retry", &["web", "-o", "json", "--wait"]);
    assert_eq!((again.code, &again.json()["verb"]), (Some(0), &json!("retry")), "{again:?}");
    account.operator.wait_for_event(mark, "it is deployed again", |event| event["event"] == "settled");
    assert_eq!(runs(&account), "web:2");
}

#[test]
fn a_change_outside_its_window_goes_out_when_a_person_asks_for_it() {
    let (account, mut repository) = settled();
    // One day, long ago.
    let never = "  sync: {windows: [{kind: allow, dates: [2020-01-01], from: '00:00', duration: 1h, timeZone: UTC}]}\n";
    let second = repository.write("manifests/web.yaml", &web("2", never)).commit("Update");
    let held = account.wait_until_held("web", &second);
    assert!(held["reason"].as_str().unwrap().starts_with("outside its window"), "{held}");
    assert_eq!(runs(&account), "web:1");
    let synced = account.verb("sync", &["web", "--reason", "customers wait"]);
    assert_eq!(synced.code, Some(0), "{synced:?}");
    account.wait_until_settled("web", &second);
    assert_eq!(runs(&account), "web:2");
}
