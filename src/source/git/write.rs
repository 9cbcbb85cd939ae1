//! A commit of our own: some texts in some files are others, and nothing else is.

use std::collections::BTreeMap;
use std::path::Path;

use git2::build::TreeUpdateBuilder;
use git2::{Commit, ErrorCode, FileMode, Oid, Repository, Signature, Time};

use super::{GitSource, Position, Site};
use crate::model::Timestamp;
use crate::source::SourceError;

/// How often a branch may move before we give up until the next look.
const ATTEMPTS_MAX: usize = 3;
/// Who commits.
const NAME: &str = "reconciler";
const ADDRESS: &str = "reconciler@localhost";

/// What is to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The first line says what, the rest why.
    pub message: String,
    pub replacements: Vec<Replacement>,
    pub at: Timestamp,
}

/// One scalar in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// From the root of the repository.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub before: String,
    pub after: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The branch points to this commit now.
    Commit(String),
    /// Git says something else there by now.
    Outdated,
}

/// Whether somebody else was faster.
pub(super) enum Moved {
    No,
    Yes,
}

impl GitSource {
    /// Commits a change on top of whatever the branch points to, and never forces it: where somebody else was
    /// faster, the change is made anew on top of theirs, if it still fits.
    pub fn write(&mut self, change: &Change) -> Result<Written, SourceError> {
        let branch = self.branch.clone();
        for _ in 0..ATTEMPTS_MAX {
            let found = match &mut self.site {
                Site::Local(path) => super::local::find(path, &branch, None)?,
                Site::Remote(cache) => cache.find(&branch, None)?,
            };
            let Position::Moved(found) = found else { return Ok(Written::Outdated) };
            let fail = |error: git2::Error| self.site.unwritten(error.message());
            let Some(commit) = committed(&found.repository, found.commit, change).map_err(fail)? else {
                return Ok(Written::Outdated);
            };
            let moved = match &self.site {
                Site::Local(path) => moved_here(&found.repository, path, &branch, (found.commit, commit))?,
                Site::Remote(cache) => cache.push(&found.repository, &branch, commit)?,
            };
            match moved {
                Moved::No => return Ok(Written::Commit(commit.to_string())),
                Moved::Yes => {}
            }
        }
        Err(self.site.unwritten("the branch moved each time"))
    }
}

impl Site {
    fn unwritten(&self, why: &str) -> SourceError {
        let url = match self {
            Site::Local(path) => path.display().to_string(),
            Site::Remote(cache) => cache.url().to_owned(),
        };
        SourceError::Write { url, why: why.to_owned() }
    }
}

/// Makes the commit; `None`: what it would replace is not there.
fn committed(repository: &Repository, parent: Oid, change: &Change) -> Result<Option<Oid>, git2::Error> {
    let parent = repository.find_commit(parent)?;
    let Some(tree) = changed_tree(repository, &parent, &change.replacements)? else { return Ok(None) };
    let tree = repository.find_tree(tree)?;
    let who = Signature::new(NAME, ADDRESS, &Time::new(change.at.0 / 1000, 0))?;
    repository.commit(None, &who, &who, &change.message, &tree, &[&parent]).map(Some)
}

fn changed_tree(
    repository: &Repository,
    parent: &Commit<'_>,
    replacements: &[Replacement],
) -> Result<Option<Oid>, git2::Error> {
    let tree = parent.tree()?;
    let mut texts: BTreeMap<&str, (String, FileMode)> = BTreeMap::new();
    for replacement in replacements {
        let file = replacement.file.as_str();
        if !texts.contains_key(file) {
            let Ok(entry) = tree.get_path(Path::new(file)) else { return Ok(None) };
            let mode = match entry.filemode() {
                0o100_755 => FileMode::BlobExecutable,
                _ => FileMode::Blob,
            };
            let blob = repository.find_blob(entry.id())?;
            let Ok(text) = String::from_utf8(blob.content().to_vec()) else { return Ok(None) };
            texts.insert(file, (text, mode));
        }
        let Some((text, _)) = texts.get_mut(file) else { return Ok(None) };
        match replaced(text, replacement) {
            Some(changed) => *text = changed,
            None => return Ok(None),
        }
    }
    let mut update = TreeUpdateBuilder::new();
    for (file, (text, mode)) in &texts {
        update.upsert(*file, repository.blob(text.as_bytes())?, *mode);
    }
    update.create_updated(repository, &tree).map(Some)
}

/// The text with one scalar replaced; `None`: it does not stand there.
fn replaced(text: &str, replacement: &Replacement) -> Option<String> {
    let Replacement { line, column, before, after, .. } = replacement;
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let written = text[start..].split_inclusive('\n').next()?;
    let at = written.char_indices().nth(column.checked_sub(1)?).map(|(at, _)| start + at)?;
    let quote = usize::from(text[at..].starts_with(['"', '\'']));
    let at = at + quote;
    let rest = text.get(at..)?.strip_prefix(before.as_str())?;
    // A longer word that only begins alike is another one.
    let ends = |letter: char| !letter.is_ascii_alphanumeric() && !"_.-".contains(letter);
    rest.chars().next().is_none_or(ends).then(|| format!("{}{after}{rest}", &text[..at]))
}

/// Moves a branch of a repository on this machine, if it still points where it did.
fn moved_here(
    repository: &Repository,
    path: &Path,
    branch: &str,
    (from, to): (Oid, Oid),
) -> Result<Moved, SourceError> {
    let fail = |why: &str| SourceError::Write { url: path.display().to_string(), why: why.to_owned() };
    let reference = format!("refs/heads/{branch}");
    let head = repository.find_reference("HEAD").ok();
    let checked_out =
        head.as_ref().and_then(|head| head.symbolic_target().ok().flatten()) == Some(&reference);
    if checked_out && !repository.is_bare() {
        // Its owner would find files that are not what the branch says.
        return Err(fail(&format!("`{branch}` is checked out there; push to a bare repository")));
    }
    match repository.reference_matching(&reference, to, true, from, "reconciler: newer tags") {
        Ok(_) => Ok(Moved::No),
        Err(error) if [ErrorCode::Modified, ErrorCode::Locked].contains(&error.code()) => Ok(Moved::Yes),
        Err(error) => Err(fail(error.message())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::testing::{Source, settings};
    use super::*;

    const FILE: &str =
        "# kept\nspec:\n  image: {repository: r, tags: \">=1\", tag: '1.4.2'}  # and this\n  tag: 1.4.2-x\n";

    fn replacement() -> Replacement {
        Replacement {
            file: "manifests/api.yaml".to_owned(),
            line: 3,
            column: 44,
            before: "1.4.2".to_owned(),
            after: "1.5.0".to_owned(),
        }
    }

    fn change() -> Change {
        let message = "Take api 1.5.0\n\nIt is the newest.\n".to_owned();
        Change { message, replacements: vec![replacement()], at: Timestamp(1_800_000_000_000) }
    }

    fn text_of(source: &Source, commit: &str) -> String {
        let commit = source.repository.find_commit(Oid::from_str(commit).unwrap()).unwrap();
        let entry = commit.tree().unwrap().get_path(Path::new("manifests/api.yaml")).unwrap();
        let blob = source.repository.find_blob(entry.id()).unwrap();
        String::from_utf8(blob.content().to_vec()).unwrap()
    }

    #[test]
    fn only_the_scalar_changes_and_only_where_it_still_says_what_it_said() {
        let expected = FILE.replace("'1.4.2'", "'1.5.0'");
        assert_eq!(replaced(FILE, &replacement()), Some(expected));
        let elsewhere = [(3, 43), (3, 1), (4, 8), (9, 1), (0, 0)];
        for (line, column) in elsewhere {
            let moved = Replacement { line, column, ..replacement() };
            if (line, column) != (3, 43) {
                assert_eq!(replaced(FILE, &moved), None, "{line}:{column}");
            }
        }
    }

    #[test]
    fn a_newer_tag_is_committed_on_top_of_what_others_pushed() {
        let source = Source::empty();
        let first = source.commit("One", &[("manifests/api.yaml", FILE), ("other", "x")]);
        let mut git = source.opened();
        let Written::Commit(written) = git.write(&change()).unwrap() else { panic!("outdated") };
        let commit = source.repository.find_commit(Oid::from_str(&written).unwrap()).unwrap();
        assert_eq!(commit.parent_id(0).unwrap().to_string(), first);
        assert_eq!(commit.message().unwrap(), "Take api 1.5.0\n\nIt is the newest.\n");
        assert_eq!(commit.author().name().unwrap(), "reconciler");
        assert_eq!(commit.tree().unwrap().len(), 2);
        assert_eq!(text_of(&source, &written), FILE.replace("'1.4.2'", "'1.5.0'"));
        // It says something else by now.
        assert_eq!(git.write(&change()), Ok(Written::Outdated));
    }

    #[test]
    fn a_branch_that_is_checked_out_is_not_moved_under_its_owner() {
        let source = Source::with_work_tree();
        source.commit("One", &[("manifests/api.yaml", FILE)]);
        let url = source.path().display().to_string();
        let mut git = GitSource::new(settings(&url, source.path())).unwrap();
        let error = git.write(&change()).unwrap_err().to_string();
        assert!(error.ends_with("`main` is checked out there; push to a bare repository"), "{error}");
    }
}
