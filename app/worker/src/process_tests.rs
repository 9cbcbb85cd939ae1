//! Each message leads to one end of its job, however often it is delivered.

#![allow(clippy::unwrap_used)]

use aws_config::SdkConfig;
use jobs::objects::{Objects, ObjectsSettings};
use jobs::store::{HistoryEvent, NewJob, Store, Submitted, Upload, UploadId};
use jobs::testing::{Database, on_each_database};
use serde_json::{Value, json};

use super::*;
use crate::email::{MailSettings, MailTo, Mailer};

const ATTEMPTS_MAX: u32 = 3;
const HOLD: Duration = Duration::from_secs(30);

/// A worker's hands on one database.
struct Scene {
    tools: Tools,
    health: Health,
    overdue: CancellationToken,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn on(database: &Database) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let aws = SdkConfig::builder().build();
        let url = Some(format!("file://{}", folder.path().join("objects").display()));
        let objects = Objects::open(&ObjectsSettings { url, s3_endpoint: None }, &aws).unwrap();
        let to = MailTo::Folder(folder.path().join("mail"));
        let mail = MailSettings { to, from: "jobs@example.com".parse().unwrap() };
        Scene {
            tools: Tools { store: database.store().await, objects, mailer: Mailer::new(Some(mail), &aws) },
            health: Health::good(),
            overdue: CancellationToken::new(),
            folder,
        }
    }

    fn store(&self) -> &Store {
        &self.tools.store
    }

    async fn submitted(&self, kind: &str, payload: Value) -> (JobId, String) {
        let submitted = self.store().submit(NewJob::new(kind, payload), Timestamp::now()).await.unwrap();
        let Submitted::New(job) = submitted else { panic!("not new") };
        (job.id, JobMessage { job_id: job.id, request_id: None }.to_body())
    }

    async fn processed(&self, body: &str) -> Settled {
        self.received(body, 1).await
    }

    async fn received(&self, body: &str, receives: u32) -> Settled {
        let terms = Terms { worker: WorkerId::new("worker-1"), attempts_max: ATTEMPTS_MAX, hold: HOLD };
        let message = Message { body: body.to_owned(), receipt: "r".to_owned(), receives };
        process(&self.tools, &message, &terms, &self.health, &self.overdue).await
    }

    async fn read(&self, id: JobId) -> Job {
        self.store().read(id).await.unwrap().unwrap()
    }

    async fn events(&self, id: JobId) -> Vec<HistoryEvent> {
        self.store().history(id).await.unwrap().into_iter().map(|entry| entry.event).collect()
    }

    /// Begins a job as another worker does.
    async fn begun_elsewhere(&self, id: JobId, hold: Duration) -> Begin {
        let other = WorkerId::new("worker-2");
        self.store().begin(id, &other, ATTEMPTS_MAX, hold, Timestamp::now()).await.unwrap()
    }
}

#[tokio::test]
async fn a_job_is_done_and_its_message_deleted() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let (id, body) = scene.submitted("sleep", json!({"milliseconds": 0})).await;
        assert_eq!(scene.processed(&body).await, Settled::Delete);
        let job = scene.read(id).await;
        assert_eq!((job.status, job.attempts), (Status::Completed, 1));
    })
    .await;
}

#[tokio::test]
async fn a_completed_job_that_is_delivered_again_is_only_deleted() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let (id, body) = scene.submitted("sleep", json!({"milliseconds": 0})).await;
        scene.processed(&body).await;
        let before = scene.read(id).await;
        assert_eq!(scene.received(&body, 2).await, Settled::Delete);
        assert_eq!(scene.read(id).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_job_is_not_done() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let (id, body) = scene.submitted("sleep", json!({"milliseconds": 0})).await;
        scene.store().cancel(id, Timestamp::now()).await.unwrap();
        assert_eq!(scene.processed(&body).await, Settled::Delete);
        assert_eq!(scene.events(id).await, [HistoryEvent::Submitted, HistoryEvent::Cancelled]);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_fails_says_why() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let upload = UploadId::fresh();
        let missing = JobId::fresh();
        for (kind, payload, reason) in [
            ("sleep", json!({"milliseconds": 0, "fail_with": "no luck"}), "no luck".to_owned()),
            (
                "dance",
                json!({}),
                "there is no job kind `dance`; kinds are: sleep, csv-import, email, report".to_owned(),
            ),
            ("csv-import", json!({"upload": upload}), format!("there is no upload {upload}")),
            ("report", json!({"import": missing}), format!("there is no job {missing}")),
            (
                "email",
                json!({"to": "a@example.org", "template": "welcome"}),
                "the template `welcome` can't be filled in: the value `name` is missing".to_owned(),
            ),
        ] {
            let (id, body) = scene.submitted(kind, payload).await;
            assert_eq!(scene.processed(&body).await, Settled::Delete);
            let job = scene.read(id).await;
            assert_eq!((job.status, job.reason), (Status::Failed, Some(reason)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_is_imported_and_reported() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let file = "order_id,ordered_on,product,quantity,unit_price\n\
                    1,2026-01-31,tea,2,1.50\n2,2026-01-31,tea,1,1.50\n3,2026-01-31,rum,1,0\n4,x,rum,1,0\n";
        let (import, body) =
            scene.submitted("csv-import", json!({"upload": upload(&scene, file).await})).await;
        // Not before the import is complete.
        let (early, early_body) = scene.submitted("report", json!({"import": import})).await;
        scene.processed(&early_body).await;
        let reason = format!("the import {import} is SUBMITTED; a report needs a COMPLETED one");
        assert_eq!(scene.read(early).await.reason, Some(reason));

        scene.processed(&body).await;
        let result = scene.read(import).await.result.unwrap();
        assert_eq!((&result["imported"], &result["rejected"]), (&json!(3), &json!(1)));
        for payload in [json!({"import": import}), json!({})] {
            let (report, body) = scene.submitted("report", payload).await;
            scene.processed(&body).await;
            let object = format!("reports/{report}.csv");
            assert_eq!(scene.read(report).await.result, Some(json!({"object": object, "rows": 2})));
            let written = std::fs::read_to_string(scene.folder.path().join("objects").join(object)).unwrap();
            assert_eq!(written, "product,orders,quantity,revenue\nrum,1,1,0.00\ntea,2,3,4.50\n");
        }
        let (wrong, body) = scene.submitted("report", json!({"import": early})).await;
        scene.processed(&body).await;
        let reason = format!("job {early} is a report, not a csv-import");
        assert_eq!(scene.read(wrong).await.reason, Some(reason));
    })
    .await;
}

async fn upload(scene: &Scene, file: &str) -> UploadId {
    let id = UploadId::fresh();
    let object = format!("uploads/{id}.csv");
    let path = scene.folder.path().join("objects").join(&object);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, file).unwrap();
    let (bytes, name, sha256) = (file.len() as u64, "orders.csv".to_owned(), String::new());
    let upload = Upload { id, object, name, bytes, sha256, created_at: Timestamp::now() };
    scene.store().record_upload(&upload).await.unwrap();
    id
}

#[tokio::test]
async fn a_job_whose_objects_or_mail_are_away_is_released_and_comes_back_later() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        // Where folders should be there are files.
        std::fs::write(scene.folder.path().join("mail"), "").unwrap();
        std::fs::write(scene.folder.path().join("objects/reports"), "").unwrap();
        for (kind, payload) in [
            ("email", json!({"to": "a@example.org", "template": "welcome", "values": {"name": "A"}})),
            ("report", json!({})),
        ] {
            let (id, body) = scene.submitted(kind, payload).await;
            assert_eq!(scene.processed(&body).await, Settled::Later(Duration::from_secs(5)));
            assert_eq!(scene.received(&body, 2).await, Settled::Later(Duration::from_secs(10)));
            let job = scene.read(id).await;
            assert_eq!((job.status, job.attempts), (Status::Running, 2));
            let released = scene.store().history(id).await.unwrap().pop().unwrap();
            assert_eq!(released.event, HistoryEvent::Released);
            assert!(released.detail.unwrap().contains("mail") || kind == "report");
        }
        assert!(scene.health.is_good(), "other jobs can be done");

        // Attempts that were released are not held against the job.
        std::fs::remove_file(scene.folder.path().join("objects/reports")).unwrap();
        let (id, body) = scene.submitted("report", json!({})).await;
        std::fs::write(scene.folder.path().join("objects/reports"), "").unwrap();
        for _ in 0..ATTEMPTS_MAX {
            assert!(matches!(scene.processed(&body).await, Settled::Later(_)));
        }
        std::fs::remove_file(scene.folder.path().join("objects/reports")).unwrap();
        assert_eq!(scene.processed(&body).await, Settled::Delete);
        assert_eq!(scene.read(id).await.status, Status::Completed);
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_worker_died_is_taken_over() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let (id, body) = scene.submitted("sleep", json!({"milliseconds": 0})).await;
        scene.begun_elsewhere(id, Duration::ZERO).await;
        assert_eq!(scene.processed(&body).await, Settled::Delete);
        let job = scene.read(id).await;
        assert_eq!((job.status, job.attempts), (Status::Completed, 2));
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_no_jobs_is_buried_at_once() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        for body in ["", "{}", "not json"] {
            let Settled::Bury(epitaph) = scene.received(body, 2).await else { panic!("{body}") };
            assert!(epitaph.reason.starts_with("the message is not a job's: "), "{epitaph:?}");
            assert_eq!((epitaph.attempts, epitaph.job_id, epitaph.job_ended), (2, None, false));
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_whose_job_is_nowhere_is_buried_when_no_other_worker_knows_it_either() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let job_id = JobId::fresh();
        let body = JobMessage { job_id, request_id: None }.to_body();
        assert_eq!(scene.received(&body, 1).await, Settled::Later(Duration::from_secs(5)));
        assert_eq!(scene.received(&body, 2).await, Settled::Later(Duration::from_secs(10)));
        let reason = format!("there is no job {job_id}");
        let epitaph = Epitaph { reason, attempts: 3, job_id: Some(job_id), job_ended: false };
        assert_eq!(scene.received(&body, 3).await, Settled::Bury(epitaph));
    })
    .await;
}

#[tokio::test]
async fn a_job_that_is_given_up_is_buried_with_its_reason_until_the_queue_knows() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let (id, body) = scene.submitted("sleep", json!({"milliseconds": 0})).await;
        for _ in 0..ATTEMPTS_MAX {
            scene.begun_elsewhere(id, Duration::ZERO).await;
        }
        let reason = "given up: begun 3 times and never finished".to_owned();
        let epitaph = Epitaph { reason: reason.clone(), attempts: 3, job_id: Some(id), job_ended: true };
        // Twice: as if the dead-letter queue had not taken it.
        for receives in [4, 5] {
            assert_eq!(scene.received(&body, receives).await, Settled::Bury(epitaph.clone()));
        }
        let job = scene.read(id).await;
        assert_eq!((job.status, job.reason), (Status::Failed, Some(reason)));
        let ends = scene.events(id).await.into_iter().filter(|event| *event == HistoryEvent::Failed);
        assert_eq!(ends.count(), 1);
    })
    .await;
}

#[tokio::test]
async fn no_more_messages_are_taken_while_the_database_is_away() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let (_, body) = scene.submitted("sleep", json!({"milliseconds": 0})).await;
        scene.store().close().await;
        assert_eq!(scene.processed(&body).await, Settled::Later(Duration::from_secs(5)));
        assert!(!scene.health.is_good());
    })
    .await;
}

#[tokio::test]
async fn a_job_another_worker_has_in_hand_is_left_to_it() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let (id, body) = scene.submitted("sleep", json!({"milliseconds": 0})).await;
        scene.begun_elsewhere(id, HOLD).await;
        assert_eq!(scene.processed(&body).await, Settled::Leave);
        assert_eq!(scene.read(id).await.attempts, 1);
    })
    .await;
}

#[tokio::test]
async fn what_the_database_can_not_work_out_fails_the_job_and_does_not_count_as_its_absence() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let file = "order_id,ordered_on,product,quantity,unit_price\n1,2026-01-31,tea,2,1.50\n\
                    2,2026-01-31,tea,1,1.50\n";
        let (_, body) = scene.submitted("csv-import", json!({"upload": upload(&scene, file).await})).await;
        scene.processed(&body).await;
        // More than any import writes.
        database.execute(&format!("UPDATE imported_rows SET quantity = {}", i64::MAX)).await;
        let (id, body) = scene.submitted("report", json!({})).await;
        assert_eq!(scene.processed(&body).await, Settled::Delete);
        let job = scene.read(id).await;
        let reason = job.reason.unwrap();
        assert_eq!(job.status, Status::Failed);
        assert!(reason.starts_with("adding up imported rows: "), "{reason}");
        assert!(scene.health.is_good());
    })
    .await;
}

#[tokio::test]
async fn a_job_that_outlasts_the_shutdown_is_handed_to_another_worker_at_once() {
    on_each_database(async |database| {
        let scene = Scene::on(database).await;
        let (id, body) = scene.submitted("sleep", json!({"milliseconds": 600_000})).await;
        scene.overdue.cancel();
        assert_eq!(scene.processed(&body).await, Settled::HandBack);
        let next = scene.begun_elsewhere(id, HOLD).await;
        assert!(matches!(next, Begin::Begun(_)), "{next:?}");
    })
    .await;
}

#[test]
fn it_backs_off_longer_and_longer_up_to_a_bound() {
    let seconds: Vec<u64> = [1, 2, 3, 6, 7, 8, 40, u32::MAX].map(|times| back_off(times).as_secs()).into();
    assert_eq!(seconds, [5, 10, 20, 160, 300, 300, 300, 300]);
}
