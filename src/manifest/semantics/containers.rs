//! Containers of one task definition against each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{View, elements, fargate};
use crate::manifest::suggest::{any_of, did_you_mean};
use crate::model::{FieldPath, Json};

const SEE: &str = "see RegisterTaskDefinition, ContainerDefinition";

pub fn check(view: &mut View<'_>) {
    names(view);
    essential(view);
    for (path, container) in view.containers().collect::<Vec<_>>() {
        if container.is_null() {
            continue;
        }
        // The API model calls both optional; RegisterTaskDefinition refuses a container without them.
        for field in ["name", "image"] {
            let missing = container[field].as_str().is_none_or(str::is_empty);
            if missing && view.sound(&path.field(field)) {
                let title = format!("a container definition has no `{field}`");
                view.error(&path.field(field), title, format!("`{field}` is required"), &[SEE]);
            }
        }
        variables(view, &path, container);
        dependencies(view, &path, container);
        volumes(view, &path, container);
        memory(view, &path, container);
    }
}

fn names(view: &mut View<'_>) {
    let mut seen = BTreeSet::new();
    for (path, container) in view.containers().collect::<Vec<_>>() {
        if let Some(name) = container["name"].as_str()
            && !seen.insert(name)
        {
            view.error(
                &path.field("name"),
                format!("two containers are called `{name}`"),
                "the second one",
                &[SEE],
            );
        }
    }
}

/// A task stops when an essential container stops; ECS wants one that can say so.
fn essential(view: &mut View<'_>) {
    let path = view.task_definition_path("containerDefinitions");
    let none = view.containers().all(|(_, container)| container["essential"] == Json::Bool(false));
    if none && view.sound(&path) {
        view.error_at_key(&path, "no container is essential", "at least one has to be", &[SEE]);
    }
}

/// A name may stand once, in `environment` or in `secrets`.
pub fn variables(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for list in ["environment", "secrets"] {
        for (path, item) in elements(container, path, list) {
            let Some(name) = item["name"].as_str() else { continue };
            if let Some(first) = seen.insert(name, list) {
                let title = format!("`{name}` is set twice in one container");
                let label = if first == list { "the second one" } else { "it is in `environment` as well" };
                view.error(&path.field("name"), title, label, &[SEE]);
            }
        }
    }
}

fn dependencies(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let names: Vec<&str> =
        view.containers().filter_map(|(_, container)| container["name"].as_str()).collect();
    if !view.sound(&view.task_definition_path("containerDefinitions")) {
        return;
    }
    for (list, member) in [("dependsOn", "containerName"), ("volumesFrom", "sourceContainer")] {
        for (path, item) in elements(container, path, list) {
            if let Some(name) = item[member].as_str().filter(|name| !names.contains(name)) {
                let title = format!("`{list}` names a container `{name}` that does not exist");
                let label = did_you_mean(name, names.iter().copied());
                let note =
                    format!("containers are {}", any_of(names.iter().copied()).replace(" or ", " and "));
                view.error(&path.field(member), title, label, &[&note]);
            }
        }
    }
}

fn volumes(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let root = view.task_definition_path("");
    let names: Vec<&str> = elements(view.task_definition(), &root, "volumes")
        .filter_map(|(_, volume)| volume["name"].as_str())
        .collect();
    if !view.sound(&view.task_definition_path("volumes")) {
        return;
    }
    for (path, mount) in elements(container, path, "mountPoints") {
        if let Some(name) = mount["sourceVolume"].as_str().filter(|name| !names.contains(name)) {
            let title = format!("no volume `{name}` in the task definition");
            let label = did_you_mean(name, names.iter().copied());
            view.error(&path.field("sourceVolume"), title, label, &["see RegisterTaskDefinition, Volume"]);
        }
    }
}

/// Without a limit for the whole task, each container needs its own. Fargate wants the former anyway.
fn memory(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let limited = view.task_definition().get("memory").is_some()
        || container.get("memory").is_some()
        || container.get("memoryReservation").is_some();
    let sound = view.sound(&view.task_definition_path("memory")) && view.sound(path);
    let limited = limited || fargate::is_fargate(view);
    if !limited && sound {
        let title = "nothing limits the memory of this container";
        let label = "set `memory` or `memoryReservation` here, or `memory` of the task definition";
        view.error(path, title, label, &[SEE]);
    }
}
