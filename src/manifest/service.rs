//! `kind: Service`: one ECS service with its task definition, as it was written.

use serde_json::Map;

use super::canonical;
use super::diagnostic::Diagnostic;
use super::envelope::Manifest;
use super::fields::{Fields, diagnostic, text};
use super::files::Files;
use super::node::{Key, Node, Span, Value};
use super::places::Places;
use super::typed::Walk;
use super::{gates, hooks, policy, scalar, scaling};
use crate::model::{
    DesiredService, Digest, FieldPath, ImagePolicy, Json, RolloutPolicy, Scaling, ServiceKey, SyncPolicy,
};
use crate::shape::api::Api;
use crate::shape::layout::{SERVICE, TASK_DEFINITION};

pub const FIELDS: [&str; 7] =
    ["taskDefinition", "service", "scaling", "rollout", "sync", "images", "dependsOn"];

/// A service that was read. With errors reported, parts of it are missing.
#[derive(Debug)]
pub struct Draft {
    pub key: ServiceKey,
    pub task_definition: Json,
    pub service: Json,
    pub scaling: Option<Scaling>,
    /// Without its hooks.
    pub rollout: RolloutPolicy,
    pub hooks: Vec<hooks::Draft>,
    pub sync: SyncPolicy,
    pub images: ImagePolicy,
    pub depends_on: Vec<(ServiceKey, Span)>,
    pub places: Places,
}

/// Reads a Service whose variables are in place already.
pub fn read(manifest: &Manifest, spec: &Node, api: &Api, diagnostics: &mut Vec<Diagnostic>) -> Option<Draft> {
    let fields = Fields::read(spec, "a service's spec", &FIELDS, manifest.spec_span, diagnostics)?;
    let mut places = Places::default();
    places.record(&FieldPath::root(), Some(manifest.spec_span), spec.anchor());
    let mut section = |name, root, diagnostics: &mut Vec<Diagnostic>| {
        let (key, node) = fields.require(name, diagnostics)?;
        let mut walk = Walk { root, places: &mut places, diagnostics };
        Some(walk.input(node, &FieldPath::root().field(name), key.span, api.input(root.operation)?))
    };
    let task_definition = section("taskDefinition", TASK_DEFINITION, diagnostics);
    let service = section("service", SERVICE, diagnostics);
    let scaling = fields.get("scaling").and_then(|entry| scaling::read(entry, api, &mut places, diagnostics));
    let mut rollout =
        fields.get("rollout").map(|(key, node)| policy::rollout(key, node, diagnostics)).unwrap_or_default();
    if let Some((_, node)) = fields.get("rollout") {
        rollout.gates = gates::read(node, &mut places, diagnostics);
    }
    let hooks =
        fields.get("rollout").map(|(_, node)| hooks::read(node, manifest, api, &mut places, diagnostics));
    let sync = fields
        .get("sync")
        .map(|(key, node)| policy::sync(key, node, &policy::SERVICE_SECTIONS, api, diagnostics));
    let images = fields.get("images").map(|(key, node)| policy::images(key, node, diagnostics));
    let depends_on = depends_on(fields.get("dependsOn"), diagnostics);
    let (mut task_definition, mut service) = (task_definition?, service?);
    for tree in [&mut task_definition, &mut service] {
        leave_out_empty_tags(tree);
    }
    if let Json::Object(object) = &mut task_definition {
        supply_family(object, manifest, &mut places);
    }
    gates::check(&rollout.gates, &task_definition, &service, &places, diagnostics);
    Some(Draft {
        key: ServiceKey::new(manifest.name.as_str()),
        task_definition,
        service,
        scaling,
        rollout,
        hooks: hooks.unwrap_or_default(),
        sync: sync.unwrap_or_default(),
        images: images.unwrap_or_default(),
        depends_on,
        places,
    })
}

/// RegisterTaskDefinition refuses an empty list: "Tags can not be empty".
pub fn leave_out_empty_tags(tree: &mut Json) {
    if let Json::Object(object) = tree
        && object.get("tags").and_then(Json::as_array).is_some_and(Vec::is_empty)
    {
        object.remove("tags");
    }
}

pub(super) fn supply_family(
    task_definition: &mut Map<String, Json>,
    manifest: &Manifest,
    places: &mut Places,
) {
    let path = FieldPath::root().field("taskDefinition").field("family");
    if !task_definition.contains_key("family") && places.sound(&path) {
        task_definition.insert("family".to_owned(), Json::from(manifest.name.as_str()));
        places.record(&path, None, manifest.name_span);
    }
}

pub(super) fn depends_on(
    entry: Option<(&Key, &Node)>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<(ServiceKey, Span)> {
    let mut names = Vec::new();
    let Some((_, list)) = entry else { return names };
    let items = match &list.value {
        Value::List(items) => items.as_slice(),
        Value::Refused => &[],
        Value::Scalar(_) | Value::Map(_) => {
            diagnostics.push(diagnostic(list, "`dependsOn`", scalar::mismatch("a list", list)));
            &[]
        }
    };
    for (index, item) in items.iter().enumerate() {
        match scalar::read(item, &text()) {
            Ok(name) => names.push((ServiceKey::new(name.as_str().unwrap_or_default()), item.span)),
            Err(_) if item.value == Value::Refused => {}
            Err(fault) => diagnostics.push(diagnostic(item, &format!("`dependsOn[{index}]`"), fault)),
        }
    }
    names
}

impl Draft {
    /// The finished service. Worth something only when nothing was reported.
    pub fn finish(self, files: &Files<'_>) -> DesiredService {
        let origins = self.places.origins(files);
        let proposals = self.places.proposals(files);
        let mut depends_on: Vec<ServiceKey> = self.depends_on.into_iter().map(|(key, _)| key).collect();
        depends_on.sort();
        depends_on.dedup();
        let task_definition_digest = canonical::task_definition_digest(&self.task_definition);
        let mut rollout = self.rollout;
        let service_of = (&self.task_definition, &task_definition_digest, &self.service);
        (rollout.before, rollout.after) = hooks::finish(self.hooks, service_of);
        let mut service = DesiredService {
            key: self.key,
            task_definition_digest,
            digest: Digest::of(&Json::Null),
            task_definition: self.task_definition,
            service: self.service,
            scaling: self.scaling,
            rollout,
            sync: self.sync,
            depends_on,
            images: self.images,
            named_images: Vec::new(),
            proposals,
            origins,
        };
        service.digest = canonical::digest(&service);
        service
    }
}
