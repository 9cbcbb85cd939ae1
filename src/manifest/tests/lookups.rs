//! Variables whose values stand in AWS.

use serde_json::json;

use super::{SERVICE, checkout, only};
use crate::manifest::{NotFound, check, load, load_with, needs, unanswered, unused};
use crate::model::{Answers, Found, LookupSource, LookupValue};
use crate::shape::api::Api;

const ENVIRONMENT: &str = "\
apiVersion: reconciler/v1
kind: Environment
metadata: {name: production}
spec:
  account: 123456789012
  region: eu-west-1
  cluster: jobs
  variables:
    registry: {ssm: /jobs/registry}
    private_subnets: {ssm: /jobs/subnets:3}
    api_security_group: {cloudFormationExport: jobs-api-sg}
    replicas: {ssm: /jobs/replicas}
";

fn answers() -> Answers {
    let text = |text: &str| LookupValue::Text(text.to_owned());
    let list = LookupValue::List(vec!["subnet-1".to_owned(), "subnet-2".to_owned()]);
    let parameter = |name: &str| LookupSource::Parameter(name.to_owned());
    let found = |value, version: &str| Found { value, version: version.to_owned() };
    Answers::from([
        (parameter("/jobs/registry"), found(text("registry.example"), "version 7")),
        (parameter("/jobs/subnets:3"), found(list, "version 3")),
        (parameter("/jobs/replicas"), found(text("4"), "version 1")),
        (LookupSource::Export("jobs-api-sg".to_owned()), found(text("sg-9"), "of stack network")),
    ])
}

#[test]
fn a_checkout_tells_what_has_to_be_looked_up() {
    let files = [("environment.yaml", ENVIRONMENT), ("service.yaml", SERVICE)];
    let needs = needs(&checkout(&files), None).unwrap();
    let told: Vec<String> = needs
        .lookups
        .iter()
        .map(|lookup| format!("{}:{} {}", lookup.place.line, lookup.variable, lookup.source))
        .collect();
    assert_eq!(
        told,
        [
            "9:registry /jobs/registry",
            "10:private_subnets /jobs/subnets:3",
            "11:api_security_group export jobs-api-sg",
            "12:replicas /jobs/replicas"
        ]
    );
    assert_eq!(needs.environment.region, "eu-west-1");
    assert!(super::needs(&checkout(&[("environment.yaml", super::ENVIRONMENT)]), None).is_none());
}

#[test]
fn only_what_a_manifest_of_the_environment_uses_is_looked_up_and_needed() {
    let environment =
        format!("{ENVIRONMENT}    forgotten: {{ssm: /jobs/forgotten}}\n    other: {{ssm: /jobs/other}}\n");
    let elsewhere = "\
apiVersion: reconciler/v1
kind: Service
metadata: {name: elsewhere, environments: [staging]}
spec:
  taskDefinition: {memory: 512, containerDefinitions: [{name: web, image: \"${other}:$${forgotten}\"}]}
  service: {desiredCount: 1}
";
    let staging = super::ENVIRONMENT.replace("production", "staging") + "    other: web\n";
    let files = [
        ("environment.yaml", environment.as_str()),
        ("staging.yaml", &staging),
        ("service.yaml", SERVICE),
        ("elsewhere.yaml", elsewhere),
    ];
    let checkout = checkout(&files);
    let needs = needs(&checkout, Some("production")).unwrap();
    assert_eq!(needs.lookups.len(), 4);
    // Its parameter is not there, and nobody misses it.
    let desired = load_with(&checkout, Some("production"), Api::builtin(), &answers());
    assert_eq!(desired.unwrap_or_else(|errors| panic!("{errors}")).environment.looked_up.len(), 4);
    let unused: Vec<String> =
        unused(&checkout, "production").iter().map(|(name, origin)| format!("{origin} {name}")).collect();
    assert_eq!(unused, ["environment.yaml:13 forgotten", "environment.yaml:14 other"]);
}

#[test]
fn a_value_that_was_looked_up_stands_as_if_it_had_been_written() {
    let files = [("environment.yaml", ENVIRONMENT), ("service.yaml", SERVICE)];
    let desired = load_with(&checkout(&files), None, Api::builtin(), &answers()).unwrap();
    let service = only(&desired);
    assert_eq!(service.service["desiredCount"], json!(4));
    let network = &service.service["networkConfiguration"]["awsvpcConfiguration"];
    assert_eq!(network["subnets"], json!(["subnet-1", "subnet-2"]));
    assert_eq!(network["securityGroups"], json!(["sg-9"]));
    let told = desired.environment.looked_up();
    assert_eq!(told[2], "api_security_group from export jobs-api-sg of stack network");
    // Another version of the same value asks for nothing new, another value does.
    let mut later = answers();
    let replicas = later.get_mut(&LookupSource::Parameter("/jobs/replicas".to_owned())).unwrap();
    replicas.version = "version 2".to_owned();
    let same = load_with(&checkout(&files), None, Api::builtin(), &later).unwrap();
    assert_eq!(only(&same).digest, service.digest);
    let replicas = later.get_mut(&LookupSource::Parameter("/jobs/replicas".to_owned())).unwrap();
    replicas.value = LookupValue::Text("5".to_owned());
    let changed = load_with(&checkout(&files), None, Api::builtin(), &later).unwrap();
    assert_ne!(only(&changed).digest, service.digest);
}

#[test]
fn without_the_values_a_commit_is_checked_as_far_as_it_goes_and_never_loaded() {
    let files = [("environment.yaml", ENVIRONMENT), ("service.yaml", SERVICE)];
    assert!(check(&checkout(&files), None, Api::builtin()).is_ok());
    let error = load(&checkout(&files), None, Api::builtin()).unwrap_err().to_string();
    assert!(error.contains("variable `registry` was not looked up"), "{error}");
    let broken = SERVICE.replace("desiredCount: ${replicas}", "desiredCount: many");
    let files = [("environment.yaml", ENVIRONMENT), ("service.yaml", broken.as_str())];
    let error = check(&checkout(&files), None, Api::builtin()).unwrap_err().to_string();
    assert!(error.contains("desiredCount"), "{error}");
}

#[test]
fn a_slip_elsewhere_does_not_make_a_look_up_a_mistake() {
    let slip = SERVICE.replace("kind: Service", "kind: Servic");
    let files = [("environment.yaml", ENVIRONMENT), ("service.yaml", slip.as_str())];
    assert!(needs(&checkout(&files), None).is_none());
    let error = load(&checkout(&files), None, Api::builtin()).unwrap_err().to_string();
    assert!(error.contains("Servic"), "{error}");
    assert!(!error.contains("was not looked up"), "{error}");
}

#[test]
fn a_wrong_value_says_which_version_it_came_from() {
    let files = [("environment.yaml", ENVIRONMENT), ("service.yaml", SERVICE)];
    let mut answers = answers();
    let replicas = answers.get_mut(&LookupSource::Parameter("/jobs/replicas".to_owned())).unwrap();
    replicas.value = LookupValue::Text("many".to_owned());
    let error = load_with(&checkout(&files), None, Api::builtin(), &answers).unwrap_err().to_string();
    assert!(error.contains("`${replicas}` is `many`, /jobs/replicas version 1"), "{error}");
}

#[test]
fn what_cannot_be_looked_up_is_told_where_git_asks_for_it() {
    let files = [("environment.yaml", ENVIRONMENT), ("service.yaml", SERVICE)];
    let checkout = checkout(&files);
    let missing = NotFound {
        source: LookupSource::Parameter("/jobs/registry".to_owned()),
        title: "can't look up parameters in eu-west-1: access denied for ssm:GetParameters".to_owned(),
        note: Some("deploy/iam/plan.json has the statement that allows it".to_owned()),
    };
    let needs = needs(&checkout, None).unwrap();
    insta::assert_snapshot!(unanswered(&checkout, &needs, &[missing]), @r"
    error: can't look up parameters in eu-west-1: access denied for ssm:GetParameters
     --> environment.yaml:9:21
      |
    9 |     registry: {ssm: /jobs/registry}
      |                     ^^^^^^^^^^^^^^ the value of `registry`
      |
      = deploy/iam/plan.json has the statement that allows it

    1 error in 1 of 2 files.
    ");
}

#[test]
fn an_overlay_may_find_an_element_by_a_variable_that_is_looked_up_elsewhere() {
    let service = "\
apiVersion: reconciler/v1
kind: Service
metadata: {name: web}
spec:
  taskDefinition:
    memory: 512
    containerDefinitions: [{name: web, image: web:1}]
  service: {desiredCount: 1}
";
    let overlay = "\
apiVersion: reconciler/v1
kind: Overlay
metadata: {name: web, environments: [production]}
spec:
  taskDefinition: {containerDefinitions: [{name: \"${registry}\", cpu: 64}]}
";
    let staging = super::ENVIRONMENT.replace("production", "staging");
    let variable = |text: &str| text.replace("name: web,", "name: \"${registry}\",");
    let (base, patch) = (variable(service), overlay.replace("\"${registry}\"", "web"));
    for (base, patch) in [(service, overlay), (&base, &patch)] {
        let files = [("environment.yaml", ENVIRONMENT), ("service.yaml", base), ("overlay.yaml", patch)];
        check(&checkout(&files), None, Api::builtin()).unwrap_or_else(|errors| panic!("{errors}"));
        let mut answers = answers();
        let registry = answers.get_mut(&LookupSource::Parameter("/jobs/registry".to_owned())).unwrap();
        registry.value = LookupValue::Text("web".to_owned());
        let desired = load_with(&checkout(&files), None, Api::builtin(), &answers).unwrap();
        assert_eq!(only(&desired).task_definition["containerDefinitions"][0]["cpu"], 64);
    }
    // The plan of an environment without lookups is none of their business.
    let files = [
        ("environment.yaml", ENVIRONMENT),
        ("staging.yaml", &staging),
        ("service.yaml", service),
        ("overlay.yaml", overlay),
    ];
    load(&checkout(&files), Some("staging"), Api::builtin()).unwrap_or_else(|errors| panic!("{errors}"));
}
