//! What a listener is sent, in which order, and when the stream ends.

#![allow(clippy::unwrap_used)]

use jobs::job::JobId;
use serde_json::Value;

use super::*;
use crate::live::LISTENERS_MAX;
use crate::live::pulse::Pulse;
use crate::testing::World;

async fn listening(world: &World, left_off: Option<ChangeMark>) -> Listener {
    let api = world.api.clone();
    let seat = api.feed.seat().unwrap();
    Listener::begin(seat, api.feed, api.store, api.version, api.draining, left_off).await.unwrap()
}

/// The events of one piece of a stream, by name, with their data.
fn events(bytes: &Bytes) -> Vec<(String, Value)> {
    let text = str::from_utf8(bytes).unwrap();
    let event = |block: &str| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        Some((field("event: ")?, serde_json::from_str(&field("data: ")?).unwrap()))
    };
    text.split("\n\n").filter_map(event).collect()
}

async fn next(listener: &mut Listener) -> (String, Value) {
    let mut events = events(&listener.next().await.unwrap());
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

fn ids(told: &Value) -> Vec<JobId> {
    told["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().parse().unwrap()).collect()
}

async fn stored(world: &World) -> JobId {
    world.stored("sleep", json!({"milliseconds": 1})).await.id
}

#[tokio::test]
async fn a_snapshot_comes_first_with_the_newest_jobs_and_what_was_seen() {
    let world = World::new().await;
    let mut jobs = Vec::new();
    for _ in 0..=SNAPSHOT_JOBS {
        jobs.push(stored(&world).await);
    }
    let pulse = Pulse { at: Timestamp::now(), queue: None, workers: Some(3) };
    world.api.feed.tell_pulse(pulse);
    let mut listener = listening(&world, None).await;
    let (name, snapshot) = next(&mut listener).await;
    assert_eq!((name.as_str(), &snapshot["version"]), ("snapshot", &json!("1.4.2")));
    let newest: Vec<JobId> = jobs.iter().rev().take(SNAPSHOT_JOBS as usize).copied().collect();
    assert_eq!(ids(&snapshot), newest);
    assert_eq!(snapshot["pulses"], json!([pulse]));
    let rest = world.read(snapshot["next"].as_str().unwrap()).await.json();
    assert_eq!(ids(&rest), jobs[..1], "the list goes on where the snapshot ends");
}

#[tokio::test]
async fn a_job_in_the_stream_is_small_whatever_its_payload_and_result_are() {
    let world = World::new().await;
    let job = world.stored("sleep", json!({"milliseconds": 1, "fail_with": "x".repeat(900)})).await;
    let result = json!({"imported": 7, "rejected": 1, "rejectedRows": [{"line": 2, "reason": "bad"}]});
    world.finish(job.id, jobs::store::Outcome::Completed { result: Some(result) }).await;
    let (_, snapshot) = next(&mut listening(&world, None).await).await;
    let line = &snapshot["jobs"][0];
    assert_eq!((line.get("payload"), &line["result"]), (None, &json!({"imported": 7, "rejected": 1})));

    let failed = stored(&world).await;
    world.finish(failed, jobs::store::Outcome::Failed { reason: "é".repeat(1000) }).await;
    let (_, snapshot) = next(&mut listening(&world, None).await).await;
    assert_eq!(snapshot["jobs"][0]["reason"].as_str().unwrap().chars().count(), 301);
}

#[tokio::test]
async fn who_comes_back_is_told_what_was_missed() {
    let world = World::new().await;
    let mark = ChangeMark::starting(Timestamp::now());
    let missed = stored(&world).await;
    let (name, resumed) = next(&mut listening(&world, Some(mark)).await).await;
    assert_eq!((name.as_str(), ids(&resumed)), ("resumed", vec![missed]));
}

#[tokio::test]
async fn who_missed_too_much_gets_a_snapshot() {
    let world = World::new().await;
    let mark = ChangeMark::starting(Timestamp::now());
    for _ in 0..MISSED_MAX {
        stored(&world).await;
    }
    let (name, snapshot) = next(&mut listening(&world, Some(mark)).await).await;
    assert_eq!((name.as_str(), ids(&snapshot).len()), ("snapshot", SNAPSHOT_JOBS as usize));
}

#[tokio::test]
async fn who_can_not_keep_up_starts_over_and_then_hears_on() {
    let world = World::new().await;
    let mut slow = listening(&world, None).await;
    next(&mut slow).await;
    for number in 0..1000 {
        world.api.feed.tell(Told::Frame(frame("jobs", None, &json!({"number": number}))));
    }
    let job = stored(&world).await;
    let again = events(&slow.next().await.unwrap());
    assert_eq!((again[0].0.as_str(), again[1].0.as_str()), ("resync", "snapshot"));
    assert_eq!(ids(&again[1].1), [job]);
    world.api.feed.tell(Told::Frame(frame("jobs", None, &json!({"number": "last"}))));
    assert_eq!(next(&mut slow).await, ("jobs".to_owned(), json!({"number": "last"})));
}

#[tokio::test]
async fn a_quiet_stream_has_a_heartbeat() {
    let world = World::new().await;
    let mut listener = listening(&world, None).await;
    next(&mut listener).await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    assert_eq!(listener.next().await, Some(HEARTBEAT));
    assert_eq!(began.elapsed().as_secs(), HEARTBEAT_EVERY.as_secs());
}

#[tokio::test]
async fn the_stream_ends_when_the_process_drains() {
    let world = World::new().await;
    let mut listener = listening(&world, None).await;
    next(&mut listener).await;
    world.api.feed.tell(Told::StartOver);
    world.api.draining.cancel();
    assert_eq!(listener.next().await, None);
}

#[test]
fn there_are_so_many_seats_and_one_that_is_left_is_free_again() {
    let feed = Feed::new();
    let mut seats: Vec<Seat> = std::iter::from_fn(|| feed.seat()).collect();
    assert_eq!((seats.len(), feed.listeners()), (LISTENERS_MAX, LISTENERS_MAX));
    seats.pop();
    assert!(feed.seat().is_some());
}
