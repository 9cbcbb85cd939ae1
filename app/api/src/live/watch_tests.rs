//! What the watcher sees and tells.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};

use jobs::store::Outcome;
use jobs::testing::Database;
use serde_json::Value;

use super::*;
use crate::live::Seat;
use crate::testing::World;

const DEPTH: QueueDepth = QueueDepth { visible: 12, in_flight: 3 };

fn watcher(world: &World, queue_is_up: Arc<AtomicBool>) -> Watcher {
    let depth: Arc<AskDepth> = Arc::new(move || {
        let answer = if queue_is_up.load(Ordering::SeqCst) { Ok(DEPTH) } else { Err("refused".to_owned()) };
        Box::pin(async { answer })
    });
    let api = &world.api;
    Watcher { store: api.store.clone(), depth, metrics: api.metrics.clone(), feed: api.feed.clone() }
}

fn up() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(true))
}

/// Hears on until an event of this name comes that is as wanted.
async fn wait_for(seat: &mut Seat, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let heard = async {
        loop {
            let Told::Frame(frame) = seat.told.recv().await.unwrap() else { continue };
            let text = str::from_utf8(&frame).unwrap();
            let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            let data: Value = serde_json::from_str(data).unwrap();
            if text.contains(&format!("event: {name}\n")) && wanted(&data) {
                return data;
            }
        }
    };
    timeout(Duration::from_secs(60), heard).await.expect("it is told")
}

#[tokio::test]
async fn each_change_of_a_job_is_told_while_somebody_listens() {
    let world = World::new().await;
    let mut seat = world.api.feed.seat().unwrap();
    let watching = tokio::spawn(watcher(&world, up()).watch(world.api.draining.clone()));
    let job = world.stored("sleep", json!({"milliseconds": 1})).await;
    let is = |status: &'static str| {
        move |told: &Value| {
            let jobs = told["jobs"].as_array().unwrap();
            jobs.iter().any(|line| line["id"] == job.id.to_string() && line["status"] == status)
        }
    };
    wait_for(&mut seat, "jobs", is("SUBMITTED")).await;
    world.finish(job.id, Outcome::Completed { result: None }).await;
    wait_for(&mut seat, "jobs", is("COMPLETED")).await;
    world.api.draining.cancel();
    watching.await.unwrap();
}

#[tokio::test]
async fn who_listens_after_everybody_left_hears_of_changes_again() {
    let world = World::new().await;
    let _watching = tokio::spawn(watcher(&world, up()).watch(world.api.draining.clone()));
    for _ in 0..3 {
        let mut seat = world.api.feed.seat().unwrap();
        let job = world.stored("sleep", json!({"milliseconds": 1})).await;
        wait_for(&mut seat, "jobs", |told| told.to_string().contains(&job.id.to_string())).await;
    }
}

#[tokio::test]
async fn the_pulse_is_told_and_measured() {
    let world = World::new().await;
    let mut seat = world.api.feed.seat().unwrap();
    // Before the first count: jobs and messages are counted one after the other.
    world.stored("sleep", json!({"milliseconds": 1})).await;
    let _watching = tokio::spawn(watcher(&world, up()).watch(world.api.draining.clone()));
    let pulse = wait_for(&mut seat, "pulse", |_| true).await;
    assert_eq!(
        (&pulse["visible"], &pulse["in_flight"], &pulse["workers"]),
        (&json!(12), &json!(3), &json!(0))
    );
    wait_for(&mut seat, "counts", |counts| counts["SUBMITTED"] == 1).await;
    let metrics = world.read("/metrics").await.text;
    for line in [
        "jobs_queue_messages{state=\"visible\"} 12",
        "jobs_queue_messages{state=\"in_flight\"} 3",
        "jobs_workers_live 0",
        "jobs_by_status{status=\"SUBMITTED\"} 1",
        "jobs_by_status{status=\"FAILED\"} 0",
        "jobs_outbox_unsent 1",
        "api_event_listeners 1",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}\n{metrics}");
    }
    let pulses = world.api.feed.pulses();
    assert_eq!(pulses[0].queue, Some(DEPTH));
}

#[tokio::test]
async fn what_can_not_be_seen_is_nan_and_null_and_not_as_it_was() {
    let world = World::new().await;
    let mut seat = world.api.feed.seat().unwrap();
    let queue = up();
    let _watching = tokio::spawn(watcher(&world, queue.clone()).watch(world.api.draining.clone()));
    wait_for(&mut seat, "counts", |counts| counts["SUBMITTED"] == 0).await;
    queue.store(false, Ordering::SeqCst);
    world.api.store.close().await;
    wait_for(&mut seat, "pulse", |pulse| pulse["visible"].is_null() && pulse["workers"].is_null()).await;
    wait_for(&mut seat, "counts", Value::is_null).await;
    let metrics = world.read("/metrics").await.text;
    for name in [
        "jobs_queue_messages{state=\"visible\"}",
        "jobs_workers_live",
        "jobs_by_status{status=\"SUBMITTED\"}",
        "jobs_oldest_queued_age_seconds",
        "jobs_outbox_unsent",
        "jobs_outbox_oldest_age_seconds",
    ] {
        assert!(metrics.contains(&format!("\n{name} NaN\n")), "{name}\n{metrics}");
    }
}

#[tokio::test]
async fn after_a_flood_of_changes_listeners_start_over() {
    let database = Database::sqlite();
    let store = database.store().await;
    let flood = FULL_EVENTS_MAX * CHANGES_MAX as usize;
    let now = Timestamp::now().milliseconds();
    database
        .execute(&format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {flood})
             INSERT INTO jobs (id, kind, payload, status, created_at, updated_at)
             SELECT printf('01980000-0000-7000-8000-%012d', n), 'sleep', '{{}}', 'SUBMITTED', {now}, {now}
             FROM numbers"
        ))
        .await;
    let world = World::new().await;
    let watcher = Watcher { store, ..watcher(&world, up()) };
    let mut seat = world.api.feed.seat().unwrap();
    watcher.tell_changes_since(&mut ChangeMark::starting(Timestamp::from_milliseconds(now))).await.unwrap();
    let told: Vec<Told> = std::iter::from_fn(|| seat.told.try_recv().ok()).collect();
    let (last, frames) = told.split_last().unwrap();
    assert!(matches!(last, Told::StartOver), "{last:?}");
    assert_eq!(frames.len(), FULL_EVENTS_MAX);
}
