//! What may be in a manifest folder, and how much of it: one set of rules for commits and folders.

use std::collections::BTreeMap;

use super::SourceError;
use super::ignored::{IGNORE_FILE, Ignored};

/// Manifest files of one checkout.
pub(super) const FILES_MAX: usize = 2_000;
/// Entries looked at, manifests or not. A few tree objects that name each other can stand for
/// billions of files.
pub(super) const ENTRIES_MAX: usize = 20_000;
/// Size of one manifest file.
pub(super) const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Size of all manifest files of one checkout.
pub(super) const CHECKOUT_BYTES_MAX: u64 = 20 * 1024 * 1024;
/// Length of a path from the root of the repository, in bytes.
pub(super) const PATH_BYTES_MAX: usize = 255;
/// Folders within folders, from the manifest folder.
pub(super) const DEPTH_MAX: usize = 16;

/// Takes files one by one and refuses the first that breaks a rule.
pub(super) struct Collected<'a> {
    /// How messages name what is being read: `main@4c1f9e2`, or the folder.
    revision: &'a str,
    files: BTreeMap<String, String>,
    ignored: Ignored,
    entries: usize,
    bytes: u64,
}

impl<'a> Collected<'a> {
    pub(super) fn new(revision: &'a str) -> Self {
        Self { revision, files: BTreeMap::new(), ignored: Ignored::default(), entries: 0, bytes: 0 }
    }

    /// Takes the manifest folder's own word for what is to be passed over; to be told before the
    /// folder is walked.
    pub(super) fn ignore(&mut self, folder: &str, content: &[u8]) -> Result<(), SourceError> {
        let path = join(folder, IGNORE_FILE);
        if content.len() as u64 > FILE_BYTES_MAX {
            let what = format!("is {} KiB large", content.len().div_ceil(1024));
            return Err(self.limit(&path, what, format!("{} KiB", FILE_BYTES_MAX / 1024)));
        }
        let Ok(text) = std::str::from_utf8(content) else {
            return Err(self.refused(&path, "is not UTF-8 text"));
        };
        self.ignored = Ignored::read(text, folder).map_err(|why| self.refused(&path, &why))?;
        Ok(())
    }

    pub(super) fn ignores(&self, path: &str) -> bool {
        self.ignored.contains(path)
    }

    pub(super) fn into_files(self) -> BTreeMap<String, String> {
        self.files
    }

    /// Counts an entry and gives its path, if its name is one that may be there.
    ///
    /// `depth` is the number of folders between the manifest folder and the entry.
    pub(super) fn enter(&mut self, folder: &str, name: &[u8], depth: usize) -> Result<String, SourceError> {
        let shown = join(folder, &String::from_utf8_lossy(name));
        self.entries += 1;
        if self.entries > ENTRIES_MAX {
            let what = "is one entry too many";
            return Err(self.limit(&shown, what, format!("{ENTRIES_MAX} files and folders")));
        }
        let Ok(name) = std::str::from_utf8(name) else {
            return Err(self.refused(&shown, "has a name that is not UTF-8"));
        };
        let path = join(folder, name);
        planted!("names-may-lead-elsewhere" => return Ok(path));
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\']) {
            return Err(self.refused(&path, "has a name that leads elsewhere"));
        }
        if name.eq_ignore_ascii_case(".git") {
            return Err(self.refused(&path, "has a name that belongs to Git itself"));
        }
        if name.chars().any(char::is_control) {
            return Err(self.refused(&path.escape_debug().to_string(), "has a control character in its name"));
        }
        if path.len() > PATH_BYTES_MAX {
            let what = format!("has a path of {} bytes", path.len());
            return Err(self.limit(&path, what, format!("{PATH_BYTES_MAX} bytes")));
        }
        if depth > DEPTH_MAX && !planted!("folders-of-any-depth") {
            return Err(self.limit(&path, format!("lies {depth} folders deep"), DEPTH_MAX.to_string()));
        }
        Ok(path)
    }

    /// Whether a file of this size may be read at all; asked before its content is touched.
    pub(super) fn admit(&mut self, path: &str, bytes: u64) -> Result<(), SourceError> {
        planted!("files-of-any-size" => return Ok(()));
        if bytes > FILE_BYTES_MAX {
            let what = format!("is {} KiB large", bytes.div_ceil(1024));
            return Err(self.limit(path, what, format!("{} KiB", FILE_BYTES_MAX / 1024)));
        }
        if self.files.len() == FILES_MAX {
            return Err(self.limit(path, "is one manifest file too many", FILES_MAX.to_string()));
        }
        self.bytes += bytes;
        if self.bytes > CHECKOUT_BYTES_MAX {
            let limit = format!("{} MiB in all", CHECKOUT_BYTES_MAX / (1024 * 1024));
            return Err(self.limit(path, "is too much together with the files before it", limit));
        }
        Ok(())
    }

    pub(super) fn keep(&mut self, path: String, content: &[u8]) -> Result<(), SourceError> {
        let Ok(text) = std::str::from_utf8(content) else {
            return Err(self.refused(&path, "is not UTF-8 text"));
        };
        if self.files.contains_key(&path) {
            return Err(self.refused(&path, "is there twice"));
        }
        self.files.insert(path, text.to_owned());
        Ok(())
    }

    pub(super) fn refused(&self, file: &str, why: &str) -> SourceError {
        let (revision, file, why) = (self.revision.to_owned(), file.to_owned(), why.to_owned());
        SourceError::Refused { revision, file, why }
    }

    fn limit(&self, file: &str, what: impl Into<String>, limit: impl Into<String>) -> SourceError {
        let revision = self.revision.to_owned();
        SourceError::Limit { revision, file: file.to_owned(), what: what.into(), limit: limit.into() }
    }
}

/// Whether a file is read as a manifest.
pub(super) fn is_manifest(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

/// A manifest folder as people write it, as the path from the root that Git uses; empty is the root.
pub(super) fn clean_folder(path: &str) -> Result<String, SourceError> {
    let refuse = |why: &str| SourceError::Path { path: path.to_owned(), why: why.to_owned() };
    if path.starts_with('/') {
        return Err(refuse("give it from the root of the repository, without a leading `/`"));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(refuse("it must not lead out of the repository"));
    }
    Ok(parts.join("/"))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_manifest_folder_is_written_in_any_usual_way() {
        for written in ["manifests/base", "./manifests/base/", "manifests//base"] {
            assert_eq!(clean_folder(written).unwrap(), "manifests/base");
        }
        assert_eq!(clean_folder(".").unwrap(), "");
        assert!(clean_folder("manifests/../..").is_err());
        assert!(clean_folder("/manifests").is_err());
    }

    #[test]
    fn the_sizes_of_all_files_together_are_bounded() {
        let mut collected = Collected::new("main@4c1f9e2");
        let admitted = (0..).take_while(|_| collected.admit("big.yaml", FILE_BYTES_MAX).is_ok()).count();
        assert_eq!(admitted as u64, CHECKOUT_BYTES_MAX / FILE_BYTES_MAX);
        assert_eq!(
            collected.admit("last.yaml", 1).unwrap_err().to_string(),
            "main@4c1f9e2 can't be used: `last.yaml` is too much together with the files before it, \
             the limit is 20 MiB in all"
        );
    }
}
