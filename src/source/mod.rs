//! Where commits come from: a Git repository for the operator, a plain folder on a laptop.

mod error;
mod files;
pub mod folder;
mod git;
mod ignored;
mod url;

pub use error::SourceError;
pub use git::history::History;
pub use git::write::{Change, Replacement, Written};
pub use git::{Fetched, GitSettings, GitSource};
pub use git_https::Credentials;
