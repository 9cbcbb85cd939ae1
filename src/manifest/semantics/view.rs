//! A task definition and what it is to run with, as the rules see them, and how they say what is wrong.

use std::ops::RangeInclusive;

use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::node::Span;
use crate::manifest::places::Places;
use crate::model::{FieldPath, Json, Scaling};

/// A task definition and what it is to run with, and where to say what is wrong with them.
pub struct View<'a> {
    pub places: &'a Places,
    pub task_definition: &'a Json,
    /// From `spec`.
    pub task_definition_root: FieldPath,
    /// The service, or a hook with what it takes from its service; null for a scheduled task.
    pub service: &'a Json,
    pub service_root: FieldPath,
    /// None but for a service that scales.
    pub scaling: Option<&'a Scaling>,
    /// Null but for a scheduled task.
    pub schedule: &'a Json,
    /// Who has to say what the tasks run on.
    pub noun: &'static str,
    /// The call that starts them.
    pub operation: &'static str,
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> View<'a> {
    pub fn task_definition(&self) -> &'a Json {
        self.task_definition
    }

    pub fn service(&self) -> &'a Json {
        self.service
    }

    /// `Target.EcsParameters` of a schedule; null for all others.
    pub fn ecs_parameters(&self) -> &'a Json {
        &self.schedule["Target"]["EcsParameters"]
    }

    pub fn task_definition_path(&self, field: &str) -> FieldPath {
        below(&self.task_definition_root, field)
    }

    pub fn service_path(&self, field: &str) -> FieldPath {
        below(&self.service_root, field)
    }

    pub fn containers(&self) -> impl Iterator<Item = (FieldPath, &'a Json)> + use<'a> {
        self.of_task("containerDefinitions")
    }

    /// The names of all containers that have one.
    pub fn container_names(&self) -> Vec<&'a str> {
        self.containers().filter_map(|(_, container)| container["name"].as_str()).collect()
    }

    /// All port mappings, with the container that each is of.
    pub fn port_mappings(&self) -> impl Iterator<Item = (FieldPath, &'a Json, &'a Json)> + use<'a> {
        self.containers().flat_map(|(path, container)| {
            elements(container, &path, "portMappings").map(move |(path, mapping)| (path, mapping, container))
        })
    }

    /// The elements of a list of the task definition.
    pub fn of_task(&self, list: &str) -> impl Iterator<Item = (FieldPath, &'a Json)> + use<'a> {
        elements(self.task_definition, &self.task_definition_root, list)
    }

    /// The elements of a list of the service.
    pub fn of_service(&self, list: &str) -> impl Iterator<Item = (FieldPath, &'a Json)> + use<'a> {
        elements(self.service, &self.service_root, list)
    }

    /// Whether the value at `path` is known, be it that it is known to be absent.
    pub fn sound(&self, path: &FieldPath) -> bool {
        self.places.sound(path)
    }

    /// An error that points at the value of `path`, or at what is around it.
    pub fn error(
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
    pub fn error_at_key(
        &mut self,
        path: &FieldPath,
        title: impl Into<String>,
        label: impl Into<String>,
        notes: &[&str],
    ) {
        let diagnostic = Diagnostic::at(self.places.key(path), title).label(label);
        self.report(diagnostic.set_by(self.places.variables(path)), notes);
    }

    pub fn push(&mut self, span: Span, title: String, label: String, notes: &[&str]) {
        self.report(Diagnostic::at(span, title).label(label), notes);
    }

    fn report(&mut self, diagnostic: Diagnostic, notes: &[&str]) {
        self.diagnostics.push(notes.iter().fold(diagnostic, |diagnostic, note| diagnostic.note(*note)));
    }

    /// Adds to the last error the other value that it is about.
    pub fn beside(&mut self, path: &FieldPath, label: impl Into<String>) {
        let other = self.places.value(path);
        self.relate(other, label.into());
    }

    /// The same, pointing at the field's name.
    pub fn beside_key(&mut self, path: &FieldPath, label: impl Into<String>) {
        let other = self.places.key(path);
        self.relate(other, label.into());
    }

    /// Adds where the other field stands, if that is another file: in one file it is near.
    pub fn elsewhere(&mut self, path: &FieldPath, label: &str) {
        let other = self.places.key(path);
        let place = self.diagnostics.last().and_then(|last| last.place);
        if place.is_some_and(|place| place.file != other.file) {
            self.relate(other, label.to_owned());
        }
    }

    fn relate(&mut self, other: Span, label: String) {
        if let Some(last) = self.diagnostics.last_mut() {
            last.related.push((other, label));
        }
    }

    /// A whole number that AWS's model leaves open, and AWS does not.
    pub fn range(
        &mut self,
        owner: &Json,
        path: &FieldPath,
        field: &str,
        allowed: RangeInclusive<i64>,
        see: &str,
    ) {
        if let Some(value) = owner[field].as_i64().filter(|value| !allowed.contains(value)) {
            let label = format!("must be from {} to {}", allowed.start(), allowed.end());
            self.error(&path.field(field), format!("`{field}` can't be {value}"), label, &[see]);
        }
    }

    /// A member that AWS's model calls optional, and AWS does not.
    pub fn require(&mut self, owner: &Json, path: &FieldPath, field: &str, noun: &str, see: &str) {
        if owner.get(field).is_none() && self.sound(&path.field(field)) {
            let title = format!("{noun} has no `{field}`");
            self.error(&path.field(field), title, format!("`{field}` is required"), &[see]);
        }
    }
}

pub fn below(root: &FieldPath, field: &str) -> FieldPath {
    if field.is_empty() { root.clone() } else { root.field(field) }
}

/// The elements of a list member, with their paths. Elements that were refused are null.
pub fn elements<'a>(
    owner: &'a Json,
    path: &FieldPath,
    list: &str,
) -> impl Iterator<Item = (FieldPath, &'a Json)> + use<'a> {
    let path = path.field(list);
    let items = owner[list].as_array().map_or(&[][..], Vec::as_slice);
    items.iter().enumerate().map(move |(index, item)| (path.index(index), item))
}

/// Whether a value says anything: neither absent nor empty nor `false`.
pub fn is_set(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => false,
        Json::Array(items) => !items.is_empty(),
        Json::Object(members) => !members.is_empty(),
        Json::String(text) => !text.is_empty(),
        Json::Bool(true) | Json::Number(_) => true,
    }
}
