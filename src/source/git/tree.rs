//! One commit's manifest folder, read from the object store. There is no work tree, so nothing in
//! a commit can be a link, run a filter, or land outside.

use std::collections::BTreeMap;

use git2::{Commit, ErrorCode, ObjectType, Odb, Oid, Repository, Tree, TreeEntry};

use crate::model::{Checkout, Revision, Timestamp};
use crate::source::SourceError;
use crate::source::files::{Collected, DEPTH_MAX, is_manifest};
use crate::source::ignored::IGNORE_FILE;

/// Names of a commit's folders that a message gives, when the one asked for is missing.
const FOLDERS_NAMED_MAX: usize = 10;

const MODE_TREE: i32 = 0o040_000;
const MODE_FILE: i32 = 0o100_644;
const MODE_EXECUTABLE: i32 = 0o100_755;
const MODE_SYMLINK: i32 = 0o120_000;
const MODE_SUBMODULE: i32 = 0o160_000;

/// Reads all manifests of a commit.
pub(crate) fn checkout(
    repository: &Repository,
    commit: Oid,
    branch: &str,
    folder: &str,
) -> Result<Checkout, SourceError> {
    let unnamed = |error: &git2::Error| incomplete(&short(branch, commit), error);
    let commit = repository.find_commit(commit).map_err(|error| unnamed(&error))?;
    let revision = revision(&commit, branch);
    let name = revision.to_string();
    let root = commit.tree().map_err(|error| incomplete(&name, &error))?;
    let reading = Reading { repository, odb: repository.odb().map_err(|error| incomplete(&name, &error))? };
    let mut collected = Collected::new(&name);
    let folder_tree = reading.descend(root, folder, &name, &collected)?;
    reading.ignored(&folder_tree, folder, &name, &mut collected)?;
    reading.folder(&folder_tree, folder, 0, &name, &mut collected)?;
    let files: BTreeMap<String, String> = collected.into_files();
    if files.is_empty() && !planted!("empty-tree-is-a-checkout") {
        let folder = if folder.is_empty() { "the repository".to_owned() } else { format!("`{folder}`") };
        return Err(SourceError::NoManifest { revision: name, folder });
    }
    Ok(Checkout { revision, files })
}

/// The commit as people recognise it. Bytes that are not UTF-8, and characters that could move a
/// terminal's cursor, are replaced.
pub(crate) fn revision(commit: &Commit<'_>, branch: &str) -> Revision {
    let plain = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes)
            .chars()
            .map(|character| if character.is_control() { ' ' } else { character })
            .collect::<String>()
    };
    Revision {
        id: commit.id().to_string(),
        branch: branch.to_owned(),
        author: plain(commit.author().name_bytes()),
        subject: plain(commit.message_bytes().split(|byte| *byte == b'\n').next().unwrap_or_default()),
        committed_at: Timestamp(commit.time().seconds().saturating_mul(1000)),
    }
}

struct Reading<'a> {
    repository: &'a Repository,
    odb: Odb<'a>,
}

impl<'a> Reading<'a> {
    /// The tree of the manifest folder.
    fn descend(
        &self,
        root: Tree<'a>,
        folder: &str,
        revision: &str,
        collected: &Collected<'_>,
    ) -> Result<Tree<'a>, SourceError> {
        let mut tree = root;
        let mut walked = String::new();
        for part in folder.split('/').filter(|part| !part.is_empty()) {
            walked = if walked.is_empty() { part.to_owned() } else { format!("{walked}/{part}") };
            let found = tree.get_name(part).map(|entry| (entry.filemode_raw(), entry.id()));
            tree = match found {
                Some((MODE_TREE, id)) => self.tree(id, revision)?,
                Some((mode @ (MODE_SYMLINK | MODE_SUBMODULE), _)) => {
                    return Err(collected.refused(&walked, refusal(mode)));
                }
                Some(_) | None => {
                    let help = folders(&tree);
                    let (revision, path) = (revision.to_owned(), walked);
                    return Err(SourceError::FolderMissing { revision, path, help });
                }
            };
        }
        Ok(tree)
    }

    fn ignored(
        &self,
        tree: &Tree<'_>,
        folder: &str,
        revision: &str,
        collected: &mut Collected<'_>,
    ) -> Result<(), SourceError> {
        let Some(entry) = tree.get_name(IGNORE_FILE) else { return Ok(()) };
        match entry.filemode_raw() {
            MODE_FILE | MODE_EXECUTABLE => {
                let object = self.odb.read(entry.id()).map_err(|error| incomplete(revision, &error))?;
                collected.ignore(folder, object.data())
            }
            mode => Err(collected.refused(IGNORE_FILE, refusal(mode))),
        }
    }

    fn folder(
        &self,
        tree: &Tree<'_>,
        folder: &str,
        depth: usize,
        revision: &str,
        collected: &mut Collected<'_>,
    ) -> Result<(), SourceError> {
        for entry in tree {
            let path = collected.enter(folder, entry.name_bytes(), depth)?;
            if collected.ignores(&path) {
                continue;
            }
            match entry.filemode_raw() {
                // `enter` bounds the depth, so this recursion ends.
                MODE_TREE => {
                    debug_assert!(depth <= DEPTH_MAX);
                    planted!("passes-over-a-folder-that-is-missing" => if self.tree(entry.id(), revision).is_err() { continue; });
                    let inner = self.tree(entry.id(), revision)?;
                    self.folder(&inner, &path, depth + 1, revision, collected)?;
                }
                MODE_FILE | MODE_EXECUTABLE if is_manifest(&path) => {
                    self.file(&entry, path, revision, collected)?;
                }
                MODE_FILE | MODE_EXECUTABLE => {}
                MODE_SUBMODULE if planted!("passes-over-a-submodule") => {}
                MODE_SYMLINK if planted!("takes-a-link-for-a-file") => {
                    self.file(&entry, path, revision, collected)?;
                }
                mode => return Err(collected.refused(&path, refusal(mode))),
            }
        }
        Ok(())
    }

    fn file(
        &self,
        entry: &TreeEntry<'_>,
        path: String,
        revision: &str,
        collected: &mut Collected<'_>,
    ) -> Result<(), SourceError> {
        let in_file = |error: git2::Error| SourceError::Incomplete {
            revision: revision.to_owned(),
            why: format!("`{path}`: {}", object_reason(&error)),
        };
        // Asked first, so that a huge file is refused without being unpacked.
        let (bytes, kind) = self.odb.read_header(entry.id()).map_err(in_file)?;
        if kind != ObjectType::Blob {
            return Err(collected.refused(&path, "is listed as a file and is none"));
        }
        collected.admit(&path, bytes as u64)?;
        let object = self.odb.read(entry.id()).map_err(in_file)?;
        collected.keep(path, object.data())
    }

    fn tree(&self, id: Oid, revision: &str) -> Result<Tree<'a>, SourceError> {
        self.repository.find_tree(id).map_err(|error| incomplete(revision, &error))
    }
}

fn refusal(mode: i32) -> &'static str {
    match mode {
        MODE_SYMLINK => "is a symbolic link: commit the file itself",
        MODE_SUBMODULE => "is a submodule: commit its files, or point at its repository",
        _ => "is neither a regular file nor a folder",
    }
}

fn folders(tree: &Tree<'_>) -> String {
    let names: Vec<String> = tree
        .iter()
        .filter(|entry| entry.filemode_raw() == MODE_TREE)
        .map(|entry| format!("`{}`", String::from_utf8_lossy(entry.name_bytes()).escape_debug()))
        .take(FOLDERS_NAMED_MAX)
        .collect();
    if names.is_empty() { String::new() } else { format!("; there is {}", names.join(", ")) }
}

fn short(branch: &str, commit: Oid) -> String {
    format!("{branch}@{}", commit.to_string().get(..7).unwrap_or_default())
}

fn incomplete(revision: &str, error: &git2::Error) -> SourceError {
    SourceError::Incomplete { revision: revision.to_owned(), why: object_reason(error) }
}

fn object_reason(error: &git2::Error) -> String {
    match error.code() {
        ErrorCode::NotFound => "an object is missing from the repository".to_owned(),
        _ => error.message().to_owned(),
    }
}
