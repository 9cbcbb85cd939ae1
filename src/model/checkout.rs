//! The files of one Git commit, read from the object store.

use std::collections::BTreeMap;

use super::Revision;

/// The manifest files of a commit, complete: a checkout that could not be read whole is an error
/// of the source, never a smaller checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    pub revision: Revision,
    /// Path from the root of the repository (with `/`) -> text.
    pub files: BTreeMap<String, String>,
}

#[cfg(test)]
impl Checkout {
    /// A commit of these files.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let revision = Revision {
            id: "4c1f9e2000000000000000000000000000000000".to_owned(),
            branch: "main".to_owned(),
            author: "someone".to_owned(),
            subject: "Change it".to_owned(),
            committed_at: super::Timestamp(0),
        };
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { revision, files }
    }
}
