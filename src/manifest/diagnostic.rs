//! What is wrong with the manifests of a commit: all of it, each with its place and the way out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::node::Span;
use super::render;

/// One error, told to whoever wrote the manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// `None` for what is wrong with the commit as a whole.
    pub place: Option<Place>,
    /// What is wrong, as a lower-case fragment.
    pub title: String,
    /// Said under the carets; may be empty.
    pub label: String,
    /// Other places that belong to it, each with what it is.
    pub related: Vec<(Place, String)>,
    /// The way out, and AWS's name of the structure.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: String,
    pub span: Span,
}

/// All errors of a commit. Never empty.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// By file and place.
    pub list: Vec<Diagnostic>,
    /// Manifest files that were read.
    pub files: usize,
    /// Text of the files with errors.
    pub(super) sources: BTreeMap<String, String>,
}

impl Diagnostic {
    pub fn at(file: &str, span: Span, title: impl Into<String>) -> Self {
        let place = Some(Place { file: file.to_owned(), span });
        Self { place, title: title.into(), label: String::new(), related: Vec::new(), notes: Vec::new() }
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
    pub fn related(mut self, file: &str, span: Span, label: impl Into<String>) -> Self {
        self.related.push((Place { file: file.to_owned(), span }, label.into()));
        self
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
    pub(super) fn new(mut list: Vec<Diagnostic>, files: &BTreeMap<String, String>, count: usize) -> Self {
        list.sort();
        list.dedup();
        let named: BTreeSet<&str> = list
            .iter()
            .flat_map(|diagnostic| {
                diagnostic.place.iter().chain(diagnostic.related.iter().map(|(place, _)| place))
            })
            .map(|place| place.file.as_str())
            .collect();
        let sources = files
            .iter()
            .filter(|(path, _)| named.contains(path.as_str()))
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect();
        Self { list, files: count, sources }
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

    /// `2 errors in 2 of 14 files.`
    pub fn summary(&self) -> String {
        let count =
            |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
        let errors = count(self.list.len(), "error");
        let with_errors: BTreeSet<&str> = self
            .list
            .iter()
            .filter_map(|diagnostic| Some(diagnostic.place.as_ref()?.file.as_str()))
            .collect();
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
