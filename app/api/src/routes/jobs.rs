//! Jobs: submitted and read.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use jobs::job::JobId;
use jobs::store::{NewJob, Submitted};
use jobs::timestamp::Timestamp;
use jobs::work::Work;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answers::JobAnswer;
use crate::body::JsonBody;
use crate::document::refusals;
use crate::problem::{Code, Problem};
use crate::state::Api;

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(submit_job)).routes(routes!(read_job))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Submission {
    /// What to do.
    #[schema(example = "sleep")]
    kind: String,
    /// What the kind needs to know.
    #[serde(default = "empty_payload")]
    #[schema(value_type = Object, example = json!({"milliseconds": 50}))]
    payload: Value,
}

fn empty_payload() -> Value {
    json!({})
}

#[derive(Serialize, ToSchema)]
struct Accepted {
    #[schema(value_type = String, format = "uuid")]
    id: JobId,
    #[schema(example = "SUBMITTED")]
    status: String,
}

refusals!(
    SubmitRefusals: InvalidJson, InvalidBody, UnknownKind, InvalidPayload, UnsupportedMediaType, BodyTooLarge,
    BodyStalled, BodyInterrupted, Unavailable
);
refusals!(ReadRefusals: NoSuchJob, Unavailable);

/// Submits a job. Answers 202 once the job and its message are stored; the queue need not be up for that.
#[utoipa::path(post, path = "/submit-job", tag = "jobs", request_body = Submission, responses(
    (status = 202, description = "accepted", body = Accepted, headers(("location" = String))),
    SubmitRefusals,
))]
async fn submit_job(
    State(api): State<Api>,
    JsonBody(submission): JsonBody<Submission>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Accepted>), Problem> {
    Work::parse(&submission.kind, &submission.payload)?;
    let new = NewJob::new(&submission.kind, submission.payload);
    let job = match api.store.submit(new, Timestamp::now()).await? {
        Submitted::New(job) | Submitted::Repeated(job) => job,
        Submitted::KeyTaken => {
            return Err(Problem::new(Code::IdempotencyKeyReused, "this key was used with another body"));
        }
    };
    api.submitted.notify_one();
    info!(job_id = %job.id, kind = job.kind, "submitted");
    let location = [(header::LOCATION, format!("/jobs/{}", job.id))];
    Ok((StatusCode::ACCEPTED, location, Json(Accepted { id: job.id, status: job.status.to_string() })))
}

/// Reads one job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "a job's id")), responses(
    (status = 200, body = JobAnswer),
    ReadRefusals,
))]
async fn read_job(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<JobAnswer>, Problem> {
    let unknown = || Problem::new(Code::NoSuchJob, "there is no job with this id");
    let id: JobId = id.parse().map_err(|_| unknown())?;
    let job = api.store.read(id).await?.ok_or_else(unknown)?;
    Ok(Json(JobAnswer::from(job)))
}
