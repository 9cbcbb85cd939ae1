//! Reads from a request which operation it is, on what, and with which bytes.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request};
use md5::{Digest, Md5};

use crate::error::ApiError;
use crate::s3::{Condition, with_status};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    ListBuckets,
    HeadBucket,
    GetBucketLocation,
    ListObjectsV2,
    GetObject,
    HeadObject,
    CreateBucket,
    DeleteBucket,
    PutObject,
    CopyObject,
    DeleteObject,
    DeleteObjects,
    CreateMultipartUpload,
    UploadPart,
    CompleteMultipartUpload,
    AbortMultipartUpload,
}

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Operation::ListBuckets => "ListBuckets",
            Operation::HeadBucket => "HeadBucket",
            Operation::GetBucketLocation => "GetBucketLocation",
            Operation::ListObjectsV2 => "ListObjectsV2",
            Operation::GetObject => "GetObject",
            Operation::HeadObject => "HeadObject",
            Operation::CreateBucket => "CreateBucket",
            Operation::DeleteBucket => "DeleteBucket",
            Operation::PutObject => "PutObject",
            Operation::CopyObject => "CopyObject",
            Operation::DeleteObject => "DeleteObject",
            Operation::DeleteObjects => "DeleteObjects",
            Operation::CreateMultipartUpload => "CreateMultipartUpload",
            Operation::UploadPart => "UploadPart",
            Operation::CompleteMultipartUpload => "CompleteMultipartUpload",
            Operation::AbortMultipartUpload => "AbortMultipartUpload",
        }
    }
}

pub(super) struct Parsed<'a> {
    pub(super) operation: Operation,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
}

impl<'a> Parsed<'a> {
    pub(super) fn of(request: &'a Request<Bytes>) -> Result<Self, ApiError> {
        let path = request.uri().path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let (bucket, key) = (percent_decoded(bucket)?, percent_decoded(key)?);
        let query: BTreeMap<String, String> =
            form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
        let headers = request.headers();
        let copies = headers.contains_key("x-amz-copy-source");
        let operation = operation(request.method(), &bucket, &key, &query, copies).ok_or_else(|| {
            let message = "A header or query you provided implies functionality that is not implemented.";
            with_status(501, ApiError::new("NotImplemented", message))
        })?;
        let body = body(request)?;
        Ok(Self { operation, bucket, key, query, headers, body })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn condition(&self) -> Condition {
        Condition {
            absent: self.header("if-none-match") == Some("*"),
            etag: self.header("if-match").map(quoted),
        }
    }

    /// The headers that come back with the object.
    pub(super) fn kept_headers(&self) -> BTreeMap<String, String> {
        const KEPT: [&str; 5] =
            ["content-type", "content-disposition", "content-encoding", "content-language", "cache-control"];
        let kept = |name: &str| KEPT.contains(&name) || name.starts_with("x-amz-meta-");
        self.headers
            .iter()
            .filter(|(name, _)| kept(name.as_str()))
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?)))
            .map(|(name, value)| match name.as_str() {
                // How the request was sent is not what the object is.
                "content-encoding" => {
                    (name, value.replace("aws-chunked", "").trim_matches([',', ' ']).to_owned())
                }
                _ => (name, value.to_owned()),
            })
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }
}

fn operation(
    method: &Method,
    bucket: &str,
    key: &str,
    query: &BTreeMap<String, String>,
    copies: bool,
) -> Option<Operation> {
    let has = |name: &str| query.contains_key(name);
    let in_upload = has("uploadId");
    Some(match (method.as_str(), bucket.is_empty(), key.is_empty()) {
        ("GET", true, _) => Operation::ListBuckets,
        (_, true, _) => return None,
        ("GET", false, true) if has("location") => Operation::GetBucketLocation,
        ("GET", false, true) if query.get("list-type").is_some_and(|kind| kind == "2") => {
            Operation::ListObjectsV2
        }
        ("HEAD", false, true) => Operation::HeadBucket,
        ("PUT", false, true) if query.is_empty() => Operation::CreateBucket,
        ("DELETE", false, true) if query.is_empty() => Operation::DeleteBucket,
        ("POST", false, true) if has("delete") => Operation::DeleteObjects,
        ("GET", false, false) if !(in_upload || has("acl") || has("tagging")) => Operation::GetObject,
        ("HEAD", false, false) => Operation::HeadObject,
        ("PUT", false, false) if in_upload && has("partNumber") && !copies => Operation::UploadPart,
        ("PUT", false, false) if in_upload || has("acl") || has("tagging") => return None,
        ("PUT", false, false) if copies => Operation::CopyObject,
        ("PUT", false, false) => Operation::PutObject,
        ("DELETE", false, false) if in_upload => Operation::AbortMultipartUpload,
        ("DELETE", false, false) => Operation::DeleteObject,
        ("POST", false, false) if has("uploads") => Operation::CreateMultipartUpload,
        ("POST", false, false) if in_upload => Operation::CompleteMultipartUpload,
        _ => return None,
    })
}

/// The bytes that a request means, which may come in signed chunks; checked against their MD5.
fn body(request: &Request<Bytes>) -> Result<Bytes, ApiError> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let chunked = header("x-amz-content-sha256").is_some_and(|hash| hash.starts_with("STREAMING-"))
        || header("content-encoding").is_some_and(|encoding| encoding.contains("aws-chunked"));
    let body = if chunked {
        unchunked(request.body())
            .ok_or_else(|| ApiError::new("IncompleteBody", "The request body terminated unexpectedly"))?
    } else {
        request.body().clone()
    };
    if let Some(expected) = header("content-md5")
        && expected != STANDARD.encode(Md5::digest(&body))
    {
        let message = "The Content-MD5 you specified did not match what we received.";
        return Err(ApiError::new("BadDigest", message));
    }
    Ok(body)
}

/// Takes the chunks of `aws-chunked` apart: a length in hexadecimal, perhaps a signature, and the bytes.
fn unchunked(body: &Bytes) -> Option<Bytes> {
    let mut whole = BytesMut::new();
    let mut rest = body.clone();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let head = std::str::from_utf8(&rest[..end]).ok()?;
        let digits = head.split(';').next().unwrap_or_default();
        let length = usize::from_str_radix(digits, 16).ok()?;
        if length == 0 {
            return Some(whole.freeze());
        }
        let begin = end + 2;
        let after = begin.checked_add(length)?;
        whole.extend_from_slice(rest.get(begin..after)?);
        if rest.get(after..after + 2)? != b"\r\n" {
            return None;
        }
        rest = rest.slice(after + 2..);
    }
}

pub(super) fn quoted(etag: &str) -> String {
    format!("\"{}\"", etag.trim_matches('"'))
}

/// `+` means itself in a path, unlike in a query.
pub(super) fn percent_decoded(text: &str) -> Result<String, ApiError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        let escaped = (*first == b'%').then(|| {
            let digits = std::str::from_utf8(others.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match escaped.flatten() {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).map_err(|_| ApiError::new("InvalidURI", "Couldn't parse the specified URI."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parsed(method: &str, uri: &str) -> Option<(&'static str, String)> {
        let request = Request::builder().method(method).uri(uri).body(Bytes::new()).unwrap();
        Parsed::of(&request).ok().map(|parsed| (parsed.operation.name(), parsed.key))
    }

    #[test]
    fn method_path_and_query_are_the_operation() {
        let check = |method: &str, uri: &str, operation: &str, key: &str| {
            assert_eq!(parsed(method, uri), Some((operation, key.to_owned())), "{method} {uri}");
        };
        check("GET", "/", "ListBuckets", "");
        check("PUT", "/jobs", "CreateBucket", "");
        check("GET", "/jobs?list-type=2&prefix=a", "ListObjectsV2", "");
        check("GET", "/jobs/a/b%20c+d.csv", "GetObject", "a/b c+d.csv");
        check("PUT", "/jobs/a?x-id=PutObject", "PutObject", "a");
        check("PUT", "/jobs/a?partNumber=1&uploadId=u", "UploadPart", "a");
        check("POST", "/jobs/a?uploads", "CreateMultipartUpload", "a");
        check("POST", "/jobs/a?uploadId=u", "CompleteMultipartUpload", "a");
        check("DELETE", "/jobs/a?uploadId=u", "AbortMultipartUpload", "a");
        check("POST", "/jobs?delete", "DeleteObjects", "");
        for (method, uri) in
            [("GET", "/jobs"), ("PUT", "/jobs?policy"), ("PUT", "/jobs/a?tagging"), ("PATCH", "/a/b")]
        {
            assert_eq!(parsed(method, uri), None, "{method} {uri}");
        }
    }

    #[test]
    fn chunks_are_put_together_with_or_without_signatures() {
        let check = |body: &'static str, expected: Option<&str>| {
            let found = unchunked(&Bytes::from_static(body.as_bytes()));
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{body:?}");
        };
        check(
            "5;chunk-signature=ab\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n",
            Some("hello!"),
        );
        check("0\r\n\r\n", Some(""));
        check("5\r\nhel", None);
        check("hello", None);
        check("ffffffffffffffff\r\nx", None);
    }

    #[test]
    fn a_body_that_is_not_its_md5_is_refused() {
        let request = |sum: &str| {
            let request = Request::put("/jobs/a").header("content-md5", sum);
            request.body(Bytes::from_static(b"new")).unwrap()
        };
        assert!(Parsed::of(&request("Iq9rXRhZy1ym2gxIT+HzXg==")).is_err());
        let right = STANDARD.encode(Md5::digest(b"new"));
        assert!(Parsed::of(&request(&right)).is_ok());
    }
}
