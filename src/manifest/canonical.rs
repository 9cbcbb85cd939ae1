//! Digests of a service: equal for specs that mean the same, however they were written.

use serde_json::{Map, json};

use crate::model::{
    DesiredScheduledTask, DesiredService, Digest, GatePolicy, Hook, HookDefinition, Json, OnFailure,
};

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
    let mut rollout = json!({ "timeoutSeconds": service.rollout.timeout.as_secs(), "onFailure": on_failure });
    // Left out where there are none, so that a service without hooks keeps its digest.
    for (stage, hooks) in [("before", &service.rollout.before), ("after", &service.rollout.after)] {
        if !hooks.is_empty() {
            rollout[stage] = hooks.iter().map(whole_hook).collect();
        }
    }
    if !service.rollout.gates.is_empty() {
        rollout["gates"] = service.rollout.gates.iter().map(GatePolicy::canonical).collect();
    }
    Digest::of(&json!({
        "taskDefinition": canonical(&service.task_definition),
        "service": canonical(&service.service),
        "scaling": scaling,
        "rollout": rollout,
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

/// Of what a hook does, and of the task definition of its service. How long and how often it is tried,
/// and what it takes from its service besides, is no part of it: a migration that was done is done.
///
/// `written`: the members of RunTask that the hook has itself.
pub fn hook_digest(hook: &Hook, written: &Json, service_task_definition: &Digest) -> Digest {
    let definition = match &hook.definition {
        HookDefinition::OfTheService => None,
        HookDefinition::Own { digest, .. } => Some(digest),
    };
    Digest::of(&json!({
        "name": hook.name,
        "stage": hook.stage,
        "taskDefinition": definition,
        "run": canonical_run(written),
        "service": service_task_definition,
    }))
}

/// Everything about a hook, as far as the digest of its service has to tell it apart.
fn whole_hook(hook: &Hook) -> Json {
    let task_definition = match &hook.definition {
        HookDefinition::OfTheService => None,
        HookDefinition::Own { task_definition, .. } => Some(canonical(task_definition)),
    };
    json!({
        "content": hook.digest,
        "taskDefinition": task_definition,
        "timeoutSeconds": hook.timeout.as_secs(),
        "attempts": hook.attempts,
    })
}

/// Members of RunTask, with the variables of containers sorted.
fn canonical_run(run: &Json) -> Json {
    let mut run = run.clone();
    let overrides = run.pointer_mut("/overrides/containerOverrides").and_then(Json::as_array_mut);
    for container in overrides.into_iter().flatten().filter_map(Json::as_object_mut) {
        sort(container, "environment", "name");
    }
    run
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
