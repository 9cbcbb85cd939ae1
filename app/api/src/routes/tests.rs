//! What each path answers, refusals included.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use ::jobs::job::JobId;
use ::jobs::store::Store;
use ::jobs::timestamp::Timestamp;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::settings::Health;

struct World {
    _folder: tempfile::TempDir,
    api: Api,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
    let store = Store::open(&url).await.unwrap();
    store.migrate().await.unwrap();
    let api = Api {
        store,
        submitted: Arc::new(Notify::new()),
        ping_queue: Arc::new(|| Box::pin(async { Ok(()) })),
        version: "1.4.2".into(),
        health: Health::Ok,
        draining: CancellationToken::new(),
    };
    World { _folder: folder, api }
}

struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn error_code(&self) -> Value {
        self.json()["code"].clone()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn ask(api: &Api, request: Request) -> Answer {
    let service = TowerToHyperService::new(router(api.clone()));
    let response = service.call(request).await;
    let (parts, body) = response.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

async fn read(api: &Api, path: &str) -> Answer {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    ask(api, request).await
}

async fn submit(api: &Api, body: impl Into<Body>) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/submit-job")
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap();
    ask(api, request).await
}

#[tokio::test]
async fn a_submitted_job_is_accepted_stored_and_owed_to_the_queue() {
    let World { api, _folder } = world().await;
    let answer = submit(&api, r#"{"kind":"sleep","payload":{"milliseconds":50}}"#).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), Some(&*format!("/jobs/{id}")));

    let job = read(&api, &format!("/jobs/{id}")).await;
    assert_eq!(job.status, 200);
    let job = job.json();
    assert_eq!(job["id"], *id);
    assert_eq!(job["status"], "SUBMITTED");
    assert_eq!(job["payload"], json!({"milliseconds": 50}));
    assert!(job["created_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(job.get("reason"), None);

    let minute = Duration::from_secs(60);
    let owed = api.store.claim_unsent(10, minute, Timestamp::now()).await;
    assert_eq!(owed.unwrap()[0].job_id.to_string(), id);
}

#[tokio::test]
async fn a_submission_rouses_the_relay() {
    let World { api, _folder } = world().await;
    submit(&api, r#"{"kind":"sleep","payload":{"milliseconds":50}}"#).await;
    // `notify_one` leaves a permit behind, so this returns at once or never.
    api.submitted.notified().await;
}

#[tokio::test]
async fn a_submission_that_can_not_be_done_is_refused_and_not_stored() {
    let World { api, _folder } = world().await;
    for (body, status, code) in [
        (r#"{"kind":"sleeep"}"#, 422, "unknown_kind"),
        (r#"{"kind":"sleep"}"#, 422, "invalid_payload"),
        (r#"{"kind":"sleep","payload":{"milliseconds":-1}}"#, 422, "invalid_payload"),
        (r#"{"kind":"sleep","pay_load":{}}"#, 422, "invalid_body"),
        (r#"{"kind":"#, 400, "invalid_json"),
    ] {
        let answer = submit(&api, body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
        assert_eq!(answer.error_code(), code, "{body}");
    }
    let minute = Duration::from_secs(60);
    let owed = api.store.claim_unsent(10, minute, Timestamp::now()).await;
    assert_eq!(owed.unwrap(), []);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_not_json_is_refused() {
    let World { api, _folder } = world().await;
    let large = format!(r#"{{"kind":"{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(submit(&api, large).await.status, 413);
    let form = Request::builder()
        .method(Method::POST)
        .uri("/submit-job")
        .header("content-type", "text/csv")
        .body(Body::from("a,b"))
        .unwrap();
    assert_eq!(ask(&api, form).await.status, 415);
}

#[tokio::test]
async fn a_job_or_path_that_is_not_there_is_404() {
    let World { api, _folder } = world().await;
    let unknown = format!("/jobs/{}", JobId::fresh());
    for (path, code) in [(&*unknown, "no_such_job"), ("/jobs/1", "no_such_job"), ("/nowhere", "no_such_path")]
    {
        let answer = read(&api, path).await;
        assert_eq!((answer.status, answer.error_code()), (404, json!(code)), "{path}");
    }
}

#[tokio::test]
async fn the_version_is_shown() {
    let World { api, _folder } = world().await;
    assert_eq!(read(&api, "/").await.text, "job-api 1.4.2\n");
    assert_eq!(read(&api, "/version").await.json()["version"], "1.4.2");
    assert_eq!(read(&api, "/api/health").await.json(), json!({"status": "ok", "version": "1.4.2"}));
}

#[tokio::test]
async fn the_health_switch_fails_liveness_and_nothing_else() {
    let World { mut api, _folder } = world().await;
    api.health = Health::Failing;
    assert_eq!(read(&api, "/api/health").await.status, 500);
    assert_eq!(read(&api, "/api/ready").await.status, 200);
    assert_eq!(read(&api, "/").await.status, 200);
}

#[tokio::test]
async fn readiness_says_which_of_database_and_queue_is_away() {
    let World { mut api, _folder } = world().await;
    assert_eq!(
        read(&api, "/api/ready").await.json(),
        json!({"status": "ready", "database": "ok", "queue": "ok"})
    );
    api.ping_queue = Arc::new(|| Box::pin(async { Err("refused".to_owned()) }));
    let answer = read(&api, "/api/ready").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json(), json!({"status": "unavailable", "database": "ok", "queue": "unreachable"}));
    assert_eq!(read(&api, "/api/health").await.status, 200);
}

#[tokio::test]
async fn while_draining_it_is_alive_but_not_ready_and_asks_clients_to_reconnect() {
    let World { api, _folder } = world().await;
    assert_eq!(read(&api, "/").await.header("connection"), None);
    api.draining.cancel();
    assert_eq!(read(&api, "/api/ready").await.status, 503);
    let answer = read(&api, "/api/health").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), Some("close"));
    let answer = submit(&api, r#"{"kind":"sleep","payload":{"milliseconds":50}}"#).await;
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn a_database_that_is_away_is_503_with_a_time_to_retry() {
    let World { api, _folder } = world().await;
    api.store.close().await;
    let answer = submit(&api, r#"{"kind":"sleep","payload":{"milliseconds":50}}"#).await;
    assert_eq!((answer.status, answer.error_code()), (503, json!("unavailable")));
    assert_eq!(answer.header("retry-after"), Some("1"));
}
