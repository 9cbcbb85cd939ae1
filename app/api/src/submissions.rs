//! What can be submitted, for the OpenAPI document; [`jobs::work`] decides, and a test holds the two together.

#![allow(dead_code, reason = "these types are described, never built")]

use std::collections::BTreeMap;

use jobs::work::{ADDRESS_MAX, FAIL_WITH_MAX, SLEEP_MAX, VALUE_MAX, VALUES_MAX};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// One email address in ASCII, as [`jobs::work`] reads it.
const ADDRESS_PATTERN: &str = concat!(
    r"^(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*",
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
);
const VALUE_NAME_PATTERN: &str = "^[a-z][a-z0-9_]{0,39}$";

/// A job to be done.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum Submission {
    Sleep(SleepSubmission),
    CsvImport(CsvImportSubmission),
    Email(EmailSubmission),
    Report(ReportSubmission),
}

/// Simulated work: takes its time, then succeeds, or fails with the given reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SleepSubmission {
    #[schema(schema_with = kind_sleep)]
    kind: String,
    payload: SleepPayload,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SleepPayload {
    #[schema(maximum = 600_000)]
    milliseconds: u64,
    /// Up to 1,000 bytes of UTF-8.
    #[schema(max_length = 1000)]
    fail_with: Option<String>,
}

/// Reads an uploaded CSV file into the database.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvImportSubmission {
    #[schema(schema_with = kind_csv_import)]
    kind: String,
    payload: CsvImportPayload,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvImportPayload {
    /// The id of an upload.
    #[schema(format = "uuid")]
    upload: String,
}

/// Sends one email, made from a template.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailSubmission {
    #[schema(schema_with = kind_email)]
    kind: String,
    payload: EmailPayload,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailPayload {
    #[schema(schema_with = address)]
    to: String,
    #[schema(schema_with = template)]
    template: String,
    /// What the template is filled with.
    #[schema(schema_with = values, required = false)]
    values: BTreeMap<String, String>,
}

/// Adds up by product what one import brought, or what all did, as CSV. Of an order that several imports have, the
/// import that was submitted last counts, so that a file can be corrected by importing it again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportSubmission {
    #[schema(schema_with = kind_report)]
    kind: String,
    #[schema(required = false)]
    payload: ReportPayload,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportPayload {
    /// The id of a `csv-import` job; without it all that are COMPLETED count.
    #[schema(format = "uuid")]
    import: Option<String>,
}

fn kind_sleep() -> Object {
    word("sleep")
}

fn kind_csv_import() -> Object {
    word("csv-import")
}

fn kind_email() -> Object {
    word("email")
}

fn kind_report() -> Object {
    word("report")
}

fn word(word: &str) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([json!(word)])).build()
}

fn address() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(ADDRESS_MAX))
        .pattern(Some(ADDRESS_PATTERN))
        .examples([json!("ada@example.com")])
        .build()
}

fn template() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([json!("welcome"), json!("report-ready")]))
        .build()
}

fn values() -> Object {
    let value = ObjectBuilder::new().schema_type(Type::String).max_length(Some(VALUE_MAX));
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some(VALUE_NAME_PATTERN));
    ObjectBuilder::new()
        .max_properties(Some(VALUES_MAX))
        .property_names(Some(name))
        .additional_properties(Some(value))
        .build()
}

/// An example of each kind.
pub fn examples() -> [(&'static str, Value); 4] {
    let id = "0196f0c4-c0de-7abc-8def-0123456789ab";
    [
        ("sleep", json!({"kind": "sleep", "payload": {"milliseconds": 50}})),
        ("csv-import", json!({"kind": "csv-import", "payload": {"upload": id}})),
        (
            "email",
            json!({"kind": "email", "payload": {
                "to": "ada@example.com", "template": "welcome", "values": {"name": "Ada"},
            }}),
        ),
        ("report", json!({"kind": "report", "payload": {"import": id}})),
    ]
}

const _: () = assert!(SLEEP_MAX.as_millis() == 600_000 && FAIL_WITH_MAX == 1000);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jobs::work::{Template, Work};

    use super::*;

    #[test]
    fn each_kind_has_an_example_that_is_accepted() {
        let kinds = examples().map(|(kind, example)| {
            Work::parse(kind, &example["payload"]).unwrap();
            assert_eq!(example["kind"], kind);
            kind
        });
        assert_eq!(kinds, Work::KINDS);
    }

    #[test]
    fn the_documented_templates_are_those_there_are() {
        let words = serde_json::to_value(template()).unwrap()["enum"].clone();
        assert_eq!(words, json!([Template::Welcome.name(), Template::ReportReady.name()]));
    }
}
