//! Which calls were made, so that a test can state the exact list.

use std::collections::VecDeque;

use serde_json::Value;

use crate::clock::Time;

/// Older records are dropped.
pub const RECORDS_MAX: usize = 50_000;

/// One call that reached the account.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRecord {
    /// Short name, such as `ecs`, `elb`, `autoscaling`.
    pub service: String,
    pub operation: String,
    pub at: Time,
    pub request_id: String,
    /// The error code that the client was told, if any. `None` as well for a call never answered.
    pub error: Option<String>,
    /// What was asked for. `None` unless [`crate::Simulator::keep_inputs`] was called before.
    pub input: Option<Value>,
}

/// The calls so far, bounded.
#[derive(Default)]
pub(crate) struct Journal {
    records: VecDeque<CallRecord>,
    /// Counts every call, also those whose records were dropped or taken.
    calls: u64,
    /// Inputs are worth many times their records, and nobody but a test looks at them.
    pub(crate) keeps_inputs: bool,
}

impl Journal {
    /// Gives the next call its index.
    pub(crate) fn next_index(&mut self) -> u64 {
        self.calls += 1;
        self.calls - 1
    }

    pub(crate) fn add(&mut self, record: CallRecord) {
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    pub(crate) fn records(&self) -> Vec<CallRecord> {
        self.records.iter().cloned().collect()
    }

    pub(crate) fn take(&mut self) -> Vec<CallRecord> {
        std::mem::take(&mut self.records).into()
    }
}
