//! A hook against its service: what RunTask would refuse, or could never run.

use super::{View, containers, elements, fargate, launch, network, task_definition};
use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::hooks::Draft as HookDraft;
use crate::manifest::service::Draft;
use crate::manifest::suggest::{any_of, did_you_mean};
use crate::model::{FieldPath, Json};

pub fn check(draft: &Draft, hook: &HookDraft, diagnostics: &mut Vec<Diagnostic>) {
    let own = hook.task_definition.as_ref();
    let definition = own.unwrap_or(&draft.task_definition);
    let written = Json::Object(hook.run.clone());
    let with_overrides = overridden(definition, &written["overrides"]);
    let effective = hook.effective_run(&draft.task_definition, &draft.service);
    let mut view = View {
        places: &draft.places,
        task_definition: definition,
        task_definition_root: hook.path.field("taskDefinition"),
        service: &written,
        service_root: hook.path.clone(),
        schedule: &Json::Null,
        noun: "the hook or its service",
        operation: "RunTask",
        diagnostics,
    };
    something_to_do(&mut view, own);
    launch(&mut view);
    overrides(&mut view, own.is_some());
    view.service = &effective;
    if own.is_some() {
        task_definition(&mut view);
        family(&mut view, draft);
        network::host_ports(&mut view);
    }
    view.task_definition = &with_overrides;
    // What the service gives is known only where it could be read.
    let service_network = FieldPath::root().field("service").field("networkConfiguration");
    if view.sound(&service_network) {
        network::configuration(&mut view);
    }
    let sized = ["cpu", "memory", "executionRoleArn"];
    let differs = hook.places_itself() || sized.iter().any(|field| written["overrides"].get(field).is_some());
    if own.is_some() || differs {
        fargate::check(&mut view);
    }
}

/// The task definition as RunTask's overrides leave it.
fn overridden(definition: &Json, overrides: &Json) -> Json {
    let mut definition = definition.clone();
    for field in ["cpu", "memory", "executionRoleArn", "taskRoleArn"] {
        if let Some(value) = overrides.get(field) {
            definition[field] = value.clone();
        }
    }
    definition
}

/// The service's own definition with nothing changed runs the service once more, and never ends.
fn something_to_do(view: &mut View<'_>, own: Option<&Json>) {
    let containers = view.service()["overrides"]["containerOverrides"].as_array();
    let path = view.service_path("");
    if own.is_none() && containers.is_none_or(Vec::is_empty) && view.sound(&path) {
        let title = "a hook that does what its service does";
        let label = "give it a `taskDefinition`, or `overrides` that say what else to run";
        let note = "without a `taskDefinition` it runs the service's own new revision";
        view.error(&path, title, label, &[note]);
    }
}

/// Revisions of two definitions in one family would hide each other.
fn family(view: &mut View<'_>, draft: &Draft) {
    let path = view.task_definition_path("family");
    let family = view.task_definition()["family"].as_str();
    if let Some(family) = family.filter(|family| draft.task_definition["family"] == *family) {
        let title = format!("`{family}` is the family of the service itself");
        view.error(&path, title, "choose another one, or leave it out", &["see RegisterTaskDefinition"]);
    }
}

fn overrides(view: &mut View<'_>, own: bool) {
    let definitions = match own {
        true => view.task_definition_path("containerDefinitions"),
        false => FieldPath::root().field("taskDefinition").field("containerDefinitions"),
    };
    let names: Vec<&str> =
        view.containers().filter_map(|(_, container)| container["name"].as_str()).collect();
    let known = view.sound(&definitions);
    let path = view.service_path("overrides");
    for (path, entry) in elements(&view.service()["overrides"], &path, "containerOverrides") {
        let see = "see RunTask, ContainerOverride";
        match entry["name"].as_str() {
            None if view.sound(&path) && !entry.is_null() => {
                view.error(&path, "a container override has no `name`", "`name` is required", &[see]);
            }
            Some(name) if known && !names.contains(&name) => {
                let title = format!("`containerOverrides` names a container `{name}` that does not exist");
                let label = did_you_mean(name, names.iter().copied());
                let all = any_of(names.iter().copied()).replace(" or ", " and ");
                view.error(&path.field("name"), title, label, &[&format!("containers are {all}"), see]);
            }
            Some(_) => containers::variables(view, &path, entry),
            None => {}
        }
    }
}
