//! Jobs looked at, page by page, and taken back.

use ::jobs::job::JobId;
use ::jobs::store::Outcome;
use serde_json::{Value, json};

use crate::testing::World;

async fn submitted(world: &World) -> JobId {
    world.stored("sleep", json!({"milliseconds": 1})).await.id
}

fn ids(page: &Value) -> Vec<String> {
    page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn all_jobs_are_seen_page_by_page_the_newest_first() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.insert(0, submitted(&world).await.to_string());
    }
    let mut seen = Vec::new();
    let mut next = Some("/jobs?limit=2".to_owned());
    let mut pages = 0;
    while let Some(path) = next {
        let page = world.read(&path).await.json();
        seen.extend(ids(&page));
        next = page.get("next").map(|it| it.as_str().unwrap().to_owned());
        pages += 1;
    }
    assert_eq!((seen, pages), (expected, 3));
}

#[tokio::test]
async fn jobs_that_come_while_pages_are_turned_move_none() {
    let world = World::new().await;
    let (first, second) = (submitted(&world).await, submitted(&world).await);
    let page = world.read("/jobs?limit=1").await.json();
    assert_eq!(ids(&page), [second.to_string()]);
    submitted(&world).await;
    let page = world.read(page["next"].as_str().unwrap()).await.json();
    assert_eq!((ids(&page), page.get("next")), (vec![first.to_string()], None));
}

#[tokio::test]
async fn a_list_of_one_status_stays_so_over_its_pages() {
    let world = World::new().await;
    let mut failed = Vec::new();
    for number in 0..4 {
        let id = submitted(&world).await;
        if number % 2 == 0 {
            world.finish(id, Outcome::Failed { reason: "no disk".into() }).await;
            failed.insert(0, id.to_string());
        }
    }
    let page = world.read("/jobs?status=FAILED&limit=1").await.json();
    assert_eq!(ids(&page), failed[..1]);
    assert_eq!(page["jobs"][0]["reason"], "no disk");
    let page = world.read(page["next"].as_str().unwrap()).await.json();
    assert_eq!(ids(&page), failed[1..]);
}

#[tokio::test]
async fn twenty_jobs_are_a_page_unless_asked_otherwise() {
    let world = World::new().await;
    for _ in 0..21 {
        submitted(&world).await;
    }
    let page = world.read("/jobs").await.json();
    assert_eq!(ids(&page).len(), 20);
    assert!(page["next"].as_str().unwrap().starts_with("/jobs?limit=20&cursor="), "{}", page["next"]);
    assert_eq!(ids(&world.read("/jobs?limit=100").await.json()).len(), 21);
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_refused_with_what_is_allowed() {
    let world = World::new().await;
    let id = submitted(&world).await;
    for (query, says) in [
        ("limit=0", "from 1 to 100, not `0`"),
        ("limit=101", "from 1 to 100"),
        ("limit=-1", "from 1 to 100"),
        ("limit=ten", "`ten`"),
        ("limit=", "from 1 to 100"),
        ("limit=99999999999999999999", "from 1 to 100"),
        ("status=failed", "SUBMITTED, RUNNING, COMPLETED, FAILED, CANCELLED, not `failed`"),
        ("status=", "SUBMITTED"),
        ("cursor=abc", "take it from `next`"),
        ("cursor=", "take it from `next`"),
        (&format!("cursor={id}"), "take it from `next`"),
        ("cursor=c1_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "take it from `next`"),
        ("stauts=FAILED", "no query parameter `stauts`; there are `status`, `limit`, `cursor`"),
        ("limit=1&limit=2", "`limit` is given twice"),
    ] {
        let detail = world.read(&format!("/jobs?{query}")).await.refused(400, "invalid_query");
        assert!(detail.contains(says), "{query}: {detail}");
    }
}

#[tokio::test]
async fn a_job_that_is_not_there_is_404_on_each_of_its_paths() {
    let world = World::new().await;
    for id in [JobId::fresh().to_string(), "1".to_owned(), "%00".to_owned(), "x".repeat(1000)] {
        let path = format!("/jobs/{id}");
        world.read(&path).await.refused(404, "no_such_job");
        world.read(&format!("{path}/history")).await.refused(404, "no_such_job");
        world.read(&format!("{path}/report")).await.refused(404, "no_such_job");
        world.delete(&path).await.refused(404, "no_such_job");
    }
}

#[tokio::test]
async fn a_cancelled_job_stays_cancelled_and_its_message_is_not_sent() {
    let world = World::new().await;
    let id = submitted(&world).await;
    let path = format!("/jobs/{id}");
    let cancelled = world.delete(&path).await;
    assert_eq!((cancelled.status, &cancelled.json()["status"]), (200, &json!("CANCELLED")));
    assert_eq!(world.owed().await, []);
    let again = world.delete(&path).await;
    assert_eq!((again.status, again.json()), (200, cancelled.json()));
    assert_eq!(world.read(&path).await.json(), cancelled.json());
}

#[tokio::test]
async fn a_job_that_was_begun_can_not_be_cancelled() {
    let world = World::new().await;
    let (running, completed) = (submitted(&world).await, submitted(&world).await);
    world.begin(running).await;
    world.finish(completed, Outcome::Completed { result: None }).await;
    for (id, status) in [(running, "RUNNING"), (completed, "COMPLETED")] {
        let detail = world.delete(&format!("/jobs/{id}")).await.refused(409, "too_late");
        assert!(detail.contains(status), "{detail}");
        assert_eq!(world.read(&format!("/jobs/{id}")).await.json()["status"], status);
    }
}

#[tokio::test]
async fn a_job_tells_its_result_and_its_history() {
    let world = World::new().await;
    let answer = world
        .submit_with(&[("x-request-id", "r-1")], r#"{"kind":"sleep","payload":{"milliseconds":1}}"#)
        .await;
    let id: JobId = answer.json()["id"].as_str().unwrap().parse().unwrap();
    world.finish(id, Outcome::Completed { result: Some(json!({"rows": 3})) }).await;
    assert_eq!(world.read(&format!("/jobs/{id}")).await.json()["result"], json!({"rows": 3}));
    let history = world.read(&format!("/jobs/{id}/history")).await.json();
    let told: Vec<Value> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| json!([line["event"], line["attempt"], line["worker"], line["detail"]]))
        .collect();
    let expected = [
        json!(["SUBMITTED", 0, null, "r-1"]),
        json!(["BEGUN", 1, "worker-1", null]),
        json!(["COMPLETED", 1, "worker-1", null]),
    ];
    assert_eq!(told, expected);
    assert!(history["history"][0]["at"].as_str().unwrap().ends_with('Z'));
}
