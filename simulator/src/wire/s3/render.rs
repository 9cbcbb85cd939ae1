//! S3's answers: XML, headers, and errors.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use crate::clock::Time;
use crate::error::ApiError;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// An XML document whose root's content is `inside`.
pub(super) fn xml(root: &str, inside: &str) -> Response<Bytes> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{NAMESPACE}\">{inside}</{root}>"
    );
    let mut response = Response::new(Bytes::from(text));
    add(&mut response, "content-type", "application/xml");
    response
}

pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// Adds a header, unless its value cannot be one.
pub(super) fn add(response: &mut Response<Bytes>, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        response.headers_mut().insert(name, value);
    }
}

pub(super) fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(text))
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The texts of all elements of a name, in order. Requests are so simple that no more is needed.
pub(super) fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some(begin) = rest.find(&open) {
        rest = &rest[begin + open.len()..];
        // Not an element whose name only begins alike.
        if !rest.starts_with(['>', ' ']) {
            continue;
        }
        let (Some(start), Some(end)) = (rest.find('>'), rest.find(&close)) else {
            break;
        };
        if start < end {
            found.push(&rest[start + 1..end]);
        }
        rest = &rest[end + close.len()..];
    }
    found
}

pub(super) fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

/// Such as `Sat, 21 Nov 2026 12:00:00 GMT`.
pub(super) fn http_date(time: Time) -> String {
    let moment = i64::try_from(time.0).ok().and_then(|it| jiff::Timestamp::from_millisecond(it).ok());
    moment.unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// An answer to HEAD, and one that says that nothing has changed, has no body.
pub(super) fn failure(error: &ApiError, request: &Request<Bytes>, request_id: &str) -> Response<Bytes> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    let bare = request.method() == Method::HEAD || status == StatusCode::NOT_MODIFIED;
    let mut response = if bare {
        empty(status)
    } else {
        let inside = [
            element("Code", &error.code),
            element("Message", &error.message),
            element("Resource", request.uri().path()),
            element("RequestId", request_id),
        ];
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>{}</Error>", inside.concat());
        let mut response = Response::new(Bytes::from(text));
        add(&mut response, "content-type", "application/xml");
        response
    };
    *response.status_mut() = status;
    with_request_id(response, request_id)
}

pub(super) fn with_request_id(mut response: Response<Bytes>, request_id: &str) -> Response<Bytes> {
    add(&mut response, "x-amz-request-id", request_id);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_name() {
        let xml = "<D xmlns=\"x\"><O><Key>a&amp;b</Key></O><O><Key>c</Key><KeyMarker>no</KeyMarker></O></D>";
        let keys: Vec<String> = elements(xml, "Key").into_iter().map(unescaped).collect();
        assert_eq!(keys, ["a&b", "c"]);
        assert_eq!(elements(xml, "O").len(), 2);
        assert_eq!(elements("<Key>never closed", "Key"), [""; 0]);
    }

    #[test]
    fn a_date_is_written_as_http_has_it() {
        assert_eq!(http_date(Time(1_795_262_400_000)), "Sat, 21 Nov 2026 12:00:00 GMT");
    }
}
