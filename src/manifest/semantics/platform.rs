//! Fields that have no meaning where the task is to run: on Fargate, with a network of its own, on
//! Windows, on machines outside of AWS.

use super::network::mode;
use super::view::is_set;
use super::{View, fargate};
use crate::model::{FieldPath, Json};

/// A field that can't stand here: its road from the container or the task definition, and the way out.
type Row = (&'static [&'static str], &'static str);

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>, and each seen as
/// "Fargate compatible task definitions do not support ...". A tmpfs is not among them since 2026.
const CONTAINER_ON_FARGATE: [Row; 7] = [
    (&["privileged"], "leave it out: nothing on Fargate is privileged"),
    (&["dockerSecurityOptions"], "leave it out"),
    (&["dnsSearchDomains"], "leave it out"),
    (&["linuxParameters", "devices"], "leave it out: there is no host to have devices"),
    (&["linuxParameters", "sharedMemorySize"], "leave it out, or mount a `tmpfs` at /dev/shm"),
    (&["linuxParameters", "maxSwap"], "leave it out: Fargate does not swap"),
    (&["linuxParameters", "swappiness"], "leave it out: Fargate does not swap"),
];
const TASK_ON_FARGATE: [Row; 2] =
    [(&["ipcMode"], "leave it out"), (&["placementConstraints"], "leave it out: AWS places the tasks")];
/// Seen as "... not supported on container when networkMode=awsvpc".
const CONTAINER_WITH_AWSVPC: [Row; 4] = [
    (&["disableNetworking"], "leave it out"),
    (&["dnsServers"], "leave it out: the VPC's servers are asked"),
    (&["extraHosts"], "leave it out"),
    (&["hostname"], "leave it out: the task's address has a name already"),
];
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>
const CONTAINER_ON_WINDOWS: [Row; 3] =
    [(&["linuxParameters"], "leave it out"), (&["links"], "leave it out"), (&["privileged"], "leave it out")];
const TASK_ON_WINDOWS: [Row; 2] = [(&["pidMode"], "leave it out"), (&["ipcMode"], "leave it out")];

/// What the task definition itself says about where it runs.
pub fn check(view: &mut View<'_>) {
    if mode(view) == "awsvpc" {
        containers(view, &CONTAINER_WITH_AWSVPC, "can't be set with networkMode awsvpc");
    }
    links(view);
    if is_windows(view) {
        containers(view, &CONTAINER_ON_WINDOWS, "can't be set for Windows");
        task(view, &TASK_ON_WINDOWS, "can't be set for Windows");
        arm(view);
    }
    trusted_execution(view);
}

/// What Fargate has no use for.
pub fn on_fargate(view: &mut View<'_>) {
    let ends = "can't be set on Fargate";
    containers(view, &CONTAINER_ON_FARGATE, ends);
    task(view, &TASK_ON_FARGATE, ends);
    let (definition, see) = (view.task_definition(), "see RegisterTaskDefinition");
    if definition["pidMode"] == "host" {
        let title = "Fargate has no host whose processes could be seen";
        view.error(&view.task_definition_path("pidMode"), title, "write `task`, or leave it out", &[see]);
    }
    let isolation = definition["trustedExecutionConfiguration"]["isolationMode"].as_str();
    if let Some(mode) = isolation.filter(|mode| *mode != "SHARED") {
        let path = view.task_definition_path("trustedExecutionConfiguration").field("isolationMode");
        let title = format!("Fargate does not isolate tasks as {mode}");
        view.error(&path, title, "only ECS Managed Instances do; leave it out", &[see]);
    }
    for (path, container) in view.containers() {
        capabilities(view, &path, container);
        for (path, requirement) in super::elements(container, &path, "resourceRequirements") {
            if let Some(kind @ ("GPU" | "NeuronDevice")) = requirement["type"].as_str() {
                let title = format!("Fargate has no {kind}");
                let see = "see RegisterTaskDefinition, ResourceRequirement";
                view.error(&path.field("type"), title, "leave it out, or run on EC2 instances", &[see]);
            }
        }
    }
}

pub fn is_windows(view: &View<'_>) -> bool {
    let family = view.task_definition()["runtimePlatform"]["operatingSystemFamily"].as_str();
    family.is_some_and(|family| family.starts_with("WINDOWS"))
}

fn containers(view: &mut View<'_>, rows: &[Row], ends: &str) {
    for (path, container) in view.containers() {
        for row in rows {
            refuse(view, container, &path, row, ends);
        }
    }
}

fn task(view: &mut View<'_>, rows: &[Row], ends: &str) {
    let (definition, path) = (view.task_definition(), view.task_definition_path(""));
    for row in rows {
        refuse(view, definition, &path, row, ends);
    }
}

fn refuse(view: &mut View<'_>, owner: &Json, path: &FieldPath, (road, label): &Row, ends: &str) {
    let value = road.iter().fold(owner, |tree, field| &tree[*field]);
    if is_set(value) {
        let path = road.iter().fold(path.clone(), |path, field| path.field(*field));
        let title = format!("`{}` {ends}", road[road.len() - 1]);
        view.error_at_key(&path, title, *label, &["see RegisterTaskDefinition"]);
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>
fn links(view: &mut View<'_>) {
    let mode = mode(view);
    if mode == "bridge" || !view.sound(&view.task_definition_path("networkMode")) {
        return;
    }
    let label = match mode {
        "awsvpc" => "leave it out: containers of one task reach each other at 127.0.0.1",
        _ => "leave it out",
    };
    containers(view, &[(&["links"], label)], &format!("can't be set with networkMode {mode}"));
}

/// Seen: "... is not allowed on Fargate".
fn capabilities(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let path = path.field("linuxParameters").field("capabilities");
    let added = super::elements(&container["linuxParameters"]["capabilities"], &path, "add");
    for (path, capability) in added {
        if let Some(name) = capability.as_str().filter(|name| *name != "SYS_PTRACE") {
            let title = format!("capability {name} can't be added on Fargate");
            let label = "SYS_PTRACE is the only one that can";
            view.error(&path, title, label, &["see RegisterTaskDefinition, KernelCapabilities"]);
        }
    }
}

fn arm(view: &mut View<'_>) {
    if view.task_definition()["runtimePlatform"]["cpuArchitecture"] == "ARM64" {
        let path = view.task_definition_path("runtimePlatform").field("cpuArchitecture");
        let see = "see RegisterTaskDefinition, RuntimePlatform";
        view.error(&path, "ECS runs no Windows on ARM64", "write X86_64, or leave it out", &[see]);
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TrustedExecutionConfiguration.html>
fn trusted_execution(view: &mut View<'_>) {
    let (trusted, path) = (
        &view.task_definition()["trustedExecutionConfiguration"],
        view.task_definition_path("trustedExecutionConfiguration"),
    );
    if trusted["isolationMode"] == "CONFIDENTIAL_SANDBOX" {
        let noun = "isolationMode CONFIDENTIAL_SANDBOX";
        let see = "see RegisterTaskDefinition, TrustedExecutionConfiguration";
        view.require(trusted, &path.field("isolationMode"), "attestationPolicy", noun, see);
    }
}

/// Whether the tasks run on somebody's own machines.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere.html>
pub fn is_external(view: &View<'_>) -> bool {
    view.service()["launchType"] == "EXTERNAL" && !fargate::is_fargate(view)
}
