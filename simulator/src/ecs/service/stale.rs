//! Eventual consistency, when it is switched on: for a while after a write, reads show what was there
//! before it. AWS promises no more, and DescribeServices right after CreateService shows it.

use serde_json::Value;

use super::read;
use crate::clock::Time;
use crate::ecs::state::{Service, Stale};
use crate::world::World;

/// What a read answers for a service at this moment.
pub(super) enum Visible {
    Current,
    Before(Value),
    NotYet,
}

/// Remembers what reads go on to show; to be called before the service changes. A write within the
/// delay of another one does not put off the sight of the first for ever.
pub(super) fn remember(world: &World, service: &mut Service) {
    let delay = world.ecs.read_delay;
    let hidden = service.stale.as_ref().is_some_and(|stale| world.now < stale.until);
    if !delay.is_zero() && !hidden {
        service.stale =
            Some(Stale { until: world.now + delay, shown: Some(read::shown(world, service, true)) });
    }
}

/// For a service that is being created: there was nothing before.
pub(super) fn nothing_before(world: &World) -> Option<Stale> {
    let delay = world.ecs.read_delay;
    (!delay.is_zero()).then(|| Stale { until: world.now + delay, shown: None })
}

pub(super) fn visible(now: Time, service: &Service, with_tags: bool) -> Visible {
    match &service.stale {
        Some(stale) if now < stale.until => match stale.shown.clone() {
            Some(mut shown) => {
                if let Some(members) = shown.as_object_mut()
                    && !with_tags
                {
                    members.remove("tags");
                }
                Visible::Before(shown)
            }
            None => Visible::NotYet,
        },
        Some(_) | None => Visible::Current,
    }
}
