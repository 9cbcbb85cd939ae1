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
