//! Manifests as a whole: what a good commit becomes.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use serde_json::json;

mod gallery;
pub(super) mod generated;
mod hooks;
mod limits;
mod lookups;
mod neighbours;
mod schema;
mod values;

use super::*;

pub(super) const ENVIRONMENT: &str = "\
apiVersion: reconciler/v1
kind: Environment
metadata: {name: production}
spec:
  account: 123456789012
  region: eu-west-1
  cluster: jobs
  variables:
    registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com
    private_subnets: [subnet-1, subnet-2]
    api_security_group: sg-1
    replicas: 3
";

pub(super) const SERVICE: &str = "\
apiVersion: reconciler/v1
kind: Service
metadata:
  name: job-api
  labels: {team: jobs}
spec:
  taskDefinition:
    cpu: 256
    memory: 512
    networkMode: awsvpc
    requiresCompatibilities: [FARGATE]
    executionRoleArn: arn:aws:iam::${account}:role/execution
    containerDefinitions:
      - name: api
        image: ${registry}/job-api:1.10
        portMappings: [{containerPort: 8080}]
        environment: {LOG_LEVEL: info, BATCH: 0123, RATIO: 1.10, DEBUG: no}
        secrets: {DATABASE_URL: \"arn:aws:ssm:${region}:${account}:parameter/db\"}
  service:
    desiredCount: ${replicas}
    launchType: FARGATE
    networkConfiguration:
      awsvpcConfiguration: {subnets: \"${private_subnets}\", securityGroups: [\"${api_security_group}\"]}
    loadBalancers: [{targetGroupArn: arn:tg, containerName: api, containerPort: 8080}]
  scaling:
    minCapacity: 2
    maxCapacity: 10
    policies:
      - PolicyName: cpu
        PolicyType: TargetTrackingScaling
        TargetTrackingScalingPolicyConfiguration:
          TargetValue: 60
          PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
  rollout: {timeout: 10m, onFailure: hold}
  sync: {drift: warn, ignore: [/service/desiredCount]}
";

pub(super) fn checkout(files: &[(&str, &str)]) -> Checkout {
    Checkout::of(files)
}

pub(super) fn load_service(service: &str) -> Result<Desired, Diagnostics> {
    load(&checkout(&[("environment.yaml", ENVIRONMENT), ("service.yaml", service)]), None, Api::builtin())
}

pub(super) fn only(desired: &Desired) -> &crate::model::DesiredService {
    desired.services.values().next().unwrap()
}

#[test]
fn a_manifest_becomes_what_aws_takes() {
    let desired = load_service(SERVICE).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(desired.environment.name, "production");
    assert_eq!(desired.environment.account.as_deref(), Some("123456789012"));
    assert_eq!(desired.environment.variables["replicas"], json!(3));
    let service = only(&desired);
    assert_eq!(
        service.task_definition,
        json!({
            "family": "job-api",
            "cpu": "256",
            "memory": "512",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
            "containerDefinitions": [{
                "name": "api",
                "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/job-api:1.10",
                "portMappings": [{"containerPort": 8080}],
                "environment": [
                    {"name": "BATCH", "value": "0123"},
                    {"name": "DEBUG", "value": "no"},
                    {"name": "LOG_LEVEL", "value": "info"},
                    {"name": "RATIO", "value": "1.10"},
                ],
                "secrets": [
                    {"name": "DATABASE_URL", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/db"},
                ],
            }],
        })
    );
    assert_eq!(
        service.service,
        json!({
            "desiredCount": 3,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": ["subnet-1", "subnet-2"],
                "securityGroups": ["sg-1"],
            }},
            "loadBalancers": [{"targetGroupArn": "arn:tg", "containerName": "api", "containerPort": 8080}],
        })
    );
    let scaling = service.scaling.as_ref().unwrap();
    assert_eq!((scaling.min_capacity, scaling.max_capacity), (2, 10));
    assert_eq!(
        scaling.policies["cpu"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"],
        json!(60.0)
    );
    assert_eq!(service.rollout.timeout, Duration::from_secs(600));
    assert_eq!(service.sync.ignore, ["/service/desiredCount"]);
    assert_eq!(service.task_definition_digest.as_str().len(), 64);
}
