//! Limits and kernel settings of a container, and the devices that it asks for.

use std::collections::BTreeMap;

use super::network::mode;
use super::{View, elements};
use crate::model::{FieldPath, Json};

const SEE_LINUX: &str = "see RegisterTaskDefinition, LinuxParameters";
/// Kernel parameters of the IPC namespace; beside these there are `fs.mqueue.*` and `net.*`.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_SystemControl.html>
const IPC_CONTROLS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

pub fn check(view: &mut View<'_>) {
    for (path, container) in view.containers() {
        let (linux, linux_path) = (&container["linuxParameters"], path.field("linuxParameters"));
        view.range(linux, &linux_path, "swappiness", 0..=100, SEE_LINUX);
        view.range(linux, &linux_path, "maxSwap", 0..=i64::from(i32::MAX), SEE_LINUX);
        for (path, tmpfs) in elements(linux, &linux_path, "tmpfs") {
            let relative = tmpfs["containerPath"].as_str().filter(|path| !path.starts_with('/'));
            if let Some(relative) = relative {
                let title = format!("a tmpfs can't be mounted at `{relative}`");
                let label = format!("an absolute path, such as /{relative}");
                view.error(
                    &path.field("containerPath"),
                    title,
                    label,
                    &["see RegisterTaskDefinition, Tmpfs"],
                );
            }
        }
        ulimits(view, &path, container);
        controls(view, &path, container);
        devices(view, &path, container);
    }
    neuron(view);
}

/// The kernel takes no soft limit above the hard one; a hard limit of -1 is none.
fn ulimits(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let see = "see RegisterTaskDefinition, Ulimit";
    let mut seen: BTreeMap<&str, FieldPath> = BTreeMap::new();
    for (path, ulimit) in elements(container, path, "ulimits") {
        let Some(name) = ulimit["name"].as_str() else { continue };
        let limits = (ulimit["softLimit"].as_i64(), ulimit["hardLimit"].as_i64());
        if let (Some(soft), Some(hard)) = limits
            && hard >= 0
            && (soft > hard || soft == -1)
        {
            let title = format!("soft limit {soft} of {name} is more than its hard limit {hard}");
            view.error(&path.field("softLimit"), title, "at most the hard limit", &[see]);
            view.beside(&path.field("hardLimit"), "the hard limit");
        }
        let path = path.field("name");
        if let Some(first) = seen.insert(name, path.clone()) {
            view.error(&path, format!("ulimit {name} is set twice"), "the second one", &[see]);
            view.beside(&first, "the first one");
        }
    }
}

fn controls(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let see = "see RegisterTaskDefinition, SystemControl";
    for (path, control) in elements(container, path, "systemControls") {
        let Some(name) = control["namespace"].as_str() else { continue };
        let path = path.field("namespace");
        let network = name.starts_with("net.");
        let ipc = name.starts_with("fs.mqueue.") || IPC_CONTROLS.contains(&name);
        if !network && !ipc {
            let title = format!("`{name}` is not a kernel parameter of a container's own");
            let label = "one that begins with net. or fs.mqueue., or of the IPC namespace";
            let note = format!("of the IPC namespace are {}", IPC_CONTROLS.join(", "));
            view.error(&path, title, label, &[&note, see]);
        } else if network && mode(view) == "host" {
            let title = format!("`{name}` can't be set with networkMode host");
            view.error(&path, title, "the network is the instance's: set it there", &[see]);
        } else if ipc && view.task_definition()["ipcMode"] == "host" {
            let title = format!("`{name}` can't be set with ipcMode host");
            view.error(&path, title, "the namespace is the instance's: set it there", &[see]);
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ResourceRequirement.html>
fn devices(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let see = "see RegisterTaskDefinition, ResourceRequirement";
    for (path, requirement) in elements(container, path, "resourceRequirements") {
        let value = requirement["value"].as_str();
        let shared = requirement.get("sharingStrategy").is_some();
        let kind = requirement["type"].as_str().unwrap_or_default();
        let at = path.field("value");
        match (kind, value) {
            ("InferenceAccelerator", _) => {
                let title = "ECS no longer offers Elastic Inference";
                view.error(&path.field("type"), title, "leave this requirement out", &[see]);
            }
            ("GPU", Some(_)) if shared => {
                let title = "`value` stands beside `sharingStrategy`";
                view.error_at_key(&at, title, "whole GPUs, or a share of one: leave one of them out", &[see]);
            }
            ("GPU", None) if !shared && view.sound(&path) && !requirement.is_null() => {
                let title = "a GPU requirement has neither `value` nor `sharingStrategy`";
                view.error(&path, title, "`value` is how many, or ALL", &[see]);
            }
            ("GPU", Some(value)) if value != "ALL" && value.parse::<u32>().map_or(true, |it| it == 0) => {
                view.error(
                    &at,
                    format!("`{value}` is not a number of GPUs"),
                    "such as \"1\", or ALL",
                    &[see],
                );
            }
            ("NeuronDevice", value) if value != Some("ALL") && view.sound(&at) => {
                view.error(&at, "Neuron devices are given all or none", "write `value: ALL`", &[see]);
            }
            _ => {}
        }
        if shared && kind != "GPU" {
            let title = "`sharingStrategy` is for `type: GPU` only";
            view.error_at_key(&path.field("sharingStrategy"), title, "leave it out", &[see]);
        }
    }
}

fn neuron(view: &mut View<'_>) {
    let wanting: Vec<FieldPath> = view
        .containers()
        .flat_map(|(path, container)| elements(container, &path, "resourceRequirements"))
        .filter(|(_, requirement)| requirement["type"] == "NeuronDevice")
        .map(|(path, _)| path.field("type"))
        .collect();
    if let [first, second, ..] = wanting.as_slice() {
        let title = "two containers of one task ask for Neuron devices";
        let see = "see RegisterTaskDefinition, ResourceRequirement";
        view.error(second, title, "one container gets all of them", &[see]);
        view.beside(first, "the first one");
    }
}
