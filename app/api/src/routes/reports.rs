//! The files that jobs made: a report, and the rows that an import rejected.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::TryStreamExt as _;
use jobs::job::{JobId, Status};
use jobs::log::chain;
use tracing::warn;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::jobs::{job_id, no_such_job};
use crate::document::refusals;
use crate::problem::{Code, Problem};
use crate::state::Api;

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(read_report)).routes(routes!(read_rejections))
}

refusals!(ReportRefusals: NoSuchJob, NoReport, NotCompleted, Unavailable);

/// Downloads the CSV that a `report` job made.
#[utoipa::path(get, path = "/jobs/{id}/report", tag = "jobs",
    params(("id" = String, Path, description = "A report job's id", format = "uuid")),
    responses(
        (status = 200, description = "The report", body = String, content_type = "text/csv",
            headers(("content-disposition" = String, description = "a name for the file")),
            example = "product,orders,quantity,revenue\nkeyboard,1,2,99.80\n"),
        ReportRefusals,
    )
)]
async fn read_report(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    let job = api.store.read(id).await?.ok_or_else(no_such_job)?;
    if job.kind != "report" {
        let detail = format!("this is a `{}` job; only `report` jobs have a report", job.kind);
        return Err(Problem::new(Code::NoReport, detail));
    }
    if job.status != Status::Completed {
        let detail = format!("the job is {}; its report is there once it is COMPLETED", job.status);
        return Err(Problem::new(Code::NotCompleted, detail));
    }
    download(&api, "reports", id, "report")
        .await?
        .ok_or_else(|| Problem::new(Code::NoReport, "the report was removed; submit another `report` job"))
}

refusals!(RejectionsRefusals: NoSuchJob, NoRejections, NotCompleted, Unavailable);

/// Downloads all rows that a `csv-import` job rejected, as CSV, each with its line and the reason; also when the job
/// FAILED because it had no others.
#[utoipa::path(get, path = "/jobs/{id}/rejections", tag = "jobs",
    params(("id" = String, Path, description = "A csv-import job's id", format = "uuid")),
    responses(
        (status = 200, description = "The rejected rows", body = String, content_type = "text/csv",
            headers(("content-disposition" = String, description = "a name for the file")),
            example = "line,reason\n7,order_id is empty\n"),
        RejectionsRefusals,
    )
)]
async fn read_rejections(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    let job = api.store.read(id).await?.ok_or_else(no_such_job)?;
    if job.kind != "csv-import" {
        let detail = format!("this is a `{}` job; only `csv-import` jobs reject rows", job.kind);
        return Err(Problem::new(Code::NoRejections, detail));
    }
    match job.status {
        Status::Submitted | Status::Running => {
            let detail = format!("the job is {}; what it rejects is there once it has ended", job.status);
            return Err(Problem::new(Code::NotCompleted, detail));
        }
        Status::Completed | Status::Failed | Status::Cancelled => {}
    }
    download(&api, "rejections", id, "rejections").await?.ok_or_else(|| {
        Problem::new(Code::NoRejections, "no row was rejected, or the list of them was removed")
    })
}

/// The CSV file of a job in this folder, to be saved under a name with this beginning.
async fn download(api: &Api, folder: &str, id: JobId, name: &str) -> Result<Option<Response>, Problem> {
    let found = api.objects.get(&format!("{folder}/{id}.csv")).await;
    let Some(found) = found.map_err(|error| Problem::unavailable("object store", &error))? else {
        return Ok(None);
    };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_LENGTH, found.bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}-{id}.csv\"")),
    ];
    // The status is sent by then; the client sees that the length is short.
    let body =
        found.body.inspect_err(|error| warn!(error = chain(error), "a file could not be read to its end"));
    Ok(Some((headers, Body::from_stream(body)).into_response()))
}
