//! A job as it is stored and as the API answers it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::Value;

use crate::timestamp::Timestamp;

crate::id::id! {
    /// A job's id.
    JobId
}

/// One job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Job {
    pub id: JobId,
    pub kind: String,
    pub payload: Value,
    pub status: Status,
    /// Why the job failed; only on a FAILED job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The request that submitted it, for finding everything that is logged about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What the job brought; only on a COMPLETED job, and not for every kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// How often a worker has begun this job.
    pub attempts: u32,
    pub created_at: Timestamp,
    /// When the status changed last, or a worker began it again.
    pub updated_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Submitted,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    pub const ALL: [Status; 5] =
        [Status::Submitted, Status::Running, Status::Completed, Status::Failed, Status::Cancelled];

    pub fn name(self) -> &'static str {
        match self {
            Status::Submitted => "SUBMITTED",
            Status::Running => "RUNNING",
            Status::Completed => "COMPLETED",
            Status::Failed => "FAILED",
            Status::Cancelled => "CANCELLED",
        }
    }

    /// Whether nothing will happen to the job any more.
    pub fn is_final(self) -> bool {
        match self {
            Status::Submitted | Status::Running => false,
            Status::Completed | Status::Failed | Status::Cancelled => true,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a job status; they are SUBMITTED, RUNNING, COMPLETED, FAILED and CANCELLED")]
pub struct UnknownStatus(String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Status, UnknownStatus> {
        Status::ALL
            .into_iter()
            .find(|status| status.name() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}
