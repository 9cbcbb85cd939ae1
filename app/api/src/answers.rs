//! Stored things as the API answers them; the OpenAPI document is made from these types.

use jobs::job::{Job, JobId, Status};
use jobs::timestamp::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// One job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobAnswer {
    #[schema(value_type = String, format = "uuid")]
    pub id: JobId,
    #[schema(example = "sleep")]
    pub kind: String,
    #[schema(value_type = Object)]
    pub payload: Value,
    #[schema(value_type = String)]
    pub status: Status,
    /// Why the job failed; only on a FAILED job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The request that submitted it, for finding everything that is logged about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What the job brought; only on a COMPLETED job, and not for every kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// How often a worker has begun this job.
    pub attempts: u32,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<Job> for JobAnswer {
    fn from(job: Job) -> JobAnswer {
        let Job { id, kind, payload, status, reason, request_id, result, attempts, created_at, updated_at } =
            job;
        JobAnswer { id, kind, payload, status, reason, request_id, result, attempts, created_at, updated_at }
    }
}
