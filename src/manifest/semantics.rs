//! What ECS would refuse, or could never run, although every field by itself is right.

mod containers;
pub mod dependencies;
mod fargate;
mod network;
mod schedule;
mod schedule_expression;
mod sizes;
mod tags;

use super::diagnostic::Diagnostic;
use super::places::Places;
use super::scheduled_task::ScheduledDraft;
use super::service::Draft;
use crate::model::{FieldPath, Json};

/// Checks one service by itself.
pub fn check(draft: &Draft, diagnostics: &mut Vec<Diagnostic>) {
    let mut view = View {
        file: &draft.file,
        task_definition: &draft.task_definition,
        service: &draft.service,
        schedule: &Json::Null,
        places: &draft.places,
        diagnostics,
    };
    containers::check(&mut view);
    fargate::check(&mut view);
    network::check(&mut view);
    sizes::check(&mut view);
    tags::check(&mut view);
    capacity(&mut view);
}

/// Checks one scheduled task by itself.
pub fn check_scheduled_task(draft: &ScheduledDraft, diagnostics: &mut Vec<Diagnostic>) {
    let mut view = View {
        file: &draft.file,
        task_definition: &draft.task_definition,
        service: &Json::Null,
        schedule: &draft.schedule,
        places: &draft.places,
        diagnostics,
    };
    containers::check(&mut view);
    fargate::check(&mut view);
    network::host_ports(&mut view);
    sizes::check(&mut view);
    tags::check(&mut view);
    schedule::check(&mut view, draft);
}

/// One service or scheduled task, and where to say what is wrong with it.
struct View<'a> {
    file: &'a str,
    task_definition: &'a Json,
    /// Null for a scheduled task.
    service: &'a Json,
    /// Null for a service.
    schedule: &'a Json,
    places: &'a Places,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> View<'a> {
    fn task_definition(&self) -> &'a Json {
        self.task_definition
    }

    fn service(&self) -> &'a Json {
        self.service
    }

    /// `Target.EcsParameters` of a schedule; null for a service.
    fn ecs_parameters(&self) -> &'a Json {
        &self.schedule["Target"]["EcsParameters"]
    }

    fn containers(&self) -> impl Iterator<Item = (FieldPath, &'a Json)> + use<'a> {
        elements(self.task_definition(), &task_definition_path(""), "containerDefinitions")
    }

    /// Whether the value at `path` is known, be it that it is known to be absent.
    fn sound(&self, path: &FieldPath) -> bool {
        self.places.sound(path)
    }

    /// An error that points at the value of `path`, or at what is around it.
    fn error(
        &mut self,
        path: &FieldPath,
        title: impl Into<String>,
        label: impl Into<String>,
        notes: &[&str],
    ) {
        let span = self.places.value(path);
        self.push(span, title.into(), label.into(), notes);
    }

    /// The same, pointing at the field's name.
    fn error_at_key(
        &mut self,
        path: &FieldPath,
        title: impl Into<String>,
        label: impl Into<String>,
        notes: &[&str],
    ) {
        let span = self.places.key(path);
        self.push(span, title.into(), label.into(), notes);
    }

    fn push(&mut self, span: super::node::Span, title: String, label: String, notes: &[&str]) {
        let diagnostic = Diagnostic::at(self.file, span, title).label(label);
        self.diagnostics.push(notes.iter().fold(diagnostic, |diagnostic, note| diagnostic.note(*note)));
    }
}

fn task_definition_path(field: &str) -> FieldPath {
    section("taskDefinition", field)
}

fn service_path(field: &str) -> FieldPath {
    section("service", field)
}

fn section(name: &str, field: &str) -> FieldPath {
    let path = FieldPath::root().field(name);
    if field.is_empty() { path } else { path.field(field) }
}

/// The elements of a list member, with their paths. Elements that were refused are null.
fn elements<'a>(
    owner: &'a Json,
    path: &FieldPath,
    list: &str,
) -> impl Iterator<Item = (FieldPath, &'a Json)> + use<'a> {
    let path = path.field(list);
    let items = owner[list].as_array().map_or(&[][..], Vec::as_slice);
    items.iter().enumerate().map(move |(index, item)| (path.index(index), item))
}

fn capacity(view: &mut View<'_>) {
    let service = view.service();
    if let Some(count) = service["desiredCount"].as_i64().filter(|count| *count < 0) {
        view.error(
            &service_path("desiredCount"),
            format!("desiredCount can't be {count}"),
            "must be at least 0",
            &["see CreateService"],
        );
    }
    let strategy = service["capacityProviderStrategy"].as_array().is_some_and(|items| !items.is_empty());
    if strategy && service.get("launchType").is_some() {
        view.error_at_key(
            &service_path("launchType"),
            "launchType stands beside capacityProviderStrategy",
            "leave one of them out",
            &["see CreateService"],
        );
    }
    let controller = service["deploymentController"]["type"].as_str().unwrap_or("ECS");
    if controller != "ECS" {
        view.error(
            &service_path("deploymentController").field("type"),
            format!("deployments of type {controller} are made by somebody else"),
            "the reconciler makes deployments of type ECS",
            &["see CreateService, DeploymentController"],
        );
    }
}
