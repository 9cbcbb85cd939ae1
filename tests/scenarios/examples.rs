//! Every manifest folder that this repository ships: valid, deployable, and quiet once it is deployed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use reconciler::controller::Next;
use reconciler::model::HookDefinition;
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
        let real = world.target_group(name);
        // A policy that follows its requests names it by the end of its ARN.
        let end = |arn: &str| arn.rsplit(':').next().unwrap().to_owned();
        made.extend([(arn.clone(), real.clone()), (end(&arn), end(&real))]);
    }
    for arn in arns(files, ":secret:") {
        let (name, _) = arn.rsplit_once('-').unwrap();
        let name = name.rsplit_once(":secret:").unwrap().1.to_owned();
        made.push((arn, world.secret_with(&name, r#"{"url": "postgres://", "upstreamUrl": "https://"}"#)));
    }
    for arn in arns(files, ":parameter/") {
        world.parameter(arn.split_once(":parameter").unwrap().1, "file:///data");
    }
    for (written, real) in made {
        for text in files.values_mut() {
            *text = text.replace(&written, &real);
        }
    }
}

/// A role's name is unique in its account, whatever its path.
#[test]
fn no_two_roles_of_a_folder_have_one_name() {
    for (_, _, folder, _) in ALL {
        let mut paths: BTreeMap<String, String> = BTreeMap::new();
        for text in files(folder).values() {
            for (place, _) in text.match_indices(":role/") {
                let role = text[place..].split(|it: char| it.is_whitespace() || "\"',]}".contains(it)).next();
                let (path, name) = role.unwrap().rsplit_once('/').unwrap();
                let known = paths.entry(name.to_owned()).or_insert_with(|| path.to_owned());
                assert_eq!(known, path, "two roles of {folder} are called {name}");
            }
        }
    }
}

/// Every folder: region, cluster, path, and one of its environments.
pub const ALL: [(&str, &str, &str, &str); 5] = [
    ("eu-west-1", "jobs-production", "manifests", "production"),
    ("eu-west-1", "migration-production", "manifests/examples/migration-api", "production"),
    ("eu-west-1", "web", "manifests/examples/ec2-behind-load-balancer", "production"),
    ("eu-west-1", "backend", "manifests/examples/queue-worker-with-datadog", "production"),
    ("eu-west-2", "backend", "manifests/examples/api-and-cms", "production"),
];

/// An account to which one of the folders is deployed.
pub async fn deployed(region: &str, cluster: &str, path: &str, environment: &str) -> World {
    let world = World::of(region, cluster).await;
    world.capacity_providers(&["on-demand", "spot"]).await;
    for service in ["api", "cms"] {
        world.object("backend-settings-123456789012", &format!("{service}/2025_05.env"), "LOG_LEVEL=info\n");
    }
    deploys_and_is_quiet(world, path, environment).await
}

/// Deploys a folder to a new account and plans again.
async fn deploys_and_is_quiet(mut world: World, path: &str, environment: &str) -> World {
    let mut files = files(path);
    provision(&world, &mut files);
    let desired =
        world.load_files(files, Some(environment)).unwrap_or_else(|errors| panic!("{path}: {errors}"));
    let services = desired.services.values();
    let of_hooks = services.clone().flat_map(|it| it.rollout.hooks()).filter_map(|it| match &it.definition {
        HookDefinition::Own { task_definition, .. } => Some(task_definition),
        HookDefinition::OfTheService => None,
    });
    for definition in services.map(|it| &it.task_definition).chain(of_hooks) {
        for container in definition["containerDefinitions"].as_array().unwrap() {
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
    world
}

#[tokio::test(start_paused = true)]
async fn the_job_system_deploys_to_each_environment_and_is_quiet() {
    for (environment, cluster) in
        [("local", "jobs"), ("staging", "jobs-staging"), ("production", "jobs-production")]
    {
        deploys_and_is_quiet(World::of("eu-west-1", cluster).await, "manifests", environment).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_migration_api_deploys_to_staging_and_to_production_and_is_quiet() {
    for environment in ["staging", "production"] {
        let world = World::of("eu-west-1", &format!("migration-{environment}")).await;
        deploys_and_is_quiet(world, "manifests/examples/migration-api", environment).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_service_on_ec2_behind_a_load_balancer_deploys_and_is_quiet() {
    let world = World::of("eu-west-1", "web").await;
    world.capacity_providers(&["on-demand", "spot"]).await;
    deploys_and_is_quiet(world, "manifests/examples/ec2-behind-load-balancer", "production").await;
}

#[tokio::test(start_paused = true)]
async fn the_shop_that_is_released_blue_green_deploys_and_is_quiet() {
    let world = World::of("eu-west-1", "shop").await;
    deploys_and_is_quiet(world, "manifests/examples/blue-green", "production").await;
}

#[tokio::test(start_paused = true)]
async fn the_backend_with_a_queue_worker_and_a_morning_email_deploys_and_is_quiet() {
    let world = World::of("eu-west-1", "backend").await;
    deploys_and_is_quiet(world, "manifests/examples/queue-worker-with-datadog", "production").await;
}

#[tokio::test(start_paused = true)]
async fn the_api_and_the_cms_deploy_and_are_quiet() {
    let world = World::of("eu-west-2", "backend").await;
    for service in ["api", "cms"] {
        world.object("backend-settings-123456789012", &format!("{service}/2025_05.env"), "LOG_LEVEL=info\n");
    }
    deploys_and_is_quiet(world, "manifests/examples/api-and-cms", "production").await;
}
