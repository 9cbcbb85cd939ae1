//! A job as a list shows it: small, whatever its payload and result are.

use jobs::job::Job;
use serde_json::{Map, Value, json};

/// Longer texts are cut; the whole job is at `/jobs/{id}`.
const TEXT_LENGTH_MAX: usize = 300;
const RESULT_MEMBERS_MAX: usize = 10;

/// The job without its payload, and of its result the plain members only.
pub fn line(job: &Job) -> Value {
    let mut line = json!({
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "attempts": job.attempts,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
    });
    if let Some(reason) = &job.reason {
        line["reason"] = short(reason).into();
    }
    if let Some(Value::Object(result)) = &job.result {
        line["result"] = Value::Object(plain(result));
    }
    line
}

fn plain(result: &Map<String, Value>) -> Map<String, Value> {
    let members = result.iter().filter_map(|(name, value)| match value {
        Value::Number(_) | Value::Bool(_) => Some((name.clone(), value.clone())),
        Value::String(text) => Some((name.clone(), short(text).into())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    });
    members.take(RESULT_MEMBERS_MAX).collect()
}

fn short(text: &str) -> String {
    match text.char_indices().nth(TEXT_LENGTH_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
