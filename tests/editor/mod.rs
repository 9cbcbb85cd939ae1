//! What an editor makes of the JSON Schema: judged by the validator of the Python package `jsonschema`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reconciler::shape::api::{Api, ArnOf, Pattern};
use reconciler::shape::json_schema;
use serde_json::{Value, json};

mod reference;

/// Cases of the gallery whose fault the schema does not see: it is in what several fields, documents or files mean
/// together, in what a variable stands for, in a rule that AWS's model does not have, or readers of YAML don't mind it.
const UNSEEN: [&str; 75] = [
    "app_mesh",
    "awsvpc_without_network",
    "blue_green",
    "capacity_provider_spelling",
    "capacity_providers",
    "capacity_providers_mixed",
    "classic_load_balancers",
    "container_limits",
    "container_order",
    "containers",
    "daemon",
    "depends_on",
    "deployment_controller",
    "deployment_strategies",
    "devices",
    "duplicate_key",
    "ebs",
    "execute_command",
    "fargate_cpu",
    "fargate_has_no",
    "fargate_needs",
    "fargate_size",
    "health_check",
    "health_check_grace_period",
    "hook_names",
    "hook_placement",
    "hook_task_definition",
    "host_port",
    "launch_type_and_strategy",
    "launch_types",
    "leading_zeros",
    "list_in_a_list",
    "list_inside_of_text",
    "load_balancer",
    "load_balancer_kinds",
    "log_drivers",
    "log_router",
    "negative_count",
    "network_without_awsvpc",
    "no_room_to_deploy",
    "overlay_against_its_base",
    "overlay_clash",
    "overlay_empty_value",
    "overlay_one_of_two",
    "overlay_patches_what_is_not_there",
    "overlay_takes_away_what_is_needed",
    "overlay_unknown_environment",
    "overlay_unknown_target",
    "placement",
    "ports",
    "ports_of_the_host",
    "predictive_metrics",
    "same_environment_twice",
    "same_service_twice",
    "same_service_twice_in_one_file",
    "scaling_policies",
    "scaling_predictions",
    "scaling_steps",
    "schedule_expression",
    "secrets",
    "service_connect",
    "service_connect_names",
    "service_connect_needs",
    "set_twice",
    "several_environments",
    "shell_variable",
    "tag_rules",
    "too_many_elements",
    "unknown_variable",
    "unterminated_variable",
    "variable_of_the_wrong_type",
    "volume_configuration",
    "volumes",
    "windows",
    "yaml_tag",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Each document's name, and why it is refused.
fn judge(documents: &[Value]) -> Vec<(String, Option<String>)> {
    let python = std::env::var("RECONCILER_TEST_PYTHON")
        .expect("RECONCILER_TEST_PYTHON names a Python with jsonschema; `make test` sets it up");
    let mut child = Command::new(python)
        .arg(root().join("tests/editor/validate.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = json!({ "schema": json_schema::schema(Api::builtin()), "documents": documents });
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the schema itself is not valid JSON Schema 2020-12");
    let judged: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    judged.iter().map(|judged| (text(&judged["name"]).unwrap(), text(&judged["refused"]))).collect()
}

fn document(name: impl Into<String>, yaml: impl Into<String>) -> Value {
    json!({ "name": name.into(), "yaml": yaml.into() })
}

/// All files below a folder, by path.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml");
    files(&root().join(folder)).into_iter().filter(is_yaml).collect()
}

/// The YAML blocks of a page that begin with `apiVersion`, or with a comment for the editor.
fn manifests_in(page: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks = blocks.filter(|block| block.contains("apiVersion: "));
    blocks.enumerate().map(|(number, block)| document(format!("{page} block {number}"), block)).collect()
}

#[test]
fn an_independent_validator_accepts_every_manifest_in_this_repository() {
    let mut documents: Vec<Value> = yaml_files("manifests")
        .iter()
        .map(|path| document(path.display().to_string(), fs::read_to_string(path).unwrap()))
        .collect();
    let of_pages: Vec<Value> = ["README.md", "docs/manifest.md"].into_iter().flat_map(manifests_in).collect();
    assert!(of_pages.len() >= 2, "{of_pages:?}");
    documents.extend(of_pages);
    let judged = judge(&documents);
    assert!(judged.len() >= documents.len());
    let refused: Vec<_> = judged.iter().filter(|(_, refused)| refused.is_some()).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn an_independent_validator_refuses_a_slip_at_any_depth() {
    let good = fs::read_to_string(root().join("manifests/job-api.yaml")).unwrap();
    let slips = [
        ("apiVersion: reconciler/v1", "apiVersion: reconciler/v2"),
        ("apiVersion:", "apiversion:"),
        ("kind: Service", "kind: Servce"),
        ("kind: Service", "kind: Environment"),
        ("metadata:", "metdata:"),
        ("  name: job-api", "  nme: job-api"),
        ("  name: job-api", "  name: job api"),
        ("taskDefinition:", "taskDefintion:"),
        ("containerDefinitions:", "containerDefinition:"),
        ("portMappings:", "portMapping:"),
        ("containerPort:", "containerport:"),
        ("networkMode: awsvpc", "networkMode: aws-vpc"),
        ("desiredCount: ", "desiredCount: two # "),
        ("image: ", "imagee: "),
        ("timeout: ", "timeout: soon # "),
        ("assignPublicIp: DISABLED", "assignPublicIp: disabled"),
        ("subnets: ", "subnet: "),
        ("onFailure: rollback", "onFailure: roll back"),
    ];
    let documents: Vec<Value> = slips
        .iter()
        .filter(|(right, _)| good.contains(right))
        .map(|(right, wrong)| document(*wrong, good.replacen(right, wrong, 1)))
        .collect();
    assert!(documents.len() >= 12, "job-api.yaml has few of these fields: {documents:?}");
    assert_eq!(judge(&[document("good", good)]), [("good".to_owned(), None)]);
    for (slip, refused) in judge(&documents) {
        assert!(refused.is_some(), "{slip}");
    }
}

/// A case is refused if one of its documents is.
#[test]
fn an_independent_validator_refuses_the_gallery_but_for_what_no_schema_can_see() {
    let mut documents = Vec::new();
    for path in yaml_files("src/manifest/gallery") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let case = fs::read_to_string(&path).unwrap();
        let files = case.split("# file: ").filter(|file| !file.trim().is_empty());
        documents.extend(files.enumerate().map(|(number, file)| {
            // After the first one, what was split off left the file's name behind.
            let text = if number == 0 && !case.starts_with("# file: ") {
                file
            } else {
                file.split_once('\n').unwrap().1
            };
            document(name.clone(), text)
        }));
    }
    let (mut all, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for (name, reason) in judge(&documents) {
        all.insert(name.clone());
        refused.extend(reason.map(|_| name));
    }
    let accepted: Vec<&String> = all.difference(&refused).collect();
    assert_eq!(accepted, UNSEEN, "a schema sees these faults, or it no longer does");
}

#[test]
fn patterns_for_editors_accept_what_aws_accepts() {
    let texts = [
        "a",
        "a-name",
        "a_name",
        "a.name",
        "A9",
        "größe 2",
        "two words",
        "two\nlines",
        "tab\there",
        "team/jobs@eu-1",
        "m5.*",
        "x=y+z",
        "50%",
        "a,b",
        "#4711",
        "\"quoted\"",
        "[a]",
        "a\\b",
        "^",
        "{a}",
        "a:b",
        "a|b",
        " a",
        "a ",
        "ü",
        "arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/0ec5",
        "arn:aws-cn:sqs:cn-north-1:123456789012:late",
        "arn:aws:kms:eu-west-1:123456789012:alias/jobs",
    ];
    let examples = [ArnOf::Queue, ArnOf::Key, ArnOf::Role, ArnOf::Schedule].map(ArnOf::example);
    let patterns = [
        Pattern::Tag,
        Pattern::Text,
        Pattern::Printable,
        Pattern::ScheduledActionName,
        Pattern::InstanceType,
        Pattern::ScalableTarget,
        Pattern::Name,
        Pattern::Token,
        Pattern::Arn(ArnOf::Queue),
        Pattern::Arn(ArnOf::Key),
        Pattern::Arn(ArnOf::Role),
        Pattern::Arn(ArnOf::Schedule),
    ];
    let (mut accepted, mut others) = (Vec::new(), Vec::new());
    for pattern in patterns {
        let schema = json!({ "type": "string", "pattern": pattern.for_editors() });
        for text in texts.iter().chain(&examples) {
            let case = json!({ "name": format!("{pattern:?} {text:?}"), "value": text, "schema": schema });
            if pattern.accepts(text) { accepted.push(case) } else { others.push(case) }
        }
    }
    for (case, refused) in judge(&accepted) {
        assert_eq!(refused, None, "{case}");
    }
    // Nearly all others are refused: an editor shows the slip.
    let judged = judge(&others);
    let seen = judged.iter().filter(|(_, refused)| refused.is_some()).count();
    assert!(seen * 100 >= judged.len() * 95, "{seen} of {}", judged.len());
}

/// `load` is the judge of what has to be accepted; fuzzing brought forth manifests that nobody would think of.
#[test]
fn an_independent_validator_accepts_whatever_load_accepts() {
    let mut documents = Vec::new();
    let folders = ["fuzz/corpus/manifests", "manifests"].map(|folder| root().join(folder));
    for path in folders.iter().flat_map(|folder| files(folder)) {
        let Ok(text) = String::from_utf8(fs::read(&path).unwrap()) else { continue };
        let texts = crate::fuzzing::manifests::accepted_files(&text);
        documents.extend(texts.into_iter().map(|text| document(path.display().to_string(), text)));
    }
    assert!(documents.len() >= 10, "{} documents", documents.len());
    // PyYAML takes a few characters for errors that YAML 1.2 allows.
    let counts =
        |refused: &Option<String>| refused.as_ref().is_some_and(|reason| !reason.starts_with("not YAML"));
    let refused: Vec<_> = judge(&documents).into_iter().filter(|(_, refused)| counts(refused)).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}
