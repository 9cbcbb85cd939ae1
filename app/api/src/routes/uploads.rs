//! Files that jobs work on: taken in, and described.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use jobs::store::{Upload, UploadId};
use jobs::timestamp::Timestamp;
use tracing::info;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answers::UploadAnswer;
use crate::body::{Arriving, MediaType};
use crate::document::refusals;
use crate::file_name;
use crate::problem::{Code, Problem};
use crate::query::Parameters;
use crate::state::Api;

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(upload)).routes(routes!(read_upload))
}

refusals!(
    UploadRefusals: InvalidQuery, BodyInterrupted, BodyStalled, BodyTooLarge, UnsupportedMediaType, EmptyUpload,
    Busy, Unavailable
);
refusals!(ReadRefusals: NoSuchUpload, Unavailable);

/// The schema of an uploaded file.
struct CsvFile;

impl PartialSchema for CsvFile {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).into()
    }
}

impl ToSchema for CsvFile {}

/// Takes in a CSV file, as it is: no form around it. Its columns are order_id, ordered_on, product,
/// quantity and unit_price; they are checked when a `csv-import` job reads it.
#[utoipa::path(post, path = "/uploads", tag = "uploads",
    params(
        ("name" = Option<String>, Query, description = "what to call the file; only ever shown", example = "orders.csv"),
        ("content-disposition" = Option<String>, Header,
            description = "names the file when the query does not", example = "attachment; filename=orders.csv"),
    ),
    request_body(content = inline(CsvFile), content_type = "text/csv", description = "UTF-8; at most UPLOAD_BYTES_MAX bytes",
        example = "order_id,ordered_on,product,quantity,unit_price\n1001,2026-11-21,keyboard,2,49.90\n"),
    responses(
        (status = 201, description = "The file is stored", body = UploadAnswer,
            headers(("location" = String, description = "the upload's path"))),
        UploadRefusals,
    )
)]
async fn upload(
    State(api): State<Api>,
    request: Request,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<UploadAnswer>), Problem> {
    let (parts, body) = request.into_parts();
    let query = Parameters::read(&parts.uri, &["name"])?;
    let name = file_name::shown(query.get("name"), &parts.headers);
    MediaType::of(&parts.headers).expect("text/csv")?;
    let limits = &api.uploads.limits;
    let arriving = Arriving::new(&parts.headers, body, limits.bytes_max, limits.patience)?;
    let place = api.uploads.place()?;

    let id = UploadId::fresh();
    let unrecorded = api.uploads.receive(place, arriving, format!("uploads/{id}.csv")).await?;
    let upload = Upload {
        id,
        object: unrecorded.name.clone(),
        name,
        bytes: unrecorded.stored.bytes,
        sha256: unrecorded.stored.sha256.clone(),
        created_at: Timestamp::now(),
    };
    if let Err(error) = api.store.record_upload(&upload).await {
        unrecorded.remove().await;
        return Err(error.into());
    }
    unrecorded.keep();
    api.metrics.uploaded(upload.bytes);
    info!(upload_id = %id, bytes = upload.bytes, "uploaded");
    let location = [(header::LOCATION, format!("/uploads/{id}"))];
    Ok((StatusCode::CREATED, location, Json(UploadAnswer::from(upload))))
}

/// Describes an upload.
#[utoipa::path(get, path = "/uploads/{id}", tag = "uploads",
    params(("id" = String, Path, description = "An upload's id", format = "uuid")),
    responses((status = 200, description = "The upload", body = UploadAnswer), ReadRefusals)
)]
async fn read_upload(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<UploadAnswer>, Problem> {
    let unknown = || Problem::new(Code::NoSuchUpload, "there is no upload with this id");
    let id: UploadId = id.parse().map_err(|_| unknown())?;
    let upload = api.store.upload(&id).await?.ok_or_else(unknown)?;
    Ok(Json(UploadAnswer::from(upload)))
}
