//! The API's binary beside a simulated account: its database and objects are in a folder of the test's own.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::account::built;
use super::operator::{Operator, with_credentials};
use super::served::Served;

pub struct Api {
    pub process: Operator,
    /// `http://` and where it listens.
    pub url: String,
    pub home: tempfile::TempDir,
    _account: Served,
}

impl Api {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let account = Served::start();
        account.aws().sqs("CreateQueue", json!({"QueueName": "jobs"}));
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(built("api"));
        command.env_clear().current_dir(home.path());
        with_credentials(&mut command)
            .env("AWS_ENDPOINT_URL", account.endpoint())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("DATABASE_URL", format!("sqlite:{}", home.path().join("jobs.db").display()))
            .env("OBJECTS_URL", format!("file://{}", home.path().join("objects").display()))
            .env("MIGRATE_AT_START", "true")
            .env("PORT", "0")
            .envs(settings.iter().copied());
        let process = Operator::start(&mut command);
        let listening = process.wait_for_event(0, "it listens", |line| line["message"] == "listening");
        let address = listening["address"].as_str().unwrap();
        let port = address.rsplit(':').next().unwrap();
        Self { process, url: format!("http://127.0.0.1:{port}"), home, _account: account }
    }

    /// Files among the objects, those that are on their way included.
    pub fn objects(&self) -> Vec<String> {
        let uploads = std::fs::read_dir(self.objects_folder().join("uploads"));
        let names = uploads.into_iter().flatten().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    fn objects_folder(&self) -> std::path::PathBuf {
        Path::new(self.home.path()).join("objects")
    }

    pub fn post(&self, path: &str, content_type: &str, body: &str) -> Value {
        let text = ureq::post(format!("{}{path}", self.url))
            .header("Content-Type", content_type)
            .send(body)
            .and_then(|mut answer| answer.body_mut().read_to_string())
            .unwrap_or_else(|error| panic!("POST {path}: {error}\n{}", self.process.told()));
        serde_json::from_str(&text).unwrap()
    }
}
