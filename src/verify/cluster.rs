//! The cluster, and what it has to run tasks on.

use super::{Verdict, View, error, texts, warning};
use crate::model::{Json, Subject};

/// What a service or a task is to run on.
#[derive(Clone, Debug)]
pub(super) enum Capacity {
    Provider(String),
    /// Neither a launch type nor a strategy: the cluster's default, and else EC2.
    OfTheCluster,
    Ec2,
}

pub(super) fn judge(view: &View<'_>) -> Vec<Verdict> {
    let name = &view.context.cluster;
    let status = match cluster(view) {
        Ok(Some(cluster)) => cluster["status"].as_str().unwrap_or_default(),
        // ECS goes on listing a deleted cluster for a while, as INACTIVE.
        Ok(None) => "INACTIVE",
        Err(verdict) => return vec![verdict],
    };
    match status {
        "ACTIVE" => Vec::new(),
        "INACTIVE" => {
            let what = format!("there is no cluster `{name}` in {}", view.context.region);
            vec![error(what, "create it, or correct `cluster` of the environment")]
        }
        other => vec![error(format!("cluster `{name}` is {other}"), "wait until it is ACTIVE")],
    }
}

pub(super) fn subject(view: &View<'_>) -> Subject {
    Subject::Cluster(view.context.cluster.clone())
}

fn cluster<'a>(view: &View<'a>) -> Result<Option<&'a Json>, Verdict> {
    view.look(&subject(view), "the cluster")
}

/// The cluster, if it is one that tasks can run in; what else there is to say of it is said once.
pub(super) fn active<'a>(view: &View<'a>) -> Option<&'a Json> {
    cluster(view).ok().flatten().filter(|cluster| cluster["status"] == "ACTIVE")
}

impl Capacity {
    pub(super) fn judge(&self, view: &View<'_>) -> Option<Verdict> {
        let cluster = active(view)?;
        let name = &view.context.cluster;
        match self {
            Capacity::Provider(provider) => {
                let has = texts(&cluster["capacityProviders"]);
                (!has.contains(&provider.as_str())).then(|| {
                    let what = format!("cluster `{name}` has no capacity provider `{provider}`");
                    let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
                    error(what, format!("associate it with the cluster, which has {has}, or name another"))
                })
            }
            Capacity::OfTheCluster
                if cluster["defaultCapacityProviderStrategy"].as_array().is_some_and(|it| !it.is_empty()) =>
            {
                None
            }
            Capacity::OfTheCluster | Capacity::Ec2 => (cluster["registeredContainerInstancesCount"] == 0)
                .then(|| {
                    let what = format!("cluster `{name}` has no container instances to run EC2 tasks on");
                    warning(what, "register some, or set launchType or capacityProviderStrategy")
                }),
        }
    }
}
