//! Jobs come in, once.

use ::jobs::job::JobId;
use ::jobs::store::UploadId;
use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{World, request};

const SLEEP: &str = r#"{"kind":"sleep","payload":{"milliseconds":50}}"#;

#[tokio::test]
async fn a_submitted_job_is_accepted_stored_and_owed_to_the_queue() {
    let world = World::new().await;
    let answer = world.submit_with(&[("x-request-id", "r-1")], SLEEP).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.json(), json!({"id": id, "status": "SUBMITTED"}));
    assert_eq!(answer.header("location"), Some(&*format!("/jobs/{id}")));

    let job = world.read(&format!("/jobs/{id}")).await;
    assert_eq!(job.status, 200);
    let job = job.json();
    assert_eq!(job["status"], "SUBMITTED");
    assert_eq!(job["payload"], json!({"milliseconds": 50}));
    assert_eq!(job["request_id"], "r-1");
    assert!(job["created_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(job.get("reason"), None);
    assert_eq!(world.owed().await, [id.parse::<JobId>().unwrap()]);
}

#[tokio::test]
async fn a_submission_rouses_the_relay() {
    let world = World::new().await;
    world.submit(SLEEP).await;
    // `notify_one` leaves a permit behind, so this returns at once or never.
    world.api.submitted.notified().await;
}

#[tokio::test]
async fn a_whole_number_may_be_written_with_a_point() {
    let world = World::new().await;
    for (written, meant) in [("50.0", json!(50)), ("5e1", json!(50)), ("0.0", json!(0)), ("-0.0", json!(0))] {
        let answer =
            world.submit(format!(r#"{{"kind":"sleep","payload":{{"milliseconds":{written}}}}}"#)).await;
        assert_eq!(answer.status, 202, "{written}: {}", answer.text);
        let job = world.read(answer.header("location").unwrap()).await.json();
        assert_eq!(job["payload"]["milliseconds"], meant, "{written}");
    }
    for no_integer in ["50.5", "1e300", "-1.0"] {
        let body = format!(r#"{{"kind":"sleep","payload":{{"milliseconds":{no_integer}}}}}"#);
        world.submit(body).await.refused(422, "invalid_payload");
    }
}

#[tokio::test]
async fn every_kind_is_accepted_when_what_it_names_is_there() {
    let world = World::new().await;
    let upload = world.upload("/uploads", "order_id\n1\n").await.json()["id"].clone();
    let import = world.submit(json!({"kind": "csv-import", "payload": {"upload": upload}}).to_string()).await;
    assert_eq!(import.status, 202, "{}", import.text);
    let import = import.json()["id"].clone();
    for body in [
        json!({"kind": "sleep", "payload": {"milliseconds": 1, "fail_with": "no disk"}}),
        json!({"kind": "email", "payload": {"to": "ada@example.com", "template": "welcome"}}),
        json!({"kind": "report"}),
        json!({"kind": "report", "payload": {}}),
        json!({"kind": "report", "payload": {"import": import}}),
    ] {
        let answer = world.submit(body.to_string()).await;
        assert_eq!(answer.status, 202, "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_submission_that_can_not_be_done_is_refused_and_not_stored() {
    let world = World::new().await;
    let sleep = world.stored("sleep", json!({"milliseconds": 1})).await.id;
    let nothing = UploadId::fresh();
    let email = |to: &str| json!({"kind": "email", "payload": {"to": to, "template": "welcome"}}).to_string();
    for (body, status, code, says) in [
        (
            r#"{"kind":"sleeep"}"#.to_owned(),
            422,
            "unknown_kind",
            "there is no job kind `sleeep`; kinds are: sleep",
        ),
        (r#"{"kind":"sleep"}"#.to_owned(), 422, "invalid_payload", "missing field `milliseconds`"),
        (r#"{"kind":"sleep","payload":{"milliseconds":-1}}"#.to_owned(), 422, "invalid_payload", "`-1`"),
        (r#"{"kind":"sleep","payload":[1]}"#.to_owned(), 422, "invalid_payload", "must be a JSON object"),
        (r#"{"kind":"sleep","payload":null}"#.to_owned(), 422, "invalid_payload", "must be a JSON object"),
        (
            r#"{"kind":"sleep","pay_load":{}}"#.to_owned(),
            422,
            "invalid_body",
            "`pay_load`, expected `kind` or `payload` at line 1 column 26",
        ),
        (r#"["sleep",{"milliseconds":1}]"#.to_owned(), 422, "invalid_body", "must be a JSON object"),
        ("{\n  \"kind\": \"sleep\",\n}".to_owned(), 400, "invalid_json", "at line 3 column 1"),
        (r#"{"kind":"sleep"} {}"#.to_owned(), 400, "invalid_json", "at line 1 column 18"),
        (String::new(), 400, "invalid_json", "there is no body"),
        (email("ada"), 422, "invalid_payload", "one email address"),
        (email("ada@example.com\nbcc: all@example.com"), 422, "invalid_payload", "one email address"),
        (
            json!({"kind": "csv-import", "payload": {"upload": nothing}}).to_string(),
            422,
            "unknown_upload",
            "send the file to /uploads first",
        ),
        (
            json!({"kind": "report", "payload": {"import": JobId::fresh()}}).to_string(),
            422,
            "unknown_import",
            "there is no job",
        ),
        (
            json!({"kind": "report", "payload": {"import": sleep}}).to_string(),
            422,
            "unknown_import",
            "there is a `sleep` job",
        ),
    ] {
        let detail = world.submit(body.clone()).await.refused(status, code);
        assert!(detail.contains(says), "{body}: {detail}");
    }
    assert_eq!(world.owed().await, [sleep]);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_of_another_type_is_refused() {
    let world = World::new().await;
    let large = format!(r#"{{"kind":"{}"}}"#, "x".repeat(64 * 1024));
    let detail = world.submit(large).await.refused(413, "body_too_large");
    assert!(detail.contains("65536 bytes"), "{detail}");
    for content_type in ["text/csv", "", "application/jsonx", "application/json; charset=latin1"] {
        let headers = [("content-type", content_type)];
        let answer = world.ask(request(Method::POST, "/submit-job", &headers, Body::from(SLEEP))).await;
        answer.refused(415, "unsupported_media_type");
    }
    assert_eq!(world.owed().await, []);
}

#[tokio::test]
async fn a_submission_that_is_repeated_with_its_key_is_one_job() {
    let world = World::new().await;
    let key = [("idempotency-key", "order-4711")];
    let first = world.submit_with(&key, SLEEP).await;
    let id: JobId = first.json()["id"].as_str().unwrap().parse().unwrap();
    // Members in another order, other spaces, and the job has moved on: the same answer all the same.
    world.begin(id).await;
    let again = world.submit_with(&key, r#"{ "payload": {"milliseconds": 50}, "kind": "sleep" }"#).await;
    assert_eq!((again.status, &again.text), (202, &first.text));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(world.owed().await, [id]);

    let other = r#"{"kind":"sleep","payload":{"milliseconds":51}}"#;
    let detail = world.submit_with(&key, other).await.refused(409, "idempotency_key_reused");
    assert!(detail.contains("take a new key"), "{detail}");
    assert_eq!(world.owed().await, [id]);
}

#[tokio::test]
async fn submissions_with_one_key_at_the_same_time_are_one_job() {
    let world = World::new().await;
    let key = [("idempotency-key", "order-4711")];
    let ask = || async { world.submit_with(&key, SLEEP).await.json()["id"].clone() };
    let (one, two, three, four) = tokio::join!(ask(), ask(), ask(), ask());
    assert!(one.is_string(), "{one}");
    assert_eq!([&two, &three, &four], [&one; 3]);
    assert_eq!(world.owed().await.len(), 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let world = World::new().await;
    let longest = "k".repeat(255);
    assert_eq!(world.submit_with(&[("idempotency-key", &longest)], SLEEP).await.status, 202);
    for key in ["", "two words", "naïve", &"k".repeat(256)] {
        let answer = world.submit_with(&[("idempotency-key", key)], SLEEP).await;
        let detail = answer.refused(400, "invalid_header");
        assert!(detail.contains("1 to 255 visible ASCII characters"), "{detail}");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
    world.submit_with(&twice, SLEEP).await.refused(400, "invalid_header");
    assert_eq!(world.owed().await.len(), 1);
}

#[tokio::test]
async fn a_refusal_does_not_use_up_the_key() {
    let world = World::new().await;
    let key = [("idempotency-key", "order-4711")];
    world.submit_with(&key, r#"{"kind":"sleep"}"#).await.refused(422, "invalid_payload");
    let taken: Value = world.submit_with(&key, SLEEP).await.json();
    assert_eq!(taken["status"], "SUBMITTED");
}
