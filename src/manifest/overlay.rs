//! `kind: Overlay`: what is different about a service or a scheduled task in some environments.
//!
//! An overlay is a part of a spec. Mappings merge member by member and lists whose elements have names
//! element by element; everything else is replaced. `null` takes a field away, `$patch: delete` an element.

mod directive;
mod ground;
mod list;
mod merge;
mod spelling;
mod whole;

use std::collections::BTreeMap;

use super::diagnostic::Diagnostic;
use super::envelope::Manifest;
use super::limits::{EXPANDED_BYTES_MAX, NODES_MAX};
use super::node::{Node, Span, Value};
use super::variables::Variables;
use crate::model::{FieldPath, Segment};
use crate::shape::api::Api;
use ground::Ground;
use merge::Merge;
use whole::Whole;

/// A spec with its overlays.
pub struct Overlaid {
    pub spec: Node,
    /// What the overlays took away, with the place that says so.
    pub removed: Vec<(FieldPath, Span)>,
}

/// Puts overlays on a manifest, all of them for one environment. Their order means nothing.
pub fn apply(
    manifest: &Manifest,
    overlays: &[&Manifest],
    variables: &Variables,
    api: &Api,
    diagnostics: &mut Vec<Diagnostic>,
) -> Overlaid {
    let mut overlaid = Overlaid { spec: manifest.spec.clone(), removed: Vec::new() };
    let mut decided = Decided::default();
    let mut lacking = BTreeMap::new();
    for overlay in overlays {
        let Value::Map(_) = overlay.spec.value else {
            let title = "the spec of an overlay is a mapping".to_owned();
            let label = format!("not {}", overlay.spec.description());
            diagnostics.push(Diagnostic::at(overlay.spec.span, title).label(label));
            continue;
        };
        let mut merge = Merge {
            target: &manifest.name,
            variables,
            diagnostics,
            decided: Vec::new(),
            removed: Vec::new(),
            lacking: Vec::new(),
        };
        let spec = merge.value(&overlaid.spec, &overlay.spec, &FieldPath::root(), Ground::spec(api));
        let (new, removed) = (merge.decided, merge.removed);
        lacking.extend(merge.lacking);
        let clashes = decided.clashes(new, &manifest.name, &variables.environment);
        diagnostics.extend(clashes);
        let (nodes, bytes) = size(&spec);
        if nodes > NODES_MAX || bytes > EXPANDED_BYTES_MAX {
            let kibibytes = EXPANDED_BYTES_MAX / 1024;
            let title = format!(
                "with this overlay, {} has more than {NODES_MAX} keys and values or {kibibytes} KiB",
                manifest.name
            );
            diagnostics.push(Diagnostic::at(overlay.name_span, title));
            return overlaid;
        }
        overlaid.spec = spec;
        overlaid.removed.extend(removed);
    }
    let mut whole = Whole { variables, diagnostics, lacking };
    whole.check(Some(&manifest.spec), &mut overlaid.spec, Ground::spec(api));
    overlaid
}

/// What the overlays so far decide.
#[derive(Default)]
struct Decided(BTreeMap<FieldPath, Span>);

impl Decided {
    /// Takes in what another overlay decides, and tells where two say something of one field.
    fn clashes(&mut self, new: Vec<(FieldPath, Span)>, target: &str, environment: &str) -> Vec<Diagnostic> {
        let mut clashes = Vec::new();
        for (path, span) in &new {
            let around = (0..=path.0.len()).find_map(|length| {
                let (path, first) = self.0.get_key_value(&FieldPath(path.0[..length].to_vec()))?;
                Some((path, *first))
            });
            let below = || self.0.range(path.clone()..).next().filter(|(below, _)| below.starts_with(path));
            let Some((wider, first)) = around.or_else(|| below().map(|(_, first)| (path, *first))) else {
                continue;
            };
            let title = format!("two overlays of {target} for {environment} set {}", spoken(wider));
            clashes
                .push(Diagnostic::at(*span, title).label("the second one").related(first, "the first one"));
        }
        self.0.extend(new);
        clashes
    }
}

fn spoken(path: &FieldPath) -> String {
    match path.0.as_slice() {
        [] => "everything".to_owned(),
        [Segment::Field(_) | Segment::Key(_) | Segment::Index(_), ..] => format!("`{path}`"),
    }
}

/// Keys, values, lists and mappings of a tree, and bytes of its text.
fn size(node: &Node) -> (usize, usize) {
    let sum = |sum: (usize, usize), one: (usize, usize)| (sum.0 + one.0, sum.1 + one.1);
    match &node.value {
        Value::Scalar(scalar) => (1, scalar.text.len()),
        Value::Refused => (1, 0),
        Value::List(items) => items.iter().map(size).fold((1, 0), sum),
        Value::Map(entries) => {
            entries.iter().map(|(key, node)| sum((1, key.text.len()), size(node))).fold((1, 0), sum)
        }
    }
}

/// Whether a diagnostic is about something that the overlay says.
pub fn speaks_of(diagnostic: &Diagnostic, overlay: &Manifest) -> bool {
    let (from, to) = (overlay.spec_span.start, end(&overlay.spec));
    let inside = |span: &Span| span.file == overlay.spec_span.file && (from..=to).contains(&span.start);
    diagnostic.place.iter().any(inside)
}

fn end(node: &Node) -> usize {
    let inner = match &node.value {
        Value::Scalar(_) | Value::Refused => None,
        Value::List(items) => items.last().map(end),
        Value::Map(entries) => entries.last().map(|(_, node)| end(node)),
    };
    inner.unwrap_or_default().max(node.span.end)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
