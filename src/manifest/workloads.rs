//! The services and scheduled tasks of a commit, as one environment has them.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::Diagnostic;
use super::envelope::{Kind, Manifest};
use super::files::Files;
use super::node::{Node, Span};
use super::overlay::{self, Overlaid};
use super::semantics::dependencies::{self, Waiting};
use super::suggest::{any_of, did_you_mean};
use super::variables::Variables;
use super::{scheduled_task, semantics, service, twice};
use crate::model::{DesiredScheduledTask, DesiredService, ServiceKey};
use crate::shape::api::Api;

/// What a commit asks AWS to run.
#[derive(Default)]
pub struct Workloads {
    pub services: BTreeMap<ServiceKey, DesiredService>,
    pub scheduled_tasks: BTreeMap<ServiceKey, DesiredScheduledTask>,
}

/// What all of them are read with.
pub struct Setting<'a> {
    /// Of every environment of the commit, by name.
    pub environments: &'a BTreeMap<String, Variables>,
    /// The one that is asked for, among them.
    pub chosen: &'a str,
    /// The services that are asked about; `None`: all, and scheduled tasks.
    pub only: Option<&'a BTreeSet<ServiceKey>>,
    /// Whether all documents could be read: only then is what is missing known to be missing.
    pub complete: bool,
    pub api: &'a Api,
    pub files: &'a Files<'a>,
}

/// Reads services and scheduled tasks one after the other, and lets go of each tree: a commit may
/// hold thousands. `visit` sees each as it is with its overlays and variables.
pub fn read(
    manifests: Vec<Manifest>,
    setting: &Setting<'_>,
    visit: &mut dyn FnMut(&Manifest, &Node),
    diagnostics: &mut Vec<Diagnostic>,
) -> Workloads {
    let mut overlays: BTreeMap<String, Vec<Manifest>> = BTreeMap::new();
    let mut others = Vec::new();
    for manifest in manifests {
        if setting.complete {
            diagnostics.extend(unknown_environments(&manifest, setting));
        }
        match manifest.kind {
            Kind::Environment => {}
            Kind::Overlay => overlays.entry(manifest.name.clone()).or_default().push(manifest),
            Kind::Service | Kind::ScheduledTask => others.push(manifest),
        }
    }
    if setting.complete {
        unknown_targets(&overlays, &others, diagnostics);
    }
    let mut waiting: BTreeMap<String, Waiting> = BTreeMap::new();
    let mut workloads = Workloads::default();
    for manifest in others {
        let noun = if manifest.kind == Kind::Service { "service" } else { "scheduled task" };
        let first = waiting.get(&manifest.name);
        let overlays =
            overlays.get(&manifest.name).filter(|_| first.is_none()).map_or(&[][..], Vec::as_slice);
        let mut reading = Reading { manifest: &manifest, overlays, setting };
        reading.elsewhere(diagnostics);
        let here = manifest.is_for(setting.chosen);
        let read = here.then(|| reading.here(visit, diagnostics)).flatten();
        if let Some(first) = first {
            let diagnostic = twice(noun, first.name_span, &manifest);
            diagnostics.push(match first.noun == noun {
                // Each for other environments: that is what overlays are for.
                true if manifest.environments.is_some() => {
                    diagnostic.label("one manifest, and an Overlay for what differs")
                }
                true => diagnostic,
                false => diagnostic.note("services and scheduled tasks share one set of names"),
            });
            continue;
        }
        let depends_on = match read {
            Some(Read::Service(draft)) => {
                let depends_on = draft.depends_on.clone();
                if setting.only.is_none_or(|only| only.contains(&draft.key)) {
                    workloads.services.insert(draft.key.clone(), draft.finish(setting.files));
                }
                depends_on
            }
            Some(Read::ScheduledTask(draft)) => {
                let depends_on = draft.depends_on.clone();
                if setting.only.is_none() {
                    workloads.scheduled_tasks.insert(draft.key.clone(), draft.finish(setting.files));
                }
                depends_on
            }
            None => Vec::new(),
        };
        let name_span = manifest.name_span;
        waiting.insert(manifest.name, Waiting { noun, name_span, depends_on, here });
    }
    dependencies::check(&waiting, setting.complete, setting.chosen, diagnostics);
    workloads
}

enum Read {
    Service(Box<service::Draft>),
    ScheduledTask(Box<scheduled_task::ScheduledDraft>),
}

/// One service or scheduled task with all of its overlays.
struct Reading<'a> {
    manifest: &'a Manifest,
    overlays: &'a [Manifest],
    setting: &'a Setting<'a>,
}

impl Reading<'_> {
    /// Reads it as the chosen environment has it.
    fn here(
        &self,
        visit: &mut dyn FnMut(&Manifest, &Node),
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Read> {
        let read = self.read(self.setting.chosen, visit, diagnostics)?;
        match &read {
            Read::Service(draft) => semantics::check(draft, diagnostics),
            Read::ScheduledTask(draft) => draft.check(diagnostics),
        }
        Some(read)
    }

    /// What is wrong with overlays that are for other environments, and with a manifest that is.
    fn elsewhere(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        let manifest = self.manifest;
        for overlay in self.overlays {
            for (name, span) in overlay.environments.iter().flat_map(|named| &named.names) {
                if let Some(only) = manifest.environments.as_ref().filter(|_| !manifest.is_for(name)) {
                    let title = format!("{} is not in {name}", manifest.name);
                    let label = "an overlay can't bring it there";
                    let diagnostic = Diagnostic::at(*span, title).label(label);
                    diagnostics.push(diagnostic.related(only.key, "it is only in these"));
                }
            }
        }
        let mut here = manifest.is_for(self.setting.chosen);
        for name in self.setting.environments.keys().filter(|name| *name != self.setting.chosen) {
            let overlays: Vec<&Manifest> =
                self.overlays.iter().filter(|overlay| overlay.is_for(name)).collect();
            if !manifest.is_for(name) || (here && overlays.is_empty()) {
                continue;
            }
            let mut found = Vec::new();
            self.read(name, &mut |_, _| {}, &mut found);
            // What the manifest says itself was looked at already.
            let new =
                |it: &Diagnostic| !here || overlays.iter().any(|overlay| overlay::speaks_of(it, overlay));
            diagnostics.extend(found.into_iter().filter(new));
            here = true;
        }
    }

    fn read(
        &self,
        environment: &str,
        visit: &mut dyn FnMut(&Manifest, &Node),
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Read> {
        let Setting { environments, api, .. } = self.setting;
        let variables = environments.get(environment)?;
        let overlays: Vec<&Manifest> =
            self.overlays.iter().filter(|overlay| overlay.is_for(environment)).collect();
        let (spec, removed) = match overlays.is_empty() {
            true => (variables.substitute(&self.manifest.spec, diagnostics), Vec::new()),
            false => {
                let Overlaid { spec, removed } =
                    overlay::apply(self.manifest, &overlays, variables, api, diagnostics);
                (variables.substitute(&spec, diagnostics), removed)
            }
        };
        visit(self.manifest, &spec);
        let remember = |places: &mut super::places::Places, diagnostics: &mut [Diagnostic]| {
            removed.iter().for_each(|(path, span)| places.remove(path, *span));
            places.point_at_removed(diagnostics);
        };
        match self.manifest.kind {
            Kind::ScheduledTask => {
                let mut draft = scheduled_task::read(self.manifest, &spec, api, diagnostics)?;
                remember(&mut draft.places, diagnostics);
                Some(Read::ScheduledTask(Box::new(draft)))
            }
            Kind::Service | Kind::Environment | Kind::Overlay => {
                let mut draft = service::read(self.manifest, &spec, api, diagnostics)?;
                remember(&mut draft.places, diagnostics);
                Some(Read::Service(Box::new(draft)))
            }
        }
    }
}

fn unknown_environments(manifest: &Manifest, setting: &Setting<'_>) -> Vec<Diagnostic> {
    let known = || setting.environments.keys().map(String::as_str);
    let names = manifest.environments.iter().flat_map(|named| &named.names);
    let unknown = |(name, span): &(String, Span)| {
        let diagnostic = Diagnostic::at(*span, format!("no environment `{name}`"));
        let there = format!("there is {}", any_of(known()).replace(" or ", " and "));
        diagnostic.label(did_you_mean(name, known())).note(there)
    };
    names.filter(|(name, _)| !setting.environments.contains_key(name)).map(unknown).collect()
}

fn unknown_targets(
    overlays: &BTreeMap<String, Vec<Manifest>>,
    manifests: &[Manifest],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let names = || manifests.iter().map(|manifest| manifest.name.as_str());
    for overlay in overlays.values().flatten() {
        if !names().any(|name| name == overlay.name) {
            let title = format!("an overlay of `{}`, which is no service or scheduled task", overlay.name);
            let label = did_you_mean(&overlay.name, names());
            diagnostics.push(Diagnostic::at(overlay.name_span, title).label(label));
        }
    }
}
