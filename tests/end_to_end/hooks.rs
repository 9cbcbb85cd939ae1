//! Hooks as real processes, and an operator that is killed while one runs.

use std::path::Path;

use serde_json::{Value, json};

use super::account::{Account, Aws};
use super::repository::Repository;
use super::served::{Installation, Served, repository_of, wait_until_settled};

/// A service that sleeps, and a script for its hooks: it says what it does, writes it down where the test
/// finds it, and ends as it is told.
const STANDS_IN: &str = r#"
cluster: jobs
images:
  web: {command: sleep, args: ["600"], tags: ["1", "2"]}
  script:
    command: sh
    args: ["-c", 'echo "$STEP for version $VERSION"; echo "$STEP $VERSION" >> "$RECORD"; exit $CODE']
    tags: ["1"]
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

fn hook(name: &str, version: u32, code: u32, record: &Path) -> String {
    format!(
        "      - name: {name}
        taskDefinition:
          cpu: 256
          memory: 512
          networkMode: awsvpc
          executionRoleArn: arn:aws:iam::123456789012:role/execution
          containerDefinitions:
            - name: {name}
              image: ${{registry}}/script:1
              environment: {{STEP: {name}, VERSION: {version}, CODE: {code}, RECORD: '{}'}}
              logConfiguration:
                logDriver: awslogs
                options: {{awslogs-group: /jobs, awslogs-region: eu-west-1, awslogs-stream-prefix: hooks}}
",
        record.display()
    )
}

fn manifest(version: u32, migration_exits: u32, record: &Path) -> String {
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
  rollout:
    before:
{}    after:
{}",
        hook("migrate", version, migration_exits, record),
        hook("smoke", version, 0, record)
    )
}

fn runs(aws: &Aws) -> String {
    let arn = aws.service("web")["taskDefinition"].as_str().unwrap().to_owned();
    arn.rsplit('/').next().unwrap().to_owned()
}

#[test]
fn a_migration_and_a_smoke_test_run_as_processes_around_a_deployment() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let recorded = || std::fs::read_to_string(&record).unwrap_or_default();
    let mut repository = Repository::empty();
    repository.write("manifests/environment.yaml", ENVIRONMENT);
    let first = repository.write("manifests/web.yaml", &manifest(1, 0, &record)).commit("Deploy");
    let account = Account::start_with(&repository, STANDS_IN);
    account.wait_until_settled("web", &first);
    assert_eq!(recorded(), "migrate 1\nsmoke 1\n", "{}", account.operator.told());
    let hooks: Vec<Value> =
        account.operator.events(0).into_iter().filter(|event| event["event"] == "hook").collect();
    assert_eq!(hooks.len(), 4, "each started and succeeded: {hooks:?}");

    let bad = repository.write("manifests/web.yaml", &manifest(2, 3, &record)).commit("Migrate badly");
    let held = account.wait_until_held("web", &bad);
    let why = held["reason"].as_str().unwrap();
    assert!(why.contains("container migrate exited 3; its last words: \"migrate for version 2\""), "{why}");
    assert_eq!(recorded(), "migrate 1\nsmoke 1\nmigrate 2\n");
    assert_eq!(runs(&account.aws), "web:1", "nothing was deployed");
    let status = account.verb("status", &["-o", "json"]).json();
    let quarantine = &status["services"][0]["quarantine"];
    assert_eq!((&quarantine["hook"], &quarantine["exitCode"]), (&json!("migrate"), &json!(3)), "{status:#}");
    assert_eq!(quarantine["lastWords"], json!(["migrate for version 2"]));

    let good = repository.write("manifests/web.yaml", &manifest(2, 0, &record)).commit("Migrate well");
    account.wait_until_settled("web", &good);
    assert_eq!(recorded(), "migrate 1\nsmoke 1\nmigrate 2\nmigrate 2\nsmoke 2\n");
    assert_eq!(runs(&account.aws), "web:2");
}

/// How many tasks of hooks there are and were.
fn hook_tasks(aws: &Aws) -> usize {
    let listed = |status: &str| {
        let input = json!({"cluster": "jobs", "family": "web-migrate", "desiredStatus": status});
        aws.ecs("ListTasks", input)["taskArns"].as_array().unwrap().len()
    };
    listed("RUNNING") + listed("STOPPED")
}

#[test]
fn an_operator_that_is_killed_while_a_hook_runs_goes_on_with_it_and_starts_no_other() {
    let served = Served::start();
    let (mut repository, first) = repository_of("1");
    let installation = Installation::new(&repository, &served);
    let mut operator = installation.run();
    wait_until_settled(&operator, &first);

    let migrate = "  rollout:
    before:
      - name: migrate
        taskDefinition:
          cpu: 256
          memory: 512
          networkMode: awsvpc
          containerDefinitions: [{name: migrate, image: 'migrate-once:1'}]
";
    let manifest = crate::world::service_with("web", "app:2", migrate);
    let second = repository.write("manifests/web.yaml", &manifest).commit("Migrate");
    // Right after the call, then while the task runs, then when it is long over.
    served.wait_for_count("RunTask", 1);
    operator.kill();
    let mut operator = installation.run();
    operator.wait_for_event(0, "the newest commit is taken", |event| {
        event["event"] == "commit" && event["revision"] == second.as_str()
    });
    operator.kill();
    let operator = installation.run();
    wait_until_settled(&operator, &second);
    assert_eq!(hook_tasks(&served.aws()), 1, "{}", operator.told());
    assert_eq!(served.aws().attempts("web").1, 2, "{}", operator.told());
}
