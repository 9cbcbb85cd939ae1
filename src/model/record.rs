//! What this installation attempted for one service: the ledger's row.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Digest, EcsService, Failure, Json, TaskDefinitionArn, Timestamp};

/// Everything the ledger keeps about a service. Git says what is wanted, AWS says what is; this
/// says what was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceRecord {
    /// A call that was about to be made and whose outcome is not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// The spec that was applied last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
    /// The deployment that is being watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGood>,
    /// What of the service's scaling is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingPut>,
    /// Git no longer mentions the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaving: Option<Leaving>,
    /// The service is gone; this is all that is kept of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Deleted>,
}

impl ServiceRecord {
    /// Whether we made or changed this service, and it has not been deleted since.
    pub fn is_of_a_service(&self) -> bool {
        self.deleted.is_none()
            && (self.applied.is_some() || self.rollout.is_some() || self.last_good.is_some())
    }
}

/// What we asked Application Auto Scaling for. It has no tags on policies and scheduled actions, so
/// this alone tells ours from those of others. Noted before the call: a name that is noted and was never
/// put is one that Git asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScalingPut {
    /// We registered the scalable target, or changed it.
    pub target: bool,
    pub policies: BTreeSet<String>,
    pub scheduled_actions: BTreeSet<String>,
}

/// Since when Git does without a service that we deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// The first Git commit in force without it.
    pub revision: String,
    pub noticed_at: Timestamp,
    /// When its deletion began; from then on its count is not what Git asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deleted {
    pub at: Timestamp,
    /// The Git commit that did without it.
    pub revision: String,
    /// What it ran last. Task definitions stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<TaskDefinitionArn>,
}

/// Written before a mutating call, removed once its outcome is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    pub kind: IntentKind,
    /// Of the spec that the call serves.
    pub digest: Digest,
    /// The Git commit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The revision that the service will point to, where the call says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<TaskDefinitionArn>,
    /// The PRIMARY deployment before the call: whatever became of the call, it did not start this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    pub at: Timestamp,
}

impl Intent {
    /// An intent that names neither a revision nor the deployment before.
    pub fn of(kind: IntentKind, digest: &Digest, at: Timestamp) -> Self {
        Self {
            kind,
            digest: digest.clone(),
            revision: String::new(),
            task_definition: None,
            before: None,
            at,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IntentKind {
    Register,
    Create,
    Update,
    Scale,
    Tag,
    RollBack,
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    pub digest: Digest,
    pub task_definition_digest: Digest,
    pub task_definition: TaskDefinitionArn,
    /// The Git commit that asked for it.
    pub revision: String,
    pub at: Timestamp,
    /// `sync.prune` of the manifest, for the day on which it leaves Git; `None`: it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune: Option<bool>,
}

/// A deployment that we started or adopted, until it is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    pub kind: RolloutKind,
    /// Of the spec that is being rolled out; for a roll-back, of the spec that failed.
    pub digest: Digest,
    pub task_definition: TaskDefinitionArn,
    /// `ecs-svc/<number>`, once it is known. Health is judged against this id alone.
    pub deployment: Option<String>,
    pub started_at: Timestamp,
    pub revision: String,
    /// The revision to go back to: the last that completed a deployment, when this one started.
    pub back_to: Option<TaskDefinitionArn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RolloutKind {
    Deploy,
    RollBack,
}

/// A digest that failed: not tried again until Git asks for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantine {
    pub digest: Digest,
    /// The task definition that failed; none where AWS refused a call, for then none was tried.
    #[serde(default)]
    pub task_definition: Option<TaskDefinitionArn>,
    /// The deployment that was judged. It may still be going on: another digest may replace it.
    #[serde(default)]
    pub deployment: Option<String>,
    pub revision: String,
    pub failure: Failure,
}

/// The revision that completed a deployment last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastGood {
    pub digest: Digest,
    pub task_definition: TaskDefinitionArn,
    /// `ecs-svc/<number>`, so that one deployment is not judged twice.
    #[serde(default)]
    pub deployment: Option<String>,
    /// The service's own settings that a deployment brings along, as AWS had them: what a roll-back
    /// puts back besides the task definition.
    #[serde(default)]
    pub settings: Json,
    pub completed_at: Timestamp,
}

impl LastGood {
    /// Of the deployment that leads now, which has completed.
    pub fn of(service: &EcsService, digest: Digest, completed_at: Timestamp) -> Self {
        Self {
            digest,
            task_definition: service.task_definition(),
            deployment: service.primary().map(|primary| primary.id().to_owned()),
            settings: service.deployed_settings(),
            completed_at,
        }
    }
}
