//! What a worker works in: a database, a queue and its dead letters, and a folder for objects and mail.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_http_client::Builder;
use jobs::job::{Job, JobId, Status};
use jobs::message::JobMessage;
use jobs::store::{HistoryEvent, NewJob, Store, Submitted, Upload, UploadId};
use jobs::testing::Database;
use jobs::timestamp::Timestamp;
use serde_json::Value;
use simulator::Simulator;
use simulator::clock::{Clock, Time};
use simulator::runtime::scripted::Scripted;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::worker::Worker;

/// How long a test waits for a state before it fails. Far beyond what a loaded machine needs.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct Scene {
    pub store: Store,
    /// What the workers are given; a test may put something in between.
    pub database_url: String,
    pub endpoint: String,
    pub folder: tempfile::TempDir,
    sqs: aws_sdk_sqs::Client,
    queue: String,
    dead_letters: String,
    _simulator: DropGuard,
    _database: Option<Database>,
}

/// A message in the dead-letter queue: its body, and its attributes in order of their names.
pub type DeadLetter = (String, Vec<(String, String)>);

impl Scene {
    /// For what has nothing to do with the kind of the database.
    pub async fn start() -> Scene {
        let database = Database::sqlite();
        let scene = Scene::on(&database).await;
        Scene { _database: Some(database), ..scene }
    }

    pub async fn on(database: &Database) -> Scene {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let clock = Clock::starting_at(Time(now.as_millis() as u64), 1.0);
        let simulator = Simulator::new(clock, Arc::new(Scripted::default()));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", socket.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(simulator::serve::serve(simulator, socket, stop.clone()));
        let sqs = aws_sdk_sqs::Client::new(&aws(&endpoint));
        let create =
            async |name: &str| sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
        let (queue, dead_letters) = (create("jobs").await, create("jobs-dead").await);
        Scene {
            store: database.store().await,
            database_url: database.url.clone(),
            endpoint,
            folder: tempfile::tempdir().unwrap(),
            sqs,
            queue,
            dead_letters,
            _simulator: stop.drop_guard(),
            _database: None,
        }
    }

    /// Starts a worker with these settings beside the ordinary ones, and waits until it polls.
    pub async fn worker(&self, settings: &[(&str, &str)]) -> Worker {
        let worker = Worker::start(self, settings);
        worker.wait_for("it polls", |line| line["message"] == "polling").await;
        worker
    }

    /// Stores a job and sends its message.
    pub async fn submit(&self, kind: &str, payload: Value) -> JobId {
        let new = NewJob { request_id: Some("r-7".to_owned()), ..NewJob::new(kind, payload) };
        let Submitted::New(job) = self.store.submit(new, Timestamp::now()).await.unwrap() else {
            panic!("not new");
        };
        self.deliver(job.id).await;
        job.id
    }

    /// Sends the message of a job, once more if it was sent before.
    pub async fn deliver(&self, job_id: JobId) {
        self.send(&JobMessage { job_id, request_id: Some("r-7".to_owned()) }.to_body()).await;
        self.store.mark_sent(&[job_id], Timestamp::now()).await.unwrap();
    }

    pub async fn send(&self, body: &str) {
        self.sqs.send_message().queue_url(&self.queue).message_body(body).send().await.unwrap();
    }

    pub async fn upload(&self, file: &str) -> UploadId {
        let id = UploadId::fresh();
        let object = format!("uploads/{id}.csv");
        let path = self.folder.path().join("objects").join(&object);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file).unwrap();
        let (bytes, name, sha256) = (file.len() as u64, "orders.csv".to_owned(), String::new());
        let upload = Upload { id, object, name, bytes, sha256, created_at: Timestamp::now() };
        self.store.record_upload(&upload).await.unwrap();
        id
    }

    pub async fn job(&self, id: JobId) -> Job {
        self.store.read(id).await.unwrap().unwrap()
    }

    pub async fn wait_for_status(&self, id: JobId, status: Status) -> Job {
        wait_until(&format!("{id} is {status}"), async || self.job(id).await.status == status).await;
        self.job(id).await
    }

    pub async fn events(&self, id: JobId) -> Vec<HistoryEvent> {
        self.store.history(id).await.unwrap().into_iter().map(|entry| entry.event).collect()
    }

    /// Messages that wait, and messages that somebody has in hand.
    pub async fn queue_depth(&self) -> (u64, u64) {
        let (waiting, in_hand) = (
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        );
        let asked = self.sqs.get_queue_attributes().queue_url(&self.queue);
        let asked = asked.attribute_names(waiting.clone()).attribute_names(in_hand.clone());
        let attributes = asked.send().await.unwrap().attributes.unwrap();
        (attributes[&waiting].parse().unwrap(), attributes[&in_hand].parse().unwrap())
    }

    pub async fn wait_for_empty_queue(&self) {
        wait_until("the queue is empty", async || self.queue_depth().await == (0, 0)).await;
    }

    /// Waits for a dead letter and takes it.
    pub async fn dead_letter(&self) -> DeadLetter {
        let asked = self.sqs.receive_message().queue_url(&self.dead_letters);
        let asked = asked.message_attribute_names("All").wait_time_seconds(20);
        let message = asked.send().await.unwrap().messages.expect("a dead letter within 20 s").remove(0);
        let deleted = self.sqs.delete_message().queue_url(&self.dead_letters);
        deleted.receipt_handle(message.receipt_handle.unwrap()).send().await.unwrap();
        let attributes = message.message_attributes.unwrap_or_default().into_iter();
        let mut attributes: Vec<(String, String)> =
            attributes.map(|(name, value)| (name, value.string_value.unwrap())).collect();
        attributes.sort();
        (message.body.unwrap(), attributes)
    }
}

fn aws(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .http_client(Builder::new().build_http())
        .build()
}

/// Asks again and again until it is so, for states that nobody announces.
pub async fn wait_until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "waited in vain until {what}");
}
