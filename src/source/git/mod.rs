//! A branch of a Git repository, fetched again and again; each commit is read whole or not at all.

mod cache;
pub(super) mod history;
mod local;
pub(super) mod tree;
pub(super) mod write;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod remote_tests;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use git_https::Credentials;

use super::SourceError;
use super::files::clean_folder;
use super::url::Location;
use crate::model::{Checkout, Revision};
use history::History;

use cache::Cache;

/// Branches that a message names, when the one asked for is missing.
const BRANCHES_NAMED_MAX: usize = 10;

/// Where commits are read from.
#[derive(Clone, Debug)]
pub struct GitSettings {
    /// `https://…`, `file://…`, or the path of a repository on this machine.
    pub url: String,
    pub branch: String,
    /// The manifest folder, from the root of the repository; empty for the root itself.
    pub path: String,
    pub credentials: Option<Credentials>,
    /// PEM file of the only authorities that are believed, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Where fetched objects are kept; used by one process at a time. Everything in it can be
    /// fetched again.
    pub cache_dir: PathBuf,
}

/// What one fetch found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The branch still points to the commit that was handed out last.
    Unchanged(Revision),
    New(Checkout),
}

/// A branch to look at repeatedly.
pub struct GitSource {
    branch: String,
    folder: String,
    site: Site,
    /// The commit that was handed out last.
    last: Option<Revision>,
}

enum Site {
    Local(PathBuf),
    Remote(Box<Cache>),
}

/// Where the branch points, compared with the commit that was handed out last.
enum Position {
    Same(Revision),
    Moved(Found),
}

/// A commit that can be read now.
struct Found {
    repository: git2::Repository,
    commit: git2::Oid,
}

impl GitSource {
    /// Checks the settings; touches neither network nor repository.
    pub fn new(settings: GitSettings) -> Result<Self, SourceError> {
        let GitSettings { url, branch, path, credentials, ca_file, cache_dir } = settings;
        if !git2::Reference::is_valid_name(&format!("refs/heads/{branch}")) || branch.starts_with('-') {
            let why = "Git allows no such name".to_owned();
            return Err(SourceError::BranchName { branch, why });
        }
        let site = match Location::parse(&url)? {
            Location::Local(path) => Site::Local(path),
            Location::Remote(url) => {
                Site::Remote(Box::new(Cache::new(url, &branch, credentials.as_ref(), ca_file, &cache_dir)?))
            }
        };
        Ok(Self { branch, folder: clean_folder(&path)?, site, last: None })
    }

    /// The commits before the one that was handed out last, as far as they are here.
    pub fn history(&self) -> History {
        let repository = match &self.site {
            Site::Local(path) => git2::Repository::open(path).ok(),
            Site::Remote(cache) => cache.opened(),
        };
        let commit = self.last.as_ref().and_then(|last| git2::Oid::from_str(&last.id).ok());
        match (repository, commit) {
            (Some(repository), Some(commit)) => history::of(&repository, commit, &self.branch, &self.folder),
            _ => History::default(),
        }
    }

    /// Looks where the branch points, and reads that commit if it was not handed out last.
    ///
    /// Blocks on network and disk. After an error the next call starts over.
    pub fn fetch(&mut self) -> Result<Fetched, SourceError> {
        let last = self.last.as_ref();
        let found = match &mut self.site {
            Site::Local(path) => local::find(path, &self.branch, last)?,
            Site::Remote(cache) => cache.find(&self.branch, last)?,
        };
        let found = match found {
            Position::Same(last) => return Ok(Fetched::Unchanged(last)),
            Position::Moved(found) => found,
        };
        let checkout = tree::checkout(&found.repository, found.commit, &self.branch, &self.folder);
        if let (Err(SourceError::Incomplete { .. }), Site::Remote(cache)) = (&checkout, &mut self.site) {
            cache.distrust();
        }
        let checkout = checkout?;
        self.last = Some(checkout.revision.clone());
        Ok(Fetched::New(checkout))
    }
}

/// Why the branch is not there, given those that are.
fn branch_missing(url: &str, branch: &str, mut others: Vec<String>) -> SourceError {
    let (url, branch) = (url.to_owned(), branch.to_owned());
    if others.is_empty() {
        return SourceError::Empty { url, branch };
    }
    others.sort();
    let count = others.len();
    let named: Vec<String> =
        others.iter().take(BRANCHES_NAMED_MAX).map(|name| format!("`{}`", name.escape_debug())).collect();
    let more = match count.saturating_sub(BRANCHES_NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    SourceError::BranchMissing { url, branch, others: format!("it has {}{more}", named.join(", ")) }
}
