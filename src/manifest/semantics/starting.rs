//! In what order the containers of a task start and stop, and how long each step may take.

use std::collections::BTreeMap;

use super::{View, elements, fargate};
use crate::manifest::suggest::{any_of, did_you_mean};
use crate::model::{FieldPath, Json};

const SEE: &str = "see RegisterTaskDefinition, ContainerDependency";
const SEE_HEALTH: &str = "see RegisterTaskDefinition, HealthCheck";

pub fn check(view: &mut View<'_>) {
    let sound = view.sound(&view.task_definition_path("containerDefinitions"));
    for (path, container) in view.containers() {
        health_check(view, &path, container);
        if sound {
            names(view, &path, container);
            conditions(view, &path, container);
        }
        if fargate::is_fargate(view) {
            for field in ["startTimeout", "stopTimeout"] {
                let see = "see RegisterTaskDefinition, ContainerDefinition: 120 seconds at most on Fargate";
                view.range(container, &path, field, 2..=120, see);
            }
        }
    }
    if sound {
        cycles(view);
    }
}

/// `containers are a, b and c`, for a note.
pub fn all_names(names: &[&str]) -> String {
    match names {
        [] => "the task definition has no containers".to_owned(),
        [only] => format!("the only container is {only}"),
        several => format!("containers are {}", any_of(several.iter().copied()).replace(" or ", " and ")),
    }
}

fn names(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let names = view.container_names();
    for (list, member) in [("dependsOn", "containerName"), ("volumesFrom", "sourceContainer")] {
        for (path, item) in elements(container, path, list) {
            if let Some(name) = item[member].as_str().filter(|name| !names.contains(name)) {
                let title = format!("`{list}` names a container `{name}` that does not exist");
                let label = did_you_mean(name, names.iter().copied());
                view.error(&path.field(member), title, label, &[&all_names(&names)]);
            }
        }
    }
}

/// Seen: "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container".
fn conditions(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    for (path, dependency) in elements(container, path, "dependsOn") {
        let (name, condition) = (&dependency["containerName"], dependency["condition"].as_str());
        let Some((other_path, other)) = view.containers().find(|(_, other)| other["name"] == *name) else {
            continue;
        };
        let (name, path) = (name.as_str().unwrap_or_default(), path.field("condition"));
        match condition {
            Some("HEALTHY") if other.get("healthCheck").is_none() => {
                let title = format!("`{name}` can never be HEALTHY: it has no `healthCheck`");
                let label = "give it one, or wait for START";
                let note = "a HEALTHCHECK of the image does not count";
                view.error(&path, title, label, &[note, SEE]);
                view.beside(&other_path.field("name"), "the container that is waited for");
            }
            Some(condition @ ("COMPLETE" | "SUCCESS")) if other["essential"] != Json::Bool(false) => {
                let title = format!("`{name}` is essential, so the task ends when it reaches {condition}");
                let label = format!("give `{name}` `essential: false`, or wait for START or HEALTHY");
                view.error(&path, title, label, &[SEE]);
                view.beside(&other_path.field("name"), "essential unless it says `essential: false`");
            }
            Some(_) | None => {}
        }
    }
}

/// Takes away, again and again, what waits for nothing; what is left waits for itself.
fn cycles(view: &mut View<'_>) {
    let mut waits_for: BTreeMap<&str, Vec<(&str, FieldPath)>> = BTreeMap::new();
    for (path, container) in view.containers() {
        let Some(name) = container["name"].as_str() else { return };
        let others = elements(container, &path, "dependsOn").filter_map(|(path, dependency)| {
            Some((dependency["containerName"].as_str()?, path.field("containerName")))
        });
        waits_for.insert(name, others.collect());
    }
    loop {
        let before = waits_for.len();
        let left: Vec<&str> = waits_for.keys().copied().collect();
        waits_for.retain(|_, others| others.iter().any(|(other, _)| left.contains(other)));
        if waits_for.len() == before {
            break;
        }
    }
    let Some(start) = waits_for.keys().next().copied() else { return };
    // Everyone who is left waits for somebody who is left: following them ends in a circle.
    let next = |name: &str| {
        waits_for[name].iter().find(|(other, _)| waits_for.contains_key(other)).map(|(other, _)| *other)
    };
    let mut road = vec![start];
    while let Some(other) = road.last().and_then(|last| next(last)) {
        if let Some(at) = road.iter().position(|name| *name == other) {
            road.drain(..at);
            break;
        }
        road.push(other);
    }
    let first = (0..road.len()).min_by_key(|place| road[*place]).unwrap_or(0);
    road.rotate_left(first);
    let closed: Vec<&str> = road.iter().chain(road.first()).copied().collect();
    let title = format!("`dependsOn` of the containers goes in a circle: {}", closed.join(" -> "));
    let at = waits_for[road[0]].iter().find(|(other, _)| *other == closed[1]).map(|(_, path)| path.clone());
    if let Some(path) = at {
        view.error(&path, title, "leave one of these out", &[SEE]);
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html>
fn health_check(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let (check, path) = (&container["healthCheck"], path.field("healthCheck"));
    view.range(check, &path, "interval", 5..=300, SEE_HEALTH);
    view.range(check, &path, "timeout", 2..=60, SEE_HEALTH);
    view.range(check, &path, "retries", 1..=10, SEE_HEALTH);
    view.range(check, &path, "startPeriod", 0..=300, SEE_HEALTH);
    let Some(command) = check["command"].as_array() else { return };
    let path = path.field("command");
    let words: Vec<&str> = command.iter().filter_map(Json::as_str).collect();
    if !view.sound(&path) {
        return;
    }
    match words.as_slice() {
        ["CMD" | "CMD-SHELL"] | [] => {
            let label = "such as [CMD-SHELL, \"curl -f http://localhost:8080/ || exit 1\"]";
            view.error_at_key(&path, "the health check runs no command", label, &[SEE_HEALTH]);
        }
        ["CMD" | "CMD-SHELL", ..] => {}
        [first, ..] => {
            let title = format!("a health check's command can't begin with `{first}`");
            let label = "begin with CMD, or with CMD-SHELL for a line of shell";
            view.error(&path.index(0), title, label, &[SEE_HEALTH]);
        }
    }
}
