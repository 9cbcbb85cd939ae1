//! The job system in `reconciler local`: an AWS account of its own for each test.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::operator::{Finished, Operator, finish, reconciler, with_credentials};
use super::repository::Repository;
use super::wait_until;

/// An AWS endpoint, asked as any client asks it.
#[derive(Clone)]
pub struct Aws {
    pub endpoint: String,
}

impl Aws {
    pub fn ecs(&self, operation: &str, input: Value) -> Value {
        self.call(&format!("AmazonEC2ContainerServiceV20141113.{operation}"), &input)
    }

    pub fn scaling(&self, operation: &str, input: Value) -> Value {
        self.call(&format!("AnyScaleFrontendService.{operation}"), &input)
    }

    pub fn sqs(&self, operation: &str, input: Value) -> Value {
        self.call(&format!("AmazonSQS.{operation}"), &input)
    }

    fn call(&self, target: &str, input: &Value) -> Value {
        let answer = ureq::post(format!("{}/", self.endpoint))
            .header("X-Amz-Target", target)
            .header("Content-Type", "application/x-amz-json-1.1")
            .send(input.to_string())
            .and_then(|mut answer| answer.body_mut().read_to_string());
        let answer = answer.unwrap_or_else(|error| panic!("{target} {input}: {error}"));
        serde_json::from_str(&answer).unwrap()
    }

    /// Asks Elastic Load Balancing, which speaks XML: the texts of all elements of this name.
    pub fn elb(&self, query: &str, element: &str) -> Vec<String> {
        let answer = ureq::post(format!("{}/", self.endpoint))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header(
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=x/20261121/eu-west-1/elasticloadbalancing/aws4_request",
            )
            .send(format!("Version=2015-12-01&{query}"))
            .and_then(|mut answer| answer.body_mut().read_to_string());
        let xml = answer.unwrap_or_else(|error| panic!("{query}: {error}"));
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let parts = xml.split(&open).skip(1);
        parts.filter_map(|part| Some(part.split_once(&close)?.0.to_owned())).collect()
    }

    pub fn service(&self, name: &str) -> Value {
        let answer = self.ecs("DescribeServices", json!({"cluster": "jobs", "services": [name]}));
        answer["services"][0].clone()
    }

    /// Revisions ever registered and deployments ever started for a service: what a retry would add to.
    pub fn attempts(&self, service: &str) -> (usize, usize) {
        let revisions = self.ecs("ListTaskDefinitions", json!({"familyPrefix": service}));
        let deployments = self
            .ecs("ListServiceDeployments", json!({"cluster": "jobs", "service": service, "maxResults": 100}));
        let count = |list: &Value| list.as_array().unwrap().len();
        (count(&revisions["taskDefinitionArns"]), count(&deployments["serviceDeployments"]))
    }
}

/// `reconciler local` at work on a repository.
pub struct Account {
    pub operator: Operator,
    pub aws: Aws,
    /// `http://` and the load balancer's address.
    pub balancer: String,
    repository: PathBuf,
    home: tempfile::TempDir,
}

impl Account {
    /// Starts it; nothing has been deployed when this returns.
    pub fn start(repository: &Repository) -> Self {
        Self::start_with(repository, &surrogate_for_this_build())
    }

    /// Starts it with something else that stands in for AWS.
    pub fn start_with(repository: &Repository, stands_in: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let surrogate = home.path().join("local.yaml");
        std::fs::write(&surrogate, stands_in).unwrap();
        let operator = Operator::start(
            reconciler(home.path())
                .args(["local", "--environment", "local", "--poll", "200ms", "--resync", "1s"])
                .args(["--listen", "127.0.0.1:0", "--balancer", "127.0.0.1:0"])
                .arg("--file")
                .arg(&surrogate)
                .arg("--repository")
                .arg(repository.path()),
        );
        let address = |name: &'static str| {
            operator.wait_for_line(0, &format!("the {name} listens"), |line| {
                let rest = line.strip_prefix(name)?.trim_start();
                rest.starts_with("http").then(|| rest.split(' ').next().unwrap_or_default().to_owned())
            })
        };
        let (balancer, endpoint) = (address("load balancer"), address("aws"));
        let repository = repository.path().to_owned();
        Self { aws: Aws { endpoint }, balancer, repository, home, operator }
    }

    /// Starts it and waits until both services have settled on the newest commit.
    pub fn with_healthy_services(repository: &Repository, commit: &str) -> Self {
        let account = Self::start(repository);
        account.wait_until_settled("job-api", commit);
        account.wait_until_settled("job-worker", commit);
        account
    }

    pub fn wait_until_settled(&self, service: &str, commit: &str) {
        self.operator.wait_for_event(0, &format!("{service} settles on {commit}"), |event| {
            event["event"] == "settled" && event["service"] == service && event["revision"] == commit
        });
    }

    /// Waits until a commit of this service is refused by what it did, and held.
    pub fn wait_until_held(&self, service: &str, commit: &str) -> Value {
        self.operator.wait_for_event(0, &format!("{service} is held at {commit}"), |event| {
            event["event"] == "held" && event["service"] == service && event["revision"] == commit
        })
    }

    /// Waits until settled services were compared with AWS again, as often as told: a change behind
    /// the operator's back is made to another service and found that often.
    pub fn wait_for_resyncs(&self, times: usize) {
        for _ in 0..times {
            let mark = self.operator.mark();
            self.aws.scaling(
                "RegisterScalableTarget",
                json!({
                    "ServiceNamespace": "ecs", "ResourceId": "service/jobs/job-worker",
                    "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 1, "MaxCapacity": 7,
                }),
            );
            self.operator.wait_for_event(mark, "a resync sets the scalable target back", |event| {
                event["event"] == "scale" && event["service"] == "job-worker"
            });
        }
    }

    /// Runs a verb of the same installation beside it.
    pub fn verb(&self, verb: &str, arguments: &[&str]) -> Finished {
        finish(self.command(verb).args(arguments))
    }

    /// The same, to be started by the test.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = reconciler(self.home.path());
        with_credentials(&mut command)
            .args(verb.split(' '))
            .args(["--environment", "local", "--endpoint-url", &self.aws.endpoint])
            .arg("--repository")
            .arg(&self.repository);
        command
    }

    /// Submits a job that takes this long, through the load balancer.
    pub fn submit_job(&self, milliseconds: u64) -> String {
        self.submit("sleep", &json!({"milliseconds": milliseconds}))
    }

    /// Submits a job through the load balancer.
    pub fn submit(&self, kind: &str, payload: &Value) -> String {
        let body = json!({"kind": kind, "payload": payload}).to_string();
        let text = ureq::post(format!("{}/submit-job", self.balancer))
            .header("Content-Type", "application/json")
            .send(body)
            .and_then(|mut answer| answer.body_mut().read_to_string())
            .unwrap_or_else(|error| panic!("POST /submit-job: {error}"));
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Uploads a CSV file through the load balancer.
    pub fn upload(&self, csv: &str) -> String {
        let text = ureq::post(format!("{}/uploads", self.balancer))
            .header("Content-Type", "text/csv")
            .send(csv)
            .and_then(|mut answer| answer.body_mut().read_to_string())
            .unwrap_or_else(|error| panic!("POST /uploads: {error}"));
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Waits until nothing will happen to a job any more.
    pub fn wait_for_end(&self, id: &str) -> Value {
        let path = format!("/jobs/{id}");
        wait_until(&format!("job {id} ends"), || {
            ["COMPLETED", "FAILED", "CANCELLED"].contains(&self.get(&path)["status"].as_str().unwrap())
        });
        self.get(&path)
    }

    pub fn wait_for_job(&self, id: &str, status: &str) -> Value {
        let path = format!("/jobs/{id}");
        wait_until(&format!("job {id} is {status}"), || {
            let job = self.get(&path);
            assert!(status == "FAILED" || job["status"] != "FAILED", "{job}");
            job["status"] == status
        });
        self.get(&path)
    }

    /// The folder of the installation, which is the account's as well.
    pub fn state(&self) -> PathBuf {
        self.home.path().join("state")
    }

    pub fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path)).unwrap()
    }

    pub fn text(&self, path: &str) -> String {
        ureq::get(format!("{}{path}", self.balancer))
            .call()
            .and_then(|mut answer| answer.body_mut().read_to_string())
            .unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }
}

/// The demonstration's own file, with the programs of this build; and with so rare a look at the backlog that
/// no test has other workers than it asks for.
pub fn surrogate_for_this_build() -> String {
    let scales = surrogate_that_scales();
    let fast = "BACKLOG_EVERY_SECONDS: \"1\"";
    assert!(scales.contains(fast), "{scales}");
    scales.replace(fast, "BACKLOG_EVERY_SECONDS: \"3600\"")
}

/// The demonstration's own file, with the programs of this build.
pub fn surrogate_that_scales() -> String {
    let programs = built("api").with_file_name("");
    built("worker");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/local.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("../target/debug/"), "{text}");
    text.replace("../target/debug/", &programs.display().to_string())
}

/// Another binary of this build.
pub fn built(program: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_reconciler")).with_file_name(program);
    assert!(
        path.exists(),
        "{} is not built: run `cargo build --workspace --bins` first, as `make test` does",
        path.display()
    );
    path
}
