//! What reads: buckets, lists and objects.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Response, StatusCode};

use super::render::{add, element, empty, http_date, xml};
use super::request::{Operation, Parsed, quoted};
use crate::error::ApiError;
use crate::s3::{Object, S3, Wanted, precondition_failed, with_status};

pub(super) fn buckets(s3: &S3) -> Response<Bytes> {
    let each = s3.buckets().map(|(name, bucket)| {
        let inside = element("Name", name) + &element("CreationDate", &bucket.created.iso());
        format!("<Bucket>{inside}</Bucket>")
    });
    let buckets: String = each.collect();
    let owner = "<Owner><ID>simulator</ID></Owner>";
    xml("ListAllMyBucketsResult", &format!("{owner}<Buckets>{buckets}</Buckets>"))
}

pub(super) fn head_bucket(s3: &S3, parsed: &Parsed<'_>) -> Result<Response<Bytes>, ApiError> {
    s3.bucket(&parsed.bucket).map(|_| empty(StatusCode::OK))
}

pub(super) fn location(s3: &S3, parsed: &Parsed<'_>, region: &str) -> Result<Response<Bytes>, ApiError> {
    s3.bucket(&parsed.bucket).map(|_| xml("LocationConstraint", region))
}

pub(super) fn list(s3: &S3, parsed: &Parsed<'_>) -> Result<Response<Bytes>, ApiError> {
    const KEYS_MAX: usize = 1_000;
    let given = |name: &str| parsed.query.get(name).cloned();
    let token = given("continuation-token");
    let after = match &token {
        Some(token) => {
            URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(
                || ApiError::new("InvalidArgument", "The continuation token provided is incorrect"),
            )?
        }
        None => given("start-after").unwrap_or_default(),
    };
    let most = given("max-keys").map_or(Ok(KEYS_MAX), |most| most.parse::<usize>());
    let most = most.map_err(|_| ApiError::new("InvalidArgument", "Provided max-keys not an integer"))?;
    let wanted = Wanted {
        prefix: given("prefix").unwrap_or_default(),
        delimiter: given("delimiter").unwrap_or_default(),
        after,
        most: most.min(KEYS_MAX),
    };
    let encoded = given("encoding-type").is_some_and(|kind| kind == "url");
    let name = |name: &str| if encoded { percent_encoded(name) } else { name.to_owned() };
    let listed = s3.bucket(&parsed.bucket)?.list(&wanted);
    let mut inside = element("Name", &parsed.bucket) + &element("Prefix", &name(&wanted.prefix));
    if !wanted.delimiter.is_empty() {
        inside += &element("Delimiter", &name(&wanted.delimiter));
    }
    if encoded {
        inside += &element("EncodingType", "url");
    }
    inside += &element("MaxKeys", &wanted.most.to_string());
    inside += &element("KeyCount", &(listed.objects.len() + listed.prefixes.len()).to_string());
    inside += &element("IsTruncated", if listed.next.is_some() { "true" } else { "false" });
    if let Some(token) = token {
        inside += &element("ContinuationToken", &token);
    }
    if let Some(next) = &listed.next {
        inside += &element("NextContinuationToken", &URL_SAFE_NO_PAD.encode(next));
    }
    for (key, object) in &listed.objects {
        let about = [
            element("Key", &name(key)),
            element("LastModified", &object.modified.iso()),
            element("ETag", &object.etag),
            element("Size", &object.bytes.len().to_string()),
            element("StorageClass", "STANDARD"),
        ];
        inside += &format!("<Contents>{}</Contents>", about.concat());
    }
    for prefix in &listed.prefixes {
        inside += &format!("<CommonPrefixes>{}</CommonPrefixes>", element("Prefix", &name(prefix)));
    }
    Ok(xml("ListBucketResult", &inside))
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

pub(super) fn object(s3: &S3, parsed: &Parsed<'_>) -> Result<Response<Bytes>, ApiError> {
    let object = s3.get(&parsed.bucket, &parsed.key)?;
    if parsed.header("if-match").is_some_and(|etag| etag != "*" && quoted(etag) != object.etag) {
        return Err(precondition_failed());
    }
    if parsed.header("if-none-match").is_some_and(|etag| etag == "*" || quoted(etag) == object.etag) {
        return Err(with_status(304, ApiError::new("NotModified", "")));
    }
    let length = object.bytes.len();
    let span = parsed.header("range").and_then(|range| span(range, length));
    let mut response = match span {
        None => Response::new(object.bytes.clone()),
        Some(None) => {
            let error = ApiError::new("InvalidRange", "The requested range is not satisfiable");
            return Err(with_status(416, error));
        }
        Some(Some((first, end))) => {
            let mut response = Response::new(object.bytes.slice(first..end));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            add(&mut response, "content-range", &format!("bytes {first}-{}/{length}", end - 1));
            response
        }
    };
    describe(&mut response, object);
    if parsed.operation == Operation::HeadObject {
        // The length of what a GET would answer.
        let length = response.body().len().to_string();
        add(&mut response, "content-length", &length);
        *response.body_mut() = Bytes::new();
    }
    Ok(response)
}

fn describe(response: &mut Response<Bytes>, object: &Object) {
    add(response, "etag", &object.etag);
    add(response, "last-modified", &http_date(object.modified));
    add(response, "accept-ranges", "bytes");
    add(response, "content-type", "binary/octet-stream");
    for (name, value) in &object.headers {
        add(response, name, value);
    }
}

/// The bytes that a range means: `None` for what is no range, `Some(None)` for one beyond the end.
fn span(range: &str, length: usize) -> Option<Option<(usize, usize)>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let count: usize = last.parse().ok()?;
        let satisfiable = count > 0 && length > 0;
        return Some(satisfiable.then(|| (length.saturating_sub(count), length)));
    }
    let first: usize = first.parse().ok()?;
    let end = match last {
        "" => length,
        last => last.parse::<usize>().ok()?.saturating_add(1).min(length),
    };
    Some((first < end).then_some((first, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_counted_from_either_end() {
        let check = |range: &str, expected| assert_eq!(span(range, 10), expected, "{range}");
        check("bytes=0-3", Some(Some((0, 4))));
        check("bytes=4-", Some(Some((4, 10))));
        check("bytes=-3", Some(Some((7, 10))));
        check("bytes=8-99", Some(Some((8, 10))));
        check("bytes=10-", Some(None));
        check("bytes=-0", Some(None));
        check("lines=1-2", None);
        check("bytes=a-b", None);
    }

    #[test]
    fn names_are_encoded_for_lists() {
        assert_eq!(percent_encoded("a/b c+ü"), "a/b%20c%2B%C3%BC");
    }
}
