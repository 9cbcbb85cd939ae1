//! CloudWatch alarms that watch a deployment.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html>

use serde_json::Value;

use super::story::{self, Failing};
use crate::cloudwatch::State;
use crate::ecs::state::{Rollout, Service};
use crate::ecs::strategy::Alarms;
use crate::world::World;

/// The alarms that a deployment is watched by which begins now. One that is in ALARM already says nothing
/// about it.
pub(super) fn watched(world: &World, configuration: &Value) -> Alarms {
    let alarms = Alarms::of(configuration);
    Alarms { ignored: !in_alarm(world, &alarms).is_empty(), ..alarms }
}

fn in_alarm(world: &World, alarms: &Alarms) -> Vec<String> {
    let rings =
        |name: &&String| world.cloudwatch.alarm(name).is_some_and(|alarm| alarm.state() == State::Alarm);
    alarms.names.iter().filter(rings).cloned().collect()
}

/// Fails the deployment if one of its alarms rings.
pub(super) fn judge(world: &mut World, service: &mut Service) {
    let in_progress = service.deployments.first().is_some_and(|it| it.rollout == Rollout::InProgress);
    let Some(latest) = service.history.last_mut() else { return };
    if !in_progress || latest.status.is_final() || latest.rollback.is_some() || latest.alarms.ignored {
        return;
    }
    let ringing = in_alarm(world, &latest.alarms);
    if ringing.is_empty() {
        return;
    }
    let names = ringing.join(", ");
    let rollback = latest.alarms.rollback;
    latest.alarms.triggered = ringing;
    let reason =
        format!("Service deployment failed because the CloudWatch alarms [{names}] went into ALARM.");
    story::fail(world, service, &Failing { rollback, reason, told: "alarm detected." });
}
