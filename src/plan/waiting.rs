//! Order among services: a change waits until what its service depends on has settled.

use super::change::Change;
use super::{Cause, Decision, Difference, Extent, Held, Hooks, ServicePlan, Wave, overriding};
use crate::model::ServiceKey;

impl ServicePlan {
    /// Holds a change until a service that it depends on is settled.
    pub fn wait_for(&mut self, service: &ServiceKey, wave: Wave) {
        // What began to be replaced has no tasks: it does not wait for that in the middle.
        if self.extent == Extent::Override || self.replaces.as_ref().is_some_and(|it| it.begun) {
            return;
        }
        let Decision::Change { differences, steps } = &mut self.decision else { return };
        // What Git asks for comes in an order. What was changed behind its back is set back at once, and
        // an override ends when it says so.
        let at_once =
            |one: &Difference| one.cause == Cause::BehindOurBack || overriding::is_cause(&one.cause);
        if differences.iter().all(at_once) {
            return;
        }
        self.hooks = Hooks::default();
        self.replaces = None;
        let (differences, steps) = (std::mem::take(differences), std::mem::take(steps));
        let mut change = Change { differences, steps, ..Change::default() };
        if overriding::leave_only_its_own(&mut change) {
            self.decision = Decision::Change { differences: change.differences, steps: change.steps };
            self.extent = Extent::Override;
        } else {
            let reason = Held::WaitsFor { service: service.clone(), wave };
            self.decision = Decision::Held { reason, differences: change.differences };
        }
    }
}
