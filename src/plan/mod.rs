//! Desired x Live x Ledger -> Plan: what to do, in which order, why, and what is held back.

mod types;

pub use types::{
    Action, Cause, Consequence, Decision, Difference, Held, Plan, Quiet, RevisionSource, ServicePlan, Step,
};

use crate::model::{Desired, DesiredService, Live, LiveService, ServiceKey, ServiceRecord};
use std::collections::BTreeMap;

/// What the planner knows besides desired and live.
pub struct Context<'a> {
    /// Name of this installation: the value of our ownership tag.
    pub installation: &'a str,
    pub records: &'a BTreeMap<ServiceKey, ServiceRecord>,
}
