//! Volumes of a task definition, and where its containers mount them.

use std::collections::BTreeMap;

use super::view::is_set;
use super::{View, elements};
use crate::manifest::suggest::{any_of, did_you_mean};
use crate::model::{FieldPath, Json};

const SEE: &str = "see RegisterTaskDefinition, Volume";
const SEE_EFS: &str = "see RegisterTaskDefinition, EFSVolumeConfiguration";
const SEE_S3: &str = "see RegisterTaskDefinition, S3FilesVolumeConfiguration";
const EFS: &str = "efsVolumeConfiguration";
const S3: &str = "s3filesVolumeConfiguration";
const FSX: &str = "fsxWindowsFileServerVolumeConfiguration";
const DOCKER: &str = "dockerVolumeConfiguration";

pub fn check(view: &mut View<'_>) {
    let mut seen: BTreeMap<&str, FieldPath> = BTreeMap::new();
    for (path, volume) in view.of_task("volumes") {
        one_kind(view, &path, volume);
        named(view, &path, volume);
        efs(view, &path.field(EFS), &volume[EFS]);
        s3_files(view, &path.field(S3), &volume[S3]);
        let path = path.field("name");
        if let Some(name) = volume["name"].as_str()
            && let Some(first) = seen.insert(name, path.clone())
        {
            view.error(&path, format!("two volumes are called `{name}`"), "the second one", &[SEE]);
            view.beside(&first, "the first one");
        }
    }
    at_launch(view);
    for (path, container) in view.containers() {
        mounts(view, &path, container);
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html> and
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/wfsx-volumes.html>
pub fn on_fargate(view: &mut View<'_>) {
    for (path, volume) in view.of_task("volumes") {
        if is_set(&volume["host"]["sourcePath"]) {
            let title = "Fargate has no host whose directories could be mounted";
            let label = "leave `sourcePath` out for an empty directory, or use EFS";
            view.error_at_key(&path.field("host").field("sourcePath"), title, label, &[SEE]);
        }
        for (kind, what) in [(DOCKER, "Docker volumes"), (FSX, "FSx for Windows File Server")] {
            if volume.get(kind).is_some() {
                let title = format!("Fargate has no {what}");
                view.error_at_key(&path.field(kind), title, "use EFS, or leave it out", &[SEE]);
            }
        }
    }
}

fn one_kind(view: &mut View<'_>, path: &FieldPath, volume: &Json) {
    let mut kinds: Vec<&str> =
        [DOCKER, EFS, S3, FSX].into_iter().filter(|kind| volume.get(*kind).is_some()).collect();
    if is_set(&volume["host"]["sourcePath"]) {
        kinds.push("host");
    }
    if volume["configuredAtLaunch"] == true {
        kinds.push("configuredAtLaunch");
    }
    if let [first, second, ..] = kinds.as_slice() {
        let title = format!("a volume is of one kind, and this has {}", any_of(kinds.iter().copied()));
        let label = "leave one of them out";
        view.error_at_key(&path.field(*second), title.replace(" or ", " and "), label, &[SEE]);
        view.beside_key(&path.field(*first), "the first one");
    }
}

/// Anything but a directory of the host goes by its name.
fn named(view: &mut View<'_>, path: &FieldPath, volume: &Json) {
    let needs = volume.get(EFS).is_some() || volume.get(S3).is_some() || volume["configuredAtLaunch"] == true;
    if needs {
        view.require(volume, path, "name", "a volume", SEE);
    }
}

/// Seen: IAM without encryption, a root directory beside an access point, and a port without encryption.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EFSVolumeConfiguration.html>
fn efs(view: &mut View<'_>, path: &FieldPath, efs: &Json) {
    let (authorization, encrypted) = (&efs["authorizationConfig"], efs["transitEncryption"] == "ENABLED");
    let at = path.field("authorizationConfig");
    if !view.sound(&path.field("transitEncryption")) {
        return;
    }
    let why = [
        (authorization["iam"] == "ENABLED", at.field("iam"), "IAM authorization"),
        (authorization.get("accessPointId").is_some(), at.field("accessPointId"), "an access point"),
        (
            efs["transitEncryptionPort"].as_i64().is_some_and(|port| port != 0),
            path.field("transitEncryptionPort"),
            "a port for encryption",
        ),
    ];
    let asking = why.into_iter().find(|(asks, _, _)| *asks);
    if let (Some((_, at, what)), false) = (asking, encrypted) {
        let title = format!("{what} needs EFS's `transitEncryption`");
        view.error_at_key(&at, title, "set `transitEncryption: ENABLED`", &[SEE_EFS]);
        if efs.get("transitEncryption").is_some() {
            view.beside(&path.field("transitEncryption"), "not enabled");
        }
    }
    view.range(efs, path, "transitEncryptionPort", 0..=65535, SEE_EFS);
    if authorization.get("accessPointId").is_some() {
        root_directory(view, path, efs, SEE_EFS);
    }
}

/// An access point has a root of its own.
fn root_directory(view: &mut View<'_>, path: &FieldPath, volume: &Json, see: &str) {
    let root = volume["rootDirectory"].as_str();
    if let Some(root) = root.filter(|root| !root.is_empty() && *root != "/") {
        let title = format!("rootDirectory `{root}` stands beside an access point");
        let label = "leave it out: the access point has its own";
        view.error(&path.field("rootDirectory"), title, label, &[see]);
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_S3FilesVolumeConfiguration.html>
fn s3_files(view: &mut View<'_>, path: &FieldPath, s3: &Json) {
    if s3.is_null() {
        return;
    }
    let role = view.task_definition_path("taskRoleArn");
    if !is_set(&view.task_definition()["taskRoleArn"]) && view.sound(&role) {
        let title = "a volume of S3 Files needs a `taskRoleArn` in the task definition";
        view.error_at_key(path, title, "ECS mounts it with that role", &[SEE_S3]);
    }
    if s3.get("accessPointArn").is_some() {
        root_directory(view, path, s3, SEE_S3);
    }
}

fn at_launch(view: &mut View<'_>) {
    let paths: Vec<FieldPath> = view
        .of_task("volumes")
        .filter(|(_, volume)| volume["configuredAtLaunch"] == true)
        .map(|(path, _)| path.field("configuredAtLaunch"))
        .collect();
    if let [first, second, ..] = paths.as_slice() {
        let title = "two volumes are configured at launch";
        view.error_at_key(second, title, "a task definition has at most one", &[SEE]);
        view.beside(first, "the first one");
    }
    // What else starts tasks has no `volumeConfigurations`.
    if let ([first, ..], true) = (paths.as_slice(), view.operation != "CreateService") {
        let title = "only a service can configure a volume at launch";
        view.error_at_key(first, title, "leave it out", &[SEE]);
    }
}

/// Seen: "Unknown volume".
fn mounts(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let names: Vec<&str> =
        view.of_task("volumes").filter_map(|(_, volume)| volume["name"].as_str()).collect();
    let known = view.sound(&view.task_definition_path("volumes"));
    let mut seen: BTreeMap<&str, FieldPath> = BTreeMap::new();
    for (path, mount) in elements(container, path, "mountPoints") {
        if let Some(name) = mount["sourceVolume"].as_str().filter(|name| known && !names.contains(name)) {
            let title = format!("no volume `{name}` in the task definition");
            let label = did_you_mean(name, names.iter().copied());
            let note = match names.as_slice() {
                [] => format!("add `volumes: [{{name: {name}}}]` to the task definition"),
                names => format!("volumes are {}", any_of(names.iter().copied()).replace(" or ", " and ")),
            };
            view.error(&path.field("sourceVolume"), title, label, &[&note, SEE]);
        }
        let path = path.field("containerPath");
        if let Some(target) = mount["containerPath"].as_str()
            && let Some(first) = seen.insert(target, path.clone())
        {
            let title = format!("two volumes are mounted at `{target}`");
            let see = "see RegisterTaskDefinition, MountPoint";
            view.error(&path, title, "the second one", &[see]);
            view.beside(&first, "the first one");
        }
    }
}
