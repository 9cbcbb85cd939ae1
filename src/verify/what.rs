//! One thing that a manifest needs: what to look up for it, and who judges it.

use std::fmt;

use super::balancing::TargetGroup;
use super::cluster::Capacity;
use super::network::Network;
use super::scaling::ResourceLabel;
use super::storage::{self, LogGroup};
use super::{Context, Verdict, View};
use super::{cluster, image, names, role, scaling, secret};
use crate::model::{Subject, ecr_image};

/// A service of AWS that assumes a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    /// For what runs in tasks.
    Tasks,
    /// For what ECS itself does: load balancers, volumes, hooks.
    Ecs,
    Scheduler,
}

impl Principal {
    pub(super) fn service(self) -> &'static str {
        match self {
            Principal::Tasks => "ecs-tasks.amazonaws.com",
            Principal::Ecs => "ecs.amazonaws.com",
            Principal::Scheduler => "scheduler.amazonaws.com",
        }
    }

    /// What it acts for, as a condition on `aws:SourceArn` sees it.
    pub(super) fn source(self, context: &Context) -> String {
        let Context { account, region, cluster, schedule_group } = context;
        let cluster = cluster.rsplit('/').next().unwrap_or_default();
        let partition = match region {
            it if it.starts_with("cn-") => "aws-cn",
            it if it.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        match self {
            Principal::Tasks => format!("arn:{partition}:ecs:{region}:{account}:task/{cluster}/0"),
            Principal::Ecs => format!("arn:{partition}:ecs:{region}:{account}:service/{cluster}/0"),
            Principal::Scheduler => {
                format!("arn:{partition}:scheduler:{region}:{account}:schedule-group/{schedule_group}")
            }
        }
    }
}

/// What an image has to be made for, in the words of its manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    pub(super) os: &'static str,
    pub(super) architecture: &'static str,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Cluster,
    Capacity(Capacity),
    Role(String, Principal),
    Image(String, Option<Platform>),
    Secret(String),
    LogGroup(LogGroup),
    EnvironmentFile(String),
    FileSystem(String),
    /// All of its subnets in one VPC.
    Network(Network),
    Subnet(String, Network),
    SecurityGroup(String, Network),
    TargetGroup(Box<TargetGroup>),
    Namespace(Option<String>),
    /// A registry of Cloud Map, and the network mode of the tasks.
    Registry(String, String),
    Alarm(String),
    ResourceLabel(ResourceLabel),
    ScalingRole,
}

impl What {
    pub(super) fn subjects(&self, context: &Context) -> Vec<Subject> {
        let cluster = || Subject::Cluster(context.cluster.clone());
        match self {
            What::Cluster | What::Capacity(_) => vec![cluster()],
            What::Role(role, _) => vec![Subject::Role(role::name(role).to_owned())],
            What::ScalingRole => vec![Subject::Role(role::SCALING_ROLE.to_owned())],
            What::Image(image, _) => {
                let found = ecr_image(image).into_iter();
                found.flat_map(|(it, id)| [Subject::Repository(it.clone()), Subject::Image(it, id)]).collect()
            }
            What::Secret(from) => secret::subjects(from, &context.region),
            What::LogGroup(group) => vec![group.subject()],
            What::FileSystem(id) => vec![Subject::FileSystem(id.clone())],
            What::EnvironmentFile(value) => storage::object(value).into_iter().collect(),
            What::Network(network) | What::Subnet(_, network) | What::SecurityGroup(_, network) => {
                network.subjects()
            }
            What::TargetGroup(group) => vec![Subject::TargetGroup(group.arn.clone())],
            What::Namespace(None) => vec![cluster()],
            What::Namespace(Some(_)) => vec![Subject::Namespaces],
            What::Registry(arn, _) => vec![Subject::Registry(names::registry_id(arn).to_owned())],
            What::Alarm(name) => vec![Subject::Alarm(name.clone())],
            // The target groups are asked for where the service names them.
            What::ResourceLabel(_) => Vec::new(),
        }
    }

    pub(super) fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let one = |verdict: Option<Verdict>| verdict.into_iter().collect();
        match self {
            What::Cluster => cluster::judge(view),
            What::Capacity(capacity) => one(capacity.judge(view)),
            What::Role(role, principal) => role::judge(role, *principal, view),
            What::ScalingRole => role::judge_scaling_role(view),
            What::Image(image, platform) => image::judge(image, platform.as_ref(), view),
            What::Secret(from) => secret::judge(from, view),
            What::LogGroup(group) => one(group.judge(view)),
            What::FileSystem(id) => one(storage::judge_file_system(id, view)),
            What::EnvironmentFile(value) => one(storage::judge_environment_file(value, view)),
            What::Network(network) => one(network.judge(view)),
            What::Subnet(id, network) => network.judge_subnet(id, view),
            What::SecurityGroup(id, network) => one(network.judge_security_group(id, view)),
            What::TargetGroup(group) => group.judge(view),
            What::Namespace(namespace) => one(names::judge_namespace(namespace.as_deref(), view)),
            What::Registry(arn, mode) => one(names::judge_registry(arn, mode, view)),
            What::Alarm(name) => one(scaling::judge_alarm(name, view)),
            What::ResourceLabel(label) => one(label.judge(view)),
        }
    }
}
