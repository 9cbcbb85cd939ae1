//! A repository of `size` services as people write them, each with a scaling target and a policy.

use std::path::Path;

use anyhow::Context as _;

const ENVIRONMENT: &str = "\
apiVersion: reconciler/v1
kind: Environment
metadata: {name: bench}
spec:
  account: '123456789012'
  region: eu-west-1
  cluster: jobs
  variables:
    registry: registry.example.com/jobs
    role: arn:aws:iam::123456789012:role/ecsTaskExecutionRole
    subnets: [subnet-0a1b2c3d4e5f60001, subnet-0a1b2c3d4e5f60002]
    security_groups: [sg-0a1b2c3d4e5f60003]
";

const SERVICE: &str = "\
apiVersion: reconciler/v1
kind: Service
metadata: {name: NAME, labels: {team: jobs}}
spec:
  taskDefinition:
    cpu: 256
    memory: 512
    networkMode: awsvpc
    requiresCompatibilities: [FARGATE]
    executionRoleArn: ${role}
    containerDefinitions:
      - name: app
        image: ${registry}/NAME:1.4.2
        portMappings: [{containerPort: 8080}]
        environment: {LOG_LEVEL: info, QUEUE_NAME: NAME, FEATURES: 'audit,metrics'}
        healthCheck: {command: [CMD-SHELL, curl -f http://localhost:8080/health], interval: 10, retries: 3}
        logConfiguration:
          logDriver: awslogs
          options: {awslogs-group: /jobs/NAME, awslogs-region: '${region}', awslogs-stream-prefix: app}
  service:
    desiredCount: 1
    launchType: FARGATE
    networkConfiguration:
      awsvpcConfiguration: {subnets: '${subnets}', securityGroups: '${security_groups}'}
    deploymentConfiguration:
      minimumHealthyPercent: 100
      maximumPercent: 200
      deploymentCircuitBreaker: {enable: true, rollback: true}
  scaling:
    minCapacity: 1
    maxCapacity: 10
    policies:
      - PolicyName: cpu
        PolicyType: TargetTrackingScaling
        TargetTrackingScalingPolicyConfiguration:
          TargetValue: 60.0
          PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
";

/// Writes the manifests below `repository` and commits them to `main`.
pub fn commit(repository: &Path, size: usize) -> anyhow::Result<()> {
    let folder = repository.join("manifests");
    std::fs::create_dir_all(&folder).context("can't make the repository's folder")?;
    std::fs::write(folder.join("environment.yaml"), ENVIRONMENT)?;
    for number in 0..size {
        let name = format!("service-{number:04}");
        std::fs::write(folder.join(format!("{name}.yaml")), SERVICE.replace("NAME", &name))?;
    }
    let mut options = git2::RepositoryInitOptions::new();
    options.initial_head("main");
    let git = git2::Repository::init_opts(repository, &options)?;
    let mut index = git.index()?;
    index.add_all(["manifests"], git2::IndexAddOption::DEFAULT, None)?;
    index.write()?;
    let tree = git.find_tree(index.write_tree()?)?;
    let author = git2::Signature::now("bench", "bench@example.invalid")?;
    git.commit(Some("HEAD"), &author, &author, "Deploy the fleet", &tree, &[])?;
    Ok(())
}
