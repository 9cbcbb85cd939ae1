//! What ECS would refuse, or could never run, although every field by itself is right.

mod containers;
pub mod dependencies;
mod fargate;
mod hooks;
mod network;
pub mod scaling;
mod schedule;
mod schedule_expression;
mod sizes;
mod tags;

use super::diagnostic::Diagnostic;
use super::places::Places;
use super::scheduled_task::ScheduledDraft;
use super::service::Draft;
use crate::model::{FieldPath, Json};

/// Checks one service by itself, with its hooks.
pub fn check(draft: &Draft, diagnostics: &mut Vec<Diagnostic>) {
    let mut view = View {
        places: &draft.places,
        task_definition: &draft.task_definition,
        task_definition_root: FieldPath::root().field("taskDefinition"),
        service: &draft.service,
        service_root: FieldPath::root().field("service"),
        schedule: &Json::Null,
        noun: "the service",
        operation: "CreateService",
        diagnostics,
    };
    task_definition(&mut view);
    fargate::check(&mut view);
    network::check(&mut view);
    capacity(&mut view);
    for hook in &draft.hooks {
        hooks::check(draft, hook, diagnostics);
    }
}

/// Checks one scheduled task by itself.
pub fn check_scheduled_task(draft: &ScheduledDraft, diagnostics: &mut Vec<Diagnostic>) {
    let mut view = View {
        places: &draft.places,
        task_definition: &draft.task_definition,
        task_definition_root: FieldPath::root().field("taskDefinition"),
        service: &Json::Null,
        service_root: FieldPath::root().field("schedule"),
        schedule: &draft.schedule,
        noun: "the schedule",
        operation: "CreateSchedule",
        diagnostics,
    };
    task_definition(&mut view);
    fargate::check(&mut view);
    network::host_ports(&mut view);
    schedule::check(&mut view, draft);
}

/// What can be said of a task definition whoever runs it.
fn task_definition(view: &mut View<'_>) {
    containers::check(view);
    sizes::check(view);
    tags::check(view);
}

/// A task definition and what it is to run with, and where to say what is wrong with them.
struct View<'a> {
    places: &'a Places,
    task_definition: &'a Json,
    /// From `spec`.
    task_definition_root: FieldPath,
    /// The service, or a hook with what it takes from its service; null for a scheduled task.
    service: &'a Json,
    service_root: FieldPath,
    /// Null but for a scheduled task.
    schedule: &'a Json,
    /// Who has to say what the tasks run on.
    noun: &'static str,
    /// The call that starts them.
    operation: &'static str,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> View<'a> {
    fn task_definition(&self) -> &'a Json {
        self.task_definition
    }

    fn service(&self) -> &'a Json {
        self.service
    }

    /// `Target.EcsParameters` of a schedule; null for all others.
    fn ecs_parameters(&self) -> &'a Json {
        &self.schedule["Target"]["EcsParameters"]
    }

    fn task_definition_path(&self, field: &str) -> FieldPath {
        below(&self.task_definition_root, field)
    }

    fn service_path(&self, field: &str) -> FieldPath {
        below(&self.service_root, field)
    }

    fn containers(&self) -> impl Iterator<Item = (FieldPath, &'a Json)> + use<'a> {
        elements(self.task_definition, &self.task_definition_root, "containerDefinitions")
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
        let diagnostic = Diagnostic::at(self.places.value(path), title).label(label);
        self.report(diagnostic.set_by(self.places.variables(path)), notes);
    }

    /// The same, pointing at the field's name.
    fn error_at_key(
        &mut self,
        path: &FieldPath,
        title: impl Into<String>,
        label: impl Into<String>,
        notes: &[&str],
    ) {
        let diagnostic = Diagnostic::at(self.places.key(path), title).label(label);
        self.report(diagnostic.set_by(self.places.variables(path)), notes);
    }

    /// Adds to the last error where the other field stands that it speaks of, if that is another file.
    fn beside(&mut self, path: &FieldPath, label: &str) {
        let other = self.places.key(path);
        if let Some(last) = self.diagnostics.last_mut()
            && last.place.is_some_and(|place| place.file != other.file)
        {
            last.related.push((other, label.to_owned()));
        }
    }

    fn push(&mut self, span: super::node::Span, title: String, label: String, notes: &[&str]) {
        self.report(Diagnostic::at(span, title).label(label), notes);
    }

    fn report(&mut self, diagnostic: Diagnostic, notes: &[&str]) {
        self.diagnostics.push(notes.iter().fold(diagnostic, |diagnostic, note| diagnostic.note(*note)));
    }
}

fn below(root: &FieldPath, field: &str) -> FieldPath {
    if field.is_empty() { root.clone() } else { root.field(field) }
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
    launch(view);
    let service = view.service();
    if let Some(count) = service["desiredCount"].as_i64().filter(|count| *count < 0) {
        view.error(
            &view.service_path("desiredCount"),
            format!("desiredCount can't be {count}"),
            "must be at least 0",
            &["see CreateService"],
        );
    }
    let controller = service["deploymentController"]["type"].as_str().unwrap_or("ECS");
    if controller != "ECS" {
        view.error(
            &view.service_path("deploymentController").field("type"),
            format!("deployments of type {controller} are made by somebody else"),
            "the reconciler makes deployments of type ECS",
            &["see CreateService, DeploymentController"],
        );
    }
}

fn launch(view: &mut View<'_>) {
    let service = view.service();
    let strategy = service["capacityProviderStrategy"].as_array().is_some_and(|items| !items.is_empty());
    if strategy && service.get("launchType").is_some() {
        let see = format!("see {}", view.operation);
        view.error_at_key(
            &view.service_path("launchType"),
            "launchType stands beside capacityProviderStrategy",
            "leave one of them out",
            &[&see],
        );
        view.beside(&view.service_path("capacityProviderStrategy"), "the other one");
    }
}
