//! A whole life with a secret wherever one can stand. What it says is searched by the world it lives in.

use std::time::Duration;

use reconciler::aws::Inspector;
use reconciler::plan::Explain;
use reconciler::report::{Colour, PlanTextOptions, plan_json_explained, plan_text};
use serde_json::json;
use simulator::runtime::scripted::{Exit, Script};

use crate::world::canary::{nothing_leaked, planted, search};
use crate::world::{Memory, World};

const MINUTE: Duration = Duration::from_secs(60);

/// What Git says of a service besides its task definition stands in the ledger as it is, tags included: a
/// roll-back puts it back. It is not told, either.
const IN_THE_LEDGER: &str = "t4g";

/// With secrets in variables, in URLs, in a command, in a log driver's options, in labels and in tags.
fn secretive(image: &str, secret: &str, again: &str) -> String {
    let of = |source: &str| format!("{}{again}", planted(source));
    format!(
        "apiVersion: reconciler/v1
kind: Service
metadata: {{name: api}}
spec:
  taskDefinition:
    executionRoleArn: arn:aws:iam::123456789012:role/job-execution
    cpu: 256
    memory: 512
    networkMode: awsvpc
    requiresCompatibilities: [FARGATE]
    tags: [{{key: db-password, value: {tag}}}]
    containerDefinitions:
      - name: app
        image: {image}
        command: [serve, '--admin-token={option}']
        dockerLabels: {{api-key: {label}}}
        environment: {{LOG_LEVEL: info, DATABASE_PASSWORD: {variable}, DATABASE_URL: 'postgres://api:{login}@db/jobs'}}
        secrets: {{TOKEN: '{secret}', KEY: /planted}}
        logConfiguration:
          logDriver: awslogs
          options: {{awslogs-group: /jobs/api, awslogs-region: eu-west-1, awslogs-stream-prefix: api}}
  service:
    desiredCount: 2
    launchType: FARGATE
    tags: [{{key: db-password, value: {IN_THE_LEDGER}{again}}}]
    networkConfiguration:
      awsvpcConfiguration: {{subnets: [subnet-1], securityGroups: [sg-1]}}
    deploymentConfiguration:
      deploymentCircuitBreaker: {{enable: true, rollback: true}}
  rollout:
    before:
      - name: migrate
        overrides: {{containerOverrides: [{{name: app, command: [migrate, '--password', {option}]}}]}}
  sync: {{secrets: roll}}
",
        tag = of("a-tag"),
        option = of("a-command"),
        label = of("a-label"),
        variable = of("a-variable"),
        login = of("a-url"),
    )
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_told_in_a_whole_life_whatever_goes_wrong() {
    let mut world = World::new().await;
    let secret = world.secret("jobs/token");
    let group = json!({"logGroupName": "/jobs/api"});
    world.set_up(|account, runtime| simulator::logs::call(account, runtime, "CreateLogGroup", &group));
    let words =
        format!("login failed: password={} for postgres://api:{}@db", planted("a-log"), planted("a-log"));
    let crash = Exit { after: Duration::from_secs(1), code: 1, reason: None, last_line: words };
    world.runtime.set_script("app:bad", Script { exits: Some(crash), ..Script::default() });

    let first = world.commit(&[secretive("app:1", &secret, "")]);
    let options =
        |now| PlanTextOptions { colour: Colour::Plain, explain: Explain::QuietFields, now, width: None };
    // `plan` before, for whoever has no ledger.
    world.plan(&first, Memory::Nothing).await;
    world.settle(&first).await;
    assert_eq!(world.runs("api").await, "api:1", "{}", world.told());
    // Each value is another one now.
    let second = world.commit(&[secretive("app:1", &secret, "-again")]);
    let plan = world.plan(&second, Memory::Ledger).await;
    assert!(plan_text(&plan, &second, &options(plan.read_at)).contains("not shown"));
    assert!(!plan_text(&plan, &second, &options(plan.read_at)).contains(IN_THE_LEDGER));
    assert!(!plan_json_explained(&plan).to_string().contains(IN_THE_LEDGER));
    world.settle(&second).await;
    assert_eq!(world.runs("api").await, "api:2", "{}", world.told());
    // Somebody changes it by hand, and rotates the secret.
    world.tag("api", "db-password", &planted("a-foreign-tag")).await;
    world.tag("api", "their-token", &planted("a-foreign-tag")).await;
    let definition = world.ecs("DescribeTaskDefinition", json!({"taskDefinition": "api:2"})).await;
    let mut theirs = definition["taskDefinition"].clone();
    theirs["containerDefinitions"][0]["environment"][0]["value"] = planted("a-hand").into();
    let members =
        ["family", "containerDefinitions", "cpu", "memory", "networkMode", "requiresCompatibilities"];
    let mut input = json!({"executionRoleArn": theirs["executionRoleArn"]});
    members.iter().for_each(|member| input[*member] = theirs[*member].clone());
    let made = world.ecs("RegisterTaskDefinition", input).await;
    let arn = &made["taskDefinition"]["taskDefinitionArn"];
    assert!(arn.is_string(), "{made}");
    world.ecs("UpdateService", json!({"cluster": "jobs", "service": "api", "taskDefinition": arn})).await;
    let rotated = json!({"SecretId": "jobs/token", "SecretString": planted("a-rotation")});
    world.set_up(|account, runtime| simulator::secrets::call(account, runtime, "PutSecretValue", &rotated));
    tokio::time::sleep(2 * MINUTE).await;
    world.plan(&second, Memory::Ledger).await;
    world.plan(&second, Memory::Nothing).await;
    world.settle(&second).await;
    // A deployment that fails, with its last words.
    let bad = world.commit(&[secretive("app:bad", &secret, "-bad")]);
    let operator = world.operator().await;
    world.run_for(&operator, &bad, 10 * MINUTE).await;
    assert!(world.told().contains("password=***"), "{}", world.told());
    world.plan(&bad, Memory::Ledger).await;
    world.status(&bad).await;
    world.plan(&bad, Memory::Nothing).await;
    // What AWS refuses quotes what it was sent.
    world.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "api:2"})).await;
    assert!(!world.told().contains(IN_THE_LEDGER), "{}", world.told());
    // One that is misspelt is quoted with its line.
    let wrong = secretive("app:1", &secret, "").replace("desiredCount: 2", "desiredCout: 2");
    let refused = world.load(&[wrong]).unwrap_err();
    search("diagnostics", &refused.to_string());
    // The actions that `plan` and `run` have bring no value; `verify` reads one and keeps none of it.
    assert!(Inspector::ACTIONS.contains(&"secretsmanager:GetSecretValue"));
    nothing_leaked();
}
