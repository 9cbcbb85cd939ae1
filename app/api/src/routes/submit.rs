//! Jobs come in.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::{Extension, Json};
use jobs::job::JobId;
use jobs::store::{Idempotency, NewJob, Submitted};
use jobs::timestamp::Timestamp;
use jobs::work::Work;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tracing::info;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{JsonBody, write_whole_numbers_as_such};
use crate::document::refusals;
use crate::problem::{Code, Problem};
use crate::requests::RequestId;
use crate::state::Api;
use crate::submissions;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const KEY_BYTES_MAX: usize = 255;

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(submit_job))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    kind: String,
    #[serde(default = "empty_payload")]
    payload: Value,
}

fn empty_payload() -> Value {
    json!({})
}

/// A job that was taken.
#[derive(Serialize, ToSchema)]
struct Accepted {
    #[schema(value_type = String, format = "uuid")]
    id: JobId,
    /// What it was when it was taken.
    #[schema(example = "SUBMITTED")]
    status: &'static str,
}

refusals!(
    SubmitRefusals: InvalidHeader, InvalidJson, BodyInterrupted, BodyStalled, IdempotencyKeyReused, BodyTooLarge,
    UnsupportedMediaType, InvalidBody, UnknownKind, InvalidPayload, UnknownUpload, UnknownImport, Unavailable
);

/// Submits a job. The answer comes once the job and its message are stored; the queue need not be up for that.
#[utoipa::path(post, path = "/submit-job", tag = "jobs",
    params(
        ("idempotency-key" = Option<String>, Header,
            description = "A submission with the key and the body of an earlier one is answered as that one was, \
                and makes no second job. 1 to 255 visible ASCII characters; kept for 24 hours at least",
            min_length = 1, max_length = 255, pattern = "^[!-~]+$", example = "order-4711"),
    ),
    request_body(content = submissions::Submission),
    responses(
        (status = 202, description = "The job is stored and will be done", body = Accepted,
            headers(("location" = String, description = "the job's path"))),
        SubmitRefusals,
    )
)]
async fn submit_job(
    State(api): State<Api>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    JsonBody(submission): JsonBody<Submission>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Accepted>), Problem> {
    let key = idempotency_key(&headers)?;
    let Submission { kind, mut payload } = submission;
    write_whole_numbers_as_such(&mut payload);
    if !payload.is_object() {
        return Err(Problem::new(Code::InvalidPayload, "the payload must be a JSON object"));
    }
    let work = Work::parse(&kind, &payload)?;
    expect_what_it_names(&api, &work).await?;

    let idempotency = key.map(|key| Idempotency { key, fingerprint: fingerprint(&kind, &payload) });
    let new = NewJob { kind, payload, request_id: Some(request_id.0), idempotency };
    let job = match api.store.submit(new, Timestamp::now()).await? {
        Submitted::New(job) => {
            api.submitted.notify_one();
            info!(job_id = %job.id, kind = job.kind, "submitted");
            job
        }
        Submitted::Repeated(job) => {
            info!(job_id = %job.id, kind = job.kind, "submitted again");
            job
        }
        Submitted::KeyTaken => {
            let detail = "this idempotency key was used with another body; take a new key for a new job";
            return Err(Problem::new(Code::IdempotencyKeyReused, detail));
        }
    };
    let location = [(header::LOCATION, format!("/jobs/{}", job.id))];
    // Not the status of now: a repetition is answered word for word.
    Ok((StatusCode::ACCEPTED, location, Json(Accepted { id: job.id, status: "SUBMITTED" })))
}

/// Refuses work on what is not there, now rather than in the worker.
async fn expect_what_it_names(api: &Api, work: &Work) -> Result<(), Problem> {
    match work {
        Work::Sleep { .. } | Work::Email { .. } | Work::Report { import: None } => Ok(()),
        Work::CsvImport { upload } => match api.store.upload(upload).await? {
            Some(_) => Ok(()),
            None => {
                let detail = format!("there is no upload {upload}; send the file to /uploads first");
                Err(Problem::new(Code::UnknownUpload, detail))
            }
        },
        Work::Report { import: Some(import) } => match api.store.read(*import).await? {
            Some(job) if job.kind == "csv-import" => Ok(()),
            found => {
                let what = found.map_or("no".to_owned(), |job| format!("a `{}`", job.kind));
                let detail = format!("there is {what} job {import}; `import` names a csv-import job");
                Err(Problem::new(Code::UnknownImport, detail))
            }
        },
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return match headers.contains_key(IDEMPOTENCY_KEY) {
            false => Ok(None),
            true => Err(Problem::new(Code::InvalidHeader, "`idempotency-key` is given more than once")),
        };
    };
    let bytes = key.as_bytes();
    if (1..=KEY_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic) {
        return Ok(Some(String::from_utf8_lossy(bytes).into_owned()));
    }
    let detail =
        format!("`idempotency-key` has 1 to {KEY_BYTES_MAX} visible ASCII characters, without spaces");
    Err(Problem::new(Code::InvalidHeader, detail))
}

/// Equal for bodies that mean the same: members in any order, with any space between them.
fn fingerprint(kind: &str, payload: &Value) -> String {
    let meaning = json!([kind, payload]).to_string();
    Sha256::digest(meaning).iter().map(|byte| format!("{byte:02x}")).collect()
}
