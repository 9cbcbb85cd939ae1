//! The kinds of work: which payload each takes, checked by the API and carried out by the worker.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// The longest simulated work that is accepted.
pub const SLEEP_MAX: Duration = Duration::from_secs(10 * 60);

/// A kind together with its payload, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Simulated work: takes this long, then succeeds, or fails with the given reason.
    Sleep { duration: Duration, fail_with: Option<String> },
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum InvalidWork {
    #[error("there is no job kind `{0}`; kinds are: sleep")]
    UnknownKind(String),
    #[error("the payload of a `{kind}` job is not valid: {why}")]
    Payload { kind: &'static str, why: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SleepPayload {
    milliseconds: u64,
    fail_with: Option<String>,
}

impl Work {
    pub fn parse(kind: &str, payload: &Value) -> Result<Work, InvalidWork> {
        match kind {
            "sleep" => sleep(payload),
            _ => Err(InvalidWork::UnknownKind(kind.to_owned())),
        }
    }
}

fn sleep(payload: &Value) -> Result<Work, InvalidWork> {
    let invalid = |why: String| InvalidWork::Payload { kind: "sleep", why };
    let payload = SleepPayload::deserialize(payload).map_err(|error| invalid(error.to_string()))?;
    let duration = Duration::from_millis(payload.milliseconds);
    if duration > SLEEP_MAX {
        return Err(invalid(format!("milliseconds may be at most {}", SLEEP_MAX.as_millis())));
    }
    Ok(Work::Sleep { duration, fail_with: payload.fail_with })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn refusal(kind: &str, payload: Value) -> String {
        Work::parse(kind, &payload).unwrap_err().to_string()
    }

    #[test]
    fn a_sleep_says_how_long_it_takes() {
        assert_eq!(
            Work::parse("sleep", &json!({"milliseconds": 50})),
            Ok(Work::Sleep { duration: Duration::from_millis(50), fail_with: None })
        );
    }

    #[test]
    fn an_unknown_kind_is_refused_with_the_kinds_there_are() {
        assert_eq!(refusal("slep", json!({})), "there is no job kind `slep`; kinds are: sleep");
    }

    #[test]
    fn a_payload_that_is_missing_a_member_or_has_one_too_many_is_refused() {
        assert!(refusal("sleep", json!({})).contains("missing field `milliseconds`"));
        assert!(refusal("sleep", json!({"milliseconds": 1, "seconds": 1})).contains("unknown field"));
        assert!(refusal("sleep", json!({"milliseconds": -1})).contains("invalid value"));
    }

    #[test]
    fn a_sleep_beyond_the_maximum_is_refused() {
        assert!(refusal("sleep", json!({"milliseconds": 600_001})).contains("at most 600000"));
        assert!(Work::parse("sleep", &json!({"milliseconds": 600_000})).is_ok());
    }
}
