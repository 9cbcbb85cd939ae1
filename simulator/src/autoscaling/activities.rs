//! Scaling activities: what scaling did, and what made it, newest first and in AWS's wording.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{DIMENSION, NAMESPACE, check_namespace, paged};
use crate::clock::Time;
use crate::error::Answer;
use crate::input::text;
use crate::naming;
use crate::world::World;

/// Older activities of a target are forgotten; AWS keeps them for six weeks.
const ACTIVITIES_MAX: usize = 500;

pub(super) struct Activity {
    id: String,
    at: Time,
    description: String,
    cause: String,
    status: String,
}

/// Newest first.
#[derive(Default)]
pub(super) struct Activities {
    /// Counts them all, so that ids differ.
    count: u64,
    newest: VecDeque<Activity>,
}

impl Activities {
    /// `description` is such as `Setting desired count to 4.`, `done` such as `set desired count to 4`.
    pub(super) fn add(&mut self, target: &str, now: Time, description: String, done: &str, cause: String) {
        self.count += 1;
        let id = naming::uuid(&format!("activity {target} {}", self.count), now);
        let status = format!("Successfully {done}. Change successfully fulfilled by ecs.");
        self.newest.push_front(Activity { id, at: now, description, cause, status });
        self.newest.truncate(ACTIVITIES_MAX);
    }

    pub(super) fn desired(&mut self, target: &str, now: Time, desired: u32, cause: String) {
        let description = format!("Setting desired count to {desired}.");
        self.add(target, now, description, &format!("set desired count to {desired}"), cause);
    }
}

pub(super) fn describe(world: &World, input: &Value) -> Answer {
    check_namespace(input)?;
    let wanted = text(input, "ResourceId");
    let targets =
        world.autoscaling.targets.iter().filter(|(id, _)| wanted.is_none_or(|wanted| *id == wanted));
    let shown = targets.flat_map(|(id, target)| {
        // The key sorts the newest first; a token of one page names it.
        target.activities.newest.iter().enumerate().map(move |(index, activity)| {
            (format!("{id}\u{0}{:020}{index:05}", u64::MAX - activity.at.0), show(id, activity))
        })
    });
    paged("ScalingActivities", shown, 50, input)
}

fn show(id: &str, activity: &Activity) -> Value {
    json!({
        "ActivityId": activity.id,
        "ServiceNamespace": NAMESPACE,
        "ResourceId": id,
        "ScalableDimension": DIMENSION,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": activity.at.seconds(),
        "EndTime": activity.at.seconds(),
        "StatusCode": "Successful",
        "StatusMessage": activity.status,
    })
}
