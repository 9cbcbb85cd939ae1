//! Port mappings: numbers, ranges, names, and what each network mode makes of them.

use std::collections::BTreeMap;

use super::View;
use super::network::mode;
use crate::model::{FieldPath, Json};

const SEE: &str = "see RegisterTaskDefinition, PortMapping";
const NAME_LENGTH_MAX: usize = 64;
/// Of one container.
const RANGES_MAX: usize = 100;

pub fn check(view: &mut View<'_>) {
    if !view.sound(&view.task_definition_path("networkMode")) {
        return;
    }
    without_network(view);
    for (path, mapping, _) in view.port_mappings() {
        view.range(mapping, &path, "containerPort", 1..=65535, SEE);
        view.range(mapping, &path, "hostPort", 0..=65535, SEE);
        host_port(view, &path, mapping);
        range(view, &path, mapping);
        name(view, &path, mapping);
    }
    many_ranges(view);
    twice(view);
    overlaps(view);
    names_twice(view);
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>
fn without_network(view: &mut View<'_>) {
    if mode(view) != "none" {
        return;
    }
    for (path, container) in view.containers() {
        if container["portMappings"].as_array().is_some_and(|list| !list.is_empty()) {
            let title = "with networkMode none, a container can't map ports";
            let label = "leave it out, or choose another taskDefinition.networkMode";
            view.error_at_key(&path.field("portMappings"), title, label, &[SEE]);
        }
    }
}

/// In awsvpc and host mode nothing is mapped. Seen: "When networkMode=awsvpc, the host ports and container
/// ports in port mappings must match", and the same of host.
fn host_port(view: &mut View<'_>, path: &FieldPath, mapping: &Json) {
    let mode = mode(view);
    let (host, own) = (mapping["hostPort"].as_i64(), mapping["containerPort"].as_i64());
    if let (Some(host), Some(own)) = (host, own)
        && ["awsvpc", "host"].contains(&mode)
        && host != 0
        && host != own
    {
        let title = format!("hostPort {host} differs from containerPort {own} with networkMode {mode}");
        view.error(&path.field("hostPort"), title, "leave it out, or write the same port", &[SEE]);
    }
}

/// First and last port of a `containerPortRange`, if it is one.
fn bounds(mapping: &Json) -> Option<(i64, i64)> {
    let (from, to) = mapping["containerPortRange"].as_str()?.split_once('-')?;
    Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
}

/// Whether a mapping has a port in it.
pub fn holds(mapping: &Json, port: i64) -> bool {
    mapping["containerPort"] == port || bounds(mapping).is_some_and(|(from, to)| (from..=to).contains(&port))
}

/// Seen: "cannot specify both single port and port range".
fn range(view: &mut View<'_>, path: &FieldPath, mapping: &Json) {
    let Some(text) = mapping["containerPortRange"].as_str() else { return };
    let at = path.field("containerPortRange");
    for single in ["containerPort", "hostPort"] {
        if mapping.get(single).is_some() {
            let title = format!("`{single}` stands beside `containerPortRange`");
            view.error_at_key(&path.field(single), title, "leave one of them out", &[SEE]);
        }
    }
    let right =
        bounds(mapping).is_some_and(|(from, to)| from < to && (1..=65535).contains(&from) && to <= 65535);
    if !right {
        let title = format!("`{text}` is not a range of ports");
        view.error(&at, title, "first and last port from 1 to 65535, such as 8000-8010", &[SEE]);
    }
    if ["host", "none"].contains(&mode(view)) {
        let title = format!("a range of ports can't be mapped with networkMode {}", mode(view));
        view.error_at_key(&at, title, "only with bridge or awsvpc", &[SEE]);
    }
}

fn many_ranges(view: &mut View<'_>) {
    for (path, container) in view.containers() {
        let ranges = super::elements(container, &path, "portMappings")
            .filter(|(_, mapping)| mapping.get("containerPortRange").is_some())
            .count();
        if ranges > RANGES_MAX {
            let title = format!("a container has {ranges} ranges of ports");
            let label = format!("ECS takes at most {RANGES_MAX}");
            view.error_at_key(&path.field("portMappings"), title, label, &[SEE]);
        }
    }
}

fn name(view: &mut View<'_>, path: &FieldPath, mapping: &Json) {
    let Some(name) = mapping["name"].as_str() else { return };
    let allowed =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter);
    if name.is_empty() || name.len() > NAME_LENGTH_MAX || name.starts_with('-') || !name.chars().all(allowed)
    {
        let title = format!("`{name}` can't be the name of a port");
        let label =
            "1 to 64 lower-case letters, digits, hyphens and underscores, not beginning with a hyphen";
        view.error(&path.field("name"), title, label, &[SEE]);
    }
}

/// Containers of one task share an address in awsvpc and host mode; in bridge mode, fixed ports of the
/// host. Seen: "container port is used multiple times in task".
fn twice(view: &mut View<'_>) {
    let mode = mode(view);
    let field = if mode == "bridge" { "hostPort" } else { "containerPort" };
    let mut seen: BTreeMap<(i64, &str), FieldPath> = BTreeMap::new();
    for (path, mapping, _) in view.port_mappings() {
        let Some(port) = mapping[field].as_i64().filter(|port| *port != 0) else { continue };
        let protocol = mapping["protocol"].as_str().unwrap_or("tcp");
        let path = path.field(field);
        if let Some(first) = seen.insert((port, protocol), path.clone()) {
            let title = format!("{field} {port} is mapped twice in one task");
            let label = match mode {
                "bridge" => "leave it out for a port that is free, or choose another",
                _ => "containers of one task share its ports",
            };
            view.error(&path, title, label, &[SEE]);
            view.beside(&first, "the first one");
        }
    }
}

/// Ranges against ranges and against single ports: of one task in awsvpc mode, else of one container.
fn overlaps(view: &mut View<'_>) {
    let shared = mode(view) == "awsvpc";
    let mut seen: Vec<(i64, i64, &str, &Json, FieldPath)> = Vec::new();
    for (path, mapping, container) in view.port_mappings() {
        let single = mapping["containerPort"].as_i64().map(|port| (port, port));
        let protocol = mapping["protocol"].as_str().unwrap_or("tcp");
        let ranged = bounds(mapping);
        let Some((from, to)) = ranged.or(single) else { continue };
        let field = if ranged.is_some() { "containerPortRange" } else { "containerPort" };
        let path = path.field(field);
        let other = seen.iter().find(|(first, last, other, owner, _)| {
            let any_range = ranged.is_some() || first != last;
            any_range
                && *other == protocol
                && (shared || std::ptr::eq(*owner, container))
                && from <= *last
                && *first <= to
        });
        if let Some((first, last, _, _, at)) = other.cloned() {
            let written = |from: i64, to: i64| match from == to {
                true => format!("port {from}"),
                false => format!("ports {from}-{to}"),
            };
            let verb = if from == to { "overlaps" } else { "overlap" };
            let title = format!("{} {verb} with {}", written(from, to), written(first, last));
            view.error(&path, title, "a port can be mapped once", &[SEE]);
            view.beside(&at, "the first one");
        }
        seen.push((from, to, protocol, container, path));
    }
}

/// Seen: "port mapping name is already used".
fn names_twice(view: &mut View<'_>) {
    let mut seen: BTreeMap<&str, FieldPath> = BTreeMap::new();
    for (path, mapping, _) in view.port_mappings() {
        let path = path.field("name");
        if let Some(name) = mapping["name"].as_str()
            && let Some(first) = seen.insert(name, path.clone())
        {
            view.error(&path, format!("two port mappings are called `{name}`"), "the second one", &[SEE]);
            view.beside(&first, "the first one");
        }
    }
}
