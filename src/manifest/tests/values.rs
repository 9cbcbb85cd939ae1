//! Variables, origins and digests.

use std::collections::BTreeSet;

use serde_json::json;

use super::{ENVIRONMENT, SERVICE, checkout, load_service, only};
use crate::manifest::{canonical, load, load_some};
use crate::model::{Answers, DesiredService, FieldPath, Json, ServiceKey};
use crate::shape::api::Api;

const SMALL: &str = "\
apiVersion: reconciler/v1
kind: Service
metadata: {name: web}
spec:
  taskDefinition:
    executionRoleArn: arn:aws:iam::123456789012:role/execution
    memory: 512
    containerDefinitions:
      - name: web
        image: web:1
        environment:
          - {name: B, value: two}
          - {name: A, value: one}
        secrets: {KEY: key}
  service:
    desiredCount: 1
    tags:
      - {key: team, value: jobs}
      - {key: cost, value: \"7\"}
";

fn service(text: &str) -> DesiredService {
    only(&load_service(text).unwrap_or_else(|errors| panic!("{errors}"))).clone()
}

#[test]
fn the_details_of_a_lifecycle_hook_are_free_json() {
    let hook = "{hookTargetArn: \"arn:aws:lambda:eu-west-1:123456789012:function:check\", roleArn: \"arn:aws:iam::123456789012:role/hooks\", lifecycleStages: [POST_SCALE_UP], hookDetails: {retries: 2, names: [a, \"1\"], deep: {on: true, off: null}}}";
    let text = format!("{SMALL}    deploymentConfiguration: {{lifecycleHooks: [{hook}]}}\n");
    let details = &service(&text).service["deploymentConfiguration"]["lifecycleHooks"][0]["hookDetails"];
    assert_eq!(*details, json!({"retries": 2, "names": ["a", "1"], "deep": {"on": true, "off": null}}));
}

/// The command that a service has when it is written as `command`.
fn command(command: &str) -> Json {
    let text = SMALL
        .replace("        image: web:1\n", &format!("        image: web:1\n        command: {command}\n"));
    service(&text).task_definition["containerDefinitions"][0]["command"].clone()
}

#[test]
fn variables_take_the_place_of_their_names() {
    assert_eq!(
        command("[\"${replicas}\", \"a${replicas}b\", \"${region}/${cluster}\"]"),
        json!(["3", "a3b", "eu-west-1/jobs"])
    );
    assert_eq!(command("${private_subnets}"), json!(["subnet-1", "subnet-2"]));
    assert_eq!(command("[\"${environment}\", \"${account}\"]"), json!(["production", "123456789012"]));
}

#[test]
fn a_doubled_dollar_in_the_value_of_a_variable_is_a_literal_one() {
    let environment = ENVIRONMENT.replace("  variables:\n", "  variables:\n    start: \"exec $${SHELL}\"\n");
    let text =
        SMALL.replace("image: web:1", "image: web:1\n        command: [\"${start} now\", \"${start}\"]");
    let files = [("environment.yaml", environment.as_str()), ("service.yaml", &text)];
    let desired = load(&checkout(&files), None, Api::builtin()).unwrap_or_else(|errors| panic!("{errors}"));
    let command = &only(&desired).task_definition["containerDefinitions"][0]["command"];
    assert_eq!(*command, json!(["exec ${SHELL} now", "exec ${SHELL}"]));
}

#[test]
fn a_doubled_dollar_is_a_literal_one() {
    assert_eq!(command("[\"$${HOME} $HOME $$ ${replicas}$\"]"), json!(["${HOME} $HOME $$ 3$"]));
}

#[test]
fn a_variable_keeps_its_type() {
    let text = SMALL.replace("desiredCount: 1", "desiredCount: ${replicas}");
    assert_eq!(service(&text).service["desiredCount"], json!(3));
}

#[test]
fn the_environment_asked_for_fills_the_variables() {
    let staging = ENVIRONMENT.replace("production", "staging").replace("replicas: 3", "replicas: 1");
    let service = SMALL.replace("desiredCount: 1", "desiredCount: ${replicas}");
    let files = [("a.yaml", ENVIRONMENT), ("b.yaml", staging.as_str()), ("c.yaml", service.as_str())];
    for (name, count) in [("production", 3), ("staging", 1)] {
        let desired = load(&checkout(&files), Some(name), Api::builtin()).unwrap();
        assert_eq!(only(&desired).service["desiredCount"], json!(count));
        assert_eq!(desired.environment.name, name);
    }
    let errors = load(&checkout(&files), Some("prodution"), Api::builtin()).unwrap_err().to_string();
    assert!(errors.starts_with("error: no environment `prodution` in main@4c1f9e2\n"), "{errors}");
    assert!(
        errors.contains("there is production and staging") && errors.contains("did you mean `production`?")
    );
}

#[test]
fn of_an_older_commit_only_what_is_asked_about_is_kept_and_all_of_it_is_checked() {
    let other = SMALL.replace("name: web}", "name: other}");
    let load = |text: &str| {
        let files = [("environment.yaml", ENVIRONMENT), ("other.yaml", text), ("web.yaml", SMALL)];
        let asked = BTreeSet::from([ServiceKey::new("web"), ServiceKey::new("new")]);
        let desired = load_some(&checkout(&files), None, Api::builtin(), &Answers::new(), &asked);
        desired.map(|desired| desired.services.into_keys().collect::<Vec<_>>())
    };
    assert_eq!(load(&other).unwrap_or_default(), [ServiceKey::new("web")]);
    assert!(load(&other.replace("desiredCount: 1", "desiredCount: one")).is_err());
}

#[test]
fn an_empty_commit_is_an_error_and_never_an_empty_desired() {
    let errors = load(&checkout(&[]), None, Api::builtin()).unwrap_err().to_string();
    assert!(errors.starts_with("error: no manifest in main@4c1f9e2\n"), "{errors}");
    let errors = load(&checkout(&[("a.yaml", SMALL)]), None, Api::builtin()).unwrap_err().to_string();
    assert!(errors.starts_with("error: no Environment in main@4c1f9e2\n"), "{errors}");
}

#[test]
fn an_environment_without_services_is_a_desired_without_services() {
    let desired =
        load(&checkout(&[("a.yaml", ENVIRONMENT), ("notes.txt", "{")]), None, Api::builtin()).unwrap();
    assert!(desired.services.is_empty());
}

#[test]
fn each_value_knows_the_line_that_named_it() {
    let service = service(SERVICE);
    let containers = FieldPath::root().field("taskDefinition").field("containerDefinitions");
    let api = containers.key("api");
    let line = |path: &FieldPath| service.origins.nearest(path).map(|origin| (origin.line, origin.column));
    assert_eq!(line(&FieldPath::root().field("taskDefinition").field("memory")), Some((9, 5)));
    assert_eq!(line(&FieldPath::root().field("taskDefinition").field("family")), Some((4, 9)));
    assert_eq!(line(&api.field("image")), Some((15, 9)));
    assert_eq!(line(&api.field("environment").key("BATCH").field("value")), Some((17, 9)));
    // A variable's value counts as written where it is used; a field of AWS's at what is around it.
    assert_eq!(line(&FieldPath::root().field("service").field("desiredCount")), Some((20, 5)));
    assert_eq!(line(&api.field("cpu")), Some((14, 9)));
    let file = &service.origins.nearest(&api).unwrap().file;
    assert_eq!(&**file, "service.yaml");
}

#[test]
fn the_order_of_what_has_no_order_does_not_change_a_digest() {
    let first = service(SMALL);
    let reordered = SMALL
        .replace("{name: B, value: two}", "{name: A, value: one}?")
        .replace(
            "          - {name: A, value: one}\n        secrets",
            "          - {name: B, value: two}\n        secrets",
        )
        .replace('?', "")
        .replace("      - {key: team, value: jobs}\n", "")
        .replace("value: \"7\"}\n", "value: \"7\"}\n      - {key: team, value: jobs}\n");
    let second = service(&reordered);
    assert_ne!(first.task_definition, second.task_definition, "the reordering did nothing");
    assert_ne!(first.service, second.service, "the reordering did nothing");
    assert_eq!(first.task_definition_digest, second.task_definition_digest);
    assert_eq!(first.digest, second.digest);
    let as_mapping = SMALL.replace(
        "environment:\n          - {name: B, value: two}\n          - {name: A, value: one}",
        "environment: {B: two, A: one}",
    );
    assert_eq!(first.digest, service(&as_mapping).digest);
}

#[test]
fn a_digest_changes_with_what_is_asked_of_aws_only() {
    let first = service(SMALL);
    let differs = |from: &str, to: &str| {
        assert!(SMALL.contains(from), "{from}");
        let other = service(&SMALL.replace(from, to));
        (first.task_definition_digest != other.task_definition_digest, first.digest != other.digest)
    };
    assert_eq!(differs("memory: 512", "memory: 1024"), (true, true));
    assert_eq!(differs("value: two", "value: three"), (true, true));
    assert_eq!(differs("desiredCount: 1", "desiredCount: 2"), (false, true));
    assert_eq!(differs("value: jobs", "value: web"), (false, true));
    assert_eq!(differs("  service:\n", "  rollout: {timeout: 5m}\n  service:\n"), (false, true));
    assert_eq!(
        differs("    memory: 512\n", "    memory: 512\n    tags: [{key: a, value: b}]\n"),
        (false, true)
    );
    assert_eq!(differs("  service:\n", "  sync: {drift: warn}\n  service:\n"), (false, false));
    assert_eq!(differs("{name: web}", "{name: web, labels: {team: a}}"), (false, false));
    assert_eq!(differs("memory: 512", "memory: \"512\" # MiB"), (false, false));
}

/// Written down so that a release can't change digests without anyone noticing: every service of
/// every installation would be deployed again.
#[test]
fn digests_stay_what_they_were() {
    let mut service = service(SMALL);
    // As the manifest was when the digests were written down.
    service.task_definition["containerDefinitions"][0]["secrets"][0]["valueFrom"] = json!("arn:key");
    service.task_definition.as_object_mut().unwrap().remove("executionRoleArn");
    service.task_definition_digest = canonical::task_definition_digest(&service.task_definition);
    service.digest = canonical::digest(&service);
    let digests = format!("task definition {}\nservice {}", service.task_definition_digest, service.digest);
    assert_eq!(
        digests,
        "task definition bc8bb5f6b4c359dc54ac2684bdf50ca18276c5fe669146e1f36efc3f7bc5fdee\n\
         service a02b9e552672c9dd1b1dd9618d8c6b06f255596d92d25baaacc2f5914227b6cf"
    );
}

#[test]
fn an_empty_list_of_tags_is_left_out() {
    // RegisterTaskDefinition answers "Tags can not be empty" to it.
    let text = SMALL.replace("    memory: 512\n", "    memory: 512\n    tags: []\n");
    assert_eq!(service(&text).task_definition.get("tags"), None);
    assert_eq!(service(&text).digest, service(SMALL).digest);
}

#[test]
fn times_and_fractions_take_the_form_of_the_wire() {
    let text = format!(
        "{SMALL}  scaling:
    minCapacity: 1
    maxCapacity: 2
    suspendedState: {{ScheduledScalingSuspended: true}}
    scheduledActions:
      - {{ScheduledActionName: night, Schedule: rate(1 day), StartTime: 2026-11-21T08:00:00Z, ScalableTargetAction: {{MinCapacity: 0}}}}
"
    );
    let scaling = service(&text).scaling.unwrap();
    assert_eq!(scaling.scheduled_actions["night"]["StartTime"], json!(1_795_248_000.0));
    assert_eq!(scaling.suspended_state, Some(json!({"ScheduledScalingSuspended": true})));
}

#[test]
fn an_environment_says_whether_and_how_fast_what_left_git_goes() {
    let read = |sync: &str| {
        let environment = ENVIRONMENT.replace("  cluster: jobs\n", &format!("  cluster: jobs\n{sync}"));
        let files = [("environment.yaml", environment.as_str()), ("service.yaml", SERVICE)];
        load(&checkout(&files), None, Api::builtin()).unwrap_or_else(|errors| panic!("{errors}"))
    };
    let sync = read("").environment.sync;
    assert_eq!((sync.prune, sync.prune_max_percent, sync.keep_revisions), (false, 20, 10));
    let desired = read("  sync: {prune: true, pruneMaxPercent: 50, keepRevisions: 3}\n");
    let sync = &desired.environment.sync;
    assert_eq!((sync.prune, sync.prune_max_percent, sync.keep_revisions), (true, 50, 3));
    // A service that says nothing goes by it; its own word weighs more.
    assert_eq!(only(&desired).sync.prune, None);
    assert!(only(&desired).sync.prunes(&desired.environment));
    let own = SERVICE.replace("sync: {drift: warn", "sync: {prune: false, drift: warn");
    let desired = load_service(&own).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(only(&desired).sync.prune, Some(false));
}
