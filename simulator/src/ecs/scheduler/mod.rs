//! Moves services and tasks on, one step of the clock at a time.
//!
//! A function of what is remembered, of what the runtime answers and of the time: no randomness, and
//! no other clock.

mod alarms;
mod breaker;
mod events;
mod health;
mod launch;
pub(super) mod life;
mod rolling;
pub(super) mod shifting;
pub(super) mod story;

use std::time::Duration;

use super::capacity;
use super::state::{Phase, Rollout, Service, ServiceKey, ServiceStatus, Stop, StopCode, Task};
use crate::clock::Time;
use crate::runtime::Runtime;
use crate::world::World;
use health::Health;
use rolling::{Fleet, Member, Moves, Stage};

pub(super) use launch::{Order, order};

/// Tasks that have stopped can be described for an hour; so can deleted services here.
const VISIBLE_AFTER_END: Duration = Duration::from_secs(60 * 60);

/// How often a settled service's targets are looked at; load balancers check no more often.
const TARGETS_EVERY: Duration = Duration::from_secs(5);

pub(super) fn advance(world: &mut World, runtime: &dyn Runtime) {
    let now = world.now;
    expire(world);
    let due: Vec<ServiceKey> = world
        .ecs
        .services
        .values()
        .filter(|service| service.next_look <= now)
        .map(|service| service.key.clone())
        .collect();
    for key in due {
        if let Some(mut service) = world.ecs.services.remove(&key) {
            step(world, runtime, &mut service);
            world.ecs.services.insert(key, service);
        }
    }
    let mut standalone = std::mem::take(&mut world.ecs.standalone);
    standalone.retain(|arn| {
        let stopped = with_task(world, arn, |world, task| {
            if task.next_look <= now {
                life::step(world, runtime, task);
            }
            task.phase == Phase::Stopped
        });
        stopped == Some(false)
    });
    world.ecs.standalone = standalone;
}

/// Forgets what ended long ago.
fn expire(world: &mut World) {
    let now = world.now;
    let is_old = |ended: Time| now.since(ended) > VISIBLE_AFTER_END;
    while let Some((stopped, arn)) = world.ecs.stopped.front() {
        if !is_old(*stopped) {
            break;
        }
        world.ecs.tasks.remove(arn);
        world.ecs.tags.remove(arn);
        world.ecs.stopped.pop_front();
    }
    world.ecs.services.retain(|_, service| match service.status {
        ServiceStatus::Inactive { since } => !is_old(since),
        ServiceStatus::Active | ServiceStatus::Draining => true,
    });
}

/// Lets a task and the world change together.
pub(super) fn with_task<T>(
    world: &mut World,
    arn: &str,
    act: impl FnOnce(&mut World, &mut Task) -> T,
) -> Option<T> {
    let mut task = world.ecs.tasks.remove(arn)?;
    let result = act(world, &mut task);
    world.ecs.tasks.insert(arn.to_owned(), task);
    Some(result)
}

fn step(world: &mut World, runtime: &dyn Runtime, service: &mut Service) {
    if matches!(service.status, ServiceStatus::Inactive { .. }) {
        service.next_look = Time(u64::MAX);
        return;
    }
    story::start(world, service);
    let tasks = move_tasks(world, runtime, service);
    let before = tasks.len();
    breaker::judge(world, service);
    alarms::judge(world, service);
    shifting::advance(world, service, &tasks);
    let moved = make_moves(world, runtime, service, &tasks);
    story::forget_gone(world, service);
    let alive = tasks.iter().filter(|task| task.alive).count();
    let quiet = !moved && alive == before && tasks.iter().all(|task| task.came_up);
    if quiet {
        settle(world, service, &tasks);
    }
    if service.status == ServiceStatus::Draining && service.tasks.is_empty() {
        service.status = ServiceStatus::Inactive { since: world.now };
        service.deployments.clear();
    }
    service.next_look = next_look(world, service, &tasks, quiet);
}

/// A task of the service as the scheduler judges it in this step.
struct Seen {
    arn: String,
    revision: u64,
    alive: bool,
    stage: Stage,
    came_up: bool,
    protected: bool,
    next_look: Time,
    balanced: bool,
}

/// Moves every task on, counts failures, stops the unhealthy, and drops those that have stopped.
fn move_tasks(world: &mut World, runtime: &dyn Runtime, service: &mut Service) -> Vec<Seen> {
    let grace = health::grace(&service.settings);
    let mut seen = Vec::new();
    let mut traffic = Traffic::default();
    for arn in std::mem::take(&mut service.tasks) {
        let judged = with_task(world, &arn, |world, task| {
            let was_registered = task.registered;
            let seen = move_task(world, runtime, service, task, grace);
            traffic.note(was_registered, task);
            seen
        });
        let Some(judged) = judged.flatten() else {
            continue;
        };
        seen.push(judged);
        service.tasks.push(arn);
    }
    traffic.tell(world, service);
    seen
}

/// The target groups, one entry per target, in which a step registered and deregistered targets.
#[derive(Default)]
struct Traffic {
    registered: Vec<String>,
    deregistered: Vec<String>,
}

impl Traffic {
    fn note(&mut self, was_registered: bool, task: &Task) {
        let list = match (was_registered, task.registered) {
            (false, true) => &mut self.registered,
            (true, false) => &mut self.deregistered,
            (true, true) | (false, false) => return,
        };
        list.extend(task.targets.iter().map(|(group, _)| group.clone()));
    }

    fn tell(&self, world: &mut World, service: &mut Service) {
        events::targets(world, service, "registered", &self.registered);
        events::targets(world, service, "deregistered", &self.deregistered);
    }
}

/// `None` for a task that has stopped.
fn move_task(
    world: &mut World,
    runtime: &dyn Runtime,
    service: &mut Service,
    task: &mut Task,
    grace: Duration,
) -> Option<Seen> {
    let was_stopping = task.is_stopping();
    if task.next_look <= world.now {
        life::step(world, runtime, task);
    }
    if task.is_stopping() && !was_stopping {
        service.steady = false;
        if !task.came_up {
            breaker::count_failure(world, service, task.revision);
        }
    }
    let mut stage = Stage::Starting;
    if task.phase == Phase::Running && !task.is_stopping() {
        match health::judge(world, task, grace) {
            Health::Healthy => {
                stage = Stage::Healthy;
                note_up(world, service, task);
            }
            Health::NotYet => stage = Stage::Up,
            Health::Failing { reason, event } => {
                if let Some(event) = event {
                    events::add(world, service, &event);
                }
                let stop = Stop { code: StopCode::ServiceSchedulerInitiated, reason };
                life::stop(world, runtime, task, stop);
                service.steady = false;
                events::stopped(world, service, std::slice::from_ref(&task.id), 0);
                breaker::count_failure(world, service, task.revision);
            }
        }
    }
    if task.phase == Phase::Stopped {
        return None;
    }
    Some(Seen {
        arn: task.arn.clone(),
        revision: task.revision,
        alive: !task.is_stopping(),
        stage,
        came_up: task.came_up,
        protected: task.protection(world.now).is_some(),
        next_look: task.next_look,
        balanced: !task.targets.is_empty(),
    })
}

/// A healthy task that has run for long enough has come up, and failures count from 0 again.
fn note_up(world: &World, service: &mut Service, task: &mut Task) {
    let running_for = task.started_at.map_or(Duration::ZERO, |started| world.now.since(started));
    if task.came_up || running_for < world.pace.settling {
        return;
    }
    task.came_up = true;
    breaker::reset(service, task.revision);
}

/// Starts and stops tasks as the deployment configuration allows. Says whether it did.
fn make_moves(world: &mut World, runtime: &dyn Runtime, service: &mut Service, tasks: &[Seen]) -> bool {
    let Some(primary) = service.deployments.first() else {
        return false;
    };
    if service.status == ServiceStatus::Active
        && let Some(moves) = shifting::moves(service, tasks, world.now)
    {
        return carry_out(world, runtime, service, &moves);
    }
    let revision = primary.revision;
    let members = |wanted: bool| -> Vec<Member> {
        tasks
            .iter()
            .filter(|task| task.alive && (task.revision == revision) == wanted)
            .map(|task| Member {
                arn: task.arn.clone(),
                stage: task.stage,
                // Nothing is protected from the end of its service.
                protected: task.protected && service.status == ServiceStatus::Active,
            })
            .collect()
    };
    let configuration = &service.settings["deploymentConfiguration"];
    let percent = |name: &str, default: u64| configuration[name].as_u64().unwrap_or(default);
    let fleet = Fleet {
        desired: service.desired as usize,
        maximum_percent: percent("maximumPercent", 200) as usize,
        minimum_percent: percent("minimumHealthyPercent", 100) as usize,
        new: members(true),
        old: members(false),
        stalled: primary.rollout == Rollout::Failed && service.status == ServiceStatus::Active,
        may_start: primary.retry_at <= world.now,
    };
    let Moves { start, stop, blocked, protected } = rolling::moves(&fleet);
    if blocked {
        events::add_unless_newest(world, service, events::BLOCKED);
    }
    let kept = protected.first().and_then(|arn| tasks.iter().find(|task| task.arn == *arn));
    if let Some(kept) = kept {
        events::protected(world, service, kept.revision);
    }
    if start == 0 && stop.is_empty() {
        return false;
    }
    service.steady = false;
    stop_tasks(world, runtime, service, &stop);
    start_tasks(world, service, revision, start);
    true
}

/// The moves of a deployment that shifts traffic.
fn carry_out(
    world: &mut World,
    runtime: &dyn Runtime,
    service: &mut Service,
    moves: &shifting::Moves,
) -> bool {
    if moves.start.is_empty() && moves.stop.is_empty() {
        return false;
    }
    service.steady = false;
    stop_tasks(world, runtime, service, &moves.stop);
    for (revision, count) in &moves.start {
        start_tasks(world, service, *revision, *count);
    }
    true
}

fn start_tasks(world: &mut World, service: &mut Service, revision: u64, count: usize) {
    let mut started = Vec::new();
    for _ in 0..count {
        let task = match launch::for_service(world, service, revision) {
            Some(Ok(task)) => task,
            Some(Err(no_place)) => {
                events::add_unless_newest(world, service, no_place);
                break;
            }
            None => break,
        };
        if task.waits_for_capacity {
            events::add_unless_newest(world, service, capacity::NO_INSTANCE);
        }
        started.push(task.id.clone());
        service.tasks.push(task.arn.clone());
        world.ecs.tasks.insert(task.arn.clone(), task);
    }
    events::started(world, service, &started);
}

fn stop_tasks(world: &mut World, runtime: &dyn Runtime, service: &mut Service, arns: &[String]) {
    let mut stopped = Vec::new();
    let mut draining = 0;
    let mut traffic = Traffic::default();
    for arn in arns {
        with_task(world, arn, |world, task| {
            let was_registered = task.registered;
            let reason = format!(
                "Scaling activity initiated by (deployment ecs-svc/{})",
                service.deployments.first().map_or(task.revision, |d| d.revision)
            );
            let stop = Stop { code: StopCode::ServiceSchedulerInitiated, reason };
            life::stop(world, runtime, task, stop);
            traffic.note(was_registered, task);
            draining += usize::from(task.phase == Phase::Deactivating);
            stopped.push(task.id.clone());
        });
    }
    traffic.tell(world, service);
    events::stopped(world, service, &stopped, draining);
}

/// Nothing moves any more: the deployment is complete, and the service steady.
fn settle(world: &mut World, service: &mut Service, tasks: &[Seen]) {
    let Some(primary) = service.deployments.first() else {
        return;
    };
    let only_new = tasks.iter().all(|task| task.revision == primary.revision);
    if shifting::goes_on(service)
        || service.deployments.len() > 1
        || !only_new
        || tasks.len() != service.desired as usize
    {
        return;
    }
    match primary.rollout {
        Rollout::InProgress => story::complete(world, service),
        Rollout::Completed => {}
        Rollout::Failed => return,
    }
    if !service.steady && service.status == ServiceStatus::Active {
        service.steady = true;
        events::add(world, service, "has reached a steady state.");
    }
}

fn next_look(world: &World, service: &Service, tasks: &[Seen], quiet: bool) -> Time {
    let ended = service.history.last().is_none_or(|latest| latest.status.is_final());
    let at_rest = service.deployments.first().is_none_or(|primary| primary.rollout != Rollout::InProgress);
    let alone = service.deployments.len() <= 1;
    let stalled = service.deployments.first().is_some_and(|primary| primary.rollout == Rollout::Failed);
    let full = stalled || tasks.len() == service.desired as usize;
    if !(quiet && ended && at_rest && alone && full) || service.status == ServiceStatus::Draining {
        return world.now;
    }
    let targets = tasks.iter().any(|task| task.balanced).then(|| world.now + TARGETS_EVERY);
    tasks.iter().map(|task| task.next_look).chain(targets).min().unwrap_or(Time(u64::MAX))
}
