//! How long ECS's lists and names may be where its API model does not say.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>

use super::{View, elements};
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
