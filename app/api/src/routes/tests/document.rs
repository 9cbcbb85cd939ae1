//! The document says everything that can be asked and answered.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::problem::Code;
use crate::routes::{openapi, router};
use crate::testing::World;

async fn document() -> Value {
    World::new().await.read("/openapi.json").await.json()
}

/// Every operation with its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    all.collect()
}

#[tokio::test]
async fn the_document_is_served_as_openapi_3_1() {
    let answer = World::new().await.read("/openapi.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert_eq!(document, serde_json::to_value(openapi()).unwrap());
}

#[tokio::test]
async fn every_route_is_in_the_document() {
    let document = document().await;
    let documented: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    // axum lists its routes nowhere but here.
    let routes = format!("{:?}", router(World::new().await.api));
    let quoted = routes.split('"').filter(|text| text.starts_with('/') && !text.contains("__private"));
    let routed: BTreeSet<&str> = quoted.collect();
    assert!(routed.len() > 8, "{routes}");
    assert_eq!(routed, documented);
}

#[tokio::test]
async fn every_refusal_is_documented_where_it_can_occur_or_holds_everywhere() {
    let document = document().await;
    let documented: BTreeSet<String> = operations(&document)
        .iter()
        .flat_map(|(_, operation)| operation["responses"].as_object().unwrap().values())
        .filter_map(|answer| answer["content"]["application/problem+json"]["examples"].as_object())
        .flat_map(|examples| examples.keys().cloned())
        .collect();
    let codes: Vec<String> =
        serde_json::from_value(document["components"]["schemas"]["Code"]["enum"].clone()).unwrap();
    let everywhere = ["no_such_path", "method_not_allowed"];
    for code in codes {
        assert_ne!(documented.contains(&code), everywhere.contains(&code.as_str()), "{code}");
    }
}

#[tokio::test]
async fn every_answer_names_its_request_and_says_what_it_is() {
    let document = document().await;
    for (name, operation) in operations(&document) {
        assert!(operation["operationId"].is_string(), "{name}");
        assert!(operation["summary"].is_string(), "{name} has no summary");
        let parameters = operation["parameters"].as_array().unwrap();
        assert!(parameters.iter().any(|it| it["name"] == "x-request-id"), "{name}");
        for (status, answer) in operation["responses"].as_object().unwrap() {
            assert!(answer["headers"]["x-request-id"].is_object(), "{name} {status}");
            assert!(answer["description"].as_str().is_some_and(|it| !it.is_empty()), "{name} {status}");
            if status.starts_with('4') {
                assert!(answer["content"]["application/problem+json"].is_object(), "{name} {status}");
            }
        }
    }
}

#[test]
fn a_code_is_told_by_its_status() {
    assert_eq!(Code::IdempotencyKeyReused.status().as_u16(), 409);
    assert_eq!(serde_json::to_value(Code::IdempotencyKeyReused).unwrap(), "idempotency_key_reused");
}
