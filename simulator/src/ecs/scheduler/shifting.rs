//! Plays a deployment that shifts traffic from blue to green, stage by stage, and back.
//!
//! The first deployment of a service has no blue: it goes through the stages, takes all of the traffic at
//! once, and has nothing to bake for.

use std::time::Duration;

use serde_json::Value;

use super::Seen;
use super::rolling::Stage as Readiness;
use super::story::{self, Failing};
use crate::clock::Time;
use crate::ecs::state::{Rollout, Service, ServiceDeployment, Side};
use crate::ecs::strategy::{Course, Hook, HookAnswer, HookStatus, Stage, minutes, next_shift};
use crate::world::World;

/// How long until a function that answered IN_PROGRESS is asked again, by ECS's default.
const CALL_AGAIN: Duration = Duration::from_secs(30);

/// Which tasks start and stop, where traffic is shifted.
pub(super) struct Moves {
    /// Revision, and how many tasks of it.
    pub(super) start: Vec<(u64, usize)>,
    pub(super) stop: Vec<String>,
}

/// The newest deployment, if traffic is or was shifted by it and it did not come to its end.
fn under_way(service: &Service) -> Option<(&ServiceDeployment, &Course)> {
    let latest = service.history.last()?;
    let course = latest.course.as_ref()?;
    let ended_well = latest.status.is_final() && service.deployments.first()?.rollout == Rollout::Completed;
    (!ended_well).then_some((latest, course))
}

/// Whether tasks of other revisions are still needed, so that the deployment is not complete.
pub(super) fn goes_on(service: &Service) -> bool {
    under_way(service).is_some_and(|(_, course)| course.stage != Stage::CleanUp)
}

/// Where the revision that begins now gets its traffic from: the other of the two target groups.
pub(in crate::ecs) fn side(service: &Service, source: Option<u64>, shifts: bool) -> Side {
    let source = source.and_then(|source| service.revisions.get(&source)).map(|revision| revision.side);
    match (source, shifts) {
        (None, _) => Side::Main,
        (Some(side), false) => side,
        (Some(Side::Main), true) => Side::Alternate,
        (Some(Side::Alternate), true) => Side::Main,
    }
}

/// The revision that has the production traffic, or gets it back: what a new deployment starts from.
pub(in crate::ecs) fn serving(service: &Service) -> Option<u64> {
    match under_way(service) {
        Some((latest, course)) if latest.rollback.is_none() && course.stage != Stage::CleanUp => {
            latest.source.or(Some(latest.target))
        }
        Some(_) | None => service.deployments.first().map(|primary| primary.revision),
    }
}

/// Goes on to the next stage if this one is over.
pub(super) fn advance(world: &mut World, service: &mut Service, tasks: &[Seen]) {
    let Some(latest) = service.history.last() else { return };
    let (Some(mut course), false) = (latest.course.clone(), latest.status.is_final()) else { return };
    let failed = service.deployments.first().is_none_or(|primary| primary.rollout == Rollout::Failed);
    if failed {
        return;
    }
    if latest.rollback.is_some() {
        give_back(world, service, &mut course, tasks);
    } else if let Err(failing) = stage(world, service, &mut course, tasks) {
        keep(service, course);
        story::fail(world, service, &failing);
        return;
    }
    keep(service, course);
}

fn keep(service: &mut Service, course: Course) {
    if let Some(latest) = service.history.last_mut() {
        latest.course = Some(course);
    }
}

/// On the way back, blue has all of its tasks before it has its traffic again.
fn give_back(world: &mut World, service: &Service, course: &mut Course, tasks: &[Seen]) {
    let Some(blue) = service.deployments.first().map(|primary| primary.revision) else { return };
    if course.stage != Stage::CleanUp && healthy(tasks, blue) >= service.desired as usize {
        (course.production, course.test) = (0.0, 0.0);
        send(world, service, course);
        course.enter(Stage::CleanUp, world.now);
    }
}

/// One step of one stage. The error is why the deployment fails.
fn stage(
    world: &mut World,
    service: &mut Service,
    course: &mut Course,
    tasks: &[Seen],
) -> Result<(), Failing> {
    let now = world.now;
    let Some(latest) = service.history.last() else { return Ok(()) };
    let (green, blue) = (latest.target, latest.source);
    let configuration = latest.configuration.clone();
    if !course.entered {
        course.entered = true;
        call_hooks(world, course, &configuration);
        enter(world, service, course, &configuration, blue);
        touch(service, now);
    }
    let hooks_done = ask_hooks(world, course)?;
    let passed = now.since(course.since);
    let bake = |count: u64| world.pace.scaled(minutes(count).as_secs());
    let done = match course.stage {
        Stage::ReconcileService => {
            tasks.iter().all(|task| task.revision == green || Some(task.revision) == blue)
        }
        Stage::ScaleUp => healthy(tasks, green) >= service.desired as usize,
        Stage::TestTrafficShift => passed >= world.pace.shifting,
        Stage::ProductionTrafficShift => {
            // The step that was made has the wait that goes with what it reached.
            let waits = if course.production >= 100.0 { 0 } else { step_minutes(&configuration) };
            passed >= world.pace.shifting + bake(waits)
        }
        Stage::BakeTime => {
            let count = configuration["bakeTimeInMinutes"].as_u64().unwrap_or(0);
            blue.is_none() || passed >= bake(count)
        }
        // Ends the deployment, once blue's last task is gone.
        Stage::CleanUp => false,
        Stage::PreScaleUp
        | Stage::PostScaleUp
        | Stage::PostTestTrafficShift
        | Stage::PreProductionTrafficShift
        | Stage::PostProductionTrafficShift => true,
    };
    if done && hooks_done {
        let next = match course.stage {
            Stage::ProductionTrafficShift if course.production < 100.0 => {
                Some(Stage::PreProductionTrafficShift)
            }
            stage => stage.next(),
        };
        if let Some(next) = next {
            course.enter(next, now);
            touch(service, now);
        }
    }
    Ok(())
}

fn touch(service: &mut Service, now: Time) {
    if let Some(latest) = service.history.last_mut() {
        latest.updated_at = now;
    }
}

fn step_minutes(configuration: &Value) -> u64 {
    match configuration["strategy"].as_str() {
        Some("CANARY") => next_shift(configuration, 0.0).1,
        Some("LINEAR") => configuration["linearConfiguration"]["stepBakeTimeInMinutes"].as_u64().unwrap_or(6),
        _ => 0,
    }
}

/// What happens as a stage begins.
fn enter(
    world: &mut World,
    service: &Service,
    course: &mut Course,
    configuration: &Value,
    blue: Option<u64>,
) {
    match course.stage {
        // Of one that was superseded half-way, blue gets its traffic back.
        Stage::ReconcileService if blue.is_some() => send(world, service, course),
        Stage::TestTrafficShift => {
            course.test = 100.0;
            send(world, service, course);
        }
        Stage::ProductionTrafficShift => {
            course.production = match blue {
                Some(_) => next_shift(configuration, course.production).0,
                None => 100.0,
            };
            send(world, service, course);
        }
        Stage::ReconcileService
        | Stage::PreScaleUp
        | Stage::ScaleUp
        | Stage::PostScaleUp
        | Stage::PostTestTrafficShift
        | Stage::PreProductionTrafficShift
        | Stage::PostProductionTrafficShift
        | Stage::BakeTime
        | Stage::CleanUp => {}
    }
}

fn healthy(tasks: &[Seen], revision: u64) -> usize {
    let ready = |task: &&Seen| {
        task.revision == revision && task.alive && task.came_up && task.stage == Readiness::Healthy
    };
    tasks.iter().filter(ready).count()
}

/// Writes the weights into the listener rules.
fn send(world: &mut World, service: &Service, course: &Course) {
    let Some(green) = service.history.last().and_then(|latest| service.revisions.get(&latest.target)) else {
        return;
    };
    let balancers = green.content.get("loadBalancers").and_then(Value::as_array);
    for balancer in balancers.into_iter().flatten() {
        let advanced = &balancer["advancedConfiguration"];
        let (Some(main), Some(alternate)) =
            (balancer["targetGroupArn"].as_str(), advanced["alternateTargetGroupArn"].as_str())
        else {
            continue;
        };
        for (rule, percent) in
            [("productionListenerRule", course.production), ("testListenerRule", course.test)]
        {
            let (of_green, of_blue) = weights(percent);
            let groups = match green.side {
                Side::Main => [(main, of_green), (alternate, of_blue)],
                Side::Alternate => [(main, of_blue), (alternate, of_green)],
            };
            if let Some(rule) = advanced[rule].as_str() {
                world.elb.set_weights(rule, &groups, world.now);
            }
        }
    }
}

/// Weights of green and of blue: integers up to 999, so tenths of a percent are of a thousand.
fn weights(percent: f64) -> (i64, i64) {
    let tenths = (percent * 10.0).round() as i64;
    if tenths % 10 == 0 { (tenths / 10, 100 - tenths / 10) } else { (tenths, 1000 - tenths) }
}

fn call_hooks(world: &mut World, course: &mut Course, configuration: &Value) {
    let now = world.now;
    for hook in configuration["lifecycleHooks"].as_array().into_iter().flatten() {
        let stages = hook["lifecycleStages"].as_array();
        if !stages.is_some_and(|stages| stages.iter().any(|stage| stage == course.stage.name())) {
            continue;
        }
        let timeout = &hook["timeoutConfiguration"];
        let function = match hook["targetType"] == "PAUSE" {
            true => None,
            false => Some(hook["hookTargetArn"].as_str().unwrap_or_default().to_owned()),
        };
        course.hooks.push(Hook {
            id: world.ecs.ids.hook(),
            status: match function {
                Some(_) => HookStatus::InProgress,
                None => HookStatus::AwaitingAction,
            },
            function,
            stage: course.stage,
            expires_at: now + minutes(timeout["timeoutInMinutes"].as_u64().unwrap_or(1440)),
            continues: timeout["action"] == "CONTINUE",
            call_at: now,
        });
    }
}

/// Whether the stage's hooks are done. The error is why the deployment fails.
fn ask_hooks(world: &mut World, course: &mut Course) -> Result<bool, Failing> {
    let now = world.now;
    let mut done = true;
    for hook in course.hooks.iter_mut().filter(|hook| hook.stage == course.stage) {
        if hook.status == HookStatus::InProgress && hook.call_at <= now {
            let function = hook.function.clone().unwrap_or_default();
            let answers = world.ecs.functions.get_mut(&function);
            match answers.and_then(std::collections::VecDeque::pop_front).unwrap_or(HookAnswer::Succeeded) {
                HookAnswer::Succeeded => hook.status = HookStatus::Succeeded,
                HookAnswer::Failed => hook.status = HookStatus::Failed,
                HookAnswer::InProgress => hook.call_at = now + CALL_AGAIN,
            }
        }
        let waits = matches!(hook.status, HookStatus::InProgress | HookStatus::AwaitingAction);
        if waits && now >= hook.expires_at {
            hook.status = HookStatus::TimedOut;
        }
        match hook.status {
            HookStatus::Succeeded => {}
            HookStatus::TimedOut if hook.continues => {}
            HookStatus::TimedOut => {
                return Err(Failing::by_hook(format!(
                    "Service deployment rolled back because a lifecycle hook timed out at {}.",
                    course.stage.name()
                )));
            }
            HookStatus::Failed => {
                return Err(Failing::by_hook(format!(
                    "Service deployment rolled back because a lifecycle hook failed at {}.",
                    course.stage.name()
                )));
            }
            HookStatus::InProgress | HookStatus::AwaitingAction => done = false,
        }
    }
    Ok(done)
}

/// The tasks to start and to stop now. `None`: the deployment is a rolling update, or has ended well.
pub(super) fn moves(service: &Service, tasks: &[Seen], now: Time) -> Option<Moves> {
    let (latest, course) = under_way(service)?;
    let primary = service.deployments.first()?;
    let desired = service.desired as usize;
    let (green, blue) = (latest.target, latest.source.or(latest.rollback.as_ref().map(|back| back.revision)));
    let stalled = primary.rollout == Rollout::Failed;
    let gone = course.stage == Stage::CleanUp;
    let (wants_green, wants_blue) = match latest.rollback {
        Some(_) => (if gone { 0 } else { desired }, desired),
        None => (if course.stage >= Stage::ScaleUp { desired } else { 0 }, if gone { 0 } else { desired }),
    };
    let mut moves = Moves { start: Vec::new(), stop: Vec::new() };
    for (revision, wanted) in [(Some(green), wants_green), (blue, wants_blue)] {
        let Some(revision) = revision else { continue };
        let mut there: Vec<&Seen> =
            tasks.iter().filter(|task| task.alive && task.revision == revision).collect();
        // First those that are least far; of equals, the newest.
        there.reverse();
        there.sort_by_key(|task| (task.protected, task.stage));
        let surplus = there.len().saturating_sub(wanted);
        let leavers = there.iter().take(surplus).filter(|task| !task.protected);
        moves.stop.extend(leavers.map(|task| task.arn.clone()));
        let of_green = revision == green;
        // What has failed is given no more tasks.
        let may_start = match of_green {
            true => !stalled && latest.rollback.is_none() && primary.retry_at <= now,
            false => true,
        };
        if may_start && wanted > there.len() {
            moves.start.push((revision, wanted - there.len()));
        }
    }
    let others = tasks.iter().filter(|task| task.alive && task.revision != green);
    let others = others.filter(|task| Some(task.revision) != blue && !task.protected);
    moves.stop.extend(others.map(|task| task.arn.clone()));
    Some(moves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_integers_of_a_hundred_or_of_a_thousand() {
        assert_eq!(weights(0.0), (0, 100));
        assert_eq!(weights(10.0), (10, 90));
        assert_eq!(weights(0.1), (1, 999));
        assert_eq!(weights(33.3), (333, 667));
        assert_eq!(weights(100.0), (100, 0));
    }
}
