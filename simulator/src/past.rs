//! What reads answered before, for tests in which an old answer is given again.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

/// Versions that are kept of each read, the newest among them.
const VERSIONS_MAX: usize = 4;

/// Nothing is kept unless it was switched on.
#[derive(Default)]
pub(crate) struct Past {
    pub(crate) keeps: bool,
    reads: BTreeMap<Read, VecDeque<Value>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Read {
    pub(crate) service: &'static str,
    pub(crate) operation: String,
    /// As text, so that there is an order.
    pub(crate) input: String,
}

impl Past {
    pub(crate) fn note(&mut self, read: Read, answer: &Value) {
        if !self.keeps {
            return;
        }
        let versions = self.reads.entry(read).or_default();
        if versions.back() != Some(answer) {
            versions.push_back(answer.clone());
        }
        if versions.len() > VERSIONS_MAX {
            versions.pop_front();
        }
    }

    /// Every read that was made so far.
    pub(crate) fn reads(&self) -> Vec<Read> {
        self.reads.keys().cloned().collect()
    }

    /// The answer of so many versions before the newest one.
    pub(crate) fn version(&self, read: &Read, before: usize) -> Option<Value> {
        let versions = self.reads.get(read)?;
        versions.get(versions.len().checked_sub(before + 1)?).cloned()
    }
}
