//! Repositories and images as their clients see them.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::testing::{Idle, world};

const REGISTRY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

fn ask(world: &mut World, operation: &str, mut input: Value) -> Answer {
    input["repositoryName"] = json!("api");
    call(world, &Idle, operation, &input)
}

fn with_repository(mutability: &str) -> World {
    let mut world = world();
    let input = json!({"imageTagMutability": mutability});
    let created = ask(&mut world, "CreateRepository", input).unwrap();
    let uri = created["repository"]["repositoryUri"].as_str().unwrap();
    assert_eq!(uri, format!("{REGISTRY}/api"));
    world
}

fn push(world: &mut World, manifest: &str, tag: &str) -> Answer {
    let input = json!({"imageManifest": manifest, "imageTag": tag});
    ask(world, "PutImage", input)
}

#[test]
fn the_digest_is_the_sha256_of_the_manifest() {
    let mut world = with_repository("MUTABLE");
    let pushed = push(&mut world, "hello", "1").unwrap();
    let digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(pushed["image"]["imageId"]["imageDigest"], digest);
    let read = |image: &str| world.ecr.digest(&format!("{REGISTRY}/{image}"));
    assert_eq!(read("api:1"), Some(Some(digest.to_owned())));
    assert_eq!(read(&format!("api:9@{digest}")), Some(Some(digest.to_owned())));
    assert_eq!(read("api:2"), Some(None));
    assert_eq!(read("api"), Some(None));
    assert_eq!(read("other:1"), Some(None));
    assert_eq!(world.ecr.digest("nginx:1"), None);
    let elsewhere = "999999999999.dkr.ecr.eu-west-1.amazonaws.com/api:1";
    assert_eq!(world.ecr.digest(elsewhere), None);
}

#[test]
fn a_tag_moves_to_the_image_pushed_last() {
    let mut world = with_repository("MUTABLE");
    push(&mut world, "one", "latest").unwrap();
    let second = push(&mut world, "two", "latest").unwrap();
    let digest = second["image"]["imageId"]["imageDigest"].as_str().unwrap();
    let latest = world.ecr.digest(&format!("{REGISTRY}/api"));
    assert_eq!(latest, Some(Some(digest.to_owned())));
    let untagged = json!({"filter": {"tagStatus": "UNTAGGED"}});
    let listed = ask(&mut world, "ListImages", untagged).unwrap();
    assert_eq!(listed["imageIds"].as_array().unwrap().len(), 1);
}

#[test]
fn an_immutable_tag_is_not_moved() {
    let mut world = with_repository("IMMUTABLE");
    push(&mut world, "one", "1").unwrap();
    let code = |answer: Answer| answer.unwrap_err().code;
    assert_eq!(code(push(&mut world, "two", "1")), "ImageTagAlreadyExistsException");
    assert_eq!(code(push(&mut world, "one", "1")), "ImageAlreadyExistsException");
    assert!(push(&mut world, "one", "2").is_ok());
}

#[test]
fn images_are_described_by_tag_and_the_missing_refused() {
    let mut world = with_repository("MUTABLE");
    let manifest = r#"{"config":{"size":5},"layers":[{"size":7},{"size":8}]}"#;
    push(&mut world, manifest, "1").unwrap();
    push(&mut world, manifest, "2").unwrap();
    let by = |tag: &str| json!({"imageIds": [{"imageTag": tag}]});
    let described = ask(&mut world, "DescribeImages", by("1")).unwrap();
    assert_eq!(described["imageDetails"][0]["imageTags"], json!(["1", "2"]));
    assert_eq!(described["imageDetails"][0]["imageSizeInBytes"], 20);
    let refused = ask(&mut world, "DescribeImages", by("3")).unwrap_err();
    assert_eq!(refused.code, "ImageNotFoundException");
    let batch = ask(&mut world, "BatchGetImage", by("3")).unwrap();
    assert_eq!(batch["failures"][0]["failureCode"], "ImageNotFound");
}

#[test]
fn an_image_goes_with_its_last_tag() {
    let mut world = with_repository("MUTABLE");
    push(&mut world, "one", "1").unwrap();
    push(&mut world, "one", "2").unwrap();
    let by = |tag: &str| json!({"imageIds": [{"imageTag": tag}]});
    ask(&mut world, "BatchDeleteImage", by("1")).unwrap();
    let left = ask(&mut world, "DescribeImages", json!({})).unwrap();
    assert_eq!(left["imageDetails"][0]["imageTags"], json!(["2"]));
    ask(&mut world, "BatchDeleteImage", by("2")).unwrap();
    let left = ask(&mut world, "DescribeImages", json!({})).unwrap();
    assert_eq!(left["imageDetails"], json!([]));
}

#[test]
fn a_repository_with_images_is_deleted_only_by_force() {
    let mut world = with_repository("MUTABLE");
    push(&mut world, "one", "1").unwrap();
    let refused = ask(&mut world, "DeleteRepository", json!({})).unwrap_err();
    assert_eq!(refused.code, "RepositoryNotEmptyException");
    ask(&mut world, "DeleteRepository", json!({"force": true})).unwrap();
    let refused = ask(&mut world, "DescribeImages", json!({})).unwrap_err();
    assert_eq!(refused.code, "RepositoryNotFoundException");
}

#[test]
fn images_are_listed_page_by_page() {
    let mut world = with_repository("MUTABLE");
    for tag in ["1", "2", "3"] {
        push(&mut world, tag, tag).unwrap();
    }
    let mut token = Value::Null;
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let mut input = json!({"maxResults": 1});
        if token.is_string() {
            input["nextToken"] = token;
        }
        let page = ask(&mut world, "ListImages", input).unwrap();
        seen.insert(page["imageIds"][0]["imageTag"].to_string());
        token = page["nextToken"].clone();
    }
    assert_eq!(seen.len(), 3);
    assert!(token.is_null());
}

#[test]
fn an_image_is_scanned_when_it_is_pushed_or_when_somebody_asks() {
    let mut world = with_repository("MUTABLE");
    let pushed = push(&mut world, r#"{"findings": {"HIGH": 2}}"#, "1").unwrap();
    let id = json!({"imageId": {"imageDigest": pushed["image"]["imageId"]["imageDigest"]}});
    let refused = ask(&mut world, "DescribeImageScanFindings", id.clone()).unwrap_err();
    assert_eq!(refused.code, "ScanNotFoundException");
    ask(&mut world, "StartImageScan", id.clone()).unwrap();
    let found = ask(&mut world, "DescribeImageScanFindings", id).unwrap();
    assert_eq!(found["imageScanStatus"]["status"], "COMPLETE");
    assert_eq!(found["imageScanFindings"]["findingSeverityCounts"], json!({"HIGH": 2}));
}
