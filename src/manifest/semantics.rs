//! What ECS would refuse, or could never run, although every field by itself is right.
//!
//! A rule is here only if AWS documents it or was seen to hold it. Where the source is a refusal that
//! was seen, the comment has its words.

mod balancing;
mod blue_green;
mod capacity;
mod connect;
mod containers;
pub mod dependencies;
mod deployment;
mod environment;
mod fargate;
mod hooks;
mod lifecycle;
mod linux;
mod logs;
mod network;
mod placement;
mod platform;
mod ports;
mod predictive;
mod proxy;
mod scaling;
mod schedule;
mod schedule_expression;
mod scheduled_action;
mod sizes;
mod starting;
mod steps;
mod storage;
mod tags;
mod tracking;
mod view;
mod volumes;

use super::diagnostic::Diagnostic;
use super::scheduled_task::ScheduledDraft;
use super::service::Draft;
use crate::model::{FieldPath, Json};
use view::{View, below, elements};

/// Checks one service by itself, with its hooks.
pub fn check(draft: &Draft, diagnostics: &mut Vec<Diagnostic>) {
    let mut view = View {
        places: &draft.places,
        task_definition: &draft.task_definition,
        task_definition_root: FieldPath::root().field("taskDefinition"),
        service: &draft.service,
        service_root: FieldPath::root().field("service"),
        scaling: draft.scaling.as_ref(),
        schedule: &Json::Null,
        noun: "the service",
        operation: "CreateService",
        diagnostics,
    };
    task_definition(&mut view);
    fargate::check(&mut view);
    service(&mut view);
    scaling::check(&mut view);
    for hook in &draft.hooks {
        hooks::check(draft, hook, diagnostics);
    }
}

/// Checks one scheduled task by itself.
pub fn check_scheduled_task(draft: &ScheduledDraft, diagnostics: &mut Vec<Diagnostic>) {
    let mut view = View {
        places: &draft.places,
        task_definition: &draft.task_definition,
        task_definition_root: FieldPath::root().field("taskDefinition"),
        service: &Json::Null,
        service_root: FieldPath::root().field("schedule"),
        scaling: None,
        schedule: &draft.schedule,
        noun: "the schedule",
        operation: "CreateSchedule",
        diagnostics,
    };
    task_definition(&mut view);
    fargate::check(&mut view);
    schedule::check(&mut view, draft);
}

/// What can be said of a task definition whoever runs it.
fn task_definition(view: &mut View<'_>) {
    containers::check(view);
    environment::check(view);
    starting::check(view);
    logs::check(view);
    ports::check(view);
    linux::check(view);
    volumes::check(view);
    proxy::check(view);
    platform::check(view);
    sizes::check(view);
    tags::check(view);
}

/// What CreateService and UpdateService take beside the task definition.
fn service(view: &mut View<'_>) {
    network::configuration(view);
    balancing::check(view);
    connect::check(view);
    capacity::check(view);
    placement::check(view);
    deployment::check(view);
    blue_green::check(view);
    lifecycle::check(view);
    storage::check(view);
}
