//! How much a manifest may hold. Everything past these is refused, not cut.

/// Bytes of one file.
pub const FILE_BYTES_MAX: usize = 256 * 1024;
/// Manifest files of one commit.
pub const FILES_MAX: usize = 2_000;
/// Lists and mappings inside each other, aliases expanded.
pub const DEPTH_MAX: usize = 32;
/// Uses of an anchor, in one document.
pub const ALIASES_MAX: usize = 100;
/// Keys, values, lists and mappings of one document, aliases expanded.
pub const NODES_MAX: usize = 10_000;
/// Documents of one file.
pub const DOCUMENTS_MAX: usize = 100;
/// Errors that are written out; the others are only counted.
pub const DIAGNOSTICS_MAX: usize = 100;
