//! `volumeConfigurations`: EBS volumes that ECS makes for the tasks of a service.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceManagedEBSVolumeConfiguration.html>

use super::{View, fargate};
use crate::manifest::suggest::{any_of, did_you_mean};
use crate::model::{FieldPath, Json};

const SEE: &str = "see CreateService, ServiceManagedEBSVolumeConfiguration";

/// What EBS offers of one type. Where ECS's page is behind EBS's own, the wider limits stand here.
/// <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>
struct Type {
    name: &'static str,
    /// GiB, from and to.
    size: (i64, i64),
    /// I/O operations a second, where they can be chosen.
    iops: Option<(i64, i64)>,
}

const TYPES: [Type; 7] = [
    Type { name: "gp2", size: (1, 16_384), iops: None },
    Type { name: "gp3", size: (1, 65_536), iops: Some((3_000, 80_000)) },
    Type { name: "io1", size: (4, 16_384), iops: Some((100, 64_000)) },
    Type { name: "io2", size: (4, 65_536), iops: Some((100, 256_000)) },
    Type { name: "sc1", size: (125, 16_384), iops: None },
    Type { name: "st1", size: (125, 16_384), iops: None },
    Type { name: "standard", size: (1, 1_024), iops: None },
];

pub fn check(view: &mut View<'_>) {
    let configurations = view.service_path("volumeConfigurations");
    for (index, (path, configuration)) in view.of_service("volumeConfigurations").enumerate() {
        if index == 1 {
            let title = "a service has at most one volume configuration";
            let see = "see CreateService, ServiceVolumeConfiguration";
            view.error(&path, title, "the second one", &[see]);
        }
        matching(view, &path, configuration);
        // Seen: ECS answers that there is nothing to make.
        let see = "see CreateService, ServiceVolumeConfiguration";
        view.require(configuration, &path, "managedEBSVolume", "a service volume configuration", see);
        volume(view, &path.field("managedEBSVolume"), &configuration["managedEBSVolume"]);
    }
    if view.service()["schedulingStrategy"] == "DAEMON" && view.of_service("volumeConfigurations").count() > 0
    {
        let title = "a DAEMON service can't have `volumeConfigurations`";
        view.error_at_key(&configurations, title, "leave it out, or write REPLICA", &["see CreateService"]);
    }
    unconfigured(view, &configurations);
}

/// Seen: "The volume name ... does not have a matching volume in your Task Definition".
fn matching(view: &mut View<'_>, path: &FieldPath, configuration: &Json) {
    let Some(name) = configuration["name"].as_str() else { return };
    if !view.sound(&view.task_definition_path("volumes")) {
        return;
    }
    let at = path.field("name");
    let see = "see CreateService, ServiceVolumeConfiguration";
    match view.of_task("volumes").find(|(_, volume)| volume["name"] == name) {
        Some((_, volume)) if volume["configuredAtLaunch"] == true => {}
        Some((volume_path, _)) => {
            let title = format!("volume `{name}` is not configured at launch");
            view.error(&at, title, "its definition needs `configuredAtLaunch: true`", &[see]);
            view.beside(&volume_path.field("name"), "the volume");
        }
        None => {
            let names = view.of_task("volumes").filter_map(|(_, volume)| volume["name"].as_str());
            let title = format!("no volume `{name}` in the task definition");
            let label = did_you_mean(name, names);
            let note =
                format!("it needs `volumes: [{{name: {name}, configuredAtLaunch: true}}]`, and a mountPoint");
            view.error(&at, title, label, &[&note, see]);
        }
    }
}

/// ECS refuses a definition whose volume nobody configures.
fn unconfigured(view: &mut View<'_>, configurations: &FieldPath) {
    if !view.sound(configurations) {
        return;
    }
    for (path, volume) in view.of_task("volumes") {
        let name = &volume["name"];
        let configured =
            view.of_service("volumeConfigurations").any(|(_, configuration)| configuration["name"] == *name);
        if volume["configuredAtLaunch"] == true && !configured && view.sound(&path) {
            let name = name.as_str().unwrap_or_default();
            let title = format!("volume `{name}` is configured at launch, and the service does not do it");
            let label = "add it to service.volumeConfigurations";
            let see = "see CreateService, ServiceVolumeConfiguration";
            view.error_at_key(&path.field("configuredAtLaunch"), title, label, &[see]);
        }
    }
}

fn volume(view: &mut View<'_>, path: &FieldPath, volume: &Json) {
    if volume.is_null() {
        return;
    }
    let (size, snapshot) = (volume.get("sizeInGiB").is_some(), volume.get("snapshotId").is_some());
    if !size && !snapshot && view.sound(path) {
        // Seen: MissingParameter.
        let title = "an EBS volume has neither `sizeInGiB` nor `snapshotId`";
        view.error_at_key(path, title, "one of them says how large it is", &[SEE]);
    }
    if volume.get("volumeInitializationRate").is_some() && !snapshot && view.sound(path) {
        let title = "`volumeInitializationRate` is for volumes made from a snapshot";
        let label = "leave it out, or name a `snapshotId`";
        view.error_at_key(&path.field("volumeInitializationRate"), title, label, &[SEE]);
    }
    let Some(name) = volume["volumeType"].as_str() else { return };
    let Some(kind) = TYPES.iter().find(|kind| kind.name == name) else {
        let names = TYPES.iter().map(|kind| kind.name);
        let title = format!("`volumeType` can't be `{name}`");
        let allowed = format!("allowed: {}", any_of(names.clone()));
        return view.error(&path.field("volumeType"), title, did_you_mean(name, names), &[&allowed, SEE]);
    };
    of_type(view, path, volume, kind);
}

fn of_type(view: &mut View<'_>, path: &FieldPath, volume: &Json, kind: &Type) {
    let name = kind.name;
    let note = format!("volumeType is {name}");
    let between = |value: i64, (from, to): (i64, i64)| !(from..=to).contains(&value);
    if let Some(size) = volume["sizeInGiB"].as_i64().filter(|size| between(*size, kind.size)) {
        let label = format!("must be from {} to {}", kind.size.0, kind.size.1);
        let title = format!("an EBS volume of type {name} can't have {size} GiB");
        view.error(&path.field("sizeInGiB"), title, label, &[SEE]);
    }
    match (volume["iops"].as_i64(), kind.iops) {
        (Some(_), None) => {
            let title = format!("`iops` can't be chosen for an EBS volume of type {name}");
            view.error_at_key(&path.field("iops"), title, "leave it out, or take gp3, io1 or io2", &[SEE]);
        }
        (Some(iops), Some((from, to))) if between(iops, (from, to)) => {
            let label = format!("must be from {from} to {to}");
            view.error(&path.field("iops"), format!("`iops` can't be {iops}"), label, &[&note, SEE]);
        }
        (None, _) if name.starts_with("io") && view.sound(&path.field("iops")) => {
            let title = format!("an EBS volume of type {name} has no `iops`");
            view.error(&path.field("volumeType"), title, "`iops` is required", &[SEE]);
        }
        (Some(_), Some(_)) | (None, _) => {}
    }
    if volume.get("throughput").is_some() && name != "gp3" {
        let title = format!("`throughput` can't be chosen for an EBS volume of type {name}");
        view.error_at_key(&path.field("throughput"), title, "leave it out, or take gp3", &[SEE]);
    }
    if name == "standard" && fargate::is_fargate(view) {
        let title = "Fargate takes no magnetic EBS volumes";
        view.error(&path.field("volumeType"), title, "take gp3", &[SEE]);
    }
}
