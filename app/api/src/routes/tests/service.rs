//! What holds for every request, and what the process says of itself.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;
use serde_json::json;

use super::scaling::Log;
use crate::settings::Health;
use crate::testing::{World, request};

#[tokio::test]
async fn the_version_is_shown() {
    let world = World::new().await;
    assert_eq!(world.read("/").await.text, "job-api 1.4.2\n");
    assert_eq!(world.read("/version").await.json()["version"], "1.4.2");
    assert_eq!(world.read("/api/health").await.json(), json!({"status": "ok", "version": "1.4.2"}));
}

#[tokio::test]
async fn a_path_that_is_not_there_is_404() {
    let world = World::new().await;
    for path in ["/nowhere", "/jobs/", "/version/", "//", "/jobs/1/2/3"] {
        world.read(path).await.refused(404, "no_such_path");
    }
}

#[tokio::test]
async fn another_method_is_405_and_those_there_are_are_named() {
    let world = World::new().await;
    for (method, path, allow) in [
        (Method::GET, "/submit-job", "POST"),
        (Method::PUT, "/jobs", "GET,HEAD"),
        (Method::POST, "/jobs/1", "GET,HEAD,DELETE"),
        (Method::DELETE, "/uploads", "POST"),
        (Method::OPTIONS, "/version", "GET,HEAD"),
        (Method::POST, "/openapi.json", "GET,HEAD"),
    ] {
        let answer = world.ask(request(method, path, &[], Body::empty())).await;
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
    }
}

#[tokio::test]
async fn a_request_keeps_the_name_that_its_client_gave_it() {
    let world = World::new().await;
    let named = async |name: &str| {
        let headers = [("x-request-id", name)];
        let answer = world.ask(request(Method::GET, "/nowhere", &headers, Body::empty())).await;
        answer.refused(404, "no_such_path");
        answer.header("x-request-id").unwrap().to_owned()
    };
    let longest = "x".repeat(64);
    for name in ["checkout-7f3a", "A.b_c-9", &longest] {
        assert_eq!(named(name).await, name);
    }
    for name in ["", "a b", "<script>", "naïve", &"x".repeat(65)] {
        let given = named(name).await;
        assert!(uuid::Uuid::parse_str(&given).is_ok(), "`{name}` became `{given}`");
    }
    assert_ne!(named("").await, named("").await);
}

#[tokio::test]
async fn the_health_switch_fails_liveness_and_nothing_else() {
    let mut world = World::new().await;
    world.api.health = Health::Failing;
    assert_eq!(world.read("/api/health").await.status, 500);
    assert_eq!(world.read("/api/ready").await.status, 200);
    assert_eq!(world.read("/").await.status, 200);
}

#[tokio::test]
async fn readiness_says_which_of_database_and_queue_is_away() {
    let mut world = World::new().await;
    assert_eq!(
        world.read("/api/ready").await.json(),
        json!({"status": "ready", "database": "ok", "queue": "ok"})
    );
    world.api.ping_queue = Arc::new(|| Box::pin(async { Err("refused".to_owned()) }));
    let answer = world.read("/api/ready").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.json(), json!({"status": "unavailable", "database": "ok", "queue": "unreachable"}));
    assert_eq!(world.read("/api/health").await.status, 200);
}

#[tokio::test]
async fn readiness_is_logged_when_it_changes_and_says_why() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .finish();
    // Everything of this test runs on this thread.
    let _logging = tracing::subscriber::set_default(subscriber);
    let mut world = World::new().await;
    let well = world.api.ping_queue.clone();
    for ping in [well.clone(), Arc::new(|| Box::pin(async { Err("refused".to_owned()) })), well] {
        world.api.ping_queue = ping;
        for _ in 0..3 {
            world.read("/api/ready").await;
        }
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let told: Vec<&str> = logged.lines().filter(|line| line.contains("ready")).collect();
    assert_eq!(told.len(), 2, "{logged}");
    assert!(told[0].contains("WARN") && told[0].contains("queue=\"refused\""), "{logged}");
    assert!(told[1].contains("INFO") && told[1].contains("ready again"), "{logged}");
}

#[tokio::test]
async fn while_draining_it_is_alive_but_not_ready_and_asks_clients_to_reconnect() {
    let world = World::new().await;
    assert_eq!(world.read("/").await.header("connection"), None);
    world.api.draining.cancel();
    let answer = world.read("/api/ready").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    let answer = world.read("/api/health").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(world.submit(r#"{"kind":"sleep","payload":{"milliseconds":50}}"#).await.status, 202);
}

#[tokio::test]
async fn a_database_that_is_away_is_503_with_a_time_to_retry() {
    let world = World::new().await;
    world.api.store.close().await;
    let id = ::jobs::job::JobId::fresh();
    let submission = r#"{"kind":"sleep","payload":{"milliseconds":50}}"#;
    for answer in [
        world.submit(submission).await,
        world.submit_with(&[("idempotency-key", "k")], submission).await,
        world.read("/jobs").await,
        world.read(&format!("/jobs/{id}")).await,
        world.read(&format!("/jobs/{id}/history")).await,
        world.read(&format!("/jobs/{id}/report")).await,
        world.delete(&format!("/jobs/{id}")).await,
        world.read(&format!("/uploads/{id}")).await,
    ] {
        let detail = answer.refused(503, "unavailable");
        assert_eq!(detail, "the database can't be reached; nothing was changed, try again");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

#[tokio::test]
async fn a_stored_job_that_makes_no_sense_is_500_and_its_request_is_named() {
    let world = World::new().await;
    let id = world.stored("sleep", json!({"milliseconds": 1})).await.id;
    world.database.execute("UPDATE jobs SET payload = 'ODD'").await;
    let answer = world.read(&format!("/jobs/{id}")).await;
    let detail = answer.refused(500, "internal");
    assert!(!detail.contains("ODD"), "{detail}");
}
