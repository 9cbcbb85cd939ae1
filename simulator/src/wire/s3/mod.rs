//! S3's REST protocol: an operation is a method, a path (`/bucket/key`) and a query, and answers are
//! bytes or XML.
//!
//! A request is S3's by the service that it is signed for. Only paths name buckets, not hosts.

mod read;
mod render;
mod request;
mod write;

use bytes::Bytes;
use http::{Request, Response};

use super::call;
use crate::error::ApiError;
use crate::world::World;
use crate::{Shared, lock};
use request::{Operation, Parsed};

/// Whether a request is signed for S3, in its header or in its query.
pub(super) fn is_for(request: &Request<Bytes>) -> bool {
    const SCOPE: &str = "/s3/aws4_request";
    let header = request.headers().get(http::header::AUTHORIZATION);
    let signed = header.and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(SCOPE));
    let query = request.uri().query().unwrap_or_default();
    signed
        || form_urlencoded::parse(query.as_bytes())
            .any(|(name, value)| name == "X-Amz-Credential" && value.contains(SCOPE))
}

pub(super) async fn answer(shared: &Shared, request: &Request<Bytes>) -> Response<Bytes> {
    let parsed = match Parsed::of(request) {
        Ok(parsed) => parsed,
        Err(error) => return render::failure(&error, request, &call::unrecorded(shared)),
    };
    let name = parsed.operation.name();
    let (request_id, answer) =
        call::recorded(shared, "s3", name, None, async { carried_out(shared, &parsed) }, |answer, _| answer)
            .await;
    match answer {
        Ok(response) => render::with_request_id(response, &request_id),
        Err(error) => render::failure(&error, request, &request_id),
    }
}

fn carried_out(shared: &Shared, parsed: &Parsed<'_>) -> Result<Response<Bytes>, ApiError> {
    let mut world = lock(&shared.world);
    world.advance(shared.runtime.as_ref(), shared.clock.now());
    let World { s3, region, now, .. } = &mut *world;
    let now = *now;
    match parsed.operation {
        Operation::ListBuckets => Ok(read::buckets(s3)),
        Operation::HeadBucket => read::head_bucket(s3, parsed),
        Operation::GetBucketLocation => read::location(s3, parsed, region),
        Operation::ListObjectsV2 => read::list(s3, parsed),
        Operation::GetObject | Operation::HeadObject => read::object(s3, parsed),
        Operation::CreateBucket => write::create_bucket(s3, parsed, now),
        Operation::DeleteBucket => write::delete_bucket(s3, parsed),
        Operation::PutObject => write::put(s3, parsed, now),
        Operation::CopyObject => write::copy(s3, parsed, now),
        Operation::DeleteObject => write::delete(s3, parsed),
        Operation::DeleteObjects => write::delete_several(s3, parsed),
        Operation::CreateMultipartUpload => write::begin_upload(s3, parsed, now),
        Operation::UploadPart => write::upload_part(s3, parsed),
        Operation::CompleteMultipartUpload => write::complete_upload(s3, parsed, now),
        Operation::AbortMultipartUpload => write::abort_upload(s3, parsed),
    }
}
