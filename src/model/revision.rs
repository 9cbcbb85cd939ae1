//! Two things that are called a revision: a Git commit, and a task definition's number.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// A Git commit, as people recognise it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The full object id: 40 hex digits; `…-dirty` for a working folder with edits, `folder` for
    /// one without a repository.
    pub id: String,
    /// The branch it was read from; empty for a plain folder.
    pub branch: String,
    pub author: String,
    /// The first line of the commit message.
    pub subject: String,
    pub committed_at: Timestamp,
}

impl Revision {
    /// The first seven digits of the object id.
    pub fn short(&self) -> &str {
        self.id.get(..7).unwrap_or(&self.id)
    }

    /// Whether it is a working folder with edits on top of the commit.
    pub fn is_dirty(&self) -> bool {
        is_dirty(&self.id)
    }
}

/// Whether a commit's id is that of a working folder with edits on top of it.
pub fn is_dirty(id: &str) -> bool {
    id.ends_with("-dirty")
}

/// `main@4c1f9e2`; `main@4c1f9e2-dirty` for a working folder with edits.
impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.branch.is_empty() {
            write!(f, "{}@", self.branch)?;
        }
        let edited = if self.is_dirty() { "-dirty" } else { "" };
        write!(f, "{}{edited}", self.short())
    }
}

/// The ARN of one task definition revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskDefinitionArn(pub String);

impl TaskDefinitionArn {
    /// `job-api:42`
    pub fn family_and_revision(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, tail)| tail)
    }

    pub fn family(&self) -> &str {
        let tail = self.family_and_revision();
        tail.rsplit_once(':').map_or(tail, |(family, _)| family)
    }

    /// The number, if the ARN has one.
    pub fn number(&self) -> Option<u64> {
        self.family_and_revision().rsplit_once(':')?.1.parse().ok()
    }
}

/// `job-api:42`
impl fmt::Display for TaskDefinitionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.family_and_revision())
    }
}
