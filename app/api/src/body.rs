//! The body of a request as it arrives: within bounds of size and time, of the type that is taken, whole.

use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::{Code, Problem};

/// The largest JSON body.
pub const JSON_BYTES_MAX: u64 = 64 * 1024;

/// How slowly a body may arrive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// The longest pause between two parts of a body.
    pub pause: Duration,
    /// What a body has to bring on average once the first pause is used up: otherwise a byte at a
    /// time would hold a place for ever.
    pub bytes_per_second_min: u64,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { pause: Duration::from_secs(30), bytes_per_second_min: 8 * 1024 }
    }
}

impl Patience {
    /// How long to wait for the next part of a body of which so much has come in this time.
    fn left(&self, received: u64, elapsed: Duration) -> Duration {
        let earned = Duration::from_secs(received / self.bytes_per_second_min.max(1));
        (self.pause + earned).saturating_sub(elapsed).min(self.pause)
    }
}

/// A body that is read part by part.
#[derive(Debug)]
pub struct Arriving {
    parts: BodyDataStream,
    bytes_max: u64,
    patience: Patience,
    received: u64,
    began: Instant,
}

impl Arriving {
    /// Refuses by what the client says of the length, before anything is read.
    pub fn new(
        headers: &HeaderMap,
        body: Body,
        bytes_max: u64,
        patience: Patience,
    ) -> Result<Arriving, Problem> {
        let told = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
        if told.is_some_and(|told| told > bytes_max) {
            return Err(too_large(bytes_max));
        }
        let parts = body.into_data_stream();
        Ok(Arriving { parts, bytes_max, patience, received: 0, began: Instant::now() })
    }

    /// The next part, which is not empty, or nothing when the body is complete.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            match self.next_frame().await? {
                Some(part) if part.is_empty() => {}
                part => return Ok(part),
            }
        }
    }

    async fn next_frame(&mut self) -> Result<Option<Bytes>, Problem> {
        let patience = self.patience.left(self.received, self.began.elapsed());
        let part = match tokio::time::timeout(patience, self.parts.next()).await {
            Err(_) => {
                let detail = format!(
                    "the body stopped or slowed down after {} bytes; send without pauses of {} s, \
                     and at least {} bytes a second",
                    self.received,
                    self.patience.pause.as_secs_f32(),
                    self.patience.bytes_per_second_min
                );
                return Err(Problem::new(Code::BodyStalled, detail));
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => {
                let detail = format!("the body ended after {} bytes, before it was complete", self.received);
                return Err(Problem::new(Code::BodyInterrupted, detail));
            }
            Ok(Some(Ok(part))) => part,
        };
        self.received += part.len() as u64;
        if self.received > self.bytes_max {
            return Err(too_large(self.bytes_max));
        }
        Ok(Some(part))
    }
}

/// The refusal of a body that has more than so many bytes.
pub fn too_large(bytes_max: u64) -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("the body is larger than {bytes_max} bytes, the most that is taken"),
    )
}

/// A JSON body of at most [`JSON_BYTES_MAX`].
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<JsonBody<T>, Problem> {
        let (parts, body) = request.into_parts();
        MediaType::of(&parts.headers).expect("application/json")?;
        let mut arriving = Arriving::new(&parts.headers, body, JSON_BYTES_MAX, Patience::default())?;
        let mut whole = Vec::new();
        while let Some(part) = arriving.next().await? {
            whole.extend_from_slice(&part);
        }
        let read = serde_json::from_slice(&whole).or_else(|error| with_whole_numbers(&whole).ok_or(error));
        // A list would be read as the members in their order, which nobody documented.
        if read.is_ok() && whole.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(Problem::new(Code::InvalidBody, "the body must be a JSON object"));
        }
        read.map(JsonBody).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Problem::new(Code::InvalidBody, error.to_string()),
            _ if whole.is_empty() => {
                Problem::new(Code::InvalidJson, "there is no body; send a JSON object".to_owned())
            }
            _ => Problem::new(Code::InvalidJson, format!("the body is not JSON: {error}")),
        })
    }
}

/// What the same body says with its whole numbers written as such, if that makes it one that is taken.
fn with_whole_numbers<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    write_whole_numbers_as_such(&mut value);
    T::deserialize(value).ok()
}

/// To JSON Schema, and to many a client that has but one type of number, 50.0 is an integer; to serde it is none.
pub fn write_whole_numbers_as_such(value: &mut Value) {
    /// All whole numbers up to here have a floating point number of their own.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() <= EXACT_MAX);
            if let Some(integer) = whole.and_then(|it| format!("{it:.0}").parse::<i64>().ok()) {
                *value = integer.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(write_whole_numbers_as_such),
        Value::Object(members) => members.values_mut().for_each(write_whole_numbers_as_such),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the client says its body is.
pub struct MediaType {
    text: String,
}

impl MediaType {
    pub fn of(headers: &HeaderMap) -> MediaType {
        let text = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        MediaType { text: text.to_ascii_lowercase() }
    }

    /// Refuses another type than this, and another character set than UTF-8.
    pub fn expect(&self, wanted: &str) -> Result<(), Problem> {
        let mut parts = self.text.split(';').map(str::trim);
        let found = parts.next().unwrap_or_default();
        if found != wanted {
            let found = if found.is_empty() { "nothing".to_owned() } else { format!("`{found}`") };
            let detail = format!("`content-type` must be `{wanted}`; it says {found}");
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let charset = parts.find_map(|it| it.strip_prefix("charset=")).map(|it| it.trim_matches('"'));
        match charset {
            None | Some("utf-8" | "us-ascii") => Ok(()),
            Some(other) => {
                let detail =
                    format!("the character set must be utf-8, not `{other}`; convert the body to UTF-8");
                Err(Problem::new(Code::UnsupportedMediaType, detail))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::http::HeaderValue;

    use super::*;

    fn accepted(content_type: &str) -> Result<(), Code> {
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap())]);
        MediaType::of(&headers).expect("text/csv").map_err(|problem| problem.code)
    }

    #[test]
    fn a_type_is_taken_in_any_case_and_with_utf_8_named_in_any_way() {
        for taken in
            ["text/csv", "Text/CSV", "text/csv; charset=utf-8", "text/csv;header=present;CHARSET=\"UTF-8\""]
        {
            assert_eq!(accepted(taken), Ok(()), "{taken}");
        }
        for refused in ["", "text/plain", "text/csvx", "text/csv; charset=latin1", "application/csv"] {
            assert_eq!(accepted(refused), Err(Code::UnsupportedMediaType), "{refused}");
        }
    }

    #[test]
    fn patience_is_a_pause_at_a_time_and_a_rate_over_all() {
        let patience = Patience { pause: Duration::from_secs(30), bytes_per_second_min: 1000 };
        let seconds = Duration::from_secs;
        assert_eq!(patience.left(0, seconds(0)), seconds(30));
        assert_eq!(patience.left(0, seconds(29)), seconds(1));
        assert_eq!(patience.left(100_000, seconds(1)), seconds(30), "what came fast earns no longer pause");
        assert_eq!(patience.left(100_000, seconds(120)), seconds(10));
        assert_eq!(patience.left(100_000, seconds(200)), seconds(0));
    }
}
