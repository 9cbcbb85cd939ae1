//! Stored things as the API answers them; the OpenAPI document is made from these types.

use std::borrow::Cow;

use jobs::job::{Job, JobId, Status};
use jobs::store::{HistoryEntry, HistoryEvent, Upload, UploadId};
use jobs::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// One job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobAnswer {
    #[schema(value_type = String, format = "uuid")]
    pub id: JobId,
    #[schema(example = "sleep")]
    pub kind: String,
    /// As it was submitted.
    #[schema(value_type = Object)]
    pub payload: Value,
    #[schema(value_type = StatusName)]
    pub status: Status,
    /// Why the job failed; only on a FAILED job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// The request that submitted it, for finding everything that is logged about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<String>,
    /// What the job brought; only on a COMPLETED job, and not for every kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    pub result: Option<Value>,
    /// How often a worker has begun this job.
    pub attempts: u32,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the status changed last, or a worker began it again.
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

/// Some jobs, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobList {
    pub jobs: Vec<JobAnswer>,
    /// The path of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "/jobs?limit=20&cursor=c1_0196f0c4c0de7abc8def0123456789ab")]
    pub next: Option<String>,
}

/// What happened to a job, in order.
#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    pub history: Vec<HistoryLine>,
}

/// One thing that happened to a job.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryLine {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    #[schema(schema_with = event)]
    pub event: HistoryEvent,
    /// Which attempt it belongs to; 0 before the first.
    pub attempt: u32,
    /// The worker that did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub worker: Option<String>,
    /// The reason of a failure, or the request that submitted the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
}

impl From<HistoryEntry> for HistoryLine {
    fn from(entry: HistoryEntry) -> HistoryLine {
        let HistoryEntry { at, event, attempt, worker, detail } = entry;
        HistoryLine { at, event, attempt, worker: worker.map(|it| it.to_string()), detail }
    }
}

/// A file that was uploaded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Upload)]
pub struct UploadAnswer {
    #[schema(value_type = String, format = "uuid")]
    pub id: UploadId,
    /// What its sender calls it; only ever shown.
    #[schema(example = "orders.csv")]
    pub name: String,
    pub bytes: u64,
    /// Of the content, in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sha256: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<Upload> for UploadAnswer {
    fn from(upload: Upload) -> UploadAnswer {
        // Where the object is, is nobody else's affair.
        let Upload { id, object: _, name, bytes, sha256, created_at } = upload;
        UploadAnswer { id, name, bytes, sha256, created_at }
    }
}

/// The schema of a job's status.
pub struct StatusName;

impl PartialSchema for StatusName {
    fn schema() -> RefOr<Schema> {
        one_of_words(Status::ALL.map(Status::name)).into()
    }
}

impl ToSchema for StatusName {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Status")
    }
}

fn event() -> Object {
    one_of_words(HistoryEvent::ALL.map(HistoryEvent::name))
}

fn one_of_words<const N: usize>(words: [&'static str; N]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.map(|word| json!(word)))).build()
}
