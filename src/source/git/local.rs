//! A repository on this machine, read where it is.
//!
//! No copy is made: objects never change, a branch is moved in one step, and objects that a commit
//! under way adds are not looked at. A repack while we read makes libgit2 look again.

use std::path::Path;

use git2::{ErrorCode, Repository, RepositoryOpenFlags};

use super::{Found, Position, branch_missing};
use crate::model::Revision;
use crate::source::SourceError;

/// Where the branch points.
pub(super) fn find(path: &Path, branch: &str, last: Option<&Revision>) -> Result<Position, SourceError> {
    let shown = path.display().to_string();
    let fail = |why: String| SourceError::Local { path: shown.clone(), why };
    // A folder inside of a repository is not that repository.
    let repository = Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, std::iter::empty::<&Path>());
    let repository = repository.map_err(|error| fail(reason(path, &error)))?;
    let commit = match repository.find_reference(&format!("refs/heads/{branch}")) {
        Ok(reference) => reference.peel_to_commit().map_err(|error| fail(error.message().to_owned()))?.id(),
        Err(error) if error.code() == ErrorCode::NotFound => {
            let others = branches(&repository).map_err(|error| fail(error.message().to_owned()))?;
            return Err(branch_missing(&shown, branch, others));
        }
        Err(error) => return Err(fail(error.message().to_owned())),
    };
    match last {
        Some(last) if last.id == commit.to_string() => Ok(Position::Same(last.clone())),
        Some(_) | None => Ok(Position::Moved(Found { repository, commit })),
    }
}

fn branches(repository: &Repository) -> Result<Vec<String>, git2::Error> {
    let mut names = Vec::new();
    for reference in repository.references_glob("refs/heads/*")? {
        let name = String::from_utf8_lossy(reference?.name_bytes()).into_owned();
        names.push(name.trim_start_matches("refs/heads/").to_owned());
    }
    Ok(names)
}

fn reason(path: &Path, error: &git2::Error) -> String {
    match error.code() {
        ErrorCode::Owner => "it belongs to another user: run as that user, or name it in `git config \
                             --global safe.directory`"
            .to_owned(),
        ErrorCode::NotFound if !path.exists() => "there is no such folder".to_owned(),
        ErrorCode::NotFound => "it is not a Git repository".to_owned(),
        _ => error.message().to_owned(),
    }
}
