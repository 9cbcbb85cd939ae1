//! Tags of images in ECR: resolved, missing, moved.

use std::sync::Arc;

use reconciler::controller::{Next, Wish};
use reconciler::manifest;
use reconciler::model::{Desired, ServiceKey};
use reconciler::observe::Images;
use serde_json::{Value, json};
use simulator::error::ApiError;
use simulator::faults::Fault;

use crate::world::{Memory, World, compact, mutating, service, service_with};

const REGISTRY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const FOLLOW: &str = "  images: {whenMoved: follow}\n";

fn image(tag: &str) -> String {
    format!("{REGISTRY}/api:{tag}")
}

/// What is asked for, with what ECR says of its images now.
async fn looked_at(world: &World, desired: &Desired) -> Wish {
    let names = manifest::images(desired);
    let images =
        Images::default().look(&world.aws().await.reader(), &names, &manifest::scanned(desired)).await;
    Arc::new(Desired { images, ..desired.clone() })
}

async fn commit(world: &mut World, manifest: String) -> Wish {
    let desired = world.load(&[manifest]).unwrap();
    looked_at(world, &desired).await
}

fn ecr(world: &World, operation: &str, mut input: Value) -> Value {
    input["repositoryName"] = "api".into();
    world.set_up(|account, runtime| simulator::ecr::call(account, runtime, operation, &input))
}

/// Pushes an image under a tag, wherever the tag was before; its digest.
fn push(world: &World, tag: &str, content: &Value) -> String {
    world.simulator.with_world(|account| {
        let input = json!({"repositoryName": "api"});
        let _ = simulator::ecr::call(account, world.runtime.as_ref(), "CreateRepository", &input);
    });
    let pushed = ecr(world, "PutImage", json!({"imageTag": tag, "imageManifest": content.to_string()}));
    pushed["image"]["imageId"]["imageDigest"].as_str().unwrap().to_owned()
}

/// The image of the revision that the service points to.
async fn runs(world: &World) -> String {
    let revision = world.runs("api").await;
    let found = world.ecs("DescribeTaskDefinition", json!({"taskDefinition": revision})).await;
    found["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap().to_owned()
}

/// A world in which `api:1` runs.
async fn running(more: &str) -> (World, Desired, String) {
    let mut world = World::new().await;
    let digest = push(&world, "1", &json!({"build": 1}));
    let desired = world.load(&[service_with("api", &image("1"), more)]).unwrap();
    let wish = looked_at(&world, &desired).await;
    world.settle(&wish).await;
    assert_eq!(runs(&world).await, format!("{}@{digest}", image("1")));
    world.take_calls();
    (world, desired, digest)
}

fn short(text: &str) -> String {
    text.replace(&format!("{REGISTRY}/"), "").replace(REGISTRY, "REGISTRY")
}

/// The lines of a plan that speak of the service.
async fn told(world: &World, wish: &Wish) -> String {
    let plan = world.plan_text(wish, Memory::Ledger).await;
    let lines: Vec<&str> = plan.lines().skip(2).filter(|line| !line.is_empty()).collect();
    short(&lines.join("\n"))
}

/// Those of them that are about no field.
async fn held(world: &World, wish: &Wish) -> String {
    let told = told(world, wish).await;
    let lines: Vec<&str> =
        told.lines().filter(|line| !line.contains(".yaml:") && !line.ends_with("[app]")).collect();
    lines.join("\n")
}

#[tokio::test(start_paused = true)]
async fn a_tag_is_deployed_by_its_digest_and_that_is_looked_up_once_a_repository() {
    let mut world = World::new().await;
    let digest = push(&world, "1", &json!({"build": 1}));
    let names: Vec<String> = (0..20).map(|number| format!("api-{number}")).collect();
    let manifests: Vec<String> = names.iter().map(|name| service(name, &image("1"))).collect();
    world.take_calls();
    let desired = world.load(&manifests).unwrap();
    let wish = looked_at(&world, &desired).await;
    assert_eq!(compact(&world.take_calls()), ["DescribeImages", "BatchGetImage"]);
    world.settle(&wish).await;
    for name in names {
        let revision = world.runs(&name).await;
        let found = world.ecs("DescribeTaskDefinition", json!({"taskDefinition": revision})).await;
        let container = &found["taskDefinition"]["containerDefinitions"][0];
        assert_eq!(container["image"], format!("{}@{digest}", image("1")));
    }
    world.take_calls();
    let again = looked_at(&world, &desired).await;
    world.settle(&again).await;
    assert_eq!(mutating(&world.take_calls()), ["BatchGetImage"]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_tag_holds_the_change_names_the_nearest_and_goes_on_when_it_is_there() {
    let (mut world, _, _) = running("").await;
    for tag in ["1.4.1", "1.4.2", "1.9.0", "latest"] {
        push(&world, tag, &json!({ "build": tag }));
    }
    let desired = world.load(&[service("api", &image("1.4.3"))]).unwrap();
    let wish = looked_at(&world, &desired).await;
    insta::assert_snapshot!(told(&world, &wish).await, @r#"
    ! api           held: there is no image `api:1.4.3`; the nearest tags are 1.4.2, 1.4.1, 1.9.0
        taskDefinition.containerDefinitions[app]
          image  "…/api:1@sha256:d5cd30cc569a…" -> "…/api:1.4.3"  service-0.yaml:12 · changed between 4c1f9e1 and 4c1f9e2
        push it, and it goes on by itself; or name a tag that is there
    1 held.
    "#);
    world.take_calls();
    let standing = world.settle(&wish).await;
    assert!(matches!(standing[&ServiceKey::new("api")], Next::Held(_)), "{standing:?}");
    assert_eq!(mutating(&world.take_calls()), Vec::<String>::new());
    let digest = push(&world, "1.4.3", &json!({"build": "1.4.3"}));
    let there = looked_at(&world, &desired).await;
    world.settle(&there).await;
    assert_eq!(runs(&world).await, format!("{}@{digest}", image("1.4.3")));
}

#[tokio::test(start_paused = true)]
async fn a_missing_repository_holds_the_change_and_says_where_it_looked() {
    let mut world = World::new().await;
    let wish = commit(&mut world, service("api", &image("1"))).await;
    insta::assert_snapshot!(held(&world, &wish).await, @r"
    ! api           held: there is no repository `api` in REGISTRY
        create it, or correct the name; a pull-through cache makes its repositories at the first pull: `images.whenMoved: ignore` lets ECS find out
    1 held.
    ");
    world.take_calls();
    world.settle(&wish).await;
    assert_eq!(mutating(&world.take_calls()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_list_of_platforms_without_the_one_the_task_asks_for_is_not_deployed() {
    let mut world = World::new().await;
    let entry = |architecture: &str| json!({"platform": {"os": "linux", "architecture": architecture}});
    push(&world, "arm", &json!({"manifests": [entry("arm64")]}));
    push(&world, "both", &json!({"manifests": [entry("arm64"), entry("amd64")]}));
    let wish = commit(&mut world, service("api", &image("arm"))).await;
    insta::assert_snapshot!(held(&world, &wish).await, @r"
    ! api           held: image `api:arm` is for linux/arm64, and the task runs on linux/amd64
        build it for that platform, or change `runtimePlatform`
    1 held.
    ");
    let wish = commit(&mut world, service("api", &image("both"))).await;
    world.settle(&wish).await;
    assert!(runs(&world).await.starts_with(&image("both")));
}

#[tokio::test(start_paused = true)]
async fn a_pinned_tag_that_moved_is_told_and_stays_until_git_names_another() {
    let (mut world, desired, first) = running("").await;
    let second = push(&world, "1", &json!({"build": 2}));
    let wish = looked_at(&world, &desired).await;
    world.take_calls();
    world.settle(&wish).await;
    assert_eq!(mutating(&world.take_calls()), Vec::<String>::new());
    insta::assert_snapshot!(told(&world, &wish).await, @r"
    = api           nothing to do
        tag api:1 moved from sha256:d5cd30cc569a… to sha256:e5210f8e3b5f…; it stays where it was until Git names another, as `images.whenMoved` is pin
    Nothing to do, 1 unchanged.
    ");
    let status = short(&world.status(&wish).await);
    assert!(status.contains("moved"), "{status}");
    // A commit that changes something else does not bring it along.
    let more = service("api", &image("1")).replace("info", "debug");
    let wish = commit(&mut world, more).await;
    world.settle(&wish).await;
    assert_eq!(runs(&world).await, format!("{}@{first}", image("1")));
    assert_eq!(world.runs("api").await, "api:2");
    push(&world, "2", &json!({"build": 2}));
    let wish = commit(&mut world, service("api", &image("2"))).await;
    world.settle(&wish).await;
    assert_eq!(runs(&world).await, format!("{}@{second}", image("2")));
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_followed_is_rolled_out_with_what_it_meant_before_as_the_reason() {
    let (world, desired, first) = running(FOLLOW).await;
    let second = push(&world, "1", &json!({"build": 2}));
    let wish = looked_at(&world, &desired).await;
    insta::assert_snapshot!(told(&world, &wish).await, @r#"
    ~ api           new revision, starts a deployment
        taskDefinition.containerDefinitions[app]
          image  "…/api:1@sha256:d5cd30cc569a…" -> "…/api:1@sha256:e5210f8e3b5f…"  service-0.yaml:12 · tag api:1 moved from sha256:d5cd30cc569a… to sha256:e5210f8e3b5f…
        will: register api, update service, tag service, watch for up to 15 m
        on failure: back to the last revision that completed
    1 to change.
    "#);
    world.take_calls();
    world.settle(&wish).await;
    assert_eq!(mutating(&world.take_calls()), ["RegisterTaskDefinition", "UpdateService", "TagResource"]);
    assert_eq!(runs(&world).await, format!("{}@{second}", image("1")));
    // Back to what it was: the revision is there already.
    push(&world, "1", &json!({"build": 1}));
    let wish = looked_at(&world, &desired).await;
    world.take_calls();
    world.settle(&wish).await;
    assert_eq!(mutating(&world.take_calls()), ["UpdateService", "TagResource"]);
    assert_eq!(runs(&world).await, format!("{}@{first}", image("1")));
    assert_eq!(world.runs("api").await, "api:1");
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_tag_outlives_its_deletion_and_an_ecr_that_cannot_be_read() {
    let (mut world, desired, first) = running(FOLLOW).await;
    ecr(&world, "BatchDeleteImage", json!({"imageIds": [{"imageTag": "1"}]}));
    push(&world, "other", &json!({"build": "other"}));
    let gone = looked_at(&world, &desired).await;
    insta::assert_snapshot!(told(&world, &gone).await, @r"
    = api           nothing to do
        there is no image `api:1`; the nearest tags are other; it stays at sha256:d5cd30cc569a…
    Nothing to do, 1 unchanged.
    ");
    world.simulator.set_fault(Box::new(|call| match call.operation.as_str() {
        "DescribeImages" => Fault::RefuseBefore(ApiError::new("AccessDeniedException", "not authorized")),
        _ => Fault::None,
    }));
    let unreadable = looked_at(&world, &desired).await;
    for wish in [gone, unreadable] {
        world.take_calls();
        world.settle(&wish).await;
        assert_eq!(mutating(&world.take_calls()), Vec::<String>::new());
    }
    assert_eq!(runs(&world).await, format!("{}@{first}", image("1")));
    // What was never known is not guessed.
    let wish = commit(&mut world, service("api", &image("2"))).await;
    insta::assert_snapshot!(held(&world, &wish).await, @r"
    ! api           held: can't look at image `api:2`: can't read tags of repository `api` in eu-west-1: access denied for ecr:DescribeImages: not authorized
        nothing is deployed by a tag that can't be looked at; deploy/iam/plan.json has the statement that allows it, and with `images.whenMoved: ignore` nobody looks
    1 held.
    ");
    let standing = world.settle(&wish).await;
    assert!(matches!(standing[&ServiceKey::new("api")], Next::Held(_)), "{standing:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_runs_the_tag_already_is_not_deployed_again_for_its_digest() {
    let mut world = World::new().await;
    let digest = push(&world, "1", &json!({"build": 1}));
    let desired = world.load(&[service("api", &image("1"))]).unwrap();
    // An operator that asked nobody what the tag means.
    world.settle(&Arc::new(desired.clone())).await;
    assert_eq!(runs(&world).await, image("1"));
    world.take_calls();
    let wish = looked_at(&world, &desired).await;
    world.settle(&wish).await;
    assert_eq!(mutating(&world.take_calls()), ["BatchGetImage", "TagResource"]);
    assert_eq!(runs(&world).await, image("1"));
    assert_eq!(world.runs("api").await, "api:1");
    // The next revision has it.
    let wish = commit(&mut world, service("api", &image("1")).replace("info", "debug")).await;
    world.settle(&wish).await;
    assert_eq!(runs(&world).await, format!("{}@{digest}", image("1")));
}

#[tokio::test(start_paused = true)]
async fn with_a_lost_ledger_a_pinned_tag_still_means_what_runs() {
    let (world, desired, first) = running("").await;
    push(&world, "1", &json!({"build": 2}));
    world.lose_ledger();
    let wish = looked_at(&world, &desired).await;
    world.settle(&wish).await;
    assert_eq!(runs(&world).await, format!("{}@{first}", image("1")));
    assert_eq!(world.runs("api").await, "api:1");
    // And it goes on to do so, now that it is written down again.
    let wish = looked_at(&world, &desired).await;
    world.settle(&wish).await;
    insta::assert_snapshot!(told(&world, &wish).await, @r"
    = api           nothing to do
        tag api:1 moved from sha256:d5cd30cc569a… to sha256:e5210f8e3b5f…; it stays where it was until Git names another, as `images.whenMoved` is pin
    Nothing to do, 1 unchanged.
    ");
}

#[tokio::test(start_paused = true)]
async fn images_of_other_registries_and_digests_and_ignored_tags_are_asked_of_nobody() {
    let mut world = World::new().await;
    let digest = push(&world, "1", &json!({"build": 1}));
    let manifests = [
        service("public", "public.ecr.aws/nginx/nginx:1"),
        service("pinned", &format!("{REGISTRY}/api@{digest}")),
        service_with("ignored", &image("1"), "  images: {whenMoved: ignore}\n"),
    ];
    let desired = world.load(&manifests).unwrap();
    world.take_calls();
    let wish = looked_at(&world, &desired).await;
    assert_eq!(world.take_calls(), Vec::<String>::new());
    world.settle(&wish).await;
    let revision = world.runs("ignored").await;
    let found = world.ecs("DescribeTaskDefinition", json!({"taskDefinition": revision})).await;
    assert_eq!(found["taskDefinition"]["containerDefinitions"][0]["image"], image("1"));
}

/// An image whose tag is chosen.
fn newest(range: &str) -> String {
    format!("{{repository: {REGISTRY}/api, tags: '{range}'}}")
}

#[tokio::test(start_paused = true)]
async fn the_newest_tag_of_a_range_is_chosen_and_the_plan_says_why() {
    let mut world = World::new().await;
    for tag in ["1.3.0", "1.4.0", "1.9.2", "1.10.0-rc.1", "2.0.0", "latest"] {
        push(&world, tag, &json!({ "build": tag }));
    }
    let desired = world.load(&[service("api", &newest(">=1.4 <2"))]).unwrap();
    world.take_calls();
    let wish = looked_at(&world, &desired).await;
    assert_eq!(compact(&world.take_calls()), ["ListImages", "BatchGetImage"]);
    insta::assert_snapshot!(held(&world, &wish).await, @r"
    + api           new service, starts a deployment
        will: register api, create service, watch for up to 15 m
        on failure: hold, since there is no revision to go back to
        1.9.2 is the newest of `>=1.4 <2` in api, 1.4.0 the one before
    1 to create.
    ");
    world.settle(&wish).await;
    assert!(runs(&world).await.starts_with(&image("1.9.2@sha256:")));
    // At rest it is nothing to read each time.
    let wish = looked_at(&world, &desired).await;
    insta::assert_snapshot!(told(&world, &wish).await, @r"
    = api           nothing to do
    Nothing to do, 1 unchanged.
    ");
    push(&world, "1.10.0", &json!({"build": "1.10.0"}));
    let wish = looked_at(&world, &desired).await;
    insta::assert_snapshot!(told(&world, &wish).await, @r#"
    ~ api           new revision, starts a deployment
        taskDefinition.containerDefinitions[app]
          image  "…/api:1.9.2@sha256:fae5d4d9f714…" -> "…/api:1.10.0@sha256:ddbf161cc0c7…"  service-0.yaml:12 · the newest of `>=1.4 <2` in api is 1.10.0 now, after 1.9.2
        will: register api, update service, tag service, watch for up to 15 m
        on failure: back to the last revision that completed
        1.10.0 is the newest of `>=1.4 <2` in api, 1.9.2 the one before
    1 to change.
    "#);
    world.settle(&wish).await;
    assert!(runs(&world).await.starts_with(&image("1.10.0@sha256:")));
}

#[tokio::test(start_paused = true)]
async fn the_latest_month_is_chosen_by_its_pattern() {
    let mut world = World::new().await;
    for tag in ["2026_09", "2026_11", "2025_12", "2026_11-broken"] {
        push(&world, tag, &json!({ "build": tag }));
    }
    let wish = commit(&mut world, service("api", &newest("YYYY_MM"))).await;
    world.settle(&wish).await;
    assert!(runs(&world).await.starts_with(&image("2026_11@sha256:")));
}

#[tokio::test(start_paused = true)]
async fn a_range_that_no_tag_fits_holds_the_change_and_says_what_there_is() {
    let mut world = World::new().await;
    for tag in ["1.3.0", "2.0.0"] {
        push(&world, tag, &json!({ "build": tag }));
    }
    let wish = commit(&mut world, service("api", &newest(">=3"))).await;
    insta::assert_snapshot!(held(&world, &wish).await, @r"
    ! api           held: no tag of `api` fits `>=3`; it has 2.0.0, 1.3.0
        push one that fits, and it goes on by itself; or change `tags`
    1 held.
    ");
    world.take_calls();
    world.settle(&wish).await;
    assert_eq!(mutating(&world.take_calls()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_pinned_tag_of_a_range_that_moved_stays_and_a_newer_tag_is_taken() {
    let mut world = World::new().await;
    push(&world, "1.4.0", &json!({"build": 1}));
    let desired = world.load(&[service("api", &newest("~1.4"))]).unwrap();
    let wish = looked_at(&world, &desired).await;
    world.settle(&wish).await;
    let first = runs(&world).await;
    push(&world, "1.4.0", &json!({"build": 2}));
    let wish = looked_at(&world, &desired).await;
    world.settle(&wish).await;
    assert_eq!(runs(&world).await, first);
    insta::assert_snapshot!(told(&world, &wish).await, @r"
    = api           nothing to do
        tag api:1.4.0 moved from sha256:d5cd30cc569a… to sha256:e5210f8e3b5f…; it stays where it was until Git names another, as `images.whenMoved` is pin
    Nothing to do, 1 unchanged.
    ");
    push(&world, "1.4.1", &json!({"build": 3}));
    let wish = looked_at(&world, &desired).await;
    world.settle(&wish).await;
    assert!(runs(&world).await.starts_with(&image("1.4.1@sha256:")));
}

#[tokio::test(start_paused = true)]
async fn a_tag_beside_its_range_runs_and_newer_ones_are_told() {
    let mut world = World::new().await;
    for tag in ["1.4.0", "1.5.0", "1.4.9"] {
        push(&world, tag, &json!({ "build": tag }));
    }
    let chosen = format!("{{repository: {REGISTRY}/api, tags: '>=1.4 <2', tag: 1.4.0}}");
    let desired = world.load(&[service("api", &chosen)]).unwrap();
    let wish = looked_at(&world, &desired).await;
    world.settle(&wish).await;
    assert!(runs(&world).await.starts_with(&image("1.4.0@sha256:")));
    insta::assert_snapshot!(told(&world, &wish).await, @r"
    = api           nothing to do
        1.5.0 is the newest of `>=1.4 <2` in api, 1.4.9 the one before; to take it, write it into service-0.yaml:12
    Nothing to do, 1 unchanged.
    ");
}

#[tokio::test(start_paused = true)]
async fn an_image_with_severe_findings_is_not_deployed_and_one_without_a_scan_is_not_taken_for_clean() {
    const BLOCK: &str = "  images: {blockSeverity: HIGH}\n";
    let mut world = World::new().await;
    for (tag, findings) in
        [("1", json!({})), ("2", json!({"CRITICAL": 1, "HIGH": 3, "LOW": 9})), ("3", json!({"MEDIUM": 7}))]
    {
        let digest = push(&world, tag, &json!({"build": tag, "findings": findings}));
        if tag != "1" {
            ecr(&world, "StartImageScan", json!({"imageId": {"imageDigest": digest}}));
        }
    }
    for (tag, expected) in [
        (
            "1",
            "! api           held: image `api:1` is not deployed: it is not known what a scan would find: it was not scanned",
        ),
        ("2", "! api           held: image `api:2` is not deployed: its scan found 1 CRITICAL, 3 HIGH"),
    ] {
        let wish = commit(&mut world, service_with("api", &image(tag), BLOCK)).await;
        let told = held(&world, &wish).await;
        assert_eq!(told.lines().next(), Some(expected), "{told}");
        world.take_calls();
        world.settle(&wish).await;
        assert_eq!(mutating(&world.take_calls()), Vec::<String>::new());
    }
    let wish = commit(&mut world, service_with("api", &image("3"), BLOCK)).await;
    world.settle(&wish).await;
    assert!(runs(&world).await.starts_with(&image("3@sha256:")));
}

#[tokio::test(start_paused = true)]
async fn of_a_list_of_platforms_the_images_in_it_are_what_was_scanned() {
    let mut world = World::new().await;
    let arm = push(&world, "arm", &json!({"build": "arm", "findings": {"HIGH": 1}}));
    let amd = push(&world, "amd", &json!({"build": "amd"}));
    for digest in [&arm, &amd] {
        ecr(&world, "StartImageScan", json!({"imageId": {"imageDigest": digest}}));
    }
    let entry = |architecture: &str, digest: &str| json!({"digest": digest, "platform": {"os": "linux", "architecture": architecture}});
    push(&world, "1", &json!({"manifests": [entry("arm64", &arm), entry("amd64", &amd)]}));
    let wish =
        commit(&mut world, service_with("api", &image("1"), "  images: {blockSeverity: HIGH}\n")).await;
    assert!(held(&world, &wish).await.contains("its scan found 1 HIGH"));
}
