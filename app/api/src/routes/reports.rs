//! What a `report` job made.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use jobs::job::Status;
use object_store::ObjectStoreExt as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::jobs::{job_id, no_such_job};
use crate::document::refusals;
use crate::problem::{Code, Problem};
use crate::state::Api;

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(read_report))
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
    let object = object_store::path::Path::from(format!("reports/{id}.csv"));
    let found = match api.objects.get(&object).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => {
            return Err(Problem::new(Code::NoReport, "the report was removed; submit another `report` job"));
        }
        Err(error) => return Err(Problem::unavailable("object store", &error)),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_LENGTH, found.meta.size.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"report-{id}.csv\"")),
    ];
    Ok((headers, Body::from_stream(found.into_stream())).into_response())
}
