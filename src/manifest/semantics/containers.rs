//! Containers of one task definition: names, images, which are essential, and how much memory each has.

use std::collections::BTreeMap;

use super::{View, elements, fargate};
use crate::manifest::suggest::{did_you_mean, nearest};
use crate::model::{FieldPath, Json, range_of};

const SEE: &str = "see RegisterTaskDefinition, ContainerDefinition";
/// No Docker daemon starts a container with less.
const MEMORY_MIN: i64 = 4;
/// Characters of an image's name and tag, and of what stands before a digest.
const IMAGE_LENGTH_MAX: usize = 255;
const IGNORED_EXIT_CODES_MAX: usize = 50;

pub fn check(view: &mut View<'_>) {
    names(view);
    essential(view);
    for (path, container) in view.containers() {
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
        image(view, &path, container);
        memory(view, &path, container);
        links(view, &path, container);
        restart(view, &path, container);
    }
}

fn names(view: &mut View<'_>) {
    let mut seen: BTreeMap<&str, FieldPath> = BTreeMap::new();
    for (path, container) in view.containers() {
        let path = path.field("name");
        if let Some(name) = container["name"].as_str()
            && let Some(first) = seen.insert(name, path.clone())
        {
            view.error(&path, format!("two containers are called `{name}`"), "the second one", &[SEE]);
            view.beside(&first, "the first one");
        }
    }
}

/// A task stops when an essential container stops; ECS wants one that can say so.
fn essential(view: &mut View<'_>) {
    let path = view.task_definition_path("containerDefinitions");
    if view.task_definition()["containerDefinitions"].as_array().is_some_and(Vec::is_empty) {
        return view.error_at_key(&path, "a task definition has no container", "add one", &[SEE]);
    }
    let none = view.containers().all(|(_, container)| container["essential"] == Json::Bool(false));
    if none && view.sound(&path) {
        let label = "leave `essential: false` out of one of them";
        view.error_at_key(&path, "no container is essential", label, &[SEE]);
    }
}

/// RegisterTaskDefinition knows the letters of an image's name, and the form of a digest.
fn image(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let Some(image) = container["image"].as_str().filter(|image| !image.is_empty()) else { return };
    let path = path.field("image");
    // Whatever is chosen from a range is a tag that ECR has.
    let image = range_of(image).map_or(image, |(repository, _)| repository);
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_:./#".contains(letter);
    if let Some(letter) = name.chars().find(|letter| !allowed(*letter)) {
        let title = format!("an image's name can't have `{letter}` in it");
        let label = "letters, digits, hyphens, underscores, colons, periods, slashes and number signs";
        return view.error(&path, title, label, &[SEE]);
    }
    if name.len() > IMAGE_LENGTH_MAX {
        let title = format!("an image's name has {} characters", name.len());
        return view.error(&path, title, format!("ECS takes at most {IMAGE_LENGTH_MAX}"), &[SEE]);
    }
    let hash = digest.map(|digest| digest.strip_prefix("sha256:").unwrap_or(""));
    if hash.is_some_and(|hash| hash.len() != 64 || !hash.chars().all(|digit| digit.is_ascii_hexdigit())) {
        let title = format!("`{}` is not an image's digest", digest.unwrap_or_default());
        view.error(&path, title, "`sha256:` and 64 hexadecimal digits", &[SEE]);
    }
}

fn memory(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    limited(view, path, container);
    for field in ["memory", "memoryReservation"] {
        if let Some(memory) = container[field].as_i64().filter(|memory| *memory < MEMORY_MIN) {
            let label = format!("at least {MEMORY_MIN} MiB, and 6 with a recent Docker");
            view.error(&path.field(field), format!("`{field}` can't be {memory}"), label, &[SEE]);
        }
    }
    // Seen: "'memory' must be greater than or equal to 'memoryReservation'".
    if let (Some(hard), Some(soft)) = (container["memory"].as_i64(), container["memoryReservation"].as_i64())
        && soft > hard
    {
        let title = format!("memoryReservation {soft} is more than memory {hard}");
        view.error(&path.field("memoryReservation"), title, "at most the hard limit", &[SEE]);
        view.beside(&path.field("memory"), "the hard limit");
    }
}

/// Without a limit for the whole task, each container needs its own. Fargate wants the former anyway.
fn limited(view: &mut View<'_>, path: &FieldPath, container: &Json) {
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

/// `name:alias`, of a container of the same task.
fn links(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let names = view.container_names();
    if !view.sound(&view.task_definition_path("containerDefinitions")) {
        return;
    }
    for (path, link) in elements(container, path, "links") {
        let name = link.as_str().map(|link| link.split(':').next().unwrap_or(link));
        if let Some(name) = name.filter(|name| !names.contains(name)) {
            let title = format!("`links` names a container `{name}` that does not exist");
            let label = did_you_mean(name, names.iter().copied());
            view.error(&path, title, label, &[&super::starting::all_names(&names), SEE]);
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerRestartPolicy.html>
fn restart(view: &mut View<'_>, path: &FieldPath, container: &Json) {
    let (policy, path) = (&container["restartPolicy"], path.field("restartPolicy"));
    let see = "see RegisterTaskDefinition, ContainerRestartPolicy";
    view.range(policy, &path, "restartAttemptPeriod", 60..=1800, see);
    let codes = policy["ignoredExitCodes"].as_array().map_or(0, Vec::len);
    if codes > IGNORED_EXIT_CODES_MAX {
        let title = format!("`ignoredExitCodes` has {codes} elements");
        let label = format!("ECS takes at most {IGNORED_EXIT_CODES_MAX}");
        view.error_at_key(&path.field("ignoredExitCodes"), title, label, &[see]);
    }
}

/// The container that something outside of the task definition names, if there is one.
pub fn named<'a>(
    view: &mut View<'a>,
    path: &FieldPath,
    name: &str,
    see: &str,
) -> Option<(FieldPath, &'a Json)> {
    let found = view.containers().find(|(_, container)| container["name"] == name);
    if found.is_none() && view.sound(&view.task_definition_path("containerDefinitions")) {
        let names = view.container_names();
        let title = format!("no container `{name}` in the task definition");
        let label = nearest(name, names.iter().copied())
            .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        view.error(path, title, label, &[&super::starting::all_names(&names), see]);
    }
    found
}
