//! For tests: the whole API in process, on a fresh database and with objects in a folder.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_config::SdkConfig;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use jobs::job::Job;
use jobs::job::JobId;
use jobs::objects::{Objects, ObjectsSettings};
use jobs::store::{Begin, NewJob, Outcome, Submitted, WorkerId};
use jobs::testing::Database;
use jobs::timestamp::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::body::Patience;
use crate::live::Feed;
use crate::metrics::Metrics;
use crate::routes::router;
use crate::settings::Health;
use crate::state::{Administration, Api};
use crate::uploads::{Limits, Uploads};

pub const UPLOAD_LIMITS: Limits = Limits {
    bytes_max: 1000,
    at_once: 2,
    patience: Patience { pause: Duration::from_secs(30), bytes_per_second_min: 1 },
};

pub struct World {
    pub api: Api,
    pub database: Database,
    /// Where the objects are.
    pub folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> World {
        World::with_uploads(UPLOAD_LIMITS).await
    }

    pub async fn with_uploads(limits: Limits) -> World {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let settings = ObjectsSettings { url: Some(url), s3_endpoint: None };
        let objects = Objects::open(&settings, &SdkConfig::builder().build()).unwrap();
        let database = Database::sqlite();
        let api = Api {
            store: database.store().await,
            objects: objects.clone(),
            uploads: Uploads::new(objects, limits),
            submitted: Arc::new(Notify::new()),
            ping_queue: Arc::new(|| Box::pin(async { Ok(()) })),
            version: "1.4.2".into(),
            health: Health::Ok,
            ready: Arc::new(AtomicBool::new(true)),
            metrics: Metrics::new("1.4.2").unwrap(),
            feed: Feed::new(),
            admin: Administration::default(),
            draining: CancellationToken::new(),
        };
        World { api, database, folder }
    }

    pub async fn ask(&self, request: Request) -> Answer {
        let service = TowerToHyperService::new(router(self.api.clone()));
        let response = service.call(request).await;
        let (parts, body) = response.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub async fn read(&self, path: &str) -> Answer {
        self.ask(request(Method::GET, path, &[], Body::empty())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(request(Method::DELETE, path, &[], Body::empty())).await
    }

    /// Sends a JSON body to `/submit-job`.
    pub async fn submit(&self, body: impl Into<Body>) -> Answer {
        self.submit_with(&[], body).await
    }

    pub async fn submit_with(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.ask(request(Method::POST, "/submit-job", &headers, body.into())).await
    }

    pub async fn upload(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.ask(request(Method::POST, path, &[("content-type", "text/csv")], body.into())).await
    }

    /// Stores a job of this kind, past the checks of the API.
    pub async fn stored(&self, kind: &str, payload: Value) -> Job {
        match self.api.store.submit(NewJob::new(kind, payload), Timestamp::now()).await.unwrap() {
            Submitted::New(job) => job,
            other => panic!("not stored: {other:?}"),
        }
    }

    /// Begins a job as a worker does.
    pub async fn begin(&self, id: JobId) {
        let worker = WorkerId::new("worker-1");
        let hold = Duration::from_secs(60);
        let begun = self.api.store.begin(id, &worker, 3, hold, Timestamp::now()).await.unwrap();
        assert!(matches!(begun, Begin::Begun(_)), "{begun:?}");
    }

    /// Does a job as a worker does.
    pub async fn finish(&self, id: JobId, outcome: Outcome) {
        self.begin(id).await;
        let worker = WorkerId::new("worker-1");
        self.api.store.finish(id, 1, &worker, &outcome, Timestamp::now()).await.unwrap();
    }

    /// Messages that are owed to the queue.
    pub async fn owed(&self) -> Vec<JobId> {
        let owed = self.api.store.claim_unsent(100, Duration::ZERO, Timestamp::now()).await.unwrap();
        owed.into_iter().map(|message| message.job_id).collect()
    }

    /// What there is of uploads, half-written ones included.
    pub fn uploads(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path().join("uploads"));
        let names = files.into_iter().flatten().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    /// Waits until nothing of an upload is left.
    pub async fn uploads_are_gone(&self) {
        let gone = async {
            while !self.uploads().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), gone).await;
        assert!(waited.is_ok(), "something is left: {:?}", self.uploads());
    }
}

pub fn request(method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Request {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

/// A body whose parts are sent by the test.
pub fn sent_by_hand() -> (tokio::sync::mpsc::Sender<Result<Bytes, std::io::Error>>, Body) {
    let (send, receive) = tokio::sync::mpsc::channel(1);
    (send, Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(receive)))
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Holds that this is a refusal as every refusal is, and answers its detail.
    pub fn refused(&self, status: u16, code: &str) -> String {
        let body = self.json();
        assert_eq!((self.status, &body["code"]), (status, &code.into()), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], "about:blank");
        assert!(body["title"].is_string(), "{body}");
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"));
        body["detail"].as_str().unwrap().to_owned()
    }
}
