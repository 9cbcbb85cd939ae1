//! `rollout.before` and `rollout.after`: one-off tasks around a deployment, as they were written.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Map;

use super::canonical;
use super::diagnostic::Diagnostic;
use super::envelope::Manifest;
use super::fields::{Fields, diagnostic};
use super::node::{Key, Node, Value};
use super::places::Places;
use super::typed::Walk;
use super::{policy, scalar, service};
use crate::model::{Digest, FieldPath, Hook, HookDefinition, HookStage, Json};
use crate::shape::api::{Api, Shape};
use crate::shape::layout::{
    ATTEMPTS_MAX, HOOK_FIELDS, HOOK_RUN_FIELDS, HOOKS_MAX, RUN_TASK, Root, TASK_DEFINITION,
};

/// Long enough for a migration that nobody should wait for longer without knowing.
const TIMEOUT: Duration = Duration::from_secs(10 * 60);
const NAME_LENGTH_MAX: usize = 64;
const LIST: &str = "a list of one-off tasks";

/// A hook that was read. With errors reported, parts of it are missing.
#[derive(Debug)]
pub struct Draft {
    pub name: String,
    pub stage: HookStage,
    /// From `spec`.
    pub path: FieldPath,
    pub task_definition: Option<Json>,
    /// Members of RunTask, as far as the hook has them itself.
    pub run: Map<String, Json>,
    timeout: Duration,
    attempts: u32,
}

/// Reads the hooks of a `rollout`.
pub fn read(
    rollout: &Node,
    manifest: &Manifest,
    api: &Api,
    places: &mut Places,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Draft> {
    let Value::Map(entries) = &rollout.value else { return Vec::new() };
    let mut reading = Reading { manifest, api, places, diagnostics, names: BTreeSet::new() };
    let mut hooks = Vec::new();
    for stage in [HookStage::Before, HookStage::After] {
        let entry = entries.iter().find(|(key, _)| key.text == stage.name());
        hooks.extend(entry.map(|(key, node)| reading.list(key, node, stage)).unwrap_or_default());
    }
    hooks
}

/// What every hook is read with.
struct Reading<'a> {
    manifest: &'a Manifest,
    api: &'a Api,
    places: &'a mut Places,
    diagnostics: &'a mut Vec<Diagnostic>,
    names: BTreeSet<String>,
}

impl Reading<'_> {
    fn list(&mut self, key: &Key, node: &Node, stage: HookStage) -> Vec<Draft> {
        let path = FieldPath::root().field("rollout").field(stage.name());
        self.places.record(&path, Some(key.span), node.anchor());
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            Value::Refused => &[],
            Value::Scalar(_) | Value::Map(_) => {
                let fault = scalar::mismatch(LIST, node);
                let subject = format!("`{}`", stage.name());
                self.diagnostics.push(diagnostic(node, &subject, fault));
                &[]
            }
        };
        if items.len() > HOOKS_MAX {
            let title = format!("`{}` has {} hooks", stage.name(), items.len());
            let diagnostic = Diagnostic::at(key.span, title);
            self.diagnostics.push(diagnostic.label(format!("{HOOKS_MAX} are allowed")));
        }
        let hooks = items.iter().enumerate();
        hooks.filter_map(|(index, node)| self.hook(node, stage, path.index(index))).collect()
    }

    fn hook(&mut self, node: &Node, stage: HookStage, path: FieldPath) -> Option<Draft> {
        let anchor = node.anchor();
        self.places.record(&path, None, anchor);
        let fields = Fields::read(node, "a hook", &HOOK_FIELDS, anchor, self.diagnostics)?;
        if fields.has_unknown() {
            self.places.refuse(&path);
        }
        let name = self.name(&fields, &path);
        let timeout = policy::timeout(&fields, self.diagnostics).unwrap_or(TIMEOUT);
        let shape = Shape::Integer { min: Some(1), max: Some(ATTEMPTS_MAX) };
        let attempts = fields.scalar("attempts", &shape, self.diagnostics).and_then(|number| number.as_u64());
        let task_definition = self.section(&fields, "taskDefinition", &path, TASK_DEFINITION);
        let mut run = Map::new();
        for field in HOOK_RUN_FIELDS {
            if let Some(value) = self.section(&fields, field, &path, RUN_TASK) {
                run.insert(field.to_owned(), value);
            }
        }
        let name = name?;
        self.places.name(&path, name.as_str());
        let task_definition = task_definition.map(|tree| self.with_family(tree, &name, &path));
        let attempts = attempts.and_then(|number| u32::try_from(number).ok()).unwrap_or(1);
        Some(Draft { name, stage, path, task_definition, run, timeout, attempts })
    }

    fn name(&mut self, fields: &Fields<'_>, path: &FieldPath) -> Option<String> {
        let (key, node) = fields.require("name", self.diagnostics)?;
        self.places.record(&path.field("name"), Some(key.span), node.span);
        let name = fields.text("name", self.diagnostics)?;
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if name.is_empty() || name.len() > NAME_LENGTH_MAX || !name.chars().all(allowed) {
            let diagnostic = Diagnostic::at(node.span, format!("`{name}` can't be a hook's name"));
            let label = format!("1 to {NAME_LENGTH_MAX} letters, digits, hyphens and underscores");
            self.diagnostics.push(diagnostic.label(label));
            return None;
        }
        if !self.names.insert(name.clone()) {
            let diagnostic = Diagnostic::at(node.span, format!("two hooks are called `{name}`"));
            self.diagnostics.push(diagnostic.label("the second one"));
        }
        Some(name)
    }

    /// A field that is AWS's: the whole input of an operation, or a member of it.
    fn section(&mut self, fields: &Fields<'_>, name: &str, path: &FieldPath, root: Root) -> Option<Json> {
        let (key, node) = fields.get(name)?;
        let input = self.api.input(root.operation)?;
        let expected = if root.operation == RUN_TASK.operation { input.member(name)? } else { input };
        let mut walk = Walk { root, places: self.places, diagnostics: self.diagnostics };
        walk.part(node, &path.field(name), key.span, expected)
    }

    /// The definition with the family that it is registered under.
    fn with_family(&mut self, mut task_definition: Json, name: &str, path: &FieldPath) -> Json {
        service::leave_out_empty_tags(&mut task_definition);
        let path = path.field("taskDefinition").field("family");
        if let Json::Object(members) = &mut task_definition
            && !members.contains_key("family")
            && self.places.sound(&path)
        {
            let family = format!("{}-{name}", self.manifest.name);
            members.insert("family".to_owned(), family.into());
        }
        task_definition
    }
}

/// The finished hooks of a service: those before its deployment, and those after it. `service` is its
/// task definition, the digest of that, and the service tree.
pub fn finish(drafts: Vec<Draft>, service: (&Json, &Digest, &Json)) -> (Vec<Hook>, Vec<Hook>) {
    let (before, after): (Vec<Draft>, Vec<Draft>) =
        drafts.into_iter().partition(|draft| draft.stage == HookStage::Before);
    let all = |drafts: Vec<Draft>| {
        let of = u32::try_from(drafts.len()).unwrap_or(u32::MAX);
        (1..).zip(drafts).map(|(number, draft)| draft.finish((number, of), service)).collect()
    };
    (all(before), all(after))
}

impl Draft {
    fn finish(self, place: (u32, u32), service: (&Json, &Digest, &Json)) -> Hook {
        let (service_definition, service_digest, service_tree) = service;
        let run = self.effective_run(service_definition, service_tree);
        let runs = self.task_definition.as_ref().unwrap_or(service_definition);
        let judged_by = judged_by(&run, runs);
        let images = containers(runs)
            .filter(|container| judged_by.iter().any(|name| container["name"] == name.as_str()))
            .filter_map(|container| container["image"].as_str().map(str::to_owned))
            .collect();
        let definition = match self.task_definition {
            None => HookDefinition::OfTheService,
            Some(task_definition) => HookDefinition::Own {
                digest: canonical::task_definition_digest(&task_definition),
                task_definition,
            },
        };
        let mut hook = Hook {
            name: self.name,
            stage: self.stage,
            place,
            definition,
            run,
            judged_by,
            images,
            timeout: self.timeout,
            attempts: self.attempts,
            digest: Digest::of(&Json::Null),
        };
        hook.digest = canonical::hook_digest(&hook, &Json::Object(self.run), service_digest);
        hook
    }

    /// Members of RunTask, with the service's own where the hook has none that stand against them.
    pub fn effective_run(&self, service_definition: &Json, service: &Json) -> Json {
        let mut run = self.run.clone();
        let mut take = |field: &str| {
            if let Some(value) = service.get(field).filter(|_| !run.contains_key(field)) {
                run.insert(field.to_owned(), value.clone());
            }
        };
        if !self.places_itself() {
            ["launchType", "capacityProviderStrategy", "platformVersion"].into_iter().for_each(&mut take);
        }
        // RunTask refuses a network for a task that has none of its own.
        let definition = self.task_definition.as_ref().unwrap_or(service_definition);
        if definition["networkMode"] == "awsvpc" {
            take("networkConfiguration");
        }
        Json::Object(run)
    }

    /// Whether the hook says itself what it runs on.
    pub fn places_itself(&self) -> bool {
        ["launchType", "capacityProviderStrategy"].iter().any(|field| self.run.contains_key(*field))
    }
}

/// The containers that an override names; else all that the task can't do without.
fn judged_by(run: &Json, task_definition: &Json) -> Vec<String> {
    let name = |entry: &Json| entry["name"].as_str().map(str::to_owned);
    let overridden = run["overrides"]["containerOverrides"].as_array();
    let named: Vec<String> = overridden.into_iter().flatten().filter_map(name).collect();
    if !named.is_empty() {
        return named;
    }
    containers(task_definition)
        .filter(|container| container["essential"] != Json::Bool(false))
        .filter_map(name)
        .collect()
}

fn containers(task_definition: &Json) -> impl Iterator<Item = &Json> {
    task_definition["containerDefinitions"].as_array().into_iter().flatten()
}
