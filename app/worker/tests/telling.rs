//! What a worker tells: its log, CloudWatch, and Prometheus.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use jobs::job::Status;
use jobs::store::NewJob;
use jobs::timestamp::Timestamp;
use serde_json::json;

use crate::scene::{Scene, wait_until};
use crate::worker::Worker;

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_has_a_line_for_its_begin_and_one_for_its_end() {
    let scene = Scene::start().await;
    let worker = scene.worker(&[]).await;
    let id = scene.submit("sleep", json!({"milliseconds": 40, "fail_with": "no luck"})).await;
    let told = |line: &serde_json::Value| {
        let member = |name: &str| line[name].clone();
        json!([member("job_id"), member("request_id"), member("kind"), member("attempt")])
    };
    let expected = json!([id, "r-7", "sleep", 1]);
    let begun = worker.wait_for("begun", |line| line["message"] == "begun").await;
    assert_eq!(told(&begun), expected);
    let ended = worker.wait_for("ended", |line| line["message"] == "ended").await;
    assert_eq!(told(&ended), expected);
    assert_eq!((&ended["outcome"], &ended["reason"]), (&json!("failed"), &json!("no luck")));
    let milliseconds = ended["milliseconds"].as_u64().unwrap();
    assert!((40..20_000).contains(&milliseconds), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backlog_of_each_live_worker_is_a_line_for_cloudwatch() {
    let scene = Scene::start().await;
    // Two that are busy with long jobs, and six more jobs that wait.
    let settings = [("JOBS_AT_ONCE", "1"), ("BACKLOG_EVERY_SECONDS", "1"), ("SERVICE_NAME", "importer")];
    let (one, _other) = (scene.worker(&settings).await, scene.worker(&settings).await);
    for _ in 0..8 {
        scene.submit("sleep", json!({"milliseconds": 400_000})).await;
    }
    let line = one.wait_for("the backlog", |line| line["QueueDepth"] == 6 && line["LiveWorkers"] == 2).await;
    assert_eq!((&line["Service"], &line["BacklogPerTask"]), (&json!("importer"), &json!(3.0)));
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "JobSystem");
    // And two that have not reached the queue.
    for _ in 0..2 {
        scene.store.submit(NewJob::new("sleep", json!({})), Timestamp::now()).await.unwrap();
    }
    let line = one.wait_for("what is owed", |line| line["OwedMessages"] == 2).await;
    assert_eq!((&line["QueueDepth"], &line["BacklogPerTask"]), (&json!(6), &json!(4.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_finds_what_was_done() {
    let scene = Scene::start().await;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _worker = scene.worker(&[("METRICS_PORT", &port.to_string())]).await;
    for fail_with in [None, Some("no luck")] {
        let id = scene.submit("sleep", json!({"milliseconds": 0, "fail_with": fail_with})).await;
        let status = if fail_with.is_some() { Status::Failed } else { Status::Completed };
        scene.wait_for_status(id, status).await;
    }
    for expected in [
        "worker_jobs_total{kind=\"sleep\",outcome=\"completed\"} 1\n",
        "worker_jobs_total{kind=\"sleep\",outcome=\"failed\"} 1\n",
        "worker_job_seconds_count{kind=\"sleep\"} 2\n",
        "worker_jobs_in_hand 0\n",
    ] {
        wait_until(expected, async || get(port, "/metrics").contains(expected)).await;
    }
    assert!(get(port, "/").starts_with("HTTP/1.1 404 "));
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: worker\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_its_schema_says_who_brings_it() {
    let mut scene = Scene::start().await;
    scene.database_url = format!("sqlite:{}", scene.folder.path().join("new.db").display());
    let (status, lines) = Worker::start(&scene, &[]).ended().await;
    assert_eq!(status.code(), Some(1));
    let error = lines.last().unwrap()["error"].as_str().unwrap();
    assert!(error.contains("job-migrate"), "{error}");
}
