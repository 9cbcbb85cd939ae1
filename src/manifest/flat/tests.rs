//! What is written flat means what it was made of.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::{Flat, json, render, yaml};
use crate::manifest::files::{FileId, Files};
use crate::manifest::node::{Key, Node, Scalar, Span, Value};
use crate::manifest::tests::{ENVIRONMENT, SERVICE, checkout};
use crate::manifest::{environments, load, yaml::parse};
use crate::shape::api::Api;

const OVERLAY: &str = "\
apiVersion: reconciler/v1
kind: Overlay
metadata: {name: job-api, environments: [production]}
spec:
  taskDefinition:
    memory: 1024
    containerDefinitions:
      - name: api
        environment: {DEBUG: null, GREETING: \"$${HOME}: 'on' #1\"}
        command:
          - sh
          - -c
          - |
            if true; then
              echo $${HOME}
            fi
";

fn text(flat: &[Flat]) -> String {
    let documents = flat.iter().map(|flat| flat.yaml.iter().map(|line| format!("{}\n", line.text)).collect());
    documents.collect::<Vec<String>>().join("---\n")
}

#[test]
fn what_is_rendered_has_the_digests_of_what_it_was_made_of() {
    let files = [("environment.yaml", ENVIRONMENT), ("service.yaml", SERVICE), ("overlay.yaml", OVERLAY)];
    let desired = load(&checkout(&files), None, Api::builtin()).unwrap();
    let flat = render(&checkout(&files), None, Api::builtin(), &Default::default()).unwrap();
    let as_json: Vec<String> = flat.iter().map(|flat| flat.json.clone()).collect();
    for text in [text(&flat), as_json.join("\n---\n")] {
        let again = load(&checkout(&[("flat.yaml", &text)]), None, Api::builtin())
            .unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        assert!(again.environment.variables.is_empty());
        for (key, service) in &desired.services {
            assert_eq!(again.services[key].task_definition, service.task_definition);
            assert_eq!(again.services[key].digest, service.digest);
        }
    }
}

/// The files of a manifest folder, without those of other systems in it.
fn folder(path: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("examples") {
            folder(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn all_manifests_of_this_repository_can_be_rendered_and_loaded_again() {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let examples = fs::read_dir(manifests.join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut rendered = 0;
    for path in examples.filter(|path| path.is_dir()).chain([manifests.clone()]) {
        let mut files = Vec::new();
        folder(&path, &mut files);
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let commit = checkout(&files);
        for name in environments(&commit) {
            let desired = load(&commit, Some(&name), Api::builtin()).unwrap();
            let text = text(&render(&commit, Some(&name), Api::builtin(), &[].into()).unwrap());
            let again = load(&checkout(&[("flat.yaml", &text)]), None, Api::builtin())
                .unwrap_or_else(|errors| panic!("{errors}\n{text}"));
            assert_eq!(again.keys().count(), desired.keys().count());
            for key in desired.keys() {
                assert_eq!(again.digest(key), desired.digest(key), "{key} of {name} in {}", path.display());
                rendered += 1;
            }
        }
    }
    assert!(rendered >= 12, "{rendered}");
}

#[test]
fn a_rendered_manifest_reads_like_one_that_a_person_wrote() {
    let files = [("environment.yaml", ENVIRONMENT), ("service.yaml", SERVICE), ("overlay.yaml", OVERLAY)];
    let flat = render(&checkout(&files), None, Api::builtin(), &Default::default()).unwrap();
    let lines: Vec<String> = flat[1]
        .yaml
        .iter()
        .take(27)
        .map(|line| {
            let origins: Vec<String> = line.origins.iter().map(ToString::to_string).collect();
            format!("{:<50}|{}", line.text, origins.join(", ")).trim_end_matches(['|', ' ']).to_owned()
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r##"
    apiVersion: reconciler/v1
    kind: Service
    metadata:
      name: job-api                                   |service.yaml:4
      labels:                                         |service.yaml:5
        team: jobs                                    |service.yaml:5
    spec:                                             |service.yaml:6
      taskDefinition:                                 |service.yaml:7
        cpu: 256                                      |service.yaml:8
        memory: 1024                                  |overlay.yaml:6
        networkMode: awsvpc                           |service.yaml:10
        requiresCompatibilities: [FARGATE]            |service.yaml:11
        executionRoleArn: arn:aws:iam::123456789012:role/execution|service.yaml:12, environment.yaml:5
        containerDefinitions:                         |service.yaml:13
          - name: api                                 |service.yaml:14
            image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/job-api:1.10|service.yaml:15, environment.yaml:9
            portMappings:                             |service.yaml:16
              - containerPort: 8080                   |service.yaml:16
            environment:                              |service.yaml:17
              LOG_LEVEL: info                         |service.yaml:17
              BATCH: 0123                             |service.yaml:17
              RATIO: 1.10                             |service.yaml:17
              GREETING: "$${HOME}: 'on' #1"           |overlay.yaml:9
            secrets:                                  |service.yaml:18
              DATABASE_URL: arn:aws:ssm:eu-west-1:123456789012:parameter/db|service.yaml:18, environment.yaml:6, environment.yaml:5
            command:                                  |overlay.yaml:10
              - sh                                    |overlay.yaml:11
    "##);
}

fn any_text() -> impl Strategy<Value = String> {
    static WORDS: &[&str] = &[
        "", "a", "~", "null", "true", "No", "0123", "1.10", "- x", "a: b", "a #b", "#a", "---", "...", "-",
        "-c", "--flag=1", "[x]", "{x}", "a,b", "x:", "'", "\"", "\\", "${a}", "|", ">", "a\nb", "a\nb\n",
        "\n", " a\nb", "a\n\nb\n", "a \n b", "a\n \nb", "<<", "*a", "&a", "!a", "%a", "@a", "`a", "?", "? a",
        ":", ":a", "ü", "\u{85}", "\u{feff}", "\t", "a\tb", "a\r\nb", " ", "a ", "x\n\n",
    ];
    prop_oneof![proptest::sample::select(WORDS).prop_map(str::to_owned), "[ -~\n]{0,12}", any::<String>(),]
}

fn node(value: Value) -> Node {
    Node::new(Span::default(), value)
}

fn any_node() -> impl Strategy<Value = Node> {
    let scalar = prop_oneof![
        any_text().prop_map(|text| Scalar { text, plain: false }),
        proptest::sample::select(&["1", "1.10", "0123", "true", "-5", "1e3"][..])
            .prop_map(|text| Scalar { text: text.to_owned(), plain: true }),
    ];
    scalar.prop_map(|scalar| node(Value::Scalar(scalar))).prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(|items| node(Value::List(items))),
            proptest::collection::btree_map(any_text(), inner, 0..5).prop_map(|entries| {
                let entry = |(text, node)| (Key { text, span: Span::default() }, node);
                node(Value::Map(entries.into_iter().map(entry).collect()))
            }),
        ]
    })
}

/// Texts, and whether a scalar can be anything else than text.
fn meaning(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Scalar(scalar) => match scalar.kind() {
            crate::manifest::node::Kind::Text => scalar.text.as_str().into(),
            kind => serde_json::json!([format!("{kind:?}"), scalar.text]),
        },
        Value::List(items) => items.iter().map(meaning).collect(),
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.text.clone(), meaning(node))).collect(),
        Value::Refused => serde_json::Value::Null,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_read_as_it_was_written(tree in any_node()) {
        let entry = |node| (Key { text: "spec".to_owned(), span: Span::default() }, node);
        let document = node(Value::Map(vec![entry(tree)]));
        let commit = checkout(&[]);
        let files = Files::of(&commit);
        let text: String = yaml::lines(&document, &files).iter().map(|line| format!("{}\n", line.text)).collect();
        let read = parse(&text, FileId::default());
        prop_assert!(read.is_ok(), "{read:?}\n{text}");
        prop_assert_eq!(meaning(&read.unwrap()[0]), meaning(&document), "{}", text);
        let text = json::text(&document);
        let read: Result<serde_json::Value, _> = serde_json::from_str(&text);
        prop_assert!(read.is_ok(), "{read:?}\n{text}");
    }
}
