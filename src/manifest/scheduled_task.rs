//! `kind: ScheduledTask`: one ECS task and the schedule it runs on, as it was written.

use super::canonical;
use super::diagnostic::Diagnostic;
use super::envelope::Manifest;
use super::fields::Fields;
use super::files::Files;
use super::node::{Node, Span};
use super::places::Places;
use super::service::{depends_on, leave_out_empty_tags, supply_family};
use super::typed::Walk;
use super::{policy, semantics};
use crate::model::{
    DesiredScheduledTask, Digest, FieldPath, Json, ServiceKey, SyncPolicy, images_in, range_of,
};
use crate::shape::api::Api;
use crate::shape::layout::{SCHEDULE, TASK_DEFINITION};

pub const FIELDS: [&str; 4] = ["taskDefinition", "schedule", "sync", "dependsOn"];

/// A scheduled task that was read. With errors reported, parts of it are missing.
#[derive(Debug)]
pub struct ScheduledDraft {
    pub key: ServiceKey,
    pub name_span: Span,
    pub task_definition: Json,
    pub schedule: Json,
    pub sync: SyncPolicy,
    pub depends_on: Vec<(ServiceKey, Span)>,
    pub places: Places,
}

/// Reads a ScheduledTask whose variables are in place already.
pub fn read(
    manifest: &Manifest,
    spec: &Node,
    api: &Api,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ScheduledDraft> {
    let noun = "a scheduled task's spec";
    let fields = Fields::read(spec, noun, &FIELDS, manifest.spec_span, diagnostics)?;
    let mut places = Places::default();
    places.record(&FieldPath::root(), Some(manifest.spec_span), spec.anchor());
    let mut section = |name, root, diagnostics: &mut Vec<Diagnostic>| {
        let (key, node) = fields.require(name, diagnostics)?;
        let mut walk = Walk { root, places: &mut places, diagnostics };
        Some(walk.input(node, &FieldPath::root().field(name), key.span, api.input(root.operation)?))
    };
    let task_definition = section("taskDefinition", TASK_DEFINITION, diagnostics);
    let schedule = section("schedule", SCHEDULE, diagnostics);
    let sync = fields
        .get("sync")
        .map(|(key, node)| policy::sync(key, node, &policy::SCHEDULED_TASK_SECTIONS, api, diagnostics));
    let depends_on = depends_on(fields.get("dependsOn"), diagnostics);
    let (mut task_definition, schedule) = (task_definition?, schedule?);
    leave_out_empty_tags(&mut task_definition);
    no_ranges(&task_definition, &places, diagnostics);
    if let Json::Object(object) = &mut task_definition {
        supply_family(object, manifest, &mut places);
    }
    Some(ScheduledDraft {
        key: ServiceKey::new(manifest.name.as_str()),
        name_span: manifest.name_span,
        task_definition,
        schedule,
        sync: sync.unwrap_or_default(),
        depends_on,
        places,
    })
}

/// Nobody looks at the images of schedules yet.
fn no_ranges(task_definition: &Json, places: &Places, diagnostics: &mut Vec<Diagnostic>) {
    let containers = FieldPath::root().field("taskDefinition").field("containerDefinitions");
    for (index, image) in images_in(task_definition).enumerate() {
        if range_of(image).is_some() {
            let place = places.value(&containers.index(index).field("image"));
            let title = "the tag of a scheduled task's image can't be chosen yet";
            diagnostics.push(Diagnostic::at(place, title).label("write `image: repository:tag`"));
        }
    }
}

impl ScheduledDraft {
    pub fn check(&self, diagnostics: &mut Vec<Diagnostic>) {
        semantics::check_scheduled_task(self, diagnostics);
    }

    /// The finished scheduled task. Worth something only when nothing was reported.
    pub fn finish(self, files: &Files<'_>) -> DesiredScheduledTask {
        let origins = self.places.origins(files);
        let mut depends_on: Vec<ServiceKey> = self.depends_on.into_iter().map(|(key, _)| key).collect();
        depends_on.sort();
        depends_on.dedup();
        let mut task = DesiredScheduledTask {
            key: self.key,
            task_definition_digest: canonical::task_definition_digest(&self.task_definition),
            digest: Digest::of(&Json::Null),
            task_definition: self.task_definition,
            schedule: self.schedule,
            sync: self.sync,
            depends_on,
            origins,
        };
        task.digest = canonical::scheduled_task_digest(&task);
        task
    }
}
