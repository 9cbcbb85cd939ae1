//! How long ECS's lists and names may be where its API model does not say, and whether the containers fit
//! into their task.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>

use super::fargate::units;
use super::{View, elements, fargate, platform};
use crate::manifest::limits::TASK_DEFINITION_BYTES_MAX;
use crate::model::{FieldPath, Json};

/// Section, road to the list, how many elements, and AWS's structure.
const LISTS: [(&str, &[&str], usize, &str); 8] = [
    ("taskDefinition", &["containerDefinitions"], 10, "RegisterTaskDefinition"),
    ("taskDefinition", &["placementConstraints"], 10, "RegisterTaskDefinition"),
    ("service", &["placementConstraints"], 10, "CreateService"),
    ("service", &["placementStrategy"], 5, "CreateService"),
    ("service", &["loadBalancers"], 5, "CreateService"),
    ("service", &["capacityProviderStrategy"], 20, "CreateService"),
    (
        "service",
        &["networkConfiguration", "awsvpcConfiguration", "subnets"],
        16,
        "CreateService, AwsVpcConfiguration",
    ),
    (
        "service",
        &["networkConfiguration", "awsvpcConfiguration", "securityGroups"],
        5,
        "CreateService, AwsVpcConfiguration",
    ),
];

pub fn check(view: &mut View<'_>) {
    for (name, road, most, structure) in LISTS {
        let (owner, root) = match name {
            "service" => (view.service(), view.service_path("")),
            _ => (view.task_definition(), view.task_definition_path("")),
        };
        let list = road.iter().fold(owner, |tree, field| &tree[*field]);
        let path = road.iter().fold(root, |path, field| path.field(*field));
        let length = list.as_array().map_or(0, Vec::len);
        if length > most {
            let title = format!("`{}` has {length} elements", road[road.len() - 1]);
            let see = format!("see {structure}");
            view.error_at_key(&path, title, format!("ECS takes at most {most}"), &[&see]);
        }
    }
    let size = view.task_definition().to_string().len();
    if size > TASK_DEFINITION_BYTES_MAX {
        let title = format!("the task definition has {} KiB", size.div_ceil(1024));
        let label = format!("ECS takes at most {} KiB", TASK_DEFINITION_BYTES_MAX / 1024);
        view.error_at_key(&view.task_definition_path(""), title, label, &["see RegisterTaskDefinition"]);
    }
    names(view);
    containers(view);
    task(view);
}

/// Families, containers and volumes are named with letters, digits, hyphens and underscores.
fn names(view: &mut View<'_>) {
    let root = view.task_definition_path("");
    let volumes = elements(view.task_definition(), &root, "volumes")
        .map(|(path, volume)| (path.field("name"), &volume["name"]));
    let containers = view.containers().map(|(path, container)| (path.field("name"), &container["name"]));
    let family = (root.field("family"), &view.task_definition()["family"]);
    let names: Vec<(FieldPath, &Json)> = std::iter::once(family).chain(containers).chain(volumes).collect();
    for (path, name) in names {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if let Some(name) = name.as_str().filter(|name| !name.is_empty())
            && (name.len() > 255 || !name.chars().all(allowed))
        {
            let label = "1 to 255 letters, digits, hyphens and underscores";
            view.error(&path, format!("`{name}` can't be a name"), label, &["see RegisterTaskDefinition"]);
        }
    }
}

/// Windows pays no attention to what the task has as a whole.
fn containers(view: &mut View<'_>) {
    if platform::is_windows(view) {
        return;
    }
    let task = view.task_definition();
    let paths = [view.task_definition_path("cpu"), view.task_definition_path("memory")];
    // Seen: "The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value".
    let wanted: i64 = view.containers().filter_map(|(_, container)| container["cpu"].as_i64()).sum();
    if let Some(cpu) = units(&task["cpu"], "vcpu").filter(|cpu| wanted > i64::from(*cpu)) {
        let title = format!("the containers want {wanted} CPU units, and the task has {cpu}");
        let label = "raise it, or lower `cpu` of the containers";
        view.error(&paths[0], title, label, &["see RegisterTaskDefinition"]);
    }
    let Some(memory) = units(&task["memory"], "gb") else { return };
    for (path, container) in view.containers() {
        for field in ["memory", "memoryReservation"] {
            // Seen: "The 'memory' setting for container ... is greater than for the task".
            let much = container[field].as_i64().filter(|much| *much > i64::from(memory));
            if let Some(much) = much.filter(|_| field == "memory" || container.get("memory").is_none()) {
                let title = format!("a container with {field} {much} in a task with memory {memory}");
                let label = "at most the task's memory";
                view.error(&path.field(field), title, label, &["see RegisterTaskDefinition"]);
                view.beside(&paths[1], "the task's memory");
            }
        }
    }
}

/// `cpu`, `memory` and `ephemeralStorage` of the task as a whole, where Fargate has no say.
fn task(view: &mut View<'_>) {
    let task = view.task_definition();
    let storage = view.task_definition_path("ephemeralStorage");
    let see = "see RegisterTaskDefinition, EphemeralStorage";
    view.range(&task["ephemeralStorage"], &storage, "sizeInGiB", 21..=200, see);
    let compatible = task["requiresCompatibilities"].as_array().map_or(&[][..], Vec::as_slice);
    if task.get("ephemeralStorage").is_some()
        && !compatible.is_empty()
        && !compatible.iter().any(|name| name == "FARGATE")
        && view.sound(&view.task_definition_path("requiresCompatibilities"))
    {
        // Seen: "Tasks using the EC2 launch type do not support EphemeralStorage".
        let title = "`ephemeralStorage` is for Fargate only";
        let label = "leave it out, or add FARGATE to requiresCompatibilities";
        view.error_at_key(&storage, title, label, &[see]);
    }
    if fargate::is_fargate(view) {
        return;
    }
    for (field, unit, example) in
        [("cpu", "vcpu", "256 or \"0.25 vCPU\""), ("memory", "gb", "512 or \"0.5 GB\"")]
    {
        let path = view.task_definition_path(field);
        match (task[field].as_str(), units(&task[field], unit)) {
            (Some(text), None) => {
                let title = format!("`{field}` of the task can't be `{text}`");
                view.error(&path, title, format!("such as {example}"), &["see RegisterTaskDefinition"]);
            }
            (Some(_), Some(units)) if field == "cpu" && !(128..=196_608).contains(&units) => {
                let title = format!("a task can't have {units} CPU units");
                let label = "from 128 to 196608; 1024 are one vCPU";
                view.error(&path, title, label, &["see RegisterTaskDefinition"]);
            }
            _ => {}
        }
    }
}
