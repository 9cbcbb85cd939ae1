//! What the steps of a plan come to, in words.

use super::paint::count;
use crate::model::{FieldPath, Json, Schedule, ServiceKey};
use crate::plan::{Action, AtOnce, HookRevision, PlannedHook, RevisionSource, ServicePlan, Step};

pub(super) fn creates(steps: &[Step]) -> bool {
    creates_service(steps) || schedule(steps).is_some_and(|(_, change)| change == ScheduleChange::New)
}

fn creates_service(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step.action, Action::CreateService { .. }))
}

/// What becomes of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScheduleChange {
    New,
    Replaced,
}

/// The schedule that a plan writes, if it is the plan of a scheduled task.
pub(super) fn schedule(steps: &[Step]) -> Option<(Schedule, ScheduleChange)> {
    steps.iter().find_map(|step| match &step.action {
        Action::CreateSchedule { body, .. } => Some((Schedule(body.clone()), ScheduleChange::New)),
        Action::UpdateSchedule { body, .. } => Some((Schedule(body.clone()), ScheduleChange::Replaced)),
        _ => None,
    })
}

pub(super) fn starts_deployment(steps: &[Step]) -> bool {
    creates_service(steps)
        || steps
            .iter()
            .any(|step| matches!(step.action, Action::UpdateService { starts_deployment: true, .. }))
}

/// The headline: what a reviewer must know before merging.
pub(super) fn what_plan_does(plan: &ServicePlan, steps: &[Step]) -> String {
    if plan.was_deleted() { format!("{DELETED}, {}", what_happens(steps)) } else { what_happens(steps) }
}

/// What is said of a service that the ledger knows, and that is made anew.
pub(super) const DELETED: &str = "deleted behind our back";

/// What the steps alone come to.
pub(super) fn what_happens(steps: &[Step]) -> String {
    if let Some((schedule, change)) = schedule(steps) {
        return schedule_text(steps, &schedule, change);
    }
    let mut parts = Vec::new();
    if creates_service(steps) {
        parts.push("new service".to_owned());
    }
    for step in steps {
        match &step.action {
            Action::RegisterTaskDefinition { .. } if !creates_service(steps) => {
                parts.push("new revision".to_owned())
            }
            Action::UpdateService { task_definition: Some(RevisionSource::Existing(arn)), .. } => {
                parts.push(format!("to the existing revision {arn}"));
            }
            Action::StopServiceDeployment { .. } => {
                parts.push("stops the deployment under way, ECS takes it back".to_owned());
            }
            _ => {}
        }
    }
    if steps.iter().any(deletes_scaling) {
        parts.push("deletes scaling that is not in Git".to_owned());
    }
    if starts_deployment(steps) {
        parts.push("starts a deployment".to_owned());
    } else if !parts.iter().any(|part| part.starts_with("stops")) {
        parts.push(
            if only_scaling(steps) { "scaling only, no deployment" } else { "in place, no deployment" }
                .to_owned(),
        );
    }
    parts.join(", ")
}

/// No task is started or stopped by any of this: what changes, changes from the next run on.
fn schedule_text(steps: &[Step], schedule: &Schedule, change: ScheduleChange) -> String {
    let when = schedule.expression();
    let paused = if schedule.is_enabled() { "" } else { ", disabled" };
    let revision = steps.iter().find_map(|step| match &step.action {
        Action::RegisterTaskDefinition { .. } => Some("new revision".to_owned()),
        Action::UpdateSchedule { task_definition: RevisionSource::Existing(arn), .. }
            if step.because.iter().any(of_task_definition) =>
        {
            Some(format!("to the existing revision {arn}"))
        }
        _ => None,
    });
    match (change, revision) {
        (ScheduleChange::New, _) => format!("new schedule, {when}{paused}"),
        (ScheduleChange::Replaced, Some(revision)) => format!("{revision}, from the next run on"),
        (ScheduleChange::Replaced, None) => format!("schedule changed, {when}{paused}"),
    }
}

fn of_task_definition(path: &FieldPath) -> bool {
    path.starts_with(&FieldPath::root().field("taskDefinition"))
}

fn deletes_scaling(step: &Step) -> bool {
    matches!(
        step.action,
        Action::DeleteScalingPolicy { .. }
            | Action::DeleteScheduledAction { .. }
            | Action::DeregisterScalableTarget
    )
}

fn only_scaling(steps: &[Step]) -> bool {
    steps.iter().all(|step| match step.action {
        Action::RegisterScalableTarget { .. }
        | Action::PutScalingPolicy { .. }
        | Action::DeleteScalingPolicy { .. }
        | Action::PutScheduledAction { .. }
        | Action::DeleteScheduledAction { .. }
        | Action::DeregisterScalableTarget
        | Action::UntagService { .. } => true,
        Action::RegisterTaskDefinition { .. }
        | Action::CreateService { .. }
        | Action::UpdateService { .. }
        | Action::TagService { .. }
        | Action::DeleteService
        | Action::CreateScheduleGroup { .. }
        | Action::CreateSchedule { .. }
        | Action::UpdateSchedule { .. }
        | Action::DeleteSchedule { .. }
        | Action::StopServiceDeployment { .. } => false,
    })
}

/// What a plan does, in the order in which it is done.
pub(super) enum Doing<'a> {
    Step(&'a Step),
    Hook(&'a PlannedHook),
}

/// Hooks and steps in one row: a revision that a hook runs is registered before it.
pub(super) fn in_order(plan: &ServicePlan) -> Vec<Doing<'_>> {
    let mut steps = plan.steps().iter().peekable();
    let mut row = Vec::new();
    for hook in &plan.hooks.before {
        if hook.runs == HookRevision::OfTheService(RevisionSource::Registered) {
            let registers = |step: &&Step| matches!(step.action, Action::RegisterTaskDefinition { .. });
            row.extend(steps.next_if(registers).map(Doing::Step));
        }
        row.push(Doing::Hook(hook));
    }
    row.extend(steps.map(Doing::Step));
    row.extend(plan.hooks.after.iter().map(Doing::Hook));
    row
}

/// What Application Auto Scaling does to the count as soon as the steps are done, if anything.
pub(super) fn at_once(steps: &[Step]) -> Option<AtOnce> {
    steps.iter().find_map(|step| match &step.action {
        Action::RegisterScalableTarget { at_once, .. } => *at_once,
        _ => None,
    })
}

/// `at once: 2 tasks start, because minCapacity 4 is above the 2 that run`
pub(super) fn at_once_text(at_once: AtOnce) -> Vec<String> {
    let AtOnce { from, to, running } = at_once;
    let has = match running == from {
        true => format!("the {from} that run"),
        false => format!("the {from} that are asked for ({running} run)"),
    };
    let what = tasks_at_once(at_once);
    match at_once.stops_tasks() {
        false => vec![format!("at once: {what}, because minCapacity {to} is above {has}")],
        // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html
        true => vec![
            format!("at once: {what}, because maxCapacity {to} is below {has}"),
            "which: ECS chooses, evenly over Availability Zones; a task that is protected from scaling in stays until \
             its protection ends"
                .to_owned(),
        ],
    }
}

/// `2 tasks start`
pub(super) fn tasks_at_once(at_once: AtOnce) -> String {
    let tasks = usize::try_from(at_once.tasks()).unwrap_or(usize::MAX);
    let verb = if at_once.stops_tasks() { "stop" } else { "start" };
    format!("{} {verb}{}", count(tasks, "task"), if tasks == 1 { "s" } else { "" })
}

/// `run migrate (job-migrate:1.4.2)`
pub(super) fn hook_text(hook: &PlannedHook) -> String {
    // The registry's host and account say nothing that a reader would miss.
    let images = hook.images.iter().map(|image| image.rsplit('/').next().unwrap_or(image));
    format!("run {} ({})", hook.name, images.collect::<Vec<_>>().join(" + "))
}

pub(super) fn step_text(service: &ServiceKey, action: &Action) -> String {
    let name_of = |body: &Json, key: &str| body[key].as_str().unwrap_or("?").to_owned();
    match action {
        Action::RegisterTaskDefinition { body, .. } => {
            format!("register {}", body["family"].as_str().unwrap_or(service.name()))
        }
        Action::CreateService { .. } => "create service".to_owned(),
        Action::UpdateService { .. } => "update service".to_owned(),
        Action::TagService { .. } => "tag service".to_owned(),
        Action::UntagService { keys } => format!("remove the tag {}", keys.join(", ")),
        Action::DeleteService => "delete service".to_owned(),
        Action::RegisterScalableTarget { .. } => "register scalable target".to_owned(),
        Action::PutScalingPolicy { body } => format!("put scaling policy {}", name_of(body, "PolicyName")),
        Action::DeleteScalingPolicy { name } => format!("delete scaling policy {name}"),
        Action::PutScheduledAction { body } => {
            format!("put scheduled action {}", name_of(body, "ScheduledActionName"))
        }
        Action::DeleteScheduledAction { name } => format!("delete scheduled action {name}"),
        Action::DeregisterScalableTarget => "deregister scalable target".to_owned(),
        Action::CreateScheduleGroup { body } => format!("create schedule group {}", name_of(body, "Name")),
        Action::CreateSchedule { .. } => "create schedule".to_owned(),
        Action::UpdateSchedule { .. } => "update schedule".to_owned(),
        Action::DeleteSchedule { .. } => "delete schedule".to_owned(),
        Action::StopServiceDeployment { .. } => "stop the deployment with a roll-back".to_owned(),
    }
}
