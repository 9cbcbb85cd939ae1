//! Which needs are found where, and what is said of what is not known.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::manifest;
use crate::model::{Checkout, Desired};
use crate::shape::api::Api;

const ENVIRONMENT: &str = "
apiVersion: reconciler/v1
kind: Environment
metadata: {name: test}
spec: {account: '123456789012', region: eu-west-1, cluster: jobs}
";

fn desired(service: &str) -> Desired {
    let checkout = Checkout::of(&[("environment.yaml", ENVIRONMENT), ("web.yaml", service)]);
    manifest::load(&checkout, None, Api::builtin()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn context() -> Context {
    Context {
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        cluster: "jobs".to_owned(),
        schedule_group: "reconciler-test-jobs".to_owned(),
    }
}

fn asked(service: &str) -> BTreeSet<Subject> {
    subjects(&needs(&desired(service), &BTreeSet::new()), &context())
}

/// One line each: level and sentence.
fn judged(service: &str, facts: &Facts) -> Vec<String> {
    let verification = judge(&needs(&desired(service), &BTreeSet::new()), facts, &context());
    verification.findings.iter().map(|it| format!("{:?}: {}", it.level, it.what)).collect()
}

const WEB: &str = "
apiVersion: reconciler/v1
kind: Service
metadata: {name: web}
spec:
  taskDefinition:
    memory: 512
    executionRoleArn: arn:aws:iam::123456789012:role/execution
    containerDefinitions:
      - name: web
        image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1
        portMappings: [{containerPort: 8080}]
  service:
    desiredCount: 1
    launchType: EC2
    loadBalancers:
      - targetGroupArn: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef
        containerName: web
        containerPort: 8080
    serviceRegistries:
      - registryArn: arn:aws:servicediscovery:eu-west-1:123456789012:service/srv-1
        containerName: web
        containerPort: 8080
  rollout:
    before:
      - name: migrate
        taskDefinition:
          memory: 512
          executionRoleArn: arn:aws:iam::123456789012:role/migration
          containerDefinitions:
            - name: migrate
              image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/migrate:1
";

#[test]
fn a_hook_needs_what_its_own_task_definition_names() {
    let asked = asked(WEB);
    assert!(asked.contains(&Subject::Role("migration".to_owned())), "{asked:?}");
    let images = asked.iter().filter(|subject| matches!(subject, Subject::Image(..))).count();
    assert_eq!(images, 2);
    let needs = needs(&desired(WEB), &BTreeSet::new());
    let verification = judge(&needs, &Facts::new(), &context());
    let paths: Vec<String> =
        verification.findings.iter().flat_map(|it| &it.places).map(|place| place.path.to_string()).collect();
    assert!(
        paths.contains(&"rollout.before[migrate].taskDefinition.executionRoleArn".to_owned()),
        "{paths:?}"
    );
}

#[test]
fn what_could_not_be_read_is_told_once_and_is_no_error() {
    let facts: Facts = asked(WEB)
        .into_iter()
        .map(|subject| (subject, Part::Unreadable("needs iam:GetRole".to_owned())))
        .collect();
    let verification = judge(&needs(&desired(WEB), &BTreeSet::new()), &facts, &context());
    assert_eq!((verification.count(Level::Error), verification.count(Level::Warning)), (0, 0));
    let roles = verification.findings.iter().find(|it| it.what == "roles: needs iam:GetRole").unwrap();
    assert_eq!(roles.places.len(), 2);
    assert_eq!(roles.advice, "deploy/iam/verify.json has all that verify reads");
}

#[test]
fn tasks_without_an_address_of_their_own_need_instances_and_srv_records() {
    let mut facts: Facts =
        asked(WEB).into_iter().map(|subject| (subject, Part::Present(json!(null)))).collect();
    let group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef";
    let found = json!({"TargetType": "ip", "Protocol": "HTTP", "LoadBalancerArns": ["a"]});
    facts.insert(Subject::TargetGroup(group.to_owned()), Part::Present(found));
    let records = json!({"DnsConfig": {"DnsRecords": [{"Type": "A"}]}});
    facts.insert(Subject::Registry("srv-1".to_owned()), Part::Present(records));
    let cluster = json!({"status": "ACTIVE", "registeredContainerInstancesCount": 0});
    facts.insert(Subject::Cluster("jobs".to_owned()), Part::Present(cluster));
    let trust = json!({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]});
    for name in ["execution", "migration"] {
        let arn = format!("arn:aws:iam::123456789012:role/{name}");
        let role = json!({"Arn": arn, "AssumeRolePolicyDocument": trust});
        facts.insert(Subject::Role(name.to_owned()), Part::Present(role));
    }
    assert_eq!(
        judged(WEB, &facts),
        [
            "Error: target group `web` has target type ip, and tasks with network mode bridge need instance",
            "Error: Cloud Map service `srv-1` has no SRV record, and tasks with network mode bridge need one",
            "Warning: cluster `jobs` has no container instances to run EC2 tasks on",
        ]
    );
}

#[test]
fn only_the_services_that_are_named_are_looked_at() {
    let desired = desired(WEB);
    assert!(needs(&desired, &[ServiceKey::new("another")].into()).is_empty());
    assert_eq!(
        needs(&desired, &[ServiceKey::new("web")].into()).len(),
        needs(&desired, &BTreeSet::new()).len()
    );
}
