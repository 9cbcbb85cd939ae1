//! The commits before the newest, for explanations: as far as their objects are there, and bounded.

use git2::{Commit, Oid, Repository};

use super::tree;
use crate::model::Checkout;

/// Commits that are walked back.
const COMMITS_MAX: usize = 200;
/// Commits whose manifests are read, and how many files in all.
const READ_MAX: usize = 32;
const FILES_MAX: usize = 4_000;

/// What came before a commit, along its first parents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Newest first, the commit itself included; only those that changed the manifest folder.
    pub commits: Vec<Checkout>,
    /// The commit before the last of them, where only its name is known, as in a shallow copy.
    pub before: Option<String>,
}

/// Walks back from a commit. What can't be read ends the walk: nothing depends on it.
pub(crate) fn of(repository: &Repository, newest: Oid, branch: &str, folder: &str) -> History {
    let mut history = History::default();
    let (mut next, mut files, mut last_tree) = (Some(newest), 0, None);
    for _ in 0..COMMITS_MAX {
        let Some(id) = next else { break };
        history.before = Some(id.to_string());
        let Ok(commit) = repository.find_commit(id) else { break };
        next = parent(&commit);
        let tree = folder_tree(&commit, folder);
        if let Some(last) = history.commits.last_mut().filter(|_| tree.is_some() && tree == last_tree) {
            // The same manifests: the older commit is the one that brought them.
            last.revision = tree::revision(&commit, branch);
            history.before = next.map(|id| id.to_string());
            continue;
        }
        let Ok(checkout) = tree::checkout(repository, id, branch, folder) else { break };
        files += checkout.files.len();
        history.commits.push(checkout);
        history.before = next.map(|id| id.to_string());
        last_tree = tree;
        if history.commits.len() >= READ_MAX || files >= FILES_MAX {
            break;
        }
    }
    history
}

/// The first parent by the commit's own words: in a shallow copy libgit2 says that there is none.
fn parent(commit: &Commit<'_>) -> Option<Oid> {
    let header = String::from_utf8_lossy(commit.raw_header_bytes()).into_owned();
    header.lines().find_map(|line| Oid::from_str(line.strip_prefix("parent ")?).ok())
}

fn folder_tree(commit: &Commit<'_>, folder: &str) -> Option<Oid> {
    let tree = commit.tree().ok()?;
    match folder.trim_matches('/') {
        "" => Some(tree.id()),
        folder => tree.get_path(std::path::Path::new(folder)).ok().map(|entry| entry.id()),
    }
}
