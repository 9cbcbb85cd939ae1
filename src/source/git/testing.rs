//! Real repositories for tests, hostile ones among them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use git2::{ObjectType, Oid, Repository, Signature, Time};

use super::{Fetched, GitSettings, GitSource};
use crate::model::Checkout;
use crate::source::SourceError;

/// A repository in a folder of its own, with commits on main.
pub(crate) struct Source {
    folder: tempfile::TempDir,
    pub(crate) repository: Repository,
}

/// One line of a tree object.
pub(crate) struct Entry<'a> {
    pub(crate) mode: &'a str,
    pub(crate) name: &'a [u8],
    pub(crate) id: Oid,
}

impl Source {
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        repository.set_head("refs/heads/main").unwrap();
        Self { folder, repository }
    }

    /// A repository as on a laptop, on branch main.
    pub(crate) fn with_work_tree() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        repository.set_head("refs/heads/main").unwrap();
        Self { folder, repository }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Commits exactly these files to main.
    pub(crate) fn commit(&self, message: &str, files: &[(&str, &str)]) -> String {
        let tree = self.tree_of(&files.iter().copied().collect());
        self.commit_tree("main", message, tree)
    }

    /// Moves a branch to a new commit with this tree.
    pub(crate) fn commit_tree(&self, branch: &str, message: &str, tree: Oid) -> String {
        let who = Signature::new("release-bot", "bot@example.com", &Time::new(1_763_672_640, 0)).unwrap();
        let reference = format!("refs/heads/{branch}");
        let parent = self.repository.find_reference(&reference).ok();
        let parent = parent.map(|reference| reference.peel_to_commit().unwrap());
        let tree = self.repository.find_tree(tree).unwrap();
        let parents: Vec<_> = parent.iter().collect();
        self.repository.commit(Some(&reference), &who, &who, message, &tree, &parents).unwrap().to_string()
    }

    pub(crate) fn blob(&self, content: &[u8]) -> Oid {
        self.repository.blob(content).unwrap()
    }

    /// Writes a tree object as it is told: git2's own builder would refuse most of what a hostile
    /// client can push.
    pub(crate) fn raw_tree(&self, entries: &[Entry<'_>]) -> Oid {
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend(format!("{} ", entry.mode).into_bytes());
            bytes.extend(entry.name);
            bytes.push(0);
            bytes.extend(entry.id.as_bytes());
        }
        self.repository.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap()
    }

    fn tree_of(&self, files: &BTreeMap<&str, &str>) -> Oid {
        let mut builder = self.repository.treebuilder(None).unwrap();
        let mut folders: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for (path, content) in files {
            match path.split_once('/') {
                Some((folder, rest)) => {
                    folders.entry(folder).or_default().insert(rest, content);
                }
                None => {
                    builder.insert(path, self.blob(content.as_bytes()), 0o100_644).unwrap();
                }
            }
        }
        for (folder, files) in folders {
            builder.insert(folder, self.tree_of(&files), 0o040_000).unwrap();
        }
        builder.write().unwrap()
    }

    /// A source that reads `manifests/` on main, straight from this repository.
    pub(crate) fn opened(&self) -> GitSource {
        GitSource::new(settings(&self.path().display().to_string(), self.path())).unwrap()
    }
}

pub(crate) fn settings(url: &str, cache_dir: &Path) -> GitSettings {
    GitSettings {
        url: url.to_owned(),
        branch: "main".to_owned(),
        path: "manifests".to_owned(),
        credentials: None,
        ca_file: None,
        cache_dir: cache_dir.to_owned(),
    }
}

pub(crate) fn new(fetched: Result<Fetched, SourceError>) -> Checkout {
    match fetched.unwrap() {
        Fetched::New(checkout) => checkout,
        Fetched::Unchanged(revision) => panic!("nothing new since {revision}"),
    }
}

pub(crate) fn sentence(fetched: Result<Fetched, SourceError>) -> String {
    fetched.unwrap_err().to_string()
}
