//! The tags that we write, and what they say about who owns a resource.

use super::Json;

/// Names of the tags on every task definition and service we write.
pub mod tag {
    /// Which installation of the operator wrote this.
    pub const MANAGED_BY: &str = "reconciler/managed-by";
    /// The manifest's identity: the service's name in Git.
    pub const ID: &str = "reconciler/id";
    /// On a task definition: the digest of its content. On a service: the digest of the whole spec
    /// that was applied last.
    pub const DIGEST: &str = "reconciler/digest";
    /// On a service: `family:number` of the revision that was applied with [`DIGEST`]. Revisions are
    /// immutable, so both tags together say what runs without reading the task definition.
    pub const TASK_DEFINITION: &str = "reconciler/task-definition";
    /// On a task definition: the cluster that it was registered for. Environments may share a family, and
    /// whoever clears one out has to know whose each revision is.
    pub const CLUSTER: &str = "reconciler/cluster";
    /// The Git commit.
    pub const REVISION: &str = "reconciler/revision";
    /// On a task: the hook that it is.
    pub const HOOK: &str = "reconciler/hook";
    /// An administrator's bounds for the service's scalable target, for a while: `min=2 max=8
    /// until=2026-11-21T12:00:00Z`.
    pub const SCALING_OVERRIDE: &str = "reconciler/scaling-override";
    /// A person's request to leave the service alone, perhaps for a while.
    pub const SUSPENDED: &str = "reconciler/suspended";
    /// A person's request to try once more what is held after a failure.
    pub const RETRY: &str = "reconciler/retry";
    /// A person's request to go back to an earlier revision.
    pub const ROLL_BACK: &str = "reconciler/roll-back";
    /// A person's request not to wait any longer with what Git asks for.
    pub const SYNC: &str = "reconciler/sync";
    /// Requests that are heeded once.
    pub const REQUESTS: [&str; 3] = [ROLL_BACK, RETRY, SYNC];
}

/// The name of a cluster, which may be given as its ARN.
pub fn cluster_name(cluster: &str) -> &str {
    cluster.rsplit('/').next().unwrap_or(cluster)
}

/// Whose a service is, judged by its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Ours, under this identity.
    Ours,
    /// Nobody's: it may be adopted.
    Unclaimed,
    /// Another installation, CloudFormation, or ECS Express mode: hands off.
    Foreign { owner: String },
}

/// Reads a tag from a list of `{key, value}` as ECS writes it.
pub(super) fn read<'a>(tags: Option<&'a Json>, name: &str) -> Option<&'a str> {
    tags?.as_array()?.iter().find(|tag| tag["key"] == name)?["value"].as_str()
}
