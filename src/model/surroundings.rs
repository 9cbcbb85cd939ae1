//! What manifests refer to outside of ECS: each thing by what it takes to ask AWS for it.

use std::collections::BTreeMap;

use super::{ImageId, Json, Part};

/// An ECR repository of any account and region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    pub account: String,
    pub region: String,
    pub name: String,
}

/// One thing to look up. Equal subjects are looked up once, whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Cluster(String),
    /// By name, without its path.
    Role(String),
    Repository(Repository),
    /// Its manifest.
    Image(Repository, ImageId),
    /// Everything but its value.
    Secret {
        region: String,
        id: String,
    },
    /// The names of its JSON's members; `"text"` or `"binary"` where it has none.
    SecretKeys {
        region: String,
        id: String,
        stage: Option<String>,
        version: Option<String>,
    },
    Parameter {
        region: String,
        name: String,
    },
    LogGroup {
        region: String,
        name: String,
    },
    Object {
        bucket: String,
        key: String,
    },
    /// Of EFS.
    FileSystem(String),
    TargetGroup(String),
    Subnet(String),
    SecurityGroup(String),
    /// Of the VPCs of all subnets that are asked for.
    RouteTables,
    Namespaces,
    /// A service of Cloud Map.
    Registry(String),
    Alarm(String),
}

/// What AWS answered, by what was asked.
pub type Facts = BTreeMap<Subject, Part<Json>>;
