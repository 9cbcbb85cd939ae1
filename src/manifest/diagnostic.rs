//! What is wrong with the manifests of a commit: all of it, each with its place and the way out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::files::{FileId, Files};
use super::node::{Span, Variable};
use super::render;

/// One error, told to whoever wrote the manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// `None` for what is wrong with the commit as a whole.
    pub place: Option<Span>,
    /// What is wrong, as a lower-case fragment.
    pub title: String,
    /// Said under the carets; may be empty.
    pub label: String,
    /// Other places that belong to it, each with what it is.
    pub related: Vec<(Span, String)>,
    /// The way out, and AWS's name of the structure.
    pub notes: Vec<String>,
}

/// All errors of a commit. Never empty.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// By file and place.
    pub list: Vec<Diagnostic>,
    /// Manifest files that were read.
    pub files: usize,
    /// The files with errors.
    pub(super) sources: BTreeMap<FileId, SourceFile>,
}

#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub path: Arc<str>,
    pub text: String,
}

impl Diagnostic {
    pub fn at(span: Span, title: impl Into<String>) -> Self {
        Self {
            place: Some(span),
            title: title.into(),
            label: String::new(),
            related: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub fn of_commit(title: impl Into<String>) -> Self {
        Self {
            place: None,
            title: title.into(),
            label: String::new(),
            related: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Adds where the variables were set that the value came from.
    #[must_use]
    pub fn set_by(self, variables: &[Rc<Variable>]) -> Self {
        variables.iter().fold(self, |it, variable| it.related(variable.set, variable.says.as_str()))
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

impl Diagnostics {
    /// Sorts, drops repetitions (one alias may be wrong in many places), and keeps the texts that
    /// the carets point into.
    pub(super) fn new(mut list: Vec<Diagnostic>, files: &Files<'_>) -> Self {
        list.sort();
        list.dedup();
        let places = list.iter().flat_map(|diagnostic| {
            diagnostic.place.iter().chain(diagnostic.related.iter().map(|(place, _)| place))
        });
        let sources = places
            .map(|place| place.file)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|file| (file, SourceFile { path: files.path(file), text: files.text(file).to_owned() }))
            .collect();
        Self { list, files: files.count(), sources }
    }

    /// The errors of both, each once: one commit checked for several environments.
    #[must_use]
    pub fn and(mut self, other: Diagnostics) -> Diagnostics {
        self.list.extend(other.list);
        self.list.sort();
        self.list.dedup();
        self.sources.extend(other.sources);
        self
    }

    /// As people read it, with or without terminal colours. Ends with the summary.
    pub fn render(&self, colour: bool) -> String {
        render::render(self, colour)
    }

    /// The errors of one file.
    pub fn of_file(&self, path: &str) -> impl Iterator<Item = &Diagnostic> {
        let file = self.sources.iter().find(|(_, source)| *source.path == *path).map(|(file, _)| *file);
        let place = move |diagnostic: &&Diagnostic| diagnostic.place.is_some_and(|at| Some(at.file) == file);
        self.list.iter().filter(place)
    }

    /// `2 errors in 2 of 14 files.`
    pub fn summary(&self) -> String {
        let count =
            |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
        let errors = count(self.list.len(), "error");
        let with_errors: BTreeSet<FileId> =
            self.list.iter().filter_map(|diagnostic| Some(diagnostic.place?.file)).collect();
        match with_errors.len() {
            0 => format!("{errors}."),
            broken => format!("{errors} in {broken} of {}.", count(self.files, "file")),
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}
