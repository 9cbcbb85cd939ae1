//! What this installation attempted for one service: the ledger's row.

use serde::{Deserialize, Serialize};

use super::{Digest, Failure, TaskDefinitionArn, Timestamp};

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
}

/// Written before a mutating call, removed once its outcome is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    pub kind: IntentKind,
    /// Of the spec that the call serves.
    pub digest: Digest,
    pub at: Timestamp,
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
    /// The task definition that failed.
    pub task_definition: TaskDefinitionArn,
    pub revision: String,
    pub failure: Failure,
}

/// The revision that completed a deployment last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastGood {
    pub digest: Digest,
    pub task_definition: TaskDefinitionArn,
    pub completed_at: Timestamp,
}
