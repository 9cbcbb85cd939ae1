//! What Application Auto Scaling does by itself when a target is registered: it pulls the count into the bounds.

use super::Action;
use super::change::{Change, Look};
use crate::model::Json;

/// How many tasks a service has, and how many it has as soon as its bounds are registered: the bound that it
/// is pulled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtOnce {
    /// Tasks that are asked for now.
    pub from: i64,
    pub to: i64,
    /// Tasks that run now.
    pub running: i64,
}

impl AtOnce {
    /// What registering these bounds does to the service; `None`: nothing, or there is no service yet.
    ///
    /// https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
    pub(super) fn of(look: Look<'_>, wanted: &Json, change: &Change) -> Option<Self> {
        let service = look.live.service.present()?;
        let asked = change.steps.iter().find_map(|step| match &step.action {
            Action::UpdateService { body, .. } => body["desiredCount"].as_i64(),
            _ => None,
        });
        let from = asked.unwrap_or(service.desired_count());
        let (minimum, maximum) = (wanted["minCapacity"].as_i64()?, wanted["maxCapacity"].as_i64()?);
        let to = from.min(maximum).max(minimum);
        (to != from).then_some(Self { from, to, running: service.running_count() })
    }

    pub fn stops_tasks(self) -> bool {
        self.to < self.from
    }

    /// How many tasks start or stop.
    pub fn tasks(self) -> i64 {
        self.from.abs_diff(self.to).try_into().unwrap_or(i64::MAX)
    }
}
