//! Smithy RPC v2 CBOR, which CloudWatch's newer clients speak: the parts of CBOR (RFC 8949) that it uses.
//!
//! Timestamps are tagged in CBOR, numbers in JSON and text in a query. An answer carries them as
//! [`moment`], and each protocol writes them in its own way.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Map, Number, Value, json};

use crate::clock::Time;
use crate::error::ApiError;

const MOMENT: &str = "$moment";
/// Deeper answers and questions do not exist.
const DEPTH_MAX: usize = 32;

/// A timestamp in an answer.
pub(crate) fn moment(time: Time) -> Value {
    json!({ MOMENT: time.seconds() })
}

/// The seconds of a [`moment`], if it is one.
fn seconds(value: &Value) -> Option<f64> {
    let members = value.as_object()?;
    (members.len() == 1).then(|| members.get(MOMENT)?.as_f64())?
}

/// The answer for a protocol that has no form of its own for timestamps.
pub(super) fn with_moments(value: Value, write: &impl Fn(f64) -> Value) -> Value {
    if let Some(seconds) = seconds(&value) {
        return write(seconds);
    }
    match value {
        Value::Object(members) => Value::Object(
            members.into_iter().map(|(name, member)| (name, with_moments(member, write))).collect(),
        ),
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| with_moments(item, write)).collect())
        }
        scalar => scalar,
    }
}

/// Which operation of which service a request is for, if it is one of this protocol.
pub(super) fn target(request: &Request<Bytes>) -> Option<(&str, &str)> {
    let protocol = request.headers().get("smithy-protocol")?;
    if protocol != "rpc-v2-cbor" {
        return None;
    }
    match request.uri().path().trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["service", service, "operation", operation] => Some((service, operation)),
        _ => None,
    }
}

pub(super) fn success(body: &Value, request_id: &str) -> Response<Bytes> {
    response(StatusCode::OK, body, request_id)
}

pub(super) fn failure(error: &ApiError, request_id: &str) -> Response<Bytes> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = response(status, &json!({"__type": error.code, "message": error.message}), request_id);
    super::json::add_query_error(&mut response, error);
    response
}

fn response(status: StatusCode, body: &Value, request_id: &str) -> Response<Bytes> {
    let mut bytes = Vec::new();
    encode(body, &mut bytes);
    let mut response = Response::new(Bytes::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/cbor"));
    headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", value);
    }
    response
}

/// Reads one item; a timestamp becomes its seconds. `None` if the bytes are not such an item.
pub(super) fn decode(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader { bytes, depth: 0 };
    let value = reader.item()?;
    reader.bytes.is_empty().then_some(value)
}

struct Reader<'a> {
    bytes: &'a [u8],
    depth: usize,
}

/// What stands for the end of a list or map of unknown length.
const BREAK: u8 = 0xff;

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    fn item(&mut self) -> Option<Value> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let first = self.take(1)?[0];
        let (major, small) = (first >> 5, first & 0x1f);
        let value = match major {
            0 => Value::from(self.length(small)??),
            1 => Value::from(-1 - i64::try_from(self.length(small)??).ok()?),
            2 | 3 => Value::from(self.text(major, small)?),
            4 => self.list(small)?,
            5 => self.map(small)?,
            6 => {
                self.length(small)??;
                self.item()?
            }
            _ => self.simple(small)?,
        };
        self.depth -= 1;
        Some(value)
    }

    /// The number that follows a first byte; the inner `None` says that the length is not known.
    fn length(&mut self, small: u8) -> Option<Option<u64>> {
        let width = match small {
            0..=23 => return Some(Some(u64::from(small))),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            31 => return Some(None),
            _ => return None,
        };
        let bytes = self.take(width)?;
        Some(Some(bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))))
    }

    fn ends(&mut self) -> bool {
        let ends = self.bytes.first() == Some(&BREAK);
        if ends {
            self.bytes = &self.bytes[1..];
        }
        ends
    }

    fn text(&mut self, major: u8, small: u8) -> Option<String> {
        let Some(length) = self.length(small)? else {
            let mut text = String::new();
            while !self.ends() {
                let first = self.take(1)?[0];
                if first >> 5 != major {
                    return None;
                }
                text.push_str(&self.text(major, first & 0x1f)?);
            }
            return Some(text);
        };
        let bytes = self.take(usize::try_from(length).ok()?)?;
        String::from_utf8(bytes.to_vec()).ok()
    }

    fn list(&mut self, small: u8) -> Option<Value> {
        let length = self.length(small)?;
        let mut items = Vec::new();
        while length.is_none_or(|length| (items.len() as u64) < length) {
            if length.is_none() && self.ends() {
                break;
            }
            items.push(self.item()?);
        }
        Some(Value::Array(items))
    }

    fn map(&mut self, small: u8) -> Option<Value> {
        let length = self.length(small)?;
        let mut members = Map::new();
        let mut count = 0;
        while length.is_none_or(|length| count < length) {
            if length.is_none() && self.ends() {
                break;
            }
            let Value::String(name) = self.item()? else {
                return None;
            };
            let member = self.item()?;
            members.insert(name, member);
            count += 1;
        }
        Some(Value::Object(members))
    }

    fn simple(&mut self, small: u8) -> Option<Value> {
        Some(match small {
            20 => Value::Bool(false),
            21 => Value::Bool(true),
            22 | 23 => Value::Null,
            25 => number(half(u16::from_be_bytes(self.take(2)?.try_into().ok()?))),
            26 => number(f64::from(f32::from_be_bytes(self.take(4)?.try_into().ok()?))),
            27 => number(f64::from_be_bytes(self.take(8)?.try_into().ok()?)),
            _ => return None,
        })
    }
}

/// JSON has no infinities; what is none stays recognisable as a wrong type.
fn number(float: f64) -> Value {
    Number::from_f64(float).map_or_else(|| Value::from(float.to_string()), Value::Number)
}

/// A float of half precision.
fn half(bits: u16) -> f64 {
    let exponent = i32::from((bits >> 10) & 0x1f);
    let mantissa = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + mantissa) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    if let Some(seconds) = seconds(value) {
        head(6, 1, out);
        return float(seconds, out);
    }
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
        Value::Number(value) => match (value.as_u64(), value.as_i64(), value.as_f64()) {
            (Some(positive), _, _) => head(0, positive, out),
            (None, Some(negative), _) => head(1, (-1 - negative).unsigned_abs(), out),
            (None, None, value) => float(value.unwrap_or(0.0), out),
        },
        Value::String(text) => {
            head(3, text.len() as u64, out);
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len() as u64, out);
            items.iter().for_each(|item| encode(item, out));
        }
        Value::Object(members) => {
            head(5, members.len() as u64, out);
            for (name, member) in members {
                head(3, name.len() as u64, out);
                out.extend(name.as_bytes());
                encode(member, out);
            }
        }
    }
}

fn float(value: f64, out: &mut Vec<u8>) {
    out.push(0xfb);
    out.extend(value.to_be_bytes());
}

fn head(major: u8, number: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match number {
        0..=23 => out.push(major | number as u8),
        24..=0xff => out.extend([major | 24, number as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend((number as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend((number as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend(number.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let value = json!({
            "a": [1, -1, 23, 24, 255, 256, 70_000, 5_000_000_000_u64, -5_000_000_000_i64],
            "b": {"c": "text", "d": true, "e": null, "f": 1.5},
            "long": "x".repeat(300),
        });
        let mut bytes = Vec::new();
        encode(&value, &mut bytes);
        assert_eq!(decode(&bytes).unwrap(), value);
    }

    #[test]
    fn items_of_unknown_length_short_floats_and_tags_are_read() {
        let check = |bytes: &[u8], expect: Value| assert_eq!(decode(bytes), Some(expect), "{bytes:x?}");
        check(&[0x9f, 0x01, 0x02, 0xff], json!([1, 2]));
        check(&[0xbf, 0x61, b'a', 0x01, 0xff], json!({"a": 1}));
        check(&[0x7f, 0x61, b'a', 0x61, b'b', 0xff], json!("ab"));
        check(&[0xf9, 0x3e, 0x00], json!(1.5));
        check(&[0xfa, 0x3f, 0xc0, 0x00, 0x00], json!(1.5));
        check(&[0xc1, 0x1a, 0x65, 0x53, 0xf1, 0x00], json!(0x6553_f100));
        check(&[0xf9, 0x7c, 0x00], json!("inf"));
    }

    #[test]
    fn what_is_cut_off_or_nested_too_deep_is_no_item() {
        for bytes in [&[0x82, 0x01][..], &[0x62, b'a'], &[0xa1, 0x01, 0x01], &[0x01, 0x01], &[0x1c], &[]] {
            assert_eq!(decode(bytes), None, "{bytes:x?}");
        }
        assert_eq!(decode(&[0x81; 100]), None);
    }

    #[test]
    fn a_moment_has_the_tag_of_a_timestamp() {
        let mut bytes = Vec::new();
        encode(&moment(Time(1_500)), &mut bytes);
        assert_eq!(bytes[..2], [0xc1, 0xfb]);
        assert_eq!(decode(&bytes), Some(json!(1.5)));
        let answer = json!({"at": moment(Time(1_500)), "list": [moment(Time(2_000))]});
        assert_eq!(with_moments(answer, &|at| json!(at)), json!({"at": 1.5, "list": [2.0]}));
    }
}
