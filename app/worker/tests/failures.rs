//! What a worker needs goes away for a while: nothing is lost, and nothing is worn out.

use jobs::job::Status;
use jobs::store::HistoryEvent;
use jobs::testing::Database;
use serde_json::json;

use crate::proxy::Proxy;
use crate::scene::Scene;

/// A worker on PostgreSQL, through a way that can be cut.
async fn behind_a_proxy() -> (Scene, Proxy) {
    let mut scene = Scene::on(&Database::postgres().await).await;
    let (before, rest) = scene.database_url.split_once('@').unwrap();
    let (server, after) = rest.split_once('/').unwrap();
    let proxy = Proxy::to(server.to_owned()).await;
    scene.database_url = format!("{before}@{}/{after}", proxy.address);
    (scene, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_for_a_while_costs_no_job_and_no_attempt() {
    let (scene, proxy) = behind_a_proxy().await;
    let worker = scene.worker(&[]).await;
    // One job ends while the database is away, and could not be done twice.
    let mail = json!({"to": "ann@example.org", "template": "welcome", "values": {"name": "Ann"}});
    let in_hand = scene.submit("sleep", json!({"milliseconds": 1_500})).await;
    scene.wait_for_status(in_hand, Status::Running).await;
    proxy.cut();
    let mut ids = vec![in_hand];
    for _ in 0..12 {
        ids.push(scene.submit("email", mail.clone()).await);
    }
    worker
        .wait_for("the outage is noticed", |line| {
            line["message"].as_str().is_some_and(|it| it.contains("away") || it.contains("does not answer"))
        })
        .await;
    worker
        .wait_for("the job in hand has ended", |line| {
            line["message"] == "the end of a job could not be written; trying again"
        })
        .await;
    // Of those that wait, no more were taken than there are places.
    let (waiting, taken) = scene.queue_depth().await;
    assert!(taken <= 5, "{taken} of {} were taken", waiting + taken);
    proxy.mend();
    for id in &ids {
        assert_eq!(scene.wait_for_status(*id, Status::Completed).await.attempts, 1);
        let events = scene.events(*id).await;
        assert_eq!(events, [HistoryEvent::Submitted, HistoryEvent::Begun, HistoryEvent::Completed]);
    }
    scene.wait_for_empty_queue().await;
    assert_eq!(std::fs::read_dir(scene.folder.path().join("mail")).unwrap().count(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_are_away_for_a_while_cost_no_job() {
    let scene = Scene::start().await;
    let worker = scene.worker(&[("ATTEMPTS_MAX", "1")]).await;
    let reports = scene.folder.path().join("objects/reports");
    std::fs::write(&reports, "where a folder should be").unwrap();
    let report = scene.submit("report", json!({})).await;
    let line = worker.wait_for("it is released", |line| line["outcome"] == "released").await;
    assert!(line["reason"].as_str().unwrap().starts_with("storing `reports/"), "{line}");
    std::fs::remove_file(&reports).unwrap();
    let job = scene.wait_for_status(report, Status::Completed).await;
    assert_eq!(job.attempts, 2);
}
