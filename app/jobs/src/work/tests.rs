//! Which payloads each kind takes, and what is said of those that it doesn't.

#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

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
    let refused = refusal("slep", json!({}));
    assert_eq!(refused, "there is no job kind `slep`; kinds are: sleep, csv-import, email, report");
    for kind in Work::KINDS {
        assert!(refused.contains(kind), "{kind}");
        assert!(!matches!(Work::parse(kind, &json!(7)), Err(InvalidWork::UnknownKind(_))), "{kind}");
    }
}

#[test]
fn a_payload_that_is_missing_a_member_or_has_one_too_many_is_refused() {
    assert!(refusal("sleep", json!({})).contains("missing field `milliseconds`"));
    assert!(refusal("sleep", json!({"milliseconds": 1, "seconds": 1})).contains("unknown field"));
    assert!(refusal("sleep", json!({"milliseconds": -1})).contains("invalid value"));
    assert!(refusal("csv-import", json!({})).contains("missing field `upload`"));
    assert!(refusal("email", json!({"to": "ada@example.com"})).contains("missing field `template`"));
    assert!(refusal("report", json!({"imports": []})).contains("unknown field `imports`"));
}

#[test]
fn a_sleep_beyond_the_maximum_is_refused() {
    assert!(refusal("sleep", json!({"milliseconds": 600_001})).contains("at most 600000"));
    assert!(Work::parse("sleep", &json!({"milliseconds": 600_000})).is_ok());
    let novel = "x".repeat(FAIL_WITH_MAX + 1);
    assert!(refusal("sleep", json!({"milliseconds": 1, "fail_with": novel})).contains("fail_with"));
}

#[test]
fn an_import_names_its_upload_by_id() {
    let upload = UploadId::fresh();
    assert_eq!(Work::parse("csv-import", &json!({"upload": upload})), Ok(Work::CsvImport { upload }));
    assert!(refusal("csv-import", json!({"upload": "../etc/passwd"})).contains("not valid"));
}

#[test]
fn a_report_is_of_one_import_or_of_all() {
    let import = JobId::fresh();
    assert_eq!(Work::parse("report", &json!({"import": import})), Ok(Work::Report { import: Some(import) }));
    assert_eq!(Work::parse("report", &json!({})), Ok(Work::Report { import: None }));
    assert!(refusal("report", json!({"import": 7})).contains("not valid"));
}

#[test]
fn an_email_has_an_address_a_template_and_values() {
    let payload =
        json!({"to": "ada+jobs@mail.example.com", "template": "report-ready", "values": {"name": "Ada"}});
    assert_eq!(
        Work::parse("email", &payload),
        Ok(Work::Email {
            to: "ada+jobs@mail.example.com".parse().unwrap(),
            template: Template::ReportReady,
            values: [("name".to_owned(), "Ada".to_owned())].into(),
        })
    );
    let unknown = refusal("email", json!({"to": "ada@example.com", "template": "welcom"}));
    assert!(unknown.contains("`welcom`") && unknown.contains("`report-ready`"), "{unknown}");
}

#[test]
fn an_address_that_mail_can_not_go_to_is_refused() {
    for to in [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@localhost",
        "ada@example..com",
        "ada@-example.com",
        "ada@example.com, bob@example.com",
        "Ada <ada@example.com>",
        "ada@example.com\r\nBcc: bob@example.com",
        "ada\n@example.com",
        ".ada@example.com",
        "a..b@example.com",
        "adä@example.com",
    ] {
        let refused = refusal("email", json!({"to": to, "template": "welcome"}));
        assert!(refused.contains("one email address"), "{to}: {refused}");
    }
    let long = format!("{}@{}.com", "a".repeat(64), "b".repeat(63).repeat(3));
    assert!(refusal("email", json!({"to": long, "template": "welcome"})).contains("one email address"));
}

#[test]
fn values_beyond_their_bounds_are_refused_by_name() {
    let with = |values: Value| json!({"to": "ada@example.com", "template": "welcome", "values": values});
    let many: BTreeMap<String, &str> = (0..=VALUES_MAX).map(|number| (format!("v{number}"), "")).collect();
    assert!(refusal("email", with(json!(many))).contains("at most 20"));
    assert!(refusal("email", with(json!({"na me": "x"}))).contains("`na me`"));
    assert!(refusal("email", with(json!({"": "x"}))).contains("1 to 40"));
    let long = "x".repeat(VALUE_MAX + 1);
    assert!(refusal("email", with(json!({"name": long}))).contains("values.name"));
    assert!(refusal("email", with(json!({"name": 7}))).contains("not valid"));
}
