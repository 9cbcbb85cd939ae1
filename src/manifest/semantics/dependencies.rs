//! `dependsOn` of all services and scheduled tasks: names that exist, and an order that ends.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::node::Span;
use crate::manifest::suggest::did_you_mean;
use crate::model::ServiceKey;

/// A service or a scheduled task, and what it waits for.
#[derive(Debug)]
pub struct Waiting {
    /// Which of both it is, in words.
    pub noun: &'static str,
    pub name_span: Span,
    pub depends_on: Vec<(ServiceKey, Span)>,
    /// Whether the environment that was asked for has it.
    pub here: bool,
}

/// Checks all services of a commit, by name. `complete`: every document could be read.
pub fn check(
    services: &BTreeMap<String, Waiting>,
    complete: bool,
    environment: &str,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for service in services.values() {
        for (key, span) in &service.depends_on {
            match services.get(key.name()) {
                None if complete => {
                    let title = format!("dependsOn names a service `{key}` that has no manifest");
                    let label = did_you_mean(key.name(), services.keys().map(String::as_str));
                    diagnostics.push(Diagnostic::at(*span, title).label(label));
                }
                Some(elsewhere) if !elsewhere.here => {
                    let title = format!("dependsOn names `{key}`, which is not in {environment}");
                    let diagnostic = Diagnostic::at(*span, title).label("it would wait for ever");
                    let label = "its `environments` leave it out";
                    diagnostics.push(diagnostic.related(elsewhere.name_span, label));
                }
                Some(_) | None => {}
            }
        }
    }
    cycles(services, diagnostics);
}

/// Reports each circle once, at the service that comes first by name.
fn cycles(services: &BTreeMap<String, Waiting>, diagnostics: &mut Vec<Diagnostic>) {
    let mut finished = BTreeSet::new();
    for start in services.keys() {
        let mut road: Vec<(&str, usize)> = vec![(start, 0)];
        // Depth first, with the road kept here rather than on the stack: a chain may be long.
        while let Some((name, next)) = road.last().copied() {
            let dependency = services.get(name).and_then(|service| service.depends_on.get(next));
            let Some((key, _)) = dependency.filter(|_| !finished.contains(name)) else {
                finished.insert(name);
                road.pop();
                continue;
            };
            if let Some(last) = road.last_mut() {
                last.1 += 1;
            }
            match road.iter().position(|(on_road, _)| *on_road == key.name()) {
                Some(at) => diagnostics.push(cycle(services, &road[at..])),
                None if services.contains_key(key.name()) => road.push((key.name(), 0)),
                None => {}
            }
        }
    }
}

fn cycle(services: &BTreeMap<String, Waiting>, circle: &[(&str, usize)]) -> Diagnostic {
    let first = (0..circle.len()).min_by_key(|place| circle[*place].0).unwrap_or(0);
    let names: Vec<&str> = (0..=circle.len()).map(|step| circle[(first + step) % circle.len()].0).collect();
    let title = format!("dependsOn goes in a circle: {}", names.join(" -> "));
    let service = &services[names[0]];
    let span = service
        .depends_on
        .iter()
        .find(|(key, _)| key.name() == names[1])
        .map_or(service.name_span, |(_, span)| *span);
    Diagnostic::at(span, title).label("leave one of these out")
}
