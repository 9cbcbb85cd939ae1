//! Holds the pages to the code: the floors of ARCHITECTURE.md, the promises, and what `deploy/` asks for.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use reconciler::aws::{Inspector, Reader, Requester, TableReader, TableWriter, Writer};
use reconciler::config::Settings;
use reconciler::manifest;
use reconciler::model::{Checkout, Revision, Timestamp};
use reconciler::shape::api::Api;
use serde_json::{Value, json};

/// Modules by floor. A module imports only from floors below its own.
const FLOORS: [&[&str]; 7] = [
    &["model", "shape"],
    &["manifest", "plan", "rollout", "verify"],
    &["aws", "import", "journal"],
    &["ledger", "observe", "report", "source"],
    &["execute"],
    &["controller"],
    &["cli", "config"],
];

/// The sideways imports that are meant: a rollback is a plan, and verbs read their settings.
const SIDEWAYS: [(&str, &str); 3] = [("rollout", "plan"), ("shape", "model"), ("cli", "config")];

/// No I/O, clock, randomness, environment, async or tracing.
const PURE: [&str; 7] = ["model", "shape", "manifest", "plan", "rollout", "verify", "import"];

const IMPURE: [&str; 12] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::io",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "SystemTime",
    "tokio::",
    "tracing::",
    "async fn",
    ".await",
];

pub fn sources(under: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code of a file, without comments and without its test module.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|it| it.as_os_str() == "tests")
        || path.file_stem().is_some_and(|it| it.to_string_lossy().ends_with("tests"))
}

fn module(path: &Path) -> String {
    let relative = path.strip_prefix(root()).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn production_files() -> Vec<(String, PathBuf)> {
    let files = sources(&root()).into_iter().filter(|it| !is_test_file(it));
    files.map(|path| (module(&path), path)).collect()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|names| names.contains(&module))
}

#[test]
fn a_module_imports_only_from_lower_floors() {
    let mut wrong = Vec::new();
    for (module, path) in production_files() {
        let Some(own) = floor(&module) else { continue };
        let text = code(&path);
        for (place, _) in text.match_indices("crate::") {
            let rest = &text[place + "crate::".len()..];
            let name: String = rest.chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
            let Some(other) = floor(&name) else { continue };
            let allowed =
                name == module || other < own || SIDEWAYS.contains(&(module.as_str(), name.as_str()));
            if !allowed {
                wrong.push(format!("{} imports {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    let unknown: Vec<String> = production_files()
        .into_iter()
        .map(|(module, _)| module)
        .filter(|it| !["lib", "main", "museum"].contains(&it.as_str()) && floor(it).is_none())
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_page_draws_these_floors() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let page = fs::read_to_string(page).unwrap();
    let drawn: Vec<BTreeSet<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && line[2..].starts_with(|it: char| it.is_ascii_digit()))
        .map(|line| line.split('|').nth(2).unwrap().split('`').skip(1).step_by(2).collect())
        .collect();
    let held: Vec<BTreeSet<&str>> = FLOORS.iter().map(|names| names.iter().copied().collect()).collect();
    assert_eq!(drawn, held);
}

#[test]
fn the_pure_core_touches_nothing_outside() {
    let mut wrong = Vec::new();
    for (module, path) in production_files() {
        if PURE.contains(&module.as_str()) {
            let text = code(&path);
            wrong.extend(
                IMPURE.iter().filter(|it| text.contains(**it)).map(|it| format!("{}: {it}", path.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_named_places_touch_the_outside() {
    // What may not be named -> the only files or folders that may.
    let reserved: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("aws_sdk_", ["aws"].as_slice()),
        ("SystemTime", &["main.rs"]),
        ("Instant::now", &["controller/run.rs", "ledger/lease.rs", "aws"]),
        // The museum asks which mistake is alive, in a build of its own.
        ("std::env::", &["config.rs", "museum.rs"]),
        ("git2::", &["source"]),
        ("std::process::Command", &[]),
        ("tokio::process", &[]),
    ]);
    let mut wrong = Vec::new();
    for (_, path) in production_files() {
        let relative = path.strip_prefix(root()).unwrap().to_owned();
        let text = code(&path);
        for (name, places) in &reserved {
            if text.contains(name) && !places.iter().any(|place| relative.starts_with(place)) {
                wrong.push(format!("{} names {name}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The names of all tests in some folders.
pub fn tests_of(folders: &[&str]) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for path in folders.iter().flat_map(|folder| sources(&root.join(folder))) {
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        for pair in lines.windows(2) {
            if pair[0].starts_with("#[test") || pair[0].starts_with("#[tokio::test") {
                let name = pair[1].trim_start_matches("async ").trim_start_matches("fn ");
                tests.insert(name.split('(').next().unwrap().to_owned());
            }
        }
    }
    tests
}

#[test]
fn every_test_that_the_promises_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = tests_of(&["src", "tests", "simulator", "git-https", "app"]);
    let promises = fs::read_to_string(root.join("docs/behavior.md")).unwrap();
    let lines: Vec<&str> = promises.lines().filter(|line| line.starts_with("- ")).collect();
    assert!(lines.len() > 50, "the list of promises is read");
    for line in lines {
        let name = line.rsplit('`').nth(1).unwrap_or_else(|| panic!("no test is named: {line}"));
        assert!(tests.contains(name), "no test `{name}`, promised in: {line}");
    }
}

/// What a policy allows. Denied or inverted statements would make the list say something else.
fn allowed(policy: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/iam").join(policy);
    let policy: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut actions = BTreeSet::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        match &statement["Action"] {
            Value::String(action) => drop(actions.insert(action.clone())),
            Value::Array(list) => actions.extend(list.iter().map(|it| it.as_str().unwrap().to_owned())),
            other => panic!("not an action: {other} in {statement}"),
        }
    }
    actions
}

fn allows_exactly(policy: &str, called: &[&[&str]]) {
    let called: BTreeSet<String> = called.concat().into_iter().map(str::to_owned).collect();
    let allowed = allowed(policy);
    let missing: Vec<_> = called.difference(&allowed).collect();
    let needless: Vec<_> = allowed.difference(&called).collect();
    assert!(
        missing.is_empty() && needless.is_empty(),
        "deploy/iam/{policy}: missing {missing:?}, needless {needless:?}"
    );
}

#[test]
fn the_policy_for_plan_allows_what_is_read_and_nothing_else() {
    allows_exactly("plan.json", &[&Reader::ACTIONS, &TableReader::ACTIONS]);
}

#[test]
fn the_policy_for_verify_allows_what_is_looked_at_and_nothing_else() {
    allows_exactly("verify.json", &[&Inspector::ACTIONS]);
}

#[test]
fn the_policy_for_apply_allows_what_is_called_and_nothing_else() {
    // No methods of ours: AWS asks for the one when a task definition or a schedule names a role, for the
    // other when a schedule group is created with tags.
    let asked_along = ["iam:PassRole", "scheduler:TagResource"];
    let ledger = [TableReader::ACTIONS, TableWriter::ACTIONS].concat();
    allows_exactly("apply.json", &[&Reader::ACTIONS, &Writer::ACTIONS, &ledger, &asked_along]);
}

#[test]
fn the_policy_for_people_allows_what_their_verbs_call_and_nothing_else() {
    // No method of ours: AWS asks for it when a task gets the roles of its definition.
    allows_exactly("people.json", &[&Requester::ACTIONS, &["iam:PassRole"]]);
}

/// `verify` alone may read values, for the names of JSON keys, and nothing that runs by itself has its policy.
#[test]
fn no_policy_but_that_of_verify_lets_anybody_read_a_secret() {
    for policy in ["plan.json", "apply.json", "people.json"] {
        let allowed = allowed(policy);
        for action in &allowed {
            assert!(!action.contains('*'), "{policy} allows {action}");
        }
        for reads in [
            "secretsmanager:GetSecretValue",
            "secretsmanager:BatchGetSecretValue",
            "ssm:GetParameter",
            "ssm:GetParametersByPath",
            "ssm:GetParameterHistory",
            "kms:Decrypt",
            "s3:GetObject",
        ] {
            assert!(!allowed.contains(reads), "{policy} allows {reads}");
        }
    }
}

fn deployed() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/reconciler-task-definition.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn is_accepted(service: &str) {
    const ENVIRONMENT: &str = "\
apiVersion: reconciler/v1
kind: Environment
metadata: {name: production}
spec:
  region: eu-west-1
  cluster: jobs
  variables:
    registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com
    private_subnets: [subnet-0a1b2c3d4e5f60001]
";
    let checkout = Checkout {
        revision: Revision {
            id: "4c1f9e2".to_owned(),
            branch: "main".to_owned(),
            author: "ada".to_owned(),
            subject: "Deploy".to_owned(),
            committed_at: Timestamp(0),
        },
        files: [("environment.yaml", ENVIRONMENT), ("service.yaml", service)]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
    };
    if let Err(errors) = manifest::load(&checkout, None, Api::builtin()) {
        panic!("{errors}");
    }
}

#[test]
fn our_own_task_definition_is_one_that_we_would_accept() {
    let mut definition = deployed();
    // A manifest's family is the name of its service.
    definition.as_object_mut().unwrap().remove("family");
    let service = json!({
        "apiVersion": "reconciler/v1",
        "kind": "Service",
        "metadata": {"name": "reconciler"},
        "spec": {
            "taskDefinition": definition,
            "service": {
                "desiredCount": 1,
                "launchType": "FARGATE",
                "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d4e5f60001"]}},
            },
        },
    });
    // JSON is YAML.
    is_accepted(&service.to_string());
}

#[test]
fn the_manifest_in_the_readme_is_one_that_we_would_accept() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let manifest = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    is_accepted(manifest.expect("README shows a manifest"));
}

#[test]
fn our_own_task_definition_starts_a_verb_with_settings_that_it_has() {
    let definition = deployed();
    let container = &definition["containerDefinitions"][0];
    let verb = container["command"][0].as_str().unwrap();
    let settings = Settings::command();
    let verb = settings.find_subcommand(verb).unwrap_or_else(|| panic!("no verb `{verb}`"));
    let read: BTreeSet<&str> =
        verb.get_arguments().filter_map(|it| it.get_env()).filter_map(|it| it.to_str()).collect();
    for list in ["environment", "secrets"] {
        for entry in container[list].as_array().unwrap() {
            let name = entry["name"].as_str().unwrap();
            assert!(read.contains(name), "nothing reads {name}; there is {read:?}");
        }
    }
}
