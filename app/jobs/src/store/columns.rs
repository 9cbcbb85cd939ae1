//! Between Rust's types and the few that both databases have: text, and 64-bit integers.

use std::str::FromStr;

use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::Trouble;
use crate::job::Job;
use crate::timestamp::Timestamp;

/// The columns of a job, for [`job`].
macro_rules! job_columns {
    () => {
        "id, kind, payload, status, reason, request_id, result, attempts, created_at, updated_at"
    };
}
pub(super) use job_columns;

/// The longest text that is kept of a reason, a detail or a name.
pub(super) const TEXT_MAX: usize = 2_000;

pub(super) fn job(row: &AnyRow) -> Result<Job, Trouble> {
    Ok(Job {
        id: parsed(row, "id")?,
        kind: text(row, "kind")?,
        payload: json("payload", &text(row, "payload")?)?,
        status: parsed(row, "status")?,
        reason: row.try_get("reason")?,
        request_id: row.try_get("request_id")?,
        result: row.try_get::<Option<String>, _>("result")?.map(|text| json("result", &text)).transpose()?,
        attempts: number(row, "attempts")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

pub(super) fn text(row: &AnyRow, column: &str) -> Result<String, Trouble> {
    Ok(row.try_get(column)?)
}

pub(super) fn time(row: &AnyRow, column: &str) -> Result<Timestamp, Trouble> {
    Ok(Timestamp::from_milliseconds(row.try_get(column)?))
}

pub(super) fn number<N>(row: &AnyRow, column: &'static str) -> Result<N, Trouble>
where
    N: TryFrom<i64>,
    N::Error: std::fmt::Display,
{
    let number: i64 = row.try_get(column)?;
    N::try_from(number).map_err(|error| Trouble::Stored { what: column, why: error.to_string() })
}

pub(super) fn parsed<T>(row: &AnyRow, column: &'static str) -> Result<T, Trouble>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text: String = row.try_get(column)?;
    text.parse().map_err(|error: T::Err| Trouble::Stored { what: column, why: error.to_string() })
}

fn json(what: &'static str, text: &str) -> Result<Value, Trouble> {
    serde_json::from_str(text).map_err(|error| Trouble::Stored { what, why: error.to_string() })
}

/// A number as both databases store it; what is beyond becomes the largest there is.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Text from outside as both databases store it: PostgreSQL refuses the character NUL, and nobody reads a novel.
pub(super) fn plain(text: &str) -> String {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_cut_between_characters_and_has_no_nul() {
        assert_eq!(plain("a\0b"), "a\u{fffd}b");
        let long = "é".repeat(TEXT_MAX);
        assert_eq!(plain(&format!("x{long}")).len(), TEXT_MAX - 1);
    }
}
