//! Manifests to [`Desired`]: YAML with places, variables, AWS's own rules, and every error at once.

mod canonical;
mod choice;
mod diagnostic;
mod envelope;
mod environment;
mod fields;
mod files;
mod flat;
mod gates;
mod hooks;
mod images;
mod limits;
mod lookups;
mod node;
mod overlay;
mod places;
mod policy;
pub mod quoting;
mod render;
mod scalar;
mod scaling;
mod scheduled_task;
mod semantics;
mod service;
mod suggest;
mod typed;
mod variables;
mod windows;
mod workloads;
mod yaml;

pub use diagnostic::{Diagnostic, Diagnostics};
pub use envelope::is_name;
pub use files::FileId;
pub use flat::{Flat, Line, render};
pub use images::{images, scanned, with_images};
pub use lookups::{Lookup, Needs, NotFound, needs, unanswered, unused};
pub use node::Span;

/// YAML as it is written, before anything is known of what it means.
pub mod document {
    pub use super::node::{Key, Kind, Node, Scalar, Span, Value};
    pub use super::yaml::YamlError;

    /// Reads all documents of a text that is no file of a checkout.
    pub fn parse(text: &str) -> Result<Vec<Node>, YamlError> {
        super::yaml::parse(text, super::files::FileId::ONLY)
    }
}

use std::collections::{BTreeMap, BTreeSet};

use envelope::{Kind, Manifest};
use files::Files;
use node::Node;
use suggest::{any_of, did_you_mean};
use variables::Variables;
use workloads::{Setting, Workloads};

use crate::model::{Answers, Checkout, Desired, Environment, ImageAnswers, ServiceKey};
use crate::shape::api::Api;
use crate::shape::layout::API_VERSION;

/// Reads what the manifests of a commit want of one environment.
///
/// Without a name, the commit must have exactly one Environment. Any error refuses the whole commit:
/// half of a commit was never asked for by anyone.
pub fn load(checkout: &Checkout, environment: Option<&str>, api: &Api) -> Result<Desired, Diagnostics> {
    load_with(checkout, environment, api, &Answers::new())
}

/// The same with the values of variables that are looked up. What [`needs`] names has to be there.
pub fn load_with(
    checkout: &Checkout,
    environment: Option<&str>,
    api: &Api,
    answers: &Answers,
) -> Result<Desired, Diagnostics> {
    read(checkout, (environment, Some(answers), None), api)
}

/// The same of a commit that is only asked about some services: the others are checked, and let go.
pub fn load_some(
    checkout: &Checkout,
    environment: Option<&str>,
    api: &Api,
    answers: &Answers,
    services: &BTreeSet<ServiceKey>,
) -> Result<Desired, Diagnostics> {
    read(checkout, (environment, Some(answers), Some(services)), api)
}

/// Checks a commit without any of those values: what depends on one is not checked, and the result is
/// not to be planned with.
pub fn check(checkout: &Checkout, environment: Option<&str>, api: &Api) -> Result<Desired, Diagnostics> {
    read(checkout, (environment, None, None), api)
}

/// The environment to load, the values that were looked up for it, and the services that are asked about.
type Asked<'a> = (Option<&'a str>, Option<&'a Answers>, Option<&'a BTreeSet<ServiceKey>>);

fn read(checkout: &Checkout, asked: Asked<'_>, api: &Api) -> Result<Desired, Diagnostics> {
    let files = Files::of(checkout);
    let mut documents = read_documents(checkout, &files);
    let desired = desired(checkout, &files, &mut documents, asked, api, &mut |_, _| {});
    match desired {
        Some(desired) if documents.diagnostics.is_empty() => Ok(desired),
        _ => Err(Diagnostics::new(documents.diagnostics, &files)),
    }
}

/// Names of the environments that a commit has manifests of, valid or not.
pub fn environments(checkout: &Checkout) -> Vec<String> {
    let documents = read_documents(checkout, &Files::of(checkout));
    documents.of(Kind::Environment).map(|manifest| manifest.name.clone()).collect()
}

/// All manifests of a commit.
struct Documents {
    manifests: Vec<Manifest>,
    diagnostics: Vec<Diagnostic>,
}

impl Documents {
    fn of(&self, kind: Kind) -> impl Iterator<Item = &Manifest> {
        self.manifests.iter().filter(move |manifest| manifest.kind == kind)
    }
}

fn read_documents(checkout: &Checkout, files: &Files<'_>) -> Documents {
    let mut documents = Documents { manifests: Vec::new(), diagnostics: Vec::new() };
    if files.count() > limits::FILES_MAX {
        let title = format!("{} manifest files; {} are allowed", files.count(), limits::FILES_MAX);
        documents.diagnostics.push(Diagnostic::of_commit(title));
        return documents;
    }
    for (file, text) in files.iter() {
        match yaml::parse(text, file) {
            Ok(nodes) => {
                let manifests =
                    nodes.into_iter().filter_map(|node| envelope::read(node, &mut documents.diagnostics));
                documents.manifests.extend(manifests);
            }
            Err(_) if planted!("passes-over-a-broken-manifest") => {}
            Err(error) => documents.diagnostics.push(unreadable(text, error)),
        }
    }
    if documents.manifests.is_empty() && documents.diagnostics.is_empty() {
        let title = format!("no manifest in {}", checkout.revision);
        let note = format!("a manifest is a .yaml or .yml file with `apiVersion: {}`", API_VERSION);
        documents.diagnostics.push(Diagnostic::of_commit(title).note(note));
    }
    documents
}

fn unreadable(text: &str, error: yaml::YamlError) -> Diagnostic {
    let diagnostic = Diagnostic::at(error.span, error.message).label(error.label);
    let line = text.lines().nth(error.span.line.saturating_sub(1)).unwrap_or("");
    // `{a: ${b}}` is the likeliest slip: inside of [] and {}, YAML ends a plain text at `{`.
    match line.contains("${") {
        true => diagnostic.note("inside of [] and {}, write \"${...}\" with quotes"),
        false => diagnostic,
    }
}

fn desired(
    checkout: &Checkout,
    files: &Files<'_>,
    documents: &mut Documents,
    (environment, answers, only): Asked<'_>,
    api: &Api,
    visit: &mut dyn FnMut(&Manifest, &Node),
) -> Option<Desired> {
    let mut diagnostics = std::mem::take(&mut documents.diagnostics);
    // With a document refused, what it would have said is not known to be missing.
    let complete = diagnostics.is_empty();
    let mut chosen = choose(documents, environment, answers, complete, checkout, &mut diagnostics);
    if let (Some((environment, variables)), Some(answers)) = (&mut chosen, answers) {
        let lookups = variables.get(&environment.name).map_or(&[][..], |own| own.lookups.as_slice());
        // For a commit that is refused already nothing is looked up, and that is no mistake of its own.
        if diagnostics.is_empty() {
            let named = lookups::named_in(&documents.manifests, &environment.name);
            environment.looked_up = lookups::used(lookups, &named, answers, files, &mut diagnostics);
        }
    }
    let manifests = std::mem::take(&mut documents.manifests);
    let workloads = chosen.as_ref().map(|(environment, environments)| {
        let chosen = environment.name.as_str();
        let is_it = |it: &&Manifest| it.kind == Kind::Environment && it.name == chosen;
        manifests.iter().find(is_it).into_iter().for_each(|it| visit(it, &it.spec));
        let setting = Setting { environments, chosen, only, complete, api, files };
        workloads::read(manifests, &setting, visit, &mut diagnostics)
    });
    documents.diagnostics = diagnostics;
    let (environment, _) = chosen?;
    let Workloads { services, scheduled_tasks } = workloads?;
    Some(Desired {
        revision: checkout.revision.clone(),
        environment,
        services,
        scheduled_tasks,
        images: ImageAnswers::new(),
    })
}

/// The environment asked for, and the variables of all. All of them are read, so that all errors are reported.
fn choose(
    documents: &Documents,
    wanted: Option<&str>,
    answers: Option<&Answers>,
    complete: bool,
    checkout: &Checkout,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Environment, BTreeMap<String, Variables>)> {
    let mut found: BTreeMap<&str, (&Manifest, (Environment, Variables))> = BTreeMap::new();
    for manifest in documents.of(Kind::Environment) {
        let read = environment::read(manifest, answers, diagnostics);
        if let Some((first, _)) = found.get(manifest.name.as_str()) {
            diagnostics.push(twice("environment", first.name_span, manifest));
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
    let name = name.to_owned();
    let mut chosen = None;
    let mut variables = BTreeMap::new();
    for (other, (_, (environment, own))) in found {
        variables.insert(other.to_owned(), own);
        chosen = if other == name { Some(environment) } else { chosen };
    }
    Some((chosen?, variables))
}

fn twice(noun: &str, first: Span, second: &Manifest) -> Diagnostic {
    Diagnostic::at(second.name_span, format!("two manifests for {noun} `{}`", second.name))
        .label("the second one")
        .related(first, "the first one")
}

#[cfg(test)]
mod tests;
