//! Hooks of a rollout: what they become, and what makes them others.

use std::time::Duration;

use serde_json::json;

use super::{ENVIRONMENT, checkout, only};
use crate::manifest::load;
use crate::model::{Desired, Hook, HookDefinition, HookStage};
use crate::shape::api::Api;

const WITH_HOOKS: &str = "\
apiVersion: reconciler/v1
kind: Service
metadata: {name: job-api}
spec:
  taskDefinition:
    cpu: 256
    memory: 512
    networkMode: awsvpc
    executionRoleArn: arn:aws:iam::${account}:role/execution
    containerDefinitions: [{name: api, image: job-api:1}, {name: agent, image: agent:1, essential: false}]
  service:
    launchType: FARGATE
    platformVersion: 1.4.0
    networkConfiguration: {awsvpcConfiguration: {subnets: \"${private_subnets}\"}}
  rollout:
    before:
      - name: migrate
        timeout: 5m
        attempts: 2
        taskDefinition:
          cpu: 256
          memory: 512
          networkMode: awsvpc
          executionRoleArn: arn:aws:iam::${account}:role/execution
          tags: []
          containerDefinitions:
            - name: migrate
              image: ${registry}/job-migrate:1
              environment: {B: 2, A: 1}
              secrets: {DATABASE_URL: \"arn:aws:ssm:${region}:${account}:parameter/db\"}
    after:
      - name: smoke
        launchType: EC2
        overrides: {containerOverrides: [{name: api, command: [smoke], environment: {URL: http://api}}]}
";

fn desired(service: &str) -> Desired {
    let files = [("environment.yaml", ENVIRONMENT), ("service.yaml", service)];
    load(&checkout(&files), None, Api::builtin()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn hooks(service: &str) -> Vec<Hook> {
    only(&desired(service)).rollout.hooks().cloned().collect()
}

#[test]
fn a_hook_has_what_run_task_takes_and_the_rest_from_its_service() {
    let hooks = hooks(WITH_HOOKS);
    let [migrate, smoke] = hooks.as_slice() else { panic!("{hooks:?}") };
    let HookDefinition::Own { task_definition, .. } = &migrate.definition else { panic!("{migrate:?}") };
    assert_eq!(task_definition["family"], "job-api-migrate");
    assert_eq!(task_definition.get("tags"), None);
    assert_eq!(
        task_definition["containerDefinitions"][0]["environment"],
        json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    );
    let subnets = json!({"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"]}});
    assert_eq!(
        migrate.run,
        json!({"launchType": "FARGATE", "platformVersion": "1.4.0", "networkConfiguration": subnets})
    );
    assert_eq!((migrate.timeout, migrate.attempts), (Duration::from_secs(300), 2));
    assert_eq!((migrate.stage, migrate.place), (HookStage::Before, (1, 1)));
    assert_eq!(migrate.judged_by, ["migrate"]);
    assert_eq!(migrate.images, ["123456789012.dkr.ecr.eu-west-1.amazonaws.com/job-migrate:1"]);

    assert_eq!(smoke.definition, HookDefinition::OfTheService);
    // It says itself what it runs on, so Fargate's platform is not its own.
    assert_eq!(smoke.run["launchType"], "EC2");
    assert_eq!(smoke.run.get("platformVersion"), None);
    assert_eq!(
        smoke.run["overrides"]["containerOverrides"][0]["environment"],
        json!([{"name": "URL", "value": "http://api"}])
    );
    assert_eq!((smoke.timeout, smoke.attempts), (Duration::from_secs(600), 1));
    assert_eq!(smoke.judged_by, ["api"], "the container that the override names");
    assert_eq!(smoke.images, ["job-api:1"]);
}

#[test]
fn without_an_override_all_essential_containers_decide() {
    let two = WITH_HOOKS.replace(
        "            - name: migrate\n",
        "            - {name: proxy, image: proxy:1}\n            - {name: log, image: log:1, essential: false}\n            - name: migrate\n",
    );
    assert_eq!(hooks(&two)[0].judged_by, ["proxy", "migrate"]);
}

#[test]
fn a_hook_is_another_when_it_does_something_else_or_its_service_runs_something_else() {
    let digests = |text: &str| -> Vec<_> { hooks(text).into_iter().map(|hook| hook.digest).collect() };
    let before = digests(WITH_HOOKS);
    let whole = only(&desired(WITH_HOOKS)).digest.clone();
    // What is replaced, by what, and which of the two hooks becomes another one.
    for (from, to, others) in [
        ("job-migrate:1", "job-migrate:2", [true, false]),
        ("command: [smoke]", "command: [smoke, -v]", [false, true]),
        ("image: job-api:1", "image: job-api:2", [true, true]),
        ("environment: {B: 2, A: 1}", "environment: [{name: B, value: 2}, {name: A, value: 1}]", [false; 2]),
        ("timeout: 5m", "timeout: 6m", [false; 2]),
        ("attempts: 2", "attempts: 3", [false; 2]),
        ("tags: []", "tags: [{key: team, value: jobs}]", [false; 2]),
        ("platformVersion: 1.4.0", "platformVersion: LATEST", [false; 2]),
        ("launchType: EC2", "launchType: FARGATE", [false, true]),
    ] {
        let text = WITH_HOOKS.replace(from, to);
        assert_ne!(text, WITH_HOOKS);
        let after = digests(&text);
        assert_eq!([before[0] != after[0], before[1] != after[1]], others, "{to}");
        // However it is tried, the service as a whole is another; but not for the order of variables.
        let same = from.starts_with("environment");
        assert_eq!(only(&desired(&text)).digest == whole, same, "{to}");
    }
}

#[test]
fn a_hook_that_is_moved_to_the_other_side_is_another() {
    let moved = WITH_HOOKS.replace("    before:\n", "    after:\n").replacen(
        "    after:\n      - name: smoke",
        "    before:\n      - name: smoke",
        1,
    );
    let (before, after) = (hooks(WITH_HOOKS), hooks(&moved));
    assert_eq!(after.iter().map(|hook| hook.name.as_str()).collect::<Vec<_>>(), ["smoke", "migrate"]);
    assert!(before.iter().all(|hook| !after.iter().any(|other| other.digest == hook.digest)));
}
