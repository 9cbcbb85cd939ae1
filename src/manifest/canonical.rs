//! Digests of a service: equal for specs that mean the same, however they were written.

use serde_json::{Map, json};

use crate::model::{DesiredScheduledTask, DesiredService, Digest, Json, OnFailure};

/// Lists of a container whose order means nothing, with the member that sorts them.
const UNORDERED: [(&str, &str); 2] = [("environment", "name"), ("secrets", "name")];

/// Of the task definition without its tags: changing those needs no new revision.
pub fn task_definition_digest(task_definition: &Json) -> Digest {
    let mut tree = canonical(task_definition);
    if let Json::Object(object) = &mut tree {
        object.remove("tags");
    }
    Digest::of(&tree)
}

/// Of everything that is asked of AWS, whatever `digest` holds so far. `sync` and labels ask nothing of it.
pub fn digest(service: &DesiredService) -> Digest {
    let on_failure = match service.rollout.on_failure {
        OnFailure::Rollback => "rollback",
        OnFailure::Hold => "hold",
    };
    let scaling = service.scaling.as_ref().map(|scaling| {
        json!({
            "minCapacity": scaling.min_capacity,
            "maxCapacity": scaling.max_capacity,
            "suspendedState": scaling.suspended_state,
            "policies": scaling.policies,
            "scheduledActions": scaling.scheduled_actions,
        })
    });
    Digest::of(&json!({
        "taskDefinition": canonical(&service.task_definition),
        "service": canonical(&service.service),
        "scaling": scaling,
        "rollout": { "timeoutSeconds": service.rollout.timeout.as_secs(), "onFailure": on_failure },
        "dependsOn": service.depends_on,
    }))
}

/// The same of a scheduled task.
pub fn scheduled_task_digest(task: &DesiredScheduledTask) -> Digest {
    Digest::of(&json!({
        "taskDefinition": canonical(&task.task_definition),
        "schedule": task.schedule,
        "dependsOn": task.depends_on,
    }))
}

/// Sorts what has no order. The order of containers is the author's.
fn canonical(tree: &Json) -> Json {
    let mut tree = tree.clone();
    if let Json::Object(object) = &mut tree {
        sort(object, "tags", "key");
        if let Some(Json::Array(containers)) = object.get_mut("containerDefinitions") {
            for container in containers.iter_mut().filter_map(Json::as_object_mut) {
                UNORDERED.iter().for_each(|(list, member)| sort(container, list, member));
            }
        }
    }
    tree
}

fn sort(object: &mut Map<String, Json>, list: &str, member: &str) {
    if let Some(Json::Array(items)) = object.get_mut(list) {
        items.sort_by(|one, other| one[member].as_str().cmp(&other[member].as_str()));
    }
}
