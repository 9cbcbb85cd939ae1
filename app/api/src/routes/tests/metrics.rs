//! What Prometheus is told of requests.

use axum::body::Body;
use axum::http::Method;

use crate::testing::{World, request};

#[tokio::test]
async fn requests_are_counted_by_method_template_and_status() {
    let world = World::new().await;
    for number in 0..3 {
        world.read(&format!("/jobs/{number}")).await.refused(404, "no_such_job");
    }
    let answer = world.read("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "api_requests_total{method=\"GET\",route=\"/jobs/{id}\",status=\"404\"} 3",
        "api_request_duration_seconds_count{method=\"GET\",route=\"/jobs/{id}\"} 3",
        "api_info{version=\"1.4.2\"} 1",
        "# TYPE api_request_duration_seconds histogram",
    ] {
        assert!(answer.text.lines().any(|it| it == line), "{line}\n{}", answer.text);
    }
}

#[tokio::test]
async fn no_client_can_add_a_series_by_inventing_paths_or_methods() {
    let world = World::new().await;
    let series = async || {
        let text = world.read("/metrics").await.text;
        text.lines().filter(|line| line.starts_with("api_requests_total")).count()
    };
    series().await;
    world.read("/nowhere").await;
    world.ask(request(Method::from_bytes(b"INVENTED").unwrap(), "/nowhere", &[], Body::empty())).await;
    let before = series().await;
    for number in 0..50 {
        let method = Method::from_bytes(format!("INVENTED{number}").as_bytes()).unwrap();
        world.ask(request(method, "/nowhere", &[], Body::empty())).await;
        world.read(&format!("/nowhere/{number}?and={number}")).await;
    }
    assert_eq!(series().await, before);
}

#[tokio::test]
async fn the_bytes_of_uploads_are_counted() {
    let world = World::new().await;
    assert_eq!(world.upload("/uploads", "a,b\n1,2\n").await.status, 201);
    assert!(world.read("/metrics").await.text.contains("\napi_upload_bytes_total 8\n"));
}
