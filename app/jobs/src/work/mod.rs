//! The kinds of work: which payload each takes, checked by the API and carried out by the worker.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::address::ADDRESS_MAX;
use crate::address::{Address, InvalidAddress};
use crate::job::JobId;
use crate::store::UploadId;

/// The longest simulated work that is accepted.
pub const SLEEP_MAX: Duration = Duration::from_secs(10 * 60);
/// The longest reason that simulated work can be told to fail with, in bytes.
pub const FAIL_WITH_MAX: usize = 1_000;
/// The most values that an email's template is filled with.
pub const VALUES_MAX: usize = 20;
/// The longest name of such a value, in bytes.
pub const VALUE_NAME_MAX: usize = 40;
/// The longest such value, in bytes.
pub const VALUE_MAX: usize = 1_000;

/// A kind together with its payload, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Simulated work: takes this long, then succeeds, or fails with the given reason.
    Sleep { duration: Duration, fail_with: Option<String> },
    /// Reads an uploaded CSV file into the database.
    CsvImport { upload: UploadId },
    /// Sends one email, made from a template.
    Email { to: Address, template: Template, values: BTreeMap<String, String> },
    /// Adds up what one import brought, or what all did; of an order in several imports the latest counts.
    Report { import: Option<JobId> },
}

/// The emails there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    Welcome,
    ReportReady,
}

impl Template {
    pub fn name(self) -> &'static str {
        match self {
            Template::Welcome => "welcome",
            Template::ReportReady => "report-ready",
        }
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum InvalidWork {
    #[error("there is no job kind `{0}`; kinds are: sleep, csv-import, email, report")]
    UnknownKind(String),
    #[error("the payload of kind `{kind}` is not valid: {why}")]
    Payload { kind: &'static str, why: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SleepPayload {
    milliseconds: u64,
    fail_with: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvImportPayload {
    upload: UploadId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailPayload {
    to: String,
    template: Template,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportPayload {
    import: Option<JobId>,
}

impl Work {
    pub const KINDS: [&str; 4] = ["sleep", "csv-import", "email", "report"];

    pub fn parse(kind: &str, payload: &Value) -> Result<Work, InvalidWork> {
        match kind {
            "sleep" => sleep(payload),
            "csv-import" => {
                let CsvImportPayload { upload } = understood("csv-import", payload)?;
                Ok(Work::CsvImport { upload })
            }
            "email" => email(payload),
            "report" => {
                let ReportPayload { import } = understood("report", payload)?;
                Ok(Work::Report { import })
            }
            _ => Err(InvalidWork::UnknownKind(kind.chars().take(100).collect())),
        }
    }
}

fn understood<T: DeserializeOwned>(kind: &'static str, payload: &Value) -> Result<T, InvalidWork> {
    T::deserialize(payload).map_err(|error| InvalidWork::Payload { kind, why: error.to_string() })
}

fn sleep(payload: &Value) -> Result<Work, InvalidWork> {
    let invalid = |why: String| InvalidWork::Payload { kind: "sleep", why };
    let payload: SleepPayload = understood("sleep", payload)?;
    let duration = Duration::from_millis(payload.milliseconds);
    if duration > SLEEP_MAX {
        return Err(invalid(format!("milliseconds may be at most {}", SLEEP_MAX.as_millis())));
    }
    if payload.fail_with.as_ref().is_some_and(|reason| reason.len() > FAIL_WITH_MAX) {
        return Err(invalid(format!("fail_with may have at most {FAIL_WITH_MAX} bytes")));
    }
    Ok(Work::Sleep { duration, fail_with: payload.fail_with })
}

fn email(payload: &Value) -> Result<Work, InvalidWork> {
    let invalid = |why: String| Err(InvalidWork::Payload { kind: "email", why });
    let EmailPayload { to, template, values } = understood("email", payload)?;
    let to = match to.parse() {
        Ok(to) => to,
        Err(InvalidAddress { why, .. }) => {
            return invalid(format!("to must be one email address, such as ada@example.com: {why}"));
        }
    };
    if values.len() > VALUES_MAX {
        return invalid(format!("values may have at most {VALUES_MAX} members, and has {}", values.len()));
    }
    for (name, value) in &values {
        if !is_value_name(name) {
            return invalid(format!(
                "values: a name has 1 to {VALUE_NAME_MAX} of a-z, 0-9 and _, and begins with a letter; \
                 `{}` is none",
                name.chars().take(VALUE_NAME_MAX).collect::<String>().escape_debug()
            ));
        }
        if value.len() > VALUE_MAX {
            return invalid(format!("values.{name} may have at most {VALUE_MAX} bytes"));
        }
    }
    Ok(Work::Email { to, template, values })
}

fn is_value_name(name: &str) -> bool {
    name.len() <= VALUE_NAME_MAX
        && name.starts_with(|it: char| it.is_ascii_lowercase())
        && name.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_')
}

#[cfg(test)]
mod tests;
