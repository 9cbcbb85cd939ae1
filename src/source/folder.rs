//! A plain working folder as a checkout, for `plan` and `validate` on a laptop: what is on disk
//! now, committed or not, under the same rules as a commit.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use git2::{Repository, RepositoryOpenFlags};

use super::SourceError;
use super::files::{Collected, is_manifest};
use super::git::history::{self, History};
use super::git::tree;
use super::ignored::IGNORE_FILE;
use crate::model::{Checkout, Revision, Timestamp};

/// The id of a checkout that no repository encloses.
pub const PLAIN_FOLDER: &str = "folder";
/// What follows the commit's id when the files are not those of that commit.
pub const DIRTY: &str = "-dirty";

/// Reads all manifests below `folder`.
///
/// Inside a repository, paths count from the repository's root and the revision is that of HEAD;
/// its id ends in [`DIRTY`] when the files differ from the commit's. Elsewhere paths count from
/// `folder`, and the id is [`PLAIN_FOLDER`].
pub fn checkout(folder: &Path) -> Result<Checkout, SourceError> {
    let shown = folder.display().to_string();
    let local = |error: &std::io::Error| SourceError::Folder { path: shown.clone(), why: reason(error) };
    let absolute = folder.canonicalize().map_err(|error| local(&error))?;
    let enclosing = enclosing(&absolute);
    let inside = enclosing.as_ref().map_or(String::new(), |(_, inside)| inside.clone());

    let mut collected = Collected::new(&shown);
    let mut walk = Walk { newest: Timestamp(0), collected: &mut collected, shown: &shown };
    walk.ignored(&absolute, &inside)?;
    walk.folder(&absolute, &inside, 0)?;
    let newest = walk.newest;
    let files = collected.into_files();
    if files.is_empty() {
        let folder = format!("`{shown}`");
        return Err(SourceError::NoManifest { revision: "the working folder".to_owned(), folder });
    }

    let head = enclosing.and_then(|(repository, inside)| head(&repository, &inside));
    let revision = match head {
        Some(head) if head.files.as_ref() == Some(&files) => head.revision,
        Some(head) => Revision { id: format!("{}{DIRTY}", head.revision.id), ..head.revision },
        None => Revision {
            id: PLAIN_FOLDER.to_owned(),
            branch: String::new(),
            author: String::new(),
            subject: String::new(),
            committed_at: newest,
        },
    };
    Ok(Checkout { revision, files })
}

/// The commits up to HEAD of the repository around a folder; nothing where there is none.
pub fn history(folder: &Path) -> History {
    let Some((repository, inside)) = folder.canonicalize().ok().and_then(|folder| enclosing(&folder)) else {
        return History::default();
    };
    let newest = repository.head().and_then(|head| head.peel_to_commit()).map(|commit| commit.id());
    newest.map_or_else(|_| History::default(), |newest| history::of(&repository, newest, "", &inside))
}

struct Walk<'a, 'b> {
    collected: &'a mut Collected<'b>,
    shown: &'a str,
    /// When the youngest manifest was written.
    newest: Timestamp,
}

impl Walk<'_, '_> {
    fn ignored(&mut self, directory: &Path, folder: &str) -> Result<(), SourceError> {
        let file = directory.join(IGNORE_FILE);
        match std::fs::read(&file) {
            Ok(content) => self.collected.ignore(folder, &content),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.unread(&file, &error)),
        }
    }

    fn folder(&mut self, directory: &Path, folder: &str, depth: usize) -> Result<(), SourceError> {
        let entries = std::fs::read_dir(directory).map_err(|error| self.unread(directory, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| self.unread(directory, &error))?;
            let name = entry.file_name();
            if name == ".git" {
                continue;
            }
            let path = self.collected.enter(folder, name.as_encoded_bytes(), depth)?;
            if self.collected.ignores(&path) {
                continue;
            }
            // Of the entry itself: a link is seen as a link.
            let kind = entry.file_type().map_err(|error| self.unread(&entry.path(), &error))?;
            if kind.is_dir() {
                self.folder(&entry.path(), &path, depth + 1)?;
            } else if kind.is_symlink() {
                return Err(self.collected.refused(&path, "is a symbolic link: put the file itself there"));
            } else if is_manifest(&path) {
                if !kind.is_file() {
                    return Err(self.collected.refused(&path, "is neither a regular file nor a folder"));
                }
                self.file(&entry.path(), path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, file: &Path, path: String) -> Result<(), SourceError> {
        let metadata = file.metadata().map_err(|error| self.unread(file, &error))?;
        self.collected.admit(&path, metadata.len())?;
        let content = std::fs::read(file).map_err(|error| self.unread(file, &error))?;
        let written = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let written = written.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0);
        self.newest = self.newest.max(Timestamp(written));
        self.collected.keep(path, &content)
    }

    fn unread(&self, path: &Path, error: &std::io::Error) -> SourceError {
        let why = format!("`{}`: {}", path.display(), reason(error));
        SourceError::Incomplete { revision: self.shown.to_owned(), why }
    }
}

/// What HEAD says of the folder.
struct Head {
    revision: Revision,
    /// `None` if the commit's folder could not be read, or is not there.
    files: Option<std::collections::BTreeMap<String, String>>,
}

fn head(repository: &Repository, inside: &str) -> Option<Head> {
    let head = repository.head().ok()?;
    let commit = head.peel_to_commit().ok()?;
    let branch =
        if head.is_branch() { head.shorthand().unwrap_or_default().to_owned() } else { String::new() };
    let revision = tree::revision(&commit, &branch);
    let files = tree::checkout(repository, commit.id(), &branch, inside).ok().map(|checkout| checkout.files);
    Some(Head { revision, files })
}

/// The repository around a folder, and the folder's path inside it.
fn enclosing(folder: &Path) -> Option<(Repository, String)> {
    let repository =
        Repository::open_ext(folder, RepositoryOpenFlags::empty(), std::iter::empty::<PathBuf>()).ok()?;
    let root = repository.workdir()?.canonicalize().ok()?;
    let inside = folder.strip_prefix(root).ok()?.to_str()?.to_owned();
    Some((repository, inside))
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::source::git::testing::Source;

    #[test]
    fn a_folder_without_a_repository_is_read_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("base")).unwrap();
        std::fs::write(folder.path().join("base/api.yaml"), "kind: Service\n").unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no manifest").unwrap();
        let checkout = checkout(folder.path()).unwrap();
        assert_eq!(checkout.revision.id, PLAIN_FOLDER);
        assert_eq!(checkout.revision.to_string(), "folder");
        assert!(checkout.revision.committed_at > Timestamp(0));
        assert_eq!(checkout.files.into_keys().collect::<Vec<_>>(), ["base/api.yaml"]);
    }

    #[test]
    fn a_committed_folder_has_the_revision_of_head_until_it_is_edited() {
        let source = Source::with_work_tree();
        let id = source.commit("Add the API", &[("manifests/api.yaml", "kind: Service\n")]);
        let folder = source.path().join("manifests");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("api.yaml"), "kind: Service\n").unwrap();

        let clean = checkout(&folder).unwrap();
        assert_eq!(clean.revision.id, id);
        assert_eq!(clean.revision.subject, "Add the API");
        assert!(clean.files.contains_key("manifests/api.yaml"));

        std::fs::write(folder.join("worker.yaml"), "kind: Service\n").unwrap();
        let dirty = checkout(&folder).unwrap();
        assert_eq!(dirty.revision.id, format!("{id}-dirty"));
        assert!(dirty.revision.to_string().ends_with("-dirty"));
        assert_eq!(dirty.files.len(), 2);
    }

    #[test]
    fn what_the_ignore_file_names_is_passed_over_in_a_folder_too() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("examples")).unwrap();
        std::fs::write(folder.path().join("examples/other.yaml"), "kind: Service\n").unwrap();
        std::fs::write(folder.path().join("api.yaml"), "kind: Service\n").unwrap();
        std::fs::write(folder.path().join(".reconcilerignore"), "examples\n").unwrap();
        assert_eq!(checkout(folder.path()).unwrap().files.into_keys().collect::<Vec<_>>(), ["api.yaml"]);
    }

    #[test]
    fn a_link_in_a_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("api.yaml")).unwrap();
        let error = checkout(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("`api.yaml` is a symbolic link: put the file itself there"), "{error}");
    }

    #[test]
    fn a_folder_that_is_missing_or_empty_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = checkout(&folder.path().join("manifests")).unwrap_err().to_string();
        assert!(error.ends_with("manifests`: there is no such folder"), "{error}");
        assert!(matches!(checkout(folder.path()), Err(SourceError::NoManifest { .. })));
    }

    #[test]
    fn the_limits_hold_for_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("big.yaml"), vec![b'#'; 300 * 1024]).unwrap();
        let error = checkout(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("`big.yaml` is 300 KiB large, the limit is 256 KiB"), "{error}");
    }
}
