//! What a job made is downloaded once it is there.

use std::convert::Infallible;

use ::jobs::store::Outcome;
use axum::body::{Body, Bytes};
use axum::http::Method;
use futures_util::stream;
use serde_json::json;

use crate::testing::{World, request};

#[tokio::test]
async fn the_report_of_a_completed_job_is_downloaded_as_csv() {
    let world = World::new().await;
    let id = world.stored("report", json!({})).await.id;
    let path = format!("/jobs/{id}/report");
    let detail = world.read(&path).await.refused(409, "not_completed");
    assert!(detail.contains("SUBMITTED"), "{detail}");

    let object = format!("reports/{id}.csv");
    let content = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"product,orders\nkeyboard,1\n"))]);
    world.api.objects.put(&object, content, 1000).await.unwrap();
    world.finish(id, Outcome::Completed { result: Some(json!({"object": object, "rows": 1})) }).await;
    let report = world.read(&path).await;
    assert_eq!((report.status, &*report.text), (200, "product,orders\nkeyboard,1\n"));
    assert_eq!(report.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(report.header("content-length"), Some("26"));
    let name = format!("attachment; filename=\"report-{id}.csv\"");
    assert_eq!(report.header("content-disposition"), Some(&*name));

    let head = world.ask(request(Method::HEAD, &path, &[], Body::empty())).await;
    assert_eq!((head.status, head.header("content-length"), &*head.text), (200, Some("26"), ""));
}

#[tokio::test]
async fn a_job_without_a_report_says_so() {
    let world = World::new().await;
    let sleep = world.stored("sleep", json!({"milliseconds": 1})).await.id;
    let detail = world.read(&format!("/jobs/{sleep}/report")).await.refused(404, "no_report");
    assert_eq!(detail, "this is a `sleep` job; only `report` jobs have a report");

    let removed = world.stored("report", json!({})).await.id;
    world.finish(removed, Outcome::Completed { result: None }).await;
    let detail = world.read(&format!("/jobs/{removed}/report")).await.refused(404, "no_report");
    assert!(detail.contains("submit another"), "{detail}");

    let failed = world.stored("report", json!({})).await.id;
    world.finish(failed, Outcome::Failed { reason: "no disk".into() }).await;
    let detail = world.read(&format!("/jobs/{failed}/report")).await.refused(409, "not_completed");
    assert!(detail.contains("FAILED"), "{detail}");
}

#[tokio::test]
async fn all_rows_that_an_import_rejected_are_downloaded_as_csv() {
    let world = World::new().await;
    let imported = world.stored("csv-import", json!({})).await.id;
    let failed = world.stored("csv-import", json!({})).await.id;
    for (id, outcome) in [
        (imported, Outcome::Completed { result: Some(json!({"imported": 1, "rejected": 101})) }),
        (failed, Outcome::Failed { reason: "every row was rejected: line 2: bad".into() }),
    ] {
        let path = format!("/jobs/{id}/rejections");
        let detail = world.read(&path).await.refused(409, "not_completed");
        assert!(detail.contains("SUBMITTED"), "{detail}");
        let content = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"line,reason\n2,bad\n"))]);
        world.api.objects.put(&format!("rejections/{id}.csv"), content, 1000).await.unwrap();
        world.finish(id, outcome).await;
        let rejections = world.read(&path).await;
        assert_eq!((rejections.status, &*rejections.text), (200, "line,reason\n2,bad\n"));
        assert_eq!(rejections.header("content-type"), Some("text/csv; charset=utf-8"));
        let name = format!("attachment; filename=\"rejections-{id}.csv\"");
        assert_eq!(rejections.header("content-disposition"), Some(&*name));
    }
}

#[tokio::test]
async fn a_job_that_rejected_nothing_says_so() {
    let world = World::new().await;
    let sleep = world.stored("sleep", json!({"milliseconds": 1})).await.id;
    let detail = world.read(&format!("/jobs/{sleep}/rejections")).await.refused(404, "no_rejections");
    assert_eq!(detail, "this is a `sleep` job; only `csv-import` jobs reject rows");

    let import = world.stored("csv-import", json!({})).await.id;
    world.finish(import, Outcome::Completed { result: None }).await;
    let detail = world.read(&format!("/jobs/{import}/rejections")).await.refused(404, "no_rejections");
    assert!(detail.contains("no row was rejected"), "{detail}");
}
