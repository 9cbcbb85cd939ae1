//! What an administrator's override of scaling bounds adds to a service's status.

use super::conditions::condition;
use super::{ConditionKind, ServiceStatus, Truth};
use crate::model::{DesiredService, LiveService, Overriding, Timestamp};
use crate::report::overriding::in_short;

/// An override, as `status` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideStatus {
    pub overriding: Overriding,
    /// `2..8 until 12:00 by an administrator; Git's 1..4 waits`
    pub message: String,
}

/// Adds the override that the service carries, if it is in force or can't be honoured.
pub(super) fn add(
    status: &mut ServiceStatus,
    service: &DesiredService,
    live: Option<&LiveService>,
    now: Timestamp,
) {
    let found = live.and_then(|live| live.service.present()).and_then(|it| it.overriding(now));
    let Some(overriding) = found else { return };
    let mut message = in_short(&overriding, service, now);
    let (truth, reason) = match &overriding {
        Overriding::InForce(asked) => {
            let bounds = live.and_then(|live| live.scaling.present()).map(|scaling| {
                (scaling.target["MinCapacity"].as_i64(), scaling.target["MaxCapacity"].as_i64())
            });
            // Whoever wrote the tag sets the bounds as well, and may have failed to.
            if let Some((Some(low), Some(high))) = bounds
                && (low, high) != asked.bounds()
            {
                message.push_str(&format!("; the bounds are {low}..{high} now"));
            }
            (Truth::True, "ByAdministrator")
        }
        Overriding::NotHonoured { .. } => (Truth::False, "NotHonoured"),
        // The plan says that Git's bounds come back.
        Overriding::Ended(_) => return,
    };
    status.conditions.push(condition(ConditionKind::Overridden, truth, reason, message.clone()));
    status.overriding = Some(OverrideStatus { overriding, message });
}
