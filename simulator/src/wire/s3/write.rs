//! What writes: buckets, objects, copies, deletions and multipart uploads.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::render::{add, element, elements, empty, unescaped, xml};
use super::request::{Parsed, percent_decoded, quoted};
use crate::clock::Time;
use crate::error::ApiError;
use crate::s3::{S3, with_status};

type Answer = Result<Response<Bytes>, ApiError>;

pub(super) fn create_bucket(s3: &mut S3, parsed: &Parsed<'_>, now: Time) -> Answer {
    if s3.bucket(&parsed.bucket).is_ok() {
        let message = "Your previous request to create the named bucket succeeded and you already own it.";
        return Err(with_status(409, ApiError::new("BucketAlreadyOwnedByYou", message)));
    }
    s3.create_bucket(&parsed.bucket, now)?;
    let mut response = empty(StatusCode::OK);
    add(&mut response, "location", &format!("/{}", parsed.bucket));
    Ok(response)
}

pub(super) fn delete_bucket(s3: &mut S3, parsed: &Parsed<'_>) -> Answer {
    s3.delete_bucket(&parsed.bucket)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn with_etag(etag: &str) -> Response<Bytes> {
    let mut response = empty(StatusCode::OK);
    add(&mut response, "etag", etag);
    response
}

pub(super) fn put(s3: &mut S3, parsed: &Parsed<'_>, now: Time) -> Answer {
    let (headers, condition) = (parsed.kept_headers(), parsed.condition());
    let body = parsed.body.clone();
    s3.write(&parsed.bucket, &parsed.key, body, headers, &condition, now).map(|etag| with_etag(&etag))
}

pub(super) fn copy(s3: &mut S3, parsed: &Parsed<'_>, now: Time) -> Answer {
    let source = parsed.header("x-amz-copy-source").unwrap_or_default();
    let source = percent_decoded(source.split('?').next().unwrap_or_default())?;
    let (bucket, key) = source
        .trim_start_matches('/')
        .split_once('/')
        .ok_or_else(|| ApiError::new("InvalidArgument", "The copy source must name a bucket and a key"))?;
    let object = s3.get(bucket, key)?.clone();
    let headers = match parsed.header("x-amz-metadata-directive") {
        Some("REPLACE") => parsed.kept_headers(),
        Some(_) | None => object.headers,
    };
    let etag = s3.write(&parsed.bucket, &parsed.key, object.bytes, headers, &parsed.condition(), now)?;
    Ok(xml("CopyObjectResult", &(element("LastModified", &now.iso()) + &element("ETag", &etag))))
}

pub(super) fn delete(s3: &mut S3, parsed: &Parsed<'_>) -> Answer {
    s3.delete(&parsed.bucket, &parsed.key)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) fn delete_several(s3: &mut S3, parsed: &Parsed<'_>) -> Answer {
    const KEYS_MAX: usize = 1_000;
    let text = body_text(parsed)?;
    let keys: Vec<String> = elements(text, "Key").into_iter().map(unescaped).collect();
    if keys.is_empty() || keys.len() > KEYS_MAX {
        return Err(malformed());
    }
    let quiet = elements(text, "Quiet").contains(&"true");
    let mut deleted = String::new();
    for key in keys {
        s3.delete(&parsed.bucket, &key)?;
        if !quiet {
            deleted += &format!("<Deleted>{}</Deleted>", element("Key", &key));
        }
    }
    Ok(xml("DeleteResult", &deleted))
}

fn body_text<'a>(parsed: &'a Parsed<'_>) -> Result<&'a str, ApiError> {
    std::str::from_utf8(&parsed.body).map_err(|_| malformed())
}

fn malformed() -> ApiError {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    ApiError::new("MalformedXML", message)
}

fn upload_id<'a>(parsed: &'a Parsed<'_>) -> &'a str {
    parsed.query.get("uploadId").map_or("", String::as_str)
}

/// Bucket, key and what else an answer about an upload holds.
fn about_upload(parsed: &Parsed<'_>, name: &str, value: &str) -> String {
    element("Bucket", &parsed.bucket) + &element("Key", &parsed.key) + &element(name, value)
}

pub(super) fn begin_upload(s3: &mut S3, parsed: &Parsed<'_>, now: Time) -> Answer {
    let id = s3.begin_upload(&parsed.bucket, &parsed.key, parsed.kept_headers(), now)?;
    Ok(xml("InitiateMultipartUploadResult", &about_upload(parsed, "UploadId", &id)))
}

pub(super) fn upload_part(s3: &mut S3, parsed: &Parsed<'_>) -> Answer {
    let number = parsed.query.get("partNumber").and_then(|number| number.parse().ok()).unwrap_or(0);
    let body = parsed.body.clone();
    let etag = s3.upload_part(&parsed.bucket, &parsed.key, upload_id(parsed), number, body)?;
    Ok(with_etag(&etag))
}

pub(super) fn complete_upload(s3: &mut S3, parsed: &Parsed<'_>, now: Time) -> Answer {
    let mut parts = Vec::new();
    for part in elements(body_text(parsed)?, "Part") {
        let number = elements(part, "PartNumber").first().and_then(|number| number.trim().parse().ok());
        let etag = elements(part, "ETag").first().map(|etag| quoted(&unescaped(etag)));
        parts.push(number.zip(etag).ok_or_else(malformed)?);
    }
    let condition = parsed.condition();
    let etag = s3.complete_upload(&parsed.bucket, &parsed.key, upload_id(parsed), &parts, &condition, now)?;
    Ok(xml("CompleteMultipartUploadResult", &about_upload(parsed, "ETag", &etag)))
}

pub(super) fn abort_upload(s3: &mut S3, parsed: &Parsed<'_>) -> Answer {
    s3.abort_upload(&parsed.bucket, &parsed.key, upload_id(parsed))?;
    Ok(empty(StatusCode::NO_CONTENT))
}
