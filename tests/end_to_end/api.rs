//! The API's binary beside a simulated account: its database and objects are in a folder of the test's own.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::PATIENCE;
use super::account::{Aws, built};
use super::operator::{Operator, finish, with_credentials};
use super::served::Served;

pub struct Api {
    pub process: Operator,
    /// `http://` and where it listens.
    pub url: String,
    pub home: tempfile::TempDir,
    account: Served,
}

impl Api {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let account = Served::start();
        account.aws().sqs("CreateQueue", json!({"QueueName": "jobs"}));
        let home = tempfile::tempdir().unwrap();
        let migrated = finish(&mut program("job-migrate", &account, home.path()));
        assert_eq!(migrated.code, Some(0), "{}{}", migrated.stdout, migrated.stderr);
        let mut command = program("api", &account, home.path());
        command.env("PORT", "0").envs(settings.iter().copied());
        let process = Operator::start(&mut command);
        let listening = process.wait_for_event(0, "it listens", |line| line["message"] == "listening");
        let address = listening["address"].as_str().unwrap();
        let port = address.rsplit(':').next().unwrap();
        Self { process, url: format!("http://127.0.0.1:{port}"), home, account }
    }

    pub fn aws(&self) -> Aws {
        self.account.aws()
    }

    /// A worker on the same database, objects and queue; its mails go to the folder `mail`.
    pub fn worker(&self, settings: &[(&str, &str)]) -> Operator {
        let home = self.home.path();
        let mut command = program("worker", &self.account, home);
        command.env("MAIL_URL", format!("file://{}", home.join("mail").display()));
        Operator::start(command.envs(settings.iter().copied()))
    }

    /// A connection of one's own, for what no client library sends.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Files among the objects, those that are on their way included.
    pub fn objects(&self) -> Vec<String> {
        let uploads = std::fs::read_dir(self.home.path().join("objects/uploads"));
        let names = uploads.into_iter().flatten().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
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

/// A program of the job system. Nothing of the developer's own environment reaches it.
fn program(name: &str, account: &Served, home: &Path) -> Command {
    let mut command = Command::new(built(name));
    command.env_clear().current_dir(home);
    with_credentials(&mut command)
        .env("AWS_ENDPOINT_URL", account.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("DATABASE_URL", format!("sqlite:{}", home.join("jobs.db").display()))
        .env("OBJECTS_URL", format!("file://{}", home.join("objects").display()));
    command
}
