//! `reconciler local`: a whole AWS account on this machine, and the operator at work in it.
//!
//! A small file says what stands in for the account's surroundings: which command an image is, the
//! load balancer and its target groups, queues, secrets. The rest of the road is the same as `run`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use simulator::Simulator;
use simulator::clock::{Clock, Time};
use simulator::ecs::Pace;
use simulator::images::{Image, Images};
use simulator::runtime::Runtime;
use simulator::runtime::process::ProcessRuntime;
use tokio::net::TcpListener;

use super::{Exit, Surroundings};
use crate::aws::Budget;
use crate::config::{Account, LedgerPlace, LocalSettings, Operate, RunSettings, quoted};

/// How long containers get to end after the operator has stopped: everything is gone ten seconds after
/// SIGTERM, also where a container would like its whole `stopTimeout`.
const FAREWELL: Duration = Duration::from_secs(5);

/// The file's contents. `${folder}` stands for the state folder, `${tag}` for an image's tag.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Surrogate {
    cluster: String,
    /// Repository, with or without the registry's host -> how to run it.
    images: BTreeMap<String, LocalImage>,
    target_groups: Vec<TargetGroup>,
    queues: Vec<String>,
    /// Name -> value.
    secrets: BTreeMap<String, String>,
    /// Of SSM Parameter Store; name -> value.
    parameters: BTreeMap<String, String>,
    log_groups: Vec<String>,
    /// With their paths: `ecs/exec/jobs`.
    roles: Vec<String>,
    security_groups: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LocalImage {
    /// A path, relative to the file; or a name on PATH.
    command: PathBuf,
    #[serde(default)]
    args: Vec<String>,
    /// The tags that are "pushed".
    tags: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TargetGroup {
    name: String,
    port: u16,
    /// Name of a second group like this one: deployments that shift traffic go back and forth between them.
    alternate: Option<String>,
    #[serde(default = "root")]
    health_check_path: String,
    /// Requests whose path matches go to this group.
    #[serde(default = "anything")]
    path_pattern: String,
    #[serde(default = "five")]
    health_check_interval_seconds: u32,
    #[serde(default = "one")]
    deregistration_delay_seconds: u32,
}

fn root() -> String {
    "/".to_owned()
}

fn anything() -> String {
    "/*".to_owned()
}

fn five() -> u32 {
    5
}

fn one() -> u32 {
    1
}

/// Runs until SIGTERM.
pub async fn run(settings: &LocalSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let state = std::path::absolute(&settings.state).context("the state folder has no absolute path")?;
    std::fs::create_dir_all(&state).with_context(|| format!("can't make the folder {}", state.display()))?;
    let surrogate = read(&settings.file, &state)?;
    let api = listen(settings.listen, "--listen").await?;
    let endpoint = format!("http://{}", api.local_addr()?);

    let now = Time(u64::try_from((surroundings.now)().0).unwrap_or_default());
    let clock = Clock::starting_at(now, 1.0);
    let images = images(&surrogate, &settings.file)?;
    let runtime = Arc::new(ProcessRuntime::new(clock.clone(), images, container_environment(&endpoint)));
    let simulator = Simulator::new(clock, runtime.clone());
    let listener = provision(&simulator, runtime.as_ref(), &surrogate, &endpoint)?;

    // The account outlives the operator a little, so that what it is doing can end.
    let closing = tokio_util::sync::CancellationToken::new();
    let server = tokio::spawn(simulator::serve::serve(simulator.clone(), api, closing.clone()));
    let balancer = match listener {
        Some(arn) => {
            let socket = listen(settings.balancer, "--balancer").await?;
            super::road::line(&format!("load balancer  http://{}", socket.local_addr()?));
            Some(tokio::spawn(simulator::balancer::serve_balancer(
                simulator.clone(),
                arn,
                socket,
                closing.clone(),
            )))
        }
        None => None,
    };
    super::road::line(&format!("aws            {endpoint}  (account 123456789012, region eu-west-1)"));

    // From another terminal on this machine.
    let folder = quoted(&settings.state.display().to_string());
    let given = surroundings.again.replace(&format!(" --state {folder}"), "");
    let again = format!("{given} --state {folder} --endpoint-url {endpoint}");
    let surroundings = &Surroundings { again, ..surroundings.clone() };
    let ended = super::run::run(&operate(settings, &state, &endpoint), surroundings).await;
    closing.cancel();
    runtime.shut_down(FAREWELL).await;
    server.abort();
    if let Some(balancer) = balancer {
        balancer.abort();
    }
    ended
}

fn operate(settings: &LocalSettings, state: &Path, endpoint: &str) -> RunSettings {
    RunSettings {
        operate: Operate {
            source: settings.source.clone(),
            account: Account {
                installation: "reconciler".to_owned(),
                state: state.to_owned(),
                ledger: LedgerPlace::File,
                host: None,
                endpoint_url: Some(endpoint.to_owned()),
                api_budget: Budget::Unlimited,
                simulated: true,
            },
        },
        poll: settings.poll,
        resync: settings.resync,
    }
}

async fn listen(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| anyhow!("can't listen on {address}: {error}; choose another with `{option}`"))
}

fn read(file: &Path, state: &Path) -> anyhow::Result<Surrogate> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("can't read `{}`, which says what stands in for AWS", file.display()))?;
    let text = text.replace("${folder}", &state.display().to_string());
    serde_saphyr::from_str(&text).with_context(|| format!("can't understand {}", file.display()))
}

/// What every container finds besides its definition: where AWS is, and credentials that mean nothing.
fn container_environment(endpoint: &str) -> BTreeMap<String, String> {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

fn images(surrogate: &Surrogate, file: &Path) -> anyhow::Result<Images> {
    // The parent of a file's name alone is the empty path, which is no folder.
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder =
        std::path::absolute(folder).with_context(|| format!("{} has no absolute path", file.display()))?;
    let mut images = Images::default();
    for (repository, image) in &surrogate.images {
        let command = if image.command.components().count() > 1 {
            folder.join(&image.command)
        } else {
            image.command.clone()
        };
        if command.is_absolute() && !command.exists() {
            bail!("the command of image `{repository}` is not there: {}", command.display());
        }
        for tag in &image.tags {
            let environment =
                image.environment.iter().map(|(name, value)| (name.clone(), value.replace("${tag}", tag)));
            let reference = format!("{}:{tag}", registry_reference(repository));
            images.insert(
                &reference,
                Image {
                    command: command.clone(),
                    args: image.args.clone(),
                    working_directory: None,
                    environment: environment.collect(),
                },
            );
        }
    }
    Ok(images)
}

/// 2026-01-01. The simulator makes ids out of a name and the time, so what is made at this moment has
/// the same ARN at every start, as manifests that name it expect.
const FOUNDED: Time = Time(1_767_225_600_000);

const VPC: &str = "vpc-0a1b2c3d4e5f60718";
const SUBNETS: [&str; 2] = ["subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"];

const REGISTRY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

fn registry_reference(repository: &str) -> String {
    if repository.contains('/') { repository.to_owned() } else { format!("{REGISTRY}/{repository}") }
}

/// Makes what the manifests refer to, and names the listener of the load balancer.
fn provision(
    simulator: &Simulator,
    runtime: &dyn Runtime,
    surrogate: &Surrogate,
    endpoint: &str,
) -> anyhow::Result<Option<String>> {
    simulator.with_world(|world| {
        let now = std::mem::replace(&mut world.now, FOUNDED);
        let mut account = Provision { world, runtime };
        account.world.pace = Pace::immediate();
        account.world.serve_at(endpoint);
        account.ecs("CreateCluster", &json!({"clusterName": surrogate.cluster}))?;
        for (repository, image) in &surrogate.images {
            let Some(name) =
                registry_reference(repository).strip_prefix(&format!("{REGISTRY}/")).map(str::to_owned)
            else {
                continue;
            };
            account.ecr("CreateRepository", &json!({"repositoryName": name}))?;
            for tag in &image.tags {
                let manifest = multi_platform(&name, tag).to_string();
                account.ecr(
                    "PutImage",
                    &json!({"repositoryName": name, "imageTag": tag, "imageManifest": manifest}),
                )?;
            }
        }
        for queue in &surrogate.queues {
            account.sqs("CreateQueue", &json!({"QueueName": queue}))?;
        }
        for (name, value) in &surrogate.secrets {
            account.secrets("CreateSecret", &json!({"Name": name, "SecretString": value}))?;
        }
        for (name, value) in &surrogate.parameters {
            account.ssm("PutParameter", &json!({"Name": name, "Value": value, "Type": "String"}))?;
        }
        account.surroundings(surrogate)?;
        let listener = account.load_balancer(&surrogate.cluster, &surrogate.target_groups)?;
        account.world.now = now;
        Ok(listener)
    })
}

/// What an image of a process on this machine is said to be: for either architecture.
fn multi_platform(repository: &str, tag: &str) -> Value {
    let entry = |architecture: &str| {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1,
            "digest": format!("sha256:{:064x}", architecture.len()),
            "platform": {"os": "linux", "architecture": architecture},
        })
    };
    json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry("amd64"), entry("arm64")],
        "annotations": {"repository": repository, "tag": tag},
    })
}

struct Provision<'a> {
    world: &'a mut simulator::world::World,
    runtime: &'a dyn Runtime,
}

impl Provision<'_> {
    fn ecs(&mut self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        answered(operation, simulator::ecs::call(self.world, self.runtime, operation, input))
    }

    fn ecr(&mut self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        answered(operation, simulator::ecr::call(self.world, self.runtime, operation, input))
    }

    fn sqs(&mut self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        answered(operation, simulator::sqs::call(self.world, self.runtime, operation, input))
    }

    fn secrets(&mut self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        answered(operation, simulator::secrets::call(self.world, self.runtime, operation, input))
    }

    fn ssm(&mut self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        answered(operation, simulator::ssm::call(self.world, self.runtime, operation, input))
    }

    fn elb(&mut self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        answered(operation, simulator::elb::call(self.world, self.runtime, operation, input))
    }

    fn logs(&mut self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        answered(operation, simulator::logs::call(self.world, self.runtime, operation, input))
    }

    fn iam(&mut self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        answered(operation, simulator::iam::call(self.world, self.runtime, operation, input))
    }

    /// What `verify` looks at, and nothing here works with.
    fn surroundings(&mut self, surrogate: &Surrogate) -> anyhow::Result<()> {
        for group in &surrogate.log_groups {
            self.logs("CreateLogGroup", &json!({"logGroupName": group}))?;
        }
        let scaling = "ecs.application-autoscaling.amazonaws.com";
        let of_scaling =
            format!("aws-service-role/{scaling}/AWSServiceRoleForApplicationAutoScaling_ECSService");
        let for_tasks = surrogate.roles.iter().map(|role| (role.as_str(), "ecs-tasks.amazonaws.com"));
        for (role, service) in for_tasks.chain([(of_scaling.as_str(), scaling)]) {
            let (path, name) = role.rsplit_once('/').unwrap_or(("", role));
            let path = if path.is_empty() { "/".to_owned() } else { format!("/{path}/") };
            let trust = json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}},
            ]});
            let role = json!({"RoleName": name, "Path": path, "AssumeRolePolicyDocument": trust.to_string()});
            self.iam("CreateRole", &role)?;
        }
        for subnet in SUBNETS {
            self.world.ec2.add_subnet(subnet, VPC);
        }
        for group in &surrogate.security_groups {
            self.world.ec2.add_security_group(group, VPC);
        }
        Ok(())
    }

    fn load_balancer(&mut self, name: &str, groups: &[TargetGroup]) -> anyhow::Result<Option<String>> {
        if groups.is_empty() {
            return Ok(None);
        }
        let balancer = self.elb("CreateLoadBalancer", &json!({"Name": name, "Subnets": SUBNETS}))?;
        let balancer = balancer["LoadBalancers"][0]["LoadBalancerArn"].clone();
        let nothing = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
        let listener = self.elb(
            "CreateListener",
            &json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": "80", "DefaultActions": nothing}),
        )?;
        let listener = listener["Listeners"][0]["ListenerArn"].clone();
        for (priority, group) in (1..).zip(groups) {
            let arn = self.target_group(&group.name, group)?;
            let action = match &group.alternate {
                None => json!({"Type": "forward", "TargetGroupArn": arn}),
                Some(alternate) => {
                    let second = self.target_group(alternate, group)?;
                    json!({"Type": "forward", "ForwardConfig": {"TargetGroups": [
                        {"TargetGroupArn": arn, "Weight": "1"}, {"TargetGroupArn": second, "Weight": "0"},
                    ]}})
                }
            };
            self.elb(
                "CreateRule",
                &json!({
                    "ListenerArn": listener, "Priority": priority.to_string(),
                    "Conditions": [{"Field": "path-pattern", "Values": [group.path_pattern]}],
                    "Actions": [action],
                }),
            )?;
        }
        Ok(listener.as_str().map(str::to_owned))
    }

    fn target_group(&mut self, name: &str, group: &TargetGroup) -> anyhow::Result<Value> {
        let made = self.elb(
            "CreateTargetGroup",
            &json!({
                "Name": name, "Protocol": "HTTP", "Port": group.port.to_string(),
                "VpcId": VPC, "TargetType": "ip",
                "HealthCheckPath": group.health_check_path,
                "HealthCheckIntervalSeconds": group.health_check_interval_seconds.to_string(),
                "HealthCheckTimeoutSeconds": "2",
                "HealthyThresholdCount": "2", "UnhealthyThresholdCount": "2",
            }),
        )?;
        let arn = made["TargetGroups"][0]["TargetGroupArn"].clone();
        self.elb(
            "ModifyTargetGroupAttributes",
            &json!({"TargetGroupArn": arn, "Attributes": [{
                "Key": "deregistration_delay.timeout_seconds",
                "Value": group.deregistration_delay_seconds.to_string(),
            }]}),
        )?;
        Ok(arn)
    }
}

fn answered(operation: &str, answer: simulator::error::Answer) -> anyhow::Result<Value> {
    answer.map_err(|error| anyhow!("can't set up the account: {operation}: {}", error.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_folder_is_one_of_the_folder_where_the_process_stands() {
        let image = LocalImage {
            command: PathBuf::from("src/main.rs"),
            args: Vec::new(),
            tags: vec!["1".to_owned()],
            environment: BTreeMap::new(),
        };
        let surrogate =
            Surrogate { images: BTreeMap::from([("app".to_owned(), image)]), ..Surrogate::default() };
        let found = images(&surrogate, Path::new("local.yaml")).map_err(|error| error.to_string());
        assert!(found.is_ok(), "{found:?}");
        let elsewhere = images(&surrogate, Path::new("src/local.yaml")).map_err(|error| error.to_string());
        assert!(elsewhere.is_err_and(|why| why.contains("src/src/main.rs")));
    }
}
