//! Jobs looked at, and taken back.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use jobs::job::{JobId, Status};
use jobs::store::{Cancel, ListJobs};
use jobs::timestamp::Timestamp;
use tracing::info;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answers::{History, HistoryLine, JobAnswer, JobList, StatusName};
use crate::document::refusals;
use crate::problem::{Code, Problem};
use crate::query::{Parameters, refusal};
use crate::state::Api;

const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: u32 = 100;
/// What a cursor begins with. What follows may change; clients take it as it is.
const CURSOR_MARK: &str = "c1_";

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list_jobs))
        .routes(routes!(read_job, cancel_job))
        .routes(routes!(read_history))
}

refusals!(ListRefusals: InvalidQuery, Unavailable);
refusals!(ReadRefusals: NoSuchJob, Unavailable);
refusals!(CancelRefusals: NoSuchJob, TooLate, Unavailable);

/// Lists jobs, the newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs",
    params(
        ("status" = inline(Option<StatusName>), Query, description = "only jobs of this status", example = "FAILED"),
        ("limit" = Option<u32>, Query, description = "how many at most", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, description = "where to go on, as `next` of the page before says it",
            pattern = "^c1_[0-9a-f]{32}$"),
    ),
    responses((status = 200, description = "A page of jobs", body = JobList), ListRefusals)
)]
async fn list_jobs(State(api): State<Api>, uri: Uri) -> Result<Json<JobList>, Problem> {
    let asked = asked(&uri)?;
    let page = api.store.list(asked).await?;
    let next = page.next.map(|last| path_after(last, asked.limit, asked.status));
    Ok(Json(JobList { jobs: page.jobs.into_iter().map(JobAnswer::from).collect(), next }))
}

fn asked(uri: &Uri) -> Result<ListJobs, Problem> {
    let query = Parameters::read(uri, &["status", "limit", "cursor"])?;
    let status = query.get("status").map(|text| {
        text.parse::<Status>().map_err(|_| {
            let known = Status::ALL.map(Status::name).join(", ");
            refusal(format!("`status` must be one of {known}, not `{text}`"))
        })
    });
    let limit = query.get("limit").map_or(Ok(LIMIT_DEFAULT), |text| {
        let number = text.parse().ok().filter(|number| (1..=LIMIT_MAX).contains(number));
        number.ok_or_else(|| refusal(format!("`limit` must be a number from 1 to {LIMIT_MAX}, not `{text}`")))
    });
    let after = query.get("cursor").map(|text| {
        place(text).ok_or_else(|| refusal("`cursor` is not one that a page gave; take it from `next`"))
    });
    Ok(ListJobs { status: status.transpose()?, after: after.transpose()?, limit: limit? })
}

/// The path of the page that begins after this job.
pub fn path_after(last: JobId, limit: u32, status: Option<Status>) -> String {
    let status = status.map_or(String::new(), |status| format!("&status={status}"));
    format!("/jobs?limit={limit}{status}&cursor={}", cursor(last))
}

fn cursor(last: JobId) -> String {
    format!("{CURSOR_MARK}{}", last.to_string().replace('-', ""))
}

fn place(cursor: &str) -> Option<JobId> {
    let id = cursor.strip_prefix(CURSOR_MARK)?;
    // Only the spelling that `cursor` writes.
    (id.len() == 32 && !id.contains('-')).then(|| id.parse().ok())?
}

/// Reads one job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "A job's id", format = "uuid")),
    responses((status = 200, description = "The job", body = JobAnswer), ReadRefusals)
)]
async fn read_job(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<JobAnswer>, Problem> {
    let job = api.store.read(job_id(&id)?).await?.ok_or_else(no_such_job)?;
    Ok(Json(JobAnswer::from(job)))
}

/// Takes a job back before a worker begins it. Doing so again changes nothing.
#[utoipa::path(delete, path = "/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "A job's id", format = "uuid")),
    responses((status = 200, description = "The job is CANCELLED", body = JobAnswer), CancelRefusals)
)]
async fn cancel_job(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<JobAnswer>, Problem> {
    let id = job_id(&id)?;
    match api.store.cancel(id, Timestamp::now()).await? {
        Cancel::Cancelled(job) => {
            info!(job_id = %id, "cancelled");
            Ok(Json(JobAnswer::from(job)))
        }
        Cancel::TooLate(Status::Cancelled) => {
            let job = api.store.read(id).await?.ok_or_else(no_such_job)?;
            Ok(Json(JobAnswer::from(job)))
        }
        Cancel::TooLate(status) => {
            let detail = format!("the job is {status}; only a job that is SUBMITTED can be cancelled");
            Err(Problem::new(Code::TooLate, detail))
        }
        Cancel::Unknown => Err(no_such_job()),
    }
}

/// Tells what happened to a job, in order.
#[utoipa::path(get, path = "/jobs/{id}/history", tag = "jobs",
    params(("id" = String, Path, description = "A job's id", format = "uuid")),
    responses((status = 200, description = "What happened to it", body = History), ReadRefusals)
)]
async fn read_history(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<History>, Problem> {
    let id = job_id(&id)?;
    api.store.read(id).await?.ok_or_else(no_such_job)?;
    let history = api.store.history(id).await?;
    Ok(Json(History { history: history.into_iter().map(HistoryLine::from).collect() }))
}

/// What is no id names no job.
pub fn job_id(text: &str) -> Result<JobId, Problem> {
    text.parse().map_err(|_| no_such_job())
}

pub fn no_such_job() -> Problem {
    Problem::new(Code::NoSuchJob, "there is no job with this id")
}
