//! Where each value of a spec was written, and which values could not be read.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::diagnostic::Diagnostic;
use super::files::Files;
use super::node::{Span, Variable};
use crate::model::{FieldPath, Origin, Origins, Proposal, Segment};

/// Places by path from `spec`, list elements by index.
#[derive(Clone, Debug, Default)]
pub struct Places {
    spots: BTreeMap<FieldPath, Spot>,
    /// Identity of a list element, such as a container's name.
    names: BTreeMap<FieldPath, String>,
    unsound: BTreeSet<FieldPath>,
    variables: BTreeMap<FieldPath, Vec<Rc<Variable>>>,
    /// List elements by name.
    removed: BTreeMap<FieldPath, Span>,
    /// Tags beside a range, and where each is written.
    proposals: Vec<(Proposal, Span)>,
    /// What was told to be missing before it was known what overlays took away, by its diagnostic's number.
    missing: Vec<(usize, FieldPath)>,
}

#[derive(Clone, Copy, Debug)]
struct Spot {
    key: Option<Span>,
    value: Span,
}

impl Places {
    pub fn record(&mut self, path: &FieldPath, key: Option<Span>, value: Span) {
        self.spots.insert(path.clone(), Spot { key, value });
    }

    /// Notes that an overlay took away what stood at `path`.
    pub fn remove(&mut self, path: &FieldPath, span: Span) {
        self.removed.insert(path.clone(), span);
    }

    /// Notes that the diagnostic of this number says that `path` is missing.
    pub fn miss(&mut self, diagnostic: usize, path: &FieldPath) {
        self.missing.push((diagnostic, path.clone()));
    }

    /// Points at the overlay in what was told of a field that it took away.
    pub fn point_at_removed(&self, diagnostics: &mut [Diagnostic]) {
        for (number, path) in &self.missing {
            if let (Some(span), Some(diagnostic)) = (self.removed(path), diagnostics.get_mut(*number)) {
                diagnostic.place = Some(span);
                "taken away here".clone_into(&mut diagnostic.label);
            }
        }
    }

    /// Notes a tag that newer ones are looked for.
    pub fn propose(&mut self, proposal: Proposal, tag: Span) {
        self.proposals.push((proposal, tag));
    }

    /// All of those, with their places.
    pub fn proposals(&self, files: &Files<'_>) -> Vec<Proposal> {
        let placed = |(proposal, span): &(Proposal, Span)| {
            let origin = Origin { file: files.path(span.file), line: span.line, column: span.column };
            Proposal { origin, ..proposal.clone() }
        };
        self.proposals.iter().map(placed).collect()
    }

    /// Notes which variables put the value at `path`.
    pub fn set_by(&mut self, path: &FieldPath, variables: &[Rc<Variable>]) {
        if !variables.is_empty() {
            self.variables.insert(path.clone(), variables.to_vec());
        }
    }

    /// The variables that put the value at `path`.
    pub fn variables(&self, path: &FieldPath) -> &[Rc<Variable>] {
        self.variables.get(path).map_or(&[], Vec::as_slice)
    }

    /// Notes that a list element goes by a name.
    pub fn name(&mut self, path: &FieldPath, name: impl Into<String>) {
        self.names.insert(path.clone(), name.into());
    }

    /// The element of a list that goes by a name; the list itself if none does.
    pub fn element(&self, list: &FieldPath, name: &str) -> FieldPath {
        let below = self.names.range(list..).take_while(|(path, _)| path.starts_with(list));
        let found = below.filter(|(path, known)| path.0.len() == list.0.len() + 1 && *known == name);
        // The last of several is the one that was kept.
        found.last().map_or_else(|| list.clone(), |(path, _)| path.clone())
    }

    /// Notes that what stands at `path` was refused: checks that would need it keep quiet.
    pub fn refuse(&mut self, path: &FieldPath) {
        self.unsound.insert(path.clone());
    }

    /// Whether nothing at, above or below `path` was refused.
    pub fn sound(&self, path: &FieldPath) -> bool {
        let above =
            (0..=path.0.len()).any(|length| self.unsound.contains(&FieldPath(path.0[..length].to_vec())));
        let below = self.unsound.range(path..).next().is_some_and(|found| found.starts_with(path));
        !above && !below
    }

    /// Where to point at for the value itself, or for the nearest value around it.
    pub fn value(&self, path: &FieldPath) -> Span {
        let removed = self.removed(path);
        removed.or_else(|| Some(self.nearest(path)?.value)).unwrap_or_default()
    }

    /// Where to point at for the field's name.
    pub fn key(&self, path: &FieldPath) -> Span {
        let removed = self.removed(path);
        removed.or_else(|| self.nearest(path).map(|spot| spot.key.unwrap_or(spot.value))).unwrap_or_default()
    }

    /// Where an overlay took away what stood at `path`.
    fn removed(&self, path: &FieldPath) -> Option<Span> {
        if self.removed.is_empty() { None } else { self.removed.get(&self.named(path)).copied() }
    }

    fn nearest(&self, path: &FieldPath) -> Option<&Spot> {
        (0..=path.0.len()).rev().find_map(|length| self.spots.get(&FieldPath(path.0[..length].to_vec())))
    }

    /// All places as the plan looks them up: list elements by name where they have one.
    ///
    /// A value on the line of what is around it is left out, for `nearest` answers with that line.
    /// It keeps a thousand services small.
    pub fn origins(&self, files: &Files<'_>) -> Origins {
        let origin =
            |span: Span| Origin { file: files.path(span.file), line: span.line, column: span.column };
        let mut origins = Origins::default();
        // In the order of paths, what is around a value comes before it.
        for (path, spot) in &self.spots {
            let span = spot.key.unwrap_or(spot.value);
            let named = self.named(path);
            if origins
                .nearest(&named)
                .is_none_or(|around| around.line != span.line || *around.file != *files.path(span.file))
            {
                origins.insert(&named, origin(span));
            }
        }
        // What is not there any more has its origin in the words that took it away.
        self.removed.iter().for_each(|(path, span)| origins.insert(path, origin(*span)));
        for (path, variables) in &self.variables {
            let names = variables.iter().filter_map(|variable| variable.looked_up.clone());
            let names: BTreeSet<String> = names.collect();
            if !names.is_empty() {
                origins.looked_up.insert(self.named(path), names);
            }
        }
        origins
    }

    fn named(&self, path: &FieldPath) -> FieldPath {
        let segments = path.0.iter().enumerate().map(|(place, segment)| match segment {
            Segment::Index(_) => self
                .names
                .get(&FieldPath(path.0[..=place].to_vec()))
                .map_or_else(|| segment.clone(), |name| Segment::Key(name.clone())),
            Segment::Field(_) | Segment::Key(_) => segment.clone(),
        });
        FieldPath(segments.collect())
    }
}
