//! A worker that is told to stop finishes what it can and hands over the rest, at once.

use std::time::{Duration, Instant};

use jobs::job::Status;
use jobs::store::HistoryEvent;
use jobs::testing::on_each_database;
use jobs::timestamp::Timestamp;
use serde_json::json;

use crate::agent::Agent;
use crate::scene::{Scene, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn of_four_jobs_in_hand_the_short_ones_are_finished_and_the_long_ones_handed_over() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        // 4 s of it are for handing over.
        let worker = scene.worker(&[("SHUTDOWN_TIMEOUT_MS", "8000")]).await;
        let sleep =
            async |milliseconds: u32| scene.submit("sleep", json!({"milliseconds": milliseconds})).await;
        let short = [sleep(1_500).await, sleep(1_500).await];
        let long = [sleep(400_000).await, sleep(400_000).await];
        for id in short.iter().chain(&long) {
            scene.wait_for_status(*id, Status::Running).await;
        }
        assert_eq!(scene.store.live_workers(Timestamp::now()).await.unwrap(), 1);
        let waiting = sleep(0).await;
        let told = Instant::now();
        worker.terminate();
        let (status, lines) = worker.ended().await;
        assert!(status.success(), "{status}");
        assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
        assert_eq!(lines.last().unwrap()["message"], "stopped");

        for id in short {
            let (job, events) = (scene.job(id).await, scene.events(id).await);
            assert_eq!((job.status, job.attempts), (Status::Completed, 1));
            assert_eq!(events, [HistoryEvent::Submitted, HistoryEvent::Begun, HistoryEvent::Completed]);
        }
        for id in long {
            let events = scene.events(id).await;
            assert_eq!(events, [HistoryEvent::Submitted, HistoryEvent::Begun, HistoryEvent::Released]);
        }
        assert_eq!(scene.job(waiting).await.status, Status::Submitted);
        assert_eq!(scene.queue_depth().await, (3, 0), "all that is left is free at once");
        assert_eq!(scene.store.live_workers(Timestamp::now()).await.unwrap(), 0);

        let _next = scene.worker(&[]).await;
        scene.wait_for_status(waiting, Status::Completed).await;
        for id in long {
            wait_until("another worker has it", async || scene.job(id).await.attempts == 2).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_only_waits_stops_at_once() {
    let scene = Scene::start().await;
    let worker = scene.worker(&[]).await;
    let told = Instant::now();
    worker.terminate();
    let (status, _) = worker.ended().await;
    assert!(status.success(), "{status}");
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_task_is_protected_before_a_job_is_begun_and_let_go_when_idle() {
    let scene = Scene::start().await;
    let agent = Agent::answering(r#"{"protection":{"ProtectionEnabled":true,"TaskArn":"t"}}"#).await;
    let _worker = scene.worker(&[("ECS_AGENT_URI", &agent.uri)]).await;
    let id = scene.submit("sleep", json!({"milliseconds": 500})).await;
    scene.wait_for_status(id, Status::Running).await;
    assert_eq!(agent.asked(), [true]);
    scene.wait_for_status(id, Status::Completed).await;
    wait_until("the task is let go", async || agent.asked() == [true, false]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_ecs_wants_to_end_begins_no_job_and_leaves_it_to_others() {
    let scene = Scene::start().await;
    let agent =
        Agent::answering(r#"{"failure":{"Arn":"t","Reason":"DEPLOYMENT_BLOCKED","Detail":null}}"#).await;
    let worker = scene.worker(&[("ECS_AGENT_URI", &agent.uri)]).await;
    let id = scene.submit("sleep", json!({"milliseconds": 0})).await;
    worker.wait_for("it is refused", |line| line["reason"] == "DEPLOYMENT_BLOCKED").await;
    let _other = scene.worker(&[]).await;
    assert_eq!(scene.wait_for_status(id, Status::Completed).await.attempts, 1);
    assert!(worker.lines().iter().all(|line| line["message"] != "begun"));
}
