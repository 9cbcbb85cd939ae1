//! Every job gets one end, whatever is delivered how often and whoever dies over it.

use jobs::job::Status;
use jobs::store::{HistoryEvent, WorkerId};
use jobs::testing::on_each_database;
use jobs::timestamp::Timestamp;
use serde_json::json;

use crate::scene::{Scene, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_that_get_every_message_three_times_do_each_job_once() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let _workers = (scene.worker(&[]).await, scene.worker(&[]).await);
        let mut ids = Vec::new();
        for number in 0..30 {
            let fail_with = (number % 3 == 0).then_some("no luck");
            ids.push(
                scene.submit("sleep", json!({"milliseconds": number * 3, "fail_with": fail_with})).await,
            );
        }
        for _ in 0..2 {
            for id in &ids {
                scene.deliver(*id).await;
            }
        }
        for (number, id) in ids.iter().enumerate() {
            let (status, end) = match number % 3 {
                0 => (Status::Failed, HistoryEvent::Failed),
                _ => (Status::Completed, HistoryEvent::Completed),
            };
            assert_eq!(scene.wait_for_status(*id, status).await.attempts, 1);
            assert_eq!(scene.events(*id).await, [HistoryEvent::Submitted, HistoryEvent::Begun, end]);
        }
        // Those that came while the job was in hand come once more.
        scene.wait_for_empty_queue().await;
        for id in &ids {
            assert_eq!(scene.events(*id).await.len(), 3);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_worker_is_killed_is_finished_by_another_with_each_row_once() {
    on_each_database(async |database| {
        const ROWS: u64 = 15_000;
        let scene = Scene::on(database).await;
        let mut file = "order_id,ordered_on,product,quantity,unit_price\n".to_owned();
        for row in 0..ROWS {
            file.push_str(&format!("o-{row},2026-01-31,tea,1,2.50\n"));
        }
        file.push_str("o-7,2026-01-31,tea,1,2.50\n");
        let upload = scene.upload(&file).await;
        let settings = [("VISIBILITY_SECONDS", "3")];
        let mut doomed = scene.worker(&settings).await;
        let import = scene.submit("csv-import", json!({"upload": upload})).await;
        let rows = async || {
            let totals = scene.store.product_totals(Some(import)).await.unwrap();
            totals.first().map_or(0, |total| total.quantity as u64)
        };
        wait_until("rows are written", async || rows().await > 0).await;
        doomed.kill();
        let written = rows().await;
        assert!(written < ROWS, "killed in the middle of it");
        assert_eq!(scene.job(import).await.status, Status::Running);

        let _other = scene.worker(&settings).await;
        let job = scene.wait_for_status(import, Status::Completed).await;
        assert_eq!(job.attempts, 2);
        assert_eq!(
            job.result,
            Some(json!({
                "imported": ROWS,
                "rejected": 1,
                "rejectedRows": [{"line": ROWS + 2, "reason": "order_id `o-7` is on line 9 already"}],
            }))
        );
        assert_eq!(rows().await, ROWS);
        scene.wait_for_empty_queue().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_work_on_is_in_the_dead_letter_queue_with_its_reason() {
    let scene = Scene::start().await;
    let given_up = scene.submit("sleep", json!({"milliseconds": 0})).await;
    // As a worker that died over it.
    let (other, hold, now) = (WorkerId::fresh(), std::time::Duration::ZERO, Timestamp::now());
    scene.store.begin(given_up, &other, 1, hold, now).await.unwrap();
    let worker = scene.worker(&[("ATTEMPTS_MAX", "1")]).await;
    let (body, attributes) = scene.dead_letter().await;
    assert!(body.contains(&given_up.to_string()), "{body}");
    let reason = "given up: begun 1 times and never finished";
    let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        attributes,
        [attribute("attempts", "1"), attribute("jobId", &given_up.to_string()), attribute("reason", reason)]
    );
    let job = scene.job(given_up).await;
    assert_eq!((job.status, job.reason.as_deref()), (Status::Failed, Some(reason)));

    scene.send("no\u{1}t a job").await;
    let (body, attributes) = scene.dead_letter().await;
    assert_eq!(body, "no\u{1}t a job");
    assert_eq!(attributes[0], attribute("attempts", "1"));
    assert!(attributes[1].1.starts_with("the message is not a job's: "), "{attributes:?}");
    scene.wait_for_empty_queue().await;

    // Nor does it hold up the others.
    let next = scene.submit("sleep", json!({"milliseconds": 0})).await;
    scene.wait_for_status(next, Status::Completed).await;
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_dead_letter_queue_a_message_stays_unless_its_job_has_its_end() {
    let scene = Scene::start().await;
    let given_up = scene.submit("sleep", json!({"milliseconds": 0})).await;
    let (other, hold, now) = (WorkerId::fresh(), std::time::Duration::ZERO, Timestamp::now());
    scene.store.begin(given_up, &other, 1, hold, now).await.unwrap();
    scene.send("not a job").await;
    let settings = [("ATTEMPTS_MAX", "1"), ("DEAD_LETTER_QUEUE_NAME", ""), ("VISIBILITY_SECONDS", "3")];
    let worker = scene.worker(&settings).await;
    scene.wait_for_status(given_up, Status::Failed).await;
    wait_until("the other is received a second time", async || {
        worker.lines().iter().filter(|line| line["message"] == "a message is not a job's").count() == 2
    })
    .await;
    assert_eq!(scene.queue_depth().await, (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_cancelled_on_its_way_is_not_begun() {
    let scene = Scene::start().await;
    let cancelled = scene.submit("sleep", json!({"milliseconds": 0})).await;
    scene.store.cancel(cancelled, Timestamp::now()).await.unwrap();
    let _worker = scene.worker(&[]).await;
    scene.wait_for_empty_queue().await;
    assert_eq!(scene.events(cancelled).await, [HistoryEvent::Submitted, HistoryEvent::Cancelled]);
}
