//! Each rule of `semantics/`: a manifest that breaks it, and the nearest one that does not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, json};

use super::load_service;
use crate::model::Json;

/// A service of one container that listens, and one beside it.
fn base(name: &str) -> Json {
    let mut spec = json!({
        "taskDefinition": {
            "memory": "512",
            "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
            "taskRoleArn": "arn:aws:iam::123456789012:role/task",
            "containerDefinitions": [
                {"name": "web", "image": "web:1", "portMappings": [{"name": "http", "containerPort": 8080}]},
                {"name": "side", "image": "side:1", "essential": false},
            ],
        },
        "service": {"desiredCount": 2},
    });
    if name == "fargate" {
        spec["taskDefinition"]["cpu"] = json!("256");
        spec["taskDefinition"]["networkMode"] = json!("awsvpc");
        spec["taskDefinition"]["requiresCompatibilities"] = json!(["FARGATE"]);
        spec["service"]["launchType"] = json!("FARGATE");
        spec["service"]["networkConfiguration"] = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    }
    spec
}

/// Sets what a road leads to: `t` is the task definition, `c0` and `c1` its containers, `s` the service,
/// `x` the scaling. `null` takes it away.
fn set(spec: &mut Json, road: &str, value: Json) {
    let mut steps = road.split('/');
    let first = steps.next().unwrap();
    let mut place = match first {
        "t" => &mut spec["taskDefinition"],
        "s" => &mut spec["service"],
        "x" => &mut spec["scaling"],
        container => {
            let index: usize = container.strip_prefix('c').unwrap().parse().unwrap();
            &mut spec["taskDefinition"]["containerDefinitions"][index]
        }
    };
    let steps: Vec<&str> = steps.collect();
    let Some((last, road)) = steps.split_last() else {
        *place = value;
        return;
    };
    for step in road {
        place = match step.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[*step],
        };
    }
    match value {
        Json::Null => {
            place.as_object_mut().unwrap().remove(*last);
        }
        value => place[*last] = value,
    }
}

fn manifest(base_name: &str, changes: &str) -> String {
    let changes: Map<String, Json> =
        serde_json::from_str(changes).unwrap_or_else(|why| panic!("{why}: {changes}"));
    let mut spec = base(base_name);
    for (road, value) in changes {
        set(&mut spec, &road, value);
    }
    // JSON is YAML.
    json!({"apiVersion": "reconciler/v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec})
        .to_string()
}

/// A row has three lines: on what and what is said; the mistake; the nearest manifest without it.
#[test]
fn each_rule_refuses_its_mistake_and_takes_the_nearest_manifest_without_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manifest/tests/neighbours.txt");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    let mut failures = Vec::new();
    for row in lines.chunks(3) {
        let [head, wrong, right] = row else { panic!("half a row: {row:?}") };
        let (base, title) = head.split_once(' ').unwrap();
        let expected: BTreeSet<&str> = title.split(" && ").map(str::trim).collect();
        match load_service(&manifest(base, wrong)) {
            Ok(_) => failures.push(format!("accepted: {head}")),
            Err(errors) => {
                let titles: BTreeSet<&str> = errors.list.iter().map(|error| error.title.as_str()).collect();
                if titles != expected {
                    failures.push(format!("{head}\n  but was told {titles:?}"));
                }
                if let Some(silent) =
                    errors.list.iter().find(|error| error.label.is_empty() && error.notes.is_empty())
                {
                    failures.push(format!("{head}\n  names no way out: {silent:?}"));
                }
            }
        }
        if let Err(errors) = load_service(&manifest(base, right)) {
            failures.push(format!("refused beside {head}\n{errors}"));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), lines.len() / 3, failures.join("\n\n"));
}
