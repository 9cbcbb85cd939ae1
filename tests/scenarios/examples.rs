//! Every manifest folder that this repository ships: valid, deployable, and quiet once it is deployed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use reconciler::controller::Next;
use reconciler::source::folder;

use crate::world::{Memory, World};

/// The files of a folder as a commit holds them.
fn files(path: &str) -> BTreeMap<String, String> {
    folder::checkout(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap().files
}

/// The ARNs in the files that contain this.
fn arns(files: &BTreeMap<String, String>, part: &str) -> BTreeSet<String> {
    let ends = |letter: char| letter.is_whitespace() || "\"',]}".contains(letter);
    let words = files.values().flat_map(|text| text.split(ends));
    words.filter(|word| word.starts_with("arn:") && word.contains(part)).map(str::to_owned).collect()
}

/// Makes what Terraform would make, and puts its ARNs in the place of those in the files.
fn provision(world: &World, files: &mut BTreeMap<String, String>) {
    let mut made = Vec::new();
    for arn in arns(files, ":targetgroup/") {
        let name = arn.split('/').nth(1).unwrap();
        made.push((arn.clone(), world.target_group(name)));
    }
    for arn in arns(files, ":secret:") {
        let (name, _) = arn.rsplit_once('-').unwrap();
        let name = name.rsplit_once(":secret:").unwrap().1.to_owned();
        made.push((arn, world.secret_with(&name, r#"{"url": "postgres://", "upstreamUrl": "https://"}"#)));
    }
    for (written, real) in made {
        for text in files.values_mut() {
            *text = text.replace(&written, &real);
        }
    }
}

/// Deploys a folder to an account of its own and plans again.
async fn deploys_and_is_quiet(path: &str, environment: &str, region: &str, cluster: &str) {
    let mut world = World::of(region, cluster).await;
    let mut files = files(path);
    provision(&world, &mut files);
    let desired =
        world.load_files(files, Some(environment)).unwrap_or_else(|errors| panic!("{path}: {errors}"));
    assert_eq!(
        (desired.environment.region.as_str(), desired.environment.cluster.as_str()),
        (region, cluster)
    );
    for service in desired.services.values() {
        for container in service.task_definition["containerDefinitions"].as_array().unwrap() {
            world.push(container["image"].as_str().unwrap());
        }
    }
    let wish = Arc::new(desired);

    let standing = world.settle(&wish).await;
    for (service, next) in &standing {
        assert_eq!(*next, Next::Settled, "{path}: {service}\n{}", world.told());
    }
    for memory in [Memory::Ledger, Memory::Nothing] {
        let text = world.plan_text(&wish, memory).await;
        assert!(text.contains("\nNothing to do"), "{path} with {memory:?}:\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_job_system_deploys_and_is_quiet() {
    deploys_and_is_quiet("manifests", "local", "eu-west-1", "jobs").await;
}

#[tokio::test(start_paused = true)]
async fn the_service_on_ec2_behind_a_load_balancer_deploys_and_is_quiet() {
    let path = "manifests/examples/ec2-behind-load-balancer";
    deploys_and_is_quiet(path, "production", "eu-west-1", "web").await;
}

#[tokio::test(start_paused = true)]
async fn the_api_and_the_cms_deploy_and_are_quiet() {
    deploys_and_is_quiet("manifests/examples/api-and-cms", "production", "eu-west-2", "backend").await;
}
