//! What EventBridge Scheduler would refuse, or could never start, of a scheduled task.

use super::network::is_awsvpc;
use super::schedule_expression::{fault_of_expression, fault_of_time_zone};
use super::starting::all_names;
use super::{View, below, elements};
use crate::manifest::scheduled_task::ScheduledDraft;
use crate::manifest::suggest::{any_of, did_you_mean};
use crate::model::{FieldPath, Json};

const SEE: &str = "see CreateSchedule";
const SEE_ECS: &str = "see CreateSchedule, EcsParameters";
/// Of a schedule's name; a service's may be longer.
const NAME_LENGTH_MAX: usize = 64;
/// What RunTask takes as `overrides`, which is what a schedule's `Input` is for an ECS task.
const OVERRIDES: [&str; 7] = [
    "containerOverrides",
    "cpu",
    "ephemeralStorage",
    "executionRoleArn",
    "inferenceAcceleratorOverrides",
    "memory",
    "taskRoleArn",
];

pub fn check(view: &mut View<'_>, draft: &ScheduledDraft) {
    name(view, draft);
    expression(view);
    window(view);
    dates(view);
    completion(view);
    target(view);
    input(view);
}

fn path(field: &str) -> FieldPath {
    below(&FieldPath::root().field("schedule"), field)
}

fn ecs_path() -> FieldPath {
    path("Target").field("EcsParameters")
}

fn name(view: &mut View<'_>, draft: &ScheduledDraft) {
    let length = draft.key.name().len();
    if length > NAME_LENGTH_MAX {
        let title = format!("the name of a scheduled task has {length} characters");
        let label = format!("a schedule's name has at most {NAME_LENGTH_MAX}");
        view.push(draft.name_span, title, label, &[SEE]);
    }
}

fn expression(view: &mut View<'_>) {
    let schedule = view.schedule;
    for (field, fault) in [
        ("ScheduleExpression", fault_of_expression as fn(&str) -> Option<(String, String)>),
        ("ScheduleExpressionTimezone", fault_of_time_zone),
    ] {
        let Some(text) = schedule[field].as_str().filter(|text| !text.is_empty()) else { continue };
        if let Some((title, label)) = fault(text) {
            view.error(&path(field), title, label, &[SEE]);
        }
    }
}

/// FLEXIBLE needs its minutes, and OFF has none.
fn window(view: &mut View<'_>) {
    let window = &view.schedule["FlexibleTimeWindow"];
    let minutes = path("FlexibleTimeWindow").field("MaximumWindowInMinutes");
    if !view.sound(&path("FlexibleTimeWindow")) {
        return;
    }
    let see = "see CreateSchedule, FlexibleTimeWindow";
    match (window["Mode"].as_str(), window.get("MaximumWindowInMinutes")) {
        (Some("FLEXIBLE"), None) => {
            let title = "a flexible time window has no `MaximumWindowInMinutes`";
            view.error_at_key(&path("FlexibleTimeWindow"), title, "from 1 to 1440 minutes", &[see]);
        }
        (Some("OFF"), Some(_)) => {
            let title = "`MaximumWindowInMinutes` stands beside `Mode: OFF`";
            view.error_at_key(&minutes, title, "leave it out, or write `Mode: FLEXIBLE`", &[see]);
        }
        _ => {}
    }
}

fn dates(view: &mut View<'_>) {
    let date = |field: &str| view.schedule[field].as_f64();
    if let (Some(start), Some(end)) = (date("StartDate"), date("EndDate"))
        && end <= start
    {
        let title = "the schedule ends before it starts";
        view.error(&path("EndDate"), title, "must be after `StartDate`", &[SEE]);
    }
}

/// A schedule that AWS deletes by itself would be created again at the next look.
fn completion(view: &mut View<'_>) {
    if view.schedule["ActionAfterCompletion"] == "DELETE" {
        let title = "a schedule that Git asks for can't delete itself";
        let label = "leave it out; what has ended stays, and does nothing";
        view.error(&path("ActionAfterCompletion"), title, label, &[SEE]);
    }
}

fn target(view: &mut View<'_>) {
    let schedule = view.schedule;
    if schedule.get("Target").is_none() {
        return;
    }
    let ecs = view.ecs_parameters();
    if ecs.is_null() {
        if view.sound(&ecs_path()) {
            let title = "a target has no `EcsParameters`";
            view.error_at_key(&path("Target"), title, "`EcsParameters` is required", &[SEE_ECS]);
        }
        return;
    }
    capacity(view, ecs);
    network(view, ecs);
}

fn capacity(view: &mut View<'_>, ecs: &Json) {
    let launch_type = ecs["LaunchType"].as_str();
    let strategy = elements(ecs, &ecs_path(), "CapacityProviderStrategy").count() > 0;
    let at = ecs_path().field("LaunchType");
    if strategy && launch_type.is_some() {
        let title = "LaunchType stands beside CapacityProviderStrategy";
        view.error_at_key(&at, title, "leave one of them out", &[SEE_ECS]);
    }
    let compatible = view.task_definition_path("requiresCompatibilities");
    let allowed: Vec<&str> = view.task_definition()["requiresCompatibilities"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(Json::as_str)
        .collect();
    if let Some(launch_type) = launch_type
        && view.sound(&compatible)
        && !allowed.is_empty()
        && !allowed.contains(&launch_type)
    {
        let title = format!("the task definition does not allow launch type {launch_type}");
        let label = format!("`requiresCompatibilities` is {}", any_of(allowed).replace(" or ", " and "));
        view.error(&at, title, label, &[SEE_ECS]);
    }
}

fn network(view: &mut View<'_>, ecs: &Json) {
    let at = ecs_path().field("NetworkConfiguration");
    if !view.sound(&at) || !view.sound(&view.task_definition_path("networkMode")) {
        return;
    }
    let given = ecs["NetworkConfiguration"].get("awsvpcConfiguration").is_some();
    if is_awsvpc(view) && !given {
        let title = "networkMode awsvpc needs a `NetworkConfiguration` of the target";
        let label = "it names the subnets";
        view.error_at_key(&at, title, label, &["see CreateSchedule, NetworkConfiguration"]);
    } else if !is_awsvpc(view) && given {
        let title = "NetworkConfiguration is for networkMode awsvpc only";
        let label = "leave it out, or set taskDefinition.networkMode";
        view.error_at_key(&at, title, label, &["see CreateSchedule, NetworkConfiguration"]);
    }
}

/// For an ECS task, `Input` is RunTask's `overrides` as JSON.
fn input(view: &mut View<'_>) {
    let schedule = view.schedule;
    let Some(text) = schedule["Target"]["Input"].as_str() else { return };
    let at = path("Target").field("Input");
    let see = "see RunTask, TaskOverride";
    let Ok(Json::Object(overrides)) = serde_json::from_str::<Json>(text) else {
        let title = "`Input` is not a JSON object";
        let label = r#"such as {"containerOverrides": [{"name": "app", "command": ["send"]}]}"#;
        view.error(&at, title, label, &[see]);
        return;
    };
    for name in overrides.keys().filter(|name| !OVERRIDES.contains(&name.as_str())) {
        let title = format!("unknown override `{name}` in `Input`");
        let note = format!("an override is {}", any_of(OVERRIDES));
        view.error(&at, title, did_you_mean(name, OVERRIDES), &[&note, see]);
    }
    let names: Vec<&str> =
        view.containers().filter_map(|(_, container)| container["name"].as_str()).collect();
    if !view.sound(&view.task_definition_path("containerDefinitions")) {
        return;
    }
    let containers = overrides.get("containerOverrides").and_then(Json::as_array);
    for container in containers.into_iter().flatten() {
        match container["name"].as_str() {
            Some(name) if names.contains(&name) => {}
            Some(name) => {
                let title = format!("`Input` overrides a container `{name}` that does not exist");
                let label = did_you_mean(name, names.iter().copied());
                view.error(&at, title, label, &[&all_names(&names), see]);
            }
            None => view.error(&at, "a container override has no `name`", "`name` is required", &[see]),
        }
    }
}
