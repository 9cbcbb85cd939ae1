//! Schemathesis, which somebody else wrote, asks the API for everything its document promises, and for
//! what the document rules out.

use std::process::Command;

use serde_json::{Value, json};

use super::api::Api;
use super::operator::finish;

/// The examples and the corner cases take about half of it; random ones and chains of calls use up the rest.
const SECONDS: &str = "50";

const TOKEN: &str = "the-administrator-of-the-contract";

#[test]
fn the_api_keeps_what_its_document_says() {
    let python = std::env::var("RECONCILER_TEST_PYTHON")
        .expect("RECONCILER_TEST_PYTHON names a Python with schemathesis; `make test` sets it up");
    let api = Api::start_with(&[
        ("ADMIN_TOKEN", TOKEN),
        ("SCALING_CLUSTER", "jobs"),
        ("SCALING_SERVICE", "job-worker"),
        // As much as its document allows; how little an installation allows, no schema says.
        ("SCALING_MAXIMUM", "5000"),
    ]);
    create_worker(&api);
    let (upload, import) = existing(&api);
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/contract.toml");
    let mut command = Command::new(python);
    command
        .current_dir(api.home.path())
        .env("SCHEMATHESIS_HOOKS", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/contract.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CONTRACT_UPLOAD", upload)
        .env("CONTRACT_IMPORT", import)
        .env("CONTRACT_TOKEN", TOKEN)
        .args(["-m", "schemathesis.cli", "--config-file", config, "--no-color"])
        .arg("run")
        .arg(format!("{}/openapi.json", api.url))
        .args(["--mode", "all", "--max-time", SECONDS, "--warnings", "off"]);
    let finished = finish(&mut command);
    assert_eq!(finished.code, Some(0), "{}\n{}\n{}", finished.stdout, finished.stderr, complaints(&api));
    let tested = count_after(&finished.stdout, "Tested: ");
    assert_eq!(tested, count_after(&finished.stdout, "Selected: "), "{}", finished.stdout);
    assert!(tested >= 12, "{}", finished.stdout);
}

/// The service whose scaling is overridden.
fn create_worker(api: &Api) {
    let aws = api.aws();
    let container = json!({"name": "worker", "image": "job-worker:1", "memory": 128});
    aws.ecs("RegisterTaskDefinition", json!({"family": "job-worker", "containerDefinitions": [container]}));
    let service = json!({"cluster": "jobs", "serviceName": "job-worker", "taskDefinition": "job-worker",
                         "desiredCount": 1});
    aws.ecs("CreateService", service);
    aws.scaling(
        "RegisterScalableTarget",
        json!({
            "ServiceNamespace": "ecs", "ResourceId": "service/jobs/job-worker",
            "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 1, "MaxCapacity": 10,
        }),
    );
}

/// An upload and its import, which generated submissions name.
fn existing(api: &Api) -> (String, String) {
    let id = |answer: Value| answer["id"].as_str().unwrap().to_owned();
    let rows = "order_id,ordered_on,product,quantity,unit_price\n1,2026-11-21,keyboard,2,49.90\n";
    let upload = id(api.post("/uploads", "text/csv", rows));
    let import = json!({"kind": "csv-import", "payload": {"upload": upload}});
    let import = id(api.post("/submit-job", "application/json", &import.to_string()));
    (upload, import)
}

/// What the API itself had to say that is no routine.
fn complaints(api: &Api) -> String {
    let lines = api.process.events(0).into_iter().filter(|line| line["level"] != "INFO");
    lines.map(|line| format!("{line}\n")).collect()
}

/// The number behind a word of the summary.
fn count_after(printed: &str, word: &str) -> usize {
    let (_, rest) = printed.split_once(word).unwrap_or_else(|| panic!("no `{word}` in {printed}"));
    rest.split(['/', '\n']).next().unwrap().trim().parse().unwrap_or_else(|error| panic!("{error}: {rest}"))
}
