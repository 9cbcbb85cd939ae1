//! The query protocol: form-encoded questions become JSON, JSON answers become XML.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value};

use super::envelope::{Envelope, Service};
use super::{cbor, json};
use crate::clock::Time;
use crate::error::{Answer, ApiError};

/// Turns `A.member.1.B=c` into `{"A": [{"B": "c"}]}`. All leaves are strings.
pub(super) fn decode(body: &[u8]) -> Map<String, Value> {
    let mut root = Value::Object(Map::new());
    for (name, value) in form_urlencoded::parse(body) {
        let path: Vec<&str> = name.split('.').collect();
        set(&mut root, &path, value.into_owned());
    }
    match ordered(root) {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

const LIST: &str = "member";

fn set(node: &mut Value, path: &[&str], leaf: String) {
    let Some((first, rest)) = path.split_first() else {
        *node = Value::String(leaf);
        return;
    };
    if !node.is_object() {
        *node = Value::Object(Map::new());
    }
    if let Value::Object(members) = node {
        let member = members.entry(*first).or_insert(Value::Null);
        set(member, rest, leaf);
    }
}

/// Objects of the form `{"member": {"1": .., "2": ..}}` are lists, in the order of their numbers.
fn ordered(node: Value) -> Value {
    let Value::Object(mut members) = node else {
        return node;
    };
    if members.len() == 1
        && let Some(Value::Object(items)) = members.get_mut(LIST)
    {
        let mut numbered: Vec<(usize, Value)> = std::mem::take(items)
            .into_iter()
            .map(|(number, item)| (number.parse().unwrap_or(usize::MAX), ordered(item)))
            .collect();
        numbered.sort_by_key(|(number, _)| *number);
        return Value::Array(numbered.into_iter().map(|(_, item)| item).collect());
    }
    Value::Object(members.into_iter().map(|(name, member)| (name, ordered(member))).collect())
}

pub(super) fn render(envelope: &Envelope, answer: Answer, request_id: &str) -> Response<Bytes> {
    let namespace = match envelope.service {
        Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        Service::CloudFormation => "http://cloudformation.amazonaws.com/doc/2010-05-15/",
        Service::CloudWatch => "http://monitoring.amazonaws.com/doc/2010-08-01/",
        Service::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        Service::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
        _ => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
    };
    let (status, xml) = match answer {
        Ok(body) => {
            let body = cbor::with_moments(body, &|seconds| Time((seconds * 1000.0) as u64).iso().into());
            let xml = match envelope.service {
                Service::Ec2 => ec2_success(&envelope.operation, &body, namespace, request_id),
                _ => success(&envelope.operation, &body, namespace, request_id),
            };
            (StatusCode::OK, xml)
        }
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            let error = match envelope.service {
                Service::CloudWatch => ApiError { code: json::query_code(&error.code), ..error },
                _ => error,
            };
            let xml = match envelope.service {
                Service::Ec2 => ec2_failure(&error, request_id),
                _ => failure(&error, namespace, request_id),
            };
            (status, xml)
        }
    };
    let mut response = Response::new(Bytes::from(xml));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", value);
    }
    response
}

fn success(operation: &str, body: &Value, namespace: &str, request_id: &str) -> String {
    let mut xml = format!(r#"<{operation}Response xmlns="{namespace}"><{operation}Result>"#);
    write(body, LIST, &mut xml);
    xml.push_str(&format!(
        "</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></{operation}Response>"
    ));
    xml
}

/// EC2's own dialect: no result around the answer, and another word for the elements of lists.
fn ec2_success(operation: &str, body: &Value, namespace: &str, request_id: &str) -> String {
    let mut xml = format!(r#"<{operation}Response xmlns="{namespace}"><requestId>{request_id}</requestId>"#);
    write(body, "item", &mut xml);
    xml.push_str(&format!("</{operation}Response>"));
    xml
}

fn ec2_failure(error: &ApiError, request_id: &str) -> String {
    format!(
        "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors>\
         <RequestID>{request_id}</RequestID></Response>",
        escaped(&error.code),
        escaped(&error.message)
    )
}

fn failure(error: &ApiError, namespace: &str, request_id: &str) -> String {
    let kind = if error.status < 500 { "Sender" } else { "Receiver" };
    format!(
        r#"<ErrorResponse xmlns="{namespace}"><Error><Type>{kind}</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"#,
        escaped(&error.code),
        escaped(&error.message)
    )
}

fn write(value: &Value, list: &str, xml: &mut String) {
    match value {
        Value::Null => {}
        Value::Bool(value) => xml.push_str(if *value { "true" } else { "false" }),
        Value::Number(value) => xml.push_str(&value.to_string()),
        Value::String(value) => xml.push_str(&escaped(value)),
        Value::Array(items) => {
            for item in items {
                element(list, item, list, xml);
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(_, member)| !member.is_null()) {
                element(name, member, list, xml);
            }
        }
    }
}

fn element(name: &str, value: &Value, list: &str, xml: &mut String) {
    xml.push_str(&format!("<{name}>"));
    write(value, list, xml);
    xml.push_str(&format!("</{name}>"));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn numbered_members_become_lists_in_the_order_of_their_numbers() {
        let body = b"Targets.member.10.Id=j&Targets.member.2.Id=b&Targets.member.2.Port=80&Name=a%26b";
        let decoded = Value::Object(decode(body));
        assert_eq!(decoded, json!({"Targets": [{"Id": "b", "Port": "80"}, {"Id": "j"}], "Name": "a&b"}));
    }

    #[test]
    fn an_answer_becomes_elements_and_text_is_escaped() {
        let mut xml = String::new();
        write(&json!({"Tags": [{"Key": "a<b", "On": true}], "Gone": null, "N": 3}), LIST, &mut xml);
        assert_eq!(xml, "<N>3</N><Tags><member><Key>a&lt;b</Key><On>true</On></member></Tags>");
    }

    #[test]
    fn an_error_carries_its_code_and_request_id() {
        let xml = failure(&ApiError::new("TargetGroupNotFound", "not & there"), "ns", "id-1");
        assert!(xml.contains("<Type>Sender</Type><Code>TargetGroupNotFound</Code>"), "{xml}");
        assert!(xml.contains("not &amp; there"), "{xml}");
        assert!(xml.contains("<RequestId>id-1</RequestId>"), "{xml}");
    }
}
