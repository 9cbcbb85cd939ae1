//! Manifests to [`Desired`]: YAML with places, variables, AWS's own rules, and every error at once.

mod canonical;
mod diagnostic;
mod envelope;
mod environment;
mod fields;
mod hooks;
mod limits;
mod node;
mod places;
mod policy;
mod render;
mod scalar;
mod scaling;
mod scheduled_task;
mod semantics;
mod service;
mod suggest;
mod typed;
mod variables;
mod yaml;

pub use diagnostic::{Diagnostic, Diagnostics, Place};
pub use node::Span;

/// YAML as it is written, before anything is known of what it means.
pub mod document {
    pub use super::node::{Key, Kind, Node, Scalar, Span, Value};
    pub use super::yaml::{YamlError, parse};
}

use std::collections::BTreeMap;

use envelope::{Kind, Manifest};
use semantics::dependencies::Waiting;
use suggest::{any_of, did_you_mean};
use variables::Variables;

use crate::model::{Checkout, Desired, DesiredScheduledTask, DesiredService, Environment, ServiceKey};
use crate::shape::api::Api;
use crate::shape::layout::API_VERSION;

/// Reads what the manifests of a commit want of one environment.
///
/// Without a name, the commit must have exactly one Environment. Any error refuses the whole commit:
/// half of a commit was never asked for by anyone.
pub fn load(checkout: &Checkout, environment: Option<&str>, api: &Api) -> Result<Desired, Diagnostics> {
    let mut documents = read_documents(checkout);
    let desired = desired(checkout, &mut documents, environment, api);
    match desired {
        Some(desired) if documents.diagnostics.is_empty() => Ok(desired),
        _ => Err(Diagnostics::new(documents.diagnostics, &checkout.files, documents.files)),
    }
}

/// Names of the environments that a commit has manifests of, valid or not.
pub fn environments(checkout: &Checkout) -> Vec<String> {
    let documents = read_documents(checkout);
    documents.of(Kind::Environment).map(|manifest| manifest.name.clone()).collect()
}

/// All manifests of a commit.
struct Documents {
    manifests: Vec<Manifest>,
    diagnostics: Vec<Diagnostic>,
    /// Manifest files, readable or not.
    files: usize,
}

impl Documents {
    fn of(&self, kind: Kind) -> impl Iterator<Item = &Manifest> {
        self.manifests.iter().filter(move |manifest| manifest.kind == kind)
    }
}

fn read_documents(checkout: &Checkout) -> Documents {
    let is_manifest = |path: &str| path.ends_with(".yaml") || path.ends_with(".yml");
    let files: Vec<(&String, &String)> =
        checkout.files.iter().filter(|(path, _)| is_manifest(path)).collect();
    let mut documents = Documents { manifests: Vec::new(), diagnostics: Vec::new(), files: files.len() };
    if files.len() > limits::FILES_MAX {
        let title = format!("{} manifest files; {} are allowed", files.len(), limits::FILES_MAX);
        documents.diagnostics.push(Diagnostic::of_commit(title));
        return documents;
    }
    for (path, text) in files {
        match yaml::parse(text) {
            Ok(nodes) => {
                let manifests = nodes
                    .into_iter()
                    .filter_map(|node| envelope::read(node, path, &mut documents.diagnostics));
                documents.manifests.extend(manifests);
            }
            Err(error) => documents.diagnostics.push(unreadable(path, text, error)),
        }
    }
    if documents.manifests.is_empty() && documents.diagnostics.is_empty() {
        let title = format!("no manifest in {}", checkout.revision);
        let note = format!("a manifest is a .yaml or .yml file with `apiVersion: {}`", API_VERSION);
        documents.diagnostics.push(Diagnostic::of_commit(title).note(note));
    }
    documents
}

fn unreadable(path: &str, text: &str, error: yaml::YamlError) -> Diagnostic {
    let diagnostic = Diagnostic::at(path, error.span, error.message).label(error.label);
    let line = text.lines().nth(error.span.line.saturating_sub(1)).unwrap_or("");
    // `{a: ${b}}` is the likeliest slip: inside of [] and {}, YAML ends a plain text at `{`.
    match line.contains("${") {
        true => diagnostic.note("inside of [] and {}, write \"${...}\" with quotes"),
        false => diagnostic,
    }
}

fn desired(
    checkout: &Checkout,
    documents: &mut Documents,
    environment: Option<&str>,
    api: &Api,
) -> Option<Desired> {
    let mut diagnostics = std::mem::take(&mut documents.diagnostics);
    // With a document refused, what it would have said is not known to be missing.
    let complete = diagnostics.is_empty();
    let chosen = choose(documents, environment, complete, checkout, &mut diagnostics);
    let manifests = std::mem::take(&mut documents.manifests);
    let Workloads { services, scheduled_tasks } = match &chosen {
        Some((_, variables)) => workloads(manifests, variables, complete, api, &mut diagnostics),
        None => Workloads::default(),
    };
    documents.diagnostics = diagnostics;
    let (environment, _) = chosen?;
    Some(Desired { revision: checkout.revision.clone(), environment, services, scheduled_tasks })
}

/// What a commit asks AWS to run.
#[derive(Default)]
struct Workloads {
    services: BTreeMap<ServiceKey, DesiredService>,
    scheduled_tasks: BTreeMap<ServiceKey, DesiredScheduledTask>,
}

/// The environment asked for. All of them are read, so that all errors are reported.
fn choose(
    documents: &Documents,
    wanted: Option<&str>,
    complete: bool,
    checkout: &Checkout,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Environment, Variables)> {
    let mut found: BTreeMap<&str, (&Manifest, (Environment, Variables))> = BTreeMap::new();
    for manifest in documents.of(Kind::Environment) {
        let read = environment::read(manifest, diagnostics);
        if let Some((first, _)) = found.get(manifest.name.as_str()) {
            diagnostics.push(twice("environment", (&first.file, first.name_span), manifest));
        } else {
            found.insert(&manifest.name, (manifest, read));
        }
    }
    let names: Vec<&str> = found.keys().copied().collect();
    let name = match (wanted, names.as_slice()) {
        (Some(wanted), _) if found.contains_key(wanted) => wanted,
        (None, [only]) => only,
        _ if !complete => return None,
        (_, []) => {
            if !documents.manifests.is_empty() {
                let title = format!("no Environment in {}", checkout.revision);
                let note = "one manifest of `kind: Environment` names the region and the cluster";
                diagnostics.push(Diagnostic::of_commit(title).note(note));
            }
            return None;
        }
        (None, several) => {
            let title = format!("{} environments, and none was chosen", several.len());
            diagnostics.push(
                Diagnostic::of_commit(title).note(format!("choose {}", any_of(several.iter().copied()))),
            );
            return None;
        }
        (Some(wanted), several) => {
            let title = format!("no environment `{wanted}` in {}", checkout.revision);
            let hint = did_you_mean(wanted, several.iter().copied());
            let note = format!("there is {}", any_of(several.iter().copied()).replace(" or ", " and "));
            let diagnostic = Diagnostic::of_commit(title).note(note);
            diagnostics.push(if hint.is_empty() { diagnostic } else { diagnostic.note(hint) });
            return None;
        }
    };
    found.remove(name).map(|(_, read)| read)
}

/// Reads services and scheduled tasks one after the other, and lets go of each tree: a commit may
/// hold thousands.
fn workloads(
    manifests: Vec<Manifest>,
    variables: &Variables,
    complete: bool,
    api: &Api,
    diagnostics: &mut Vec<Diagnostic>,
) -> Workloads {
    let mut waiting: BTreeMap<String, Waiting> = BTreeMap::new();
    let mut workloads = Workloads::default();
    for manifest in manifests {
        let (noun, depends_on) = match manifest.kind {
            Kind::Environment => continue,
            Kind::Service => {
                let spec = variables.substitute(&manifest.spec, &manifest.file, diagnostics);
                let draft = service::read(&manifest, &spec, api, diagnostics);
                draft.iter().for_each(|draft| semantics::check(draft, diagnostics));
                let depends_on = draft.as_ref().map(|draft| draft.depends_on.clone());
                if !waiting.contains_key(&manifest.name) {
                    workloads.services.extend(draft.map(|draft| (draft.key.clone(), draft.finish())));
                }
                ("service", depends_on)
            }
            Kind::ScheduledTask => {
                let spec = variables.substitute(&manifest.spec, &manifest.file, diagnostics);
                let draft = scheduled_task::read(&manifest, &spec, api, diagnostics);
                draft.iter().for_each(|draft| draft.check(diagnostics));
                let depends_on = draft.as_ref().map(|draft| draft.depends_on.clone());
                if !waiting.contains_key(&manifest.name) {
                    let task = draft.map(|draft| (draft.key.clone(), draft.finish()));
                    workloads.scheduled_tasks.extend(task);
                }
                ("scheduled task", depends_on)
            }
        };
        if let Some(first) = waiting.get(&manifest.name) {
            let diagnostic = twice(noun, (&first.file, first.name_span), &manifest);
            diagnostics.push(match first.noun == noun {
                true => diagnostic,
                false => diagnostic.note("services and scheduled tasks share one set of names"),
            });
            continue;
        }
        let (file, name_span) = (manifest.file, manifest.name_span);
        let depends_on = depends_on.unwrap_or_default();
        waiting.insert(manifest.name, Waiting { file, noun, name_span, depends_on });
    }
    semantics::dependencies::check(&waiting, complete, diagnostics);
    workloads
}

fn twice(noun: &str, first: (&str, Span), second: &Manifest) -> Diagnostic {
    Diagnostic::at(&second.file, second.name_span, format!("two manifests for {noun} `{}`", second.name))
        .label("the second one")
        .related(first.0, first.1, "the first one")
}

#[cfg(test)]
mod tests;
