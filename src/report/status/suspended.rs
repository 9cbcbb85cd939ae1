//! What a person's suspension adds to a service's status while nothing waits for its end.

use super::conditions::condition;
use super::{ConditionKind, ServiceStatus, Truth};
use crate::model::{LiveService, Timestamp};
use crate::report::requests::suspended_sentence;

/// Says that the service is suspended, unless a change that waits says so already.
pub(super) fn add(status: &mut ServiceStatus, live: Option<&LiveService>, now: Timestamp) {
    let request = live.and_then(|live| live.service.present()).and_then(|ecs| ecs.suspended(now));
    let Some(request) = request.filter(|_| !status.is(ConditionKind::Suspended)) else { return };
    let message = format!("{}; no change waits", suspended_sentence(&request));
    status.conditions.push(condition(ConditionKind::Suspended, Truth::True, "Suspended", message));
}
